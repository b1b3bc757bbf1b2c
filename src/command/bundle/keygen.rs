//! `pai bundle keygen`: makes a pair of keys, the private one for its owner's eyes alone.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use miette::miette;
use pai_bundle::key::SigningKey;

use super::Outcome;
use crate::terminal;

/// Where the keys go.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pai bundle keygen -o release.key")]
pub(super) struct Arguments {
    /// The private key's file; the public key goes to FILE.pub. Neither may be there already.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// Makes and writes both; prints the id of the pair.
pub(super) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let private = &arguments.output;
    let mut name = private.file_name().unwrap_or_default().to_os_string();
    name.push(".pub");
    let public = private.with_file_name(name);
    for path in [private, &public] {
        // Also a dangling link: creating through it would write somewhere else.
        if path.symlink_metadata().is_ok() {
            return Err(miette!(
                "`{}` is there already, and keys are never overwritten: choose another name",
                path.display()
            ));
        }
    }
    let key = SigningKey::generate().map_err(|cause| miette!("{cause}"))?;
    create(private, 0o600, key.to_pem().as_bytes())?;
    create(&public, 0o644, key.public().to_pem().as_bytes())?;
    terminal::say(&format!(
        "wrote {} (keep it where bundles are signed, and nowhere else) and {} (for gateways)",
        private.display(),
        public.display()
    ));
    terminal::print(key.public().id().as_str());
    Ok(Outcome::Clean)
}

fn create(path: &Path, mode: u32, bytes: &[u8]) -> miette::Result<()> {
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .map_err(|cause| miette!("`{}` cannot be written: {cause}", path.display()))
}
