//! Names of things, checked once where they enter: namespaces, resources, models, policies. Decisions copy and compare
//! them all the time, so those of up to 23 bytes, which nearly all are, stand where they are used, without an allocation.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, SmolStrBuilder};

/// The namespace of a manifest that names none.
pub const DEFAULT_NAMESPACE: &str = "default";

/// Longest resource name, as in Kubernetes (RFC 1123 subdomain).
const NAME_MAX_CHARS: usize = 253;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Empty text.
    #[error("a name cannot be empty")]
    Empty,
    /// Longer than Kubernetes allows.
    #[error("a name has at most {NAME_MAX_CHARS} characters")]
    TooLong,
    /// A character outside of lower-case letters, digits, `-` and `.`, or one of the last two at an end.
    #[error(
        "`{0}` is not a name: use lower-case letters, digits, `-` and `.`, and start and end with a letter or digit"
    )]
    Shape(String),
    /// A model reference without a `/`.
    #[error("`{0}` is not a model reference: write `provider/model`")]
    NoSlash(String),
    /// Nothing after the `/` of a model reference, or an unprintable character in the model's name.
    #[error("`{0}` names no model after the `/`")]
    NoModel(String),
    /// A qualified name that is not `namespace/name`.
    #[error("`{0}` is not a qualified name: write `namespace/name`")]
    NotQualified(String),
}

/// A resource's or namespace's name: an RFC 1123 subdomain, as Kubernetes has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(SmolStr);

impl Name {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > NAME_MAX_CHARS {
            return Err(NameError::TooLong);
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let inner = text.chars().all(|c| plain(c) || c == '-' || c == '.');
        if inner && text.starts_with(plain) && text.ends_with(plain) {
            Ok(Self(SmolStr::new(text)))
        } else {
            Err(NameError::Shape(text.to_owned()))
        }
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.into()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `namespace/name`: what tells one resource of a kind from every other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct QualifiedName {
    /// The namespace.
    pub namespace: Name,
    /// The name within it.
    pub name: Name,
}

impl QualifiedName {
    /// Puts the two parts together.
    pub fn new(namespace: Name, name: Name) -> Self {
        Self { namespace, name }
    }

    /// As text, without an allocation where it is short.
    pub fn to_text(&self) -> SmolStr {
        let mut text = SmolStrBuilder::new();
        text.push_str(self.namespace.as_str());
        text.push('/');
        text.push_str(self.name.as_str());
        text.finish()
    }
}

impl FromStr for QualifiedName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (namespace, name) =
            text.split_once('/').ok_or_else(|| NameError::NotQualified(text.to_owned()))?;
        Ok(Self { namespace: namespace.parse()?, name: name.parse()? })
    }
}

impl TryFrom<String> for QualifiedName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<QualifiedName> for String {
    fn from(name: QualifiedName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for QualifiedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Written by pieces, and not by a format: every decision record has several.
        f.write_str(self.namespace.as_str())?;
        f.write_str("/")?;
        f.write_str(self.name.as_str())
    }
}

/// Things by their qualified names, which come from manifests: nobody can choose many that collide.
pub type ByName<V> = HashMap<QualifiedName, V, foldhash::fast::RandomState>;

/// What a provider calls a model: any printable text without spaces, slashes included
/// (`meta-llama/llama-3.1-70b-instruct`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelId(SmolStr);

impl ModelId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ModelId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let printable = text.chars().all(|c| !c.is_whitespace() && !c.is_control());
        if text.is_empty() || !printable {
            return Err(NameError::NoModel(text.to_owned()));
        }
        Ok(Self(SmolStr::new(text)))
    }
}

impl TryFrom<String> for ModelId {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<ModelId> for String {
    fn from(model: ModelId) -> Self {
        model.0.into()
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `provider/model` as manifests write it; the provider is one of the same namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelRef {
    /// `metadata.name` of the `ModelProvider`, not its kind.
    pub provider: Name,
    /// The provider's own id of the model.
    pub model: ModelId,
}

impl FromStr for ModelRef {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (provider, model) = text.split_once('/').ok_or_else(|| NameError::NoSlash(text.to_owned()))?;
        let model = model.parse().map_err(|_| NameError::NoModel(text.to_owned()))?;
        Ok(Self { provider: provider.parse()?, model })
    }
}

impl TryFrom<String> for ModelRef {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<ModelRef> for String {
    fn from(model: ModelRef) -> Self {
        model.to_string()
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

/// A policy's stable id: `base/RULE`, `ModelProvider/NAMESPACE/NAME/FIELD` or `policies/FILE.cedar#ID`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PolicyId(String);

impl PolicyId {
    /// Takes the id as it is; ids are made by the compiler, never by a caller.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PolicyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_kubernetes() {
        for good in ["a", "alice-laptop", "v1.2", "0"] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "Alice", "a_b", "a/b", "ä"] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_model_id_may_contain_slashes() {
        let model: ModelRef = "openrouter/meta-llama/llama-3.1-70b-instruct".parse().expect("a reference");
        assert_eq!(model.provider.as_str(), "openrouter");
        assert_eq!(model.model.as_str(), "meta-llama/llama-3.1-70b-instruct");
    }

    #[test]
    fn a_model_reference_needs_both_parts() {
        for bad in ["claude", "/claude", "anthropic/", "anthropic/a b"] {
            assert!(bad.parse::<ModelRef>().is_err(), "{bad}");
        }
    }
}
