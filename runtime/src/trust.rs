//! Which bundles a gateway with public keys takes: signed by one of them, and never older than one that it took before.
//! The last good bundle lies in the state folder, so that neither is forgotten in a restart.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pai_bundle::codec::{self, DecodeError, Opened};
use pai_bundle::digest::Digest;
use pai_bundle::key::{KeyError, KeyId, PublicKey};
use pai_bundle::signature::{Serial, VerifyError};

use crate::durable::{self, Readers};

/// The last good bundle's folder and name below the state folder.
const FOLDER: &str = "bundle";
const NAME: &str = "last-good.bundle";

/// A bundle is not taken, or the memory of earlier ones cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A public key's file cannot be read.
    #[error("public key `{path}` cannot be read: {cause}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// A file is not a public key.
    #[error("public key `{path}`: {cause}")]
    Key {
        /// Which.
        path: PathBuf,
        /// What it is instead.
        cause: KeyError,
    },
    /// No signature of a trusted key.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// An older release.
    #[error(
        "the bundle is older than the one accepted before: its serial number is {found}, and {accepted} was accepted \
         already; to go back to its rules, sign them again with a larger number"
    )]
    Older {
        /// The bundle's.
        found: Serial,
        /// The last good one's.
        accepted: Serial,
    },
    /// Two bundles with one number.
    #[error(
        "the bundle has serial number {serial}, under which another one was accepted ({accepted}): sign it again with \
         a larger number"
    )]
    Reused {
        /// The number.
        serial: Serial,
        /// The other one's digest.
        accepted: Digest,
    },
    /// What was kept cannot be read, so how old a bundle may be is unknown.
    #[error(
        "the last good bundle `{path}` cannot be used: {cause}; without it older bundles cannot be told, so nothing is \
         served: put it back, or remove it to accept any signed bundle"
    )]
    Kept {
        /// Where.
        path: PathBuf,
        /// Why not.
        cause: String,
    },
    /// A bundle cannot be kept, so a restart would forget it.
    #[error("the bundle cannot be kept in `{path}`: {cause}")]
    Keep {
        /// Where.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
}

/// Public keys, and the newest release accepted so far.
#[derive(Debug)]
pub struct Trust {
    keys: Vec<PublicKey>,
    path: PathBuf,
    accepted: Option<(Serial, Digest)>,
}

/// A bundle's signature, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The release.
    pub serial: Serial,
    /// Who signed it.
    pub key: KeyId,
}

impl Trust {
    /// Reads the keys' files and what was accepted before; `None` where there are no keys.
    pub fn open(keys: &[PathBuf], state: &Path) -> Result<Option<Self>, TrustError> {
        if keys.is_empty() {
            return Ok(None);
        }
        Self::with(keys.iter().map(read_key).collect::<Result<_, _>>()?, state).map(Some)
    }

    fn with(keys: Vec<PublicKey>, state: &Path) -> Result<Self, TrustError> {
        let mut trust = Self { keys, path: state.join(FOLDER).join(NAME), accepted: None };
        if let Some(bytes) = trust.last_good()? {
            let kept = |cause: String| TrustError::Kept { path: trust.path.clone(), cause };
            let opened = codec::open(&bytes).map_err(|cause: DecodeError| kept(cause.to_string()))?;
            // Its key may no longer be among the trusted; its number counts all the same.
            let signature = opened.signature().ok_or_else(|| kept("it is not signed".to_owned()))?;
            trust.accepted = Some((signature.serial, opened.digest().clone()));
        }
        Ok(trust)
    }

    /// Whether this bundle may be served from now on.
    pub fn examine(&self, opened: &Opened<'_>) -> Result<Verified, TrustError> {
        let signature = opened.verify(&self.keys)?;
        match &self.accepted {
            Some((accepted, _)) if signature.serial < *accepted => {
                return Err(TrustError::Older { found: signature.serial, accepted: *accepted });
            }
            Some((accepted, digest)) if signature.serial == *accepted && digest != opened.digest() => {
                return Err(TrustError::Reused { serial: *accepted, accepted: digest.clone() });
            }
            _ => {}
        }
        Ok(Verified { serial: signature.serial, key: signature.key.clone() })
    }

    /// Keeps a bundle that [`Self::examine`] let pass; durable when this returns.
    pub fn accept(&mut self, bytes: &[u8], serial: Serial, digest: &Digest) -> Result<(), TrustError> {
        let accepted = (serial, digest.clone());
        if self.accepted.as_ref() == Some(&accepted) {
            return Ok(());
        }
        keep(&self.path, bytes).map_err(|cause| TrustError::Keep { path: self.path.clone(), cause })?;
        self.accepted = Some(accepted);
        Ok(())
    }

