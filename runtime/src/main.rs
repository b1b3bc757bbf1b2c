//! `pai-gateway BUNDLE`: the gateway alone, as a container runs it. It links no compiler.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use pai_ledger::SystemClock;
use pai_runtime::arguments::ServeArguments;
use pai_runtime::secret::Secrets;
use pai_runtime::snapshot::Snapshot;
use pai_runtime::{Gateway, stop, telemetry};

/// Serves a compiled bundle.
#[derive(Debug, Parser)]
#[command(name = "pai-gateway", version, about)]
struct Arguments {
    /// The bundle that `pai build` wrote.
    bundle: PathBuf,
    #[command(flatten)]
    serve: ServeArguments,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    telemetry::start(arguments.serve.log_format());
    let ended = tokio::runtime::Runtime::new()
        .map_err(|cause| format!("the async runtime cannot start: {cause}"))
        .and_then(|runtime| runtime.block_on(run(&arguments)));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            tracing::error!(event = "gateway.failed", "{message}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), String> {
    let path = arguments.bundle.display();
    let bytes = std::fs::read(&arguments.bundle)
        .map_err(|cause| format!("bundle `{path}` cannot be read: {cause}"))?;
    let settings = arguments.serve.settings(PathBuf::from(".pai"));
    let secrets = Secrets::new(settings.secrets.clone(), &settings.state);
    let snapshot = Snapshot::load(&bytes, &secrets).map_err(|cause| format!("bundle `{path}`: {cause}"))?;
    let gateway = Gateway::start(snapshot, &settings, Arc::new(SystemClock))
        .await
        .map_err(|cause| cause.to_string())?;
    stop::requested().await;
    gateway.shutdown().await.map_err(|cause| cause.to_string())
}
