//! `pai serve`: compiles a workspace, or takes a bundle, and serves it; with `--simulate` against fake providers.

mod simulate;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use miette::miette;
use pai_bundle::Bundle;
use pai_ledger::SystemClock;
use pai_runtime::arguments::ServeArguments;
use pai_runtime::secret::Secrets;
use pai_runtime::snapshot::Snapshot;
use pai_runtime::{Gateway, Settings, stop, telemetry};

use super::Outcome;
use crate::{compiled, terminal, workspace};

/// What to serve, and how.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A folder of manifests, or a bundle.
    #[arg(value_name = "PATH|BUNDLE")]
    path: PathBuf,
    /// Point every provider at a simulator, so that no account is needed and nothing is spent.
    #[arg(long)]
    simulate: bool,
    #[command(flatten)]
    serve: ServeArguments,
}

/// Serves until a signal says stop.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    telemetry::start(arguments.serve.log_format());
    let Some(bundle) = compiled::load(&arguments.path)? else { return Ok(Outcome::Findings) };
    let state = workspace::state(&arguments.path);
    let settings = arguments.serve.settings(state);
    let runtime =
        tokio::runtime::Runtime::new().map_err(|cause| miette!("the async runtime cannot start: {cause}"))?;
    runtime.block_on(async {
        if arguments.simulate {
            simulate::serve(bundle, &settings).await
        } else {
            serve(bundle, &settings).await
        }
    })?;
    Ok(Outcome::Clean)
}

async fn serve(bundle: Bundle, settings: &Settings) -> miette::Result<()> {
    let secrets = Secrets::new(settings.secrets.clone(), &settings.state);
    let gateway = start(bundle, &secrets, settings).await?;
    terminal::say(&format!("pai is serving on http://{}", gateway.address()));
    until_stopped(gateway).await
}

async fn start(bundle: Bundle, secrets: &Secrets, settings: &Settings) -> miette::Result<Gateway> {
    let snapshot = Snapshot::of(bundle, secrets).map_err(|cause| miette!("{cause}"))?;
    Gateway::start(snapshot, settings, Arc::new(SystemClock)).await.map_err(|cause| miette!("{cause}"))
}

async fn until_stopped(gateway: Gateway) -> miette::Result<()> {
    stop::requested().await;
    gateway.shutdown().await.map_err(|cause| miette!("{cause}"))
}
