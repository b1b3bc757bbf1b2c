//! What is wrong with one document by itself: the PAI02 rules.

use crate::diagnostic::{Diagnostic, Rule, Severity};
use crate::source::Span;

macro_rules! rules {
    ($($name:ident: $code:literal $slug:literal $title:literal, $why:literal, $fails:literal => $passes:literal;)*) => {
        $(pub(crate) static $name: Rule = Rule {
            code: $code,
            name: $slug,
            title: $title,
            severity: Severity::Error,
            explanation: $why,
            fails: $fails,
            passes: $passes,
            check: None,
        };)*
        /// All of them, by code.
        pub(crate) static RULES: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    UNKNOWN_KIND: "PAI0201" "unknown-kind" "the kind is not one of pai.io/v1",
        "A document with `apiVersion: pai.io/v1` must be a ModelProvider, an Agent, an AccessKey or a GuardBinding.",
        "apiVersion: pai.io/v1\nkind: ModelProvidr\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n" =>
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n";
    OLD_KIND: "PAI0202" "old-kind" "the kind was replaced",
        "ModelBinding became ModelProvider, and AgentWorkload became Agent. The help shows the new form.",
        "apiVersion: pai.io/v1\nkind: ModelBinding\nmetadata: {name: a}\nspec: {}\n" =>
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n";
    API_VERSION: "PAI0203" "api-version" "the apiVersion is missing or wrong",
        "Manifests of pai have `apiVersion: pai.io/v1`. Documents of other groups are ignored, so a slip in this line would \
         otherwise make a whole manifest disappear.",
        "apiVersion: pai.io/v2\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n" =>
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n";
    NO_KIND: "PAI0204" "no-kind" "the kind is missing",
        "A document with `apiVersion: pai.io/v1` must say of which kind it is.",
        "apiVersion: pai.io/v1\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n" =>
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n";
    UNKNOWN_FIELD: "PAI0205" "unknown-field" "there is no such field",
        "A misspelt field would otherwise be a rule that is not there. Remove it or correct its name; labels and annotations \
         in `metadata` take any key.",
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', maxTokenPerDay: 5}\n" =>
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', maxTokensPerDay: 5}\n";
    MISSING_FIELD: "PAI0206" "missing-field" "a required field is missing",
        "Some fields are always required, others because of another field, which is then shown as well.",
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm}\n" =>
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n";
    WRONG_TYPE: "PAI0207" "wrong-type" "the value is of another type",
        "A number in quotes is text, a list needs brackets or dashes, and a field without a value is null: remove the field \
         instead.",
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', maxTokensPerDay: lots}\n" =>
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', maxTokensPerDay: 5_000_000}\n";
    NOT_ONE_OF: "PAI0208" "not-one-of" "the value is not one of those allowed",
        "The field takes one of a few words, which the finding lists. Case counts.",
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vlm, endpoint: 'http://a/v1'}\n" =>
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n";
    WRONG_FORM: "PAI0209" "wrong-form" "the text has not the form that the field wants",
        "Names, model references, addresses, days and digests each have a form, which the finding describes.",
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: A_B}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n" =>
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a-b}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n";
    OUT_OF_RANGE: "PAI0210" "out-of-range" "the value is too small, too large, too short or too long",
        "A cap of zero would refuse everything: remove the resource, or deny its models, instead. Lists that must name \
         something may not be empty.",
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', maxTokensPerDay: 0}\n" =>
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', maxTokensPerDay: 1}\n";
    DOES_NOTHING: "PAI0211" "field-does-nothing" "the field has no effect beside another",
        "A field that does nothing misleads whoever reads it later, so it is refused. The other field is shown as well.",
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', apiVersion: '2024-10-21'}\n" =>
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n";
    UNREADABLE: "PAI0212" "unreadable-value" "the value cannot be used",
        "The value passes the schema and still cannot be used; the finding says why. An amount in US dollars, for example, \
         has at most six digits behind the point, and an integer has no point.",
        "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: b}\nspec: {models: [a/claude-haiku-4-5], rateLimits: {maxCostPerDayUSD: 0.12345678}}\n---\napiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: anthropic, apiKeySecretRef: {name: a-key}}\n" =>
        "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: b}\nspec: {models: [a/claude-haiku-4-5], rateLimits: {maxCostPerDayUSD: 0.123456}}\n---\napiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: anthropic, apiKeySecretRef: {name: a-key}}\n";
}

/// A mistake of ours, reported rather than hidden.
pub(super) fn internal(span: Span, why: &str) -> Diagnostic {
    Diagnostic::new(&UNREADABLE, span, format!("the manifest cannot be checked: {why}"))
        .help("this is a mistake in pai; please report it")
}
