//! The `GuardBinding` manifest: a classifier that reads prompts, answers and tool results.

use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::{Value, json};

use super::secret_ref::SecretRef;
use super::{Kind, Spec, cel, text};

impl Spec for GuardBinding {
    const KIND: Kind = Kind::GuardBinding;
    const NAME: &'static str = "GuardBinding";
    const ABOUT: &'static str = "A classifier that reads what goes to a model and comes back. Providers and agents attach it by \
                                 name and say what it reads and what a hit does.";

    fn example() -> Value {
        json!({
            "classifier": { "type": "promptGuard", "endpoint": "http://prompt-guard:8000/classify" },
            "thresholds": { "injection": 0.9, "jailbreak": 0.9 },
            "onError": "deny",
        })
    }
}

/// The classifier and when it hits.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "a bundle carries the spec as it was written; these fields are its schema")]
pub(crate) struct GuardBinding {
    /// Who judges a text.
    #[schemars(example = json!({"type": "rules"}), example = json!({"type": "promptGuard", "endpoint": "http://prompt-guard:8000/classify"}))]
    pub(crate) classifier: Classifier,
    /// From which score on a text is a hit.
    #[serde(default)]
    #[schemars(example = json!({"injection": 0.9, "jailbreak": 0.95}))]
    thresholds: Option<Thresholds>,
    /// What happens when the classifier fails or is slow. Left out: `allow` where the guard audits, `deny` where it
    /// enforces.
    #[serde(default)]
    #[schemars(example = &"deny")]
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
    #[schemars(example = &"promptGuard", extend("default" = "promptGuard"))]
    r#type: ClassifierKind,
    /// Where it answers `POST {text}` with `{label, score, labels}`. Required, but for `rules`.
    #[serde(default)]
    #[schemars(with = "Option<text::HttpUrl>")]
    #[schemars(example = &"http://prompt-guard:8000/classify")]
    endpoint: Option<String>,
    /// Which model the classifier should use, where it has several.
    #[serde(default)]
    #[schemars(with = "Option<text::NotEmpty>")]
    #[schemars(example = &"prompt-guard-2-86m")]
    model: Option<String>,
    /// How the gateway identifies itself to the classifier.
    #[serde(default)]
    #[schemars(example = json!({"secretRef": {"name": "prompt-guard-token"}}))]
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
    #[schemars(example = json!({"name": "prompt-guard-token"}))]
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
    #[schemars(example = 0.9, extend("default" = 0.9))]
    injection: Option<f64>,
    /// For jailbreaks; 0.9 where it is left out.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1))]
    #[schemars(example = 0.9, extend("default" = 0.9))]
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
    cel::rules(
        schema,
        &[
            (
                "(has(self.type) && self.type == 'rules') || has(self.endpoint)",
                "endpoint is required where type is not rules",
            ),
            (
                "!has(self.type) || self.type != 'rules' || !(has(self.endpoint) || has(self.model) || has(self.auth))",
                "endpoint, model and auth have no effect where type is rules",
            ),
        ],
    );
}
