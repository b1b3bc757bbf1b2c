//! What is in a bundle, as `pai bundle show` lists it. The JSON form is stable: fields are added, never renamed or
//! removed; `docs/bundles.md` describes it.

use serde::Serialize;

use crate::codec::{FORMAT, NEEDS_PAI, Opened};
use crate::contents::Bundle;
use crate::digest::Digest;
use crate::guard::{Enforcement, GuardUse};
use crate::guard_spec;
use crate::key::{KeyId, PublicKey};
use crate::limit::Scope;
use crate::money::NanoUsd;
use crate::name::{Name, PolicyId, QualifiedName};
use crate::origin::{Origin, Places};
use crate::pattern::Pattern;
use crate::policy::Policy;
use crate::principal::{AccessKey, Agent, Credential, RateLimits};
use crate::provider::{
    ExternalAccess, ModelInfo, Provider, ProviderKind, ResponsesApi, Retry, SecretRef, UnboundedRequests,
};
use crate::signature::Serial;
use crate::unit::{Tokens, UnixSeconds};

/// A bundle, listed. Texts of policies are left out; [`cedar`] has them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listing<'a> {
    /// The format of the file.
    pub format: u32,
    /// The oldest pai that reads it.
    pub needs_pai: &'static str,
    /// SHA-256 of the contents.
    pub digest: &'a Digest,
    /// Length of the contents, in bytes.
    pub bytes: usize,
    /// The signature; null where there is none.
    pub signature: Option<Signed<'a>>,
    /// How many of each.
    pub counts: Counts,
    /// Providers.
    pub providers: Vec<ListedProvider<'a>>,
    /// Agents.
    pub agents: Vec<ListedAgent<'a>>,
    /// Access keys.
    pub access_keys: Vec<ListedKey<'a>>,
    /// Guard bindings.
    pub guards: Vec<ListedGuard<'a>>,
    /// Daily budgets, each with the policy that says the same.
    pub limits: Vec<ListedLimit<'a>>,
    /// The same in money.
    pub cost_limits: Vec<ListedCostLimit<'a>>,
    /// The source map: every policy with its place.
    pub policies: Vec<ListedPolicy<'a>>,
    /// Guards that only record, which refuse nothing.
    pub audits: Vec<ListedAudit<'a>>,
}

/// A signature and what is known of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Signed<'a> {
    /// The release.
    pub serial: Serial,
    /// The key that it names.
    pub key: &'a KeyId,
    /// What a check with the caller's keys said.
    pub status: SignatureStatus,
}

/// What a check of a signature said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignatureStatus {
    /// No key was given to check it with.
    NotChecked,
    /// One of the keys given signed exactly this file.
    Verified,
    /// None of them did.
    Refused,
}

/// How many of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "each counts what its name says")]
pub struct Counts {
    pub providers: usize,
    pub agents: usize,
    pub access_keys: usize,
    pub guards: usize,
    pub limits: usize,
    pub policies: usize,
    pub audits: usize,
}

/// One provider.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "fields are those of the manifest")]
pub struct ListedProvider<'a> {
    pub name: &'a QualifiedName,
    pub kind: ProviderKind,
    pub endpoint: &'a str,
    pub api_key: Option<&'a SecretRef>,
    pub allowed_models: &'a [Pattern],
    pub denied_models: &'a [Pattern],
    pub max_tokens_per_day: Option<Tokens>,
    pub max_tokens_per_request: Option<Tokens>,
    pub external_access: ExternalAccess,
    pub retry: Retry,
    pub fallbacks: Vec<String>,
    pub guards: Vec<ListedUse<'a>>,
    pub model_info: &'a [ModelInfo],
    pub unbounded_requests: UnboundedRequests,
    pub responses: ResponsesApi,
    pub endpoint_networks: Vec<String>,
    pub origin: Origin,
}

/// One agent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "fields are those of the manifest")]
pub struct ListedAgent<'a> {
    pub name: &'a QualifiedName,
    pub models: Vec<String>,
    pub max_tokens_per_day: Option<Tokens>,
    pub max_tokens_per_request: Option<Tokens>,
    pub rate_limits: RateLimits,
    pub guards: Vec<ListedUse<'a>>,
    pub credentials: Vec<ListedCredential<'a>>,
    pub origin: Origin,
}

