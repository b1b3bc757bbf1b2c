//! Who holds which credential, looked up by public id in the same steps whether anybody has it or not.

use pai_bundle::name::QualifiedName;
use pai_bundle::unit::UnixSeconds;
use pai_policies::Principal;

use crate::token::{ID_CHARS, StoredDigest, TokenKind};

/// Who holds a credential.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Holder {
    /// An agent.
    Agent(QualifiedName),
    /// A person, a laptop, a CI job.
    AccessKey(QualifiedName),
}

impl Holder {
    /// As the authorizer names it.
    pub fn as_principal(&self) -> Principal<'_> {
        match self {
            Self::Agent(name) => Principal::Agent(name),
            Self::AccessKey(name) => Principal::AccessKey(name),
        }
    }

    /// Namespace and name.
    pub fn name(&self) -> &QualifiedName {
        match self {
            Self::Agent(name) | Self::AccessKey(name) => name,
        }
    }
}

/// A credential as looked up.
#[derive(Debug)]
pub(crate) struct Held {
    /// Whose it is.
    pub(crate) holder: Holder,
    /// What a presented token must match.
    pub(crate) digest: StoredDigest,
    /// Not good from then on.
    pub(crate) expires: Option<UnixSeconds>,
    /// Which form of token may claim it.
    pub(crate) kind: TokenKind,
}

/// All credentials of a bundle, sorted by id.
#[derive(Debug)]
pub(crate) struct Credentials {
    ids: Vec<u128>,
    held: Vec<Held>,
}

impl Credentials {
    /// From ids and what they stand for, in any order; an id that stands twice is the error. Ids that no token can have are
    /// left out: nobody can show them.
    pub(crate) fn new(all: Vec<(String, Held)>) -> Result<Self, String> {
        let mut numbered: Vec<(u128, String, Held)> = Vec::with_capacity(all.len());
        for (id, held) in all {
            numbered.extend(number(&id).map(|number| (number, id, held)));
        }
        numbered.sort_by_key(|(number, ..)| *number);
        for pair in numbered.windows(2) {
            if let [(one, id, _), (other, ..)] = pair
                && one == other
            {
                return Err(id.clone());
            }
        }
        let (ids, held) = numbered.into_iter().map(|(number, _, held)| (number, held)).unzip();
        Ok(Self { ids, held })
    }

    /// The credential with that id and true; or else some other one to do the same work with, and false. `None` only where
    /// there are none at all.
    ///
    /// A search by halves of numbers takes the same steps for every id, where a hash table ends early for one that is not
    /// there.
    pub(crate) fn look_up(&self, id: &str) -> Option<(&Held, bool)> {
        let wanted = number(id)?;
        let at = self.ids.partition_point(|known| *known < wanted).min(self.ids.len().saturating_sub(1));
        let held = self.held.get(at)?;
        Some((held, self.ids.get(at).is_some_and(|known| *known == wanted)))
    }
}

/// An id's characters as one number; `None` where it is no id.
fn number(id: &str) -> Option<u128> {
    let bytes = id.as_bytes();
    (bytes.len() == ID_CHARS).then(|| bytes.iter().fold(0, |number, byte| (number << 8) | u128::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(name: &str) -> Held {
        let name = format!("default/{name}").parse().expect("a name");
        Held {
            holder: Holder::Agent(name),
            digest: StoredDigest::nobody(),
            expires: None,
            kind: TokenKind::Agent,
        }
    }

    fn id(number: usize) -> String {
        format!("{number:012}")
    }

    #[test]
    fn every_id_leads_to_its_holder_and_no_other_one_to_any() {
        for count in [1, 2, 3, 64, 100] {
            let all = (0..count).rev().map(|at| (id(2 * at + 1), held(&format!("a{at}")))).collect();
            let credentials = Credentials::new(all).expect("credentials");
            for at in 0..count {
                let (found, known) = credentials.look_up(&id(2 * at + 1)).expect("some");
                assert!(known && found.holder.name().name.as_str() == format!("a{at}"));
                assert!(!credentials.look_up(&id(2 * at)).expect("some").1);
            }
            assert!(!credentials.look_up(&id(2 * count)).expect("some").1);
            assert!(credentials.look_up("short").is_none());
        }
        assert!(Credentials::new(Vec::new()).expect("none").look_up(&id(1)).is_none());
    }

    #[test]
    fn an_id_that_stands_twice_is_an_error() {
        let all = vec![(id(1), held("a")), (id(2), held("b")), (id(1), held("c"))];
        assert_eq!(Credentials::new(all).err(), Some(id(1)));
    }
}
