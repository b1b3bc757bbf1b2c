//! Signs of disguise in a plain text. Most texts have none, so a first look goes over many bytes at once, by loops that
//! the compiler turns into such instructions; a second one is only for the blocks that need it.

/// Bytes of the first look.
const BLOCK: usize = 64;
/// Bytes more than a block that a first look may need.
const MORE: usize = 4;

/// Where rows of digits and signs begin that stand between two letters, as in `pr3vious`.
pub(super) fn between_letters(text: &[u8]) -> Vec<usize> {
    let mut found = Vec::new();
    for at in blocks(text, sign_after_letter) {
        for sign in at + 1..text.len().min(at + BLOCK + 1) {
            if stands(text[sign]) && letter(text[sign - 1]) {
                let after = text[sign..].iter().find(|byte| !stands(**byte));
                if after.is_some_and(|after| letter(*after)) {
                    found.push(sign);
                }
            }
        }
    }
    found
}

/// The longest row of words of one letter, as in `i g n o r e`; told exactly up to as many as a block has, and as none where
/// there are fewer than four.
pub(super) fn singles_in_a_row(text: &[u8]) -> usize {
    let mut longest = 0;
    for at in blocks(text, pair_of_singles) {
        // A row may begin in the block before and end in the one after.
        let begin = at.saturating_sub(BLOCK / 2);
        let near = &text[begin..text.len().min(at + BLOCK + BLOCK / 2)];
        let words = near.split(|byte| *byte == b' ').skip(usize::from(begin > 0));
        let mut row = 0;
        for word in words {
            row = if matches!(word, [only] if letter(*only)) { row + 1 } else { 0 };
            longest = longest.max(row);
        }
    }
    longest
}

/// The blocks of which a first look says that they need a second.
fn blocks(text: &[u8], looks: fn(&[u8; BLOCK + MORE]) -> bool) -> impl Iterator<Item = usize> {
    (0..text.len()).step_by(BLOCK).filter(move |at| {
        let rest = &text[*at..];
        rest.first_chunk().map_or_else(|| looks(&padded(rest)), looks)
    })
}

fn stands(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'@' | b'$')
}

fn letter(byte: u8) -> bool {
    byte.is_ascii_lowercase()
}

fn sign_after_letter(block: &[u8; BLOCK + MORE]) -> bool {
    let (mut letters, mut signs) = ([0_u8; BLOCK + MORE], [0_u8; BLOCK + MORE]);
    for at in 0..BLOCK + MORE {
        letters[at] = u8::from(letter(block[at]));
        signs[at] = u8::from(stands(block[at]));
    }
    (0..BLOCK).fold(0, |any, at| any | (letters[at] & signs[at + 1])) != 0
}

/// Whether a space, a letter, a space, a letter and a space begin in the block. A row of four such words has that at least
/// once away from the ends of the text.
fn pair_of_singles(block: &[u8; BLOCK + MORE]) -> bool {
    let (mut spaces, mut letters) = ([0_u8; BLOCK + MORE], [0_u8; BLOCK + MORE]);
    for at in 0..BLOCK + MORE {
        spaces[at] = u8::from(block[at] == b' ');
        letters[at] = u8::from(letter(block[at]));
    }
    let mut any = 0;
    for at in 0..BLOCK {
        any |= spaces[at] & letters[at + 1] & spaces[at + 2] & letters[at + 3] & spaces[at + 4];
    }
    any != 0
}

fn padded(rest: &[u8]) -> [u8; BLOCK + MORE] {
    let mut padded = [0; BLOCK + MORE];
    for (to, from) in padded.iter_mut().zip(rest) {
        *to = *from;
    }
    padded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_found_wherever_a_block_ends() {
        for before in 0..2 * BLOCK + 3 {
            let text = format!("{} pr3v1@us 3 a4 x", "x".repeat(before));
            assert_eq!(between_letters(text.as_bytes()), [before + 3, before + 5], "{before}");
            let text = format!("{} s p a c e d out i j", "xy ".repeat(before));
            assert_eq!(singles_in_a_row(text.as_bytes()), 6, "{before}");
        }
        assert_eq!((between_letters(b""), singles_in_a_row(b"a b c d e")), (vec![], 5));
        assert_eq!(singles_in_a_row(&b"x ".repeat(BLOCK)[1..]).min(5), 5);
        assert_eq!(singles_in_a_row(b"not one of them is a row"), 0);
    }
}
