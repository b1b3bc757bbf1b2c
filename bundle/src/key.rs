//! Ed25519 keys for signing bundles, in the files that openssl reads and writes (RFC 8410): PKCS#8 and SPKI as PEM.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// What stands before the 32 bytes of a private key in PKCS#8, version 1: RFC 8410, section 7. Version 2, which has
/// the public key as well, is more than older openssl reads.
const PRIVATE_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
/// What stands before the 32 bytes of a public key: RFC 8410, section 4.
const PUBLIC_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// Bytes of a key, private or public.
const KEY_BYTES: usize = 32;
/// Bytes of a key's id, half as many as its hexadecimal characters.
const ID_BYTES: usize = 8;

/// A file is not a key that can be used here. Says nothing of what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No private key in it.
    #[error(
        "this is not an ed25519 private key in PEM (`-----BEGIN PRIVATE KEY-----`): `pai bundle keygen` makes one"
    )]
    NotPrivate,
    /// No public key in it.
    #[error(
        "this is not an ed25519 public key in PEM (`-----BEGIN PUBLIC KEY-----`): it is the file that ends in .pub"
    )]
    NotPublic,
    /// A private key where a public one belongs.
    #[error(
        "this is a private key, which belongs with whoever signs and nowhere else: give the file that ends in .pub"
    )]
    PrivateForPublic,
    /// The system gives no randomness.
    #[error("the system has no randomness for a new key")]
    Random,
}

/// Tells keys apart: the first bytes of the SHA-256 of the public key's DER, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(String);

impl KeyId {
    /// 16 hexadecimal characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The private half: whoever has it can release bundles.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    seed: Zeroizing<[u8; KEY_BYTES]>,
}

impl SigningKey {
    /// A new one.
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0_u8; KEY_BYTES]);
        SystemRandom::new().fill(seed.as_mut_slice()).map_err(|_| KeyError::Random)?;
        Self::of(seed).ok_or(KeyError::Random)
    }

    /// From a PEM file's text.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| KeyError::NotPrivate)?;
        let seed = der.secret_pkcs8_der().strip_prefix(PRIVATE_PREFIX.as_slice());
        let seed =
            seed.and_then(|seed| <[u8; KEY_BYTES]>::try_from(seed).ok()).ok_or(KeyError::NotPrivate)?;
        Self::of(Zeroizing::new(seed)).ok_or(KeyError::NotPrivate)
    }

    fn of(seed: Zeroizing<[u8; KEY_BYTES]>) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).ok()?;
        Some(Self { pair, seed })
    }

    /// For its file, which nobody else may read.
    pub fn to_pem(&self) -> Zeroizing<String> {
        let mut der = Zeroizing::new(PRIVATE_PREFIX.to_vec());
        der.extend_from_slice(self.seed.as_slice());
        Zeroizing::new(pem("PRIVATE KEY", &der))
    }

    /// The other half.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0_u8; KEY_BYTES];
        bytes.copy_from_slice(self.pair.public_key().as_ref());
        PublicKey(bytes)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

/// The public half: recognises what the private one signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey([u8; KEY_BYTES]);

impl PublicKey {
    /// From a PEM file's text.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let wrong =
            if pem.contains("PRIVATE KEY") { KeyError::PrivateForPublic } else { KeyError::NotPublic };
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).map_err(|_| wrong)?;
        let bytes = der.as_ref().strip_prefix(PUBLIC_PREFIX.as_slice());
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(KeyError::NotPublic)
    }

    /// For its file.
    pub fn to_pem(&self) -> String {
        pem("PUBLIC KEY", &self.der())
    }

    /// Its name in headers and messages.
    pub fn id(&self) -> KeyId {
        let digest = Sha256::digest(self.der());
        KeyId(hex::encode(digest.get(..ID_BYTES).unwrap_or_default()))
    }

    pub(crate) fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }

    fn der(&self) -> Vec<u8> {
        [PUBLIC_PREFIX.as_slice(), &self.0].concat()
    }
}

/// Both kinds fit on one line of base64.
fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 8410, section 10.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn the_files_are_those_of_the_standard() {
        let key = SigningKey::from_pem(PRIVATE).expect("the standard's example");
        assert_eq!(key.public().to_pem(), PUBLIC);
        assert_eq!(key.to_pem().as_str(), PRIVATE);
        assert_eq!(PublicKey::from_pem(PUBLIC).expect("the standard's example"), key.public());
    }

    #[test]
    fn a_new_key_reads_back_and_no_two_are_alike() {
        let key = SigningKey::generate().expect("a key");
        let again = SigningKey::from_pem(&key.to_pem()).expect("its own text");
        assert_eq!(again.public(), key.public());
        assert_ne!(SigningKey::generate().expect("a key").public(), key.public());
        assert_eq!(key.public().id().as_str().len(), 2 * ID_BYTES);
    }

    #[test]
    fn what_is_no_key_is_told_apart() {
        assert_eq!(PublicKey::from_pem(PRIVATE), Err(KeyError::PrivateForPublic));
        assert_eq!(PublicKey::from_pem("ssh-ed25519 AAAA"), Err(KeyError::NotPublic));
        for text in [PUBLIC, "", &PRIVATE.replace("MC4CAQAw", "MC4CAQEw"), &PRIVATE.replace("dVhC", "")] {
            assert_eq!(SigningKey::from_pem(text).err(), Some(KeyError::NotPrivate), "{text}");
        }
    }
}
