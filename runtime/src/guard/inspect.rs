//! The guards of one request on what it says: every text is judged once per binding, whichever candidates follow each
//! other, and what was found becomes facts for the policies.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::HeaderMap;
use pai_bundle::guard::{Enforcement, OnError};
use pai_bundle::name::QualifiedName;
use pai_policies::GuardFacts;
use pai_protocol::Dialect;

use super::attached::{Attachment, Guards, Of};
use super::classifier::Classifier;
use super::conversations::{Conversations, Reader};
use super::harness;
use super::judgement::{Judgement, Place};
use super::reading::Reading;
use super::subject::{Client, Subject};
use super::unavailable::Unavailable;
use crate::record::{GuardAction, GuardVerdict};

/// What a binding said of a subject, and how long that took.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) said: Result<Judgement, Unavailable>,
    pub(super) took: Duration,
}

/// What the guards of a candidate say of the request.
#[derive(Debug)]
pub(crate) struct Found {
    /// For the policies.
    pub(crate) facts: GuardFacts,
    /// For the record.
    pub(crate) verdicts: Vec<GuardVerdict>,
    /// What no guard can read.
    pub(crate) unread: Vec<&'static str>,
}

/// Looks at one request.
pub(crate) struct Inspection<'a> {
    conversations: &'a Conversations,
    reader: Reader,
    body: &'a [u8],
    said: Said<'a>,
    judged: BTreeMap<(QualifiedName, Subject), Judged>,
}

/// What is said in the body.
enum Said<'a> {
    /// Nobody has asked.
    NotYet,
    Read(Reading<'a>),
    /// No guard can judge it.
    Unreadable,
}

/// A classifier that is to judge a subject, for the binding.
type Due<'g> = (&'g Arc<Classifier>, QualifiedName, Subject);

impl<'a> Inspection<'a> {
    pub(crate) fn new(
        conversations: &'a Conversations,
        dialect: Dialect,
        body: &'a [u8],
        headers: &HeaderMap,
    ) -> Self {
        let reader = Reader { dialect, client: harness::client(headers) };
        Self { conversations, reader, body, said: Said::NotYet, judged: BTreeMap::new() }
    }

    /// What these guards say of the request.
    pub(crate) async fn look(&mut self, guards: Guards<'_>) -> Found {
        if matches!(self.said, Said::NotYet) {
            let read = Reading::new(self.conversations, self.reader, self.body);
            self.said = read.map_or(Said::Unreadable, Said::Read);
        }
        let Said::Read(reading) = &mut self.said else { return unreadable(guards) };
        let tools = reading.tools();
        let mut due: Vec<Due<'_>> = Vec::new();
        for guard in guards.iter() {
            for subject in guard.reads.iter().flat_map(|read| subjects(&read.of, &tools)) {
                let key = (guard.binding.clone(), subject);
                let is_due = due.iter().any(|(_, binding, subject)| (binding, subject) == (&key.0, &key.1));
                if !is_due && !self.judged.contains_key(&key) {
                    due.push((&guard.classifier, key.0, key.1));
                }
            }
        }
        if due.iter().all(|(classifier, ..)| classifier.knows_names()) {
            due = judge(reading, due, &mut self.judged).await;
        }
        if !due.is_empty() {
            // One of them does not know what was passed over.
            if reading.is_partly_known() {
                match Reading::whole(self.conversations, self.reader, self.body) {
                    Some(whole) => *reading = whole,
                    None => return unreadable(guards),
                }
            }
            judge(reading, due, &mut self.judged).await;
        }
        let unread = reading.unread().to_vec();
        self.found(guards, &tools, unread)
    }

    /// What was judged, as the policies and the record of a candidate take it.
    fn found(&mut self, guards: Guards<'_>, tools: &[String], unread: Vec<&'static str>) -> Found {
        let mut facts = GuardFacts { unread: !unread.is_empty(), ..GuardFacts::NONE };
        let mut verdicts = Vec::new();
        for guard in guards.iter() {
            for read in &guard.reads {
                for subject in subjects(&read.of, tools) {
                    let Some(judged) = self.judged.get_mut(&(guard.binding.clone(), subject.clone())) else {
                        continue;
                    };
                    let worst = match subject {
                        Subject::Prompts => &mut facts.prompts,
                        Subject::System => &mut facts.system,
                        Subject::Tool(_) => &mut facts.tool_results,
                    };
                    if let Ok(Judgement { label: Some(label), score, .. }) = &judged.said {
                        worst.raise(label, *score);
                    }
                    match &judged.said {
                        Ok(judgement) if judgement.hit => _ = facts.hits.insert(read.flag.clone()),
                        Ok(_) => {}
                        Err(_) => _ = facts.failures.insert(read.flag.clone()),
                    }
                    verdicts.push(verdict(guard, subject.to_string(), judged));
                    // The next candidate waits for it no more.
                    judged.took = Duration::ZERO;
                }
            }
        }
        Found { facts, verdicts, unread }
    }
}

