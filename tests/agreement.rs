//! Policies in their readable form, the same in their fast form, the ledger's limits, and a plain model of what the
//! manifests mean: over generated workspaces and requests, all four agree.

use std::collections::HashMap;
use std::net::IpAddr;

use pai_bundle::Bundle;
use pai_bundle::limit::{CostLimit, Scope};
use pai_bundle::money::NanoUsd;
use pai_bundle::name::{ModelId, QualifiedName};
use pai_bundle::pattern::Pattern;
use pai_bundle::unit::{Tokens, UnixSeconds};
use pai_compiler::Sources;
use pai_policies::{Action, Authorizer, Facts, GuardFacts, Principal, Used};
use proptest::prelude::*;

const MODELS: [&str; 4] = ["claude-haiku-4-5", "claude-sonnet-4-6", "gpt-4o", "brand-new"];
const PATTERNS: [&str; 5] = ["claude-*", "*-4-5", "gpt-4o", "claude-sonnet-4-6", "*n*"];
const HOUSE_CAP: u64 = 60;

/// A workspace with one provider, one agent and one key.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the manifests, on its own")]
struct Workspace {
    allowed: Vec<&'static str>,
    denied: Vec<&'static str>,
    per_day: Option<u64>,
    per_request: Option<u64>,
    external: bool,
    external_per_day: Option<u64>,
    agent_models: Vec<&'static str>,
    agent_per_day: Option<u64>,
    agent_per_request: Option<u64>,
    key_allowed: Vec<&'static str>,
    key_cidr: bool,
    key_expires: bool,
    key_per_day: Option<u64>,
    /// In thousandths of a dollar.
    agent_cost: Option<u64>,
    key_cost: Option<u64>,
    house_rule: bool,
    provider_guards: Vec<Attached>,
    agent_guards: Vec<Attached>,
    /// What `onError` of the guard `h` says; that of `g` says nothing.
    on_error: Option<bool>,
}

/// A guard where it is attached.
#[derive(Debug, Clone)]
struct Attached {
    binding: &'static str,
    reads: Vec<&'static str>,
    enforces: bool,
}

/// Everything that a guard can read, as flags name it.
const TARGETS: [&str; 4] = ["prompts", "system", "responses", "toolResults/*"];

/// A request to it.
#[derive(Debug, Clone)]
struct Ask {
    by_key: bool,
    model: &'static str,
    action: Action,
    tokens: u64,
    used: [u64; 3],
    /// In thousandths of a dollar, as the caps are.
    cost: u64,
    spent: u64,
    inside: bool,
    late: bool,
    hits: Vec<String>,
    failures: Vec<String>,
}

fn caps() -> impl Strategy<Value = Option<u64>> {
    prop::option::weighted(0.6, 1_u64..200)
}

fn some_of(all: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(all.to_vec(), 0..all.len())
}

fn attached() -> impl Strategy<Value = Vec<Attached>> {
    let reads = prop::sample::subsequence(TARGETS.to_vec(), 1..3);
    let one = (prop::sample::select(vec!["g", "h"]), reads, any::<bool>())
        .prop_map(|(binding, reads, enforces)| Attached { binding, reads, enforces });
    prop::collection::vec(one, 0..3)
}

/// Flags that some guard could give: none half of the time.
fn flags() -> impl Strategy<Value = Vec<String>> {
    let all: Vec<String> = ["g", "h"]
        .iter()
        .flat_map(|guard| TARGETS.map(|target| format!("default/{guard}/{target}")))
        .collect();
    prop_oneof![Just(Vec::new()), prop::sample::subsequence(all, 1..4)]
}

fn workspaces() -> impl Strategy<Value = Workspace> {
    let provider = (some_of(&PATTERNS), some_of(&PATTERNS), caps(), caps(), any::<bool>(), caps());
    let principals = (some_of(&MODELS), caps(), caps(), some_of(&PATTERNS), any::<[bool; 2]>(), caps());
    let costs = (caps(), caps());
    let guards = (attached(), attached(), any::<Option<bool>>());
    // A provider that denies all that it allows is an error of its own.
    let provider = provider.prop_filter("offers something", |(allowed, denied, ..)| {
        let allowed = if allowed.is_empty() { &["*"] } else { allowed.as_slice() };
        let covered =
            |inner: &&str| denied.iter().any(|outer| Pattern::new(*outer).covers(&Pattern::new(*inner)));
        !allowed.iter().all(covered)
    });
    let all = (provider, principals, costs, any::<bool>(), guards);
    all.prop_map(|(provider, principals, costs, house_rule, guards)| {
        let (allowed, denied, per_day, per_request, external, external_per_day) = provider;
        let (models, agent_per_day, agent_per_request, key_allowed, [key_cidr, key_expires], key_per_day) =
            principals;
        // An agent that lists what its provider does not offer is an error of its own.
        let agent_models = models.into_iter().filter(|model| offered(&allowed, &denied, model)).collect();
        Workspace {
            allowed,
            denied,
            per_day,
            per_request,
            external,
            external_per_day,
            agent_models,
            agent_per_day,
            agent_per_request,
            key_allowed,
            key_cidr,
            key_expires,
            key_per_day,
            agent_cost: costs.0,
            key_cost: costs.1,
            house_rule,
            provider_guards: guards.0,
            agent_guards: guards.1,
            on_error: guards.2,
        }
    })
}

