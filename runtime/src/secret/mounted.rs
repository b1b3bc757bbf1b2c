//! Secrets as files that somebody else mounts and rotates: `DIR/NAME/KEY`.

use std::io::ErrorKind;
use std::path::Path;

use pai_bundle::provider::SecretRef;
use secrecy::SecretString;

use super::SecretError;

/// Reads the file; its modes are the mounter's business (Kubernetes mounts 0644 inside of the pod).
pub(super) fn find(folder: &Path, wanted: &SecretRef) -> Result<Option<SecretString>, SecretError> {
    let path = folder.join(&wanted.name).join(&wanted.key);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(SecretString::from(text))),
        Err(cause) if matches!(cause.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(cause) => Err(SecretError::File { path, cause }),
    }
}
