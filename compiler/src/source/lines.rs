//! From byte offsets to lines and columns.

use pai_bundle::origin::Position;

/// Bytes between two counts of characters. A file may be one long line, and every field of it has a place.
const STEP_BYTES: usize = 256;

/// Where each line of a text starts, in bytes, and how many characters there are before every so many bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lines {
    starts: Vec<usize>,
    characters: Vec<usize>,
}

impl Lines {
    pub(crate) fn of(text: &str) -> Self {
        let after_breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let steps = text.as_bytes().chunks(STEP_BYTES).scan(0, |sum, bytes| {
            let before = *sum;
            *sum += characters(bytes);
            Some(before)
        });
        Self { starts: std::iter::once(0).chain(after_breaks).collect(), characters: steps.collect() }
    }

    /// Line, and column in characters, both from 1. An offset within a character counts as behind it; a byte
    /// order mark has no column.
    pub(crate) fn position(&self, text: &str, offset: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|line| self.starts.get(line)).copied().unwrap_or(0);
        let mark = usize::from(start == 0 && offset > 0 && text.starts_with('\u{feff}'));
        let column = self.characters_before(text, offset) - self.characters_before(text, start);
        Position(narrow(line), narrow(column.saturating_sub(mark) + 1))
    }

    fn characters_before(&self, text: &str, offset: usize) -> usize {
        let offset = offset.min(text.len());
        let step = (offset / STEP_BYTES).min(self.characters.len().saturating_sub(1));
        let rest = text.as_bytes().get(step * STEP_BYTES..offset).unwrap_or_default();
        self.characters.get(step).copied().unwrap_or(0) + characters(rest)
    }
}

/// Characters that start in these bytes.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0b1100_0000 != 0b1000_0000).count()
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn positions_agree_with_counting(text in "[aé😀\n]{0,700}", at in 0..700_usize) {
            let offset = text.char_indices().map(|(at, _)| at).nth(at).unwrap_or(text.len());
            let before = &text[..offset];
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            prop_assert_eq!(Lines::of(&text).position(&text, offset), Position(narrow(line), narrow(column)));
        }
    }
}
