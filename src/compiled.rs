//! A bundle from what the caller names: a bundle file as it is, or a workspace, compiled; both also as they were in a
//! git revision.

use std::path::Path;

use miette::miette;
use pai_bundle::{Bundle, codec};
use pai_compiler::Surroundings;
use pai_ledger::{Clock, SystemClock};

use crate::findings;
use crate::revision::{self, Held};
use crate::workspace::{self, Workspace};

/// The bundle; `None` when there were errors, which have been shown. For commands that answer questions: warnings are
/// `pai validate`'s to show.
pub(crate) fn load_quietly(path: &Path) -> miette::Result<Option<Bundle>> {
    if !path.exists()
        && let Some(held) = path.to_str().map(revision::read).transpose()?.flatten()
    {
        return match held {
            Held::File(bytes) => decoded(path, &bytes).map(Some),
            Held::Workspace(workspace) => Ok(compiled(&workspace)),
        };
    }
    if path.is_file() {
        let bytes =
            std::fs::read(path).map_err(|cause| miette!("`{}` cannot be read: {cause}", path.display()))?;
        let looks_like_yaml =
            path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if codec::is_bundle(&bytes) || !looks_like_yaml {
            return decoded(path, &bytes).map(Some);
        }
    }
    Ok(compiled(&workspace::read(&[path.to_owned()])?))
}

fn decoded(path: &Path, bytes: &[u8]) -> miette::Result<Bundle> {
    let (bundle, _) =
        codec::decode(bytes).map_err(|cause| miette!("bundle `{}`: {cause}", path.display()))?;
    Ok(bundle)
}

fn compiled(workspace: &Workspace) -> Option<Bundle> {
    let now = Surroundings { now: Some(SystemClock.now()), ..Surroundings::default() };
    let compiled = pai_compiler::compile_within(&workspace.sources, &now);
    if compiled.diagnostics.has_errors() {
        findings::show(&compiled.diagnostics, &workspace.shown);
    }
    compiled.bundle
}
