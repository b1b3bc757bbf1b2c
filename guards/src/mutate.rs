//! Disguises that attackers put on known texts, to measure what is left of a guard's recall. The same text always gives the
//! same disguise.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A disguise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mutation {
    /// An invisible character after every second letter.
    ZeroWidth,
    /// Cyrillic and Greek letters that look like Latin ones.
    Homoglyph,
    /// Letters of the block of full-width forms.
    FullWidth,
    /// The whole text in base64, after a harmless sentence.
    Base64,
    /// The whole text turned by thirteen places.
    Rot13,
    /// The whole text percent-encoded.
    Percent,
    /// Digits and signs for letters.
    Leetspeak,
    /// Letters set apart by spaces, words by two.
    Spaced,
    /// Capital and small letters in turn.
    Capitals,
    /// The text spelt in Unicode's tag block, behind a harmless sentence.
    Tags,
    /// Three turns, parted between words.
    SplitTurns,
}

impl Mutation {
    /// Every one.
    pub const ALL: [Mutation; 11] = [
        Mutation::ZeroWidth,
        Mutation::Homoglyph,
        Mutation::FullWidth,
        Mutation::Base64,
        Mutation::Rot13,
        Mutation::Percent,
        Mutation::Leetspeak,
        Mutation::Spaced,
        Mutation::Capitals,
        Mutation::Tags,
        Mutation::SplitTurns,
    ];

    /// As it is called in reports.
    pub fn name(self) -> &'static str {
        match self {
            Mutation::ZeroWidth => "zero-width",
            Mutation::Homoglyph => "homoglyph",
            Mutation::FullWidth => "full-width",
            Mutation::Base64 => "base64",
            Mutation::Rot13 => "rot13",
            Mutation::Percent => "percent",
            Mutation::Leetspeak => "leetspeak",
            Mutation::Spaced => "spaced",
            Mutation::Capitals => "capitals",
            Mutation::Tags => "tags",
            Mutation::SplitTurns => "split-turns",
        }
    }

    /// The text in disguise: one turn, or several where the disguise is in the parting.
    pub fn apply(self, text: &str) -> Vec<String> {
        let letters = |change: &dyn Fn(usize, char) -> char| {
            vec![text.chars().enumerate().map(|(at, c)| change(at, c)).collect::<String>()]
        };
        match self {
            Mutation::ZeroWidth => {
                let mut out = String::with_capacity(text.len() * 2);
                for (at, c) in text.chars().enumerate() {
                    out.push(c);
                    if c.is_alphabetic() && at % 2 == 0 {
                        out.push('\u{200b}');
                    }
                }
                vec![out]
            }
            Mutation::Homoglyph => letters(&|_, c| alike(c)),
            Mutation::FullWidth => {
                letters(&|_, c| if c.is_ascii_alphanumeric() { shifted(c, 0xfee0) } else { c })
            }
            Mutation::Base64 => {
                vec![format!("Here is the note from yesterday: {}", STANDARD.encode(text))]
            }
            Mutation::Rot13 => letters(&|_, c| turned(c)),
            Mutation::Percent => {
                vec![text.bytes().flat_map(|byte| ['%', hex(byte >> 4), hex(byte & 15)]).collect()]
            }
            Mutation::Leetspeak => letters(&|_, c| sign(c)),
            Mutation::Spaced => {
                let words = text
                    .split_whitespace()
                    .map(|word| word.chars().map(String::from).collect::<Vec<_>>().join(" "));
                vec![words.collect::<Vec<_>>().join("  ")]
            }
            Mutation::Capitals => {
                letters(&|at, c| if at % 2 == 0 { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
            }
            Mutation::Tags => {
                let hidden = text.chars().filter(char::is_ascii).map(|c| shifted(c, 0xe_0000));
                vec![format!("Thank you for your help.{}", hidden.collect::<String>())]
            }
            Mutation::SplitTurns => {
                let words: Vec<&str> = text.split(' ').collect();
                words.chunks(words.len().div_ceil(3).max(1)).map(|turn| turn.join(" ")).collect()
            }
        }
    }
}

fn hex(digit: u8) -> char {
    char::from_digit(u32::from(digit), 16).unwrap_or('0').to_ascii_uppercase()
}

fn shifted(c: char, by: u32) -> char {
    char::from_u32(u32::from(c) + by).unwrap_or(c)
}

fn alike(c: char) -> char {
    match c {
        'a' => '\u{430}',
        'c' => '\u{441}',
        'e' => '\u{435}',
        'i' => '\u{456}',
        'j' => '\u{458}',
        'o' => '\u{3bf}',
        'p' => '\u{440}',
        's' => '\u{455}',
        'x' => '\u{445}',
        'y' => '\u{443}',
        'A' => '\u{391}',
        'B' => '\u{412}',
        'E' => '\u{395}',
        'H' => '\u{41d}',
        'I' => '\u{406}',
        'M' => '\u{39c}',
        'O' => '\u{41e}',
        'T' => '\u{422}',
        'X' => '\u{3a7}',
        other => other,
    }
}

fn turned(c: char) -> char {
    let turn = |base: u8, c: char| {
        let place = (u32::from(c) - u32::from(base) + 13) % 26;
        char::from_u32(u32::from(base) + place).unwrap_or(c)
    };
    match c {
        'a'..='z' => turn(b'a', c),
        'A'..='Z' => turn(b'A', c),
        other => other,
    }
}

fn sign(c: char) -> char {
    match c.to_ascii_lowercase() {
        'a' => '4',
        'e' => '3',
        'i' => '1',
        'o' => '0',
        's' => '5',
        't' => '7',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_disguise_is_what_it_says() {
        for (mutation, disguised) in [
            (Mutation::ZeroWidth, &["A\u{200b} t\u{200b}es\u{200b}t no\u{200b}w"][..]),
            (Mutation::Homoglyph, &["\u{391} t\u{435}\u{455}t n\u{3bf}w"]),
            (Mutation::FullWidth, &["\u{ff21} \u{ff54}\u{ff45}\u{ff53}\u{ff54} \u{ff4e}\u{ff4f}\u{ff57}"]),
            (Mutation::Base64, &["Here is the note from yesterday: QSB0ZXN0IG5vdw=="]),
            (Mutation::Rot13, &["N grfg abj"]),
            (Mutation::Percent, &["%41%20%74%65%73%74%20%6E%6F%77"]),
            (Mutation::Leetspeak, &["4 7357 n0w"]),
            (Mutation::Spaced, &["A  t e s t  n o w"]),
            (Mutation::Capitals, &["A TeSt nOw"]),
            (Mutation::SplitTurns, &["A", "test", "now"]),
        ] {
            assert_eq!(mutation.apply("A test now"), disguised, "{}", mutation.name());
        }
        assert!(Mutation::Tags.apply("A")[0].ends_with('\u{e0041}'));
    }
}
