//! What the compiler is told about time and place: the clock, and which secrets are there.

use std::path::PathBuf;

use clap::Args;
use miette::miette;
use pai_compiler::Surroundings;
use pai_ledger::{Clock, SystemClock};
use pai_runtime::secret::Secrets;

use crate::workspace;

/// Where secrets are.
#[derive(Debug, Args)]
pub(crate) struct SecretArguments {
    /// Folder of mounted secrets, with one file NAME/KEY for each: references to others are warned about.
    #[arg(long, env = "PAI_SECRETS", value_name = "DIR")]
    secrets: Option<PathBuf>,
}

impl SecretArguments {
    /// Now and here. Of secrets, names alone are looked at; where no folder holds any, nothing is known of them: a CI job
    /// checks manifests without having keys.
    pub(crate) fn surroundings(&self, paths: &[PathBuf]) -> miette::Result<Surroundings> {
        let mut known = None;
        for path in paths {
            let secrets = Secrets::new(self.secrets.clone(), &workspace::state(path));
            let names = secrets.names().map_err(|cause| miette!("{cause}"))?;
            if self.secrets.is_some() || !names.files.is_empty() {
                let known = known.get_or_insert_with(|| names.clone());
                known.files.extend(names.files);
            }
        }
        Ok(Surroundings { now: Some(SystemClock.now()), secrets: known })
    }
}
