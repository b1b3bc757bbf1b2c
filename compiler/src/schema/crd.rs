//! The kinds as Kubernetes `CustomResourceDefinition`s, for clusters that keep manifests as resources.

use std::fmt::Write;

use serde_json::{Value, json};

use super::subject::Subject;
use crate::manifest::{API_VERSION, AccessKey, Agent, GuardBinding, Kind, ModelProvider, Spec};

mod structural;

/// What a kind is called in a cluster.
pub(super) struct Names {
    pub(super) plural: &'static str,
    pub(super) singular: &'static str,
    /// Other names that `kubectl get` takes: those of `pai get`, and an abbreviation.
    pub(super) short: [&'static str; 3],
}

/// The names of a kind.
pub(super) fn names(kind: Kind) -> Names {
    let (plural, singular, short) = match kind {
        Kind::ModelProvider => {
            ("modelproviders", "modelprovider", ["model-providers", "model-provider", "mp"])
        }
        Kind::Agent => ("agents", "agent", ["pai-agents", "pai-agent", "pag"]),
        Kind::AccessKey => ("accesskeys", "accesskey", ["access-keys", "access-key", "ak"]),
        Kind::GuardBinding => ("guardbindings", "guardbinding", ["guard-bindings", "guard-binding", "gb"]),
    };
    Names { plural, singular, short }
}

/// A column of `kubectl get`.
struct Column(&'static str, &'static str, &'static str, &'static str);

/// The columns of a kind, as `pai get` has them; NAME comes by itself.
fn columns(kind: Kind) -> &'static [Column] {
    match kind {
        Kind::ModelProvider => &[
            Column("Provider", "string", ".spec.provider", "Kind of service."),
            Column("Endpoint", "string", ".spec.endpoint", "Base URL, where it is not the kind's own."),
            Column("Max/Day", "integer", ".spec.maxTokensPerDay", "Tokens per UTC day."),
        ],
        Kind::Agent => &[
            Column("Primary", "string", ".spec.models[0]", "The model that is asked first."),
            Column("Max/Day", "integer", ".spec.tokens.maxPerDay", "Tokens per UTC day."),
        ],
        Kind::AccessKey => &[
            Column("Providers", "string", ".spec.providers", "Providers that the key opens."),
            Column("Max/Day", "integer", ".spec.maxTokensPerDay", "Tokens per UTC day."),
            Column("Expires", "string", ".spec.expires", "When the key ends."),
        ],
        Kind::GuardBinding => &[
            Column("Classifier", "string", ".spec.classifier.type", "Who judges a text."),
            Column("Endpoint", "string", ".spec.classifier.endpoint", "Where the classifier answers."),
        ],
    }
}

/// The definitions as one YAML file with a document for each kind.
pub fn definitions(subject: Subject) -> Result<String, serde_yaml::Error> {
    let mut text = String::new();
    for kind in subject.kinds() {
        let definition = match kind {
            Kind::ModelProvider => definition::<ModelProvider>(),
            Kind::Agent => definition::<Agent>(),
            Kind::AccessKey => definition::<AccessKey>(),
            Kind::GuardBinding => definition::<GuardBinding>(),
        };
        let separator = if text.is_empty() { "" } else { "---\n" };
        let _ = write!(text, "{separator}{}", serde_yaml::to_string(&definition)?);
    }
    Ok(text)
}

fn definition<S: Spec>() -> Value {
    let names = names(S::KIND);
    let (group, version) = API_VERSION.split_once('/').unwrap_or((API_VERSION, "v1"));
    let age = Column("Age", "date", ".metadata.creationTimestamp", "Time since the resource was made.");
    let columns: Vec<Value> = columns(S::KIND)
        .iter()
        .chain([&age])
        .map(|Column(name, kind, path, about)| {
            json!({ "name": name, "type": kind, "jsonPath": path, "description": about })
        })
        .collect();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{}.{group}", names.plural) },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {
                "kind": S::NAME,
                "listKind": format!("{}List", S::NAME),
                "plural": names.plural,
                "singular": names.singular,
                "shortNames": names.short,
                "categories": ["pai"],
            },
            "versions": [{
                "name": version,
                "served": true,
                "storage": true,
                "schema": { "openAPIV3Schema": structural::schema::<S>() },
                "additionalPrinterColumns": columns,
            }],
        },
    })
}
