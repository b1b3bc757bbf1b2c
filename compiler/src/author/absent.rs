//! Names in policies that nothing has. A forbid about an entity that is not there never matches, and Cedar does not
//! look whether it is: its schema knows types, not resources.

use std::collections::BTreeSet;

use cedar_policy::pst::{BinaryOp, Clause, Expr, Literal, PatternElem, Policy, Var};
use pai_bundle::name::{ModelId, QualifiedName};
use pai_bundle::pattern::Pattern;
use pai_bundle::provider::ProviderKind;
use pai_policies::vocabulary::{attribute, context, entity};

use super::expression;
use super::rules;
use super::snippet::Snippet;
use crate::diagnostic::mask::shown;
use crate::diagnostic::nearest::{list, nearest};
use crate::diagnostic::{Diagnostic, Diagnostics, Safety};
use crate::graph::Graph;
use crate::lower::provider::models;
use crate::source::{FileId, Span};

/// What there is, as policies name it: each entity's id by type, and each name that is compared.
#[derive(Debug)]
pub(super) struct Present {
    namespaces: BTreeSet<String>,
    providers: BTreeSet<String>,
    models: BTreeSet<String>,
    agents: BTreeSet<String>,
    access_keys: BTreeSet<String>,
    /// What attached guards read, as `context.guard.hits` names it.
    flags: BTreeSet<String>,
}

impl Present {
    /// `None` where policies are looked at by themselves, or something there cannot be read, which has been reported.
    pub(super) fn of(graph: &Graph) -> Option<Self> {
        let all = graph.providers.keys().chain(graph.agents.keys()).chain(graph.access_keys.keys());
        let namespaces: BTreeSet<String> = all.map(|name| name.namespace.to_string()).collect();
        if namespaces.is_empty() || graph.lacks_resources() {
            return None;
        }
        let names =
            |names: &mut dyn Iterator<Item = &QualifiedName>| names.map(ToString::to_string).collect();
        let listed = models(graph).into_iter().flat_map(|(provider, models)| {
            let ids: Vec<String> = models.iter().map(ModelId::to_string).collect();
            let ids = ids.into_iter().chain([entity::PLACEHOLDER.to_owned()]);
            ids.map(move |model| format!("{provider}/{model}")).collect::<Vec<_>>()
        });
        let flags = graph.all_flags();
        Some(Self {
            namespaces,
            flags,
            models: listed.collect(),
            providers: names(&mut graph.providers.keys()),
            agents: names(&mut graph.agents.keys()),
            access_keys: names(&mut graph.access_keys.keys()),
        })
    }

    fn of_type(&self, name: &str) -> Option<(&BTreeSet<String>, &'static str)> {
        Some(match name {
            entity::NAMESPACE => (&self.namespaces, "namespace"),
            entity::MODEL_PROVIDER => (&self.providers, "provider"),
            entity::MODEL => (&self.models, "model"),
            entity::AGENT => (&self.agents, "agent"),
            entity::ACCESS_KEY => (&self.access_keys, "access key"),
            _ => return None,
        })
    }
}

/// Every name in a policy that nothing has.
pub(super) fn find(
    policy: &cedar_policy::Policy,
    tree: &Policy,
    present: &Present,
    id: FileId,
    snippet: Snippet<'_>,
    found: &mut Diagnostics,
) {
    let mut seen = BTreeSet::new();
    for literal in policy.entity_literals() {
        let (of, name) = (literal.type_name().to_string(), literal.id().unescaped().to_owned());
        let Some((there, noun)) = present.of_type(&of) else { continue };
        if !there.contains(&name) && seen.insert(literal.to_string()) {
            let (start, end) = place(snippet, &literal.to_string());
            found.push(entity_is_absent(&of, &name, there, noun, Span::new(id, start, end)));
        }
    }
    for compared in Compared::all(tree) {
        let there = compared.of.names(present);
        let matches = |name: &String| compared.pattern.matches(name);
        // Callers may ask for models that no manifest names; a provider before the id is a slip all the same.
        if matches!(compared.of, Of::ModelId) && without_provider(&compared.text, present).is_none() {
            continue;
        }
        // A classifier may have labels that nobody knows here.
        if matches!(compared.of, Of::GuardLabel) && compared.text == compared.text.to_lowercase() {
            continue;
        }
        // A flag with a star in it names a pattern of tools, and is compared as it is.
        let matches = |name: &String| match compared.of {
            Of::GuardFlag => *name == compared.text,
            _ => matches(name),
        };
        if !there.iter().any(matches) && seen.insert(compared.text.clone()) {
            let (start, end) = place(snippet, &format!("{:?}", compared.text));
            found.push(compared.finding(&there, Span::new(id, start, end)));
        }
    }
}