fn asks() -> impl Strategy<Value = Ask> {
    let tokens = prop_oneof![4 => 0_u64..250, 1 => Just(u64::MAX), 1 => Just(1 << 63)];
    (
        any::<[bool; 3]>(),
        prop::sample::select(MODELS.to_vec()),
        prop::sample::select(Action::ALL.to_vec()),
        tokens,
        prop::array::uniform3(0_u64..250),
        (0_u64..250, 0_u64..250),
        (flags(), flags()),
    )
        .prop_map(
            |([by_key, inside, late], model, action, tokens, used, (cost, spent), (hits, failures))| Ask {
                by_key,
                model,
                action,
                tokens: if action.spends() { tokens } else { 0 },
                used,
                cost: if action.spends() { cost } else { 0 },
                spent,
                inside,
                late,
                hits,
                failures,
            },
        )
}

fn offered(allowed: &[&str], denied: &[&str], model: &str) -> bool {
    let any = |patterns: &[&str]| patterns.iter().any(|pattern| Pattern::new(*pattern).matches(model));
    (allowed.is_empty() || any(allowed)) && !any(denied)
}

/// What the manifests mean, without a policy language.
fn allows(workspace: &Workspace, ask: &Ask) -> bool {
    let fits = |cap: Option<u64>, amount: u64| !ask.action.spends() || cap.is_none_or(|cap| amount <= cap);
    let after = |used: u64| used.saturating_add(ask.tokens);
    let provider = offered(&workspace.allowed, &workspace.denied, ask.model)
        && fits(workspace.per_request, ask.tokens)
        && fits(workspace.per_day, after(ask.used[0]));
    let house = !workspace.house_rule || !ask.action.spends() || ask.tokens <= HOUSE_CAP;
    let principal = if ask.by_key {
        workspace.external
            && (workspace.key_allowed.is_empty() || offered(&workspace.key_allowed, &[], ask.model))
            && (!workspace.key_cidr || ask.inside)
            && (!workspace.key_expires || !ask.late)
            && fits(workspace.external_per_day.filter(|_| workspace.external), after(ask.used[1]))
            && fits(workspace.key_per_day, after(ask.used[2]))
            && fits(workspace.key_cost, ask.spent + ask.cost)
    } else {
        workspace.agent_models.contains(&ask.model)
            && fits(workspace.agent_per_request, ask.tokens)
            && fits(workspace.agent_per_day, after(ask.used[2]))
            && fits(workspace.agent_cost, ask.spent + ask.cost)
    };
    let agents: &[Attached] = if ask.by_key { &[] } else { &workspace.agent_guards };
    let guards = workspace.provider_guards.iter().chain(agents).all(|guard| {
        let is_among = |flags: &[String]| guard.flags().any(|flag| flags.contains(&flag));
        let on_error = workspace.on_error.filter(|_| guard.binding == "h");
        let denies_failures = on_error.unwrap_or(guard.enforces);
        let is_hit = guard.enforces && is_among(&ask.hits);
        let has_failed = denies_failures && is_among(&ask.failures);
        !is_hit && !has_failed
    });
    provider && house && principal && guards
}

impl Attached {
    fn flags(&self) -> impl Iterator<Item = String> + '_ {
        self.reads.iter().map(|read| format!("default/{}/{read}", self.binding))
    }

    fn written(&self) -> String {
        let reads = self.reads.iter().map(|read| match *read {
            "toolResults/*" => "toolResults: ['*']".to_owned(),
            plain => format!("{plain}: true"),
        });
        let reads: Vec<String> = reads.collect();
        let does = if self.enforces { "enforce" } else { "audit" };
        format!("{{binding: {}, scan: {{{}}}, enforcement: {does}}}", self.binding, reads.join(", "))
    }
}

