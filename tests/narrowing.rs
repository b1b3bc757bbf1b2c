//! Authors' rules only ever narrow, and none of them fails open: each hole is shown with the compiler's check left out,
//! and the compiler refuses the rule that has it.

use pai_bundle::Bundle;
use pai_bundle::guard::PerMille;
use pai_bundle::name::PolicyId;
use pai_bundle::origin::Origin;
use pai_bundle::policy::Policy;
use pai_bundle::unit::{Tokens, UnixSeconds};
use pai_compiler::inspect::{Answer, Question, Who, World};
use pai_compiler::{Compiled, Sources, compile};
use proptest::prelude::*;

const MANIFESTS: &str = "\
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: anthropic}
spec:
  provider: anthropic
  apiKeySecretRef: {name: anthropic-key}
  externalAccess: {enabled: true}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: coder}
spec: {models: [anthropic/claude-sonnet-4-6, anthropic/claude-haiku-4-5], guards: [{binding: injection, scan: {prompts: true}, enforcement: audit}]}
---
apiVersion: pai.io/v1
kind: GuardBinding
metadata: {name: injection}
spec: {classifier: {type: rules}}
---
apiVersion: pai.io/v1
kind: AccessKey
metadata: {name: laptop}
spec: {providers: [anthropic]}
";

fn compiled(rules: &str) -> Compiled {
    compile(&Sources::new([("manifests.yaml", MANIFESTS), ("policies/house.cedar", rules)]))
}

/// The workspace with a rule that nothing has checked.
fn unchecked(rule: &str) -> World {
    let mut bundle = compiled("").bundle.expect("a bundle");
    bundle.authored_policies.push(authored(rule));
    World::new(bundle).expect("a world")
}

fn authored(rule: &str) -> Policy {
    let origin = Origin { file: "policies/house.cedar".into(), line: 1, column: 1, field: String::new() };
    Policy { id: PolicyId::new("house"), origin, text: rule.into() }
}

/// 2026-11-23T12:00:00Z.
const NOON: UnixSeconds = UnixSeconds(1_795_435_200);

fn laptop(model: &str, tokens: u64) -> Question {
    let who = Who::AccessKey("default/laptop".parse().expect("a name"));
    Question { tokens: Tokens(tokens), ..Question::new(who, model, NOON) }
}

fn coder(model: &str) -> Question {
    Question::new(Who::Agent("default/coder".parse().expect("a name")), model, NOON)
}

fn flagged(flag: &str) -> Question {
    let mut question = coder("default");
    question.guard.hits.insert(flag.to_owned());
    question.guard.prompts.raise("injection", PerMille(930));
    question
}

