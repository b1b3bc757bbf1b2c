//! An object's members as they were written, each to be taken once: what nobody takes is dropped under its name.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::conversation::{Dropped, Untranslatable};

/// The members that nobody has taken yet. Those that are `null` say nothing and are not there.
pub(crate) struct Members<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Members<'a> {
    /// Of an object; `what` it is, for those who read that it is none.
    pub(crate) fn read(object: &'a str, what: &str) -> Result<Self, Untranslatable> {
        serde_json::from_str::<BTreeMap<String, &'a RawValue>>(object)
            .map(|mut members| {
                members.retain(|_, value| value.get() != "null");
                Self(members)
            })
            .map_err(|_| malformed(what))
    }

    /// Takes one as it was written.
    pub(crate) fn raw(&mut self, name: &str) -> Option<&'a RawValue> {
        self.0.remove(name)
    }

    /// Takes one that is of this type.
    pub(crate) fn take<T: Deserialize<'a>>(&mut self, name: &str) -> Result<Option<T>, Untranslatable> {
        self.raw(name).map(|raw| serde_json::from_str(raw.get()).map_err(|_| malformed(name))).transpose()
    }

    /// Takes one that must be there.
    pub(crate) fn need<T: Deserialize<'a>>(&mut self, name: &str) -> Result<T, Untranslatable> {
        self.take(name)?.ok_or_else(|| Untranslatable::new(format!("a missing `{name}`")))
    }

    /// The names of those that are left.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What is left is left out, and told.
    pub(crate) fn drop_rest(self, dropped: &mut Dropped) {
        for name in self.0.into_keys() {
            dropped.add(name);
        }
    }
}

/// What is not of the form that the API takes.
pub(crate) fn malformed(what: &str) -> Untranslatable {
    Untranslatable::new(format!("a malformed `{what}`"))
}
