//! Keeps from a client what it did not ask for: the last chunk of a stream, with its usage, which the gateway asked for.
//!
//! Everything else passes byte for byte. An event is held until the empty line that ends it, and no longer.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::sse::Splitter;

/// Most bytes of one event that are held. The chunk that is looked for has a few hundred; a larger event passes as it
/// comes.
const HELD_MAX_BYTES: usize = 1024 * 1024;

/// Passes on a stream of chat completions, or of completions, without the chunk that only says what was used.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact about the bytes just read, none excludes another"
)]
pub struct HiddenUsage {
    held: Vec<u8>,
    /// Whether the line that is being read has bytes.
    line_has_bytes: bool,
    /// A carriage return was last: a line feed belongs to it.
    after_cr: bool,
    /// The event is too large to be held.
    passing: bool,
    /// The event that ended last was kept back: so is the line feed that may belong to its end.
    kept_back: bool,
}

impl HiddenUsage {
    /// Takes the next bytes and adds to `out` those that the client gets.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            if std::mem::take(&mut self.after_cr) && byte == b'\n' {
                // The second half of a line's end. Where that line ended an event, its fate is the event's.
                if self.held.is_empty() && !self.passing {
                    if !self.kept_back {
                        out.push(byte);
                    }
                } else {
                    self.take(byte, out);
                }
                continue;
            }
            self.take(byte, out);
            match byte {
                b'\n' | b'\r' => {
                    self.after_cr = byte == b'\r';
                    if !std::mem::take(&mut self.line_has_bytes) {
                        self.finish_event(out);
                    }
                }
                _ => self.line_has_bytes = true,
            }
        }
    }

    /// The stream has ended: what is left of an event that did not is the client's, as it would be without us.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        self.held.extend_from_slice(b"\n\n");
        let hidden = only_says_what_was_used(&self.held);
        self.held.truncate(self.held.len() - 2);
        if !hidden {
            out.append(&mut self.held);
        }
        self.held.clear();
    }

    fn take(&mut self, byte: u8, out: &mut Vec<u8>) {
        if self.passing {
            out.push(byte);
            return;
        }
        self.held.push(byte);
        if self.held.len() > HELD_MAX_BYTES {
            self.passing = true;
            out.append(&mut self.held);
        }
    }

    fn finish_event(&mut self, out: &mut Vec<u8>) {
        self.kept_back = !self.passing && only_says_what_was_used(&self.held);
        self.passing = false;
        if self.kept_back {
            self.held.clear();
        } else {
            out.append(&mut self.held);
        }
    }
}

#[derive(Deserialize)]
struct Chunk<'a> {
    choices: Vec<IgnoredAny>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

fn only_says_what_was_used(event: &[u8]) -> bool {
    let mut hidden = false;
    Splitter::default().feed(event, |event| {
        hidden = serde_json::from_slice::<Chunk<'_>>(event.data).is_ok_and(|chunk| {
            chunk.choices.is_empty() && chunk.usage.is_some_and(|usage| usage.get().starts_with('{'))
        });
    });
    hidden
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seen(pieces: &[&[u8]]) -> Vec<u8> {
        let mut filter = HiddenUsage::default();
        let mut out = Vec::new();
        for piece in pieces {
            filter.feed(piece, &mut out);
        }
        filter.end(&mut out);
        out
    }

    const USED: &str = r#"data: {"id":"a","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;

    /// Everything that must pass, and the one event that must not, with each kind of line end.
    fn stream(end: &str, used: &str) -> String {
        let lines = [
            ": OPENROUTER PROCESSING",
            "",
            r#"data: {"choices":[],"prompt_filter_results":[],"usage":null}"#,
            "",
            r#"data: {"choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"prompt_tokens":1}}"#,
            "",
            "event: odd",
            "data: not json ü",
            "",
            "",
            used,
            "",
            "data: [DONE]",
            "",
            "",
        ];
        lines.join(end).replace(&format!("{end}{end}{end}{end}"), &format!("{end}{end}"))
    }

    #[test]
    fn one_event_is_kept_back_and_all_other_bytes_pass() {
        for end in ["\n", "\r\n", "\r"] {
            let with = stream(end, USED);
            let without = with.replace(&format!("{USED}{end}{end}"), "");
            assert_ne!(with, without);
            assert_eq!(String::from_utf8(seen(&[with.as_bytes()])).expect("text"), without, "{end:?}");
            for at in 0..with.len() {
                let (one, two) = with.as_bytes().split_at(at);
                assert_eq!(seen(&[one, two]), without.as_bytes(), "split at {at} with {end:?}");
            }
        }
    }

    #[test]
    fn an_event_is_held_no_longer_than_to_its_empty_line() {
        let mut filter = HiddenUsage::default();
        let mut out = Vec::new();
        filter.feed(b"data: {}\r\n\r", &mut out);
        assert_eq!(out, b"data: {}\r\n\r");
        filter.feed(b"\n", &mut out);
        assert_eq!(out, b"data: {}\r\n\r\n");
    }

    #[test]
    fn what_a_cut_leaves_of_an_event_passes() {
        assert_eq!(seen(&[b"data: {}\n\ndata: {\"choi"]), b"data: {}\n\ndata: {\"choi");
        assert_eq!(seen(&[USED.as_bytes()]), b"");
        assert_eq!(seen(&[]), b"");
    }

    #[test]
    fn a_huge_event_passes_as_it_comes() {
        let mut filter = HiddenUsage::default();
        let mut out = Vec::new();
        let mut fed = b"data: ".to_vec();
        filter.feed(b"data: ", &mut out);
        for _ in 0..40 {
            let piece = vec![b'x'; 65_536];
            filter.feed(&piece, &mut out);
            fed.extend_from_slice(&piece);
            assert!(fed.len() - out.len() <= HELD_MAX_BYTES && filter.held.capacity() <= 2 * HELD_MAX_BYTES);
        }
        let tail = format!("\n\n{USED}\n\ndata: [DONE]\n\n");
        filter.feed(tail.as_bytes(), &mut out);
        fed.extend_from_slice(b"\n\ndata: [DONE]\n\n");
        assert_eq!(out, fed);
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_come_out_the_same(
            bytes in prop::collection::vec(prop::sample::select(b"\r\n:ad{}[] data:".to_vec()), 0..80),
            cuts in prop::collection::vec(0_usize..80, 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            // Nothing of the kind is in there, so nothing is missing.
            prop_assert_eq!(seen(&pieces), bytes);
        }
    }
}
