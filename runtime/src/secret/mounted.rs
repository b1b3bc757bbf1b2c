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

/// What files there are, as `DIR/NAME/KEY`. Hidden entries are the mounter's own (`..data`, half-written files).
pub(super) fn names(folder: &Path) -> Result<Vec<SecretRef>, SecretError> {
    let mut found = Vec::new();
    for name in entries(folder)? {
        for key in entries(&folder.join(&name))? {
            found.push(SecretRef { name: name.clone(), key });
        }
    }
    Ok(found)
}

fn entries(folder: &Path) -> Result<Vec<String>, SecretError> {
    let failed = |cause| SecretError::File { path: folder.to_owned(), cause };
    let list = match std::fs::read_dir(folder) {
        Ok(list) => list,
        Err(cause) if matches!(cause.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(cause) => return Err(failed(cause)),
    };
    let mut names = Vec::new();
    for entry in list {
        let name = entry.map_err(failed)?.file_name();
        names.extend(name.into_string().ok().filter(|name| !name.starts_with('.')));
    }
    names.sort();
    Ok(names)
}
