//! JSON as a tree that keeps every member of an object, repeated ones too, and borrows the strings.
//!
//! Serde's readers do not serve here. They refuse what some providers take, such as unpaired surrogates and `1e999`,
//! when a value is kept, yet not when it is ignored: such a body would be forwarded, and its text be read by nobody.

use std::borrow::Cow;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node<'a> {
    Null,
    Flag,
    /// As written.
    Number(&'a str),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Object(Vec<Member<'a>>),
}

/// A member of an object.
pub(super) type Member<'a> = (Cow<'a, str>, Node<'a>);

/// Deeper than this, a value is the list of its strings, keys among them: the stack is not a client's to use up.
const MAX_DEPTH: usize = 100;

impl Node<'_> {
    /// The string that it is.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The first string under this key.
pub(super) fn named<'n>(members: &'n [Member<'_>], key: &str) -> Option<&'n str> {
    members.iter().find_map(|(name, value)| if name == key { value.text() } else { None })
}

/// The first whole number under this key; 0 where there is none.
pub(super) fn counted(members: &[Member<'_>], key: &str) -> u64 {
    let number = members.iter().find_map(|(name, value)| match value {
        Node::Number(number) if name == key => number.parse().ok(),
        _ => None,
    });
    number.unwrap_or_default()
}

/// The first string under this key, to keep.
pub(super) fn taken<'a>(members: &[Member<'a>], key: &str) -> Option<Cow<'a, str>> {
    members.iter().find_map(|(name, value)| match value {
        Node::Text(text) if name == key => Some(text.clone()),
        _ => None,
    })
}

/// Reads a document; `None` where it is no JSON, or a string of it is no UTF-8.
pub(super) fn read(bytes: &[u8]) -> Option<Node<'_>> {
    let mut reader = Reader { bytes, at: 0 };
    let node = reader.value(0)?;
    reader.is_at_end().then_some(node)
}

/// Goes through a document. Bytes that it is not asked for, it does not look at.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Whether nothing follows but space.
    pub(super) fn is_at_end(&mut self) -> bool {
        self.pass_space();
        self.at == self.bytes.len()
    }

    pub(super) fn pass_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// The next byte that is no space, passed.
    pub(super) fn next(&mut self) -> Option<u8> {
        self.pass_space();
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// A value that so many lists and objects are around.
    pub(super) fn value(&mut self, depth: usize) -> Option<Node<'a>> {
        match self.next()? {
            b'"' => self.string().map(Node::Text),
            b'[' | b'{' if depth >= MAX_DEPTH => self.strings_within(),
            b'[' => self.list(depth),
            b'{' => self.object(depth),
            b't' => self.word("rue", Node::Flag),
            b'f' => self.word("alse", Node::Flag),
            b'n' => self.word("ull", Node::Null),
            b'-' | b'0'..=b'9' => {
                let start = self.at - 1;
                while let Some(b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-') = self.peek() {
                    self.at += 1;
                }
                self.text(start, self.at).map(Node::Number)
            }
            _ => None,
        }
    }

    fn word(&mut self, rest: &str, node: Node<'a>) -> Option<Node<'a>> {
        self.bytes.get(self.at..)?.starts_with(rest.as_bytes()).then(|| {
            self.at += rest.len();
            node
        })
    }

    fn list(&mut self, depth: usize) -> Option<Node<'a>> {
        let mut list = Vec::new();
        self.pass_space();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(Node::List(list));
        }
        loop {
            list.push(self.value(depth + 1)?);
            match self.next()? {
                b',' => {}
                b']' => return Some(Node::List(list)),
                _ => return None,
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<Node<'a>> {
        let mut members = Vec::new();
        self.pass_space();
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(Node::Object(members));
        }
        loop {
            members.push((self.key()?, self.value(depth + 1)?));
            match self.next()? {
                b',' => {}
                b'}' => return Some(Node::Object(members)),
                _ => return None,
            }
        }
    }

    /// A key with its colon.
    pub(super) fn key(&mut self) -> Option<Cow<'a, str>> {
        let key = if self.next()? == b'"' { self.string()? } else { return None };
        (self.next()? == b':').then_some(key)
    }

    /// All strings up to the end of the list or object that has just begun.
    fn strings_within(&mut self) -> Option<Node<'a>> {
        let mut strings = Vec::new();
        let mut open = 1_usize;
        while open > 0 {
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b'"' => strings.push(Node::Text(self.string()?)),
                b'[' | b'{' => open += 1,
                b']' | b'}' => open -= 1,
                _ => {}
            }
        }
        Some(Node::List(strings))
    }

    /// Up to the closing quote; the opening one is passed.
    fn string(&mut self) -> Option<Cow<'a, str>> {
        let start = self.at;
        let end = start + memchr::memchr2(b'"', b'\\', self.bytes.get(start..)?)?;
        let plain = self.text(start, end)?;
        self.at = end + 1;
        if self.bytes.get(end) == Some(&b'"') {
            return Some(Cow::Borrowed(plain));
        }
        let mut text = String::with_capacity(plain.len() * 2 + 64);
        text.push_str(plain);
        loop {
            text.push(self.escaped()?);
            let from = self.at;
            let end = from + memchr::memchr2(b'"', b'\\', self.bytes.get(from..)?)?;
            text.push_str(self.text(from, end)?);
            self.at = end + 1;
            if self.bytes.get(end) == Some(&b'"') {
                return Some(Cow::Owned(text));
            }
        }
    }

    /// What follows a backslash.
    fn escaped(&mut self) -> Option<char> {
        let byte = self.peek()?;
        self.at += 1;
        Some(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex()?;
                match first {
                    0xD800..=0xDBFF => self.second_half(first).unwrap_or(char::REPLACEMENT_CHARACTER),
                    // A second half alone is no character either.
                    _ => char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER),
                }
            }
            _ => return None,
        })
    }

    /// The character of a pair of surrogates. Passes the second half where it is one, and nothing where it is not.
    fn second_half(&mut self, first: u32) -> Option<char> {
        let before = self.at;
        if self.bytes.get(before..)?.starts_with(b"\\u") {
            self.at += 2;
            if let Some(second @ 0xDC00..=0xDFFF) = self.hex() {
                return char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00));
            }
        }
        self.at = before;
        None
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.bytes.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.iter().try_fold(0, |number, digit| Some(number << 4 | char::from(*digit).to_digit(16)?))
    }

    /// What stands between signs of ASCII, where it is UTF-8.
    fn text(&self, start: usize, end: usize) -> Option<&'a str> {
        std::str::from_utf8(self.bytes.get(start..end)?).ok()
    }
}
