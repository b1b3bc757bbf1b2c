//! Writes files that are their owner's alone: whole or not at all, and never readable by others on the way.

use std::io::{self, Write};
use std::path::Path;

/// Writes `bytes` to `path`. A link keeps pointing at it.
pub(crate) fn file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let target = match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        other => other?,
    };
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Its mode is 0600, and it is removed where anything fails.
    let mut file = tempfile::Builder::new().prefix(".pai-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(&target)?;
    sync(folder)
}

/// A rename is durable once its folder is.
#[cfg(unix)]
fn sync(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync(_: &Path) -> io::Result<()> {
    Ok(())
}
