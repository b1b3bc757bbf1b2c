//! Secrets that lie in the state folder unsealed, as `secrets/NAME/KEY`: written by hand, or by pai before it sealed what it
//! keeps. Read as long as they are there, and sealed when a gateway starts.

use std::path::{Path, PathBuf};

use pai_bundle::provider::SecretRef;
use secrecy::SecretString;

use super::private;
use super::{SecretError, mounted};

/// Where one of that name lies.
pub(super) fn path(folder: &Path, name: &SecretRef) -> PathBuf {
    folder.join(&name.name).join(&name.key)
}

/// Reads the file, unless others could.
pub(super) fn find(folder: &Path, wanted: &SecretRef) -> Result<Option<SecretString>, SecretError> {
    let Some(bytes) = private::read(&path(folder, wanted))? else { return Ok(None) };
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Some(SecretString::from(text))),
        Err(_) => Err(SecretError::Unusable(format!("{}/{}", wanted.name, wanted.key))),
    }
}

/// What files there are.
pub(super) fn names(folder: &Path) -> Result<Vec<SecretRef>, SecretError> {
    mounted::names(folder)
}

/// Removes the file; false where there was none.
pub(super) fn forget(folder: &Path, name: &SecretRef) -> Result<bool, SecretError> {
    private::remove(&path(folder, name))
}