/// Has them judge. Gives those back who do not know what the reading has by name alone.
async fn judge<'g>(
    reading: &Reading<'_>,
    due: Vec<Due<'g>>,
    judged: &mut BTreeMap<(QualifiedName, Subject), Judged>,
) -> Vec<Due<'g>> {
    let said = join_all(due.into_iter().map(|(classifier, binding, subject)| async move {
        let began = Instant::now();
        let said = classifier.judge_told(subject.place(), &reading.texts(&subject)).await;
        ((classifier, binding, subject), said.transpose(), began.elapsed())
    }));
    let mut left = Vec::new();
    for ((classifier, binding, subject), said, took) in said.await {
        match said {
            Some(said) => _ = judged.insert((binding, subject), Judged { said, took }),
            None => left.push((classifier, binding, subject)),
        }
    }
    left
}

impl Conversations {
    /// What one classifier says of all that people say in a request, as in a gateway and without one.
    pub async fn prompts(
        &self,
        classifier: &Classifier,
        dialect: Dialect,
        body: &[u8],
    ) -> Result<Judgement, Unavailable> {
        let reader = Reader { dialect, client: Client::Any };
        for read in [Reading::new, Reading::whole] {
            let reading = read(self, reader, body).ok_or(Unavailable::Unreadable)?;
            let texts = reading.texts(&Subject::Prompts);
            if let Some(judgement) = classifier.judge_told(Place::User, &texts).await? {
                return Ok(judgement);
            }
        }
        Err(Unavailable::Unreadable)
    }
}

/// What is to be judged for it: each tool by itself, so that a hit says whose result it was.
fn subjects(of: &Of, tools: &[String]) -> Vec<Subject> {
    match of {
        Of::Prompts => vec![Subject::Prompts],
        Of::System => vec![Subject::System],
        Of::Tools(_) => tools.iter().filter(|name| of.has_tool(name)).cloned().map(Subject::Tool).collect(),
    }
}

/// A verdict as the record has it, counted.
pub(super) fn verdict(guard: &Attachment, target: String, judged: &Judged) -> GuardVerdict {
    let action = match (&judged.said, guard.enforcement, guard.on_error) {
        (Ok(judgement), _, _) if !judgement.hit => GuardAction::Pass,
        (Ok(_), Enforcement::Enforce, _) | (Err(_), _, OnError::Deny) => GuardAction::Deny,
        (Ok(_), Enforcement::Audit, _) => GuardAction::Audit,
        (Err(_), _, OnError::Allow) => GuardAction::Allow,
    };
    let (label, score, rules, unavailable) = match &judged.said {
        Ok(it) => (it.label.clone(), Some(f64::from(it.score.0) / 1000.0), it.hits.clone(), None),
        Err(why) => (None, None, Vec::new(), Some(why.reason())),
    };
    let latency_ms = judged.took.as_secs_f64() * 1000.0;
    let binding = guard.binding.to_string();
    let verdict = GuardVerdict { binding, target, label, score, rules, unavailable, latency_ms, action };
    guard.classifier.tally().count(&verdict);
    verdict
}

/// A body that nobody can read has nothing that a guard could judge, and so counts as not judged.
fn unreadable(guards: Guards<'_>) -> Found {
    let judged = Judged { said: Err(Unavailable::Unreadable), took: Duration::ZERO };
    let mut facts = GuardFacts { unread: true, ..GuardFacts::NONE };
    let mut verdicts = Vec::new();
    for guard in guards.iter() {
        for read in &guard.reads {
            facts.failures.insert(read.flag.clone());
            let target = match &read.of {
                Of::Prompts => "prompts".to_owned(),
                Of::System => "system".to_owned(),
                Of::Tools(pattern) => format!("toolResults/{}", pattern.as_str()),
            };
            verdicts.push(verdict(guard, target, &judged));
        }
    }
    Found { facts, verdicts, unread: vec!["the whole request"] }
}
