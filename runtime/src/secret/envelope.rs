//! How a secret is sealed: under a key of its own, which is sealed under the store's key, both bound to the secret's name.
//!
//! ChaCha20-Poly1305 (RFC 8439) both times. A data key seals one value once, so its nonce may be anything; the store's key
//! seals one data key for each time that a secret is written, far below the 2^32 at which random nonces of 96 bits
//! become a question.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pai_bundle::provider::SecretRef;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::token::RandomError;

/// Bytes of the store's key and of each data key.
pub(super) const KEY_BYTES: usize = 32;
/// Bytes of a key's id, half as many as its hexadecimal characters.
const ID_BYTES: usize = 8;
/// Bytes that sealing adds.
const TAG_BYTES: usize = 16;
/// The only form so far.
const VERSION: u8 = 1;

/// The key of all keys of a store.
pub(super) struct StoreKey {
    bytes: Zeroizing<[u8; KEY_BYTES]>,
    id: String,
}

/// A sealed secret as it lies on the disk: one line of JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Envelope {
    pai_secret: u8,
    store_key: String,
    data_key: Sealed,
    value: Sealed,
}

/// Nonce and ciphertext, in base64.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    nonce: String,
    text: String,
}

/// Why an envelope does not open.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unopened {
    /// It needs the key of this id.
    OtherKey(String),
    /// It is not what was written, or not under this name.
    Altered,
}

impl StoreKey {
    pub(super) fn new(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"pai store key id\0");
        hash.update(bytes.as_slice());
        let id = hex::encode(hash.finalize().get(..ID_BYTES).unwrap_or_default());
        Self { bytes, id }
    }

    pub(super) fn mint() -> Result<Self, RandomError> {
        Ok(Self::new(random_key()?))
    }

    /// Tells this key from others without giving it away.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    /// The file's text for a secret's value.
    pub(super) fn seal(&self, name: &SecretRef, value: &[u8]) -> Result<String, RandomError> {
        let data_key = random_key()?;
        let envelope = Envelope {
            pai_secret: VERSION,
            store_key: self.id.clone(),
            data_key: seal(&self.bytes, &bound(name, "data key"), data_key.as_slice())?,
            value: seal(&data_key, &bound(name, "value"), value)?,
        };
        Ok(envelope.to_text())
    }

    /// The value of a file's text.
    pub(super) fn open(&self, name: &SecretRef, text: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        let envelope: Envelope = serde_json::from_slice(text).map_err(|_| Unopened::Altered)?;
        // The same bytes and no others: what JSON would read in several ways was not written here.
        if envelope.pai_secret != VERSION || envelope.to_text().as_bytes() != text {
            return Err(Unopened::Altered);
        }
        if envelope.store_key != self.id {
            return Err(Unopened::OtherKey(envelope.store_key));
        }
        let data_key = open(&self.bytes, &bound(name, "data key"), &envelope.data_key)?;
        let data_key = <[u8; KEY_BYTES]>::try_from(data_key.as_slice())
            .map_err(|_| Unopened::Altered)
            .map(Zeroizing::new)?;
        open(&data_key, &bound(name, "value"), &envelope.value)
    }
}

impl Envelope {
    fn to_text(&self) -> String {
        // A struct of numbers and strings always has a text; nothing opens an empty one.
        serde_json::to_string(self).map(|text| text + "\n").unwrap_or_default()
    }
}

/// What a ciphertext is good for, so that it cannot be put in the place of another. Names have no NUL.
fn bound(name: &SecretRef, part: &str) -> String {
    format!("pai secret {VERSION}\0{part}\0{}\0{}", name.name, name.key)
}

fn random_key() -> Result<Zeroizing<[u8; KEY_BYTES]>, RandomError> {
    let mut bytes = Zeroizing::new([0_u8; KEY_BYTES]);
    getrandom::fill(bytes.as_mut_slice()).map_err(RandomError)?;
    Ok(bytes)
}

fn cipher(key: &[u8; KEY_BYTES]) -> Option<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, key).ok().map(LessSafeKey::new)
}

