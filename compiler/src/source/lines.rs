//! From byte offsets to lines and columns.

use pai_bundle::origin::Position;

/// Where each line of a text starts, in bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    pub(crate) fn of(text: &str) -> Self {
        let after_breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    /// Line, and column in characters, both from 1. An offset within a character counts as its start; a byte
    /// order mark has no column.
    pub(crate) fn position(&self, text: &str, offset: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|line| self.starts.get(line)).copied().unwrap_or(0);
        let before = text.get(start..).into_iter().flat_map(str::char_indices);
        let column =
            before.take_while(|(at, _)| start + at < offset).filter(|(_, c)| *c != '\u{feff}').count();
        Position(narrow(line), narrow(column + 1))
    }
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_characters() {
        let text = "a: é\r\nbü: c";
        let lines = Lines::of(text);
        for (needle, position) in [("a", (1, 1)), ("é", (1, 4)), ("b", (2, 1)), ("c", (2, 5))] {
            let Position(line, column) = lines.position(text, text.find(needle).unwrap());
            assert_eq!((line, column), position, "{needle}");
        }
    }
}
