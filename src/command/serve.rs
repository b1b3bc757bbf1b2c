//! `pai serve`: compiles a workspace, or takes a bundle, and serves it; with `--simulate` against fake providers.

mod folder;
mod simulate;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use miette::miette;
use pai_bundle::codec;
use pai_ledger::SystemClock;
use pai_runtime::arguments::ServeArguments;
use pai_runtime::release::{ReleaseError, Releases};
use pai_runtime::secret::Secrets;
use pai_runtime::settings::FirstBundle;
use pai_runtime::source::{BundleFile, Source, SourceError};
use pai_runtime::stop::{self, Stop};
use pai_runtime::trust::Trust;
use pai_runtime::{Gateway, Settings, hardening, telemetry};

use self::folder::Folder;
use super::Outcome;
use crate::{terminal, workspace};

/// What to serve, and how.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pai serve
  pai serve examples/quickstart --simulate
  pai serve team.bundle --public-key release.key.pub")]
pub(crate) struct Arguments {
    /// A folder of manifests, or a bundle.
    #[arg(value_name = "PATH|BUNDLE", default_value = ".")]
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
    hardening::keep_memory_private();
    let settings = arguments.serve.settings(workspace::state(&arguments.path));
    let trust = Trust::open(&settings.public_keys, &settings.state).map_err(|cause| miette!("{cause}"))?;
    let source = source(&arguments.path, trust.as_ref(), settings.first_bundle)?;
    let runtime =
        tokio::runtime::Runtime::new().map_err(|cause| miette!("the async runtime cannot start: {cause}"))?;
    runtime.block_on(async {
        if arguments.simulate {
            simulate::serve(source, trust, &settings).await
        } else {
            serve(source, trust, &settings).await
        }
    })
}

/// A bundle's file, or the workspace that is compiled in its place.
fn source(path: &Path, trust: Option<&Trust>, first: FirstBundle) -> miette::Result<Box<dyn Source>> {
    let looks_like_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    let is_bundle = path.is_file()
        && (!looks_like_yaml || std::fs::read(path).is_ok_and(|bytes| codec::is_bundle(&bytes)));
    // With keys a file that is not there yet is a bundle still to come: the last good one is served until then.
    let may_come = trust.is_some() || first == FirstBundle::MayCome;
    if is_bundle || (may_come && !path.exists() && !looks_like_yaml) {
        return Ok(Box::new(BundleFile::new(path.to_owned())));
    }
    if trust.is_some() {
        return Err(miette!(
            help = "build and sign a bundle (`pai build`, `pai bundle sign`) and serve that, or leave --public-key away",
            "manifests are not signed, and --public-key asks for signed bundles only"
        ));
    }
    Ok(Box::new(Folder::new(path.to_owned())))
}

async fn serve(
    source: Box<dyn Source>,
    trust: Option<Trust>,
    settings: &Settings,
) -> miette::Result<Outcome> {
    let secrets = Secrets::of(settings);
    let releases = Releases::of(source, secrets).trusting(trust).starting(settings.first_bundle);
    let stop = stop::listen();
    let Some(gateway) = start(releases, settings).await? else {
        return Ok(Outcome::Findings);
    };
    terminal::say(&format!("pai is serving on {}", gateway.url()));
    until_stopped(gateway, stop).await
}

/// The gateway; `None` when there were errors in manifests, which have been shown.
async fn start(releases: Releases, settings: &Settings) -> miette::Result<Option<Gateway>> {
    let opening = match releases.open() {
        Ok(opening) => opening,
        Err(ReleaseError::Source(SourceError::Findings { .. })) => return Ok(None),
        Err(cause) => return Err(miette!("{cause}")),
    };
    let gateway = Gateway::start(opening, settings, Arc::new(SystemClock)).await;
    gateway.map(Some).map_err(|cause| miette!("{cause}"))
}

async fn until_stopped(gateway: Gateway, stop: Stop) -> miette::Result<Outcome> {
    stop::requested(stop).await;
    gateway.shutdown().await.map_err(|cause| miette!("{cause}"))?;
    Ok(Outcome::Clean)
}
