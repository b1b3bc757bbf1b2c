//! What is wrong with authors' Cedar: the PAI04 rules.

use crate::diagnostic::{Rule, Severity};

macro_rules! rules {
    ($($name:ident: $code:literal $slug:literal $title:literal, $why:literal, $severity:ident $fails:literal => $passes:literal;)*) => {
        $(pub(crate) static $name: Rule = Rule {
            code: $code,
            name: $slug,
            title: $title,
            severity: Severity::$severity,
            explanation: $why,
            fails: $fails,
            passes: $passes,
            check: None,
        };)*
        /// All of them that text can bring about, by code.
        pub(crate) static RULES: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    SYNTAX: "PAI0401" "cedar-syntax" "the text is not Cedar",
        "The Cedar parser stopped here. A missing `;` is noticed at the next policy or at the end of the file.",
        Error "forbid (principal, action, resource) when { context.external }" =>
        "forbid (principal, action, resource) when { context.external };";
    INVALID: "PAI0402" "cedar-invalid" "the policy does not fit the vocabulary",
        "Policies are checked strictly against `schemas/pai.cedarschema`: entity types, actions, attributes, fields of the context and \
         their types. Optional attributes need a `has` test before they are read.",
        Error "forbid (principal, action, resource) when { context.tokens > 5 };" =>
        "forbid (principal, action, resource) when { context.tokensRequested > 5 };";
    CAN_FAIL: "PAI0403" "cedar-can-fail" "the policy computes, and computing can fail",
        "`+`, `-`, `*`, `offset` and `durationSince` overflow for large numbers, which callers can bring about. Cedar skips a policy that \
         fails; the gateway then refuses the request. Compare the sums in `context.after` instead.",
        Error "forbid (principal, action, resource) when { context.tokensRequested * 2 > 100000 };" =>
        "forbid (principal, action, resource) when { context.tokensRequested > 50000 };";
    PERMIT: "PAI0404" "cedar-permit" "a permit has no effect",
        "Every refusal is an explicit forbid, so a permit cannot open anything: manifests grant, policies narrow. A permit that does \
         nothing would mislead its readers.",
        Error "permit (principal, action, resource) when { context.external };" =>
        "forbid (principal, action, resource) unless { context.external };";
    TEMPLATE: "PAI0405" "cedar-template" "a template is never used",
        "Slots (`?principal`, `?resource`) are filled by programs that link templates; a bundle has none.",
        Error "forbid (principal == ?principal, action, resource);" =>
        "forbid (principal == Agent::\"default/coder\", action, resource);";
    DUPLICATE_ID: "PAI0406" "cedar-id" "the policy's id is taken",
        "A policy's `@id` names it in refusals, records and tests, so each is used once, and ids that begin with `base/` or a kind are \
         for the rules that pai makes.",
        Error "@id(\"office-hours\")\nforbid (principal, action, resource) when { context.external };\n@id(\"office-hours\")\nforbid (principal, action, resource) when { !context.ipAllowed };" =>
        "@id(\"office-hours\")\nforbid (principal, action, resource) when { context.external };\n@id(\"office-network\")\nforbid (principal, action, resource) when { !context.ipAllowed };";
    NEVER: "PAI0407" "cedar-never" "the policy can never apply",
        "No request fits the policy's scope and condition. A rule that never applies is a mistake, or a rule to delete.",
        Error "forbid (principal, action, resource) when { false };" =>
        "forbid (principal, action, resource) when { context.external };";
    SUSPICIOUS: "PAI0408" "cedar-suspicious" "the policy is not what it seems",
        "Text in mixed scripts, or with characters that change the direction of writing, can read as something else than it is. An \
         action that applies to nothing in the scope does nothing.",
        Warning "forbid (principal, action, resource) when { context.model == \"cl\u{0430}ude\" };" =>
        "forbid (principal, action, resource) when { context.model == \"claude\" };";
    ABSENT: "PAI0409" "cedar-absent" "the policy names something that is not there",
        "A forbid about an agent, key, provider, model or namespace that no manifest has never matches, and nothing would tell. A model \
         that no manifest names is decided as its provider's placeholder: compare its id, `context.model`, which is always the one that \
         will be asked for.",
        Error "forbid (principal, action, resource == Model::\"default/anthropic/claude-opus-4-1\");" =>
        "forbid (principal, action, resource) when { context.model like \"claude-opus-*\" };";
    NO_SUCH_NAME: "PAI0410" "cedar-no-such-name" "the policy compares a name that nothing has",
        "`name` and `kind` are compared with text, and nothing in the workspace has this one, so the comparison always comes out the same. \
         Names of agents, keys and providers have their namespace before them: `default/reviewer`. `context.guard.hits` has \
         names of attached guards with what they read: `default/injection/prompts`.",
        Warning "forbid (principal is Agent, action, resource) when { principal.name == \"reviewer\" };" =>
        "forbid (principal is Agent, action, resource) when { principal.name == \"default/reviewer\" };";
    PATTERN: "PAI0411" "cedar-not-a-pattern" "a pattern is compared letter by letter",
        "`==` and ids of entities take `*` for a star, and an address never equals a network, so the rule would let through what it was \
         written to refuse. `like` takes `*` for anything, and `isInRange` looks whether an address is in a network.",
        Error "forbid (principal, action, resource) when { context.model == \"claude-opus-*\" };" =>
        "forbid (principal, action, resource) when { context.model like \"claude-opus-*\" };";
    ANNOTATION: "PAI0412" "cedar-annotation" "the annotation is none that rules of your own can have",
        "Refusals are made from `@id`, `@reason`, `@help`, `@code` and `@kind` (`credential`, `permission`, `size` or `budget`). A slip \
         in one would leave callers without the reason. `@source`, `@field` and `@subject` would have a refusal name a line of a \
         manifest that did not decide, so only rules that pai makes have them.",
        Error "@reson(\"not from outside\")\nforbid (principal, action, resource) when { context.external };" =>
        "@reason(\"not from outside\")\nforbid (principal, action, resource) when { context.external };";
}

/// A policy of ours that is not valid: not in the table, because no input may bring it about.
pub(crate) static INTERNAL: Rule = Rule {
    code: "PAI0499",
    name: "internal",
    title: "pai made an invalid policy",
    severity: Severity::Error,
    explanation: "A policy that pai made from a manifest is not valid. That is a mistake in pai: please report it with the manifest.",
    fails: "",
    passes: "",
    check: None,
};
