//! A workspace of any size, no two neighbours alike, and every question about it asked of both forms of its policies.
//! The suite asks a small one; `benches/scale` the one with 10,000 agents.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};

use pai_bundle::Bundle;
use pai_bundle::guard::{Enforcement, GuardUse, Target};
use pai_bundle::money::NanoUsd;
use pai_bundle::name::{ModelId, Name, QualifiedName};
use pai_bundle::provider::Provider;
use pai_bundle::unit::{Tokens, UnixSeconds};
use pai_compiler::Sources;
use pai_policies::{Action, Authorizer, Facts, GuardFacts, Principal, Used};

/// Before any key expires.
const NOW: UnixSeconds = UnixSeconds(1_795_435_200);
/// Below every cap of a request.
const TOKENS: Tokens = Tokens(1_000);

/// The bundle of a workspace with so many providers and agents, and a key for every tenth agent.
pub(crate) fn bundle(providers: usize, agents: usize) -> Result<Bundle, String> {
    let keys = agents.div_ceil(10);
    let mut texts: Vec<String> = (0..providers).map(provider).collect();
    texts.extend((0..agents).map(|number| agent(number, providers)));
    texts.extend((0..keys).map(|number| key(number, providers)));
    texts.push(head("GuardBinding", "g") + "  classifier: {type: rules}\n");
    let files =
        texts.chunks(100).enumerate().map(|(number, some)| (format!("{number:03}.yaml"), some.concat()));
    let house = "@id(\"house\") forbid (principal, action in Action::\"spend\", resource) \
                 when { context.tokensRequested > 250000 };";
    let sources = Sources::new(files.chain([("policies/house.cedar".to_owned(), house.to_owned())]));
    let compiled = pai_compiler::compile(&sources);
    compiled.bundle.ok_or_else(|| pai_compiler::diagnostic::render::short(&compiled.diagnostics, &sources))
}

fn head(kind: &str, name: &str) -> String {
    format!("---\napiVersion: pai.io/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n")
}

/// One of the values, by turns.
fn turn<'a>(number: usize, values: &[&'a str]) -> &'a str {
    values.get(number % values.len()).copied().unwrap_or_default()
}

fn provider(number: usize) -> String {
    let lists = [
        "  allowedModels: [claude-*]\n  deniedModels: ['*-opus-*']\n",
        "  allowedModels: [claude-sonnet-*, claude-haiku-*]\n",
        "  deniedModels: [claude-opus-*, claude-3-*]\n",
        "",
    ];
    // Each has numbers of its own, so that no two providers have the same policies.
    let budget = format!("  maxTokensPerDay: {}\n", 4_000_000 + number);
    let budgets = [budget.as_str(), &budget, ""];
    let caps = ["  maxTokensPerRequest: 200000\n", ""];
    let external = ["{enabled: true, maxTokensPerDay: 1000000}", "{enabled: true}", "{enabled: false}"];
    head("ModelProvider", &format!("p{number}"))
        + &format!("  provider: anthropic\n  apiKeySecretRef: {{name: key-{number}}}\n")
        + turn(number, &lists)
        + turn(number, &budgets)
        + turn(number, &caps)
        + &format!("  externalAccess: {}\n", turn(number, &external))
        + turn(number, &["  guards: [{binding: g, scan: {prompts: true}}]\n", ""])
}

/// A model of a provider of its own and one of the five that everybody uses.
fn agent(number: usize, providers: usize) -> String {
    let (own, popular) = (number % providers, number % 5 % providers);
    let tokens =
        ["  tokens: {maxPerDay: 100000, maxPerRequest: 5000}\n", "  tokens: {maxPerDay: 90000}\n", ""];
    head("Agent", &format!("a{number}"))
        + &format!("  models: [p{own}/claude-sonnet-4-6, p{popular}/claude-haiku-4-5]\n")
        + turn(number, &tokens)
        + turn(number, &["  guards: [{binding: g, scan: {toolResults: ['*']}}]\n", "", "", ""])
}

/// A key for two providers that are open to it.
fn key(number: usize, providers: usize) -> String {
    // Two of three are.
    let open = |number: usize| number % providers.div_ceil(3) * 3;
    let limits =
        ["  maxTokensPerDay: 50000\n", "  allowedModels: [claude-*]\n", "  allowedCidrs: [10.0.0.0/8]\n", ""];
    head("AccessKey", &format!("k{number}"))
        + &format!("  providers: [p{}]\n  expires: 2099-01-31\n", open(number))
        + turn(number, &limits)
}