/// Rules that were written to refuse a request, and would let it through if nobody looked: what is asked, the rule, the
/// code that it gets.
fn blind() -> Vec<(Question, &'static str, &'static str)> {
    vec![
        // No manifest names the model, so that a request for it is about the placeholder.
        (
            laptop("anthropic/claude-brand-new", 1),
            "forbid (principal, action, resource == Model::\"default/anthropic/claude-brand-new\");",
            "PAI0409",
        ),
        (
            laptop("anthropic/claude-brand-new", 1),
            "forbid (principal, action, resource) when { [Model::\"default/anthropic/claude-brand-new\"].contains(resource) };",
            "PAI0409",
        ),
        // A slip of the fingers, or a namespace that was left out.
        (coder("default"), "forbid (principal == Agent::\"default/codr\", action, resource);", "PAI0409"),
        (coder("default"), "forbid (principal == Agent::\"coder\", action, resource);", "PAI0409"),
        (
            coder("default"),
            "forbid (principal, action, resource in ModelProvider::\"anthropic\");",
            "PAI0409",
        ),
        (coder("default"), "forbid (principal in Namespace::\"defualt\", action, resource);", "PAI0409"),
        (
            coder("default"),
            "forbid (principal, action, resource) when { principal.name == \"coder\" };",
            "PAI0410",
        ),
        (
            coder("default"),
            "forbid (principal, action, resource) when { resource.provider.kind == \"antropic\" };",
            "PAI0410",
        ),
        (
            coder("default"),
            "forbid (principal, action, resource) when { resource.provider.name like \"anthropic*\" };",
            "PAI0410",
        ),
        // Ids of models have no provider before them.
        (
            laptop("anthropic/claude-opus-4-1", 1),
            "forbid (principal, action, resource) when { context.model == \"anthropic/claude-opus-4-1\" };",
            "PAI0410",
        ),
        // A star is a star in an equality and in an id, and no address equals a network.
        (
            laptop("anthropic/claude-opus-4-1", 1),
            "forbid (principal, action, resource) when { context.model == \"claude-opus-*\" };",
            "PAI0411",
        ),
        (
            laptop("anthropic/claude-opus-4-1", 1),
            "forbid (principal, action, resource) when { [\"claude-opus-*\", \"o3\"].contains(context.model) };",
            "PAI0411",
        ),
        (
            coder("default"),
            "forbid (principal, action, resource) when { principal.name == \"default/*\" };",
            "PAI0411",
        ),
        (coder("default"), "forbid (principal == Agent::\"default/*\", action, resource);", "PAI0411"),
        (
            coder("default"),
            "forbid (principal, action, resource == Model::\"default/anthropic/*\");",
            "PAI0411",
        ),
        (
            Question { address: "10.1.2.3".parse().expect("an address"), ..coder("default") },
            "forbid (principal, action, resource) when { context.sourceIp == ip(\"10.0.0.0/8\") };",
            "PAI0411",
        ),
        // Nothing attaches that guard, or for those texts.
        (
            flagged("default/injection/prompts"),
            "forbid (principal, action, resource) when { context.guard.hits.contains(\"default/injectoin/prompts\") };",
            "PAI0410",
        ),
        (
            flagged("default/injection/prompts"),
            "forbid (principal, action, resource) when { context.guard.hits.containsAny([\"default/injection/toolResults/*\"]) };",
            "PAI0410",
        ),
        // Labels are in small letters.
        (
            flagged("default/injection/prompts"),
            "forbid (principal, action, resource) when { context.guard.prompts.label == \"Injection\" };",
            "PAI0410",
        ),
        // Never true: agents are not external.
        (
            coder("default"),
            "forbid (principal is Agent, action, resource) when { principal is AccessKey };",
            "PAI0407",
        ),
    ]
}

#[test]
fn a_rule_about_nothing_would_let_through_what_it_was_written_for() {
    for (question, rule, code) in blind() {
        let answer = unchecked(rule).ask(&question);
        assert!(answer.is_allowed(), "there is no hole to close: {rule}\n{answer:?}");
        let found = compiled(rule).diagnostics;
        let codes: Vec<_> = found.iter().map(pai_compiler::Diagnostic::code).collect();
        assert_eq!(codes, [code], "{rule}");
    }
}

#[test]
fn a_rule_may_read_what_guards_found() {
    let rule = "@id(\"house\") @reason(\"{guard} found {label} ({score}) in {target}\")\n\
                forbid (principal, action, resource) when { context.guard.prompts.score >= 930 };";
    let world = world(compiled(rule).bundle.expect("a bundle"));
    let answer = world.ask(&flagged("default/injection/prompts"));
    let denial = answer.denial().expect("a denial");
    assert_eq!(denial.first.reason, "default/injection found injection (0.93) in prompts");
    // Below every guard's threshold nothing is flagged, and the rule reads the score all the same.
    let mut unflagged = coder("default");
    unflagged.guard.prompts.raise("injection", PerMille(930));
    assert!(!world.ask(&unflagged).is_allowed());
    unflagged.guard.prompts.score = PerMille(929);
    assert!(world.ask(&unflagged).is_allowed() && world.ask(&coder("default")).is_allowed());
}

