//! A bundle's listing as tables for people.

use pai_bundle::listing::{Layer, Listing, SignatureStatus};
use pai_bundle::provider::SecretRef;
use pai_bundle::unit::Tokens;

use crate::table;

/// The whole listing.
pub(super) fn of(listing: &Listing<'_>) -> String {
    let signature = match &listing.signature {
        None => "none".to_owned(),
        Some(found) => {
            let status = match found.status {
                SignatureStatus::NotChecked => "not checked: give --public-key",
                SignatureStatus::Verified => "verified",
                SignatureStatus::Refused => "REFUSED: none of the given keys signed this file",
            };
            format!("serial {}, key {} ({status})", found.serial, found.key)
        }
    };
    let mut text = format!(
        "digest     {}\nformat     {}, needs pai {} or newer\nsize       {} bytes\nsignature  {signature}\n",
        listing.digest, listing.format, listing.needs_pai, listing.bytes
    );
    let mut section = |title: &str, head: &[&str], rows: Vec<Vec<String>>| {
        text.push_str(&format!("\n{title}: {}\n", rows.len()));
        if !rows.is_empty() {
            text.push_str(&table::plain(head, rows, None));
            text.push('\n');
        }
    };
    section(
        "providers",
        &["NAME", "KIND", "TOKENS/DAY", "PER REQUEST", "EXTERNAL", "SECRET", "SOURCE"],
        providers(listing),
    );
    section("agents", &["NAME", "MODELS", "TOKENS/DAY", "PER REQUEST", "RATES", "SOURCE"], agents(listing));
    section(
        "access keys",
        &["NAME", "PROVIDERS", "MODELS", "FROM", "TOKENS/DAY", "RATES", "EXPIRES", "SOURCE"],
        access_keys(listing),
    );
    let guards = listing.guards.iter().map(|guard| {
        let of_classifier = |field: &str| guard.spec["classifier"][field].as_str().unwrap_or("-").to_owned();
        vec![
            guard.name.to_string(),
            of_classifier("type"),
            of_classifier("endpoint"),
            guard.origin.to_string(),
        ]
    });
    section("guards", &["NAME", "CLASSIFIER", "ENDPOINT", "SOURCE"], guards.collect());
    let limits = listing.limits.iter().map(|limit| {
        vec![
            limit.scope.to_string(),
            limit.name.to_string(),
            limit.tokens_per_day.to_string(),
            limit.policy.to_string(),
            limit.origin.to_string(),
        ]
    });
    section("limits", &["SCOPE", "NAME", "TOKENS/DAY", "POLICY", "SOURCE"], limits.collect());
    let cost_limits = listing.cost_limits.iter().map(|limit| {
        vec![
            limit.scope.to_string(),
            limit.name.to_string(),
            limit.nano_usd_per_day.to_string(),
            limit.policy.to_string(),
            limit.origin.to_string(),
        ]
    });
    section("limits in money", &["SCOPE", "NAME", "USD/DAY", "POLICY", "SOURCE"], cost_limits.collect());
    let policies = listing.policies.iter().map(|policy| {
        let layer = match policy.layer {
            Layer::Base => "base",
            Layer::Provider => "provider",
            Layer::Author => "author",
        };
        vec![policy.id.to_string(), layer.to_owned(), policy.origin.to_string(), policy.origin.field.clone()]
    });
    section("policies", &["ID", "LAYER", "SOURCE", "FIELD"], policies.collect());
    let audits = listing
        .audits
        .iter()
        .map(|audit| vec![audit.id.to_string(), audit.origin.to_string(), audit.origin.field.clone()]);
    section("guards that only record", &["ID", "SOURCE", "FIELD"], audits.collect());
    text
}

fn providers(listing: &Listing<'_>) -> Vec<Vec<String>> {
    let row = |provider: &pai_bundle::listing::ListedProvider<'_>| {
        let external = match (provider.external_access.enabled, provider.external_access.max_tokens_per_day) {
            (false, _) => "no".to_owned(),
            (true, None) => "yes".to_owned(),
            (true, Some(tokens)) => format!("{tokens}/day"),
        };
        let secret = |secret: &SecretRef| format!("{}/{}", secret.name, secret.key);
        vec![
            provider.name.to_string(),
            provider.kind.to_string(),
            tokens(provider.max_tokens_per_day),
            tokens(provider.max_tokens_per_request),
            external,
            provider.api_key.map_or_else(|| "-".to_owned(), secret),
            provider.origin.to_string(),
        ]
    };
    listing.providers.iter().map(row).collect()
}

fn agents(listing: &Listing<'_>) -> Vec<Vec<String>> {
    let row = |agent: &pai_bundle::listing::ListedAgent<'_>| {
        vec![
            agent.name.to_string(),
            agent.models.join("\n"),
            tokens(agent.max_tokens_per_day),
            tokens(agent.max_tokens_per_request),
            rates(agent.rate_limits),
            agent.origin.to_string(),
        ]
    };
    listing.agents.iter().map(row).collect()
}

fn access_keys(listing: &Listing<'_>) -> Vec<Vec<String>> {
    fn list<T: ToString>(values: &[T], none: &str) -> String {
        match values {
            [] => none.to_owned(),
            values => values.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        }
    }
    let row = |key: &pai_bundle::listing::ListedKey<'_>| {
        let expires = key.expires.clone().unwrap_or_else(|| "never".to_owned());
        vec![
            key.name.to_string(),
            list(key.providers, "-"),
            list(key.allowed_models, "all"),
            list(&key.allowed_cidrs, "anywhere"),
            tokens(key.max_tokens_per_day),
            rates(key.rate_limits),
            expires,
            key.origin.to_string(),
        ]
    };
    listing.access_keys.iter().map(row).collect()
}

fn tokens(tokens: Option<Tokens>) -> String {
    tokens.map_or_else(|| "-".to_owned(), |tokens| tokens.to_string())
}

fn rates(rates: pai_bundle::principal::RateLimits) -> String {
    let parts = [
        rates.max_requests_per_minute.map(|requests| format!("{requests}/min")),
        rates.max_concurrent_requests.map(|requests| format!("{requests} at once")),
        rates.max_cost_per_day().map(|cost| format!("{cost} USD/day")),
    ];
    match parts.into_iter().flatten().collect::<Vec<_>>().join("\n") {
        none if none.is_empty() => "-".to_owned(),
        parts => parts,
    }
}
