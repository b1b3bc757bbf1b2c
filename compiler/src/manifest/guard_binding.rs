//! The `GuardBinding` manifest: a classifier that reads prompts, answers and tool results.

use std::collections::BTreeMap;

use ipnet::IpNet;
use pai_bundle::guard::{DEFAULT_THRESHOLD, PerMille};
use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::{Value, json};

use super::guard_rules::{GuardRule, GuardWords};
use super::secret_ref::SecretRef;
use super::{Kind, Spec, cel, text};

impl Spec for GuardBinding {
    const KIND: Kind = Kind::GuardBinding;
    const NAME: &'static str = "GuardBinding";
    const ABOUT: &'static str = "A classifier that reads what goes to a model and comes back. Providers and agents attach it by \
                                 name and say what it reads and what a hit does.";

    fn example() -> Value {
        json!({
            "classifier": {
                "type": "promptGuard",
                "endpoint": "http://prompt-guard:8000/classify",
                "endpointNetworks": ["10.96.0.0/12"],
            },
            "thresholds": { "injection": 0.9, "jailbreak": 0.9 },
            "onError": "deny",
        })
    }
}

/// The classifier and when it hits.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct GuardBinding {
    /// Who judges a text.
    #[schemars(example = json!({"type": "rules"}), example = json!({"type": "promptGuard", "endpoint": "http://prompt-guard:8000/classify", "endpointNetworks": ["10.96.0.0/12"]}))]
    pub(crate) classifier: Classifier,
    /// From which score on a text is a hit, by label: `injection`, `jailbreak`, or a word of the classifier's. 0.9 for
    /// the first two where they are left out; any other label is held to that of `injection`.
    #[serde(default)]
    #[schemars(example = json!({"injection": 0.9, "jailbreak": 0.95}))]
    pub(crate) thresholds: BTreeMap<String, Threshold>,
    /// What happens when the classifier fails or is slow. Left out: `allow` where the guard audits, `deny` where it
    /// enforces.
    #[serde(default)]
    #[schemars(example = &"deny")]
    pub(crate) on_error: Option<OnError>,
}

/// Who judges a text.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(transform = conditions)]
pub(crate) struct Classifier {
    /// What kind of classifier it is.
    #[serde(default)]
    #[schemars(example = &"promptGuard", extend("default" = "promptGuard"))]
    pub(crate) r#type: ClassifierKind,
    /// Where it answers `POST {text}` with `{label, score, labels}`. Required, but for `rules`.
    #[serde(default)]
    #[schemars(with = "Option<text::HttpUrl>")]
    #[schemars(example = &"http://prompt-guard:8000/classify")]
    pub(crate) endpoint: Option<String>,
    /// Which model the classifier should use, where it has several.
    #[serde(default)]
    #[schemars(with = "Option<text::NotEmpty>")]
    #[schemars(example = &"prompt-guard-2-86m")]
    pub(crate) model: Option<String>,
    /// How the gateway identifies itself to the classifier.
    #[serde(default)]
    #[schemars(example = json!({"secretRef": {"name": "prompt-guard-token"}}))]
    pub(crate) auth: Option<Auth>,
    /// How long it may take over one text, in milliseconds; 2000 where it is left out. A classifier that is slower has
    /// failed, and `onError` says what that means.
    #[serde(default)]
    #[schemars(range(min = 1, max = 60_000))]
    #[schemars(example = 2000)]
    pub(crate) timeout_ms: Option<u32>,
    /// How many texts it is sent at once; 16 where it is left out.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1024))]
    #[schemars(example = 16)]
    pub(crate) max_concurrency: Option<u32>,
    /// Networks that the endpoint's name may lead to although they are not public, such as those of a cluster. Left out
    /// or empty: public addresses alone, and whatever an endpoint names that is an address itself or `localhost`.
    /// Addresses of a cloud's metadata service are never asked unless the endpoint is one.
    #[serde(default)]
    #[schemars(with = "Vec<text::Cidr>")]
    #[schemars(example = ["10.96.0.0/12"])]
    pub(crate) endpoint_networks: Vec<IpNet>,
    /// Rules of your own beside those that are built in. Only for `rules`.
    #[serde(default)]
    #[schemars(example = GuardRule::example())]
    pub(crate) rules: Vec<GuardRule>,
    /// Lists of words that patterns of these rules name. Only for `rules`.
    #[serde(default)]
    #[schemars(example = GuardWords::example())]
    pub(crate) words: Vec<GuardWords>,
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

/// A score between 0 and 1 from which on a text is a hit.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub(crate) struct Threshold(#[schemars(range(min = 0, max = 1))] pub(crate) f64);

/// What a failing classifier means for a request.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum OnError {
    /// The request passes.
    Allow,
    /// The request is refused.
    Deny,
}

impl GuardBinding {
    /// By label in small letters; of two that differ in capitals alone, the one that hits earlier.
    pub(crate) fn lowered_thresholds(&self) -> BTreeMap<String, PerMille> {
        let mut all: BTreeMap<String, PerMille> = BTreeMap::new();
        for (label, threshold) in &self.thresholds {
            let threshold = PerMille::of_fraction(threshold.0).unwrap_or(DEFAULT_THRESHOLD);
            let kept = all.entry(label.to_lowercase()).or_insert(threshold);
            *kept = threshold.min(*kept);
        }
        for label in ["injection", "jailbreak"] {
            all.entry(label.to_owned()).or_insert(DEFAULT_THRESHOLD);
        }
        all
    }
}

fn conditions(schema: &mut Schema) {
    let rules = json!({ "properties": { "type": { "const": "rules" } }, "required": ["type"] });
    let nothing_to_call = json!({
        "properties": {
            "endpoint": false, "model": false, "auth": false, "timeoutMs": false, "maxConcurrency": false,
            "endpointNetworks": false,
        },
    });
    let to_call = json!({ "required": ["endpoint"], "properties": { "rules": false, "words": false } });
    schema.insert("if".to_owned(), rules);
    schema.insert("then".to_owned(), nothing_to_call);
    schema.insert("else".to_owned(), to_call);
    cel::rules(
        schema,
        &[
            (
                "(has(self.type) && self.type == 'rules') || has(self.endpoint)",
                "endpoint is required where type is not rules",
            ),
            (
                "!has(self.type) || self.type != 'rules' || !(has(self.endpoint) || has(self.model) || has(self.auth) || has(self.timeoutMs) || has(self.maxConcurrency) || has(self.endpointNetworks))",
                "endpoint, model, auth, timeoutMs, maxConcurrency and endpointNetworks have no effect where type is rules",
            ),
            (
                "(has(self.type) && self.type == 'rules') || !(has(self.rules) || has(self.words))",
                "rules and words have no effect where type is not rules",
            ),
        ],
    );
}
