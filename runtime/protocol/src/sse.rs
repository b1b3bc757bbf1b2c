//! Finds the events in a stream of bytes without touching them: any split of the bytes gives the same events.
//!
//! The grammar is that of server-sent events: lines end in LF, CRLF or CR; `event:` names, `data:` lines add up, an
//! empty line ends the event, and what starts with a colon is a comment.

/// Most bytes of one event that are kept for reading. A larger one is forwarded like any other and not read.
const EVENT_MAX_BYTES: usize = 1024 * 1024;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// What its `event:` line says; empty without one.
    pub name: &'a str,
    /// Its `data:` lines, joined by line breaks.
    pub data: &'a [u8],
}

/// Reads bytes as they pass.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact about the bytes just read, none excludes another"
)]
pub struct Splitter {
    line: Vec<u8>,
    name: String,
    data: Vec<u8>,
    has_data: bool,
    after_cr: bool,
    started: bool,
    /// The block has a line that is not empty.
    has_lines: bool,
    /// The line is not kept.
    line_overlong: bool,
    /// The event is not kept.
    overlong: bool,
    passed_over: bool,
}

impl Splitter {
    /// Takes the next bytes and hands every event that they complete to `found`.
    pub fn feed(&mut self, bytes: &[u8], mut found: impl FnMut(Event<'_>)) {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.is_at_a_border() {
                let Whole { event, length } = whole(rest);
                if let Some(event) = event {
                    found(event);
                }
                if length > 0 {
                    rest = rest.get(length..).unwrap_or_default();
                    continue;
                }
            }
            let Some(taken) = self.feed_block(rest, &mut found) else { return };
            rest = rest.get(taken..).unwrap_or_default();
        }
    }

    /// Takes the next bytes up to the end of the first block of lines that they complete, hands the event that it is, if
    /// it is one, to `found`, and says how many it took. `None` where they complete none, and all are taken.
    ///
    /// A block ends with an empty line; empty lines before it belong to it.
    pub fn feed_block(&mut self, bytes: &[u8], found: &mut impl FnMut(Event<'_>)) -> Option<usize> {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
            if self.after_cr {
                self.after_cr = false;
                if rest.first() == Some(&b'\n') {
                    at += 1;
                    continue;
                }
            }
            let Some(end) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.keep(rest);
                return None;
            };
            let (line, is_cr) = (rest.get(..end).unwrap_or_default(), rest.get(end) == Some(&b'\r'));
            at += end + 1;
            self.after_cr = is_cr;
            if self.end_line(line, found) {
                // The other half of a line break, if it is there already.
                if is_cr && bytes.get(at) == Some(&b'\n') {
                    self.after_cr = false;
                    at += 1;
                }
                return Some(at);
            }
        }
    }

    /// Whether the last event is complete and no other has begun.
    pub fn is_between_events(&self) -> bool {
        self.line.is_empty() && self.name.is_empty() && !self.has_data && !self.overlong
    }

    /// Whether the event that has begun is too large to be read.
    pub fn is_passing_over(&self) -> bool {
        self.overlong
    }

    /// Whether an event was too large to be read.
    pub fn has_passed_over_an_event(&self) -> bool {
        self.passed_over
    }

    /// Whether what comes next is an event's first byte, and no half of a line's end.
    fn is_at_a_border(&self) -> bool {
        self.is_between_events() && self.started && !self.after_cr
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.line_overlong || !self.fits(bytes) {
            self.line_overlong = true;
            self.overlong = true;
            self.passed_over = true;
            self.line.clear();
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    /// The same for a line that comes whole as for one in pieces.
    fn fits(&self, bytes: &[u8]) -> bool {
        self.line.len() + self.data.len() + bytes.len() <= EVENT_MAX_BYTES
    }

    /// Takes the rest of a line. Says whether it ends a block.
    fn end_line(&mut self, rest: &[u8], found: &mut impl FnMut(Event<'_>)) -> bool {
        if self.line.is_empty() && !self.line_overlong && self.fits(rest) {
            return self.take_line(rest, found);
        }
        self.keep(rest);
        if std::mem::take(&mut self.line_overlong) {
            self.has_lines = true;
            return false;
        }
        let mut line = std::mem::take(&mut self.line);
        let ends = self.take_line(&line, found);
        line.clear();
        self.line = line;
        ends
    }

    fn take_line(&mut self, line: &[u8], found: &mut impl FnMut(Event<'_>)) -> bool {
        let line = if self.started { line } else { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) };
        self.started = true;
        if line.is_empty() {
            if self.has_data && !self.overlong {
                found(Event { name: &self.name, data: &self.data });
            }
            self.name.clear();
            self.data.clear();
            self.has_data = false;
            self.overlong = false;
            return std::mem::take(&mut self.has_lines);
        }
        self.has_lines = true;
        self.take_field(line);
        false
    }

    fn take_field(&mut self, line: &[u8]) {
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(0) => return,
            Some(colon) => {
                let value = &line[colon + 1..];
                (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &[][..]),
        };
        match field {
            b"event" => {
                self.name.clear();
                self.name.push_str(&String::from_utf8_lossy(value));
            }
            b"data" => {
                if self.data.len() + value.len() > EVENT_MAX_BYTES {
                    self.overlong = true;
                    self.passed_over = true;
                    return;
                }
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
                self.has_data = true;
            }
            _ => {}
        }
    }
}

/// What stands at the beginning of some bytes.
struct Whole<'a> {
    event: Option<Event<'a>>,
    /// Bytes that are done with; 0 where what stands there has to be read line by line.
    length: usize,
}

/// An event that stands whole in the bytes, as nearly all do: lines that end in LF, a name, one line of data. It is
/// handed on from where it stands, without a copy.
fn whole(bytes: &[u8]) -> Whole<'_> {
    const NONE: Whole<'_> = Whole { event: None, length: 0 };
    let (mut name, mut data) = (None, None);
    let mut at = 0;
    loop {
        let Some(end) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'\n', b'\r', rest)) else {
            return NONE;
        };
        let Some((line, b"\n")) = bytes.get(at..=at + end).map(|line| line.split_at(end)) else {
            return NONE;
        };
        at += end + 1;
        if line.is_empty() {
            break;
        }
        let of = |field: &[u8]| {
            let value = line.strip_prefix(field)?;
            Some(value.strip_prefix(b" ").unwrap_or(value))
        };
        if let (Some(value), None) = (of(b"data:"), data) {
            data = Some(value);
        } else if let (Some(value), None) = (of(b"event:"), name) {
            let Ok(value) = std::str::from_utf8(value) else { return NONE };
            name = Some(value);
        } else {
            return NONE;
        }
    }
    if at > EVENT_MAX_BYTES {
        return NONE;
    }
    Whole { event: data.map(|data| Event { name: name.unwrap_or_default(), data }), length: at }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(pieces: &[&[u8]]) -> Vec<(String, Vec<u8>)> {
        let mut splitter = Splitter::default();
        let mut all = Vec::new();
        for piece in pieces {
            splitter.feed(piece, |event| all.push((event.name.to_owned(), event.data.to_vec())));
        }
        all
    }

    const STREAM: &[u8] =
        "\u{feff}event: message_start\r\ndata: {\"a\":1}\r\n\r\n: comment\n\nevent:ping\ndata:{}\n\n\
        data: one\rdata: zwei ü\r\rid: 7\ndata\n\nevent: no data\n\ndata: last without end\n"
            .as_bytes();

    #[test]
    fn the_grammar_is_read() {
        let expected = [("message_start", "{\"a\":1}"), ("ping", "{}"), ("", "one\nzwei ü"), ("", "")];
        let expected: Vec<_> =
            expected.iter().map(|(name, data)| ((*name).to_owned(), data.as_bytes().to_vec())).collect();
        assert_eq!(events(&[STREAM]), expected);
    }

    #[test]
    fn every_split_in_two_gives_the_same_events() {
        let whole = events(&[STREAM]);
        for at in 0..STREAM.len() {
            assert_eq!(events(&[&STREAM[..at], &STREAM[at..]]), whole, "split at {at}");
        }
        let bytes: Vec<&[u8]> = STREAM.chunks(1).collect();
        assert_eq!(events(&bytes), whole);
    }

    #[test]
    fn an_endless_line_is_passed_over_and_not_kept() {
        let mut splitter = Splitter::default();
        let mut found = 0;
        for _ in 0..64 {
            splitter.feed(&vec![b'x'; 65_536], |_| found += 1);
            assert!(splitter.line.capacity() <= 2 * EVENT_MAX_BYTES);
        }
        splitter.feed(b"\n\nevent: a\ndata: b\n\n", |event| {
            assert_eq!(event.name, "a");
            found += 1;
        });
        assert_eq!(found, 1);
    }

    /// Byte by byte no event stands whole anywhere, so each is read line by line.
    #[test]
    fn events_that_stand_whole_are_those_that_are_read_line_by_line() {
        let texts: [&[u8]; 8] = [
            b"data: a\n\nevent: b\ndata:c\n\n",
            b"data: a\n\nevent: b\n\ndata: c\n\n",
            b"data: a\n\ndata: b\ndata: c\n\nevent: d\nevent: e\ndata\n\n",
            b"data: a\n\nevent: \xff\ndata: b\n\n",
            b"data: a\n\n\n\n: comment\ndata: b\n\nid: 1\ndata: c\n\n",
            b"data: a\n\ndata:  b\r\n\r\ndata: c\n\n",
            b"data: a\n\ndatabase: b\n\nevents: c\ndata: d\n\n",
            b"data: a\n\ndata: \n\nevent:\ndata: b\n\n",
        ];
        for text in texts {
            let bytes: Vec<&[u8]> = text.chunks(1).collect();
            assert_eq!(events(&[text]), events(&bytes), "{}", text.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn any_lines_in_any_pieces_give_the_same_events(
            lines in prop::collection::vec(
                prop::sample::select(vec!["data: a", "data:", "data", "event: b", "event:", ": c", "", "x", "data: \u{feff}"]),
                0..24,
            ),
            ends in prop::collection::vec(prop::sample::select(vec!["\n", "\n", "\n", "\r\n", "\r"]), 24),
            cuts in prop::collection::vec(0_usize..200, 0..6),
        ) {
            let text: String = lines.iter().zip(&ends).map(|(line, end)| [*line, *end].concat()).collect();
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let singly: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(&events(&pieces), &events(&singly));
            prop_assert_eq!(&events(&[bytes]), &events(&singly));
        }

        #[test]
        fn any_bytes_in_any_pieces_give_the_same_events(
            bytes in prop::collection::vec(prop::sample::select(b"\r\n:ab data event".to_vec()), 0..80),
            cuts in prop::collection::vec(0_usize..80, 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(events(&pieces), events(&[&bytes]));
        }
    }
}
