//! Weakened copies of a bundle: what the manifests refuse, taken away one by one. A copy that every case is content with
//! shows a case that is missing, and an example of it is written out.

use std::fmt::Write as _;

use pai_bundle::Bundle;
use pai_bundle::limit::Scope;
use pai_bundle::name::ModelRef;
use pai_bundle::origin::Origin;
use pai_bundle::unit::{Tokens, UnixSeconds};

use super::cases::Case;
use super::change::{AgentEdit, Change, KeyEdit, ProviderEdit};
use super::question::{Question, Who};
use super::trial;
use super::world::World;

/// A weakened copy that no case noticed.
#[derive(Debug)]
pub struct Survivor {
    /// What was taken away.
    pub change: Change,
    /// Where it is written.
    pub origin: Option<Origin>,
    /// A case that would notice; `None` where no request shows a difference: the line may decide nothing.
    pub missing: Option<String>,
}

/// What came of all copies.
#[derive(Debug)]
pub struct Mutation {
    /// How many there were.
    pub mutants: usize,
    /// Those that no case noticed.
    pub survivors: Vec<Survivor>,
}

/// Runs the cases against every weakened copy.
pub fn run(world: &World, cases: &[Case]) -> Mutation {
    let changes = weakenings(world.bundle());
    let mutants = changes.len();
    let survivors = changes.into_iter().filter_map(|change| survivor(world, cases, change)).collect();
    Mutation { mutants, survivors }
}

fn survivor(world: &World, cases: &[Case], change: Change) -> Option<Survivor> {
    let weaker = World::new(change.apply(world.bundle()).ok()?).ok()?;
    if cases.iter().any(|case| !trial::try_one(&weaker, case).passed()) {
        return None;
    }
    let missing = witness(world, &weaker).map(|question| written(world, &question));
    Some(Survivor { origin: change.origin(world.bundle()), change, missing })
}

/// Every rule that manifests and authors wrote, taken away.
fn weakenings(bundle: &Bundle) -> Vec<Change> {
    let mut changes = Vec::new();
    for provider in &bundle.providers {
        let mut edits = Vec::new();
        if !provider.allowed_models.is_empty() {
            edits.push(ProviderEdit::AllowAll);
        }
        edits.extend(provider.denied_models.iter().cloned().map(ProviderEdit::Undeny));
        edits.extend(provider.max_tokens_per_day.map(|_| ProviderEdit::PerDay(None)));
        edits.extend(provider.max_tokens_per_request.map(|_| ProviderEdit::PerRequest(None)));
        edits.extend(provider.external_access.max_tokens_per_day.map(|_| ProviderEdit::ExternalPerDay(None)));
        if !provider.external_access.enabled
            && bundle.access_keys.iter().any(|key| {
                key.name.namespace == provider.name.namespace && key.providers.contains(&provider.name.name)
            })
        {
            edits.push(ProviderEdit::OpenToKeys);
        }
        changes.extend(edits.into_iter().map(|edit| Change::Provider(provider.name.clone(), edit)));
    }
    for agent in &bundle.agents {
        let caps = [
            agent.max_tokens_per_day.map(|_| AgentEdit::PerDay(None)),
            agent.max_tokens_per_request.map(|_| AgentEdit::PerRequest(None)),
        ];
        let unlisted = bundle
            .providers
            .iter()
            .filter(|provider| provider.name.namespace == agent.name.namespace)
            .flat_map(|provider| {
                let of = provider.name.name.clone();
                provider
                    .models
                    .iter()
                    .map(move |model| ModelRef { provider: of.clone(), model: model.clone() })
            })
            .find(|model| !agent.models.contains(model))
            .map(AgentEdit::List);
        let edits = caps.into_iter().flatten().chain(unlisted);
        changes.extend(edits.map(|edit| Change::Agent(agent.name.clone(), edit)));
    }
    for key in &bundle.access_keys {
        let edits = [
            (!key.allowed_models.is_empty()).then_some(KeyEdit::AllowAll),
            (!key.allowed_cidrs.is_empty()).then_some(KeyEdit::FromAnywhere),
            key.expires.map(|_| KeyEdit::Forever),
            key.max_tokens_per_day.map(|_| KeyEdit::PerDay(None)),
        ];
        changes.extend(edits.into_iter().flatten().map(|edit| Change::AccessKey(key.name.clone(), edit)));
    }
    changes.extend(bundle.authored_policies.iter().map(|policy| Change::Author(policy.id.clone())));
    changes
}

