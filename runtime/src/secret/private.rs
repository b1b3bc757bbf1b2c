//! Files that nobody else may read: looked at before they are believed, written whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use super::SecretError;
use crate::token;

/// Permission bits that let somebody else in.
const OTHERS: u32 = 0o077;
/// Most bytes of a file with a secret. Keys have some hundred; what is larger is something else.
const MOST_BYTES: u64 = 256 * 1024;
/// Characters that make a temporary file's name its own.
const UNIQUE_CHARS: usize = 12;

/// The file's bytes, unless others could read them; `None` where there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, SecretError> {
    let failed = |cause| SecretError::File { path: path.to_owned(), cause };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(cause) if is_absent(&cause) => return Ok(None),
        Err(cause) => return Err(failed(cause)),
    };
    // Of the file that is open, which need not be the one that has the name by now.
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() || metadata.len() > MOST_BYTES {
        return Err(failed(std::io::Error::new(ErrorKind::InvalidData, "not a file of a secret's size")));
    }
    refuse_others(path, &metadata)?;
    // All of the room at once: a buffer that grows leaves copies behind.
    let room = usize::try_from(metadata.len()).unwrap_or(0).saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(bytes))
}

/// Whether nobody else may read it; for files that are there and are not needed now.
pub(super) fn look(path: &Path) -> Result<(), SecretError> {
    match std::fs::metadata(path) {
        Ok(metadata) => refuse_others(path, &metadata),
        Err(cause) if is_absent(&cause) => Ok(()),
        Err(cause) => Err(SecretError::File { path: path.to_owned(), cause }),
    }
}

/// What becomes of a file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    /// It is replaced, in one step.
    Replace,
    /// It stays, and nothing is written.
    Stay,
}

/// Writes a temporary file, syncs it, and gives it the name; durable when this returns. Whoever reads meanwhile, and
/// whoever comes after a crash at any point, finds all of the old file or all of the new one.
pub(super) fn write(path: &Path, bytes: &[u8], existing: Existing) -> Result<(), SecretError> {
    let unique = token::random(UNIQUE_CHARS)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}.new", unique.as_str()));
    let put = || -> std::io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        match existing {
            Existing::Replace => std::fs::rename(&temporary, path)?,
            Existing::Stay => match std::fs::hard_link(&temporary, path) {
                Err(cause) if cause.kind() == ErrorKind::AlreadyExists => {}
                linked => linked?,
            },
        }
        // A name is durable when its folder is, and so is the folder's own.
        File::open(folder)?.sync_all()?;
        folder.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
    };
    let put = put();
    // Gone already where it was renamed.
    let _ = std::fs::remove_file(&temporary);
    put.map_err(|cause| SecretError::File { path: path.to_owned(), cause })
}

/// Removes a file, and its folder when it was the last one in it; false where there was none.
pub(super) fn remove(path: &Path) -> Result<bool, SecretError> {
    match std::fs::remove_file(path) {
        Ok(()) => {}
        Err(cause) if is_absent(&cause) => return Ok(false),
        Err(cause) => return Err(SecretError::File { path: path.to_owned(), cause }),
    }
    if let Some(folder) = path.parent() {
        // Not empty is no failure: another key of the same name is in it.
        let _ = std::fs::remove_dir(folder);
    }
    Ok(true)
}

fn refuse_others(path: &Path, metadata: &std::fs::Metadata) -> Result<(), SecretError> {
    let mode = metadata.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(SecretError::TooOpen { path: path.to_owned(), mode });
    }
    Ok(())
}

fn is_absent(cause: &std::io::Error) -> bool {
    matches!(cause.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}
