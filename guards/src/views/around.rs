//! The parts of a text around places in it: what has a sign of disguise somewhere need not be read whole a second time.

use std::ops::Range;

/// Bytes on each side of a place: more than a phrase has.
const REACH: usize = 256;
/// Bytes that a part is made longer by, not to cut a word.
const WORD: usize = 64;
/// Between two parts; patterns have no such word.
const LEFT_OUT: &str = " _ ";

/// The text around places, which ascend; what is left out parts what is read.
pub(super) fn around(text: &str, places: &[usize]) -> String {
    let mut out = String::new();
    for range in ranges(text, places) {
        if range.start > 0 {
            out.push_str(LEFT_OUT);
        }
        out.push_str(text.get(range).unwrap_or_default());
    }
    out
}

fn ranges(text: &str, places: &[usize]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for place in places {
        match ranges.last_mut() {
            Some(last) if place.saturating_sub(REACH + WORD) <= last.end => last.end = place + REACH,
            _ => ranges.push(place.saturating_sub(REACH)..place + REACH),
        }
    }
    for range in &mut ranges {
        range.start = border((range.start.saturating_sub(WORD)..=range.start).rev(), text);
        range.end = border(range.end..=range.end + WORD, text);
    }
    ranges
}

/// The first place that is at white space or an end of the text; if there is none, the last that cuts no character.
fn border(mut places: impl Iterator<Item = usize>, text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut whole = 0;
    let found = places.find(|place| {
        if text.is_char_boundary(*place) {
            whole = *place;
        }
        *place == 0 || bytes.get(*place).is_none_or(u8::is_ascii_whitespace)
    });
    found.map_or(whole, |place| place.min(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_whole_words_and_do_not_touch() {
        let words = "ab\u{e4}cd ".repeat(300);
        let parts = around(&words, &[3, 900, 1000]);
        let parts: Vec<&str> = parts.split(LEFT_OUT).collect();
        assert_eq!(parts.len(), 2);
        assert!(parts.iter().all(|part| part.split_whitespace().all(|word| word == "ab\u{e4}cd")));
        assert!(parts[0].len() >= REACH && parts[1].len() >= 2 * REACH + 100 && parts[1].len() < 3 * REACH);
        assert_eq!(around(&words, &[3, 500, 1000, 1500, 2000]).trim(), words.trim());
        let one = "\u{e4}".repeat(2000);
        assert!(around(&one, &[2000]).trim_start_matches(LEFT_OUT).len() <= 2 * (REACH + WORD));
        assert_eq!(around("", &[0]), "");
    }
}
