//! Signed bundles: a signature and a serial number in the header, over everything in the file.
//!
//! What is signed is a line that no other protocol signs, and the header line with an empty signature:
//!
//! ```text
//! pai bundle signature 1
//! {"paiBundle":1,"needsPai":"0.1.0","digest":"sha256:…","bytes":…,"signature":{"serial":…,"key":"…","ed25519":""}}
//! ```
//!
//! Both lines end in a line feed. The header has the contents' digest and length, so the contents are covered with
//! it. The serial number is given when a bundle is signed, not when it is built: equal manifests build to equal
//! bytes on every day, and signing is the moment of release.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::codec::{self, DecodeError, EncodeError, Header, Opened};
use crate::key::{KeyId, PublicKey, SigningKey};

/// Keeps signatures of bundles apart from those of anything else that the same key may sign.
const DOMAIN: &[u8] = b"pai bundle signature 1\n";

/// Orders releases: a gateway never goes back to a smaller one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Serial(pub u64);

impl Serial {
    /// The largest: what every reader of JSON keeps exactly, 2^53 - 1.
    pub const MAX: Self = Self((1 << 53) - 1);
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A header's word about who released the bundle, and as which release. True only once it is verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Signature {
    /// The release.
    pub serial: Serial,
    /// Whose key.
    pub key: KeyId,
    /// 64 bytes in lower-case hexadecimal.
    ed25519: String,
}

/// A bundle could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// It is no bundle that this version reads.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It cannot be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// Why a bundle is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Nobody signed it.
    #[error("the bundle is not signed: sign it with `pai bundle sign FILE --key KEY`")]
    Unsigned,
    /// Signed by a key that is not among those given.
    #[error("the bundle is signed with key {key}, and only {trusted} is trusted here")]
    Untrusted {
        /// The key it names.
        key: KeyId,
        /// The keys that were given.
        trusted: String,
    },
    /// The signature is not that key's signature of this file.
    #[error(
        "the bundle's signature is wrong: it was altered after it was signed, or not signed with key {key}"
    )]
    Wrong {
        /// The key it names.
        key: KeyId,
    },
}

/// The bundle in these bytes, signed as release `serial`; an earlier signature is replaced.
pub fn sign(bytes: &[u8], key: &SigningKey, serial: Serial) -> Result<Vec<u8>, SignError> {
    let opened = codec::open(bytes)?;
    opened.contents()?;
    let mut header = opened.header;
    let signature = Signature { serial, key: key.public().id(), ed25519: String::new() };
    header.signature = Some(signature.clone());
    let ed25519 = hex::encode(key.sign(&message(&header)?));
    header.signature = Some(Signature { ed25519, ..signature });
    Ok(codec::join(&header, opened.body)?)
}

impl Opened<'_> {
    /// Whether one of these keys signed exactly this file. Returns the signature, which is true from here on.
    pub fn verify(&self, trusted: &[PublicKey]) -> Result<&Signature, VerifyError> {
        let signature = self.header.signature.as_ref().ok_or(VerifyError::Unsigned)?;
        let Some(key) = trusted.iter().find(|key| key.id() == signature.key) else {
            let names: Vec<_> = trusted.iter().map(|key| key.id().to_string()).collect();
            return Err(VerifyError::Untrusted { key: signature.key.clone(), trusted: names.join(", ") });
        };
        let wrong = || VerifyError::Wrong { key: signature.key.clone() };
        let bytes = hex::decode(&signature.ed25519).map_err(|_| wrong())?;
        // `hex` also reads capitals, which would be a second file under one signature.
        if hex::encode(&bytes) != signature.ed25519 {
            return Err(wrong());
        }
        let mut header = self.header.clone();
        header.signature = Some(Signature { ed25519: String::new(), ..signature.clone() });
        let message = message(&header).map_err(|_| wrong())?;
        if key.accepts(&message, &bytes) { Ok(signature) } else { Err(wrong()) }
    }
}

