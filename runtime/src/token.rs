//! The form of credentials: `pak_` for access keys, `pai_agt_` for agents, `pai_tok_` for administrators.
//!
//! `PREFIX` + 12 characters of public id + `_` + 43 characters of secret (256 bits) + 6 characters of CRC-32. The
//! checksum lets scanners find leaked tokens with few false hits, and lets us turn guesses away without a look-up
//! (<https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/>). Only a keyed digest of a
//! token is ever stored; a 256-bit random secret needs no slow hash.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Characters of the public id: 71 bits.
pub(crate) const ID_CHARS: usize = 12;
/// Characters of the secret: 62^43 is just above 2^256.
const SECRET_CHARS: usize = 43;
/// Characters of the checksum: 62^6 is above 2^32.
const CHECK_CHARS: usize = 6;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Who a credential is for, told by how it begins and before any look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// An access key, for external use.
    AccessKey,
    /// An agent's token.
    Agent,
    /// An administrator's token.
    Admin,
}

impl TokenKind {
    const ALL: [Self; 3] = [Self::AccessKey, Self::Agent, Self::Admin];

    /// What a token of this kind begins with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::AccessKey => "pak_",
            Self::Agent => "pai_agt_",
            Self::Admin => "pai_tok_",
        }
    }

    /// The kind that a text claims to be.
    pub fn of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| text.starts_with(kind.prefix()))
    }
}

/// A token whose form is right. Whether anybody knows it is another question.
#[derive(Clone)]
pub struct Token {
    kind: TokenKind,
    id: String,
    text: SecretString,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}_…", self.kind.prefix(), self.id)
    }
}

/// Random bytes could not be had from the operating system.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes: {0}")]
pub struct RandomError(pub(crate) getrandom::Error);

impl Token {
    /// Reads a token; `None` where form or checksum is wrong.
    pub fn parse(text: &str) -> Option<Self> {
        let kind = TokenKind::of(text)?;
        let rest = text.strip_prefix(kind.prefix())?;
        let (id, tail) = rest.split_once('_')?;
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if id.len() != ID_CHARS || tail.len() != SECRET_CHARS + CHECK_CHARS || !plain(id) || !plain(tail) {
            return None;
        }
        let (body, check) = text.split_at(text.len() - CHECK_CHARS);
        (checksum(body) == check).then(|| Self {
            kind,
            id: id.to_owned(),
            text: SecretString::from(text.to_owned()),
        })
    }

    /// Makes a new token from the operating system's randomness.
    pub fn mint(kind: TokenKind) -> Result<Self, RandomError> {
        let id = random(ID_CHARS)?;
        let secret = random(SECRET_CHARS)?;
        let mut text = format!("{}{}_{}", kind.prefix(), id.as_str(), secret.as_str());
        let check = checksum(&text);
        text.push_str(&check);
        Ok(Self { kind, id: id.to_string(), text: SecretString::from(text) })
    }

    /// A token of somebody else's id, with another secret: what a guesser would try.
    #[cfg(test)]
    pub(crate) fn guess(kind: TokenKind, id: &str) -> Result<Self, RandomError> {
        let mut text = format!("{}{id}_{}", kind.prefix(), random(SECRET_CHARS)?.as_str());
        let check = checksum(&text);
        text.push_str(&check);
        Ok(Self { kind, id: id.to_owned(), text: SecretString::from(text) })
    }

    /// Who it is for.
    pub fn kind(&self) -> TokenKind {
        self.kind
    }

    /// The part that may be shown and looked up.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The whole token, to be shown once to whom it is for.
    pub fn reveal(&self) -> &str {
        self.text.expose_secret()
    }
}

/// Uniform base-62 characters.
pub(crate) fn random(chars: usize) -> Result<Zeroizing<String>, RandomError> {
    let mut text = Zeroizing::new(String::with_capacity(chars));
    let mut byte = [0_u8; 1];
    while text.len() < chars {
        getrandom::fill(&mut byte).map_err(RandomError)?;
        // Rejection keeps it uniform: 248 is the largest multiple of 62 in a byte.
        if let Some(character) = BASE62.get(usize::from(byte[0] % 62)).filter(|_| byte[0] < 248) {
            text.push(char::from(*character));
        }
    }
    Ok(text)
}

