//! YAML text into documents with places: parser events in, trees and findings out. Never fails, never panics.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, StrInput};
use serde_json::Value;

use super::Span;
use super::chunk::Chunk;
use super::rules;
use super::scalar::{self, Plain};
use super::tree::{Content, Document, Entry, Node, Spelling};
use crate::diagnostic::{Diagnostic, mask::shown};

/// Deepest nesting of values; no manifest needs more than ten.
const DEPTH_MAX: usize = 64;

/// How many values all aliases of a document may stand for: against bombs of aliases of aliases.
const ALIASED_NODES_MAX: usize = 10_000;

/// What a chunk turned out to hold.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// Documents, each with what is wrong in it.
    pub(crate) documents: Vec<(Document, Vec<Diagnostic>)>,
    /// Where the reader had to stop, if it had to.
    pub(crate) stopped: Option<Diagnostic>,
}

/// Reads every document of a chunk.
pub(crate) fn read(chunk: Chunk<'_>) -> Read {
    let mut builder = Builder {
        events: Parser::new_from_str(chunk.text),
        chunk,
        bytes: byte_offsets(chunk.text),
        findings: Vec::new(),
        anchors: BTreeMap::new(),
        aliased_left: ALIASED_NODES_MAX,
    };
    let mut read = Read::default();
    if let Err(error) = builder.stream(&mut read.documents) {
        read.stopped = Some(syntax(&builder, &error));
    }
    read
}

/// The byte of each character, or `None` where they are the same.
fn byte_offsets(text: &str) -> Option<Vec<usize>> {
    (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).collect())
}

struct Builder<'a> {
    events: Parser<'a, StrInput<'a>>,
    chunk: Chunk<'a>,
    bytes: Option<Vec<usize>>,
    findings: Vec<Diagnostic>,
    /// Anchored values and how many nodes each has.
    anchors: BTreeMap<usize, (Node, usize)>,
    aliased_left: usize,
}

/// A node and how many nodes it has in all.
type Counted = (Node, usize);

