//! The gateways that somebody is logged in to, each with one credential, and which of them commands use.

mod address;
mod file;

use std::path::PathBuf;

use miette::Diagnostic;
use pai_compiler::diagnostic::nearest;
use pai_runtime::token::{Token, TokenKind};

pub(crate) use self::address::Address;
use self::file::{Contents, Entry, Place};

/// Contexts cannot be read, written or found.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub(crate) enum ContextError {
    /// Nowhere to keep them.
    #[error("there is no home folder to keep credentials in")]
    #[diagnostic(help("set HOME, or PAI_CONFIG to a file"))]
    NoHome,
    /// The file or its folder cannot be read.
    #[error("`{}` cannot be read: {cause}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        cause: String,
    },
    /// It cannot be written.
    #[error("`{}` cannot be written: {cause}", path.display())]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        cause: String,
    },
    /// Others may read it.
    #[error("`{}` has mode {mode:04o}: others on this machine may read credentials there", path.display())]
    #[diagnostic(help("run: chmod {widest:o} {}", path.display()))]
    Open {
        /// The file or folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// What it may have at most.
        widest: u32,
    },
    /// Not what pai writes.
    #[error("`{}` is not what pai writes there, from line {line}, column {column} on", path.display())]
    #[diagnostic(help("mend it, or remove it and log in again"))]
    Malformed {
        /// Which.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// Of a pai to come.
    #[error("`{}` has version {version}, which this pai does not know", path.display())]
    #[diagnostic(help("use the pai that wrote it"))]
    Version {
        /// Which.
        path: PathBuf,
        /// What it says.
        version: u32,
    },
    /// Nobody is logged in.
    #[error("you are not logged in to a gateway")]
    #[diagnostic(help("pai login URL"))]
    LoggedOut,
    /// There are contexts, and none is in use.
    #[error("no context is in use")]
    #[diagnostic(help("choose one with `pai context use NAME`, or --context: there are {known}"))]
    NoneInUse {
        /// Their names.
        known: String,
    },
    /// No such context.
    #[error("there is no context `{name}`{hint}")]
    #[diagnostic(help("`pai context list` shows all; `pai login URL --context NAME` makes one"))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What it may have been, with its punctuation.
        hint: String,
    },
    /// A name that could not be typed again.
    #[error("`{0}` is no name for a context")]
    #[diagnostic(help("use letters, digits and - . _ : @ [ ]"))]
    Name(String),
    /// Another gateway's, or another kind of credential's.
    #[error("context `{name}` has an {what}, which would be lost")]
    #[diagnostic(help("choose another name with --context, or `pai context delete {name}` first"))]
    Taken {
        /// Its name.
        name: String,
        /// What it is for.
        what: String,
    },
}

/// A gateway and the credential that is shown there.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) name: String,
    pub(crate) address: Address,
    pub(crate) credential: Token,
}

impl Context {
    /// What clients take as Anthropic's base URL: without `/v1`, which they add themselves. `None` for administrators,
    /// whose address answers no model.
    pub(crate) fn base_url(&self) -> Option<String> {
        base_path(self.credential.kind()).map(|path| self.address.at(path))
    }

    /// The credential as it may be shown: its kind and public id.
    pub(crate) fn shown_credential(&self) -> String {
        format!("{} {}", kind_in_words(self.credential.kind()), self.credential.id())
    }
}

/// What stands between a gateway's URL and `/v1` for holders of such a credential.
pub(crate) fn base_path(kind: TokenKind) -> Option<&'static str> {
    match kind {
        TokenKind::AccessKey => Some("/ext"),
        TokenKind::Agent => Some(""),
        TokenKind::Admin => None,
    }
}

/// A kind of credential, as people call it.
pub(crate) fn kind_in_words(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::AccessKey => "access key",
        TokenKind::Agent => "agent token",
        TokenKind::Admin => "administrator's token",
    }
}

/// All contexts of this user.
#[derive(Debug)]
pub(crate) struct Contexts {
    all: Vec<Context>,
    current: Option<String>,
}

impl Contexts {
    /// As they are now; none where nobody ever logged in.
    pub(crate) fn load() -> Result<Self, ContextError> {
        let place = Place::of_user()?;
        Self::of(place.read()?, &place)
    }

