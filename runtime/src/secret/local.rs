//! Secrets in the gateway's own folder: one file each, readable by its owner alone.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use pai_bundle::provider::SecretRef;
use secrecy::SecretString;

use super::SecretError;

/// Permission bits that let somebody else in.
const OTHERS: u32 = 0o077;

/// Reads the file, unless others could.
pub(super) fn find(folder: &Path, wanted: &SecretRef) -> Result<Option<SecretString>, SecretError> {
    let path = folder.join(&wanted.name).join(&wanted.key);
    let failed = |cause| SecretError::File { path: path.clone(), cause };
    let mode = match std::fs::metadata(&path) {
        Ok(metadata) => metadata.permissions().mode() & 0o777,
        Err(cause) if matches!(cause.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(cause) => return Err(failed(cause)),
    };
    if mode & OTHERS != 0 {
        return Err(SecretError::TooOpen { path, mode });
    }
    std::fs::read_to_string(&path).map(|text| Some(SecretString::from(text))).map_err(failed)
}

/// Writes the file whole or not at all: a temporary one, synced, renamed.
pub(super) fn store(folder: &Path, name: &SecretRef, value: &str) -> Result<(), SecretError> {
    let parent = folder.join(&name.name);
    let path = parent.join(&name.key);
    let temporary = parent.join(format!(".{}.new", name.key));
    let write = || -> std::io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&parent)?;
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(value.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, &path)
    };
    write().map_err(|cause| SecretError::File { path: path.clone(), cause })
}

/// Removes the file, and the folder of its name when it was the last one in it.
pub(super) fn remove(folder: &Path, name: &SecretRef) -> Result<bool, SecretError> {
    let parent = folder.join(&name.name);
    let path = parent.join(&name.key);
    match std::fs::remove_file(&path) {
        Ok(()) => {}
        Err(cause) if matches!(cause.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(false);
        }
        Err(cause) => return Err(SecretError::File { path, cause }),
    }
    // Not empty is no failure: another key of the same name is in it.
    let _ = std::fs::remove_dir(&parent);
    Ok(true)
}
