//! Credential to caller: exactly one credential, of the form that the path takes, known, matching, not expired.

#[cfg(test)]
mod guesses;
#[cfg(test)]
mod timing;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use pai_bundle::unit::UnixSeconds;

use crate::credentials::{Held, Holder};
use crate::refusal::Refusal;
use crate::snapshot::Snapshot;
use crate::surface::Audience;
use crate::token::{Pepper, StoredDigest, Token, TokenKind};

/// Headers that clients send a key in: Anthropic's two, Azure's, Google's.
pub(crate) const CREDENTIAL_HEADERS: [&str; 4] = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];

/// Who asks, proven.
///
/// INVARIANT: made only by [`identify`].
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    holder: Holder,
    credential: String,
}

impl Caller {
    /// The principal.
    pub(crate) fn holder(&self) -> &Holder {
        &self.holder
    }

    /// The public id of the credential that was shown.
    pub(crate) fn credential(&self) -> &str {
        &self.credential
    }
}

/// What credentials are looked up in.
pub(crate) trait Register {
    /// The credential with that public id and true; or another one, for the same work, and false.
    fn look_up(&self, id: &str) -> Option<(&Held, bool)>;

    /// The key of token digests.
    fn pepper(&self) -> &Pepper;
}

impl Register for Snapshot {
    fn look_up(&self, id: &str) -> Option<(&Held, bool)> {
        Self::look_up(self, id)
    }

    fn pepper(&self) -> &Pepper {
        Self::pepper(self)
    }
}

/// The caller. What is wrong is told as far as it tells a guesser nothing: unknown, mismatched and mistyped
/// credentials get one answer, after the same work.
pub(crate) fn identify(
    headers: &HeaderMap,
    audience: Audience,
    register: &impl Register,
    now: UnixSeconds,
) -> Result<Caller, Refusal> {
    let wanted = audience.token().ok_or(Refusal::NoCredential)?;
    let text = one_credential(headers)?;
    match TokenKind::of(text) {
        Some(kind) if kind == wanted => {}
        Some(kind) => return Err(Refusal::WrongSurface { given: kind, wanted }),
        None => return Err(Refusal::UnknownCredential),
    }
    let token = Token::parse(text).ok_or(Refusal::UnknownCredential)?;
    let nobody = StoredDigest::nobody();
    let (held, known) =
        register.look_up(token.id()).map_or((None, false), |(held, known)| (Some(held), known));
    let matches = register.pepper().matches(&token, held.map_or(&nobody, |held| &held.digest));
    let held = held.ok_or(Refusal::UnknownCredential)?;
    // Made in any case, so that who is let in is no different work from who is not.
    let caller = Caller { holder: held.holder.clone(), credential: token.id().to_owned() };
    let of_kind = held.kind == wanted;
    if !(known & matches & of_kind) {
        return Err(Refusal::UnknownCredential);
    }
    if held.expires.is_some_and(|end| now >= end) {
        return Err(Refusal::ExpiredCredential { id: caller.credential });
    }
    Ok(caller)
}

/// The one credential of a request. Clients may send the same one twice (`apiKeyHelper` does); two different ones
/// are refused, never "the first wins".
fn one_credential(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut found: Option<&str> = None;
    for name in CREDENTIAL_HEADERS {
        for value in headers.get_all(name) {
            let value = value.to_str().map_err(|_| Refusal::UnknownCredential)?.trim();
            let value = if name == AUTHORIZATION { bearer(value)? } else { value };
            match found {
                None => found = Some(value),
                Some(before) if before == value => {}
                Some(_) => return Err(Refusal::TwoCredentials),
            }
        }
    }
    found.ok_or(Refusal::NoCredential)
}

fn bearer(value: &str) -> Result<&str, Refusal> {
    match value.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => Ok(rest.trim()),
        _ => Err(Refusal::UnknownCredential),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn every_header_style_is_read() {
        for (name, value) in [
            ("authorization", "Bearer pak_x"),
            ("authorization", "bearer  pak_x"),
            ("x-api-key", "pak_x"),
            ("api-key", "pak_x"),
            ("x-goog-api-key", "pak_x"),
        ] {
            let headers = headers(&[(name, value)]);
            assert_eq!(one_credential(&headers).ok(), Some("pak_x"), "{name}: {value}");
        }
    }

    #[test]
    fn two_different_credentials_are_refused_in_every_pair_of_headers() {
        for first in CREDENTIAL_HEADERS {
            for second in CREDENTIAL_HEADERS {
                let headers = headers(&[(first, "Bearer pak_a"), (second, "Bearer pak_b")]);
                assert!(
                    matches!(one_credential(&headers), Err(Refusal::TwoCredentials)),
                    "{first}, {second}"
                );
            }
        }
    }

    #[test]
    fn the_same_credential_twice_is_one() {
        let headers = headers(&[("authorization", "Bearer pak_a"), ("x-api-key", "pak_a")]);
        assert_eq!(one_credential(&headers).ok(), Some("pak_a"));
    }
}
