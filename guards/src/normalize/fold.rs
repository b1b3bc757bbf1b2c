//! What a character beyond ASCII stands for: the letter it looks like, itself, or nothing that is seen.

use std::sync::atomic::{AtomicU32, Ordering};

use unicode_normalization::char::{decompose_compatible, is_combining_mark};
use unicode_security::skeleton;

/// What is written for a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fold {
    /// One to four ASCII characters, zeros after them.
    Ascii([u8; 4]),
    Char(char),
    /// An accent: what it stands on was written.
    Mark,
    Invisible,
    Tag,
}

/// By character, what became of it once; 0 of those that no text had yet. It takes room in memory only where characters of
/// some text are: four megabytes if a text has had each.
static KNOWN: [AtomicU32; CHARACTERS] = [const { AtomicU32::new(0) }; CHARACTERS];
const CHARACTERS: usize = 0x11_0000;

/// Compatibility decomposition, accents off, lower case, and Unicode's own table of what looks like what
/// (UTS 39, "confusables"), as far as it leads to ASCII.
pub(crate) fn fold(c: char) -> Fold {
    match u32::from(c) {
        // Kana, ideographs and Korean syllables are themselves.
        0x3041..=0x33ff | 0x3400..=0x9fff | 0xac00..=0xd7a3 | 0x1_f300..=0x1_faff => Fold::Char(c),
        code => {
            let Some(known) = KNOWN.get(code as usize) else { return look_up(c) };
            // Each is one number, and always the same one: whoever comes first may write it.
            Fold::unpacked(known.load(Ordering::Relaxed)).unwrap_or_else(|| {
                let fold = look_up(c);
                known.store(fold.packed(), Ordering::Relaxed);
                fold
            })
        }
    }
}

impl Fold {
    /// As a number that is not 0: a tag above 28 bits.
    fn packed(self) -> u32 {
        match self {
            Fold::Ascii(bytes) => bytes.iter().fold(1, |bits, byte| bits << 7 | u32::from(*byte)),
            Fold::Char(c) => 2 << 28 | u32::from(c),
            Fold::Mark => 3 << 28,
            Fold::Invisible => 4 << 28,
            Fold::Tag => 5 << 28,
        }
    }

    fn unpacked(number: u32) -> Option<Fold> {
        Some(match number >> 28 {
            1 => Fold::Ascii([21, 14, 7, 0].map(|bits| u8::try_from(number >> bits & 0x7f).unwrap_or(0))),
            2 => Fold::Char(char::from_u32(number & 0x0fff_ffff)?),
            3 => Fold::Mark,
            4 => Fold::Invisible,
            5 => Fold::Tag,
            _ => return None,
        })
    }
}

fn look_up(c: char) -> Fold {
    match u32::from(c) {
        // Soft hyphen, joiners and marks of direction, variation selectors, fillers, word joiner and what follows it.
        0xad
        | 0x34f
        | 0x61c
        | 0x115f
        | 0x1160
        | 0x17b4
        | 0x17b5
        | 0x180b..=0x180f
        | 0x200b..=0x200f
        | 0x202a..=0x202e
        | 0x2060..=0x206f
        | 0x3164
        | 0xfe00..=0xfe0f
        | 0xfeff
        | 0xffa0
        | 0xfff0..=0xfffb
        | 0x1_d173..=0x1_d17a
        | 0xe_0100..=0xe_01ef => return Fold::Invisible,
        0xe_0000..=0xe_007f => return Fold::Tag,
        0x85 | 0x2028 | 0x2029 => return ascii(b"\n"),
        0x80..=0xa0 | 0x201c..=0x201f | 0xab | 0xbb => return ascii(b" "),
        0x2010..=0x2015 | 0x2212 => return ascii(b"-"),
        0x2018..=0x201b | 0x2032 => return ascii(b"'"),
        _ => {}
    }
    if c.is_whitespace() {
        return ascii(b" ");
    }
    let mut parts = [None; 4];
    let mut length = 0;
    decompose_compatible(c, |part| {
        if !is_combining_mark(part) {
            if let Some(slot) = parts.get_mut(length) {
                *slot = Some(part);
            }
            length += 1;
        }
    });
    match (length, parts[0]) {
        (0, _) => Fold::Mark,
        (1, Some(part)) => alike(part),
        _ => {
            let mut bytes = [0; 4];
            for (slot, part) in bytes.iter_mut().zip(parts.iter().flatten()) {
                match u8::try_from(*part) {
                    Ok(byte) if byte.is_ascii() && length <= 4 => *slot = byte,
                    _ => return Fold::Char(c),
                }
            }
            Fold::Ascii(bytes)
        }
    }
}

/// The ASCII letter or sign that a character looks like, or itself in lower case. Lower case first: a Cyrillic capital
/// I looks like an l, and its small letter like the i that is meant.
fn alike(c: char) -> Fold {
    let lower = c.to_lowercase().next().unwrap_or(c);
    for candidate in [lower, c] {
        if candidate.is_ascii() {
            return ascii(candidate.encode_utf8(&mut [0; 4]).as_bytes());
        }
        let like: String =
            skeleton(candidate.encode_utf8(&mut [0; 4])).filter(|c| !is_combining_mark(*c)).collect();
        match like.as_str() {
            // The table's own word for m.
            "rn" => return ascii(b"m"),
            like if like.is_ascii() && (1..=4).contains(&like.len()) => {
                return ascii(like.to_ascii_lowercase().as_bytes());
            }
            _ => {}
        }
    }
    Fold::Char(lower)
}

fn ascii(text: &[u8]) -> Fold {
    let mut bytes = [0; 4];
    for (slot, byte) in bytes.iter_mut().zip(text) {
        *slot = *byte;
    }
    Fold::Ascii(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_character_is_what_it_is_read_as() {
        // Every one below the ideographs, and some of the others.
        for c in ('\0'..'\u{3000}').chain(('\u{3000}'..=char::MAX).step_by(97)) {
            let read = look_up(c);
            assert_ne!(read.packed(), 0, "{c:?}");
            assert_eq!(Fold::unpacked(read.packed()), Some(read), "{c:?}");
        }
        assert_eq!(Fold::unpacked(0), None);
        assert_eq!([fold('\u{456}'), fold('\u{456}')], [ascii(b"i"); 2]);
    }
}