/// One access key.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "fields are those of the manifest")]
pub struct ListedKey<'a> {
    pub name: &'a QualifiedName,
    pub providers: &'a [Name],
    pub allowed_models: &'a [Pattern],
    pub allowed_cidrs: Vec<String>,
    pub expires: Option<String>,
    pub max_tokens_per_day: Option<Tokens>,
    pub rate_limits: RateLimits,
    pub credentials: Vec<ListedCredential<'a>>,
    pub origin: Origin,
}

/// A credential without its digest.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "fields are those of the manifest")]
pub struct ListedCredential<'a> {
    pub id: &'a str,
    pub expires: Option<String>,
}

/// A guard where it is attached.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "fields are those of the manifest")]
pub struct ListedUse<'a> {
    pub binding: &'a str,
    pub scan: Vec<String>,
    pub enforcement: Enforcement,
}

/// One guard binding.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "fields are those of the manifest")]
pub struct ListedGuard<'a> {
    pub name: &'a QualifiedName,
    pub spec: serde_json::Value,
    pub origin: Origin,
}

/// One daily budget.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "fields are those of the limit")]
pub struct ListedLimit<'a> {
    pub scope: Scope,
    pub name: &'a QualifiedName,
    pub tokens_per_day: Tokens,
    pub policy: &'a PolicyId,
    pub origin: &'a Origin,
}

/// One daily budget in money.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "fields are those of the limit")]
pub struct ListedCostLimit<'a> {
    pub scope: Scope,
    pub name: &'a QualifiedName,
    pub nano_usd_per_day: NanoUsd,
    pub policy: &'a PolicyId,
    pub origin: &'a Origin,
}

/// One policy: an entry of the source map.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedPolicy<'a> {
    /// Its stable id.
    pub id: &'a PolicyId,
    /// Where it comes from.
    pub layer: Layer,
    /// The provider that it is about; null outside the providers' layer.
    pub provider: Option<&'a QualifiedName>,
    /// Where it was written.
    pub origin: &'a Origin,
    #[serde(skip)]
    text: &'a str,
}

/// A guard that only records.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedAudit<'a> {
    /// The id under which hits are recorded.
    pub id: &'a PolicyId,
    /// Where it is attached.
    pub origin: &'a Origin,
}

/// Who wrote a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// The rules that every bundle starts from.
    Base,
    /// Lowered from a provider's manifest.
    Provider,
    /// A policy file of the workspace.
    Author,
}

/// Lists a bundle. `trusted` are the keys to check its signature with; none leaves it unchecked.
pub fn of<'a>(opened: &'a Opened<'_>, bundle: &'a Bundle, trusted: &[PublicKey]) -> Listing<'a> {
    let status = match opened.verify(trusted) {
        _ if trusted.is_empty() => SignatureStatus::NotChecked,
        Ok(_) => SignatureStatus::Verified,
        Err(_) => SignatureStatus::Refused,
    };
    let signature = opened.signature().map(|found| Signed { serial: found.serial, key: &found.key, status });
    let policies: Vec<_> = policies(bundle).collect();
    Listing {
        format: FORMAT,
        needs_pai: NEEDS_PAI,
        digest: opened.digest(),
        bytes: opened.length(),
        signature,
        counts: Counts {
            providers: bundle.providers.len(),
            agents: bundle.agents.len(),
            access_keys: bundle.access_keys.len(),
            guards: bundle.guards.len(),
            limits: bundle.limits.len().saturating_add(bundle.cost_limits.len()),
            policies: policies.len(),
            audits: bundle.audits.len(),
        },
        providers: bundle.providers.iter().map(provider).collect(),
        agents: bundle.agents.iter().map(agent).collect(),
        access_keys: bundle.access_keys.iter().map(access_key).collect(),
        guards: bundle
            .guards
            .iter()
            .map(|guard| ListedGuard {
                name: &guard.name,
                spec: guard_spec::of(guard),
                origin: document(&guard.places),
            })
            .collect(),
        limits: bundle
            .limits
            .iter()
            .map(|limit| ListedLimit {
                scope: limit.scope,
                name: &limit.name,
                tokens_per_day: limit.tokens_per_day,
                policy: &limit.policy,
                origin: &limit.origin,
            })
            .collect(),
        cost_limits: bundle
            .cost_limits
            .iter()
            .map(|limit| ListedCostLimit {
                scope: limit.scope,
                name: &limit.name,
                nano_usd_per_day: limit.nano_usd_per_day,
                policy: &limit.policy,
                origin: &limit.origin,
            })
            .collect(),
        policies,
        audits: bundle
            .audits
            .iter()
            .map(|audit| ListedAudit { id: &audit.id, origin: &audit.origin })
            .collect(),
    }
}

