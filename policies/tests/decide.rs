//! Decisions over a small bundle: who may what, who refused, and that nothing fails open.

#![expect(clippy::expect_used, reason = "a test that cannot set up has to stop")]

use std::net::IpAddr;

use pai_bundle::Bundle;
use pai_bundle::limit::{Limit, Scope};
use pai_bundle::money::NanoUsd;
use pai_bundle::name::{ModelId, PolicyId, QualifiedName};
use pai_bundle::origin::{Origin, Places, Position};
use pai_bundle::policy::{Policy, Slice};
use pai_bundle::principal::{AccessKey, Agent, RateLimits};
use pai_bundle::provider::{ExternalAccess, Provider, ProviderKind, ResponsesApi, Retry, UnboundedRequests};
use pai_bundle::unit::{Tokens, UnixSeconds};
use pai_policies::{Action, Authorizer, Facts, GuardFacts, Kind, Permit, Principal, Used, base};

const CAP: &str = "ModelProvider/default/anthropic/maxTokensPerDay";

fn name(text: &str) -> QualifiedName {
    text.parse().expect("a name")
}

fn model(text: &str) -> ModelId {
    text.parse().expect("a model")
}

fn places(file: &str, fields: &[(&str, u32)]) -> Places {
    let fields = fields.iter().map(|(field, line)| ((*field).to_owned(), Position(*line, 3))).collect();
    Places { file: file.to_owned(), document: Position(1, 1), fields }
}

fn policy(id: &str, text: &str) -> Policy {
    let origin = Origin { file: "anthropic.yaml".into(), line: 9, column: 20, field: String::new() };
    Policy { id: PolicyId::new(id), origin, text: text.into() }
}

fn bundle() -> Bundle {
    let provider = Provider {
        name: name("default/anthropic"),
        kind: ProviderKind::Anthropic,
        endpoint: "https://api.anthropic.com".into(),
        api_version: None,
        api_key: None,
        allowed_models: vec![],
        denied_models: vec![],
        models: vec![model("claude-sonnet-4-6"), model("claude-haiku-4-5")],
        max_tokens_per_day: Some(Tokens(1_000)),
        max_tokens_per_request: None,
        external_access: ExternalAccess { enabled: true, max_tokens_per_day: None },
        retry: Retry::default(),
        fallbacks: vec![],
        guards: vec![],
        model_info: vec![],
        unbounded_requests: UnboundedRequests::Refuse,
        responses: ResponsesApi::Translated,
        endpoint_networks: vec![],
        places: places("anthropic.yaml", &[]),
    };
    let agent = Agent {
        name: name("default/coder"),
        credentials: vec![],
        models: vec!["anthropic/claude-sonnet-4-6".parse().expect("a reference")],
        max_tokens_per_day: Some(Tokens(500)),
        max_tokens_per_request: Some(Tokens(200)),
        rate_limits: RateLimits { max_cost_per_day_micro_usd: Some(1), ..RateLimits::default() },
        guards: vec![],
        places: places(
            "agents.yaml",
            &[("/spec/models", 7), ("/spec/tokens/maxPerDay", 11), ("/spec/rateLimits/maxCostPerDayUSD", 13)],
        ),
    };
    let key = AccessKey {
        name: name("default/alice"),
        credentials: vec![],
        providers: vec!["anthropic".parse().expect("a name")],
        allowed_models: vec![pai_bundle::pattern::Pattern::new("claude-haiku-*")],
        allowed_cidrs: vec!["10.0.0.0/8".parse().expect("a network")],
        expires: Some(UnixSeconds(2_000)),
        max_tokens_per_day: None,
        rate_limits: RateLimits::default(),
        places: places("keys.yaml", &[("/spec/expires", 8)]),
    };
    let cap = policy(
        CAP,
        r#"@code("budget_exhausted") @kind("budget") @reason("{used} of {limit} are gone")
           forbid (principal, action in Action::"spend", resource) when { context.after.provider > 1000 };"#,
    );
    Bundle {
        limits: vec![Limit {
            scope: Scope::Provider,
            name: name("default/anthropic"),
            tokens_per_day: Tokens(1_000),
            policy: PolicyId::new(CAP),
            origin: cap.origin.clone(),
        }],
        slices: vec![Slice { provider: name("default/anthropic"), policies: vec![cap] }],
        base_policies: base::policies().expect("base rules"),
        providers: vec![provider],
        agents: vec![agent],
        access_keys: vec![key],
        ..Bundle::default()
    }
}

