//! One plain form of a text, in which the many ways of writing a phrase are one: lower case, ASCII where a letter looks
//! like one, single spaces, nothing invisible.

mod fold;

use crate::normalize::fold::{Fold, fold};

/// What is done with an ASCII byte.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Kept, in lower case.
    Keep,
    /// Kept; a letter may hide in it (`0`, `3`, `@`).
    Stand,
    /// White space, and what only sets words apart: brackets, quotes, commas, emphasis.
    Space,
    Newline,
    /// Apostrophes: "don't" and "dont" are one word.
    Drop,
    /// `\n`, `\t`, `\"` and `\u0041` of JSON, as tool results often are.
    Backslash,
    Percent,
}

const CLASSES: [Class; 128] = classes();

/// By byte, whether it is kept and nothing else is to be noticed.
const KEPT: [bool; 256] = kept();

const fn kept() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = matches!(CLASSES[byte], Class::Keep);
        byte += 1;
    }
    table
}

const fn classes() -> [Class; 128] {
    let mut table = [Class::Keep; 128];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = Class::Space;
        byte += 1;
    }
    table[0x7f] = Class::Drop;
    let mut at = 0;
    let spaces = b" *`\"(),";
    while at < spaces.len() {
        table[spaces[at] as usize] = Class::Space;
        at += 1;
    }
    let stands = b"0123456789@$";
    at = 0;
    while at < stands.len() {
        table[stands[at] as usize] = Class::Stand;
        at += 1;
    }
    table[b'\n' as usize] = Class::Newline;
    table[b'\r' as usize] = Class::Newline;
    table[b'\'' as usize] = Class::Drop;
    table[b'\\' as usize] = Class::Backslash;
    table[b'%' as usize] = Class::Percent;
    table
}

/// What to make of characters that cannot be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Invisible {
    /// They stood inside words.
    Dropped,
    /// They stood between words.
    Spaces,
}

/// A text in plain form, and what was noticed on the way.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plain {
    /// Lower case, single spaces, none at the ends. Valid UTF-8.
    pub(crate) text: Vec<u8>,
    /// Where lines begin in `text`, ascending.
    pub(crate) lines: Vec<usize>,
    /// Invisible characters.
    pub(crate) invisible: usize,
    /// Characters of Unicode's tag block, which spell ASCII that nobody sees.
    pub(crate) tags: usize,
    /// Digits and signs between two letters, as in `pr3vious`.
    pub(crate) stands: usize,
    /// `%` before two hexadecimal digits.
    pub(crate) percents: usize,
    /// The longest row of words of one letter, as in `i g n o r e`.
    pub(crate) singles: usize,
}