/// The ids under which a request is recorded by guards that refuse nothing.
fn audits(workspace: &Workspace, ask: &Ask) -> Vec<String> {
    let of = |holder: &str, guards: &[Attached]| {
        let mut times: HashMap<&str, usize> = HashMap::new();
        let mut ids = Vec::new();
        for guard in guards {
            let time = times.entry(guard.binding).and_modify(|time| *time += 1).or_insert(1);
            let place = if *time > 1 { format!("/{time}") } else { String::new() };
            if !guard.enforces && guard.flags().any(|flag| ask.hits.contains(&flag)) {
                ids.push(format!("{holder}/guards/{}{place}/audit", guard.binding));
            }
        }
        ids
    };
    let mut ids = of("ModelProvider/default/p", &workspace.provider_guards);
    if !ask.by_key {
        ids.extend(of("Agent/default/a", &workspace.agent_guards));
    }
    ids.sort();
    ids
}

fn list(values: &[&str]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| format!("'{value}'")).collect();
    format!("[{}]", quoted.join(", "))
}

fn field(indent: &str, name: &str, value: Option<u64>) -> String {
    value.map(|value| format!("{indent}{name}: {value}\n")).unwrap_or_default()
}

fn compile(workspace: &Workspace) -> Bundle {
    let head =
        |kind, name| format!("---\napiVersion: pai.io/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n");
    let mut text = head("ModelProvider", "p")
        + "  provider: anthropic\n  apiKeySecretRef: {name: k}\n"
        + &format!(
            "  allowedModels: {}\n  deniedModels: {}\n",
            list(&workspace.allowed),
            list(&workspace.denied)
        )
        + &field("  ", "maxTokensPerDay", workspace.per_day)
        + &field("  ", "maxTokensPerRequest", workspace.per_request)
        + &format!("  externalAccess:\n    enabled: {}\n", workspace.external)
        + &field("    ", "maxTokensPerDay", workspace.external_per_day.filter(|_| workspace.external));
    let guards = |guards: &[Attached]| {
        let written: Vec<String> = guards.iter().map(Attached::written).collect();
        format!("  guards: [{}]\n", written.join(", "))
    };
    text += &guards(&workspace.provider_guards);
    text += &(head("GuardBinding", "g") + "  classifier: {type: rules}\n");
    text += &(head("GuardBinding", "h") + "  classifier: {type: custom, endpoint: 'http://g.example'}\n");
    if let Some(denies) = workspace.on_error {
        text += if denies { "  onError: deny\n" } else { "  onError: allow\n" };
    }
    // A key none of whose providers is open is an error; this one keeps the key valid.
    text += &(head("ModelProvider", "open")
        + "  provider: vllm\n  endpoint: 'http://vllm.example/v1'\n  externalAccess: {enabled: true}\n");
    if !workspace.agent_models.is_empty() {
        let models: Vec<String> = workspace.agent_models.iter().map(|model| format!("p/{model}")).collect();
        let models: Vec<&str> = models.iter().map(String::as_str).collect();
        text += &(head("Agent", "a") + &format!("  models: {}\n", list(&models)));
        let limits = field("    ", "maxPerDay", workspace.agent_per_day)
            + &field("    ", "maxPerRequest", workspace.agent_per_request);
        if !limits.is_empty() {
            text += &format!("  tokens:\n{limits}");
        }
        if let Some(cost) = workspace.agent_cost {
            text += &format!("  rateLimits: {{maxCostPerDayUSD: 0.{cost:03}}}\n");
        }
        text += &guards(&workspace.agent_guards);
    }
    text += &(head("AccessKey", "k") + "  providers: [p, open]\n");
    text += &format!("  allowedModels: {}\n", list(&workspace.key_allowed));
    if workspace.key_cidr {
        text += "  allowedCidrs: [10.0.0.0/8]\n";
    }
    if workspace.key_expires {
        text += "  expires: 2026-11-23T12:00:00Z\n";
    }
    text += &field("  ", "maxTokensPerDay", workspace.key_per_day);
    if let Some(cost) = workspace.key_cost {
        text += &format!("  maxCostPerDayUSD: 0.{cost:03}\n");
    }
    let mut files = vec![("pai.yaml".to_owned(), text)];
    if workspace.house_rule {
        let rule = format!(
            "@id(\"house\") forbid (principal, action in Action::\"spend\", resource) when {{ context.tokensRequested > {HOUSE_CAP} }};"
        );
        files.push(("policies/house.cedar".to_owned(), rule));
    }
    let sources = Sources::new(files);
    let compiled = pai_compiler::compile(&sources);
    let findings = pai_compiler::diagnostic::render::short(&compiled.diagnostics, &sources);
    compiled.bundle.unwrap_or_else(|| panic!("{workspace:?}\n{findings}"))
}