/// What is signed.
fn message(header: &Header) -> Result<Vec<u8>, EncodeError> {
    let mut message = DOMAIN.to_vec();
    message.extend(codec::join(header, &[])?);
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contents::Bundle;

    fn pair() -> (SigningKey, PublicKey) {
        let key = SigningKey::generate().expect("a key");
        let public = key.public();
        (key, public)
    }

    fn signed(key: &SigningKey) -> Vec<u8> {
        let (bytes, _) = codec::encode(&Bundle::default()).expect("bytes");
        sign(&bytes, key, Serial(7)).expect("signed")
    }

    /// The serial if the bytes are accepted.
    fn accepted(bytes: &[u8], keys: &[PublicKey]) -> Result<Serial, String> {
        let opened = codec::open(bytes).map_err(|error| error.to_string())?;
        let signature = opened.verify(keys).map_err(|error| error.to_string())?;
        Ok(signature.serial)
    }

    #[test]
    fn a_signed_bundle_is_accepted_and_still_the_same_bundle() {
        let (key, public) = pair();
        let bytes = signed(&key);
        assert_eq!(accepted(&bytes, std::slice::from_ref(&public)), Ok(Serial(7)));
        let (_, plain) = codec::encode(&Bundle::default()).expect("bytes");
        assert_eq!(codec::decode(&bytes).expect("a bundle"), (Bundle::default(), plain));
        // Ed25519 has no randomness: signing again is the same file, and signing replaces.
        assert_eq!(sign(&bytes, &key, Serial(7)).expect("signed"), bytes);
        let later = sign(&bytes, &key, Serial(8)).expect("signed");
        assert_eq!(accepted(&later, &[public]), Ok(Serial(8)));
    }

    #[test]
    fn every_alteration_of_every_byte_is_refused() {
        let (key, public) = pair();
        let (bytes, keys) = (signed(&key), [public]);
        for at in 0..bytes.len() {
            for other in (0..=u8::MAX).filter(|other| *other != bytes[at]) {
                let mut altered = bytes.clone();
                altered[at] = other;
                assert!(accepted(&altered, &keys).is_err(), "byte {at} of {} as {other:#x}", bytes.len());
            }
        }
    }

    #[test]
    fn cut_lengthened_and_unsigned_files_are_refused() {
        let (key, public) = pair();
        let (bytes, keys) = (signed(&key), [public]);
        for length in 0..bytes.len() {
            assert!(accepted(&bytes[..length], &keys).is_err(), "{length} bytes");
        }
        for more in [b"\n".as_slice(), b" ", b"\0", b"{}", bytes.as_slice()] {
            assert!(accepted(&[&bytes, more].concat(), &keys).is_err());
            assert!(accepted(&[more, &bytes].concat(), &keys).is_err());
        }
        let (unsigned, _) = codec::encode(&Bundle::default()).expect("bytes");
        assert!(accepted(&unsigned, &keys).expect_err("unsigned").contains("not signed"));
    }

    #[test]
    fn a_signature_fits_its_key_its_contents_and_its_serial_alone() {
        let ((key, public), (other, other_public)) = (pair(), pair());
        let bytes = signed(&key);
        assert!(
            accepted(&bytes, std::slice::from_ref(&other_public))
                .expect_err("another key")
                .contains("trusted")
        );
        assert_eq!(accepted(&bytes, &[other_public, public.clone()]), Ok(Serial(7)), "keys may be several");

        let text = String::from_utf8(bytes).expect("text");
        let later = text.replacen("\"serial\":7", "\"serial\":8", 1);
        assert!(
            accepted(later.as_bytes(), std::slice::from_ref(&public)).expect_err("serial").contains("wrong")
        );

        // The header of one bundle over the contents of another, with the digest made right.
        let (another, _) =
            codec::encode(&Bundle { cedar_schema: "entity A;".into(), ..Bundle::default() }).expect("bytes");
        let another = sign(&another, &other, Serial(7)).expect("signed");
        let renamed = String::from_utf8(another).expect("text").replacen(
            other.public().id().as_str(),
            public.id().as_str(),
            1,
        );
        assert!(accepted(renamed.as_bytes(), &[public]).expect_err("forged").contains("wrong"));
    }
}