/// A request, changed by each test where it matters.
struct Ask {
    principal: &'static str,
    key: bool,
    provider: &'static str,
    model: &'static str,
    action: Action,
    tokens: u64,
    cost: NanoUsd,
    used: Used,
    address: &'static str,
    now: i64,
}

const AGENT: Ask = Ask {
    principal: "default/coder",
    key: false,
    provider: "default/anthropic",
    model: "claude-sonnet-4-6",
    action: Action::Invoke,
    tokens: 100,
    cost: NanoUsd(30),
    used: Used {
        provider: Tokens(0),
        provider_external: Tokens(0),
        principal: Tokens(0),
        principal_cost: NanoUsd(0),
    },
    address: "10.1.2.3",
    now: 1_000,
};
const KEY: Ask = Ask { principal: "default/alice", key: true, model: "claude-haiku-4-5", ..AGENT };

/// The permit, or the first cause's policy, kind and place.
fn ask(bundle: &Bundle, ask: &Ask) -> Result<Permit, (String, Kind, String)> {
    let authorizer = Authorizer::new(bundle).expect("an authorizer");
    let (principal, provider, model) = (name(ask.principal), name(ask.provider), model(ask.model));
    let facts = Facts {
        cost: ask.cost,
        principal: if ask.key { Principal::AccessKey(&principal) } else { Principal::Agent(&principal) },
        provider: &provider,
        model: &model,
        action: ask.action,
        tokens: Tokens(ask.tokens),
        used: ask.used,
        address: ask.address.parse::<IpAddr>().expect("an address"),
        now: UnixSeconds(ask.now),
        guard: &GuardFacts::NONE,
    };
    let fast = authorizer.decide(&facts);
    assert_eq!(fast, authorizer.decide_readably(&facts), "the two forms agree");
    fast.map_err(|denial| {
        let first = denial.first;
        (first.policy.to_string(), first.kind, first.origin.to_string())
    })
}

fn refusal(ask_: &Ask) -> (String, Kind, String) {
    ask(&bundle(), ask_).expect_err("a refusal")
}

#[test]
fn a_listed_model_within_budget_is_permitted_in_all_its_accounts() {
    let permit = ask(&bundle(), &AGENT).expect("a permit");
    let accounts: Vec<_> = permit.accounts().iter().map(|a| (a.scope, a.limit)).collect();
    assert_eq!(accounts, [(Scope::Provider, Some(Tokens(1_000))), (Scope::Agent, Some(Tokens(500)))]);
    let permit = ask(&bundle(), &KEY).expect("a permit");
    let scopes: Vec<_> = permit.accounts().iter().map(|a| a.scope).collect();
    assert_eq!(scopes, [Scope::Provider, Scope::ProviderExternal, Scope::AccessKey]);
}

#[test]
fn a_refusal_names_its_policy_kind_and_manifest_line() {
    let used = |principal| Used { principal: Tokens(principal), ..Used::default() };
    let spent = |cost| Used { principal_cost: NanoUsd(cost), ..Used::default() };
    let cases = [
        (
            Ask { model: "claude-haiku-4-5", ..AGENT },
            "base/agent-models",
            Kind::Permission,
            "agents.yaml:7:3",
        ),
        (Ask { model: "unheard-of", ..AGENT }, "base/agent-models", Kind::Permission, "agents.yaml:7:3"),
        (Ask { tokens: 201, ..AGENT }, "base/agent-per-request", Kind::Size, "agents.yaml:1:1"),
        (Ask { used: used(401), ..AGENT }, "base/agent-per-day", Kind::Budget, "agents.yaml:11:3"),
        (Ask { used: spent(971), ..AGENT }, "base/agent-cost-per-day", Kind::Budget, "agents.yaml:13:3"),
        (Ask { address: "192.0.2.1", ..KEY }, "base/key-address", Kind::Permission, "keys.yaml:1:1"),
        (Ask { now: 2_000, ..KEY }, "base/key-expired", Kind::Credential, "keys.yaml:8:3"),
        (Ask { model: "claude-sonnet-4-6", ..KEY }, "base/key-models", Kind::Permission, "keys.yaml:1:1"),
        (
            Ask { used: Used { provider: Tokens(901), ..Used::default() }, ..KEY },
            CAP,
            Kind::Budget,
            "anthropic.yaml:9:20",
        ),
    ];
    for (ask, policy, kind, place) in cases {
        assert_eq!(refusal(&ask), (policy.to_owned(), kind, place.to_owned()));
    }
}

