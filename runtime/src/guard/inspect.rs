//! The guards of one request on what it says: every text is judged once per binding, whichever candidates follow each
//! other, and what was found becomes facts for the policies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use http::HeaderMap;
use pai_bundle::guard::{Enforcement, OnError};
use pai_bundle::name::QualifiedName;
use pai_policies::GuardFacts;
use pai_protocol::Dialect;
use pai_protocol::spoken::{self, Passage, Source, Spoken};

use super::attached::{Attachment, Guards, Of};
use super::classifier::Classifier;
use super::harness;
use super::judgement::{Judgement, Place};
use super::unavailable::Unavailable;
use crate::record::{GuardAction, GuardVerdict};

/// What is judged together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Prompts,
    System,
    /// Results of the tool of that name.
    Tool(String),
}

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
    dialect: Dialect,
    body: &'a Bytes,
    /// Whether the client is one whose users' turns have its own words in them.
    is_claude_code: bool,
    spoken: Reading<'a>,
    judged: BTreeMap<(QualifiedName, Subject), Judged>,
}

/// What is said in the body.
enum Reading<'a> {
    /// Nobody has asked.
    NotYet,
    Done(Spoken<'a>),
    /// No guard can judge it.
    Failed,
}

impl<'a> Inspection<'a> {
    pub(crate) fn new(dialect: Dialect, body: &'a Bytes, headers: &HeaderMap) -> Self {
        let is_claude_code = harness::is_claude_code(headers);
        Self { dialect, body, is_claude_code, spoken: Reading::NotYet, judged: BTreeMap::new() }
    }

    /// What these guards say of the request.
    pub(crate) async fn look(&mut self, guards: Guards<'_>) -> Found {
        if matches!(self.spoken, Reading::NotYet) {
            let read = spoken::request(self.dialect, self.body);
            self.spoken = read.map_or(Reading::Failed, Reading::Done);
        }
        let Reading::Done(spoken) = &self.spoken else { return unreadable(guards) };
        let (tools, is_claude_code) = (tools(spoken), self.is_claude_code);
        let mut due: Vec<(&Arc<Classifier>, QualifiedName, Subject)> = Vec::new();
        for guard in guards.iter() {
            for subject in guard.reads.iter().flat_map(|read| subjects(&read.of, &tools)) {
                let key = (guard.binding.clone(), subject);
                let is_due = due.iter().any(|(_, binding, subject)| (binding, subject) == (&key.0, &key.1));
                if !is_due && !self.judged.contains_key(&key) {
                    due.push((&guard.classifier, key.0, key.1));
                }
            }
        }
        let judged = join_all(due.into_iter().map(|(classifier, binding, subject)| async move {
            let (place, texts) = texts_of(spoken, &subject, is_claude_code);
            let began = Instant::now();
            let said = classifier.judge(place, &texts).await;
            ((binding, subject), Judged { said, took: began.elapsed() })
        }))
        .await;
        let unread = spoken.unread.clone();
        self.judged.extend(judged);
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

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Prompts => f.write_str("prompts"),
            Self::System => f.write_str("system"),
            Self::Tool(name) => write!(f, "toolResults/{name}"),
        }
    }
}

/// The tools whose results are in it, each once.
fn tools(spoken: &Spoken<'_>) -> Vec<String> {
    let mut names = BTreeSet::new();
    for passage in &spoken.passages {
        if let Source::Tool(name) = &passage.source
            && !names.contains(name.as_ref())
        {
            names.insert(name.to_string());
        }
    }
    names.into_iter().collect()
}

/// What is to be judged for it: each tool by itself, so that a hit says whose result it was.
fn subjects(of: &Of, tools: &[String]) -> Vec<Subject> {
    match of {
        Of::Prompts => vec![Subject::Prompts],
        Of::System => vec![Subject::System],
        Of::Tools(_) => tools.iter().filter(|name| of.has_tool(name)).cloned().map(Subject::Tool).collect(),
    }
}

/// The texts of a subject, in the order of the conversation: older turns too, which a cache answers for.
fn texts_of<'s>(spoken: &'s Spoken<'_>, subject: &Subject, is_claude_code: bool) -> (Place, Vec<&'s str>) {
    let is_meant = |passage: &&Passage<'_>| match (&passage.source, subject) {
        (Source::User, Subject::Prompts) => !(is_claude_code && harness::is_reminder(passage)),
        (Source::User, Subject::System) => is_claude_code && harness::is_reminder(passage),
        (Source::System, Subject::System) => true,
        (Source::Tool(name), Subject::Tool(wanted)) => name == wanted,
        _ => false,
    };
    let texts = spoken.passages.iter().filter(is_meant).map(|passage| &*passage.text).collect();
    let place = match subject {
        Subject::Prompts => Place::User,
        Subject::System => Place::System,
        Subject::Tool(_) => Place::Tool,
    };
    (place, texts)
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
