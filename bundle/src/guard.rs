//! Guards: what judges a text, who attaches it to what is read, and the names by which policies know what was found.

use std::collections::BTreeMap;
use std::fmt;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::name::QualifiedName;
use crate::origin::Places;
use crate::pattern::Pattern;
use crate::provider::SecretRef;

/// A score from which on a text is a hit, where the manifest says nothing.
pub const DEFAULT_THRESHOLD: PerMille = PerMille(900);

/// How long a classifier may take, where the manifest says nothing.
pub const DEFAULT_TIMEOUT_MS: u64 = 2_000;

/// How many requests a classifier is sent at once, where the manifest says nothing.
pub const DEFAULT_MAX_CONCURRENCY: u32 = 16;

/// A score or a threshold in thousandths, 0 to 1000: Cedar has no fractions, and no sum of them is ever made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PerMille(pub u16);

impl PerMille {
    /// The nearest one to a fraction, which is brought between 0 and 1; nothing that is no number.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and 1000")]
    pub fn of_fraction(fraction: f64) -> Option<Self> {
        (!fraction.is_nan()).then(|| Self((fraction.clamp(0.0, 1.0) * 1000.0).round() as u16))
    }
}

impl fmt::Display for PerMille {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// A `GuardBinding`: a classifier, and when a text is a hit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GuardBinding {
    /// Namespace and name.
    pub name: QualifiedName,
    /// Who judges.
    pub classifier: Classifier,
    /// By label, in small letters; `injection` and `jailbreak` are always there. A label without one is held to that of
    /// `injection`.
    pub thresholds: BTreeMap<String, PerMille>,
    /// What a failing classifier means; `None` where the manifest leaves it to the enforcement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_error: Option<OnError>,
    /// Where it was written.
    pub places: Places,
}

impl GuardBinding {
    /// From which score on a text with that label is a hit.
    #[must_use]
    pub fn threshold(&self, label: &str) -> PerMille {
        let of = |label: &str| self.thresholds.get(label).copied();
        of(&label.to_lowercase()).or_else(|| of("injection")).unwrap_or(DEFAULT_THRESHOLD)
    }

    /// What a failing classifier means where it is attached with that enforcement.
    #[must_use]
    pub fn on_error(&self, enforcement: Enforcement) -> OnError {
        self.on_error.unwrap_or(match enforcement {
            Enforcement::Enforce => OnError::Deny,
            Enforcement::Audit => OnError::Allow,
        })
    }
}

/// Who judges a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields, rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Classifier {
    /// The rules that are built into the gateway.
    Rules {
        /// Rules of the workspace beside them, in the form of `docs/guards-rules.md`; JSON, which is YAML.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rules: Option<String>,
    },
    /// A Prompt Guard model over HTTP, which reads 512 tokens at a time.
    PromptGuard(Remote),
    /// A Llama Guard model over HTTP.
    LlamaGuard(Remote),
    /// A service of the operator's over HTTP.
    Custom(Remote),
}

impl Classifier {
    /// As manifests write its `type`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Rules { .. } => "rules",
            Self::PromptGuard(_) => "promptGuard",
            Self::LlamaGuard(_) => "llamaGuard",
            Self::Custom(_) => "custom",
        }
    }

    /// How it is reached; `None` where it is built in.
    #[must_use]
    pub fn remote(&self) -> Option<&Remote> {
        match self {
            Self::Rules { .. } => None,
            Self::PromptGuard(remote) | Self::LlamaGuard(remote) | Self::Custom(remote) => Some(remote),
        }
    }
}

/// A classifier over HTTP: `POST {text}` to `{label, score, labels}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Remote {
    /// Where.
    pub endpoint: String,
    /// Which model it should use, where it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The secret that is sent as a bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<SecretRef>,
    /// How long one text may take, in milliseconds.
    pub timeout_ms: u64,
    /// How many texts it is sent at once.
    pub max_concurrency: u32,
    /// Networks that the endpoint's name may lead to besides public ones. An endpoint that is an address, or a name of
    /// this machine, names its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoint_networks: Vec<IpNet>,
}

/// What a failing classifier means for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnError {
    /// The request passes.
    Allow,
    /// The request is refused.
    Deny,
}

/// What a guard reads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Scan {
    /// User turns.
    #[serde(default)]
    pub prompts: bool,
    /// Assistant turns of the answer.
    #[serde(default)]
    pub responses: bool,
    /// Instructions that stand before the conversation.
    #[serde(default)]
    pub system: bool,
    /// Results of these tools; `*` stands for any characters.
    #[serde(default)]
    pub tool_results: Vec<String>,
}

impl Scan {
    /// All that is read, in a fixed order.
    pub fn targets(&self) -> impl Iterator<Item = Target<'_>> {
        let plain = [
            (self.prompts, Target::Prompts),
            (self.system, Target::System),
            (self.responses, Target::Responses),
        ];
        let plain = plain.into_iter().filter_map(|(is_read, target)| is_read.then_some(target));
        plain.chain(self.tool_results.iter().map(|tool| Target::ToolResults(tool)))
    }

    /// Whether whatever the target names is read here too.
    #[must_use]
    pub fn reads(&self, target: Target<'_>) -> bool {
        match target {
            Target::Prompts => self.prompts,
            Target::System => self.system,
            Target::Responses => self.responses,
            Target::ToolResults(tool) => {
                let tool = Pattern::new(tool);
                self.tool_results.iter().any(|own| Pattern::new(own).covers(&tool))
            }
        }
    }
}

/// One thing that a guard reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target<'a> {
    /// User turns.
    Prompts,
    /// Instructions before the conversation.
    System,
    /// Results of the tools whose names match.
    ToolResults(&'a str),
    /// The answer.
    Responses,
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prompts => f.write_str("prompts"),
            Self::System => f.write_str("system"),
            Self::ToolResults(tool) => write!(f, "toolResults/{tool}"),
            Self::Responses => f.write_str("responses"),
        }
    }
}

/// What a hit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enforcement {
    /// The request is refused.
    Enforce,
    /// The request passes and the hit is recorded.
    Audit,
}

/// One attachment of a guard to a provider or an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GuardUse {
    /// The `GuardBinding`'s name, of the same namespace.
    pub binding: String,
    /// What it reads.
    pub scan: Scan,
    /// What a hit does.
    pub enforcement: Enforcement,
}

/// The name by which `context.guard.hits` and `context.guard.failures` know that a binding found something in a target,
/// or could not judge it: `namespace/binding/prompts`, `namespace/binding/toolResults/mcp__*`.
#[must_use]
pub fn flag(binding: &QualifiedName, target: Target<'_>) -> String {
    format!("{binding}/{target}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_thousandths_whatever_number_comes() {
        for (fraction, thousandths) in
            [(0.9, 900), (0.123_456, 123), (-1.0, 0), (7.0, 1000), (f64::INFINITY, 1000)]
        {
            assert_eq!(PerMille::of_fraction(fraction), Some(PerMille(thousandths)));
        }
        assert_eq!(PerMille::of_fraction(f64::NAN), None);
    }
}
