//! Secrets of a workspace's own store: put in, listed by name, taken out. A value is read, handed on and never printed.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Read, stdin};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use clap::Args;
use miette::Diagnostic;
use pai_bundle::provider::SecretRef;
use pai_bundle::unit::UnixSeconds;
use pai_runtime::secret::{SecretError, Secrets};
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::workspace::{self, selection};

/// Most bytes of a value.
const MOST_BYTES: u64 = 64 * 1024;

/// Which store is meant.
#[derive(Debug, Args)]
pub(crate) struct StoreArguments {
    /// The workspace [default: the one around the current folder].
    #[arg(long, value_name = "DIR")]
    workspace: Option<PathBuf>,
    /// The gateway's state folder, where it is not the workspace's.
    #[arg(long, env = "PAI_STATE", value_name = "DIR")]
    state: Option<PathBuf>,
    /// The key file of the encrypted store [default: secrets.key in the state folder].
    #[arg(long, env = "PAI_SECRETS_KEY", value_name = "FILE")]
    secrets_key: Option<PathBuf>,
}

/// Where values come from.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
#[expect(clippy::struct_field_names, reason = "they are the names of the options")]
pub(crate) struct ValueArguments {
    /// A key and its value. Others can see it in lists of processes, and the shell's history keeps it.
    #[arg(long, value_name = "KEY=VALUE")]
    from_literal: Vec<String>,
    /// A key and the file that has its value; the file's name is the key where none is given.
    #[arg(long, value_name = "[KEY=]PATH")]
    from_file: Vec<String>,
    /// A key whose value is read from standard input.
    #[arg(long, value_name = "KEY")]
    from_stdin: Option<String>,
}

/// Nothing was stored, or taken out.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub(crate) enum StoreError {
    /// An option without its two parts. Its text is not repeated: it may be the secret.
    #[error("--from-{option} takes KEY=VALUE, and what was given has no `=`")]
    #[diagnostic(help("for a key named api-key: --from-{option} api-key=…"))]
    NoPair {
        /// The rest of the option's name.
        option: &'static str,
    },
    /// A key that was given twice.
    #[error("key `{key}` is given twice")]
    Twice {
        /// Which.
        key: String,
    },
    /// A file that cannot be read.
    #[error("`{}` cannot be read: {cause}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        cause: String,
    },
    /// Nobody is there to type into a pipe.
    #[error("--from-stdin reads a pipe, and standard input is a terminal")]
    #[diagnostic(help("pai add secret NAME --from-stdin KEY < FILE"))]
    Terminal,
    /// What is no secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// A secret as it is listed.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) name: String,
    /// Its keys, sorted.
    pub(crate) keys: Vec<String>,
    /// When one of them was written last.
    pub(crate) written: UnixSeconds,
}

impl StoreArguments {
    /// The store.
    pub(crate) fn open(&self) -> Secrets {
        let around = || selection::around_here().unwrap_or_else(|| PathBuf::from("."));
        let workspace = || workspace::state(&self.workspace.clone().unwrap_or_else(around));
        open(&self.state.clone().unwrap_or_else(workspace), self.secrets_key.clone())
    }
}

/// The store of a state folder.
pub(crate) fn open(state: &Path, key_file: Option<PathBuf>) -> Secrets {
    Secrets::new(None, state).with_key_file(key_file)
}

impl ValueArguments {
    /// All values, by key.
    pub(crate) fn read(&self) -> Result<BTreeMap<String, SecretString>, StoreError> {
        let mut values = BTreeMap::new();
        let mut put = |key: &str, value: SecretString| match values.insert(key.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(StoreError::Twice { key: key.to_owned() }),
        };
        for pair in &self.from_literal {
            let (key, value) = pair.split_once('=').ok_or(StoreError::NoPair { option: "literal" })?;
            put(key, SecretString::from(value))?;
        }
        for pair in &self.from_file {
            let (key, path) = if let Some((key, path)) = pair.split_once('=') {
                (key.to_owned(), PathBuf::from(path))
            } else {
                let name = Path::new(pair).file_name().unwrap_or_default();
                (name.to_string_lossy().into_owned(), PathBuf::from(pair))
            };
            let file = std::fs::File::open(&path);
            let value = file.and_then(|file| text(&mut file.take(MOST_BYTES)));
            put(&key, value.map_err(|cause| StoreError::Unreadable { path, cause: cause.to_string() })?)?;
        }
        if let Some(key) = &self.from_stdin {
            if stdin().is_terminal() {
                return Err(StoreError::Terminal);
            }
            let value = text(&mut stdin().lock().take(MOST_BYTES));
            let path = PathBuf::from("standard input");
            put(key, value.map_err(|cause| StoreError::Unreadable { path, cause: cause.to_string() })?)?;
        }
        Ok(values)
    }
}

/// All of it, without copies on the way.
fn text(from: &mut impl Read) -> std::io::Result<SecretString> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(MOST_BYTES).unwrap_or(0)));
    from.read_to_end(&mut bytes)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(SecretString::from(text)),
        Err(_) => Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "it is no text")),
    }
}

/// Stores all of the values, or none of them where one cannot be a secret. True for each key that was there before.
pub(crate) fn put(
    secrets: &Secrets,
    name: &str,
    values: &BTreeMap<String, SecretString>,
) -> Result<Vec<(String, bool)>, StoreError> {
    let named = |key: &String| SecretRef { name: name.to_owned(), key: key.clone() };
    for (key, value) in values {
        secrets.vet(&named(key), value)?;
    }
    let before = secrets.stored()?;
    let mut done = Vec::new();
    for (key, value) in values {
        secrets.keep(&named(key), value)?;
        done.push((key.clone(), before.iter().any(|stored| stored.name == named(key))));
    }
    Ok(done)
}

/// What the store has, sorted by name.
pub(crate) fn list(secrets: &Secrets) -> Result<Vec<Listed>, StoreError> {
    let mut all: Vec<Listed> = Vec::new();
    for stored in secrets.stored()? {
        let since = stored.written.duration_since(UNIX_EPOCH).unwrap_or_default();
        let written = UnixSeconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
        match all.last_mut() {
            Some(last) if last.name == stored.name.name => {
                last.keys.push(stored.name.key);
                last.written = last.written.max(written);
            }
            _ => all.push(Listed { name: stored.name.name, keys: vec![stored.name.key], written }),
        }
    }
    Ok(all)
}

/// Takes a secret out, all its keys: which those were.
pub(crate) fn remove(secrets: &Secrets, name: &str) -> Result<Vec<String>, StoreError> {
    let mut keys = Vec::new();
    for stored in secrets.stored()? {
        if stored.name.name == name && secrets.forget(&stored.name)? {
            keys.push(stored.name.key);
        }
    }
    Ok(keys)
}