impl<'a> Builder<'a> {
    fn stream(&mut self, documents: &mut Vec<(Document, Vec<Diagnostic>)>) -> Result<(), ScanError> {
        while let Some((event, place)) = self.next()? {
            match event {
                Event::DocumentStart(_) => {
                    self.anchors.clear();
                    self.aliased_left = ALIASED_NODES_MAX;
                }
                Event::StreamStart | Event::StreamEnd | Event::DocumentEnd | Event::Nothing => {}
                event => {
                    let (root, _) = self.node(event, place, 0)?;
                    let document = Document { root };
                    documents.push((document, std::mem::take(&mut self.findings)));
                }
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, ScanError> {
        match self.events.next_event() {
            None => Ok(None),
            Some(Err(error)) => Err(error),
            Some(Ok((event, place))) => {
                let span = self.chunk.span(self.byte(place.start.index()), self.byte(place.end.index()));
                Ok(Some((event, span)))
            }
        }
    }

    fn byte(&self, character: usize) -> usize {
        let length = self.chunk.text.len();
        match &self.bytes {
            None => character.min(length),
            Some(bytes) => bytes.get(character).copied().unwrap_or(length),
        }
    }

    fn find(&mut self, finding: Diagnostic) {
        self.findings.push(finding);
    }

    fn node(&mut self, event: Event<'a>, place: Span, depth: usize) -> Result<Counted, ScanError> {
        if depth > DEPTH_MAX {
            return self.too_deep(&event, place);
        }
        let (counted, anchor) = match event {
            Event::Alias(anchor) => return Ok(self.alias(anchor, place)),
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), place);
                ((self.scalar(&text, style, place), 1), anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), place);
                (self.sequence(place, depth)?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), place);
                (self.mapping(place, depth)?, anchor)
            }
            _ => ((null(place), 1), 0),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, counted.clone());
        }
        Ok(counted)
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, place: Span) -> Node {
        let (value, spelling) = match style {
            ScalarStyle::Plain => match scalar::plain(text) {
                Plain::Means(value, spelling) => (value, spelling),
                Plain::Ambiguous(why) => {
                    self.find(ambiguous(text, why, place));
                    (Value::String(text.to_owned()), Spelling::Usual)
                }
            },
            _ => (Value::String(text.to_owned()), Spelling::Usual),
        };
        // An absent value is reported wherever the reader noticed; it has no place of its own.
        let span = if text.is_empty() && style == ScalarStyle::Plain {
            Span { end: place.start, ..place }
        } else {
            place
        };
        Node { content: Content::Scalar { value, spelling }, span }
    }

    fn sequence(&mut self, place: Span, depth: usize) -> Result<Counted, ScanError> {
        let (mut items, mut count, mut span) = (Vec::new(), 1, place);
        while let Some((event, at)) = self.next()? {
            if matches!(event, Event::SequenceEnd) {
                span.end = span.end.max(end_of(at, items.last().map(|item: &Node| item.span)));
                break;
            }
            let (item, nodes) = self.node(event, at, depth + 1)?;
            count += nodes;
            items.push(item);
        }
        Ok((Node { content: Content::Sequence(items), span }, count))
    }

    fn mapping(&mut self, place: Span, depth: usize) -> Result<Counted, ScanError> {
        let (mut entries, mut count, mut span) = (Vec::<Entry>::new(), 1, place);
        while let Some((event, at)) = self.next()? {
            if matches!(event, Event::MappingEnd) {
                span.end = span.end.max(end_of(at, entries.last().map(|entry| entry.value.span)));
                break;
            }
            let key = self.key(event, at, depth)?;
            let Some((event, value_at)) = self.next()? else { break };
            let (mut value, nodes) = self.node(event, value_at, depth + 1)?;
            count += nodes;
            if let Some(key) = key {
                if matches!(&value.content, Content::Scalar { value: Value::Null, .. })
                    && value.span.start == value.span.end
                {
                    value.span = Span { start: at.end, ..at };
                }
                self.enter(&mut entries, Entry { key, key_span: at, value });
            }
        }
        Ok((Node { content: Content::Mapping(entries), span }, count))
    }

    /// A key's text; `None` where its entry is left out.
    fn key(&mut self, event: Event<'a>, place: Span, depth: usize) -> Result<Option<String>, ScanError> {
        let Event::Scalar(text, style, anchor, tag) = event else {
            let finding = Diagnostic::new(&rules::KEY, place, "a key must be text").label("not text");
            self.find(finding);
            self.node(event, place, depth + 1)?;
            return Ok(None);
        };
        self.refuse_tag(tag.is_some(), place);
        if anchor > 0 {
            let node = self.scalar(&text, ScalarStyle::DoubleQuoted, place);
            self.anchors.insert(anchor, (node, 1));
        }
        if style == ScalarStyle::Plain {
            if text == "<<" {
                let finding = Diagnostic::new(&rules::MERGE_KEY, place, "merge keys are not read")
                    .label("merge key")
                    .help("write the fields out");
                self.find(finding);
                return Ok(None);
            }
            match scalar::plain(&text) {
                Plain::Means(Value::String(_), _) => {}
                Plain::Means(..) => {
                    let finding =
                        Diagnostic::new(&rules::KEY, place, format!("key {} is not text", shown(&text)))
                            .label("not text")
                            .help(format!("quote it: \"{text}\""));
                    self.find(finding);
                }
                Plain::Ambiguous(why) => self.find(ambiguous(&text, why, place)),
            }
        }
        Ok(Some(text.into_owned()))
    }

    fn enter(&mut self, entries: &mut Vec<Entry>, entry: Entry) {
        match entries.iter().find(|other| other.key == entry.key) {
            Some(first) => {
                let finding = Diagnostic::new(
                    &rules::DUPLICATE_KEY,
                    entry.key_span,
                    format!("key {} is there twice", shown(&entry.key)),
                )
                .label("again here")
                .also(first.key_span, "first here")
                .help("remove one of them");
                self.find(finding);
            }
            None => entries.push(entry),
        }
    }

    fn alias(&mut self, anchor: usize, place: Span) -> Counted {
        let refused = |why: &str| Diagnostic::new(&rules::ALIAS, place, why).label("alias");
        let Some((node, count)) = self.anchors.get(&anchor) else {
            self.find(refused("an alias stands inside the value that it names"));
            return (null(place), 1);
        };
        let Some(left) = self.aliased_left.checked_sub(*count) else {
            let finding = refused("the aliases of this document stand for more than 10,000 values")
                .help("write the values out");
            // One finding is enough, and nothing more is expanded.
            self.aliased_left = 0;
            if !self.findings.iter().any(|other| other.rule == finding.rule) {
                self.find(finding);
            }
            return (null(place), 1);
        };
        self.aliased_left = left;
        (Node { span: place, ..node.clone() }, *count)
    }

    /// Skips the node without recursion.
    fn too_deep(&mut self, event: &Event<'a>, place: Span) -> Result<Counted, ScanError> {
        let text = format!("values are nested more than {DEPTH_MAX} levels deep");
        if !self.findings.iter().any(|other| other.rule == &rules::DEPTH) {
            self.find(Diagnostic::new(&rules::DEPTH, place, text).label("too deep"));
        }
        let mut open = usize::from(matches!(event, Event::SequenceStart(..) | Event::MappingStart(..)));
        while open > 0 {
            match self.next()? {
                Some((Event::SequenceStart(..) | Event::MappingStart(..), _)) => open += 1,
                Some((Event::SequenceEnd | Event::MappingEnd, _)) => open -= 1,
                Some(_) => {}
                None => break,
            }
        }
        Ok((null(place), 1))
    }

    fn refuse_tag(&mut self, tagged: bool, place: Span) {
        if tagged {
            let finding = Diagnostic::new(&rules::TAG, place, "tags have no meaning in a manifest")
                .label("tagged")
                .help("remove the tag; quote the value if it is meant as text");
            self.find(finding);
        }
    }
}

