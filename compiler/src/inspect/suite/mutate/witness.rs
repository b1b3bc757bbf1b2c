//! A request that tells a bundle from a weaker copy, found at the edges of what its principals may do.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pai_bundle::Bundle;
use pai_bundle::limit::Scope;
use pai_bundle::name::{ModelId, QualifiedName};
use pai_bundle::pattern::Pattern;
use pai_bundle::principal::{AccessKey, Agent};
use pai_bundle::provider::Provider;
use pai_bundle::unit::{Tokens, UnixSeconds};
use pai_policies::attached::Bindings;
use serde_json::Value;

use crate::inspect::found::Flag;
use crate::inspect::question::{Question, Who};
use crate::inspect::suite::cases::{self, AT, TOKENS};
use crate::inspect::world::World;

/// Larger than what rules of authors usually compare with.
const LARGE: Tokens = Tokens(1_000_000);

/// A request that is refused, and what refuses it.
pub(super) struct Witness {
    question: Question,
    by: String,
}

/// A request that the bundle refuses and the weaker copy lets through; if there is none, one that they refuse for
/// different reasons.
pub(super) fn find(world: &World, weaker: &World) -> Option<Witness> {
    let mut for_another_reason = None;
    for who in world.principals() {
        for question in questions(world.bundle(), &who) {
            let answer = world.ask(&question);
            let Some(denial) = answer.denial() else { continue };
            let by = denial.first.policy.to_string();
            let other = weaker.ask(&question);
            if other.is_allowed() {
                return Some(Witness { question, by });
            }
            if other.denial().is_none_or(|other| other.first.policy != denial.first.policy) {
                for_another_reason.get_or_insert(Witness { question, by });
            }
        }
    }
    for_another_reason
}

/// Models that a provider's lists speak of, those first that it offers, and one that no list names.
pub(super) fn examples(provider: &Provider) -> impl Iterator<Item = ModelId> {
    let of = |pattern: &Pattern| pattern.as_str().replace('*', "x").parse().ok();
    let allowed = provider.allowed_models.iter().filter_map(of);
    let denied = provider.denied_models.iter().filter_map(of);
    let named = provider.models.iter().cloned();
    let all: Vec<ModelId> = named.chain(allowed).chain(denied).chain("another-model".parse().ok()).collect();
    let (first, last): (Vec<_>, Vec<_>) = all.into_iter().partition(|model| offers(provider, model));
    first.into_iter().chain(last)
}

/// Whether a provider's lists let a model through.
pub(super) fn offers(provider: &Provider, model: &ModelId) -> bool {
    let is_in = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(model.as_str()));
    (provider.allowed_models.is_empty() || is_in(&provider.allowed_models)) && !is_in(&provider.denied_models)
}

/// Requests at the edges of what a principal may do.
fn questions(bundle: &Bundle, who: &Who) -> Vec<Question> {
    let (names, key): (Vec<_>, Option<&AccessKey>) = match who {
        Who::Agent(name) => {
            let agent = bundle.agents.iter().find(|agent| agent.name == *name);
            let models = agent.into_iter().flat_map(|agent| &agent.models);
            (models.map(|model| &model.provider).collect(), None)
        }
        Who::AccessKey(name) => {
            let key = bundle.access_keys.iter().find(|key| key.name == *name);
            (key.into_iter().flat_map(|key| &key.providers).collect(), key)
        }
    };
    let mut providers: Vec<&Provider> = Vec::new();
    for name in names {
        let of = QualifiedName::new(who.name().namespace.clone(), name.clone());
        let found = bundle.providers.iter().find(|provider| provider.name == of);
        providers.extend(found.filter(|found| !providers.iter().any(|known| known.name == found.name)));
    }
    let of_key = key.into_iter().flat_map(|key| &key.allowed_models);
    let in_keys_words: Vec<String> = of_key.map(|pattern| pattern.as_str().replace('*', "x")).collect();
    let mut all = Vec::new();
    for provider in providers {
        let written = |model: &dyn std::fmt::Display| format!("{}/{model}", provider.name.name);
        let models = examples(provider).map(|model| written(&model));
        let models = models.chain(in_keys_words.iter().map(|model| written(model)));
        for model in models {
            at_the_edges(bundle, who, provider, key, &model, &mut all);
        }
    }
    all
}