    fn of(contents: Contents, place: &Place) -> Result<Self, ContextError> {
        let all: Result<_, _> =
            contents.contexts.into_iter().map(|entry| Context::of(entry, place)).collect();
        Ok(Self { all: all?, current: contents.current })
    }

    /// In the order of their names.
    pub(crate) fn all(&self) -> &[Context] {
        &self.all
    }

    /// Whether commands use it where none is named.
    pub(crate) fn is_current(&self, context: &Context) -> bool {
        self.current.as_ref() == Some(&context.name)
    }

    /// The one in use, if any.
    pub(crate) fn current(&self) -> Option<&Context> {
        self.all.iter().find(|context| self.is_current(context))
    }

    /// The one that is named, or else the one in use.
    pub(crate) fn get(&self, name: Option<&str>) -> Result<&Context, ContextError> {
        let Some(name) = name else {
            return self.current().ok_or_else(|| match self.all.len() {
                0 => ContextError::LoggedOut,
                _ => ContextError::NoneInUse { known: self.names().collect::<Vec<_>>().join(", ") },
            });
        };
        self.all.iter().find(|context| context.name == name).ok_or_else(|| unknown(name, self.names()))
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|context| context.name.as_str())
    }
}

impl Context {
    fn of(entry: Entry, place: &Place) -> Result<Self, ContextError> {
        let malformed = |_| ContextError::Malformed { path: place.path.clone(), line: 1, column: 1 };
        let address = entry.url.parse().map_err(malformed)?;
        Ok(Self { name: entry.name, address, credential: entry.credential })
    }
}

/// Keeps a context and makes it the one in use. One of the same name is replaced if it is for the same gateway and the same
/// kind of credential, which is logging in again.
pub(crate) fn keep(context: &Context) -> Result<(), ContextError> {
    check_name(&context.name)?;
    let entry = Entry {
        name: context.name.clone(),
        url: context.address.to_string(),
        credential: context.credential.clone(),
    };
    Place::of_user()?.change(|contents| {
        if let Some(old) = contents.contexts.iter_mut().find(|old| old.name == entry.name) {
            if old.url != entry.url || old.credential.kind() != entry.credential.kind() {
                let what = format!("{} for {}", kind_in_words(old.credential.kind()), old.url);
                return Err(ContextError::Taken { name: old.name.clone(), what });
            }
            *old = entry.clone();
        } else {
            contents.contexts.push(entry.clone());
        }
        contents.current = Some(entry.name.clone());
        Ok(())
    })
}

/// Makes a context the one in use.
pub(crate) fn choose(name: &str) -> Result<(), ContextError> {
    Place::of_user()?.change(|contents| {
        known(contents, name)?;
        contents.current = Some(name.to_owned());
        Ok(())
    })
}

/// Forgets contexts and their credentials. Where the one in use goes, none is in use: which credential is sent is never a
/// surprise.
pub(crate) fn forget(names: &[&str]) -> Result<(), ContextError> {
    Place::of_user()?.change(|contents| {
        for name in names {
            known(contents, name)?;
        }
        contents.contexts.retain(|entry| !names.contains(&entry.name.as_str()));
        contents.current = contents.current.take().filter(|current| !names.contains(&current.as_str()));
        Ok(())
    })
}

fn known(contents: &Contents, name: &str) -> Result<(), ContextError> {
    if contents.contexts.iter().any(|entry| entry.name == name) {
        return Ok(());
    }
    Err(unknown(name, contents.contexts.iter().map(|entry| entry.name.as_str())))
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> ContextError {
    let known: Vec<&str> = known.collect();
    if known.is_empty() {
        return ContextError::LoggedOut;
    }
    let hint = nearest::suggest(name, known, "there are").map(|hint| format!("; {hint}")).unwrap_or_default();
    ContextError::Unknown { name: name.to_owned(), hint }
}

/// What a name may be made of: enough for a host and a port.
pub(crate) fn check_name(name: &str) -> Result<(), ContextError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:@[]".contains(&byte);
    if !name.is_empty() && name.len() <= 253 && !name.starts_with('-') && name.bytes().all(is_plain) {
        return Ok(());
    }
    Err(ContextError::Name(name.to_owned()))
}
