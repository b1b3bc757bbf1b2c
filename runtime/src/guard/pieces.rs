//! A text in pieces that a classifier can read at once, none left out.

/// How much a classifier reads at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// Of one piece, at most; eight or more.
    pub(crate) bytes: usize,
    /// Of one piece, at most, by [`Tokens`]; `None` where bytes alone count. Eighteen or more.
    pub(crate) tokens: Option<usize>,
    /// That two neighbours share; less than half of a piece where pieces are short.
    pub(crate) overlap_bytes: usize,
}

/// The pieces. Two neighbours share as much as the window says, or up to three bytes more, so that whatever is no longer
/// than that lies whole in one of them. Where a piece is shorter than twice as much, they share half of it or up to four
/// bytes less.
pub(crate) fn pieces(text: &str, window: Window) -> impl Iterator<Item = &str> {
    let mut next = Some(0_usize);
    std::iter::from_fn(move || {
        let begin = next?;
        let rest = text.get(begin..)?;
        let length = window.length(rest);
        next = (length < rest.len()).then(|| {
            // INVARIANT: a piece has a character at least, and less than half of one is shared, less the three bytes that
            // its border may move back: so each piece begins behind the one before it.
            let shared = window.overlap_bytes.min((length / 2).saturating_sub(4));
            begin + boundary(rest, length - shared)
        });
        rest.get(..length)
    })
}

impl Window {
    /// How many bytes of it are the first piece.
    fn length(self, text: &str) -> usize {
        let most = boundary(text, self.bytes);
        let Some(tokens) = self.tokens else { return most };
        let mut counted = Tokens::default();
        let beyond = text[..most].char_indices().find(|(_, letter)| {
            counted.add(*letter);
            counted.count > tokens
        });
        beyond.map_or(most, |(at, _)| at)
    }
}

/// The last place at or before `at` where a character begins or the text ends.
pub(crate) fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// How many tokens a text may be for Prompt Guard, which has the `SentencePiece` vocabulary of `mDeBERTa`: some 250,000 pieces
/// of words in a hundred languages. Words that people write have two letters to a token or more, digits and signs are
/// mostly one each. The worst is assumed of the rest: that a character without a piece of its own is spelt in bytes, and
/// that one which stands for others is taken apart to them first (NFKC). Letters without sense can be more than this.
#[derive(Debug, Default)]
struct Tokens {
    count: usize,
    /// Whether the letter before was the first of two.
    is_half: bool,
}

impl Tokens {
    fn add(&mut self, letter: char) {
        if letter.is_ascii_alphabetic() {
            self.count += usize::from(!self.is_half);
            self.is_half = !self.is_half;
            return;
        }
        self.is_half = false;
        self.count += match letter {
            // Part of the token that follows.
            ' ' | '\t' | '\n' | '\r' => 0,
            // Whole phrases in one character; the longest is taken apart to 18.
            '\u{fdf0}'..='\u{fdff}' => 18,
            // Words and numbers in one, of up to six.
            '\u{3200}'..='\u{33ff}' => 6,
            '\u{bc}'..='\u{be}' => 3,
            _ => letter.len_utf8(),
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOKENS: usize = 480;
    const PROMPT_GUARD: Window = Window { bytes: 1_600, tokens: Some(TOKENS), overlap_bytes: 200 };

    /// From where to where each piece is.
    fn places(text: &str, window: Window) -> Vec<(usize, usize)> {
        let base = text.as_ptr() as usize;
        let place = |part: &str| (part.as_ptr() as usize - base, part.as_ptr() as usize - base + part.len());
        pieces(text, window).map(place).collect()
    }

    fn tokens(text: &str) -> usize {
        let mut tokens = Tokens::default();
        text.chars().for_each(|letter| tokens.add(letter));
        tokens.count
    }

    proptest! {
        /// Whatever is as long as the overlap lies whole in one piece, wherever it stands.
        #[test]
        fn every_window_up_to_the_overlap_lies_in_one_piece(
            text in "[a-z0-9 {\u{e4}\u{20ac}\u{1f600}]{0,1500}",
            bytes in 420_usize..1_700,
            tokens in prop::option::of(450_usize..600),
            overlap_bytes in 100_usize..=200,
        ) {
            let parts = places(&text, Window { bytes, tokens, overlap_bytes });
            prop_assert!(parts.iter().all(|(begin, end)| end - begin <= bytes));
            if let Some(most) = tokens {
                prop_assert!(parts.iter().all(|(begin, end)| self::tokens(&text[*begin..*end]) <= most));
            }
            prop_assert_eq!(parts.first().map(|part| part.0), Some(0));
            prop_assert_eq!(parts.last().map(|part| part.1), Some(text.len()));
            for window in [1, 100, overlap_bytes] {
                for begin in 0..=text.len().saturating_sub(window) {
                    let end = (begin + window).min(text.len());
                    prop_assert!(
                        parts.iter().any(|part| part.0 <= begin && end <= part.1),
                        "{begin}..{end} of {} is in none of {parts:?}", text.len()
                    );
                }
            }
        }

        /// Nothing is left out and nothing goes on for ever, however little a classifier reads.
        #[test]
        fn the_smallest_windows_read_all_of_it(
            text in "[a {\u{e4}\u{fdfa}\u{1f600}]{0,300}",
            bytes in 8_usize..64,
            tokens in prop::option::of(18_usize..64),
            overlap_bytes in 0_usize..=200,
        ) {
            let parts = places(&text, Window { bytes, tokens, overlap_bytes });
            prop_assert_eq!(parts.first().map(|part| part.0), Some(0));
            prop_assert_eq!(parts.last().map(|part| part.1), Some(text.len()));
            for pair in parts.windows(2) {
                prop_assert!(pair[0].0 < pair[1].0 && pair[1].0 <= pair[0].1, "{parts:?}");
            }
        }
    }

    #[test]
    fn a_short_text_is_one_piece() {
        for text in ["", "a", "\u{1f600}"] {
            assert_eq!(pieces(text, PROMPT_GUARD).collect::<Vec<_>>(), [text]);
        }
    }

    #[test]
    fn what_has_more_tokens_is_cut_earlier() {
        let table =
            [("word ", 1_200), ("7", TOKENS), ("{\"", TOKENS), ("\u{e4}", TOKENS), ("\u{1f600}", TOKENS)];
        for (repeated, bytes) in table {
            let text = repeated.repeat(2_000);
            let first = pieces(&text, PROMPT_GUARD).next().map(str::len);
            assert_eq!(first, Some(bytes), "{repeated}");
        }
        // A phrase in one character.
        assert_eq!(pieces(&"\u{fdfa}".repeat(100), PROMPT_GUARD).next().map(str::len), Some(26 * 3));
        // White space alone is nothing to a model, and bytes end it.
        assert_eq!(pieces(&" ".repeat(2_000), PROMPT_GUARD).next().map(str::len), Some(1_600));
    }

    #[test]
    fn letters_count_half_and_everything_else_whole() {
        let table = [
            ("", 0),
            ("a", 1),
            ("ab", 1),
            ("abc", 2),
            ("a b c", 3),
            ("ab cd\n\tef", 3),
            ("ab1cd", 3),
            ("2026-01-02", 10),
            ("gr\u{fc}n", 4),
            ("\u{65e5}\u{672c}", 6),
            ("\u{1f600}", 4),
            ("\u{bd}", 3),
        ];
        for (text, count) in table {
            assert_eq!(tokens(text), count, "{text:?}");
        }
    }
}
