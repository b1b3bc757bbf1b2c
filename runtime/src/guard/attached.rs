//! Which guards read what, for one caller and one provider: the provider's own first, then the agent's. Neither takes
//! anything away from the other.

use std::sync::Arc;

use pai_bundle::guard::{Enforcement, GuardUse, OnError, Target, flag};
use pai_bundle::name::{Name, QualifiedName};
use pai_bundle::pattern::Pattern;

use super::classifier::Classifier;
use super::classifiers::Classifiers;
use crate::snapshot::{Holder, Snapshot, Upstream};

/// One guard where a manifest attaches it.
#[derive(Debug)]
pub(crate) struct Attachment {
    pub(crate) binding: QualifiedName,
    pub(crate) classifier: Arc<Classifier>,
    pub(crate) enforcement: Enforcement,
    pub(crate) on_error: OnError,
    /// What it reads of a request.
    pub(crate) reads: Vec<Read>,
    /// The flag of the answer, where it reads that.
    pub(crate) answers: Option<String>,
}

/// One thing that is read of a request, with the name by which policies know what is found in it.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) of: Of,
    pub(crate) flag: String,
}

/// What is read.
#[derive(Debug)]
pub(crate) enum Of {
    Prompts,
    System,
    /// Results of the tools whose names match.
    Tools(Pattern),
}

impl Of {
    /// Whether results of that tool are meant. A result that does not say whose it is could be anyone's.
    pub(crate) fn has_tool(&self, name: &str) -> bool {
        matches!(self, Self::Tools(pattern) if name.is_empty() || pattern.matches(name))
    }
}

impl Attachment {
    /// What a provider or an agent of that namespace attaches; or the binding that is not in the bundle, which no compiler
    /// of ours writes.
    pub(crate) fn all(
        uses: &[GuardUse],
        namespace: &Name,
        classifiers: &Classifiers,
    ) -> Result<Vec<Self>, String> {
        let attach = |guard: &GuardUse| {
            let known = guard.binding.parse().ok().and_then(|name| {
                let binding = QualifiedName::new(namespace.clone(), name);
                classifiers.get(&binding).map(|classifier| (binding, classifier))
            });
            let Some((binding, classifier)) = known else { return Err(guard.binding.clone()) };
            let mut reads = Vec::new();
            let mut answers = None;
            for target in guard.scan.targets() {
                let flag = flag(&binding, target);
                let of = match target {
                    Target::Prompts => Of::Prompts,
                    Target::System => Of::System,
                    Target::ToolResults(pattern) => Of::Tools(Pattern::new(pattern)),
                    Target::Responses => {
                        answers = Some(flag);
                        continue;
                    }
                };
                reads.push(Read { of, flag });
            }
            Ok(Self {
                on_error: classifier.binding().on_error(guard.enforcement),
                classifier: Arc::clone(classifier),
                enforcement: guard.enforcement,
                binding,
                reads,
                answers,
            })
        };
        uses.iter().map(attach).collect()
    }
}

/// The guards of a request at one provider.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guards<'a> {
    provider: &'a [Attachment],
    agent: &'a [Attachment],
}

impl<'a> Guards<'a> {
    /// Of that caller there.
    pub(crate) fn of(snapshot: &'a Snapshot, holder: &Holder, upstream: &'a Upstream) -> Self {
        let agent = match holder {
            Holder::Agent(name) => snapshot.guards_of(name),
            Holder::AccessKey(_) => &[],
        };
        Self { provider: &upstream.guards, agent }
    }

    /// A provider's alone.
    #[cfg(test)]
    pub(crate) fn new(provider: &'a [Attachment]) -> Self {
        Self { provider, agent: &[] }
    }

    /// All of them.
    pub(crate) fn iter(self) -> impl Iterator<Item = &'a Attachment> {
        self.provider.iter().chain(self.agent)
    }

    /// Whether any reads something of requests.
    pub(crate) fn read_requests(self) -> bool {
        self.iter().any(|guard| !guard.reads.is_empty())
    }

    /// Whether any reads answers.
    pub(crate) fn read_answers(self) -> bool {
        self.iter().any(|guard| guard.answers.is_some())
    }
}
