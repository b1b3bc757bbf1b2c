//! Accepted secrets of a principal, as digests.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::quantity::Moment;
use super::text;

/// Stands in examples; nobody has this token.
const EXAMPLE_ID: &str = "000000000000";

/// One accepted secret, as a keyed digest: manifests can live in git.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Credential {
    /// The public part of the token: 12 letters and digits.
    #[schemars(with = "text::CredentialId")]
    #[schemars(example = EXAMPLE_ID)]
    pub(crate) id: String,
    /// `hmac-sha256:PEPPER:HEX`, printed by pai when it makes the token. Not the token.
    #[schemars(with = "text::CredentialDigest")]
    #[schemars(example = example_digest())]
    pub(crate) digest: String,
    /// Not accepted from this day (UTC) or time on: how a rotated secret ends.
    #[serde(default)]
    #[schemars(example = &"2027-01-31", example = &"2027-01-31T18:00:00Z")]
    pub(crate) expires: Option<Moment>,
}

impl Credential {
    /// What editors and the reference show of a list of them.
    pub(super) fn example() -> Value {
        json!([{ "id": EXAMPLE_ID, "digest": example_digest() }])
    }
}

fn example_digest() -> String {
    format!("hmac-sha256:{:0>8}:{:0>64}", 0, 0)
}
