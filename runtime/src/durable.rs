//! Files that are replaced whole or not at all, and are on the disk when that is said.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Who may read the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Its owner alone.
    Owner,
    /// Whoever the process's umask lets.
    Anybody,
}

/// Bytes that lie beside the file that they are to replace. Dropped, they are gone.
#[derive(Debug)]
pub(crate) struct Prepared {
    temporary: PathBuf,
    path: PathBuf,
}

/// Writes `bytes` beside `path`, and waits for the disk. A link is followed: what it points at is replaced.
pub(crate) fn prepare(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<Prepared> {
    let path = match path.canonicalize() {
        Ok(real) => real,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(cause) => return Err(cause),
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Beside the file, since a rename does not cross file systems; hidden, so that nobody takes it for the file.
    let temporary = path.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let _ = fs::remove_file(&temporary);
    let mode = match readers {
        Readers::Owner => 0o600,
        Readers::Anybody => 0o666,
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
    let prepared = Prepared { temporary, path };
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(prepared)
}

impl Prepared {
    /// Puts the bytes into place; durable when this returns.
    pub(crate) fn put(self) -> io::Result<()> {
        fs::rename(&self.temporary, &self.path)?;
        // A rename is durable when its folder is.
        let folder = self.path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Writes `bytes` to `path`, whole or not at all; durable when this returns. A link is followed.
///
/// # Errors
///
/// What the system says of the file beside it, of the rename, or of the folder.
pub fn replace(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    prepare(path, bytes, readers)?.put()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_prepared_and_not_put_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        fs::write(&path, "old").expect("written");
        drop(prepare(&path, b"new", Readers::Owner).expect("prepared"));
        assert_eq!(
            (fs::read_to_string(&path).expect("text").as_str(), names(folder.path())),
            ("old", vec!["a".to_owned()])
        );
        prepare(&path, b"new", Readers::Owner).expect("prepared").put().expect("put");
        assert_eq!(
            (fs::read_to_string(&path).expect("text").as_str(), names(folder.path())),
            ("new", vec!["a".to_owned()])
        );
        let mode = fs::metadata(&path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "also where the old file was open to others");
    }

    #[test]
    fn a_link_goes_on_pointing_at_what_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let (link, real) = (folder.path().join("link"), folder.path().join("real"));
        fs::write(&real, "old").expect("written");
        std::os::unix::fs::symlink(&real, &link).expect("linked");
        replace(&link, b"new", Readers::Anybody).expect("replaced");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(fs::read_to_string(&real).expect("text"), "new");
    }
}
