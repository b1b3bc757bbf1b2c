//! Takes objects of a request apart, so that no member of them is lost unseen.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::conversation::{Dropped, Untranslatable};

/// An object's members, taken out one by one: what is left over is what nobody here knows.
pub(super) struct Members<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Members<'a> {
    /// Those of the object that `text` is; `name` is what the caller calls it.
    pub(super) fn read(text: &'a str, name: &str) -> Result<Self, Untranslatable> {
        // Serde would read nothing but an object as a map.
        serde_json::from_str(text).map(Self).map_err(|_| malformed(name))
    }

    /// One of them, and `null` as if it were not there.
    pub(super) fn take<T: Deserialize<'a>>(&mut self, name: &str) -> Result<Option<T>, Untranslatable> {
        match self.0.remove(name) {
            Some(raw) => serde_json::from_str(raw.get()).map_err(|_| malformed(name)),
            None => Ok(None),
        }
    }

    /// One that must be there.
    pub(super) fn need<T: Deserialize<'a>>(&mut self, name: &str) -> Result<T, Untranslatable> {
        self.take(name)?.ok_or_else(|| malformed(name))
    }

    /// Takes out what says nothing that matters here: names and states that the provider gave.
    pub(super) fn pass_over(&mut self, names: &[&str]) {
        for name in names {
            self.0.remove(*name);
        }
    }

    /// Lists what is left over.
    pub(super) fn drop_rest(self, dropped: &mut Dropped) {
        for (name, value) in self.0 {
            if value.get() != "null" {
                dropped.add(name);
            }
        }
    }
}

/// Something that the API would not take either.
pub(super) fn malformed(name: &str) -> Untranslatable {
    Untranslatable::new(format!("a request whose `{name}` is missing or malformed"))
}
