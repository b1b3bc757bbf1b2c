//! `--simulate`: a fake provider behind a real gateway, with a credential made for this run, and lines to paste.

use std::sync::{Arc, OnceLock};

use miette::miette;
use pai_bundle::Bundle;
use pai_bundle::principal::Credential;
use pai_bundle::provider::{ProviderKind, SecretRef};
use pai_runtime::Settings;
use pai_runtime::release::Releases;
use pai_runtime::secret::Secrets;
use pai_runtime::source::Source;
use pai_runtime::stop;
use pai_runtime::token::{Token, TokenKind};
use pai_runtime::trust::Trust;
use pai_simulator::Simulator;

use super::{Outcome, start, until_stopped};
use crate::terminal;

/// What stands in for every provider's key. The simulator takes any.
const SIMULATED_KEY: &str = "simulated";

/// Serves the source's bundles with every provider replaced.
pub(super) async fn serve(
    source: Box<dyn Source>,
    trust: Option<Trust>,
    settings: &Settings,
) -> miette::Result<Outcome> {
    let simulator = Simulator::start(pai_simulator::Settings::default())
        .await
        .map_err(|cause| miette!("the simulator cannot start: {cause}"))?;
    let secrets = Secrets::fixed(SIMULATED_KEY, &settings.state).with_key_file(settings.secrets_key.clone());
    let pepper = secrets.pepper().map_err(|cause| miette!("{cause}"))?;
    let mint = |kind| Token::mint(kind).map_err(|cause| miette!("{cause}"));
    let tokens = Tokens { access_key: mint(TokenKind::AccessKey)?, agent: mint(TokenKind::Agent)? };
    let accepted =
        |token: &Token| Credential { id: token.id().to_owned(), digest: pepper.digest(token), expires: None };
    let (for_key, for_agent) = (accepted(&tokens.access_key), accepted(&tokens.agent));
    let first = Arc::new(OnceLock::new());
    let bases = ProviderKind::ALL.map(|kind| (kind, simulator.base_url(kind.as_str()).unwrap_or_default()));
    let seen = first.clone();
    // Also for every bundle that is loaded later, so that the lines below stay good.
    let replaced = move |bundle: &mut Bundle| {
        point_at(bundle, &bases);
        if let Some(key) = bundle.access_keys.first_mut() {
            key.credentials.push(for_key.clone());
        }
        if let Some(agent) = bundle.agents.first_mut() {
            agent.credentials.push(for_agent.clone());
        }
        seen.get_or_init(|| bundle.clone());
    };
    let releases = Releases::of(source, secrets)
        .trusting(trust)
        .starting(settings.first_bundle)
        .adapted(Box::new(replaced));
    let stop = stop::listen();
    let Some(gateway) = start(releases, settings).await? else { return Ok(Outcome::Findings) };
    if let Some(bundle) = first.get() {
        terminal::say(&welcome(&gateway.url(), &gateway.admin_url(), bundle, &tokens, settings));
    }
    let outcome = until_stopped(gateway, stop).await?;
    simulator.stop().await;
    Ok(outcome)
}

/// Every provider becomes the simulator; nothing of this run can reach a real one.
fn point_at(bundle: &mut Bundle, bases: &[(ProviderKind, String)]) {
    for provider in &mut bundle.providers {
        let base = bases.iter().find(|(kind, _)| *kind == provider.kind);
        provider.endpoint = base.map(|(_, url)| url.clone()).unwrap_or_default();
        provider.api_key = Some(SecretRef { name: "simulated".to_owned(), key: "api-key".to_owned() });
    }
}

/// Made for this run, each shown once: for the first access key and the first agent of the workspace.
struct Tokens {
    access_key: Token,
    agent: Token,
}

/// A model that the first access key, or else the first agent, may call.
fn default_model(bundle: &Bundle) -> String {
    let for_key = bundle.access_keys.first().and_then(|key| {
        let provider = key.providers.first()?;
        let provider = bundle
            .providers
            .iter()
            .find(|known| known.name.name == *provider && known.name.namespace == key.name.namespace)?;
        let allowed = |model: &&pai_bundle::name::ModelId| {
            key.allowed_models.is_empty()
                || key.allowed_models.iter().any(|pattern| pattern.matches(model.as_str()))
        };
        provider.models.iter().rfind(allowed).map(ToString::to_string)
    });
    let for_agent =
        || bundle.agents.first().and_then(|agent| agent.models.first()).map(|model| model.model.to_string());
    for_key.or_else(for_agent).unwrap_or_else(|| "claude-haiku-4-5".to_owned())
}

fn welcome(base: &str, admin: &str, bundle: &Bundle, tokens: &Tokens, settings: &Settings) -> String {
    let model = &default_model(bundle);
    let mut lines = vec![
        format!("pai is serving on {base}, with a simulator in place of every provider."),
        format!("health:  {admin}/readyz"),
        format!("records: {}", settings.state.join("records.jsonl").display()),
        String::new(),
    ];
    let access_key = bundle.access_keys.first();
    if let Some(name) = access_key.map(|key| &key.name) {
        let token = &tokens.access_key;
        lines.push(format!("access key {name}, for this run:  {}", token.reveal()));
        lines.extend(pastes(&format!("{base}/ext"), token.reveal(), model));
        lines.push(String::new());
    }
    if let Some(name) = bundle.agents.first().map(|agent| &agent.name) {
        let token = &tokens.agent;
        lines.push(format!("agent {name}, for this run:  {}", token.reveal()));
        match access_key {
            Some(_) => lines.push(format!("  its base URL is {base}")),
            None => lines.extend(pastes(base, token.reveal(), model)),
        }
        lines.push(String::new());
    }
    lines.push("Ctrl-C stops; the day's totals are kept.".to_owned());
    lines.join("\n")
}

/// Three lines to paste: curl, Claude Code, the Python SDK.
fn pastes(base: &str, token: &str, model: &str) -> [String; 3] {
    let body =
        format!(r#"{{"model":"{model}","max_tokens":64,"messages":[{{"role":"user","content":"Hello"}}]}}"#);
    let python = format!(
        "import anthropic; print(anthropic.Anthropic(base_url='{base}', api_key='{token}')\
         .messages.create(model='{model}', max_tokens=64, messages=[{{'role': 'user', 'content': 'Hello'}}]).content[0].text)"
    );
    [
        format!(
            "  curl -s {base}/v1/messages -H 'x-api-key: {token}' -H 'anthropic-version: 2023-06-01' \
             -H 'content-type: application/json' -d '{body}'"
        ),
        format!("  env -u ANTHROPIC_API_KEY ANTHROPIC_BASE_URL={base} ANTHROPIC_AUTH_TOKEN={token} claude"),
        format!("  python -c \"{python}\""),
    ]
}
