//! Model providers, with the columns of the public documentation (providers/anthropic).

use pai_bundle::limit::Scope;
use pai_compiler::schema;

use super::kinds::{AGE, Column, Kind, LAST_USED, SOURCE, Seen};

pub(super) const KIND: Kind = Kind {
    of: schema::Kind::ModelProvider,
    plural: "model-providers",
    also: &["provider", "providers"],
    scope: Some(Scope::Provider),
    columns: &[
        Column::new("PROVIDER", |seen| seen.text("/spec/provider")),
        Column::new("ENDPOINT", |seen| seen.text("/spec/endpoint")),
        Column::new("MAX/DAY", |seen| seen.text("/spec/maxTokensPerDay")),
        LAST_USED,
        AGE,
        Column::wide("MAX/REQUEST", |seen| seen.text("/spec/maxTokensPerRequest")),
        Column::wide("EXTERNAL", external),
        Column::wide("SECRET", |seen| seen.text("/spec/apiKeySecretRef/name")),
        SOURCE,
    ],
};

/// Whether access keys may use it, and how much a day.
fn external(seen: &Seen<'_>) -> String {
    match (
        seen.text("/spec/externalAccess/enabled").as_str(),
        seen.text("/spec/externalAccess/maxTokensPerDay"),
    ) {
        ("true", limit) if limit.is_empty() => "yes".to_owned(),
        ("true", limit) => format!("{limit}/day"),
        _ => "no".to_owned(),
    }
}