/// The question as the authorizer takes it.
fn with_facts<T>(ask: &Ask, answer: impl FnOnce(&Facts<'_>) -> T) -> T {
    let name = |text: &str| text.parse::<QualifiedName>().expect("a name");
    let (agent, key, provider) = (name("default/a"), name("default/k"), name("default/p"));
    let model: ModelId = ask.model.parse().expect("a model");
    answer(&Facts {
        principal: if ask.by_key { Principal::AccessKey(&key) } else { Principal::Agent(&agent) },
        provider: &provider,
        model: &model,
        action: ask.action,
        tokens: Tokens(ask.tokens),
        cost: milli_usd(ask.cost),
        used: Used {
            provider: Tokens(ask.used[0]),
            provider_external: Tokens(if ask.by_key { ask.used[1] } else { 0 }),
            principal: Tokens(ask.used[2]),
            principal_cost: milli_usd(ask.spent),
        },
        address: if ask.inside { IpAddr::from([10, 0, 0, 1]) } else { IpAddr::from([192, 0, 2, 1]) },
        now: UnixSeconds(1_795_435_200 - i64::from(!ask.late)),
        guard: &GuardFacts {
            hits: ask.hits.iter().cloned().collect(),
            failures: ask.failures.iter().cloned().collect(),
            ..GuardFacts::NONE
        },
    })
}

fn milli_usd(amount: u64) -> NanoUsd {
    NanoUsd(amount * 1_000_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn readable_fast_limits_and_meaning_agree(
        workspace in workspaces(),
        asks in prop::collection::vec(asks(), 24),
    ) {
        let bundle = compile(&workspace);
        let authorizer = Authorizer::new(&bundle).expect("an authorizer");
        for ask in &asks {
            let (fast, readable) =
                with_facts(ask, |facts| (authorizer.decide(facts), authorizer.decide_readably(facts)));
            prop_assert_eq!(&fast, &readable, "{:?}", ask);
            let expected = allows(&workspace, ask) && (ask.by_key || !workspace.agent_models.is_empty());
            prop_assert_eq!(fast.is_ok(), expected, "{:?}: {:?}", ask, fast);
            // Whether it is allowed or not: what only records is no part of a decision.
            let mut recorded = with_facts(ask, |facts| authorizer.audited(facts));
            recorded.sort_by(|a, b| a.policy.cmp(&b.policy));
            let recorded: Vec<&str> = recorded.iter().map(|cause| cause.policy.as_str()).collect();
            if ask.by_key || !workspace.agent_models.is_empty() {
                prop_assert_eq!(recorded, audits(&workspace, ask), "{:?}", ask);
            }
            let Ok(permit) = fast else { continue };
            // What the ledger is told is what the manifests say, account by account.
            for account in permit.accounts() {
                let cap = match account.scope {
                    Scope::Provider => workspace.per_day,
                    Scope::ProviderExternal => workspace.external_per_day,
                    Scope::Agent => workspace.agent_per_day,
                    Scope::AccessKey => workspace.key_per_day,
                };
                prop_assert_eq!(account.limit, cap.map(Tokens));
                let cost_cap = match account.scope {
                    Scope::Provider | Scope::ProviderExternal => None,
                    Scope::Agent => workspace.agent_cost,
                    Scope::AccessKey => workspace.key_cost,
                };
                prop_assert_eq!(account.cost_limit, cost_cap.map(milli_usd));
                let of_account = |limit: &&CostLimit| limit.scope == account.scope && limit.name == account.name;
                let row = bundle.cost_limits.iter().find(of_account);
                prop_assert_eq!(row.map(|limit| limit.nano_usd_per_day), account.cost_limit);
                if let Some(row) = row {
                    let over = Ask { spent: cost_cap.unwrap_or_default() - ask.cost + 1, ..ask.clone() };
                    let denial = with_facts(&over, |facts| authorizer.decide(facts)).expect_err("over the cap");
                    prop_assert!(denial.causes().any(|cause| cause.policy == row.policy), "{:?}", denial);
                }
                let row = bundle.limits.iter().find(|limit| limit.scope == account.scope && limit.name == account.name);
                prop_assert_eq!(row.map(|limit| limit.tokens_per_day), account.limit);
                // One token beyond the row is refused by the policy that the row names.
                let Some(row) = row else { continue };
                let mut over = ask.clone();
                let place = match account.scope { Scope::Provider => 0, Scope::ProviderExternal => 1, _ => 2 };
                over.used[place] = row.tokens_per_day.0 - ask.tokens + 1;
                let denial = with_facts(&over, |facts| authorizer.decide(facts)).expect_err("over the cap");
                prop_assert!(denial.causes().any(|cause| cause.policy == row.policy), "{:?}", denial);
            }
        }
    }
}