#[test]
fn a_cap_is_reached_and_not_crossed() {
    let at = |tokens| Ask { used: Used { principal: Tokens(tokens), ..Used::default() }, ..AGENT };
    assert!(ask(&bundle(), &at(400)).is_ok());
    assert!(ask(&bundle(), &at(401)).is_err());
}

#[test]
fn a_cap_on_money_is_reached_and_not_crossed() {
    let at = |cost| Ask { used: Used { principal_cost: NanoUsd(cost), ..Used::default() }, ..AGENT };
    let permit = ask(&bundle(), &at(970)).expect("a permit");
    assert_eq!(permit.cost(), NanoUsd(30));
    let cost_limits: Vec<_> = permit.accounts().iter().map(|account| account.cost_limit).collect();
    assert_eq!(cost_limits, [None, Some(NanoUsd(1_000))]);
    assert!(ask(&bundle(), &at(971)).is_err());
    assert!(ask(&bundle(), &Ask { cost: NanoUsd(u64::MAX), ..AGENT }).is_err());
}

#[test]
fn counting_tokens_costs_nothing_and_no_budget_stops_it() {
    let spent = Used {
        provider: Tokens(u64::MAX),
        provider_external: Tokens(0),
        principal: Tokens(u64::MAX),
        principal_cost: NanoUsd(u64::MAX),
    };
    let permit = ask(&bundle(), &Ask { action: Action::CountTokens, tokens: 0, used: spent, ..AGENT });
    assert_eq!(permit.expect("a permit").accounts(), []);
}

#[test]
fn no_number_of_tokens_overflows_into_a_permit() {
    for tokens in [u64::MAX, u64::MAX / 2, i64::MAX as u64, i64::MAX as u64 + 1] {
        for used in [0, 1, 999, u64::MAX] {
            let used = Used {
                provider: Tokens(used),
                provider_external: Tokens(used),
                principal: Tokens(used),
                principal_cost: NanoUsd(0),
            };
            assert_eq!(refusal(&Ask { tokens, used, ..KEY }).1, Kind::Budget);
        }
    }
}

#[test]
fn unknown_principals_and_providers_are_refused_before_cedar() {
    assert_eq!(refusal(&Ask { principal: "default/nobody", ..AGENT }).1, Kind::Credential);
    assert_eq!(refusal(&Ask { provider: "default/nowhere", ..AGENT }).0, "base/known-model");
}

#[test]
fn a_model_that_no_manifest_names_is_its_providers_placeholder() {
    let mut bundle = bundle();
    bundle.access_keys[0].allowed_models.clear();
    assert!(ask(&bundle, &Ask { model: "claude-next", ..KEY }).is_ok());
    let deny =
        r#"forbid (principal, action in Action::"use", resource) when { context.model like "*-next" };"#;
    bundle.slices[0].policies.push(policy("deny", deny));
    assert_eq!(ask(&bundle, &Ask { model: "claude-next", ..KEY }).expect_err("a refusal").0, "deny");
}

#[test]
fn a_policy_that_errs_refuses() {
    let mut bundle = bundle();
    let overflow =
        "forbid (principal, action, resource) when { context.tokensRequested * 9223372036854775807 > 5 };";
    bundle.authored_policies.push(policy("overflow", overflow));
    assert_eq!(ask(&bundle, &AGENT).expect_err("a refusal").0, "overflow");
}

#[test]
fn an_authors_permit_opens_nothing() {
    let mut bundle = bundle();
    bundle.authored_policies.push(policy("open", "permit (principal, action, resource);"));
    assert_eq!(
        ask(&bundle, &Ask { model: "claude-haiku-4-5", ..AGENT }).expect_err("no").0,
        "base/agent-models"
    );
    assert_eq!(ask(&bundle, &Ask { now: 5_000, ..KEY }).expect_err("no").0, "base/key-expired");
}

#[test]
fn an_authors_forbid_reads_address_and_time() {
    let mut bundle = bundle();
    let night = r#"forbid (principal is AccessKey, action, resource)
        when { context.sourceIp.isInRange(ip("10.1.0.0/16")) && context.now.toTime() < duration("1h") };"#;
    bundle.authored_policies.push(policy("night", night));
    assert_eq!(ask(&bundle, &KEY).expect_err("no").0, "night");
    assert!(ask(&bundle, &Ask { address: "10.2.0.1", ..KEY }).is_ok());
    assert!(ask(&bundle, &AGENT).is_ok());
}
