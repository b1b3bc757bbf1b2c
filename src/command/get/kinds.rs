//! The table of kinds: how each is called and which columns it has.

use miette::miette;
use pai_bundle::limit::Scope;
use pai_bundle::unit::UnixSeconds;
use pai_compiler::diagnostic::nearest;
use pai_compiler::resources::Resource;
use pai_compiler::schema;
use serde_json::Value;

use super::last_used::LastUsed;
use super::{access_key, age, agent, guard, model_provider};

/// All of them.
const KINDS: [&Kind; 4] = [&model_provider::KIND, &agent::KIND, &access_key::KIND, &guard::KIND];

/// A kind as it is listed.
pub(in crate::command) struct Kind {
    pub(in crate::command) of: schema::Kind,
    /// The name in commands, of several.
    pub(in crate::command) plural: &'static str,
    /// Other names, besides those that the compiler knows.
    pub(in crate::command) also: &'static [&'static str],
    /// Whose account says when one was used; `None` where nothing is counted.
    pub(in crate::command) scope: Option<Scope>,
    /// What stands behind NAME.
    pub(in crate::command) columns: &'static [Column],
}

/// A column.
pub(in crate::command) struct Column {
    pub(in crate::command) head: &'static str,
    /// Whether it is for `-o wide` alone.
    pub(in crate::command) is_wide: bool,
    pub(in crate::command) cell: fn(&Seen<'_>) -> String,
}

impl Column {
    pub(in crate::command) const fn new(head: &'static str, cell: fn(&Seen<'_>) -> String) -> Self {
        Self { head, is_wide: false, cell }
    }

    pub(in crate::command) const fn wide(head: &'static str, cell: fn(&Seen<'_>) -> String) -> Self {
        Self { head, is_wide: true, cell }
    }
}

/// When it was used last.
pub(in crate::command) const LAST_USED: Column = Column::new("LAST USED", |seen| match seen.last_used {
    LastUsed::At(at) => age::between(at, seen.now),
    LastUsed::Never => "—".to_owned(),
    LastUsed::Unknown => "<unknown>".to_owned(),
});

/// How long ago its file was changed.
pub(in crate::command) const AGE: Column = Column::new("AGE", |seen| {
    let changed = age::of_file(&seen.resource.origin.file);
    changed.map_or_else(|| "<unknown>".to_owned(), |at| age::between(at, seen.now))
});

/// Where it was written.
pub(in crate::command) const SOURCE: Column =
    Column::wide("SOURCE", |seen| format!("{}:{}", seen.resource.origin.file, seen.resource.origin.line));

/// A resource and what is known beside it.
pub(in crate::command) struct Seen<'a> {
    pub(in crate::command) resource: &'a Resource,
    pub(in crate::command) last_used: LastUsed,
    pub(in crate::command) now: UnixSeconds,
}

impl Seen<'_> {
    /// A field as text; nothing where it is not set.
    pub(in crate::command) fn text(&self, pointer: &str) -> String {
        match self.resource.manifest.pointer(pointer) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }

    /// The texts of a list.
    pub(in crate::command) fn list(&self, pointer: &str) -> Vec<&str> {
        let list = self.resource.manifest.pointer(pointer).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    }
}

/// The kind that is called so.
pub(in crate::command) fn find(written: &str) -> miette::Result<&'static Kind> {
    let lower = written.to_lowercase();
    let is_it = |kind: &&&Kind| kind.of.is_called(written) || kind.also.contains(&lower.as_str());
    if let Some(kind) = KINDS.iter().find(is_it) {
        return Ok(kind);
    }
    let names = KINDS.iter().map(|kind| kind.plural).chain(["secrets"]);
    let help = nearest::suggest(&lower, names, "the kinds are").unwrap_or_default();
    Err(miette!(help = help, "there is no kind `{written}`"))
}

/// The kind that lists show for a kind of manifest.
pub(in crate::command) fn of(kind: schema::Kind) -> miette::Result<&'static Kind> {
    KINDS.iter().find(|listed| listed.of == kind).copied().ok_or_else(|| miette!("no such kind"))
}
