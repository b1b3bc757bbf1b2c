//! A value in the place of another, in the style of the one that was there as far as it can say the new one.

use serde_json::Value;

use super::EditError;
use super::page::{Page, Splice};
use super::render;
use super::step::Around;
use crate::source::tree::{Content, Node, Spelling};

/// The value of a key, an item, or the whole document.
pub(super) fn value(
    page: &Page<'_>,
    node: &Node,
    have: &Value,
    want: &Value,
    around: Around<'_>,
) -> Result<Vec<Splice>, EditError> {
    let is_small = !matches!(want, Value::Array(list) if !list.is_empty())
        && !matches!(want, Value::Object(fields) if !fields.is_empty());
    let is_empty = match &node.content {
        Content::Sequence(items) => items.is_empty(),
        Content::Mapping(entries) => entries.is_empty(),
        Content::Scalar { .. } => false,
    };
    let in_line = is_small || (page.is_flow(node) && !is_empty) || matches!(around, Around::Brackets);
    let (owner_end, column) = match around {
        Around::Document => return Err(page.form(node.span.start)),
        Around::Brackets => {
            let (start, end) = (page.start_of(node), page.end_of(node));
            let text = scalar(page, node, have, want);
            if !node.is_absent() {
                return Ok(vec![Splice::new(start, end, text)]);
            }
            let rest = page.rest(end);
            let spaces = rest.len() - rest.trim_start_matches(' ').len();
            let closes = page.rest(end + spaces).starts_with([',', '}', ']']);
            return Ok(vec![Splice::new(end, if closes { end + spaces } else { end }, format!(" {text}"))]);
        }
        Around::Key { entry, column } => {
            let colon = page.behind_colon(entry.key_span.end);
            if colon == entry.key_span.end {
                return Err(page.form(colon));
            }
            (colon, column + 2)
        }
        Around::Dash(dash) => (dash + 1, page.column(dash) + 2),
    };
    let (start, end) =
        if node.is_absent() { (owner_end, owner_end) } else { (page.start_of(node), page.end_of(node)) };
    if in_line {
        let text = scalar(page, node, have, want);
        return Ok(vec![in_its_line(page, owner_end, start, end, column, &text)]);
    }
    let lines = render::block(want, column);
    if page.line_start(start) != page.line_start(owner_end.saturating_sub(1)) {
        // It stood below its key or dash, and so does the new one.
        let from = if page.begins_line(start) { page.line_start(start) } else { start };
        let from = match around {
            // Dashes of the old list belong to it.
            Around::Key { .. } | Around::Dash(_) if matches!(node.content, Content::Sequence(_)) => {
                page.dash(owner_end, start.max(owner_end)).map_or(from, |dash| page.line_start(dash))
            }
            _ => from,
        };
        return Ok(vec![Splice::new(from.max(page.line_start(owner_end) + 1), end, lines)]);
    }
    if !page.ends_line(end) {
        return Err(page.form(end));
    }
    if let Around::Dash(_) = around
        && page.line_end(end) == end
    {
        return Ok(vec![Splice::new(owner_end, end, format!(" {}", lines.trim_start()))]);
    }
    // What is behind it in its line is a comment, and stays there.
    let cut = Splice::cut(owner_end, end);
    if page.line_end(end) == end {
        return Ok(vec![Splice::new(owner_end, end, format!("\n{lines}"))]);
    }
    Ok(vec![cut, Splice::insert(page.line_end(end), format!("\n{lines}"))])
}

/// A value behind its colon or dash, or below it where comments are between them.
fn in_its_line(
    page: &Page<'_>,
    owner_end: usize,
    start: usize,
    end: usize,
    column: usize,
    text: &str,
) -> Splice {
    let first = page.dash(owner_end, start).unwrap_or(start);
    let gap = page.between(owner_end, first);
    if gap.contains('\n') && !gap.trim().is_empty() {
        let from = page.line_start(first);
        return Splice::new(from, end, format!("{}{text}", " ".repeat(column)));
    }
    // The spaces that were there are somebody's layout.
    let spaces = if gap.is_empty() || gap.contains('\n') { " " } else { gap };
    Splice::new(owner_end, end, format!("{spaces}{text}"))
}

/// The value on one line, quoted and grouped as the old one was.
fn scalar(page: &Page<'_>, node: &Node, have: &Value, want: &Value) -> String {
    let written = page.rest(page.start_of(node));
    match (&node.content, want) {
        (Content::Scalar { spelling: Spelling::Underscores, .. }, Value::Number(number))
            if have.is_number() =>
        {
            grouped(&number.to_string())
        }
        (Content::Scalar { value: Value::String(_), .. }, Value::String(text))
            if written.starts_with('\'') && !text.contains(char::is_control) =>
        {
            format!("'{}'", text.replace('\'', "''"))
        }
        (Content::Scalar { value: Value::String(_), .. }, Value::String(text))
            if written.starts_with('"') =>
        {
            render::quoted(text)
        }
        _ => render::flow(want),
    }
}

/// Digits in groups of three.
fn grouped(digits: &str) -> String {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return digits.to_owned();
    }
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}