/// Rules that fail while they are evaluated. Cedar skips them.
const FAILING: [(&str, &str); 7] = [
    (
        "forbid (principal, action, resource) when { context.tokensRequested + 9223372036854775807 > 5 };",
        "PAI0403",
    ),
    (
        "forbid (principal, action, resource) when { context.tokensRequested * 9223372036854775807 > 5 };",
        "PAI0403",
    ),
    (
        "forbid (principal, action, resource) when { -9223372036854775807 - context.tokensRequested < 5 };",
        "PAI0403",
    ),
    (
        "forbid (principal, action, resource) when { context.now.offset(duration(\"9223372036854775807ms\")) > context.now };",
        "PAI0403",
    ),
    ("forbid (principal, action, resource) when { principal.perDay > 5 };", "PAI0402"),
    ("forbid (principal, action, resource) when { context.after.providerExternal > 5 };", "PAI0402"),
    // The model's name is in the context; the entity of most models is a placeholder.
    ("forbid (principal, action, resource) when { resource.name like \"claude-*\" };", "PAI0402"),
];

#[test]
fn a_rule_that_fails_is_skipped_by_cedar_refused_by_the_compiler_and_refuses_in_a_gateway() {
    for (rule, code) in FAILING {
        assert!(is_skipped(rule), "{rule}");
        let answer = unchecked(rule).ask(&Question { tokens: Tokens(3), ..coder("default") });
        let denial = answer.denial().unwrap_or_else(|| panic!("let through: {rule}"));
        assert_eq!(denial.first.code, "policy_error", "{rule}");
        let found = compiled(rule).diagnostics;
        let codes: Vec<_> = found.iter().map(pai_compiler::Diagnostic::code).collect();
        assert_eq!(codes, [code], "{rule}: {found:?}");
    }
}

/// Whether Cedar by itself allows a request that the rule fails on.
fn is_skipped(rule: &str) -> bool {
    use cedar_policy::{Authorizer, Context, Decision, Entities, PolicySet, Request};
    let set: PolicySet = format!("permit (principal, action, resource);\n{rule}").parse().expect("policies");
    let after = "{\"provider\": 3, \"principal\": 3}";
    let now = "{\"__extn\": {\"fn\": \"datetime\", \"arg\": \"2026-11-23T12:00:00Z\"}}";
    let context = format!("{{\"tokensRequested\": 3, \"after\": {after}, \"now\": {now}}}");
    let context = Context::from_json_str(&context, None).expect("a context");
    let uid = |text: &str| text.parse().expect("an id");
    let request = Request::new(
        uid("Agent::\"default/coder\""),
        uid("Action::\"invoke\""),
        uid("Model::\"default/anthropic/*\""),
        context,
        None,
    );
    let answer = Authorizer::new().is_authorized(&request.expect("a request"), &set, &Entities::empty());
    answer.decision() == Decision::Allow && answer.diagnostics().errors().count() == 1
}

#[test]
fn a_permit_opens_nothing_and_is_refused_for_the_hope_that_it_gives() {
    let rule = "permit (principal, action, resource);";
    let refused = coder("anthropic/claude-opus-4-1");
    assert!(!unchecked(rule).ask(&refused).is_allowed());
    let found = compiled(rule).diagnostics;
    assert_eq!(found.iter().map(pai_compiler::Diagnostic::code).collect::<Vec<_>>(), ["PAI0404"]);
}

#[test]
fn no_rule_hides_behind_a_manifests_line_or_in_a_kind_that_is_none() {
    let rule = "@subject(\"principal\") @field(\"/spec/models\")\nforbid (principal, action, resource);";
    // What the annotations would do: the refusal names the agent's manifest, where nothing is to be found.
    let answer = unchecked(rule).ask(&coder("default"));
    assert_eq!(answer.denial().expect("a denial").first.origin.file, "manifests.yaml");
    for (annotations, findings) in [
        ("@subject(\"principal\") @field(\"/spec/models\") @source(\"a.yaml:1:1\")", 3),
        ("@kind(\"budgett\")", 1),
        ("@reson(\"no\")", 1),
        ("@id(\"\")", 1),
        ("@id(\"a\\nb\")", 1),
        ("@id(\"a\") @reason(\"no\") @help(\"ask\") @code(\"mine\") @kind(\"budget\")", 0),
    ] {
        let found = compiled(&format!("{annotations}\nforbid (principal, action, resource);")).diagnostics;
        let codes: Vec<_> = found.iter().map(pai_compiler::Diagnostic::code).collect();
        assert_eq!(codes, vec!["PAI0412"; findings], "{annotations}");
    }
}

