//! Accepted secrets of a principal, as digests.

use schemars::JsonSchema;
use serde::Deserialize;

use super::quantity::Moment;
use super::text;

/// One accepted secret, as a keyed digest: manifests can live in git.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Credential {
    /// The public part of the token: 12 letters and digits.
    #[schemars(with = "text::CredentialId")]
    pub(crate) id: String,
    /// `hmac-sha256:PEPPER:HEX`, printed by pai when it makes the token. Not the token.
    #[schemars(with = "text::CredentialDigest")]
    pub(crate) digest: String,
    /// Not accepted from this day (UTC) or time on: how a rotated secret ends.
    #[serde(default)]
    pub(crate) expires: Option<Moment>,
}
