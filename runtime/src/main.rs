//! `pai-gateway BUNDLE`: the gateway alone, as a container runs it. It links no compiler.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use pai_ledger::SystemClock;
use pai_runtime::arguments::ServeArguments;
use pai_runtime::release::Releases;
use pai_runtime::secret::Secrets;
use pai_runtime::source::BundleFile;
use pai_runtime::trust::Trust;
use pai_runtime::{Gateway, hardening, stop, telemetry};

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
    hardening::keep_memory_private();
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
    let settings = arguments.serve.settings(PathBuf::from(".pai"));
    let secrets = Secrets::of(&settings);
    let trust = Trust::open(&settings.public_keys, &settings.state).map_err(|cause| cause.to_string())?;
    let source = BundleFile::new(arguments.bundle.clone());
    let releases = Releases::of(Box::new(source), secrets).trusting(trust).starting(settings.first_bundle);
    let opening = releases.open().map_err(|cause| cause.to_string())?;
    let stop = stop::listen();
    let gateway =
        Gateway::start(opening, &settings, Arc::new(SystemClock)).await.map_err(|cause| cause.to_string())?;
    stop::requested(stop).await;
    gateway.shutdown().await.map_err(|cause| cause.to_string())
}
