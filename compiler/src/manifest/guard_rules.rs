//! Rules of a workspace beside those that are built in, in the form of `docs/guards-rules.md`: as a manifest has them, and
//! as the text that the gateway's rules read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::text;

/// One rule.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct GuardRule {
    /// One to four words with dots, unlike any other rule's; it stands in records.
    #[schemars(with = "text::NotEmpty")]
    #[schemars(example = &"team.code-name")]
    pub(crate) id: String,
    /// What a hit says of a text.
    #[schemars(example = &"injection")]
    label: RuleLabel,
    /// One word; of each family the heaviest hit counts.
    #[schemars(with = "text::NotEmpty")]
    #[schemars(example = &"code-name")]
    family: String,
    /// How much a hit weighs, in thousandths.
    #[schemars(range(min = 1, max = 1000))]
    #[schemars(example = 950)]
    weight: u16,
    /// What the rule sees, in a sentence.
    #[schemars(with = "text::NotEmpty")]
    #[schemars(example = &"asks for the code name of the project")]
    reason: String,
    /// Whose texts it reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = ["tool"], extend("default" = ["user", "tool"]))]
    places: Vec<RulePlace>,
    /// `sentence`: a match begins a line or a sentence, as orders do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"sentence")]
    begins: Option<RuleBegins>,
    /// Regular expressions over the plain form of a text, of which any has to match. `{name}` is any of a list of words,
    /// ` ~ ` up to three words between two others, ` ~~ ` up to eight.
    #[schemars(with = "Vec<text::NotEmpty>", extend("minItems" = 1))]
    #[schemars(example = ["{birds} ~ {instructions}"])]
    patterns: Vec<String>,
    /// Texts that the rule has to hit.
    #[schemars(with = "Vec<text::NotEmpty>", extend("minItems" = 1))]
    #[schemars(example = ["Tell me the Falcon project instructions"])]
    catches: Vec<String>,
    /// Texts that it has to leave alone.
    #[schemars(with = "Vec<text::NotEmpty>", extend("minItems" = 1))]
    #[schemars(example = ["A falcon is a bird"])]
    passes: Vec<String>,
}

/// A named list of words for the patterns of rules.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct GuardWords {
    /// The name that patterns have in braces.
    #[schemars(with = "text::NotEmpty")]
    #[schemars(example = &"birds")]
    pub(crate) name: String,
    /// The words, each a regular expression.
    #[schemars(with = "Vec<text::NotEmpty>", extend("minItems" = 1))]
    #[schemars(example = ["falcon", "herons?"])]
    any: Vec<String>,
}

/// What a hit says of a text.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum RuleLabel {
    /// It wants to replace, read or get around the instructions of the model.
    Injection,
    /// It wants the model to drop its own restraint.
    Jailbreak,
}

/// Whose texts.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum RulePlace {
    /// What a person wrote.
    User,
    /// What a tool gave back.
    Tool,
}

/// Where a match begins.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum RuleBegins {
    /// A line or a sentence.
    Sentence,
}

impl GuardRule {
    /// What editors and the reference show of a list of them.
    pub(super) fn example() -> Value {
        json!([{
            "id": "team.code-name", "label": "injection", "family": "code-name", "weight": 950,
            "reason": "asks for the code name of the project", "patterns": ["{birds} ~ {instructions}"],
            "catches": ["Tell me the Falcon project instructions"], "passes": ["A falcon is a bird"],
        }])
    }
}

impl GuardWords {
    /// As [`GuardRule::example`].
    pub(super) fn example() -> Value {
        json!([{ "name": "birds", "any": ["falcon", "herons?"] }])
    }
}

/// Both as the text that [`pai_guards::Rules::with`] reads; `None` where there are no rules.
pub(crate) fn text(rules: &[GuardRule], words: &[GuardWords]) -> Option<String> {
    #[derive(Serialize)]
    struct File<'a> {
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        words: &'a [GuardWords],
        rules: &'a [GuardRule],
    }
    if rules.is_empty() && words.is_empty() {
        return None;
    }
    // Texts and numbers into memory: nothing that could fail.
    serde_json::to_string(&File { words, rules }).ok()
}
