//! Entries and items on lines of their own: one more, or one less.

use serde_json::Value;

use super::EditError;
use super::page::{Page, Splice};
use super::render;
use crate::source::tree::{Entry, Node};

/// A new entry below the one at `at`.
pub(super) fn insert_entry(
    page: &Page<'_>,
    entries: &[Entry],
    at: usize,
    key: &str,
    value: &Value,
) -> Result<Vec<Splice>, EditError> {
    let (Some(first), Some(above)) = (entries.first(), entries.get(at)) else { return Err(page.form(0)) };
    is_plain(page, above)?;
    let column = page.column(first.key_span.start);
    is_indented(page, first.key_span.start)?;
    let (line, open) = page.below(page.end_of(&above.value), column);
    Ok(vec![Splice::insert(line, format!("{open}{}\n", render::entry(key, value, column)))])
}

/// Without the entry at `at`; there is another one.
pub(super) fn remove_entry(page: &Page<'_>, entries: &[Entry], at: usize) -> Result<Vec<Splice>, EditError> {
    let Some(entry) = entries.get(at) else { return Err(page.form(0)) };
    is_plain(page, entry)?;
    let (start, end) = (entry.key_span.start, page.end_of(&entry.value));
    let next = entries.get(at + 1).map(|next| next.key_span.start);
    remove(page, start, end, next)
}

/// A new item before the one at `before`, or behind the last.
pub(super) fn insert_item(
    page: &Page<'_>,
    items: &[Node],
    before: usize,
    value: &Value,
    from: usize,
) -> Result<Vec<Splice>, EditError> {
    let first = dash_of(page, items, 0, from).ok_or_else(|| page.form(from))?;
    let column = page.column(first);
    is_indented(page, first)?;
    let item = render::item(value, column);
    let Some(above) = before.checked_sub(1).and_then(|above| items.get(above)) else {
        return if page.begins_line(first) {
            Ok(vec![Splice::insert(page.line_start(first), format!("{item}\n"))])
        } else {
            // Behind other dashes on one line.
            Ok(vec![Splice::insert(first, format!("{}\n{}", item.trim_start(), " ".repeat(column)))])
        };
    };
    let (line, open) = page.below(page.end_of(above), column);
    Ok(vec![Splice::insert(line, format!("{open}{item}\n"))])
}

/// Without the item at `at`; there is another one.
pub(super) fn remove_item(
    page: &Page<'_>,
    items: &[Node],
    at: usize,
    from: usize,
) -> Result<Vec<Splice>, EditError> {
    let dash = |at| dash_of(page, items, at, from);
    let (Some(start), Some(item)) = (dash(at), items.get(at)) else { return Err(page.form(from)) };
    let end = page.end_of(item).max(start + 1);
    let next = if at + 1 < items.len() { dash(at + 1) } else { None };
    remove(page, start, end, next)
}

/// The dash of an item. `from` is a byte before which nothing of the list stands.
pub(super) fn dash_of(page: &Page<'_>, items: &[Node], at: usize, from: usize) -> Option<usize> {
    let item = items.get(at)?;
    let from = match at.checked_sub(1).and_then(|above| items.get(above)) {
        Some(above) if above.is_absent() => above.span.end,
        Some(above) => page.end_of(above),
        None => from,
    };
    page.dash(from, page.start_of(item).max(from))
}

fn remove(page: &Page<'_>, start: usize, end: usize, next: Option<usize>) -> Result<Vec<Splice>, EditError> {
    if !page.ends_line(end) {
        return Err(page.form(end));
    }
    if page.begins_line(start) {
        return Ok(vec![Splice::cut(page.line_start(start), page.next_line(end))]);
    }
    // It stands behind a dash, which the next one gets.
    let next = next.ok_or_else(|| page.form(start))?;
    is_indented(page, start)?;
    if page.between(end, next).trim().is_empty() {
        return Ok(vec![Splice::cut(start, next)]);
    }
    let line = page.between(page.line_start(start), start);
    let spaces = line.len() - line.trim_end_matches(' ').len();
    Ok(vec![Splice::cut(start - spaces, page.line_end(end))])
}

/// Whether a key and its colon stand as they usually do.
fn is_plain(page: &Page<'_>, entry: &Entry) -> Result<(), EditError> {
    if page.behind_colon(entry.key_span.end) == entry.key_span.end {
        return Err(page.form(entry.key_span.start));
    }
    Ok(())
}

/// Whether only spaces and dashes stand before it in its line, so that its column can be reached with spaces.
fn is_indented(page: &Page<'_>, at: usize) -> Result<(), EditError> {
    let before = page.between(page.line_start(at), at);
    if before.bytes().all(|byte| matches!(byte, b' ' | b'-')) { Ok(()) } else { Err(page.form(at)) }
}
