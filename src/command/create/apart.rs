//! `pai create -f`: manifests that are written elsewhere, and must be new here.

use std::path::PathBuf;

use miette::miette;

use super::Outcome;
use crate::change::Whereabouts;
use crate::command::apply;

/// Creates all of them or none.
pub(super) fn run(files: &[PathBuf], dry_run: bool, whereabouts: &Whereabouts) -> miette::Result<Outcome> {
    let mut change = whereabouts.open()?;
    let Some(given) = apply::given(files)? else { return Ok(Outcome::Findings) };
    for one in &given {
        if let Some(there) = change.find(&one.target) {
            return Err(miette!(
                help = "`pai apply -f` changes what is there",
                "there is a {} `{}` already: {}:{}",
                one.target.kind.slug(),
                one.target.name.name,
                there.origin.file,
                there.origin.line
            ));
        }
    }
    apply::bring(&mut change, &given, dry_run)
}
