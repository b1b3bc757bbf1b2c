//! A file of cases as it is written, with what editors show about each field.

use std::collections::BTreeMap;
use std::net::IpAddr;

use pai_bundle::guard::PerMille;
use pai_bundle::money::NanoUsd;
use pai_bundle::name::Name;
use pai_bundle::unit::Tokens;
use pai_policies::GuardVerdict;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Expect;
use crate::manifest::guard_binding::Threshold;
use crate::manifest::quantity::{Balance, Moment, Spending, TokenCount};
use crate::manifest::text;

/// Requests that must be allowed or refused, beside the manifests that decide them. `pai test` asks each.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(title = "Policy tests", example = CaseFile::example())]
pub(crate) struct CaseFile {
    /// Fields of every case that leaves them out.
    #[serde(default)]
    #[schemars(example = json!({ "tokens": 2_000 }))]
    pub(super) defaults: Fields,
    /// The requests, each with what must become of it.
    #[schemars(length(min = 1), example = CaseFile::example_cases())]
    pub(super) cases: Vec<Fields>,
}

impl CaseFile {
    fn example() -> Value {
        json!({ "cases": Self::example_cases() })
    }

    fn example_cases() -> Value {
        json!([{
            "name": "reviewers do not get opus",
            "agent": "reviewer",
            "model": "anthropic/claude-opus-4-1",
            "expect": "refused",
        }])
    }
}

/// One request, and what must become of it.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Fields {
    /// What the case is about, in words. Left out: made from who asks for which model.
    #[schemars(with = "Option<text::NotEmpty>", example = &"reviewers do not get opus")]
    pub(super) name: Option<String>,
    /// metadata.name of the agent that asks.
    #[schemars(with = "Option<text::ResourceName>", example = &"reviewer")]
    pub(super) agent: Option<Name>,
    /// metadata.name of the access key that is used.
    #[schemars(with = "Option<text::ResourceName>", example = &"laptop")]
    pub(super) key: Option<Name>,
    /// The namespace of the agent or key, and of the accounts in `used`. Left out: `default`.
    #[schemars(with = "Option<text::ResourceName>", example = &"research")]
    pub(super) namespace: Option<Name>,
    /// The model as a client writes it: `provider/id`, a bare id, or `default`.
    #[schemars(with = "Option<text::NotEmpty>", example = &"claude-haiku-4-5")]
    pub(super) model: Option<String>,
    /// What is done with the model. Left out: `invoke`.
    #[schemars(example = Use::CountTokens)]
    pub(super) action: Option<Use>,
    /// Upper bound of the request's tokens, input and output. Left out: 1,000.
    #[schemars(example = 150_001)]
    pub(super) tokens: Option<TokenCount>,
    /// From which address. Left out: 127.0.0.1.
    #[schemars(with = "Option<text::Address>", example = &"10.1.2.3")]
    pub(super) address: Option<IpAddr>,
    /// When: a day, which is its start in UTC, or a time with its offset. Left out: 2026-01-01.
    #[schemars(example = &"2026-11-23T12:00:00Z")]
    pub(super) at: Option<Moment>,
    /// Tokens that accounts stand at on that day: `provider/NAME`, `external/NAME` (external use of a provider),
    /// `agent/NAME`, `key/NAME`. Those that are left out stand at 0.
    #[serde(default)]
    #[schemars(example = json!({ "agent/reviewer": 500_000 }))]
    pub(super) used: BTreeMap<String, Balance>,
    /// US dollars that agents and access keys have spent on that day: `agent/NAME`, `key/NAME`.
    #[serde(default)]
    #[schemars(example = json!({ "agent/reviewer": 12.5 }))]
    pub(super) spent: BTreeMap<String, Spending>,
    /// What guards found in the request, and in the answer. Left out: nothing.
    #[serde(default)]
    #[schemars(example = json!({ "hits": ["injection/toolResults/*"], "toolResults": { "label": "injection", "score": 0.93 } }))]
    pub(super) guard: Option<Found>,
    /// What must become of the request.
    #[schemars(example = Expect::Refused)]
    pub(super) expect: Option<Expect>,
    /// What must refuse it: the id or code of a policy, the field of a manifest (`spec.deniedModels`), or
    /// `unknown_model` where no provider is meant.
    #[schemars(with = "Option<text::NotEmpty>", example = &"spec.deniedModels.0")]
    pub(super) by: Option<String>,
    /// Which model must be asked, as `provider/id`.
    #[schemars(with = "Option<text::ModelReference>", example = &"anthropic/claude-haiku-4-5")]
    pub(super) served_by: Option<String>,
}

/// What guards found. A case says it, since no classifier is asked; what is left out was not found.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Found {
    /// The worst that was said of user turns.
    #[schemars(example = Judged::example())]
    pub(super) prompts: Option<Judged>,
    /// The same of the instructions before the conversation.
    #[schemars(example = Judged::example())]
    pub(super) system: Option<Judged>,
    /// The same of results of tools.
    #[schemars(example = Judged::example())]
    pub(super) tool_results: Option<Judged>,
    /// The same of the answer.
    #[schemars(example = Judged::example())]
    pub(super) responses: Option<Judged>,
    /// Where scores reached thresholds: `BINDING/prompts`, `BINDING/system`, `BINDING/responses`,
    /// `BINDING/toolResults/TOOLS` with the tools as the guard is attached to them. Where nothing else is said of such
    /// a text, it is an injection at the guard's threshold.
    #[serde(default)]
    #[schemars(with = "Vec<text::NotEmpty>", example = json!(["injection/prompts", "injection/toolResults/*"]))]
    pub(super) hits: Vec<String>,
    /// Where a classifier did not judge, written the same way.
    #[serde(default)]
    #[schemars(with = "Vec<text::NotEmpty>", example = json!(["injection/prompts"]))]
    pub(super) failures: Vec<String>,
    /// Whether the request carries what no guard can read: pictures, files.
    #[serde(default)]
    #[schemars(example = true)]
    pub(super) unread: bool,
}

/// A verdict.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Judged {
    /// `injection`, `jailbreak`, or a word of the classifier's.
    #[schemars(with = "text::NotEmpty", example = &"injection")]
    pub(super) label: String,
    /// How sure it is, from 0 to 1.
    #[schemars(example = 0.93)]
    pub(super) score: Threshold,
}

impl Judged {
    fn example() -> Value {
        json!({ "label": "injection", "score": 0.93 })
    }

    /// As policies see it.
    pub(super) fn verdict(&self) -> GuardVerdict {
        let score = PerMille::of_fraction(self.score.0).unwrap_or_default();
        GuardVerdict { label: self.label.to_lowercase(), score }
    }
}

/// What is done with a model.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Use {
    /// Messages.
    Invoke,
    /// Embeddings.
    Embed,
    /// Tokens are counted, and none spent.
    CountTokens,
    /// Models are listed.
    List,
}

impl Fields {
    /// Tokens of the accounts that are named.
    pub(super) fn balances(&self) -> impl Iterator<Item = (&str, Tokens)> {
        self.used.iter().map(|(account, balance)| (account.as_str(), balance.tokens()))
    }

    /// What the principals that are named have spent.
    pub(super) fn spendings(&self) -> impl Iterator<Item = (&str, NanoUsd)> {
        self.spent.iter().map(|(account, spent)| (account.as_str(), spent.nanos()))
    }
}
