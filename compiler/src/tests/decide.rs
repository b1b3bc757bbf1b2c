//! What the policies of a compiled bundle decide, and that a refusal names the manifest line it comes from.

use std::net::IpAddr;

use pai_bundle::Bundle;
use pai_bundle::limit::Scope;
use pai_bundle::money::NanoUsd;
use pai_bundle::name::{ModelId, QualifiedName};
use pai_bundle::unit::{Tokens, UnixSeconds};
use pai_policies::{Action, Authorizer, Facts, GuardFacts, Principal, Used};

use super::SEED;
use crate::{Sources, compile};

fn bundle(more: &[(&str, &str)]) -> Bundle {
    let sources = Sources::new([("anthropic.yaml", SEED)].into_iter().chain(more.iter().copied()));
    compile(&sources).bundle.unwrap()
}

/// A request of an agent or of a key: model, tokens, what is used up already.
struct Ask(&'static str, &'static str, u64, Used);

const NOTHING: Used = Used {
    provider: Tokens(0),
    provider_external: Tokens(0),
    principal: Tokens(0),
    principal_cost: NanoUsd(0),
};

/// `permit`, or the policy, the place and the sentence of the refusal.
fn ask(bundle: &Bundle, question: &Ask) -> String {
    answer(&Authorizer::new(bundle).unwrap(), question)
}

fn answer(authorizer: &Authorizer, Ask(principal, model, tokens, used): &Ask) -> String {
    let name: QualifiedName = principal.parse().unwrap();
    let provider: QualifiedName = "default/anthropic".parse().unwrap();
    let model: ModelId = model.parse().unwrap();
    let is_agent = name.name.as_str() == "coder";
    let facts = Facts {
        cost: NanoUsd(0),
        principal: if is_agent { Principal::Agent(&name) } else { Principal::AccessKey(&name) },
        provider: &provider,
        model: &model,
        action: Action::Invoke,
        tokens: Tokens(*tokens),
        used: *used,
        address: "10.1.2.3".parse::<IpAddr>().unwrap(),
        now: UnixSeconds(1_795_392_000),
        guard: &GuardFacts::NONE,
    };
    match authorizer.decide(&facts) {
        Ok(_) => "permit".to_owned(),
        Err(denial) => format!("{} {} {}", denial.first.policy, denial.first.origin, denial.first.reason),
    }
}

#[test]
fn a_refusal_names_its_manifest_line() {
    let external = Used { provider_external: Tokens(1_999_950), ..NOTHING };
    let provider = Used { provider: Tokens(4_999_950), ..NOTHING };
    let principal = Used { principal: Tokens(99_950), ..NOTHING };
    let cases = [
        (Ask("default/coder", "claude-sonnet-4-6", 100, NOTHING), "permit"),
        (Ask("default/alice", "claude-haiku-4-5", 100, NOTHING), "permit"),
        (Ask("default/alice", "claude-next", 100, NOTHING), "permit"),
        (
            Ask("default/alice", "claude-opus-4-6", 100, NOTHING),
            "ModelProvider/default/anthropic/deniedModels anthropic.yaml:13:3 \
             provider anthropic denies model claude-opus-4-6",
        ),
        (
            Ask("default/alice", "gpt-4o", 100, NOTHING),
            "ModelProvider/default/anthropic/allowedModels anthropic.yaml:12:3 \
             provider anthropic does not allow model gpt-4o",
        ),
        (
            Ask("default/alice", "claude-haiku-4-5", 200_001, NOTHING),
            "ModelProvider/default/anthropic/maxTokensPerRequest anthropic.yaml:11:24 the request can use up to \
             200,001 tokens, and provider anthropic allows 200,000 in one request",
        ),
        (
            Ask("default/alice", "claude-haiku-4-5", 51, external),
            "ModelProvider/default/anthropic/externalAccess.maxTokensPerDay anthropic.yaml:16:22 the daily budget for \
             external use of provider anthropic has no room: 1,999,950 of 2,000,000 tokens are used or held, and this \
             request can use up to 51",
        ),
        (
            Ask("default/coder", "claude-sonnet-4-6", 51, provider),
            "ModelProvider/default/anthropic/maxTokensPerDay anthropic.yaml:10:20 the daily budget of provider anthropic \
             has no room: 4,999,950 of 5,000,000 tokens are used or held, and this request can use up to 51",
        ),
        (
            Ask("default/coder", "claude-sonnet-4-6", 51, principal),
            "base/agent-per-day anthropic.yaml:24:23 the daily budget of agent default/coder has no room: 99,950 of 100,000 \
             tokens are used or held, and this request can use up to 51",
        ),
    ];
    let authorizer = Authorizer::new(&bundle(&[])).unwrap();
    for (question, expected) in &cases {
        assert_eq!(answer(&authorizer, question), *expected);
    }
}

