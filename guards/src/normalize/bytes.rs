//! What becomes of each byte of ASCII in the plain form.

/// What is done with a byte.
#[derive(Clone, Copy)]
pub(super) struct Byte {
    /// In lower case.
    pub(super) write: u8,
    /// 1 if it is written. Numbers and not truth values: they are added up.
    pub(super) kept: u8,
    /// 1 for white space and what only sets words apart: brackets, quotes, commas, emphasis.
    pub(super) parts: u8,
    /// More is to be done: ends of lines, escapes, and all that is not ASCII.
    pub(super) other: bool,
}

pub(super) const BYTES: [Byte; 256] = table();

const fn table() -> [Byte; 256] {
    let mut table = [Byte { write: 0, kept: 0, parts: 0, other: true }; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        // Apostrophes are neither kept nor do they part: "don't" and "dont" are one word.
        let (kept, parts) = match byte {
            b'\'' | 0x7f => (0, 0),
            0..=b' ' | b'*' | b'`' | b'"' | b'(' | b')' | b',' => (0, 1),
            _ => (1, 0),
        };
        let other = matches!(byte, b'\n' | b'\r' | b'\\' | b'%');
        table[byte as usize] = Byte { write: byte.to_ascii_lowercase(), kept, parts, other };
        byte += 1;
    }
    table
}
