//! The kinds of manifest as types. From here come the JSON Schemas, so every doc comment on a field is what an
//! editor shows when the field is hovered.

use std::sync::Arc;

use pai_bundle::name::{DEFAULT_NAMESPACE, Name, QualifiedName};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(crate) mod cel;
pub(crate) mod text;
pub(crate) mod quantity;
pub(crate) mod secret_ref;
pub(crate) mod credential;
pub(crate) mod guard_use;
pub(crate) mod model_provider;
pub(crate) mod agent;
pub(crate) mod workload;
pub(crate) mod access_key;
pub(crate) mod guard_rules;
pub(crate) mod guard_binding;
pub(crate) mod identity;
pub(crate) mod legacy;

pub(crate) use access_key::AccessKey;
pub(crate) use agent::Agent;
pub(crate) use guard_binding::GuardBinding;
pub(crate) use model_provider::{ModelInfo, ModelProvider, Prices, ResponsesApi, UnboundedRequests};

use crate::source::Span;
use crate::source::tree::Document;

/// The `apiVersion` of every manifest.
pub(crate) const API_VERSION: &str = "pai.io/v1";

/// The kinds, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An upstream, its models and its limits.
    ModelProvider,
    /// A workload that calls models.
    Agent,
    /// External use by a person, a laptop, a CI job.
    AccessKey,
    /// A check of what is sent and answered.
    GuardBinding,
}

impl Kind {
    /// All of them, in the order in which lists show them.
    pub const ALL: [Self; 4] = [Self::ModelProvider, Self::Agent, Self::AccessKey, Self::GuardBinding];

    /// As manifests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ModelProvider => ModelProvider::NAME,
            Self::Agent => Agent::NAME,
            Self::AccessKey => AccessKey::NAME,
            Self::GuardBinding => GuardBinding::NAME,
        }
    }

    /// The name in commands and of files.
    pub fn slug(self) -> &'static str {
        match self {
            Self::ModelProvider => "model-provider",
            Self::Agent => "agent",
            Self::AccessKey => "access-key",
            Self::GuardBinding => "guard-binding",
        }
    }
}

/// The `spec` of a kind.
pub(crate) trait Spec: DeserializeOwned + JsonSchema {
    const KIND: Kind;
    const NAME: &'static str;
    /// What the kind is for; the schema's description.
    const ABOUT: &'static str;

    /// A spec to start from.
    fn example() -> Value;
}

/// What a resource is called and how people sort it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Metadata {
    /// The name by which other manifests refer to the resource: lower-case letters, digits, `-` and `.`.
    #[schemars(with = "text::ResourceName")]
    #[schemars(example = &"anthropic")]
    pub(crate) name: Name,
    /// Resources refer to each other within one namespace only. `default` where it is left out.
    #[serde(default)]
    #[schemars(with = "Option<text::ResourceName>")]
    #[schemars(example = &"default", extend("default" = "default"))]
    pub(crate) namespace: Option<Name>,
    /// For people and other tools; nothing here depends on them.
    #[serde(default)]
    #[expect(dead_code, reason = "accepted for people and other tools")]
    #[schemars(example = json!({"team": "search"}))]
    labels: BTreeMap<String, String>,
    /// For people and other tools; nothing here depends on them.
    #[serde(default)]
    #[expect(dead_code, reason = "accepted for people and other tools")]
    #[schemars(example = json!({"owner": "platform@example.com"}))]
    annotations: BTreeMap<String, String>,
}

/// A whole manifest, as serde sees it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest<S> {
    pub(crate) metadata: Metadata,
    pub(crate) spec: S,
}

/// A manifest that was read, with the document it came from.
#[derive(Debug, Clone)]
pub(crate) struct Resource<S> {
    pub(crate) name: QualifiedName,
    pub(crate) spec: S,
    pub(crate) document: Arc<Document>,
}

impl<S: Spec> Resource<S> {
    pub(crate) fn new(manifest: Manifest<S>, document: Arc<Document>) -> Option<Self> {
        let namespace = match manifest.metadata.namespace {
            Some(namespace) => namespace,
            None => DEFAULT_NAMESPACE.parse().ok()?,
        };
        let name = QualifiedName::new(namespace, manifest.metadata.name);
        Some(Self { name, spec: manifest.spec, document })
    }

    /// The place of the value at a JSON pointer.
    pub(crate) fn at(&self, pointer: &str) -> Span {
        self.document.span(pointer)
    }

    /// The place of `metadata.name`.
    pub(crate) fn name_span(&self) -> Span {
        self.at("/metadata/name")
    }
}
