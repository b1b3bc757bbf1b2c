//! References to secrets. No manifest holds a secret itself.

use schemars::JsonSchema;
use serde::Deserialize;

use super::text;

/// Names a Secret, never holds one.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SecretRef {
    /// The Secret's name, as `pai add secret NAME` made it.
    #[schemars(with = "text::ResourceName")]
    #[schemars(example = &"anthropic-key")]
    pub(crate) name: String,
    /// Which key of the Secret.
    #[serde(default = "default_key")]
    #[schemars(with = "text::NotEmpty", default = "default_key")]
    #[schemars(example = &"api-key")]
    pub(crate) key: String,
}

fn default_key() -> String {
    "api-key".to_owned()
}