    /// The bytes of the last good bundle, if there is one.
    pub fn last_good(&self) -> Result<Option<Vec<u8>>, TrustError> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(TrustError::Kept { path: self.path.clone(), cause: cause.to_string() }),
        }
    }

    /// Where the last good bundle is kept.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn read_key(path: &PathBuf) -> Result<PublicKey, TrustError> {
    let text =
        fs::read_to_string(path).map_err(|cause| TrustError::Unreadable { path: path.clone(), cause })?;
    PublicKey::from_pem(&text).map_err(|cause| TrustError::Key { path: path.clone(), cause })
}

/// Whole or not at all, and durable: a serial number that a power cut could forget would be no promise.
fn keep(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    durable::replace(path, bytes, Readers::Anybody)?;
    // The folder may be as new as the file.
    folder.parent().map_or(Ok(()), |parent| fs::File::open(parent)?.sync_all())
}

#[cfg(test)]
mod tests {
    use pai_bundle::Bundle;
    use pai_bundle::key::SigningKey;
    use pai_bundle::signature::sign;

    use super::*;

    fn release(key: &SigningKey, serial: u64, schema: &str) -> Vec<u8> {
        let bundle = Bundle { cedar_schema: schema.to_owned(), ..Bundle::default() };
        let (bytes, _) = codec::encode(&bundle).expect("bytes");
        sign(&bytes, key, Serial(serial)).expect("signed")
    }

    /// Offers bytes as a gateway would: what is good is kept.
    fn offer(trust: &mut Trust, bytes: &[u8]) -> Result<(), String> {
        let opened = codec::open(bytes).map_err(|error| error.to_string())?;
        let verified = trust.examine(&opened).map_err(|error| error.to_string())?;
        trust.accept(bytes, verified.serial, opened.digest()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_older_release_is_refused_also_after_a_restart_and_another_key() {
        let state = tempfile::tempdir().expect("a folder");
        let (key, next) = (SigningKey::generate().expect("a key"), SigningKey::generate().expect("a key"));
        let mut trust = Trust::with(vec![key.public()], state.path()).expect("trust");
        let (old, new) = (release(&key, 5, "a"), release(&key, 6, "b"));
        offer(&mut trust, &old).expect("the first");
        offer(&mut trust, &new).expect("a newer one");
        offer(&mut trust, &new).expect("the same again");
        assert!(offer(&mut trust, &old).expect_err("older").contains("5, and 6 was accepted"));
        let other = offer(&mut trust, &release(&key, 6, "c")).expect_err("the same number");
        assert!(other.contains("under which another one was accepted"), "{other}");

        let mut again = Trust::with(vec![key.public()], state.path()).expect("trust");
        assert_eq!(again.last_good().expect("read"), Some(new));
        assert!(offer(&mut again, &old).is_err());
        let mut rotated = Trust::with(vec![next.public()], state.path()).expect("trust");
        assert!(offer(&mut rotated, &release(&next, 5, "a")).expect_err("older").contains("older"));
        offer(&mut rotated, &release(&next, 7, "a")).expect("a newer one of the new key");
        offer(&mut again, &old).expect_err("this one still remembers");
    }

    /// The same walk as in `pai-bundle`, through the door that a gateway has.
    #[test]
    fn every_altered_byte_is_refused() {
        let state = tempfile::tempdir().expect("a folder");
        let key = SigningKey::generate().expect("a key");
        let mut trust = Trust::with(vec![key.public()], state.path()).expect("trust");
        let bytes = release(&key, 5, "");
        for at in 0..bytes.len() {
            for mask in [1, 2, 0x10, 0x20, 0x80] {
                let mut altered = bytes.clone();
                altered[at] ^= mask;
                assert!(offer(&mut trust, &altered).is_err(), "byte {at} of {}", bytes.len());
            }
        }
        assert_eq!(trust.last_good().expect("read"), None, "nothing of it was kept");
        offer(&mut trust, &bytes).expect("the file as it was");
    }

    #[test]
    fn a_memory_that_cannot_be_read_is_no_empty_one() {
        let state = tempfile::tempdir().expect("a folder");
        let key = SigningKey::generate().expect("a key");
        let mut trust = Trust::with(vec![key.public()], state.path()).expect("trust");
        offer(&mut trust, &release(&key, 5, "")).expect("good");
        for bytes in [b"".as_slice(), b"{\"paiBundle\":2,\"needsPai\":\"9.0.0\"}\n", b"rubbish"] {
            fs::write(trust.path(), bytes).expect("written");
            let error = Trust::with(vec![key.public()], state.path()).expect_err("unusable").to_string();
            assert!(error.contains("last-good.bundle") && error.contains("put it back"), "{error}");
        }
    }
}
