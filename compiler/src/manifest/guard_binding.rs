//! The `GuardBinding` manifest: a classifier that reads prompts, answers and tool results.

use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::json;

use super::secret_ref::SecretRef;
use super::{Kind, Spec, text};

impl Spec for GuardBinding {
    const KIND: Kind = Kind::GuardBinding;
    const NAME: &'static str = "GuardBinding";
    const ABOUT: &'static str = "A classifier that reads what goes to a model and comes back. Providers and agents attach it by \
                                 name and say what it reads and what a hit does.";
}

/// The classifier and when it hits.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "a bundle carries the spec as it was written; these fields are its schema")]
pub(crate) struct GuardBinding {
    /// Who judges a text.
    pub(crate) classifier: Classifier,
    /// From which score on a text is a hit.
    #[serde(default)]
    thresholds: Option<Thresholds>,
    /// What happens when the classifier fails or is slow. Left out: `allow` where the guard audits, `deny` where it
    /// enforces.
    #[serde(default)]
    on_error: Option<OnError>,
}

/// Who judges a text.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(transform = conditions)]
#[expect(dead_code, reason = "a bundle carries the spec as it was written; these fields are its schema")]
pub(crate) struct Classifier {
    /// What kind of classifier it is.
    #[serde(default)]
    r#type: ClassifierKind,
    /// Where it answers `POST {text}` with `{label, score, labels}`. Required, but for `rules`.
    #[serde(default)]
    #[schemars(with = "Option<text::HttpUrl>")]
    endpoint: Option<String>,
    /// Which model the classifier should use, where it has several.
    #[serde(default)]
    #[schemars(with = "Option<text::NotEmpty>")]
    model: Option<String>,
    /// How the gateway identifies itself to the classifier.
    #[serde(default)]
    pub(crate) auth: Option<Auth>,
}

/// Kinds of classifier.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ClassifierKind {
    /// A Prompt Guard model.
    #[default]
    PromptGuard,
    /// A Llama Guard model.
    LlamaGuard,
    /// A service of your own.
    Custom,
    /// The rules that are built into the gateway; needs no endpoint.
    Rules,
}

/// How the gateway identifies itself.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Auth {
    /// The Secret whose value is sent as a bearer token.
    pub(crate) secret_ref: SecretRef,
}

/// Scores between 0 and 1 from which on a text is a hit.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "a bundle carries the spec as it was written; these fields are its schema")]
pub(crate) struct Thresholds {
    /// For prompt injection; 0.9 where it is left out.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1))]
    injection: Option<f64>,
    /// For jailbreaks; 0.9 where it is left out.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1))]
    jailbreak: Option<f64>,
}

/// What a failing classifier means for a request.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum OnError {
    /// The request passes.
    Allow,
    /// The request is refused.
    Deny,
}

fn conditions(schema: &mut Schema) {
    let rules = json!({ "properties": { "type": { "const": "rules" } }, "required": ["type"] });
    let nothing_to_call = json!({ "properties": { "endpoint": false, "model": false, "auth": false } });
    schema.insert("if".to_owned(), rules);
    schema.insert("then".to_owned(), nothing_to_call);
    schema.insert("else".to_owned(), json!({ "required": ["endpoint"] }));
}
