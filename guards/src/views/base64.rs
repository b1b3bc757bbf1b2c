//! Texts in base64 inside a longer text.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Characters from which on a run may be base64: 18 bytes, which three words have.
const SHORTEST: usize = 24;

const FORGIVING: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Gives each run that decodes to readable text. Linear: each run is decoded at most four times, once for each place at
/// which its groups of four may begin, since what stands before it may use the same characters.
pub(crate) fn texts(text: &str, mut visit: impl FnMut(&str)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    // Room that each run uses again.
    let (mut run, mut bytes_of_run) = (Vec::new(), Vec::new());
    while let Some(last) = bytes.get(at + SHORTEST - 1) {
        // No run covers a byte that is none of its own, so the search leaps as long as it meets such bytes.
        if !belongs(*last) {
            at += SHORTEST;
            continue;
        }
        let mut begin = at + SHORTEST - 1;
        while begin > at && belongs(bytes[begin - 1]) {
            begin -= 1;
        }
        let row = bytes[begin..].iter().position(|byte| !belongs(*byte)).unwrap_or(bytes.len() - begin);
        if row < SHORTEST {
            at = begin + row + 1;
            continue;
        }
        run.clear();
        let mut end = begin;
        while let Some(&byte) = bytes.get(end) {
            if belongs(byte) {
                run.push(match byte {
                    b'-' => b'+',
                    b'_' => b'/',
                    byte => byte,
                });
            } else if !(matches!(byte, b'\n' | b'\r') && joins(bytes, end)) {
                break;
            }
            end += 1;
        }
        if let Some(decoded) = decode(&run, &mut bytes_of_run) {
            visit(&decoded);
        }
        at = end.max(at + 1);
    }
}

fn belongs(byte: u8) -> bool {
    BELONGS[usize::from(byte)]
}

const BELONGS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
        byte += 1;
    }
    table
};

/// Mail breaks base64 into lines; the next line goes on if it is long, or the last and short.
fn joins(bytes: &[u8], end: usize) -> bool {
    bytes[end..].iter().skip_while(|byte| matches!(byte, b'\n' | b'\r')).take(4).all(|byte| belongs(*byte))
}

fn decode(run: &[u8], bytes: &mut Vec<u8>) -> Option<String> {
    (0..4).find_map(|skipped| {
        let run = run.get(skipped..)?;
        // A rest of one character is six bits, which are no byte.
        let whole = if run.len() % 4 == 1 { run.len() - 1 } else { run.len() };
        bytes.clear();
        FORGIVING.decode_vec(run.get(..whole)?, bytes).ok()?;
        is_readable(bytes).then(|| String::from_utf8_lossy(bytes).into_owned())
    })
}

/// Text has letters and spaces; what is decoded by chance is neither UTF-8 nor free of control characters, which nearly
/// always shows in its first bytes. A little of that is allowed, since something else may stand before or after the text
/// in the same run.
fn is_readable(bytes: &[u8]) -> bool {
    let (mut all, mut odd, mut letters) = (0, 0, 0);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            all += 1;
            // A text may have the sign that stands for what is none.
            odd += usize::from(c == char::REPLACEMENT_CHARACTER || (c.is_control() && !c.is_whitespace()));
            letters += usize::from(c.is_alphabetic());
        }
        if !chunk.invalid().is_empty() {
            all += 1;
            odd += 1;
        }
        if odd * 10 > bytes.len() {
            return false;
        }
    }
    odd * 10 <= all && letters * 2 >= all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        texts(text, |decoded| found.push(decoded.to_owned()));
        found
    }

    #[test]
    fn a_run_inside_a_text_is_decoded() {
        let secret = "please water the plants on Tuesday evening";
        let encoded = FORGIVING.encode(secret);
        assert_eq!(found(&format!("see {encoded} and go")), [secret]);
        assert_eq!(found(&format!("path/{encoded}")).len(), 1, "begun off its groups of four");
        let (first, rest) = encoded.split_at(28);
        assert_eq!(found(&format!("{first}\n{rest}")), [secret]);
        assert_eq!(found(encoded.trim_end_matches('=')), [secret]);
    }

    #[test]
    fn what_is_no_text_is_left() {
        assert!(found("antidisestablishmentarianism-is-a-long-word").is_empty());
        assert!(found("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08").is_empty());
        assert!(found("").is_empty());
    }

    /// As [`is_readable`], of the text as it would be given.
    fn plainly(bytes: &[u8]) -> bool {
        let text = String::from_utf8_lossy(bytes);
        let is_odd = |c: &char| *c == char::REPLACEMENT_CHARACTER || (c.is_control() && !c.is_whitespace());
        let (all, odd) = (text.chars().count(), text.chars().filter(is_odd).count());
        let letters = text.chars().filter(|c| c.is_alphabetic()).count();
        odd * 10 <= all && letters * 2 >= all
    }

    proptest! {
        #[test]
        fn what_is_readable_is_told_early(
            text in "[a-z \u{e4}\u{5ffd}\u{fffd}]{0,60}",
            odd in proptest::collection::vec((any::<u8>(), any::<prop::sample::Index>()), 0..12),
        ) {
            let mut bytes = text.into_bytes();
            for (byte, at) in odd {
                bytes.insert(at.index(bytes.len() + 1), byte);
            }
            prop_assert_eq!(is_readable(&bytes), plainly(&bytes));
        }
    }
}