fn null(span: Span) -> Node {
    Node { content: Content::Scalar { value: Value::Null, spelling: Spelling::Usual }, span }
}

/// Where a collection ends: flow collections have a closing bracket, block collections end with their last item.
fn end_of(closing: Span, last: Option<Span>) -> usize {
    if closing.end > closing.start { closing.end } else { last.map_or(closing.start, |last| last.end) }
}

fn ambiguous(text: &str, why: &str, place: Span) -> Diagnostic {
    Diagnostic::new(&rules::AMBIGUOUS, place, format!("YAML readers do not agree on {}", shown(text)))
        .label(why)
        .help(format!("quote it if it is text: \"{text}\""))
}

fn syntax(builder: &Builder<'_>, error: &ScanError) -> Diagnostic {
    let at = builder.byte(error.marker().index());
    let text = builder.chunk.text;
    // At the end of a line, or of the text, the label stands on the last thing that is written.
    let at = if text.get(at..).is_none_or(|rest| rest.trim().is_empty()) {
        let written = text.trim_end();
        written.char_indices().next_back().map_or(0, |(last, _)| last)
    } else {
        at
    };
    let length = text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    let line_start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
    let indent = text.get(line_start..).unwrap_or_default();
    let has_tab = indent.chars().take_while(|c| c.is_whitespace() && *c != '\n').any(|c| c == '\t');
    let help = has_tab.then(|| "indent with spaces: YAML does not accept tabs there".to_owned());
    Diagnostic::new(
        &rules::SYNTAX,
        builder.chunk.span(at, at + length),
        format!("the text is not YAML: {}", plain_words(error.info())),
    )
    .label("the reader stopped here")
    .maybe_help(help)
}

/// The scanner's words, for people who do not write scanners.
fn plain_words(info: &str) -> String {
    let info = info.trim_end_matches('.');
    match info {
        "did not find expected ',' or '}'" | "did not find expected ',' or ']'" => {
            format!("{info}; is a bracket not closed?")
        }
        "mapping values are not allowed in this context" => {
            "a `:` is not expected here; is the line before it complete and indented alike?".to_owned()
        }
        "simple key expected ':'" | "simple key expect ':'" => "a `:` is missing behind the key".to_owned(),
        _ => info.to_owned(),
    }
}
