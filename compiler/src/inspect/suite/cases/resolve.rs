//! From what is written to what is asked: defaults filled in, names looked up among the manifests.

use std::collections::BTreeSet;

use pai_bundle::limit::Scope;
use pai_bundle::name::{DEFAULT_NAMESPACE, Name, QualifiedName};
use pai_policies::{Action, GuardFacts};

use super::account::account;
use super::rules::{UNKNOWN_SUBJECT, WRONG_CASE};
use super::written::{CaseFile, Fields, Found, Judged, Use};
use super::{AT, Case, Expect, TOKENS};
use crate::diagnostic::{Diagnostic, Diagnostics, Safety};
use crate::graph::Graph;
use crate::inspect::found::Flag;
use crate::inspect::question::{Balances, Question, Spent, Who};
use crate::manifest::quantity::TokenCount;
use crate::source::tree::{Content, Document, escape};
use crate::source::{Sources, Span};

/// What the cases of one document are read with.
pub(super) struct Resolver<'a> {
    pub(super) document: &'a Document,
    pub(super) sources: &'a Sources,
    pub(super) graph: &'a Graph,
}

type Resolved<T> = Result<T, Box<Diagnostic>>;

impl Resolver<'_> {
    /// The cases that can be asked; of the others the first thing that is wrong is reported.
    pub(super) fn cases(&self, file: &CaseFile, found: &mut Diagnostics) -> Vec<Case> {
        if file.defaults.name.is_some() {
            found.push(self.wrong("/defaults/name", "cases share no name").help("remove it"));
        }
        let mut cases = Vec::new();
        for (at, fields) in file.cases.iter().enumerate() {
            match self.case(&format!("/cases/{at}"), fields, &file.defaults) {
                Ok(case) => cases.push(case),
                Err(finding) => found.push(*finding),
            }
        }
        cases
    }

    fn case(&self, pointer: &str, fields: &Fields, defaults: &Fields) -> Resolved<Case> {
        let namespace = match fields.namespace.as_ref().or(defaults.namespace.as_ref()) {
            Some(namespace) => namespace.clone(),
            None => {
                DEFAULT_NAMESPACE.parse().map_err(|_| self.wrong(pointer, "there is no default namespace"))?
            }
        };
        // A case that names one principal means it, whatever the defaults name.
        let who = match self.principal(pointer, fields, &namespace)? {
            Some(who) => who,
            None => self.principal("/defaults", defaults, &namespace)?.ok_or_else(|| {
                let finding = self.wrong(pointer, "the case does not say who asks");
                finding.help("add `agent: NAME` or `key: NAME`, or put it into `defaults`")
            })?,
        };
        let model = fields.model.as_ref().or(defaults.model.as_ref()).ok_or_else(|| {
            self.wrong(pointer, "the case does not say which model is asked for")
                .help("add `model: …`, or put it into `defaults`")
        })?;
        let expect = fields.expect.or(defaults.expect).ok_or_else(|| {
            self.wrong(pointer, "the case does not say what must become of the request")
                .help("add `expect: allowed` or `expect: refused`")
        })?;
        let mut used = Balances::default();
        for (of, within) in [(defaults, "/defaults"), (fields, pointer)] {
            for (written, tokens) in of.balances() {
                let place = format!("{within}/used/{}", escape(written));
                used.0.insert(self.account(&place, written, &namespace)?, tokens);
            }
        }
        let mut spent = Spent::default();
        for (of, within) in [(defaults, "/defaults"), (fields, pointer)] {
            for (written, money) in of.spendings() {
                let place = format!("{within}/spent/{}", escape(written));
                let account = self.account(&place, written, &namespace)?;
                if matches!(account.0, Scope::Provider | Scope::ProviderExternal) {
                    let finding = self.wrong(&place, "only agents and access keys have budgets in money");
                    return Err(Box::new(finding.help("write agent/NAME or key/NAME")));
                }
                spent.0.insert(account, money);
            }
        }
        let guard = match (&fields.guard, &defaults.guard) {
            (Some(found), _) => self.found(&format!("{pointer}/guard"), found, &namespace)?,
            (None, Some(found)) => self.found("/defaults/guard", found, &namespace)?,
            (None, None) => GuardFacts::NONE,
        };
        let fresh = Question::new(who, model.as_str(), AT);
        let question = Question {
            action: fields.action.or(defaults.action).map_or(Action::Invoke, action),
            tokens: fields.tokens.or(defaults.tokens).map_or(TOKENS, TokenCount::tokens),
            address: fields.address.or(defaults.address).unwrap_or(fresh.address),
            at: fields.at.or(defaults.at).map_or(AT, |moment| moment.0),
            used,
            spent,
            guard,
            ..fresh
        };
        // What stands in the defaults for cases of the other kind is left aside.
        let (by, served_by) = match expect {
            Expect::Allowed => (None, fields.served_by.as_ref().or(defaults.served_by.as_ref())),
            Expect::Refused => (fields.by.as_ref().or(defaults.by.as_ref()), None),
        };
        self.fits(pointer, fields, expect)?;
        let span = self.first_key(pointer);
        let name = fields.name.clone().unwrap_or_else(|| {
            let verb = if expect == Expect::Allowed { "may use" } else { "may not use" };
            format!("{} {verb} {model}", question.who)
        });
        Ok(Case {
            name,
            file: self.sources.path(span.file).to_owned(),
            line: self.sources.position(span).0,
            question,
            expect,
            by: by.cloned(),
            served_by: served_by.cloned(),
        })
    }

    /// Whether a case says only what goes with its expectation.
    fn fits(&self, pointer: &str, fields: &Fields, expect: Expect) -> Resolved<()> {
        let (field, is_there, says) = match expect {
            Expect::Allowed => {
                ("by", fields.by.is_some(), "`by` names what refuses, and the case expects `allowed`")
            }
            Expect::Refused => (
                "servedBy",
                fields.served_by.is_some(),
                "`servedBy` names what is asked, and the case expects `refused`",
            ),
        };
        if !is_there {
            return Ok(());
        }
        let span = self.document.key_span(&format!("{pointer}/{field}"));
        let finding = Diagnostic::new(&WRONG_CASE, span, says).label("has no effect here");
        let other = if expect == Expect::Allowed { "expect: refused" } else { "expect: allowed" };
        Err(Box::new(finding.help(format!("remove it, or write `{other}`"))))
    }

    fn principal(&self, pointer: &str, fields: &Fields, namespace: &Name) -> Resolved<Option<Who>> {
        let qualified = |name: &Name| QualifiedName::new(namespace.clone(), name.clone());
        match (&fields.agent, &fields.key) {
            (Some(_), Some(_)) => {
                let place = format!("{pointer}/key");
                Err(Box::new(
                    self.wrong(&place, "an agent and an access key ask").help("leave out one of the two"),
                ))
            }
            (Some(agent), None) => {
                let name = qualified(agent);
                self.known(
                    Scope::Agent,
                    &name,
                    self.document.span(&format!("{pointer}/agent")),
                    agent.as_str(),
                )?;
                Ok(Some(Who::Agent(name)))
            }
            (None, Some(key)) => {
                let name = qualified(key);
                self.known(
                    Scope::AccessKey,
                    &name,
                    self.document.span(&format!("{pointer}/key")),
                    key.as_str(),
                )?;
                Ok(Some(Who::AccessKey(name)))
            }
            (None, None) => Ok(None),
        }
    }

    /// What guards found, with names that some attached guard has.
    fn found(&self, pointer: &str, found: &Found, namespace: &Name) -> Resolved<GuardFacts> {
        let verdict = |judged: &Option<Judged>| judged.as_ref().map(Judged::verdict).unwrap_or_default();
        let mut facts = GuardFacts {
            prompts: verdict(&found.prompts),
            system: verdict(&found.system),
            tool_results: verdict(&found.tool_results),
            responses: verdict(&found.responses),
            unread: found.unread,
            ..GuardFacts::NONE
        };
        for (at, text) in found.hits.iter().enumerate() {
            let flag = self.flag(&format!("{pointer}/hits/{at}"), text, namespace)?;
            let guard = QualifiedName::new(namespace.clone(), flag.binding().clone());
            let thresholds = self.graph.guards.get(&guard).map(|guard| guard.spec.lowered_thresholds());
            let threshold = thresholds.and_then(|thresholds| thresholds.get("injection").copied());
            flag.hit(namespace, threshold, &mut facts);
        }
        for (at, text) in found.failures.iter().enumerate() {
            let flag = self.flag(&format!("{pointer}/failures/{at}"), text, namespace)?;
            facts.failures.insert(flag.within(namespace));
        }
        Ok(facts)
    }

    fn flag(&self, pointer: &str, text: &str, namespace: &Name) -> Resolved<Flag> {
        let span = self.document.span(pointer);
        let flag: Flag = text.parse().map_err(|form: String| {
            let finding =
                Diagnostic::new(&WRONG_CASE, span, format!("`{text}` is nothing that a guard reads"));
            finding.label("here").help(form)
        })?;
        let known = self.graph.flags(namespace);
        if self.graph.lacks_resources() || known.contains(text) {
            return Ok(flag);
        }
        let message = format!("no guard is attached for `{text}` in namespace `{namespace}`");
        let finding = Diagnostic::new(&UNKNOWN_SUBJECT, span, message).label("nothing attaches this");
        let known = known.iter().map(String::as_str);
        Err(Box::new(finding.suggest(text, known, "attached are", Safety::Unsafe)))
    }

    fn account(&self, pointer: &str, text: &str, namespace: &Name) -> Resolved<(Scope, QualifiedName)> {
        let span = self.document.key_span(pointer);
        let (scope, name) = account(text, namespace).map_err(|form| {
            let finding = Diagnostic::new(&WRONG_CASE, span, format!("`{text}` is no account"));
            finding.label("no account").help(form)
        })?;
        self.known(scope, &name, span, text)?;
        Ok((scope, name))
    }

    /// Whether there is such a resource; what cannot be read has been reported, and counts as there.
    fn known(&self, scope: Scope, name: &QualifiedName, span: Span, written: &str) -> Resolved<()> {
        if self.graph.has(scope, name) {
            return Ok(());
        }
        let noun = match scope {
            Scope::Provider | Scope::ProviderExternal => "provider",
            Scope::Agent => "agent",
            Scope::AccessKey => "access key",
        };
        let message = format!("there is no {noun} `{}` in namespace `{}`", name.name, name.namespace);
        let prefix = written.strip_suffix(name.name.as_str()).unwrap_or_default();
        let known: BTreeSet<String> = self
            .graph
            .names(scope)
            .filter(|other| other.namespace == name.namespace)
            .map(|other| format!("{prefix}{}", other.name))
            .collect();
        let finding = Diagnostic::new(&UNKNOWN_SUBJECT, span, message).label("no manifest has this name");
        let known = known.iter().map(String::as_str);
        Err(Box::new(finding.suggest(written, known, &format!("there are these {noun}s"), Safety::Unsafe)))
    }

    fn wrong(&self, pointer: &str, message: &str) -> Diagnostic {
        let span = if self.document.find(pointer).is_some_and(|found| found.key.is_some()) {
            self.document.key_span(pointer)
        } else {
            self.first_key(pointer)
        };
        Diagnostic::new(&WRONG_CASE, span, message).label("here")
    }

    /// The first key of a case, since the case's own place covers many lines.
    fn first_key(&self, pointer: &str) -> Span {
        let node = self.document.find(pointer).map(|found| found.node);
        match node.map(|node| &node.content) {
            Some(Content::Mapping(entries)) => {
                entries.iter().next().map_or(self.document.root.span, |entry| entry.key_span)
            }
            _ => self.document.span(pointer),
        }
    }
}

fn action(written: Use) -> Action {
    match written {
        Use::Invoke => Action::Invoke,
        Use::Embed => Action::Embed,
        Use::CountTokens => Action::CountTokens,
        Use::List => Action::List,
    }
}
