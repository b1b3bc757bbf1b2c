//! The next small change that brings a document nearer to the value that it shall have.

use serde_json::{Map, Value};

use super::page::{Page, Splice};
use super::{EditError, block, flow, replace};
use crate::source::tree::{Content, Entry, Node};

/// By what items of a list are told apart, whatever else they say.
const IDENTITIES: [&str; 3] = ["id", "name", "binding"];

/// What a value belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Around<'a> {
    /// Nothing: it is the document.
    Document,
    /// A key of a mapping, which begins in this column.
    Key { entry: &'a Entry, column: usize },
    /// A dash in a list, at this byte.
    Dash(usize),
    /// Brackets.
    Brackets,
}

/// The splices of the next step; `None` where the value is as it shall be.
pub(super) fn next(page: &Page<'_>, have: &Value, want: &Value) -> Result<Option<Vec<Splice>>, EditError> {
    if have == want {
        return Ok(None);
    }
    of_value(page, &page.document.root, have, want, Around::Document, 0).map(Some)
}

/// `from` is a byte before which nothing of the value stands.
fn of_value(
    page: &Page<'_>,
    node: &Node,
    have: &Value,
    want: &Value,
    around: Around<'_>,
    from: usize,
) -> Result<Vec<Splice>, EditError> {
    match (&node.content, have, want) {
        (Content::Mapping(entries), Value::Object(have), Value::Object(want))
            if !entries.is_empty() && !want.is_empty() =>
        {
            of_mapping(page, node, entries, have, want)
        }
        (Content::Sequence(items), Value::Array(have), Value::Array(want))
            if !items.is_empty() && !want.is_empty() =>
        {
            of_list(page, node, items, have, want, from)
        }
        _ => replace::value(page, node, have, want, around),
    }
}

fn of_mapping(
    page: &Page<'_>,
    node: &Node,
    entries: &[Entry],
    have: &Map<String, Value>,
    want: &Map<String, Value>,
) -> Result<Vec<Splice>, EditError> {
    let is_flow = page.is_flow(node);
    let column = entries.first().map_or(0, |first| page.column(first.key_span.start));
    // New ones first: a mapping never becomes empty on the way.
    if let Some((key, value)) = want.iter().find(|(key, _)| !have.contains_key(*key)) {
        let earlier: Vec<&String> = want.keys().take_while(|other| *other != key).collect();
        let before = earlier.into_iter().rev().find_map(|key| entries.iter().position(|e| e.key == *key));
        let at = before.unwrap_or(entries.len().saturating_sub(1));
        return if is_flow {
            flow::insert_entry(page, entries, at, key, value)
        } else {
            block::insert_entry(page, entries, at, key, value)
        };
    }
    for (at, entry) in entries.iter().enumerate() {
        let (Some(old), new) = (have.get(&entry.key), want.get(&entry.key)) else { continue };
        match new {
            None if is_flow => return flow::remove_entry(page, entries, at),
            None => return block::remove_entry(page, entries, at),
            Some(new) if new != old => {
                let around = if is_flow { Around::Brackets } else { Around::Key { entry, column } };
                return of_value(page, &entry.value, old, new, around, entry.key_span.end);
            }
            Some(_) => {}
        }
    }
    Err(page.form(node.span.start))
}

/// What becomes of a list at the first place where it differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// This item of the new list goes before this one of the old list.
    Insert {
        new: usize,
        before: usize,
    },
    Remove(usize),
    Alter {
        old: usize,
        new: usize,
    },
}

fn of_list(
    page: &Page<'_>,
    node: &Node,
    items: &[Node],
    have: &[Value],
    want: &[Value],
    from: usize,
) -> Result<Vec<Splice>, EditError> {
    let is_flow = page.is_flow(node);
    let odd = || page.form(node.span.start);
    match turn(have, want).ok_or_else(odd)? {
        Turn::Insert { new, before } => {
            let value = want.get(new).ok_or_else(odd)?;
            if is_flow {
                flow::insert_item(page, items, before, value)
            } else {
                block::insert_item(page, items, before, value, from)
            }
        }
        Turn::Remove(at) if is_flow => flow::remove_item(page, items, at),
        Turn::Remove(at) => block::remove_item(page, items, at, from),
        Turn::Alter { old, new } => {
            let item = items.get(old).ok_or_else(odd)?;
            let (had, wanted) = (have.get(old).ok_or_else(odd)?, want.get(new).ok_or_else(odd)?);
            let (around, from) = if is_flow {
                (Around::Brackets, item.span.start)
            } else {
                let dash = block::dash_of(page, items, old, from).ok_or_else(odd)?;
                (Around::Dash(dash), dash + 1)
            };
            of_value(page, item, had, wanted, around, from)
        }
    }
}

fn turn(have: &[Value], want: &[Value]) -> Option<Turn> {
    let same = have.iter().zip(want).take_while(|(old, new)| old == new).count();
    let (old, new) = (have.get(same..)?, want.get(same..)?);
    let last = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let old = old.get(..old.len() - last)?;
    let new = new.get(..new.len() - last)?;
    Some(match (old.first(), new.first()) {
        (None, None) => return None,
        (None, Some(_)) => Turn::Insert { new: same, before: same },
        (Some(_), None) => Turn::Remove(same),
        (Some(first), Some(wanted)) if is_same(first, wanted) => Turn::Alter { old: same, new: same },
        (Some(first), Some(wanted)) => {
            if old.iter().any(|other| is_same(other, wanted)) {
                Turn::Remove(same)
            } else if new.iter().any(|other| is_same(first, other)) {
                Turn::Insert { new: same, before: same }
            } else if identity(first).is_some() && identity(wanted).is_some() {
                // Another thing, not the same one changed.
                if want.len() >= have.len() {
                    Turn::Insert { new: same, before: same }
                } else {
                    Turn::Remove(same)
                }
            } else {
                Turn::Alter { old: same, new: same }
            }
        }
    })
}

fn is_same(one: &Value, other: &Value) -> bool {
    one == other || identity(one).is_some_and(|identity_of| Some(identity_of) == identity(other))
}

fn identity(value: &Value) -> Option<(&'static str, &str)> {
    let fields = value.as_object()?;
    IDENTITIES.into_iter().find_map(|key| Some((key, fields.get(key)?.as_str()?)))
}