/// Every agent and key on every model that is listed for it, within all of its limits and beyond each of them, and on
/// one that is not: how many questions were asked, or the first to which the two forms, or the manifests, say
/// different things.
pub(crate) fn agree(bundle: &Bundle, authorizer: &Authorizer) -> Result<usize, String> {
    let providers: HashMap<&QualifiedName, &Provider> =
        bundle.providers.iter().map(|provider| (&provider.name, provider)).collect();
    let find = |namespace: &Name, name: &Name| {
        let name = QualifiedName::new(namespace.clone(), name.clone());
        providers.get(&name).copied().ok_or_else(|| format!("no provider {name}"))
    };
    let mut asked = 0;
    for agent in &bundle.agents {
        for listed in &agent.models {
            let provider = find(&agent.name.namespace, &listed.provider)?;
            let limits = Limits {
                per_request: agent.max_tokens_per_request.or(provider.max_tokens_per_request),
                provider: provider.max_tokens_per_day,
                external: None,
                principal: agent.max_tokens_per_day,
                guards: [&provider.guards, &agent.guards],
            };
            let within = facts(Principal::Agent(&agent.name), &provider.name, &listed.model);
            asked += ask_all(authorizer, within, &limits)?;
        }
    }
    for key in &bundle.access_keys {
        for name in &key.providers {
            let provider = find(&key.name.namespace, name)?;
            let limits = Limits {
                per_request: provider.max_tokens_per_request,
                provider: provider.max_tokens_per_day,
                external: provider.external_access.max_tokens_per_day,
                principal: key.max_tokens_per_day,
                guards: [&provider.guards, &[]],
            };
            for model in &provider.models {
                let within = facts(Principal::AccessKey(&key.name), &provider.name, model);
                asked += ask_all(authorizer, within, &limits)?;
            }
        }
    }
    Ok(asked)
}

/// What the records say, which the policies were not made from one by one.
struct Limits<'a> {
    per_request: Option<Tokens>,
    provider: Option<Tokens>,
    external: Option<Tokens>,
    principal: Option<Tokens>,
    guards: [&'a [GuardUse]; 2],
}

impl Limits<'_> {
    /// Whether a guard is there to refuse, whose binding leaves `onError` to that.
    fn refuse(&self, target: Target<'_>) -> bool {
        let refuses = |guard: &&GuardUse| guard.enforcement == Enforcement::Enforce;
        self.guards
            .iter()
            .flat_map(|guards| guards.iter())
            .filter(refuses)
            .any(|guard| guard.scan.targets().any(|read| read == target))
    }
}

fn ask_all(authorizer: &Authorizer, within: Facts<'_>, limits: &Limits<'_>) -> Result<usize, String> {
    let mut asked = 0;
    let mut expect = |facts: Facts<'_>, allowed: bool| {
        asked += 1;
        let (fast, readable) = (authorizer.decide(&facts), authorizer.decide_readably(&facts));
        if fast == readable && fast.is_ok() == allowed {
            return Ok(());
        }
        Err(format!("{facts:?}: allowed by the manifests: {allowed}; fast: {fast:?}; readable: {readable:?}"))
    };
    for action in Action::ALL {
        let tokens = if action.spends() { TOKENS } else { Tokens::ZERO };
        expect(Facts { action, tokens, ..within }, true)?;
    }
    // The house's own rule.
    expect(Facts { tokens: Tokens(250_001), ..within }, false)?;
    expect(Facts { tokens: Tokens::MAX, ..within }, false)?;
    if let Some(cap) = limits.per_request {
        expect(Facts { tokens: cap.saturating_add(Tokens(1)), ..within }, false)?;
    }
    for target in [Target::Prompts, Target::ToolResults("*")] {
        let flags = BTreeSet::from([format!("default/g/{target}")]);
        let hit = GuardFacts { hits: flags.clone(), ..GuardFacts::NONE };
        let failed = GuardFacts { failures: flags, ..GuardFacts::NONE };
        for guard in [&hit, &failed] {
            expect(Facts { guard, ..within }, !limits.refuse(target))?;
        }
    }
    let room = |cap: Tokens| Tokens(cap.0 - TOKENS.0);
    let used = |cap: Option<Tokens>, over: u64| {
        cap.map_or(Tokens::ZERO, |cap| room(cap).saturating_add(Tokens(over)))
    };
    for (over, allowed) in [(0, true), (1, false)] {
        if limits.provider.is_some() {
            expect(
                Facts { used: Used { provider: used(limits.provider, over), ..within.used }, ..within },
                allowed,
            )?;
        }
        if limits.external.is_some() {
            let provider_external = used(limits.external, over);
            expect(Facts { used: Used { provider_external, ..within.used }, ..within }, allowed)?;
        }
        if limits.principal.is_some() {
            expect(
                Facts { used: Used { principal: used(limits.principal, over), ..within.used }, ..within },
                allowed,
            )?;
        }
    }
    if let Principal::AccessKey(_) = within.principal {
        expect(Facts { now: UnixSeconds(i64::MAX), ..within }, false)?;
    } else {
        let unlisted: ModelId = "claude-instant-9".parse().map_err(|cause| format!("{cause}"))?;
        expect(Facts { model: &unlisted, ..within }, false)?;
    }
    Ok(asked)
}

static UNGUARDED: GuardFacts = GuardFacts::NONE;

/// A question that every manifest above answers with yes.
pub(crate) fn facts<'a>(
    principal: Principal<'a>,
    provider: &'a QualifiedName,
    model: &'a ModelId,
) -> Facts<'a> {
    Facts {
        cost: NanoUsd(1),
        principal,
        provider,
        model,
        action: Action::Invoke,
        tokens: TOKENS,
        used: Used::default(),
        address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
        now: NOW,
        guard: &UNGUARDED,
    }
}