/// Where a literal is written, or the whole policy where it is written in another way.
fn place(snippet: Snippet<'_>, literal: &str) -> (usize, usize) {
    snippet.word(literal).unwrap_or((snippet.start, snippet.start + snippet.text.trim_end().len()))
}

fn entity_is_absent(of: &str, name: &str, there: &BTreeSet<String>, noun: &str, span: Span) -> Diagnostic {
    let finding = Diagnostic::new(&rules::ABSENT, span, format!("there is no {noun} {}", shown(name)));
    let finding = finding.label("never matches");
    if of == entity::MODEL {
        let parts: Vec<&str> = name.splitn(3, '/').collect();
        if let [namespace, provider, model] = parts.as_slice() {
            return finding.help(format!(
                "no manifest names that model; compare its id: `resource in ModelProvider::\"{namespace}/{provider}\"` and \
                 `context.model == \"{model}\"`"
            ));
        }
    }
    let known: Vec<&str> = there.iter().map(String::as_str).collect();
    let qualified = format!("default/{name}");
    let near = known.iter().find(|known| **known == qualified).copied();
    match near.or_else(|| nearest(name, known.iter().copied())) {
        Some(near) => finding.help(format!("did you mean `{near}`?")).edit(
            span,
            format!("{of}::\"{near}\""),
            Safety::Unsafe,
        ),
        None if known.is_empty() => finding.help(format!("the workspace has no {noun}")),
        None => finding.help(format!("there are these: {}", list(&known))),
    }
}

/// The id behind `PROVIDER/` or `NAMESPACE/PROVIDER/`.
fn without_provider<'a>(text: &'a str, present: &Present) -> Option<&'a str> {
    present.providers.iter().find_map(|provider| {
        let short = provider.split_once('/').map_or(provider.as_str(), |(_, name)| name);
        let rest = text.strip_prefix(provider.as_str()).or_else(|| text.strip_prefix(short))?;
        rest.strip_prefix('/')
    })
}

/// What a text is compared with.
#[derive(Debug, Clone, Copy)]
enum Of {
    PrincipalName,
    ProviderName,
    ProviderKind,
    ModelId,
    GuardFlag,
    /// In small letters, and otherwise any word of a classifier.
    GuardLabel,
}

impl Of {
    fn names(self, present: &Present) -> BTreeSet<String> {
        match self {
            Self::PrincipalName => present.agents.union(&present.access_keys).cloned().collect(),
            Self::ProviderName => present.providers.clone(),
            Self::ProviderKind => ProviderKind::ALL.iter().map(ToString::to_string).collect(),
            Self::ModelId => {
                let ids = present.models.iter().filter_map(|model| model.splitn(3, '/').nth(2));
                ids.filter(|id| *id != entity::PLACEHOLDER).map(ToOwned::to_owned).collect()
            }
            Self::GuardFlag => present.flags.clone(),
            Self::GuardLabel => BTreeSet::from(["injection".to_owned(), "jailbreak".to_owned()]),
        }
    }

