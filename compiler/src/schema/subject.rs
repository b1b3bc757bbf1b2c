//! Which kinds are meant, by any of the names that people use for them.

use std::str::FromStr;

use crate::diagnostic::nearest::{list, nearest};
use crate::manifest::Kind;

/// One kind, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject(pub(super) Option<Kind>);

impl Subject {
    /// Every kind.
    pub const ALL: Self = Self(None);

    /// The kinds that are meant.
    pub(super) fn kinds(self) -> Vec<Kind> {
        self.0.map_or_else(|| Kind::ALL.to_vec(), |kind| vec![kind])
    }
}

/// There is no such kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no kind `{written}`{}the kinds are {}, and `all` for all of them", self.hint(), self.kinds())]
pub struct UnknownKind {
    written: String,
}

impl UnknownKind {
    fn hint(&self) -> String {
        let words = Kind::ALL.map(Kind::slug).into_iter().chain(["all"]);
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

    /// `ModelProvider`, `model-provider`, `model-providers`, `modelproviders`, `mp`, in any case; or `all`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let written = text.to_lowercase();
        if written == "all" {
            return Ok(Self::ALL);
        }
        let found = Kind::ALL.into_iter().find(|kind| {
            let names = super::crd::names(*kind);
            let spoken = [names.plural, names.singular].into_iter().chain(names.short);
            spoken.into_iter().any(|name| name == written)
        });
        found.map(|kind| Self(Some(kind))).ok_or_else(|| UnknownKind { written: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_several_names() {
        for name in ["ModelProvider", "model-provider", "model-providers", "modelproviders", "mp"] {
            assert_eq!(name.parse(), Ok(Subject(Some(Kind::ModelProvider))), "{name}");
        }
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(Subject(Some(kind))));
            assert_eq!(kind.slug().parse(), Ok(Subject(Some(kind))));
        }
        assert_eq!("all".parse(), Ok(Subject::ALL));
    }

    #[test]
    fn an_unknown_kind_is_answered_with_the_known_ones() {
        let error = "agnt".parse::<Subject>().unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no kind `agnt`, did you mean `agent`? the kinds are `model-provider`, `agent`, `access-key`, \
             `guard-binding`, and `all` for all of them"
        );
    }
}
