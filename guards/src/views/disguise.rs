//! Readings of texts in disguise: signs for letters, letters set apart, letters turned by thirteen, letters that nobody
//! sees.

use crate::normalize::Plain;

/// What `1` may stand for in this text.
pub(crate) fn ones(plain: &Plain) -> &'static [u8] {
    if plain.text.contains(&b'1') { b"il" } else { b"i" }
}

/// Signs as letters, in words that have letters too.
pub(crate) fn letters_for_signs(plain: &Plain, one: u8) -> Plain {
    let mut text = Vec::with_capacity(plain.text.len());
    for (number, word) in plain.text.split(|byte| *byte == b' ').enumerate() {
        if number > 0 {
            text.push(b' ');
        }
        let mixed = word.iter().any(u8::is_ascii_alphabetic);
        text.extend(word.iter().map(|byte| match byte {
            b'0' if mixed => b'o',
            b'1' if mixed => one,
            b'3' if mixed => b'e',
            b'4' | b'@' if mixed => b'a',
            b'5' | b'$' if mixed => b's',
            b'7' if mixed => b't',
            b'8' if mixed => b'b',
            b'9' if mixed => b'g',
            byte => *byte,
        }));
    }
    Plain { text, lines: plain.lines.clone(), ..Plain::default() }
}

/// Letters turned by thirteen places.
pub(crate) fn rot13(plain: &Plain) -> Plain {
    let text = plain
        .text
        .iter()
        .map(|byte| match byte {
            b'a'..=b'm' => byte + 13,
            b'n'..=b'z' => byte - 13,
            byte => *byte,
        })
        .collect();
    Plain { text, lines: plain.lines.clone(), ..Plain::default() }
}

/// What the characters of the tag block spell.
pub(crate) fn tagged(text: &str) -> String {
    text.chars()
        .filter_map(|c| u32::from(c).checked_sub(0xe_0000).filter(|code| (0x20..0x7f).contains(code)))
        .filter_map(char::from_u32)
        .collect()
}

/// Letters that stand alone joined to words; wider spaces and line ends part the words.
pub(crate) fn joined(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    for line in text.lines() {
        let mut alone = false;
        // Two spaces in a row leave an empty word between them.
        for word in line.split([' ', '\t']) {
            let single = word.chars().count() == 1;
            if !(alone && single) {
                joined.push(' ');
            }
            joined.push_str(word);
            alone = single;
        }
        joined.push('\n');
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalize::{Invisible, normalize};

    #[test]
    fn signs_are_letters_in_words_only() {
        let plain = normalize("1gn0r3 4ll 100 rul35", Invisible::Dropped);
        assert_eq!(letters_for_signs(&plain, b'i').text, b"ignore all 100 rules");
        assert_eq!(ones(&plain), b"il");
    }

    #[test]
    fn letters_set_apart_are_joined() {
        assert_eq!(joined("so: i g n o r e  t h i s now").trim(), "so: ignore  this now");
    }

    #[test]
    fn thirteen_and_thirteen_is_the_text() {
        let plain = normalize("any text, twice", Invisible::Dropped);
        assert_eq!(rot13(&rot13(&plain)).text, plain.text);
    }

    #[test]
    fn tags_spell_ascii() {
        assert_eq!(tagged("x\u{e0049}\u{e0020}\u{e0061}\u{e007f}"), "I a");
    }
}
