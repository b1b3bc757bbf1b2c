//! `pai-gateway BUNDLE`: the gateway alone, as a container runs it. It links no compiler.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use ipnet::IpNet;
use pai_ledger::clock::SystemClock;
use pai_runtime::secret::Secrets;
use pai_runtime::settings::EchoRecords;
use pai_runtime::snapshot::Snapshot;
use pai_runtime::telemetry::{self, LogFormat};
use pai_runtime::{Gateway, Settings, stop};

/// Serves a compiled bundle.
#[derive(Debug, Parser)]
#[command(name = "pai-gateway", version, about)]
struct Args {
    /// The bundle that `pai build` wrote.
    bundle: PathBuf,
    /// Where callers connect.
    #[arg(long, env = "PAI_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where /livez and /readyz are.
    #[arg(long, env = "PAI_ADMIN_LISTEN", default_value = "127.0.0.1:8081")]
    admin_listen: SocketAddr,
    /// Folder of the ledger, the decision records and local secrets.
    #[arg(long, env = "PAI_STATE", default_value = ".pai")]
    state: PathBuf,
    /// Folder of mounted secrets, as NAME/KEY.
    #[arg(long, env = "PAI_SECRETS")]
    secrets: Option<PathBuf>,
    /// Networks whose x-forwarded-for is believed.
    #[arg(long = "trusted-proxy", env = "PAI_TRUSTED_PROXIES", value_delimiter = ',')]
    trusted_proxies: Vec<IpNet>,
    /// Seconds that streams may go on after a stop was asked for.
    #[arg(long, env = "PAI_DRAIN_SECONDS", default_value_t = 30)]
    drain_seconds: u64,
    /// Show decision records on standard output as well.
    #[arg(long)]
    echo_records: bool,
    /// Log as JSON lines.
    #[arg(long)]
    log_json: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    telemetry::start(if args.log_json { LogFormat::Json } else { LogFormat::Text });
    let ended = tokio::runtime::Runtime::new()
        .map_err(|cause| miette::miette!("the async runtime cannot start: {cause}"))
        .and_then(|runtime| runtime.block_on(run(args)));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(event = "gateway.failed", "{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> miette::Result<()> {
    let bytes = std::fs::read(&args.bundle)
        .map_err(|cause| miette::miette!("bundle `{}` cannot be read: {cause}", args.bundle.display()))?;
    let settings = Settings {
        listen: args.listen,
        admin_listen: args.admin_listen,
        trusted_proxies: args.trusted_proxies,
        drain: Duration::from_secs(args.drain_seconds),
        echo_records: if args.echo_records { EchoRecords::Yes } else { EchoRecords::No },
        secrets: args.secrets,
        state: args.state,
        ..Settings::default()
    };
    let secrets = Secrets::new(settings.secrets.clone(), &settings.state);
    let snapshot = Snapshot::load(&bytes, &secrets)
        .map_err(|cause| miette::miette!("bundle `{}`: {cause}", args.bundle.display()))?;
    let gateway = Gateway::start(snapshot, &settings, Arc::new(SystemClock))
        .await
        .map_err(|cause| miette::miette!("{cause}"))?;
    stop::requested().await;
    gateway.shutdown().await.map_err(|cause| miette::miette!("{cause}"))
}
