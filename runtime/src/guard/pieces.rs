//! A text in pieces that a classifier can read at once, none left out.

/// The pieces, of at most `bytes` each. Two neighbours share `overlap` bytes or up to three more, so that whatever is no
/// longer than that lies whole in one of them. INVARIANT: `bytes` is more than `overlap` by two characters, eight bytes, so
/// that each piece begins behind the one before it; the two calls have constants.
pub(crate) fn pieces(text: &str, bytes: usize, overlap: usize) -> impl Iterator<Item = &str> {
    debug_assert!(bytes >= overlap + 8, "{bytes} {overlap}");
    let mut next = Some(0_usize);
    std::iter::from_fn(move || {
        let begin = next?;
        let end = boundary(text, begin.saturating_add(bytes));
        next = (end < text.len()).then(|| boundary(text, end.saturating_sub(overlap)));
        text.get(begin..end)
    })
}

/// The last place at or before `at` where a character begins or the text ends.
pub(crate) fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever is as long as the overlap lies whole in one piece, wherever it stands.
        #[test]
        fn every_window_up_to_the_overlap_lies_in_one_piece(
            text in "[a-z\u{e4}\u{20ac}\u{1f600}]{0,1500}",
            bytes in 208_usize..1_700,
            overlap in 100_usize..=200,
        ) {
            let base = text.as_ptr() as usize;
            let parts: Vec<(usize, usize)> = pieces(&text, bytes, overlap)
                .map(|part| (part.as_ptr() as usize - base, part.len()))
                .map(|(begin, length)| (begin, begin + length))
                .collect();
            prop_assert!(parts.iter().all(|(begin, end)| end - begin <= bytes));
            prop_assert_eq!(parts.first().map(|part| part.0), Some(0));
            prop_assert_eq!(parts.last().map(|part| part.1), Some(text.len()));
            for window in [1, 100, overlap] {
                for begin in 0..=text.len().saturating_sub(window) {
                    let end = (begin + window).min(text.len());
                    prop_assert!(
                        parts.iter().any(|part| part.0 <= begin && end <= part.1),
                        "{begin}..{end} of {} is in none of {parts:?}", text.len()
                    );
                }
            }
        }
    }

    #[test]
    fn a_short_text_is_one_piece() {
        for text in ["", "a", "\u{1f600}"] {
            assert_eq!(pieces(text, 1_600, 200).collect::<Vec<_>>(), [text]);
        }
    }
}
