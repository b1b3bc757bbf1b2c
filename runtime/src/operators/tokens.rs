//! `admin-tokens.json` in the state folder: names and keyed digests of the tokens that were made for people.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use pai_bundle::unit::UnixSeconds;
use serde::{Deserialize, Serialize};

use crate::durable::{self, Readers};
use crate::token::{Pepper, RandomError, StoredDigest, Token, TokenKind};

/// Longest name of a token.
const NAME_MAX_CHARS: usize = 64;

/// Tokens cannot be read, made or taken away.
#[derive(Debug, thiserror::Error)]
pub enum AdminTokensError {
    /// The file cannot be read or written.
    #[error("`{path}`: {cause}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// Others can read the file.
    #[error("`{path}` can be read by others (mode {mode:o}): run `chmod 600 {path}`")]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is not what was written into it.
    #[error("`{path}` is not a list of admin tokens: {cause}")]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// A name that cannot be one.
    #[error("`{0}` cannot be the name of a token: use 1 to 64 letters, digits, `-`, `.`, `_` and `@`")]
    Name(String),
    /// A name that is taken.
    #[error("there is a token of the name `{0}` already; revoke it first, or choose another name")]
    Taken(String),
    /// Nobody of that name.
    #[error("there is no token of the name `{name}`; there are {}", listed(.known))]
    Nobody {
        /// The name.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// No randomness for a new one.
    #[error(transparent)]
    Random(#[from] RandomError),
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// A token that was made for somebody.
#[derive(Debug, Clone)]
pub struct AdminToken {
    /// Whose it is.
    pub name: String,
    /// Its public id.
    pub id: String,
    /// When it was made.
    pub created: UnixSeconds,
    pub(super) digest: StoredDigest,
    text: String,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub struct AdminTokens(Vec<AdminToken>);

/// As the file has them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    tokens: Vec<WrittenToken>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenToken {
    name: String,
    id: String,
    digest: String,
    created: i64,
}

impl AdminTokens {
    /// Where they are in a state folder.
    pub fn path(state: &Path) -> PathBuf {
        state.join("admin-tokens.json")
    }

    /// The tokens in a file; none where there is no file.
    pub fn read(path: &Path) -> Result<Self, AdminTokensError> {
        let failed = |cause| AdminTokensError::File { path: path.to_owned(), cause };
        let mode = match std::fs::metadata(path) {
            Ok(found) => found.permissions().mode() & 0o777,
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(cause) => return Err(failed(cause)),
        };
        if mode & 0o077 != 0 {
            return Err(AdminTokensError::TooOpen { path: path.to_owned(), mode });
        }
        let form = |cause: String| AdminTokensError::Form { path: path.to_owned(), cause };
        let text = std::fs::read(path).map_err(failed)?;
        let written: Written = serde_json::from_slice(&text).map_err(|cause| form(cause.to_string()))?;
        let read = |token: WrittenToken| {
            let digest = StoredDigest::parse(&token.digest)
                .ok_or_else(|| form(format!("the digest of `{}` is none", token.name)))?;
            Ok(AdminToken {
                name: token.name,
                id: token.id,
                created: UnixSeconds(token.created),
                digest,
                text: token.digest,
            })
        };
        written.tokens.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Makes a token for somebody; it is shown once. Gateways on the folder accept it from their next request on.
    pub fn create(
        state: &Path,
        name: &str,
        pepper: &Pepper,
        now: UnixSeconds,
    ) -> Result<Token, AdminTokensError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._@".contains(c);
        if name.is_empty() || name.len() > NAME_MAX_CHARS || !name.chars().all(plain) {
            return Err(AdminTokensError::Name(name.to_owned()));
        }
        let token = Token::mint(TokenKind::Admin)?;
        let text = pepper.digest(&token);
        Self::edit(state, |tokens| {
            if tokens.iter().any(|known| known.name == name) {
                return Err(AdminTokensError::Taken(name.to_owned()));
            }
            let digest = StoredDigest::parse(&text).unwrap_or_else(StoredDigest::nobody);
            tokens.push(AdminToken {
                name: name.to_owned(),
                id: token.id().to_owned(),
                created: now,
                digest,
                text,
            });
            Ok(())
        })?;
        Ok(token)
    }

    /// Takes somebody's token away.
    pub fn revoke(state: &Path, name: &str) -> Result<(), AdminTokensError> {
        Self::edit(state, |tokens| {
            let known: Vec<String> = tokens.iter().map(|token| token.name.clone()).collect();
            tokens.retain(|token| token.name != name);
            if tokens.len() == known.len() {
                return Err(AdminTokensError::Nobody { name: name.to_owned(), known });
            }
            Ok(())
        })
    }

    /// In the order in which they were made.
    pub fn all(&self) -> impl Iterator<Item = &AdminToken> {
        self.0.iter()
    }

    pub(super) fn find(&self, id: &str) -> Option<&AdminToken> {
        self.0.iter().find(|token| token.id == id)
    }

    /// Changes the file. Two commands at a time take turns, so that neither brings back what the other took away.
    fn edit(
        state: &Path,
        change: impl FnOnce(&mut Vec<AdminToken>) -> Result<(), AdminTokensError>,
    ) -> Result<(), AdminTokensError> {
        let path = Self::path(state);
        let failed = |cause| AdminTokensError::File { path: path.clone(), cause };
        std::fs::create_dir_all(state).map_err(failed)?;
        let turn = lock(&state.join("admin-tokens.lock")).map_err(failed)?;
        let mut tokens = Self::read(&path)?.0;
        change(&mut tokens)?;
        let write = |token: AdminToken| WrittenToken {
            name: token.name,
            id: token.id,
            digest: token.text,
            created: token.created.0,
        };
        let written = Written { tokens: tokens.into_iter().map(write).collect() };
        let text = serde_json::to_vec_pretty(&written)
            .map_err(|cause| AdminTokensError::Form { path: path.clone(), cause: cause.to_string() })?;
        durable::replace(&path, &text, Readers::Owner).map_err(failed)?;
        drop(turn);
        Ok(())
    }
}

/// Held until dropped.
fn lock(path: &Path) -> std::io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.lock()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_no_token_and_is_its_owners_alone() {
        let state = tempfile::tempdir().expect("a folder");
        let pepper = Pepper::mint().expect("a pepper");
        let token =
            AdminTokens::create(state.path(), "alice@example.org", &pepper, UnixSeconds(7)).expect("made");
        let path = AdminTokens::path(state.path());
        let text = std::fs::read_to_string(&path).expect("text");
        let secret = token.reveal().rsplit('_').next().expect("a secret");
        assert!(text.contains(token.id()) && !text.contains(secret), "{text}");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        let read = AdminTokens::read(&path).expect("tokens");
        let names: Vec<_> = read.all().map(|token| (token.name.as_str(), token.created)).collect();
        assert_eq!(names, [("alice@example.org", UnixSeconds(7))]);
    }

    #[test]
    fn slips_are_told() {
        let state = tempfile::tempdir().expect("a folder");
        let pepper = Pepper::mint().expect("a pepper");
        let create =
            |name: &str| AdminTokens::create(state.path(), name, &pepper, UnixSeconds(0)).map(|_| ());
        create("alice").expect("made");
        for (name, expected) in
            [("alice", "already"), ("", "cannot be"), ("a b", "cannot be"), ("a\n", "cannot be")]
        {
            let error = create(name).expect_err(name).to_string();
            assert!(error.contains(expected), "{name}: {error}");
        }
        let error = AdminTokens::revoke(state.path(), "bob").expect_err("nobody").to_string();
        assert!(error.contains("`bob`; there are alice"), "{error}");
        std::fs::write(AdminTokens::path(state.path()), "{}").expect("written");
        let error = create("carol").expect_err("broken").to_string();
        assert!(error.contains("not a list of admin tokens"), "{error}");
    }

    #[test]
    fn commands_at_the_same_time_lose_nothing() {
        let state = tempfile::tempdir().expect("a folder");
        let pepper = Pepper::mint().expect("a pepper");
        std::thread::scope(|scope| {
            for number in 0..8 {
                let (state, pepper) = (state.path(), &pepper);
                scope.spawn(move || {
                    AdminTokens::create(state, &format!("t{number}"), pepper, UnixSeconds(0)).expect("made");
                });
            }
        });
        let tokens = AdminTokens::read(&AdminTokens::path(state.path())).expect("tokens");
        assert_eq!(tokens.all().count(), 8);
    }
}
