//! `pai bundle sign`: makes a bundle a release, with a serial number and a signature over all of it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use miette::miette;
use pai_bundle::key::SigningKey;
use pai_bundle::signature::{self, Serial};
use zeroize::Zeroizing;

use super::{Outcome, read};
use crate::{replace, terminal};

/// What to sign, and with what.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pai bundle sign team.bundle --key release.key")]
pub(super) struct Arguments {
    /// The bundle. A signature that it has already is replaced.
    #[arg(value_name = "FILE")]
    bundle: PathBuf,
    /// The private key.
    #[arg(long, env = "PAI_SIGNING_KEY_FILE", value_name = "KEY")]
    key: PathBuf,
    /// The release's number; gateways never go back to a smaller one [default: the seconds since 1970].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=Serial::MAX.0))]
    serial: Option<u64>,
    /// Where the signed bundle goes [default: over FILE].
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
}

/// Signs; prints the serial number.
pub(super) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let key = private_key(&arguments.key)?;
    let bytes = read(&arguments.bundle)?;
    let serial = Serial(arguments.serial.unwrap_or_else(seconds));
    let signed = signature::sign(&bytes, &key, serial)
        .map_err(|cause| miette!("`{}`: {cause}", arguments.bundle.display()))?;
    let output = arguments.output.as_ref().unwrap_or(&arguments.bundle);
    replace::file(output, &signed)
        .map_err(|cause| miette!("`{}` cannot be written: {cause}", output.display()))?;
    terminal::say(&format!("signed {} with key {} as release", output.display(), key.public().id()));
    terminal::print(&serial.to_string());
    Ok(Outcome::Clean)
}

fn private_key(path: &Path) -> miette::Result<SigningKey> {
    let cannot = |cause: std::io::Error| miette!("`{}` cannot be read: {cause}", path.display());
    let mode = std::fs::metadata(path).map_err(cannot)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(miette!(
            "`{0}` can be read by others (mode {mode:o}): run `chmod 600 {0}`, and make a new key if others may have \
             read it",
            path.display()
        ));
    }
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(cannot)?);
    SigningKey::from_pem(&text).map_err(|cause| miette!("`{}`: {cause}", path.display()))
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs().max(1))
}