/// One pass over the text; ASCII goes by table.
pub(crate) fn normalize(text: &str, invisible: Invisible) -> Plain {
    let mut writer = Writer::new(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte < 0x80 {
            at += match CLASSES[usize::from(byte)] {
                // By far the most of a text are runs of letters.
                Class::Keep => {
                    let rest = &bytes[at..];
                    let run = rest.iter().position(|byte| !KEPT[usize::from(*byte)]).unwrap_or(rest.len());
                    writer.word(&rest[..run]);
                    run
                }
                Class::Backslash => writer.escape(&bytes[at..]),
                Class::Percent => {
                    let hex =
                        bytes.get(at + 1..at + 3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
                    writer.plain.percents += usize::from(hex);
                    writer.keep(byte);
                    1
                }
                class => {
                    writer.ascii(byte, class);
                    1
                }
            };
        } else {
            let Some(c) = text[at..].chars().next() else { break };
            writer.folded(c, invisible);
            at += c.len_utf8();
        }
    }
    writer.finish()
}

/// Text that is ASCII and lower case once folded, for words inside patterns. Characters that the plain form has not,
/// because they become spaces or nothing, are left out.
pub(crate) fn folded(c: char) -> String {
    let mut writer = Writer::new(4);
    writer.folded(c, Invisible::Dropped);
    String::from_utf8(writer.plain.text).unwrap_or_default()
}

struct Writer {
    plain: Plain,
    /// A space is due before the next character.
    space: bool,
    line: bool,
    /// Where the current word began.
    word: usize,
    singles: usize,
    /// The last byte was a digit or sign that followed a letter.
    stand: bool,
}

impl Writer {
    fn new(bytes: usize) -> Writer {
        let plain = Plain { text: Vec::with_capacity(bytes + 4), ..Plain::default() };
        Writer { plain, space: false, line: true, word: 0, singles: 0, stand: false }
    }

    #[inline]
    fn ascii(&mut self, byte: u8, class: Class) {
        match class {
            Class::Keep | Class::Percent | Class::Backslash => self.word(&[byte]),
            Class::Stand => {
                let after_letter =
                    !self.space && !self.line && self.plain.text.last().is_some_and(u8::is_ascii_alphabetic);
                self.stand |= after_letter;
                self.keep(byte);
            }
            Class::Space => self.space = true,
            Class::Newline => {
                self.space = true;
                self.line = true;
            }
            Class::Drop => {}
        }
    }

    /// Bytes of class [`Class::Keep`], at least one.
    #[inline]
    fn word(&mut self, run: &[u8]) {
        if self.space || self.line {
            self.begin_word();
        }
        if self.stand {
            self.plain.stands += usize::from(run.first().is_some_and(u8::is_ascii_alphabetic));
            self.stand = false;
        }
        self.plain.text.extend(run.iter().map(u8::to_ascii_lowercase));
    }

    #[inline]
    fn keep(&mut self, byte: u8) {
        if self.space || self.line {
            self.begin_word();
        }
        self.plain.text.push(byte);
    }

    fn begin_word(&mut self) {
        let text = &mut self.plain.text;
        let single = text.len() == self.word + 1 && text.last().is_some_and(u8::is_ascii_alphabetic);
        self.singles = if single { self.singles + 1 } else { 0 };
        self.plain.singles = self.plain.singles.max(self.singles);
        if !text.is_empty() {
            text.push(b' ');
        }
        self.word = text.len();
        if self.line {
            self.plain.lines.push(text.len());
        }
        self.space = false;
        self.line = false;
        self.stand = false;
    }

    fn folded(&mut self, c: char, invisible: Invisible) {
        match fold(c) {
            Fold::Ascii(bytes) => {
                for byte in bytes.into_iter().filter(|byte| *byte != 0) {
                    self.ascii(byte, CLASSES[usize::from(byte & 0x7f)]);
                }
            }
            Fold::Char(c) => {
                self.stand = false;
                if self.space || self.line {
                    self.begin_word();
                }
                self.plain.text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            Fold::Mark => {}
            Fold::Invisible => {
                self.plain.invisible += 1;
                self.space |= invisible == Invisible::Spaces;
            }
            Fold::Tag => {
                self.plain.tags += 1;
                self.plain.invisible += 1;
            }
        }
    }

    /// Bytes of the text that were used up.
    fn escape(&mut self, rest: &[u8]) -> usize {
        match rest.get(1) {
            Some(b'n' | b'r') => self.ascii(b'\n', Class::Newline),
            Some(b't' | b'"') => self.ascii(b' ', Class::Space),
            Some(b'u') => {
                let code = rest
                    .get(2..6)
                    .and_then(|hex| std::str::from_utf8(hex).ok())
                    .and_then(|hex| u32::from_str_radix(hex, 16).ok());
                match code.and_then(char::from_u32) {
                    Some(c) if c.is_ascii() => {
                        let byte = u8::try_from(c).unwrap_or(b' ');
                        self.ascii(byte, CLASSES[usize::from(byte & 0x7f)]);
                    }
                    Some(c) => self.folded(c, Invisible::Dropped),
                    None => {
                        self.space = true;
                        return 1;
                    }
                }
                return 6;
            }
            _ => {
                self.space = true;
                return 1;
            }
        }
        2
    }

    fn finish(mut self) -> Plain {
        // The last word may be the last of a row of single letters.
        let single = self.plain.text.len() == self.word + 1;
        self.plain.singles = self.plain.singles.max(self.singles + usize::from(single));
        self.plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        String::from_utf8(normalize(text, Invisible::Dropped).text).expect("UTF-8")
    }

    #[test]
    fn the_ways_of_writing_a_phrase_are_one() {
        for (written, meant) in [
            ("Ignore  ALL\tprevious\ninstructions", "ignore all previous instructions"),
            ("ig\u{200b}nore\u{feff} this", "ignore this"),
            ("\u{0456}gn\u{043e}re", "ignore"),
            ("\u{0406}GN\u{039f}RE", "ignore"),
            ("\u{ff29}\u{ff27}\u{ff2e}\u{ff2f}\u{ff32}\u{ff25}", "ignore"),
            ("\u{1d422}\u{1d420}\u{1d427}\u{1d428}\u{1d42b}\u{1d41e}", "ignore"),
            ("i\u{0336}g\u{0336}nor\u{00e9}", "ignore"),
            ("**ignore** `this` (now), \u{201c}please\u{201d}", "ignore this now please"),
            ("don\u{2019}t, don't", "dont dont"),
            (r#"{"a":"x\nIgnore\u0020this\t\u0456t"}"#, "{ a : x ignore this it }"),
            ("\u{5ffd}\u{7565}", "\u{5ffd}\u{7565}"),
            ("a \u{2014} b", "a - b"),
        ] {
            assert_eq!(plain(written), meant);
        }
    }

    #[test]
    fn what_hides_is_counted() {
        let text = "a\u{200b}b \u{e0041}\u{e0042} pr3v10us %20 s p a c e d";
        let plain = normalize(text, Invisible::Spaces);
        assert_eq!(plain.text, b"a b pr3v10us %20 s p a c e d");
        assert_eq!(
            (plain.invisible, plain.tags, plain.stands, plain.percents, plain.singles),
            (3, 2, 2, 1, 6)
        );
    }

    #[test]
    fn lines_are_remembered_where_they_begin() {
        assert_eq!(normalize("one\n\n  two three\n", Invisible::Dropped).lines, [0, 4]);
    }
}
