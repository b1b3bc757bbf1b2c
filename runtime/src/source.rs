//! Where bundles come from: a file that `pai build` wrote, or whatever else gives a bundle's bytes.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why there are no bytes.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file cannot be read.
    #[error("bundle `{path}` cannot be read: {cause}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// Manifests that do not compile.
    #[error("{summary}")]
    Findings {
        /// How many errors, and where.
        summary: String,
        /// Each of them in a line: `file:line:column: error[CODE]: message`.
        findings: Vec<String>,
    },
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// What a look at a source shows without reading it. Another stamp means that there may be something new.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stamp([i64; 6]);

impl Stamp {
    /// Of one file, through links. Not the time and length alone: a file moved over another may have the same of both, and
    /// is another inode.
    pub(crate) fn of_file(path: &Path) -> Self {
        std::fs::metadata(path).map_or_else(|_| Self::default(), |found| Self(Self::of(&found)))
    }

    /// Of many files: another one, or another name, and the stamp is another.
    pub fn of_files<'a>(files: impl Iterator<Item = &'a Path>) -> Self {
        let mut count: i64 = 0;
        let mut hash = DefaultHasher::new();
        for path in files {
            count = count.saturating_add(1);
            path.hash(&mut hash);
            std::fs::metadata(path).ok().map(|found| Self::of(&found)).hash(&mut hash);
        }
        Self([count, i64::from_ne_bytes(hash.finish().to_ne_bytes()), 0, 0, 0, 0])
    }

    fn of(found: &std::fs::Metadata) -> [i64; 6] {
        let number = |value: u64| i64::from_ne_bytes(value.to_ne_bytes());
        [
            number(found.dev()),
            number(found.ino()),
            number(found.len()),
            found.mtime(),
            found.mtime_nsec(),
            found.ctime().wrapping_mul(1_000_000_000).wrapping_add(found.ctime_nsec()),
        ]
    }
}

/// Gives a bundle's bytes, again and again.
pub trait Source: Send {
    /// For people: which file, which folder.
    fn describe(&self) -> String;

    /// Cheap enough for some times a second. A source that always answers the same is read when a signal asks for it.
    fn stamp(&self) -> Stamp;

    /// How long it must have looked the same before it is read, so that what is saved file by file is not read half saved.
    fn quiet(&self) -> Duration {
        Duration::ZERO
    }

    /// The file whose place a bundle takes that an operator sends; `None` where bundles are made from something else.
    fn file(&self) -> Option<&Path> {
        None
    }

    /// The bytes as they are now. Nothing has checked them.
    fn read(&self) -> Result<Vec<u8>, SourceError>;
}

/// A file. Links are followed at every look, the way mounted Kubernetes volumes are replaced.
#[derive(Debug, Clone)]
pub struct BundleFile {
    path: PathBuf,
}

impl BundleFile {
    /// The file at `path`, which need not be there yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl Source for BundleFile {
    fn describe(&self) -> String {
        self.path.display().to_string()
    }

    fn stamp(&self) -> Stamp {
        Stamp::of_file(&self.path)
    }

    fn file(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn read(&self) -> Result<Vec<u8>, SourceError> {
        std::fs::read(&self.path).map_err(|cause| SourceError::Unreadable { path: self.path.clone(), cause })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn every_way_to_replace_a_file_changes_its_stamp() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        let source = BundleFile::new(path.clone());
        let mut stamps = vec![source.stamp()];
        let mut look = |what: &str| {
            let stamp = source.stamp();
            assert!(!stamps.contains(&stamp), "{what}");
            stamps.push(stamp);
        };
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let write = |path: &std::path::Path, text: &str| {
            std::fs::write(path, text).expect("written");
            std::fs::File::options()
                .write(true)
                .open(path)
                .and_then(|file| file.set_modified(at))
                .expect("dated");
        };
        write(&path, "one");
        look("made");
        write(&folder.path().join("b"), "two");
        std::fs::rename(folder.path().join("b"), &path).expect("renamed");
        look("moved over it, with the same time and length");
        std::fs::write(&path, "longer").expect("written");
        look("written in place");
        write(&folder.path().join("c"), "abc");
        std::fs::remove_file(&path).expect("removed");
        std::os::unix::fs::symlink(folder.path().join("c"), &path).expect("linked");
        look("made a link");
        assert_eq!(source.read().expect("bytes"), b"abc");
    }
}
