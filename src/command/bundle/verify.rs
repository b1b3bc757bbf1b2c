//! `pai bundle verify`: the check that a gateway makes, for scripts and people.

use std::path::PathBuf;

use clap::Args;
use pai_bundle::codec;

use super::{Outcome, public_keys, read};
use crate::terminal;

/// What to check, and against what.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pai bundle verify team.bundle --public-key release.key.pub")]
pub(super) struct Arguments {
    /// The bundle.
    #[arg(value_name = "FILE")]
    bundle: PathBuf,
    /// A public key that is trusted; repeat for several.
    #[arg(
        long = "public-key",
        env = "PAI_PUBLIC_KEY",
        value_delimiter = ',',
        required = true,
        value_name = "KEY"
    )]
    public_keys: Vec<PathBuf>,
    /// The smallest serial number that will do.
    #[arg(long, value_name = "N")]
    min_serial: Option<u64>,
}

/// Prints digest, serial number and key; refuses what a gateway with these keys would refuse.
pub(super) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let keys = public_keys(&arguments.public_keys)?;
    let bytes = read(&arguments.bundle)?;
    let refuse = |cause: String| {
        terminal::say(&format!("refused `{}`: {cause}", arguments.bundle.display()));
        Ok(Outcome::Findings)
    };
    let opened = match codec::open(&bytes) {
        Ok(opened) => opened,
        Err(cause) => return refuse(cause.to_string()),
    };
    let signature = match opened.verify(&keys) {
        Ok(signature) => signature,
        Err(cause) => return refuse(cause.to_string()),
    };
    if let Some(least) = arguments.min_serial.filter(|least| signature.serial.0 < *least) {
        return refuse(format!(
            "its serial number is {}, and at least {least} is asked for",
            signature.serial
        ));
    }
    // A signature over contents that cannot be read is worth nothing to a gateway.
    if let Err(cause) = opened.contents() {
        return refuse(cause.to_string());
    }
    terminal::print(&format!(
        "{}  serial {}  signed with key {}",
        opened.digest(),
        signature.serial,
        signature.key
    ));
    Ok(Outcome::Clean)
}
