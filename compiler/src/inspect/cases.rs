//! Cases that say what must be allowed and what refused: YAML files beside the manifests, `*.test.yaml`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use pai_bundle::limit::Scope;
use pai_bundle::name::{DEFAULT_NAMESPACE, Name, QualifiedName};
use pai_bundle::unit::{Tokens, UnixSeconds};
use pai_policies::Action;
use serde::{Deserialize, Deserializer};

use super::question::{Balances, Question, Who};
use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::source::tree::Document;
use crate::source::{File, Sources, Span, chunk, yaml};

/// What a file of cases ends with.
const ENDINGS: [&str; 2] = [".test.yaml", ".test.yml"];

/// 2026-01-01T00:00:00Z: a case that names no time means the same on every day.
const AT: UnixSeconds = UnixSeconds(1_767_225_600);

/// The tokens of a case that names none.
const TOKENS: Tokens = Tokens(1_000);

/// What reading cases finds: the PAI06 rules.
pub(crate) static RULES: &[&Rule] = &[&WRONG];

static WRONG: Rule = Rule {
    code: "PAI0601",
    name: "wrong-case",
    title: "a policy test cannot be read",
    severity: Severity::Error,
    explanation: "A file *.test.yaml has a list `cases`, and may have `defaults` for fields that cases leave out. A case has `name`, \
                  `agent` or `key`, `model`, `expect: allowed` or `expect: refused`, and may have `by` (policy id, code or field that \
                  must decide), `servedBy`, `action`, `tokens`, `address`, `at`, `used` and `namespace`.",
    fails: "cases:\n  - name: reviewers use sonnet\n    agent: reviewer\n    modle: claude-sonnet-4-6\n    expect: allowed\n",
    passes: "cases:\n  - name: reviewers use sonnet\n    agent: reviewer\n    model: claude-sonnet-4-6\n    expect: allowed\n",
    check: None,
};

/// What must come of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Expect {
    /// A provider is asked.
    Allowed,
    /// Nothing is sent.
    Refused,
}

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it is about, in words.
    pub name: String,
    /// Its file, relative to the workspace, and its line, from 1.
    pub place: (String, u32),
    /// What is asked.
    pub question: Question,
    /// What must come of it.
    pub expect: Expect,
    /// The policy's id, its code, or the field that must be the first to decide.
    pub by: Option<String>,
    /// The model that must be asked, as `provider/id`.
    pub served_by: Option<String>,
}

/// A file of cases as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    defaults: Fields,
    cases: Vec<Fields>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Fields {
    name: Option<String>,
    agent: Option<Name>,
    key: Option<Name>,
    namespace: Option<Name>,
    model: Option<String>,
    action: Option<Use>,
    #[serde(default, deserialize_with = "maybe_tokens")]
    tokens: Option<Tokens>,
    address: Option<IpAddr>,
    #[serde(default, deserialize_with = "maybe_time")]
    at: Option<UnixSeconds>,
    #[serde(default)]
    used: BTreeMap<String, Amount>,
    expect: Option<Expect>,
    by: Option<String>,
    served_by: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Use {
    Invoke,
    Embed,
    CountTokens,
    List,
}

/// A number of tokens, with underscores where people put them.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "Number")]
struct Amount(Tokens);

#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Digits(u64),
    Text(String),
}

impl TryFrom<Number> for Amount {
    type Error = String;

    fn try_from(number: Number) -> Result<Self, String> {
        match number {
            Number::Digits(tokens) => Ok(Self(Tokens(tokens))),
            Number::Text(text) => {
                let digits = text.replace('_', "");
                let tokens = digits.parse().map_err(|_| format!("`{text}` is not a number of tokens"))?;
                Ok(Self(Tokens(tokens)))
            }
        }
    }
}

fn maybe_tokens<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Tokens>, D::Error> {
    Ok(Some(Amount::deserialize(deserializer)?.0))
}

fn maybe_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<UnixSeconds>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let instant: jiff::Timestamp = text.parse().map_err(|_| {
        serde::de::Error::custom(format!("`{text}` is not a time, such as 2026-11-23T12:00:00Z"))
    })?;
    Ok(Some(UnixSeconds(instant.as_second())))
}

/// Whether a file holds cases rather than manifests.
pub(crate) fn is_case_file(file: &File) -> bool {
    ENDINGS.iter().any(|ending| file.path().ends_with(ending))
}

/// Every case of a workspace, in the order of the files. What cannot be read is reported.
pub fn read(sources: &Sources, found: &mut Diagnostics) -> Vec<Case> {
    let mut cases = Vec::new();
    for (id, file) in sources.files().filter(|(_, file)| is_case_file(file)) {
        for chunk in chunk::chunks(id, file) {
            let read = yaml::read(chunk);
            found.extend(read.stopped);
            for (document, findings) in read.documents {
                let is_empty = document.root.is_absent();
                if findings.is_empty() && !is_empty {
                    match of_document(&document, sources) {
                        Ok(more) => cases.extend(more),
                        Err(finding) => found.push(*finding),
                    }
                }
                found.extend(findings);
            }
        }
    }
    cases
}

