//! Entries and items in brackets: one more, or one less.

use serde_json::Value;

use super::EditError;
use super::page::{Page, Splice};
use super::render;
use crate::source::tree::{Entry, Node};

/// From where to where each of them stands.
type Extents = Vec<(usize, usize)>;

/// A new entry behind the one at `at`.
pub(super) fn insert_entry(
    page: &Page<'_>,
    entries: &[Entry],
    at: usize,
    key: &str,
    value: &Value,
) -> Result<Vec<Splice>, EditError> {
    let text = format!("{}: {}", render::key(key, true), render::flow(value));
    insert(page, &of_entries(page, entries), at + 1, &text)
}

/// Without the entry at `at`; there is another one.
pub(super) fn remove_entry(page: &Page<'_>, entries: &[Entry], at: usize) -> Result<Vec<Splice>, EditError> {
    remove(page, &of_entries(page, entries), at)
}

/// A new item before the one at `before`, or behind the last.
pub(super) fn insert_item(
    page: &Page<'_>,
    items: &[Node],
    before: usize,
    value: &Value,
) -> Result<Vec<Splice>, EditError> {
    insert(page, &of_items(page, items), before, &render::flow(value))
}

/// Without the item at `at`; there is another one.
pub(super) fn remove_item(page: &Page<'_>, items: &[Node], at: usize) -> Result<Vec<Splice>, EditError> {
    remove(page, &of_items(page, items), at)
}

fn of_entries(page: &Page<'_>, entries: &[Entry]) -> Extents {
    entries.iter().map(|entry| (entry.key_span.start, page.end_of(&entry.value))).collect()
}

fn of_items(page: &Page<'_>, items: &[Node]) -> Extents {
    items.iter().map(|item| (page.start_of(item), page.end_of(item))).collect()
}

fn insert(page: &Page<'_>, extents: &Extents, before: usize, text: &str) -> Result<Vec<Splice>, EditError> {
    let Some(&(start, end)) = before.checked_sub(1).and_then(|above| extents.get(above)) else {
        let (first, _) = extents.first().copied().ok_or_else(|| page.form(0))?;
        return Ok(vec![Splice::insert(first, format!("{text}, "))]);
    };
    let comma = comma(page, end);
    let behind = comma.map_or(end, |comma| comma + 1);
    // Each on a line of its own: so is the new one.
    if page.begins_line(start) && page.ends_line(behind) {
        let indent = " ".repeat(page.column(start));
        let line = Splice::insert(
            page.line_end(behind),
            match comma {
                Some(_) => format!("\n{indent}{text},"),
                None => format!("\n{indent}{text}"),
            },
        );
        return Ok(match comma {
            Some(_) => vec![line],
            None if page.line_end(behind) == end => {
                vec![Splice::insert(end, format!(",\n{indent}{text}"))]
            }
            None => vec![Splice::insert(end, ","), line],
        });
    }
    Ok(vec![Splice::insert(end, format!(", {text}"))])
}

fn remove(page: &Page<'_>, extents: &Extents, at: usize) -> Result<Vec<Splice>, EditError> {
    let (start, end) = extents.get(at).copied().ok_or_else(|| page.form(0))?;
    if let Some(&(next, _)) = extents.get(at + 1) {
        if !page.has_comment(end, next) {
            return Ok(vec![Splice::cut(start, next)]);
        }
        let comma = comma(page, end).ok_or_else(|| page.form(end))?;
        return Ok(vec![Splice::cut(start, end), Splice::cut(comma, comma + 1)]);
    }
    let above = at.checked_sub(1).and_then(|above| extents.get(above)).map(|(_, end)| *end);
    let above = above.ok_or_else(|| page.form(start))?;
    if !page.has_comment(above, start) {
        return Ok(vec![Splice::cut(above, end)]);
    }
    let comma = comma(page, above).ok_or_else(|| page.form(above))?;
    Ok(vec![Splice::cut(comma, comma + 1), Splice::cut(start, end)])
}

/// The comma behind something, if nothing but space is between.
fn comma(page: &Page<'_>, end: usize) -> Option<usize> {
    let rest = page.rest(end);
    let spaces = rest.len() - rest.trim_start().len();
    rest.trim_start().starts_with(',').then_some(end + spaces)
}
