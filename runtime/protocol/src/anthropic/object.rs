//! One JSON object, member by member, each as it was written: what is not taken is known by name.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::conversation::{Dropped, Untranslatable};

/// What is left of an object.
pub(super) struct Object<'a> {
    /// What it is, for the caller.
    what: &'static str,
    members: BTreeMap<String, &'a RawValue>,
}

/// Something that is not what the API takes.
pub(super) fn malformed(what: &str) -> Untranslatable {
    Untranslatable::new(format!("a malformed `{what}`"))
}

/// A list's elements.
pub(super) fn list<'a>(what: &str, list: &'a RawValue) -> Result<Vec<&'a RawValue>, Untranslatable> {
    serde_json::from_str(list.get()).map_err(|_| malformed(what))
}

impl<'a> Object<'a> {
    /// Reads one.
    pub(super) fn read(what: &'static str, text: &'a [u8]) -> Result<Self, Untranslatable> {
        let members = serde_json::from_slice(text).map_err(|_| malformed(what))?;
        Ok(Self { what, members })
    }

    /// Reads one within another.
    pub(super) fn within(what: &'static str, text: &'a RawValue) -> Result<Self, Untranslatable> {
        Self::read(what, text.get().as_bytes())
    }

    /// A member as it was written; `null` says nothing.
    pub(super) fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        self.members.remove(name).filter(|value| value.get() != "null")
    }

    /// A member that may be there.
    pub(super) fn optional<T: Deserialize<'a>>(&mut self, name: &str) -> Result<Option<T>, Untranslatable> {
        let Some(value) = self.take(name) else { return Ok(None) };
        serde_json::from_str(value.get()).map(Some).map_err(|_| malformed(name))
    }

    /// A member that must be there.
    pub(super) fn required<T: Deserialize<'a>>(&mut self, name: &str) -> Result<T, Untranslatable> {
        self.optional(name)?.ok_or_else(|| malformed(self.what))
    }

    /// Lists what nobody took.
    pub(super) fn drop_rest(self, prefix: &str, dropped: &mut Dropped) {
        for (name, value) in self.members {
            if value.get() != "null" {
                dropped.add(format!("{prefix}{name}"));
            }
        }
    }
}