#[test]
fn external_budgets_do_not_concern_agents() {
    let used = Used { provider_external: Tokens(u64::MAX), ..NOTHING };
    assert_eq!(ask(&bundle(&[]), &Ask("default/coder", "claude-sonnet-4-6", 1, used)), "permit");
}

#[test]
fn policies_and_limits_say_the_same() {
    let bundle = bundle(&[]);
    let authorizer = Authorizer::new(&bundle).unwrap();
    for limit in &bundle.limits {
        let cap = limit.tokens_per_day.0;
        let at = |tokens| {
            let mut used = NOTHING;
            let principal = match limit.scope {
                Scope::Provider => {
                    used.provider = Tokens(tokens);
                    "default/coder"
                }
                Scope::ProviderExternal => {
                    used.provider_external = Tokens(tokens);
                    "default/alice"
                }
                Scope::Agent | Scope::AccessKey => {
                    used.principal = Tokens(tokens);
                    "default/coder"
                }
            };
            answer(&authorizer, &Ask(principal, "claude-sonnet-4-6", 10, used))
        };
        assert_eq!(at(cap - 10), "permit");
        let refused = at(cap - 9);
        assert!(refused.starts_with(limit.policy.as_str()), "{refused}");
        assert!(refused.contains(&limit.origin.to_string()), "{refused}");
    }
}

#[test]
fn authors_narrow_under_their_own_names() {
    let rule = "// Nobody needs this much at once.\n@id(\"small-requests\")\n@reason(\"at most {tokens} is too much\")\n\
                forbid (principal, action, resource) when { context.tokensRequested > 50 };\n\
                forbid (principal, action, resource) when { context.tokensRequested > 60 };\n";
    let bundle = bundle(&[("policies/team.cedar", rule)]);
    let ids: Vec<String> =
        bundle.authored_policies.iter().map(|p| format!("{} {}", p.id, p.origin)).collect();
    assert_eq!(
        ids,
        ["policies/team.cedar#2 policies/team.cedar:5:1", "small-requests policies/team.cedar:2:1"]
    );
    assert_eq!(
        ask(&bundle, &Ask("default/coder", "claude-sonnet-4-6", 55, NOTHING)),
        "small-requests policies/team.cedar:2:1 at most 55 is too much"
    );
}

/// A chain of as many operands would be a tree of that depth, and no stack is as deep. Without optimisation Cedar takes
/// 80 KiB for each step, so this test has the stack of a program's first thread.
#[test]
fn long_lists_of_models_are_decided_like_short_ones() {
    let thread = std::thread::Builder::new().stack_size(8 << 20).spawn(long_lists).unwrap();
    thread.join().unwrap();
}

fn long_lists() {
    let list = |word: &str| (0..150).map(|n| format!("{word}-{n}")).collect::<Vec<_>>().join(", ");
    let provider = format!(
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: anthropic}}\nspec: {{provider: vllm, \
         endpoint: 'http://a/v1', allowedModels: [{}, last-*], deniedModels: [{}, last-one]}}\n---\n\
         apiVersion: pai.io/v1\nkind: Agent\nmetadata: {{name: coder}}\nspec: {{models: [anthropic/a-149, anthropic/last-two]}}\n",
        list("a"),
        list("last-a"),
    );
    let bundle = compile(&Sources::new([("a.yaml", provider)])).bundle.unwrap();
    let authorizer = Authorizer::new(&bundle).unwrap();
    let answer = |model| answer(&authorizer, &Ask("default/coder", model, 10, NOTHING));
    assert_eq!(answer("a-149"), "permit");
    assert_eq!(answer("last-two"), "permit");
    assert!(answer("last-a-149").starts_with("ModelProvider/default/anthropic/deniedModels"));
}
