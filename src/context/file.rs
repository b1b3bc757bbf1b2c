//! `config.json` on the disk: private or refused, replaced whole, and changed by one command at a time.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use pai_runtime::durable::{self, Readers};
use pai_runtime::token::Token;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use super::ContextError;

/// The form that this version writes and reads.
const VERSION: u32 = 1;

/// What is in the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Contents {
    version: u32,
    /// The context that commands use where none is named.
    pub(super) current: Option<String>,
    /// In the order of their names.
    pub(super) contexts: Vec<Entry>,
}

/// A context as it is written down.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) url: String,
    #[serde(serialize_with = "reveal", deserialize_with = "read_token")]
    pub(super) credential: Token,
}

impl Default for Contents {
    fn default() -> Self {
        Self { version: VERSION, current: None, contexts: Vec::new() }
    }
}

fn reveal<S: Serializer>(token: &Token, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(token.reveal())
}

fn read_token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Token, D::Error> {
    let text = Zeroizing::new(String::deserialize(deserializer)?);
    Token::parse(&text).ok_or_else(|| de::Error::custom("not a credential"))
}

/// Where the file is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// Whether the folder is pai's own, and so as private as the file.
    is_usual: bool,
}

impl Place {
    /// `PAI_CONFIG`, or `.pai/config.json` in the user's home.
    pub(super) fn of_user() -> Result<Self, ContextError> {
        if let Some(path) = std::env::var_os("PAI_CONFIG").filter(|path| !path.is_empty()) {
            return Ok(Self { path: path.into(), is_usual: false });
        }
        let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
        let path = home.ok_or(ContextError::NoHome)?.join(".pai").join("config.json");
        Ok(Self { path, is_usual: true })
    }

    fn folder(&self) -> &Path {
        self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    /// Nothing where there is no file.
    pub(super) fn read(&self) -> Result<Contents, ContextError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Contents::default()),
            Err(cause) => return Err(self.unreadable(&cause)),
        };
        if self.is_usual {
            self.must_be_private(self.folder(), 0o700)?;
        }
        self.must_be_private(&self.path, 0o600)?;
        // What serde says of wrong values quotes them, and here they may be secrets.
        let contents: Contents = serde_json::from_slice(&bytes).map_err(|cause| ContextError::Malformed {
            path: self.path.clone(),
            line: cause.line(),
            column: cause.column(),
        })?;
        if contents.version != VERSION {
            return Err(ContextError::Version { path: self.path.clone(), version: contents.version });
        }
        Ok(contents)
    }

    /// Reads, changes and writes, while other commands that want to change it wait.
    pub(super) fn change<T>(
        &self,
        change: impl FnOnce(&mut Contents) -> Result<T, ContextError>,
    ) -> Result<T, ContextError> {
        make_private_folder(self.folder()).map_err(|cause| self.unwritable(&cause))?;
        let lock = self.lock().map_err(|cause| self.unwritable(&cause))?;
        let mut contents = self.read()?;
        let changed = change(&mut contents)?;
        contents.contexts.sort_by(|one, other| one.name.cmp(&other.name));
        let mut text = Zeroizing::new(Vec::new());
        serde_json::to_writer_pretty(&mut *text, &contents)
            .map_err(|cause| self.unwritable(&cause.into()))?;
        text.push(b'\n');
        durable::replace(&self.path, &text, Readers::Owner).map_err(|cause| self.unwritable(&cause))?;
        drop(lock);
        Ok(changed)
    }

    fn lock(&self) -> io::Result<File> {
        let mut name = self.path.clone().into_os_string();
        name.push(".lock");
        let file = File::options().create(true).truncate(false).write(true).open(name)?;
        file.lock()?;
        Ok(file)
    }

    fn unreadable(&self, cause: &io::Error) -> ContextError {
        ContextError::Unreadable { path: self.path.clone(), cause: cause.to_string() }
    }

    fn unwritable(&self, cause: &io::Error) -> ContextError {
        ContextError::Unwritable { path: self.path.clone(), cause: cause.to_string() }
    }

    #[cfg(unix)]
    fn must_be_private(&self, path: &Path, widest: u32) -> Result<(), ContextError> {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(path).map_err(|cause| self.unreadable(&cause))?.permissions().mode() & 0o777;
        if mode & !widest == 0 {
            return Ok(());
        }
        Err(ContextError::Open { path: path.to_owned(), mode, widest })
    }

    #[cfg(not(unix))]
    fn must_be_private(&self, _: &Path, _: u32) -> Result<(), ContextError> {
        Ok(())
    }
}

/// Makes what is missing of the folder; one that is there stays as it is.
fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
