//! Columns for people: without frames, and as wide as they need to be, because whoever pipes them into a file or a pager
//! wants whole names.

use comfy_table::{CellAlignment, ContentArrangement, Table};

/// A table as text, without a line end. Columns from `numbers_from` on stand at their right edge.
pub(crate) fn plain<H: ToString>(
    head: impl IntoIterator<Item = H>,
    rows: impl IntoIterator<Item = Vec<String>>,
    numbers_from: Option<usize>,
) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let head: Vec<String> = head.into_iter().map(|cell| cell.to_string()).collect();
    if !head.is_empty() {
        table.set_header(head);
    }
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for column in table.column_iter_mut().skip(numbers_from.unwrap_or(usize::MAX)) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