    /// `context.model`, `principal.name`, `resource.provider.name`, `resource.provider.kind`, and of `context.guard` the
    /// labels.
    fn read(expr: &Expr) -> Option<Self> {
        let Expr::GetAttr { expr: of, attr } = expr else { return None };
        match (&**of, attr.as_str()) {
            (Expr::Var(Var::Principal), attribute::NAME) => Some(Self::PrincipalName),
            (Expr::Var(Var::Context), context::MODEL) => Some(Self::ModelId),
            (of, context::VERDICT_LABEL) if is_guards(of, &|_| true) => Some(Self::GuardLabel),
            (Expr::GetAttr { expr: of, attr: provider }, last) if provider == attribute::PROVIDER => {
                match (&**of, last) {
                    (Expr::Var(Var::Resource), attribute::NAME) => Some(Self::ProviderName),
                    (Expr::Var(Var::Resource), attribute::KIND) => Some(Self::ProviderKind),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// A field of `context.guard`.
fn is_guards(expr: &Expr, is_meant: &dyn Fn(&str) -> bool) -> bool {
    let Expr::GetAttr { expr: of, attr } = expr else { return false };
    let Expr::GetAttr { expr: of, attr: guard } = &**of else { return false };
    guard == context::GUARD && matches!(&**of, Expr::Var(Var::Context)) && is_meant(attr)
}

/// A text that names are compared with.
#[derive(Debug)]
struct Compared {
    of: Of,
    /// As it is written, without quotes.
    text: String,
    pattern: Pattern,
}

impl Compared {
    fn all(tree: &Policy) -> Vec<Self> {
        let conditions = tree.body().clauses().iter().map(|clause| match clause {
            Clause::When(condition) | Clause::Unless(condition) => condition,
        });
        let mut all = Vec::new();
        for expr in conditions.flat_map(|condition| expression::all(condition)) {
            match expr {
                Expr::Like { expr, pattern } => {
                    if let Some(of) = Of::read(expr) {
                        let text: String = pattern
                            .iter()
                            .map(|element| match element {
                                PatternElem::Char(c) => *c,
                                PatternElem::Wildcard => '*',
                            })
                            .collect();
                        all.push(Self { of, pattern: Pattern::new(text.as_str()), text });
                    }
                }
                Expr::BinaryOp { op: BinaryOp::Eq | BinaryOp::NotEq, left, right } => {
                    all.extend(Self::pair(left, right).or_else(|| Self::pair(right, left)));
                }
                Expr::BinaryOp { op: BinaryOp::Contains, left, right } => {
                    if let Expr::Set(items) = &**left {
                        all.extend(items.iter().filter_map(|item| Self::pair(right, item)));
                    }
                    all.extend(Self::flag(left, right));
                }
                Expr::BinaryOp { op: BinaryOp::ContainsAny | BinaryOp::ContainsAll, left, right } => {
                    for (flags, items) in [(left, right), (right, left)] {
                        if let Expr::Set(items) = &**items {
                            all.extend(items.iter().filter_map(|item| Self::flag(flags, item)));
                        }
                    }
                }
                _ => {}
            }
        }
        all
    }

    fn pair(name: &Expr, text: &Expr) -> Option<Self> {
        let Expr::Literal(Literal::String(text)) = text else { return None };
        // Equality takes a star for a star, and names have none.
        Some(Self { of: Of::read(name)?, text: text.to_string(), pattern: Pattern::new(text.as_str()) })
    }

    /// Of `context.guard.hits` and `context.guard.failures`.
    fn flag(flags: &Expr, text: &Expr) -> Option<Self> {
        let is_flags = |attr: &str| [context::GUARD_HITS, context::GUARD_FAILURES].contains(&attr);
        let Expr::Literal(Literal::String(text)) = text else { return None };
        is_guards(flags, &is_flags).then(|| Self {
            of: Of::GuardFlag,
            text: text.to_string(),
            pattern: Pattern::new(text.as_str()),
        })
    }

    fn finding(&self, there: &BTreeSet<String>, span: Span) -> Diagnostic {
        let what = match self.of {
            Of::PrincipalName => "no agent or access key is called",
            Of::ProviderName => "no provider is called",
            Of::ProviderKind => "no provider is of the kind",
            Of::ModelId => "no model has the id",
            Of::GuardFlag => "no guard is attached under the name",
            Of::GuardLabel => "labels are in small letters, and none is",
        };
        let finding = Diagnostic::new(&rules::NO_SUCH_NAME, span, format!("{what} {}", shown(&self.text)));
        let finding = finding.label("matches nothing");
        if let Of::ModelId = self.of {
            return finding.help(
                "`context.model` is the provider's own id, without the provider; which provider it is stands in \
                 `resource in ModelProvider::\"…\"`",
            );
        }
        let known: Vec<&str> = there.iter().map(String::as_str).collect();
        let qualified = format!("default/{}", self.text);
        let near = known.iter().find(|known| **known == qualified).copied();
        match near.or_else(|| nearest(&self.text, known.iter().copied())) {
            Some(near) => finding.help(format!("did you mean `{near}`?")).edit(
                span,
                format!("\"{near}\""),
                Safety::Unsafe,
            ),
            None if known.is_empty() => finding,
            None => finding.help(format!("there are these: {}", list(&known))),
        }
    }
}
