//! Which kinds are meant, by any of the names that people use for them.

use std::str::FromStr;

use crate::diagnostic::nearest::{list, nearest};
use crate::manifest::Kind;

/// What a schema is wanted of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Every kind: one schema that goes by each document's `kind`.
    All,
    /// One kind.
    One(Kind),
    /// Policy tests.
    Cases,
}

/// What policy tests are called where kinds are named.
const CASES: &str = "test";

impl Subject {
    /// Everything that there is a schema of.
    pub(super) fn every() -> impl Iterator<Item = Self> {
        [Self::All].into_iter().chain(Kind::ALL.map(Self::One)).chain([Self::Cases])
    }

    /// The kinds that are meant.
    pub(super) fn kinds(self) -> Vec<Kind> {
        match self {
            Self::All => Kind::ALL.to_vec(),
            Self::One(kind) => vec![kind],
            Self::Cases => Vec::new(),
        }
    }
}

impl Kind {
    /// Whether people may mean it by this: `ModelProvider`, `model-provider`, `model-providers`, `mp`, in any case.
    pub fn is_called(self, written: &str) -> bool {
        let names = super::crd::names(self);
        let spoken = [names.plural, names.singular].into_iter().chain(names.short);
        spoken.into_iter().any(|name| name.eq_ignore_ascii_case(written))
    }
}

/// There is no such kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no kind `{written}`{}the kinds are {}; `all` is all of them, `test` policy tests", self.hint(), self.kinds())]
pub struct UnknownKind {
    written: String,
}

impl UnknownKind {
    fn hint(&self) -> String {
        let words = Kind::ALL.map(Kind::slug).into_iter().chain(["all", CASES]);
        nearest(&self.written, words)
            .map_or_else(|| "; ".to_owned(), |near| format!(", did you mean `{near}`? "))
    }

    #[expect(clippy::unused_self, reason = "reads as part of the message")]
    fn kinds(&self) -> String {
        list(&Kind::ALL.map(Kind::slug))
    }
}

impl FromStr for Subject {
    type Err = UnknownKind;

    /// `ModelProvider`, `model-provider`, `model-providers`, `modelproviders`, `mp`, in any case; `all`; `test`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let written = text.to_lowercase();
        match written.as_str() {
            "all" => return Ok(Self::All),
            CASES => return Ok(Self::Cases),
            _ => {}
        }
        let found = Kind::ALL.into_iter().find(|kind| kind.is_called(&written));
        found.map(Self::One).ok_or_else(|| UnknownKind { written: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_several_names() {
        for name in ["ModelProvider", "model-provider", "model-providers", "modelproviders", "mp"] {
            assert_eq!(name.parse(), Ok(Subject::One(Kind::ModelProvider)), "{name}");
        }
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(Subject::One(kind)));
            assert_eq!(kind.slug().parse(), Ok(Subject::One(kind)));
        }
        assert_eq!("all".parse(), Ok(Subject::All));
    }

    #[test]
    fn an_unknown_kind_is_answered_with_the_known_ones() {
        let error = "agnt".parse::<Subject>().unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no kind `agnt`, did you mean `agent`? the kinds are `model-provider`, `agent`, `access-key`, \
             `guard-binding`; `all` is all of them, `test` policy tests"
        );
    }
}