/// A request that the bundle refuses and the weaker copy lets through.
fn witness(world: &World, weaker: &World) -> Option<Question> {
    world.principals().find_map(|who| {
        questions(world, &who)
            .into_iter()
            .find(|question| !world.ask(question).is_allowed() && weaker.ask(question).is_allowed())
    })
}

/// Requests at the edges of what a principal may do.
fn questions(world: &World, who: &Who) -> Vec<Question> {
    let bundle = world.bundle();
    let mut models: Vec<String> = pai_policies::candidate::named(world, who.as_principal())
        .iter()
        .map(|candidate| format!("{}/{}", candidate.provider.name, candidate.model))
        .collect();
    for provider in bundle.providers.iter().filter(|other| other.name.namespace == who.name().namespace) {
        let example = |pattern: &str| format!("{}/{}", provider.name.name, pattern.replace('*', "x"));
        models.extend(provider.denied_models.iter().map(|pattern| example(pattern.as_str())));
        models.push(example("another-model"));
    }
    let key = bundle.access_keys.iter().find(|key| *who == Who::AccessKey(key.name.clone()));
    let inside = key.and_then(|key| key.allowed_cidrs.first()).map(ipnet::IpNet::addr);
    let ended = key.and_then(|key| key.expires);
    let mut all = Vec::new();
    for model in models {
        let mut plain = Question::new(who.clone(), model, UnixSeconds(0));
        if let Some(address) = inside {
            plain.address = address;
        }
        // Just above every cap there is.
        let sizes = bundle.providers.iter().filter_map(|provider| provider.max_tokens_per_request);
        let of_agents = bundle.agents.iter().filter_map(|agent| agent.max_tokens_per_request);
        for tokens in sizes.chain(of_agents).chain(std::iter::once(LARGE)) {
            all.push(Question { tokens: tokens.saturating_add(Tokens(1)), ..plain.clone() });
        }
        for limit in &bundle.limits {
            let mut full = plain.clone();
            full.used.0.insert((limit.scope, limit.name.clone()), limit.tokens_per_day);
            all.push(full);
        }
        if inside.is_some() {
            all.push(Question { address: std::net::IpAddr::from([198, 51, 100, 1]), ..plain.clone() });
        }
        if let Some(at) = ended {
            all.push(Question { at, ..plain.clone() });
        }
        all.push(plain);
    }
    all
}

/// Larger than what rules of authors usually compare with.
const LARGE: Tokens = Tokens(1_000_000);

/// The question as a case to paste.
fn written(world: &World, question: &Question) -> String {
    let (field, name) = match &question.who {
        Who::Agent(name) => ("agent", name),
        Who::AccessKey(name) => ("key", name),
    };
    let mut text =
        format!("- {field}: {}\n  model: {}\n  tokens: {}\n", name.name, question.model, question.tokens);
    let plain = Question::new(question.who.clone(), "", question.at);
    if question.address != plain.address {
        let _ = writeln!(text, "  address: {}", question.address);
    }
    if question.at != UnixSeconds(0)
        && let Ok(at) = jiff::Timestamp::from_second(question.at.0)
    {
        let _ = writeln!(text, "  at: {at}");
    }
    for ((scope, name), tokens) in &question.used.0 {
        let scope = match scope {
            Scope::Provider => "provider",
            Scope::ProviderExternal => "external",
            Scope::Agent => "agent",
            Scope::AccessKey => "key",
        };
        let _ = writeln!(text, "  used: {{{scope}/{}: {tokens}}}", name.name);
    }
    text.push_str("  expect: refused\n");
    if let Some(denial) = world.ask(question).denial() {
        let _ = writeln!(text, "  by: {}", denial.first.policy);
    }
    text
}