fn seal(key: &[u8; KEY_BYTES], bound: &str, value: &[u8]) -> Result<Sealed, RandomError> {
    let mut nonce = [0_u8; NONCE_LEN];
    getrandom::fill(&mut nonce).map_err(RandomError)?;
    // Room for the tag from the start: a buffer that grows leaves a copy behind.
    let mut text = Zeroizing::new(Vec::with_capacity(value.len().saturating_add(TAG_BYTES)));
    text.extend_from_slice(value);
    let sealed = cipher(key).is_some_and(|cipher| {
        let nonce = Nonce::assume_unique_for_key(nonce);
        cipher.seal_in_place_append_tag(nonce, Aad::from(bound.as_bytes()), &mut *text).is_ok()
    });
    // It fails for keys of a wrong length and for values of 256 GiB. What is empty opens nothing.
    let text = if sealed { STANDARD.encode(text.as_slice()) } else { String::new() };
    Ok(Sealed { nonce: STANDARD.encode(nonce), text })
}

fn open(key: &[u8; KEY_BYTES], bound: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, Unopened> {
    let nonce = STANDARD.decode(&sealed.nonce).ok().and_then(|nonce| <[u8; NONCE_LEN]>::try_from(nonce).ok());
    let nonce = nonce.map(Nonce::assume_unique_for_key).ok_or(Unopened::Altered)?;
    let mut text = STANDARD.decode(&sealed.text).map(Zeroizing::new).map_err(|_| Unopened::Altered)?;
    let cipher = cipher(key).ok_or(Unopened::Altered)?;
    let opened = cipher.open_in_place(nonce, Aad::from(bound.as_bytes()), &mut text);
    let length = opened.map_err(|_| Unopened::Altered)?.len();
    text.truncate(length);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(name: &str, key: &str) -> SecretRef {
        SecretRef { name: name.into(), key: key.into() }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_was_sealed_opens_and_is_nowhere_in_the_file(value in proptest::collection::vec(any::<u8>(), 8..300)) {
            let key = StoreKey::mint().expect("a key");
            let text = key.seal(&name("a", "b"), &value).expect("sealed");
            prop_assert!(!text.as_bytes().windows(value.len()).any(|window| window == value));
            let opened = key.open(&name("a", "b"), text.as_bytes()).expect("opened");
            prop_assert_eq!(opened.as_slice(), value.as_slice());
            prop_assert_ne!(key.seal(&name("a", "b"), &value).expect("sealed"), text, "no two are alike");
        }

        #[test]
        fn a_file_that_is_cut_or_longer_is_an_error(value in "[ -~]{1,40}", cut in 0_usize..400, more in "[ \n\r\t{}a]{1,3}") {
            let key = StoreKey::mint().expect("a key");
            let text = key.seal(&name("a", "b"), value.as_bytes()).expect("sealed");
            let cut = cut.min(text.len() - 1);
            prop_assert!(key.open(&name("a", "b"), &text.as_bytes()[..cut]).is_err());
            let (longer, later) = (format!("{text}{more}"), format!("{more}{text}"));
            prop_assert!(key.open(&name("a", "b"), longer.as_bytes()).is_err());
            prop_assert!(key.open(&name("a", "b"), later.as_bytes()).is_err());
        }
    }

    /// Every byte, and every one of its 255 other values.
    #[test]
    fn any_altered_byte_is_an_error() {
        let key = StoreKey::mint().expect("a key");
        let text = key.seal(&name("anthropic-key", "api-key"), b"sk-value").expect("sealed").into_bytes();
        for at in 0..text.len() {
            for flip in 1..=255_u8 {
                let mut altered = text.clone();
                altered[at] ^= flip;
                let opened = key.open(&name("anthropic-key", "api-key"), &altered);
                assert!(opened.is_err(), "byte {at} ^ {flip:02x}");
            }
        }
        assert!(key.open(&name("anthropic-key", "api-key"), &text).is_ok());
    }

    #[test]
    fn a_secret_opens_under_its_own_name_and_key_only() {
        let (key, other) = (StoreKey::mint().expect("one"), StoreKey::mint().expect("two"));
        let text = key.seal(&name("a", "b"), b"value").expect("sealed");
        for (wrong, under) in [("a", "c"), ("c", "b"), ("ab", ""), ("", "ab"), ("b", "a")] {
            assert_eq!(key.open(&name(wrong, under), text.as_bytes()).err(), Some(Unopened::Altered));
        }
        let opened = other.open(&name("a", "b"), text.as_bytes()).err();
        assert_eq!(opened, Some(Unopened::OtherKey(key.id().to_owned())));
        // Parts of two files of one name do not go together either.
        let second = key.seal(&name("a", "b"), b"other").expect("sealed");
        let (mut first, second): (Envelope, Envelope) =
            (serde_json::from_str(&text).expect("json"), serde_json::from_str(&second).expect("json"));
        first.value = second.value;
        assert_eq!(key.open(&name("a", "b"), first.to_text().as_bytes()).err(), Some(Unopened::Altered));
    }
}
