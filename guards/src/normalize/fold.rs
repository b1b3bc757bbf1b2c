//! What a character beyond ASCII stands for: the letter it looks like, itself, or nothing that is seen.

use std::sync::OnceLock;

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

/// The folding of blocks that texts use much: everything below CJK, once for the whole process.
const TABLE_END: u32 = 0x2e80;
static TABLE: OnceLock<Vec<Fold>> = OnceLock::new();

/// Compatibility decomposition, accents off, lower case, and Unicode's own table of what looks like what
/// (UTS 39, "confusables"), as far as it leads to ASCII.
pub(crate) fn fold(c: char) -> Fold {
    let code = u32::from(c);
    if code < TABLE_END {
        let table = TABLE.get_or_init(|| {
            (0..TABLE_END).map(|code| char::from_u32(code).map_or(Fold::Mark, look_up)).collect()
        });
        return table.get(code as usize).copied().unwrap_or(Fold::Char(c));
    }
    match code {
        // Kana, ideographs and Korean syllables are themselves, and by far the most of what comes here.
        0x3041..=0x33ff | 0x3400..=0x9fff | 0xac00..=0xd7a3 | 0x1_f300..=0x1_faff => Fold::Char(c),
        _ => look_up(c),
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
