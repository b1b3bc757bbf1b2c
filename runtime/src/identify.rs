//! Credential to caller: exactly one credential, of the form that the path takes, known, matching, not expired.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use pai_bundle::unit::UnixSeconds;

use crate::refusal::Refusal;
use crate::snapshot::{Holder, Snapshot};
use crate::surface::Audience;
use crate::token::{StoredDigest, Token, TokenKind};

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

/// The caller. What is wrong is told as far as it tells a guesser nothing: unknown, mismatched and mistyped
/// credentials get one answer, after the same work.
pub(crate) fn identify(
    headers: &HeaderMap,
    audience: Audience,
    snapshot: &Snapshot,
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
    let held = snapshot.credential(token.id()).filter(|held| held.kind == wanted);
    let nobody = StoredDigest::nobody();
    let matches = snapshot.pepper().matches(&token, held.map_or(&nobody, |held| &held.digest));
    match held {
        Some(held) if matches => {
            if held.expires.is_some_and(|end| now >= end) {
                return Err(Refusal::ExpiredCredential { id: token.id().to_owned() });
            }
            Ok(Caller { holder: held.holder.clone(), credential: token.id().to_owned() })
        }
        _ => Err(Refusal::UnknownCredential),
    }
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
