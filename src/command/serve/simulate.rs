//! `--simulate`: a fake provider behind a real gateway, with a credential made for this run, and lines to paste.

use std::net::SocketAddr;

use miette::miette;
use pai_bundle::Bundle;
use pai_bundle::name::QualifiedName;
use pai_bundle::principal::Credential;
use pai_bundle::provider::SecretRef;
use pai_runtime::Settings;
use pai_runtime::secret::Secrets;
use pai_runtime::token::{Pepper, Token, TokenKind};
use pai_simulator::Simulator;

use super::{start, until_stopped};
use crate::terminal;

/// What stands in for every provider's key. The simulator takes any.
const SIMULATED_KEY: &str = "simulated";

/// Serves the bundle with every provider replaced.
pub(super) async fn serve(mut bundle: Bundle, settings: &Settings) -> miette::Result<()> {
    let simulator = Simulator::start(pai_simulator::Settings::default())
        .await
        .map_err(|cause| miette!("the simulator cannot start: {cause}"))?;
    point_at(&mut bundle, &simulator.url());
    let secrets = Secrets::fixed(SIMULATED_KEY, &settings.state);
    let pepper = secrets.pepper().map_err(|cause| miette!("{cause}"))?;
    let credentials = credentials(&mut bundle, &pepper)?;
    let model = default_model(&bundle);
    let gateway = start(bundle, &secrets, settings).await?;
    terminal::say(&welcome(gateway.address(), gateway.admin_address(), &credentials, &model, settings));
    until_stopped(gateway).await?;
    simulator.stop().await;
    Ok(())
}

/// Every provider becomes the simulator; nothing of this run can reach a real one.
fn point_at(bundle: &mut Bundle, url: &str) {
    for provider in &mut bundle.providers {
        url.clone_into(&mut provider.endpoint);
        provider.api_key = Some(SecretRef { name: "simulated".to_owned(), key: "api-key".to_owned() });
    }
}

/// Credentials made for this run, each shown once.
struct Credentials {
    access_key: Option<(QualifiedName, Token)>,
    agent: Option<(QualifiedName, Token)>,
}

/// One for the first access key and one for the first agent of the workspace, in this run's copy of the bundle.
fn credentials(bundle: &mut Bundle, pepper: &Pepper) -> miette::Result<Credentials> {
    let mint = |kind, accepted: &mut Vec<Credential>| -> miette::Result<Token> {
        let token = Token::mint(kind).map_err(|cause| miette!("{cause}"))?;
        let (id, digest) = (token.id().to_owned(), pepper.digest(&token));
        accepted.push(Credential { id, digest, expires: None });
        Ok(token)
    };
    let access_key = match bundle.access_keys.first_mut() {
        Some(key) => Some((key.name.clone(), mint(TokenKind::AccessKey, &mut key.credentials)?)),
        None => None,
    };
    let agent = match bundle.agents.first_mut() {
        Some(agent) => Some((agent.name.clone(), mint(TokenKind::Agent, &mut agent.credentials)?)),
        None => None,
    };
    Ok(Credentials { access_key, agent })
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

fn welcome(
    address: SocketAddr,
    admin: SocketAddr,
    credentials: &Credentials,
    model: &str,
    settings: &Settings,
) -> String {
    let mut lines = vec![
        format!("pai is serving on http://{address}, with a simulator in place of every provider."),
        format!("health:  http://{admin}/readyz"),
        format!("records: {}", settings.state.join("records.jsonl").display()),
        String::new(),
    ];
    if let Some((name, token)) = &credentials.access_key {
        lines.push(format!("access key {name}, for this run:  {}", token.reveal()));
        lines.extend(pastes(&format!("http://{address}/ext"), token.reveal(), model));
        lines.push(String::new());
    }
    if let Some((name, token)) = &credentials.agent {
        let base = format!("http://{address}");
        lines.push(format!("agent {name}, for this run:  {}", token.reveal()));
        match credentials.access_key {
            Some(_) => lines.push(format!("  its base URL is {base}")),
            None => lines.extend(pastes(&base, token.reveal(), model)),
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