/// Every policy as Cedar text, each below a comment that says where it was written. Cedar reads it back. Guards that only
/// record are left out, since they refuse nothing.
pub fn cedar(bundle: &Bundle) -> String {
    let texts: Vec<_> = policies(bundle)
        .map(|policy| {
            let field = match policy.origin.field.as_str() {
                "" => String::new(),
                field => format!(" {field}"),
            };
            let place = one_line(&format!("{}{field}", policy.origin));
            format!("// {place}\n{}\n", policy.text.trim_end())
        })
        .collect();
    texts.join("\n")
}

/// Every policy, in the order of the layers.
fn policies(bundle: &Bundle) -> impl Iterator<Item = ListedPolicy<'_>> {
    fn listed<'a>(layer: Layer, provider: Option<&'a QualifiedName>, policy: &'a Policy) -> ListedPolicy<'a> {
        ListedPolicy { id: &policy.id, layer, provider, origin: &policy.origin, text: &policy.text }
    }
    let base = bundle.base_policies.iter().map(|policy| listed(Layer::Base, None, policy));
    let slices = bundle.slices.iter().flat_map(|slice| {
        slice.policies.iter().map(|policy| listed(Layer::Provider, Some(&slice.provider), policy))
    });
    let authored = bundle.authored_policies.iter().map(|policy| listed(Layer::Author, None, policy));
    base.chain(slices).chain(authored)
}

/// A file's name may have a line break in it, and must not end the comment that it stands in.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn provider(provider: &Provider) -> ListedProvider<'_> {
    ListedProvider {
        name: &provider.name,
        kind: provider.kind,
        endpoint: &provider.endpoint,
        api_key: provider.api_key.as_ref(),
        allowed_models: &provider.allowed_models,
        denied_models: &provider.denied_models,
        max_tokens_per_day: provider.max_tokens_per_day,
        max_tokens_per_request: provider.max_tokens_per_request,
        external_access: provider.external_access,
        retry: provider.retry,
        fallbacks: provider.fallbacks.iter().map(ToString::to_string).collect(),
        guards: uses(&provider.guards),
        model_info: &provider.model_info,
        unbounded_requests: provider.unbounded_requests,
        responses: provider.responses,
        endpoint_networks: provider.endpoint_networks.iter().map(ToString::to_string).collect(),
        origin: document(&provider.places),
    }
}

fn agent(agent: &Agent) -> ListedAgent<'_> {
    ListedAgent {
        name: &agent.name,
        models: agent.models.iter().map(ToString::to_string).collect(),
        max_tokens_per_day: agent.max_tokens_per_day,
        max_tokens_per_request: agent.max_tokens_per_request,
        rate_limits: agent.rate_limits,
        guards: uses(&agent.guards),
        credentials: credentials(&agent.credentials),
        origin: document(&agent.places),
    }
}

fn access_key(key: &AccessKey) -> ListedKey<'_> {
    ListedKey {
        name: &key.name,
        providers: &key.providers,
        allowed_models: &key.allowed_models,
        allowed_cidrs: key.allowed_cidrs.iter().map(ToString::to_string).collect(),
        expires: key.expires.map(date),
        max_tokens_per_day: key.max_tokens_per_day,
        rate_limits: key.rate_limits,
        credentials: credentials(&key.credentials),
        origin: document(&key.places),
    }
}

fn credentials(credentials: &[Credential]) -> Vec<ListedCredential<'_>> {
    credentials
        .iter()
        .map(|credential| ListedCredential { id: &credential.id, expires: credential.expires.map(date) })
        .collect()
}

/// RFC 3339; seconds where the calendar ends.
fn date(instant: UnixSeconds) -> String {
    jiff::Timestamp::from_second(instant.0).map_or_else(|_| instant.0.to_string(), |at| at.to_string())
}

fn uses(guards: &[GuardUse]) -> Vec<ListedUse<'_>> {
    let listed = |guard: &'_ GuardUse| -> Vec<String> {
        guard.scan.targets().map(|target| target.to_string()).collect()
    };
    guards
        .iter()
        .map(|guard| ListedUse {
            binding: &guard.binding,
            scan: listed(guard),
            enforcement: guard.enforcement,
        })
        .collect()
}

fn document(places: &Places) -> Origin {
    places.of("")
}
