//! `pai push`: sends a bundle to a gateway, which serves it from then on or says why not.

use std::path::{Path, PathBuf};

use clap::Args;
use miette::miette;
use pai_bundle::codec;
use serde::Deserialize;

use super::Outcome;
use crate::operator::OperatorError;
use crate::remote::{Named, Remote};
use crate::rows::Whereabouts;
use crate::terminal;

/// What to send, and where.
#[derive(Debug, Args)]
#[command(
    after_help = "The gateway must serve a bundle's file; it replaces that file, and only then serves the bundle.
Exit code: 0 when the bundle is in force, 1 when it was refused, 2 when it could not be sent.

Examples:
  pai push pai.bundle                                the gateway of the workspace here
  PAI_ADMIN_TOKEN=… pai push pai.bundle --url https://gateway.example.com:8081"
)]
pub(crate) struct Arguments {
    /// What `pai build` made and `pai bundle sign` signed.
    bundle: PathBuf,
    #[command(flatten)]
    remote: Remote,
    #[command(flatten)]
    whereabouts: Whereabouts,
}

/// What the gateway has taken.
#[derive(Debug, Deserialize)]
struct Taken {
    digest: String,
    serial: Option<u64>,
}

/// Sends it.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let shown = arguments.bundle.display();
    let bytes =
        std::fs::read(&arguments.bundle).map_err(|cause| miette!("`{shown}` cannot be read: {cause}"))?;
    // What is no bundle need not travel.
    codec::open(&bytes).map_err(|cause| {
        miette!(help = "`pai build` makes a bundle of a workspace", "`{shown}` cannot be sent: {cause}")
    })?;
    let operator = match arguments.remote.gateway(Named::when(arguments.whereabouts.is_named()))? {
        Some(gateway) => gateway.operator,
        None => arguments.whereabouts.operator(Path::new("."))?,
    };
    let answer = match operator.post("/bundle", bytes) {
        Ok(answer) => answer,
        Err(OperatorError::Refused { said, status }) if status.is_client_error() => {
            terminal::say(&format!("{} refuses `{shown}`: {said}", operator.url()));
            return Ok(Outcome::Findings);
        }
        Err(cause) => return Err(cause.into()),
    };
    let taken: Taken =
        serde_json::from_slice(&answer).map_err(|cause| miette!("the answer cannot be read: {cause}"))?;
    let serial = taken.serial.map(|serial| format!(", serial number {serial}")).unwrap_or_default();
    terminal::say(&format!("{} serves {}{serial}", operator.url(), taken.digest));
    Ok(Outcome::Clean)
}