/// One model: plainly, above each cap, with each budget used up, from elsewhere, too late.
fn at_the_edges(
    bundle: &Bundle,
    who: &Who,
    provider: &Provider,
    key: Option<&AccessKey>,
    model: &str,
    all: &mut Vec<Question>,
) {
    let mut plain = Question { tokens: TOKENS, ..Question::new(who.clone(), model, AT) };
    if let Some(network) = key.and_then(|key| key.allowed_cidrs.first()) {
        plain.address = network.addr();
    }
    if let Some(ended) = key.and_then(|key| key.expires) {
        all.push(Question { at: ended, ..plain.clone() });
        // Before its end, whenever that is.
        plain.at = plain.at.min(UnixSeconds(ended.0.saturating_sub(1)));
    }
    all.push(plain.clone());
    let agent = bundle.agents.iter().find(|agent| *who == Who::Agent(agent.name.clone()));
    let caps = [provider.max_tokens_per_request, agent.and_then(|agent| agent.max_tokens_per_request)];
    for cap in caps.into_iter().flatten().chain([LARGE]) {
        all.push(Question { tokens: cap.saturating_add(Tokens(1)), ..plain.clone() });
    }
    for limit in &bundle.limits {
        let is_concerned = match limit.scope {
            Scope::Provider | Scope::ProviderExternal => limit.name == provider.name,
            scope => scope == who.scope() && limit.name == *who.name(),
        };
        if is_concerned {
            let mut full = plain.clone();
            full.used.0.insert((limit.scope, limit.name.clone()), limit.tokens_per_day);
            all.push(full);
        }
    }
    for limit in &bundle.cost_limits {
        if limit.scope == who.scope() && limit.name == *who.name() {
            let mut full = plain.clone();
            full.spent.0.insert((limit.scope, limit.name.clone()), limit.nano_usd_per_day);
            all.push(full);
        }
    }
    if key.is_some_and(|key| !key.allowed_cidrs.is_empty()) {
        // Networks for documentation (RFC 5737, RFC 3849): nobody's.
        let nobodys: [IpAddr; 2] =
            [Ipv4Addr::new(198, 51, 100, 1).into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()];
        all.extend(nobodys.map(|address| Question { address, ..plain.clone() }));
    }
    all.extend(flagged(bundle, provider, agent, &plain));
}

/// With each guard of the provider and of the agent having found something, and with each having failed.
fn flagged(bundle: &Bundle, provider: &Provider, agent: Option<&Agent>, plain: &Question) -> Vec<Question> {
    let namespace = &provider.name.namespace;
    let of_agent = agent.map(|agent| agent.guards.as_slice()).unwrap_or_default();
    let mut all = Vec::new();
    for guard in provider.guards.iter().chain(of_agent) {
        let flags = guard.scan.targets().map(|target| format!("{}/{target}", guard.binding));
        for flag in flags.filter_map(|flag| flag.parse::<Flag>().ok()) {
            let name = QualifiedName::new(namespace.clone(), flag.binding().clone());
            let threshold = Bindings(&bundle.guards).find(&name).map(|found| found.threshold("injection"));
            let mut hit = plain.clone();
            flag.hit(namespace, threshold, &mut hit.guard);
            let mut failed = plain.clone();
            failed.guard.failures.insert(flag.within(namespace));
            all.extend([hit, failed]);
        }
    }
    all
}

impl Witness {
    /// As a case to paste.
    pub(super) fn written(&self) -> String {
        let question = &self.question;
        let plain = Question { tokens: TOKENS, ..Question::new(question.who.clone(), "", AT) };
        let (field, name) = match &question.who {
            Who::Agent(name) => ("agent", name),
            Who::AccessKey(name) => ("key", name),
        };
        let mut text = format!("- {field}: {}\n", name.name);
        let mut line = |field: &str, value: &dyn std::fmt::Display| {
            let _ = writeln!(text, "  {field}: {value}");
        };
        if name.namespace.as_str() != pai_bundle::name::DEFAULT_NAMESPACE {
            line("namespace", &name.namespace);
        }
        line("model", &question.model);
        if question.tokens != plain.tokens {
            line("tokens", &question.tokens);
        }
        if question.address != plain.address {
            line("address", &question.address);
        }
        if question.at != plain.at
            && let Ok(at) = jiff::Timestamp::from_second(question.at.0)
        {
            line("at", &at);
        }
        for ((scope, name), tokens) in &question.used.0 {
            line("used", &format_args!("{{{}/{}: {tokens}}}", cases::word(*scope), name.name));
        }
        for ((scope, name), spent) in &question.spent.0 {
            line("spent", &format_args!("{{{}/{}: {spent}}}", cases::word(*scope), name.name));
        }
        // A hit says its verdict, as long as it is at the guard's threshold.
        for (field, flags) in [("hits", &question.guard.hits), ("failures", &question.guard.failures)] {
            let prefix = format!("{}/", name.namespace);
            let short = flags.iter().map(|flag| Value::from(flag.strip_prefix(&prefix).unwrap_or(flag)));
            if !flags.is_empty() {
                line("guard", &format_args!("{{{field}: {}}}", short.collect::<Value>()));
            }
        }
        line("expect", &"refused");
        line("by", &self.by);
        text
    }
}