/// A rule that is warned of is in the bundle all the same: left out, it would let through what it forbids.
#[test]
fn warnings_leave_no_rule_out() {
    let text = "forbid (principal, action, resource) when { context.model == \"cl\u{430}ude\" || context.external };\n\
                forbid (principal, action, resource) when { principal.name == \"nobody\" || context.external };";
    let Compiled { bundle, diagnostics } = compiled(text);
    assert_eq!(diagnostics.len(), 2);
    let bundle = bundle.expect("a bundle");
    assert_eq!(bundle.authored_policies.len(), 2);
    assert!(!World::new(bundle).expect("a world").ask(&laptop("claude-haiku-4-5", 1)).is_allowed());
}

const CONDITIONS: [&str; 13] = [
    "context.guard.toolResults.score >= 550",
    "context.guard.hits.containsAny([\"default/injection/prompts\"])",
    "context.guard.unread && context.guard.prompts.label != \"jailbreak\"",
    "context.external",
    "context.tokensRequested > 500",
    "context.after.principal > 600",
    "context.after has providerExternal && context.after.providerExternal > 300",
    "context.model like \"claude-haiku-*\"",
    "principal is Agent",
    "principal in Namespace::\"default\"",
    "resource == Model::\"default/anthropic/claude-sonnet-4-6\"",
    "context.sourceIp.isInRange(ip(\"10.0.0.0/8\"))",
    "context.now.toTime() > duration(\"18h\")",
];

fn rules() -> impl Strategy<Value = String> {
    let condition = prop::sample::select(CONDITIONS.as_slice());
    let scope = prop::sample::select(["", " is Agent", " is AccessKey"].as_slice());
    let action = prop::sample::select(["", " == Action::\"invoke\"", " in Action::\"use\""].as_slice());
    let rule = (scope, action, condition.clone(), any::<bool>(), condition).prop_map(
        |(scope, action, when, negated, unless)| {
            let when = if negated { format!("!({when})") } else { when.to_owned() };
            format!("forbid (principal{scope}, action{action}, resource) when {{ {when} }} unless {{ {unless} }};\n")
        },
    );
    prop::collection::vec(rule, 1..4).prop_map(|rules| rules.concat())
}

fn questions() -> Vec<Question> {
    let mut all = Vec::new();
    for model in ["claude-sonnet-4-6", "claude-haiku-4-5", "anthropic/claude-opus-4-1", "anthropic/brand-new"]
    {
        for tokens in [1, 400, 501] {
            for address in ["10.1.2.3", "192.0.2.1"] {
                for at in [NOON, UnixSeconds(NOON.0 + 8 * 3600)] {
                    for mut question in [laptop(model, tokens), coder(model)] {
                        question.tokens = Tokens(tokens);
                        question.address = address.parse().expect("an address");
                        question.at = at;
                        let mut flagged = question.clone();
                        flagged.guard.unread = true;
                        flagged.guard.tool_results.raise("injection", PerMille(930));
                        flagged.guard.hits.insert("default/injection/prompts".to_owned());
                        all.extend([question, flagged]);
                    }
                }
            }
        }
    }
    all
}

fn world(bundle: Bundle) -> World {
    World::new(bundle).expect("a world")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever authors write that the compiler takes: what is allowed with it is allowed without it.
    #[test]
    fn rules_only_narrow(rules in rules()) {
        let Compiled { bundle, diagnostics } = compiled(&rules);
        // Some pairs of conditions can never hold together, which is refused.
        prop_assume!(!diagnostics.has_errors());
        let (with, without) = (world(bundle.expect("a bundle")), world(compiled("").bundle.expect("a bundle")));
        for question in questions() {
            let [narrowed, plain]: [Answer; 2] = [with.ask(&question), without.ask(&question)];
            prop_assert!(plain.is_allowed() || !narrowed.is_allowed(), "{}\n{:?}", rules, question);
        }
    }
}