fn checksum(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = [b'0'; CHECK_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62.get((rest % 62) as usize).copied().unwrap_or(b'0');
        rest /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

/// The key of every digest: without it, a stolen bundle does not even confirm a token that was guessed.
#[derive(Clone)]
pub struct Pepper {
    key: SecretString,
    id: String,
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pepper({})", self.id)
    }
}

/// Hexadecimal characters that name a pepper in a digest.
const PEPPER_ID_CHARS: usize = 8;
/// What every digest begins with.
const ALGORITHM: &str = "hmac-sha256";

impl Pepper {
    /// A pepper from its text, at least 32 random characters.
    pub fn new(key: SecretString) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"pai pepper id\0");
        hash.update(key.expose_secret().as_bytes());
        let mut id = hex::encode(hash.finalize());
        id.truncate(PEPPER_ID_CHARS);
        Self { key, id }
    }

    /// Makes one from the operating system's randomness.
    pub fn mint() -> Result<Self, RandomError> {
        Ok(Self::new(SecretString::from(random(SECRET_CHARS)?.to_string())))
    }

    /// Tells this pepper from others without giving it away.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The text, to be written to where secrets are kept.
    pub fn reveal(&self) -> &str {
        self.key.expose_secret()
    }

    /// The digest to store for a token, as manifests write it.
    pub fn digest(&self, token: &Token) -> String {
        format!("{ALGORITHM}:{}:{}", self.id, hex::encode(self.raw(token)))
    }

    /// Whether a stored digest is this token's. Takes the same time whatever it finds.
    pub fn matches(&self, token: &Token, stored: &StoredDigest) -> bool {
        self.raw(token).ct_eq(&stored.bytes).into()
    }

    fn raw(&self, token: &Token) -> [u8; 32] {
        match Hmac::<Sha256>::new_from_slice(self.key.expose_secret().as_bytes()) {
            Ok(mut mac) => {
                mac.update(token.reveal().as_bytes());
                mac.finalize().into_bytes().into()
            }
            // HMAC takes a key of any length; a digest of nothing matches no stored one.
            Err(_) => [0; 32],
        }
    }
}

/// A digest read from a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDigest {
    /// The pepper it was made with.
    pub pepper: String,
    bytes: [u8; 32],
}

impl StoredDigest {
    /// Reads `hmac-sha256:PEPPER:HEX`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let (algorithm, pepper, digest) = (parts.next()?, parts.next()?, parts.next()?);
        if algorithm != ALGORITHM || pepper.len() != PEPPER_ID_CHARS || parts.next().is_some() {
            return None;
        }
        let bytes = hex::decode(digest).ok()?.try_into().ok()?;
        Some(Self { pepper: pepper.to_owned(), bytes })
    }

    /// What an unknown id is compared against, so that it costs what a known one costs.
    pub fn nobody() -> Self {
        Self { pepper: String::new(), bytes: [0xff; 32] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minted_token_is_read_back() {
        for kind in TokenKind::ALL {
            let token = Token::mint(kind).expect("a token");
            let again = Token::parse(token.reveal()).expect("its form is right");
            assert_eq!((again.kind(), again.id()), (kind, token.id()));
        }
    }

    #[test]
    fn every_single_typo_is_found_without_a_look_up() {
        let token = Token::mint(TokenKind::AccessKey).expect("a token");
        let text = token.reveal();
        for at in 0..text.len() {
            let mut typo = text.as_bytes().to_vec();
            typo[at] = if typo[at] == b'x' { b'y' } else { b'x' };
            let typo = String::from_utf8(typo).expect("ascii");
            assert!(Token::parse(&typo).is_none(), "position {at}");
        }
    }

    #[test]
    fn a_digest_matches_its_token_and_pepper_only() {
        let (pepper, other) = (Pepper::mint().expect("one"), Pepper::mint().expect("two"));
        let token = Token::mint(TokenKind::Agent).expect("a token");
        let stored = StoredDigest::parse(&pepper.digest(&token)).expect("a digest");
        assert_eq!(stored.pepper, pepper.id());
        assert!(pepper.matches(&token, &stored));
        assert!(!other.matches(&token, &stored));
        assert!(!pepper.matches(&Token::mint(TokenKind::Agent).expect("another"), &stored));
        assert!(!pepper.matches(&token, &StoredDigest::nobody()));
    }

    #[test]
    fn a_token_never_prints_its_secret() {
        let token = Token::mint(TokenKind::AccessKey).expect("a token");
        let shown = format!("{token:?}");
        assert!(shown.contains(token.id()) && shown.len() < 24, "{shown}");
    }
}
