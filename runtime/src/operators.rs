//! Who may ask the admin listener: whoever shows the token in the state folder, or one that was made for a person.

mod tokens;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use subtle::ConstantTimeEq;

pub use self::tokens::{AdminToken, AdminTokens, AdminTokensError};
use crate::source::Stamp;
use crate::token::{Pepper, RandomError, StoredDigest, Token, TokenKind};

/// Whoever has shown a token, as the log names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operator(pub(crate) String);

/// Why somebody is not let in. Unknown and mistyped tokens get one answer, after the same work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    /// No token, or several.
    NoToken,
    /// A text that is no token, or one that nobody has.
    Unknown,
    /// A credential for callers. Its form says so, before anything is looked up.
    ForCallers(TokenKind),
}

/// The tokens that open the admin listener.
#[derive(Debug)]
pub(crate) struct Operators {
    /// Made for this run, and written to where its owner can read it.
    local: Token,
    path: PathBuf,
    people: Mutex<People>,
}

/// The file of people's tokens as it was read last.
#[derive(Debug)]
struct People {
    stamp: Stamp,
    tokens: AdminTokens,
}

impl Operators {
    /// With a new token of this run's own, and those in the state folder.
    pub(crate) fn new(state: &Path) -> Result<Self, RandomError> {
        let path = AdminTokens::path(state);
        let people = People { stamp: Stamp::of_file(&path), tokens: read(&path) };
        Ok(Self { local: Token::mint(TokenKind::Admin)?, path, people: Mutex::new(people) })
    }

    /// The token of this run.
    pub(crate) fn local(&self) -> &Token {
        &self.local
    }

    /// Who asks. The file is looked at each time, so that a token that is taken away opens nothing from then on.
    pub(crate) fn admit(&self, headers: &HeaderMap, pepper: &Pepper) -> Result<Operator, Denied> {
        let text = bearer(headers)?;
        match TokenKind::of(text) {
            Some(TokenKind::Admin) => {}
            Some(kind) => return Err(Denied::ForCallers(kind)),
            None => return Err(Denied::Unknown),
        }
        let token = Token::parse(text).ok_or(Denied::Unknown)?;
        let is_local: bool = token.reveal().as_bytes().ct_eq(self.local.reveal().as_bytes()).into();
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = Stamp::of_file(&self.path);
        if people.stamp != stamp {
            *people = People { stamp, tokens: read(&self.path) };
        }
        let held = people.tokens.find(token.id());
        let nobody = StoredDigest::nobody();
        let is_known = pepper.matches(&token, held.map_or(&nobody, |held| &held.digest));
        match held {
            _ if is_local => Ok(Operator("the local token".to_owned())),
            Some(held) if is_known => Ok(Operator(held.name.clone())),
            _ => Err(Denied::Unknown),
        }
    }
}

/// A file that cannot be used lets nobody in but the owner of the state folder.
fn read(path: &Path) -> AdminTokens {
    AdminTokens::read(path).unwrap_or_else(|cause| {
        tracing::error!(event = "admin_tokens.unreadable", %cause, "none of them is accepted");
        AdminTokens::default()
    })
}

fn bearer(headers: &HeaderMap) -> Result<&str, Denied> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(Denied::NoToken) };
    let (scheme, rest) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(Denied::Unknown)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(rest.trim()) } else { Err(Denied::Unknown) }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn shown(text: &str) -> HeaderMap {
        let value = HeaderValue::from_str(text).expect("a value");
        HeaderMap::from_iter([(AUTHORIZATION, value)])
    }

    #[test]
    fn a_token_of_another_kind_is_told_by_its_form_and_everything_else_by_nothing() {
        let state = tempfile::tempdir().expect("a folder");
        let operators = Operators::new(state.path()).expect("operators");
        let pepper = Pepper::mint().expect("a pepper");
        let admit = |text: &str| operators.admit(&shown(text), &pepper);
        let local = operators.local().reveal().to_owned();
        assert_eq!(admit(&format!("Bearer {local}")), Ok(Operator("the local token".to_owned())));
        for kind in [TokenKind::AccessKey, TokenKind::Agent] {
            let token = Token::mint(kind).expect("a token");
            assert_eq!(admit(&format!("Bearer {}", token.reveal())), Err(Denied::ForCallers(kind)));
        }
        let other = Token::mint(TokenKind::Admin).expect("a token");
        let mistyped = local.replace("pai_tok_", "pai_tok_x");
        for text in [other.reveal(), &mistyped, "pai_tok_", "", "nonsense"] {
            assert_eq!(admit(&format!("Bearer {text}")), Err(Denied::Unknown), "{text}");
        }
        assert_eq!(admit(&format!("Basic {local}")), Err(Denied::Unknown));
        assert_eq!(admit(&local), Err(Denied::Unknown));
        assert_eq!(operators.admit(&HeaderMap::new(), &pepper), Err(Denied::NoToken));
        let mut twice = shown(&format!("Bearer {local}"));
        twice.append(AUTHORIZATION, HeaderValue::from_static("Bearer x"));
        assert_eq!(operators.admit(&twice, &pepper), Err(Denied::NoToken));
    }

    #[test]
    fn a_token_opens_from_the_moment_it_is_made_to_the_moment_it_is_taken_away() {
        let state = tempfile::tempdir().expect("a folder");
        let operators = Operators::new(state.path()).expect("operators");
        let pepper = Pepper::mint().expect("a pepper");
        let token = AdminTokens::create(state.path(), "alice", &pepper, pai_bundle::unit::UnixSeconds(0))
            .expect("made");
        let headers = shown(&format!("Bearer {}", token.reveal()));
        assert_eq!(operators.admit(&headers, &pepper), Ok(Operator("alice".to_owned())));
        let other = Pepper::mint().expect("a pepper");
        assert_eq!(operators.admit(&headers, &other), Err(Denied::Unknown), "the digest is keyed");
        AdminTokens::revoke(state.path(), "alice").expect("taken away");
        assert_eq!(operators.admit(&headers, &pepper), Err(Denied::Unknown));
    }

    #[test]
    fn a_file_that_others_can_read_lets_nobody_in() {
        use std::os::unix::fs::PermissionsExt;
        let state = tempfile::tempdir().expect("a folder");
        let operators = Operators::new(state.path()).expect("operators");
        let pepper = Pepper::mint().expect("a pepper");
        let token = AdminTokens::create(state.path(), "alice", &pepper, pai_bundle::unit::UnixSeconds(0))
            .expect("made");
        let path = AdminTokens::path(state.path());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("chmod");
        let headers = shown(&format!("Bearer {}", token.reveal()));
        assert_eq!(operators.admit(&headers, &pepper), Err(Denied::Unknown));
    }
}
