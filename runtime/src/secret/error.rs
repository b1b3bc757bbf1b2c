//! What can be wrong with a secret or with the place that has it. Says names, paths and modes, never a value.

use std::path::PathBuf;

use crate::token::RandomError;

/// A secret is there and must not be used, or cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Others can read it.
    #[error("secret file `{path}` can be read by others (mode {mode:o}): run `chmod 600 {path}`")]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It cannot be read or written.
    #[error("secret file `{path}`: {cause}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// It is empty or not text.
    #[error("secret {0} is empty, or is not one line of text")]
    Unusable(String),
    /// The name leads somewhere else.
    #[error(
        "`{0}` cannot be the name of a secret: use letters, digits, `-`, `.` and `_`, at most 253 of them"
    )]
    Name(String),
    /// Sealed secrets without the key that opens them.
    #[error(
        "`{sealed}` is encrypted, and the key file `{key}` is not there: put it back, or say where it is with \
         --secrets-key"
    )]
    NoKey {
        /// The secret's file.
        sealed: PathBuf,
        /// Where its key was looked for.
        key: PathBuf,
    },
    /// A key file that is none.
    #[error(
        "`{path}` is not a key file of pai, or is damaged: put it back from a backup; without it the encrypted \
         secrets are lost and have to be added again"
    )]
    KeyFile {
        /// The file.
        path: PathBuf,
    },
    /// Sealed with a key that is not this one.
    #[error(
        "`{sealed}` was encrypted with key {wanted}, and `{key}` has key {found}: say where the other one is with \
         --secrets-key, or add the secret again"
    )]
    OtherKey {
        /// The secret's file.
        sealed: PathBuf,
        /// The key file.
        key: PathBuf,
        /// The id of the key that it needs.
        wanted: String,
        /// The id of the key that is there.
        found: String,
    },
    /// Bytes that were changed, or that belong to another name.
    #[error(
        "`{path}` was damaged, or was put in the place of another secret: take it from a backup, or add the secret \
         again (`pai add secret`)"
    )]
    Altered {
        /// The secret's file.
        path: PathBuf,
    },
    /// The operating system's keychain does not answer as it should.
    #[error("the keychain cannot be asked for {wanted}: {cause}")]
    Keychain {
        /// Which secret.
        wanted: String,
        /// What went wrong.
        cause: String,
    },
    /// No randomness for a new one.
    #[error(transparent)]
    Random(#[from] RandomError),
}