fn of_document(document: &Document, sources: &Sources) -> Result<Vec<Case>, Box<Diagnostic>> {
    let wrong = |span: Span, message: String| {
        let finding = Diagnostic::new(&WRONG, span, message).label("here");
        Box::new(finding.help("`pai explain PAI0601` shows how a case is written"))
    };
    let value = document.root.to_value();
    let written: Written = serde_path_to_error::deserialize(value).map_err(|error| {
        let pointer = pointer(&error.path().to_string());
        wrong(document.span(&pointer), error.inner().to_string())
    })?;
    let mut cases = Vec::new();
    for (at, fields) in written.cases.iter().enumerate() {
        let span = document.span(&format!("/cases/{at}"));
        let place = (sources.path(span.file).to_owned(), sources.position(span).0);
        let case = case(fields, &written.defaults, place).map_err(|message| wrong(span, message))?;
        cases.push(case);
    }
    Ok(cases)
}

/// `cases[0].model` as `/cases/0/model`.
fn pointer(path: &str) -> String {
    if path == "." {
        return String::new();
    }
    format!("/{}", path.replace(['.', '['], "/").replace(']', ""))
}

fn case(fields: &Fields, defaults: &Fields, place: (String, u32)) -> Result<Case, String> {
    let namespace = fields.namespace.clone().or_else(|| defaults.namespace.clone());
    let namespace = match namespace {
        Some(namespace) => namespace,
        None => DEFAULT_NAMESPACE.parse().map_err(|_| "there is no default namespace".to_owned())?,
    };
    let qualified = |name: &Name| QualifiedName::new(namespace.clone(), name.clone());
    // A case that names one principal means it, whatever the defaults name.
    let principal = |of: &Fields| match (&of.agent, &of.key) {
        (Some(_), Some(_)) => Err("a case has `agent` or `key`, not both".to_owned()),
        (Some(agent), None) => Ok(Some(Who::Agent(qualified(agent)))),
        (None, Some(key)) => Ok(Some(Who::AccessKey(qualified(key)))),
        (None, None) => Ok(None),
    };
    let who = match principal(fields)? {
        Some(who) => who,
        None => principal(defaults)?.ok_or("a case needs `agent` or `key`: who asks?")?,
    };
    let model = fields.model.clone().or_else(|| defaults.model.clone()).ok_or("a case needs `model`")?;
    let expect = fields.expect.or(defaults.expect);
    let expect = expect.ok_or("a case needs `expect: allowed` or `expect: refused`")?;
    let mut used = Balances::default();
    for (account, amount) in defaults.used.iter().chain(&fields.used) {
        used.0.insert(self::account(account, &namespace)?, amount.0);
    }
    let action = match fields.action.or(defaults.action) {
        None | Some(Use::Invoke) => Action::Invoke,
        Some(Use::Embed) => Action::Embed,
        Some(Use::CountTokens) => Action::CountTokens,
        Some(Use::List) => Action::List,
    };
    let fresh = Question::new(who, model, fields.at.or(defaults.at).unwrap_or(AT));
    let question = Question {
        action,
        tokens: fields.tokens.or(defaults.tokens).unwrap_or(TOKENS),
        address: fields.address.or(defaults.address).unwrap_or(fresh.address),
        used,
        ..fresh
    };
    if expect == Expect::Allowed && fields.by.is_some() {
        return Err("`by` names what refuses, and the case expects `allowed`".to_owned());
    }
    if expect == Expect::Refused && fields.served_by.is_some() {
        return Err("`servedBy` names what is asked, and the case expects `refused`".to_owned());
    }
    let name = fields.name.clone().unwrap_or_else(|| {
        let expected = if expect == Expect::Allowed { "may use" } else { "may not use" };
        format!("{} {expected} {}", question.who, question.model)
    });
    Ok(Case { name, place, question, expect, by: fields.by.clone(), served_by: fields.served_by.clone() })
}

/// `provider/NAME`, `external/NAME`, `agent/NAME` or `key/NAME`.
pub fn account(text: &str, namespace: &Name) -> Result<(Scope, QualifiedName), String> {
    const FORM: &str = "write provider/NAME, external/NAME, agent/NAME or key/NAME";
    let (scope, name) = text.split_once('/').ok_or(FORM)?;
    let scope = match scope {
        "provider" => Scope::Provider,
        "external" => Scope::ProviderExternal,
        "agent" => Scope::Agent,
        "key" => Scope::AccessKey,
        _ => return Err(FORM.to_owned()),
    };
    let name: Name = name.parse().map_err(|cause| format!("{cause}"))?;
    Ok((scope, QualifiedName::new(namespace.clone(), name)))
}
