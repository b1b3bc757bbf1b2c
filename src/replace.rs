//! Replaces a file whole or not at all: whoever reads it meanwhile has the old bytes or the new ones.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes `bytes` to `path`. A file that is there keeps its permissions, and a link keeps pointing at it.
pub(crate) fn file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let target = target(path)?;
    put(&target, bytes, |temporary| {
        let file = File::create_new(temporary)?;
        if let Ok(old) = fs::metadata(&target) {
            file.set_permissions(old.permissions())?;
        }
        Ok(file)
    })
}

/// As [`file`], for what nobody else may read: the new file is its owner's alone, whatever the old one was.
pub(crate) fn private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    put(&target(path)?, bytes, |temporary| {
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(temporary)
    })
}

/// Where a link leads, or the path itself.
fn target(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        other => other,
    }
}

fn put(target: &Path, bytes: &[u8], create: impl FnOnce(&Path) -> io::Result<File>) -> io::Result<()> {
    // Beside the file, since a rename does not cross file systems; hidden, so that it is in nobody's workspace.
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".{}.new", std::process::id()));
    let temporary = target.with_file_name(name);
    let written = create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, target)
    });
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}
