//! pai's own store: a file for each secret, sealed under a key file that lies beside the store or elsewhere.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pai_bundle::provider::SecretRef;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::envelope::{KEY_BYTES, StoreKey, Unopened};
use super::private::{self, Existing};
use super::{SecretError, mounted};

/// What a key file begins with.
const KEY_PREFIX: &str = "pai-store-key-1:";

/// Where the store is.
#[derive(Debug, Clone)]
pub(super) struct Store {
    folder: PathBuf,
    key: PathBuf,
}

/// A secret of the store, as it is listed: never a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Name and key.
    pub name: SecretRef,
    /// When it was written last.
    pub written: SystemTime,
}

impl Store {
    /// In a gateway's state folder.
    pub(super) fn new(state: &Path) -> Self {
        Self { folder: state.join("sealed"), key: state.join("secrets.key") }
    }

    /// With its key file elsewhere.
    pub(super) fn keyed(self, key: PathBuf) -> Self {
        Self { key, ..self }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn path(&self, name: &SecretRef) -> PathBuf {
        self.folder.join(&name.name).join(&name.key)
    }

    /// Opens the secret.
    pub(super) fn find(&self, name: &SecretRef) -> Result<Option<SecretString>, SecretError> {
        let path = self.path(name);
        let Some(sealed) = private::read(&path)? else { return Ok(None) };
        let Some(key) = self.key()? else {
            return Err(SecretError::NoKey { sealed: path, key: self.key.clone() });
        };
        let opened = key.open(name, &sealed).map_err(|why| match why {
            Unopened::Altered => SecretError::Altered { path: path.clone() },
            Unopened::OtherKey(wanted) => SecretError::OtherKey {
                sealed: path.clone(),
                key: self.key.clone(),
                wanted,
                found: key.id().to_owned(),
            },
        })?;
        match std::str::from_utf8(&opened) {
            Ok(text) => Ok(Some(SecretString::from(text))),
            Err(_) => Err(SecretError::Altered { path }),
        }
    }

    /// Seals the secret, in place of what has its name or not.
    pub(super) fn keep(
        &self,
        name: &SecretRef,
        value: &SecretString,
        existing: Existing,
    ) -> Result<(), SecretError> {
        let key = self.key_or_new()?;
        let sealed = key.seal(name, value.expose_secret().as_bytes())?;
        private::write(&self.path(name), sealed.as_bytes(), existing)
    }

    /// Removes the secret; false where there was none.
    pub(super) fn forget(&self, name: &SecretRef) -> Result<bool, SecretError> {
        private::remove(&self.path(name))
    }

    /// What is in it, sorted by name.
    pub(super) fn list(&self) -> Result<Vec<Stored>, SecretError> {
        let mut list = Vec::new();
        for name in mounted::names(&self.folder)? {
            let path = self.path(&name);
            let written = std::fs::metadata(&path).and_then(|file| file.modified());
            list.push(Stored { name, written: written.map_err(|cause| SecretError::File { path, cause })? });
        }
        Ok(list)
    }

    /// Whether nobody else may read any of its files, and all that is sealed has a key.
    pub(super) fn check(&self) -> Result<(), SecretError> {
        private::look(&self.key)?;
        let names = mounted::names(&self.folder)?;
        for name in &names {
            private::look(&self.path(name))?;
        }
        match names.first() {
            Some(name) if self.key()?.is_none() => {
                Err(SecretError::NoKey { sealed: self.path(name), key: self.key.clone() })
            }
            _ => Ok(()),
        }
    }

    fn key(&self) -> Result<Option<StoreKey>, SecretError> {
        let Some(text) = private::read(&self.key)? else { return Ok(None) };
        let wrong = || SecretError::KeyFile { path: self.key.clone() };
        let text = std::str::from_utf8(&text).map_err(|_| wrong())?;
        let encoded = text.trim_end().strip_prefix(KEY_PREFIX).ok_or_else(wrong)?;
        let decoded = STANDARD.decode(encoded).map(Zeroizing::new).map_err(|_| wrong())?;
        let bytes = <[u8; KEY_BYTES]>::try_from(decoded.as_slice()).map_err(|_| wrong())?;
        Ok(Some(StoreKey::new(Zeroizing::new(bytes))))
    }

    /// A new key only where nothing is sealed yet: what another one sealed would be lost without a word.
    fn key_or_new(&self) -> Result<StoreKey, SecretError> {
        if let Some(key) = self.key()? {
            return Ok(key);
        }
        if let Some(name) = mounted::names(&self.folder)?.first() {
            return Err(SecretError::NoKey { sealed: self.path(name), key: self.key.clone() });
        }
        let fresh = StoreKey::mint()?;
        let encoded = Zeroizing::new(STANDARD.encode(fresh.bytes()));
        let text = Zeroizing::new(format!("{KEY_PREFIX}{}\n", encoded.as_str()));
        private::write(&self.key, text.as_bytes(), Existing::Stay)?;
        // Two programs that make the first secret at once both use the one that got there.
        self.key()?.ok_or_else(|| SecretError::KeyFile { path: self.key.clone() })
    }
}
