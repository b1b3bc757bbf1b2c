//! YAML text into documents with places: parser events in, trees and findings out. Never fails, never panics.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, StrInput};
use serde_json::Value;

use super::Span;
use super::chunk::Chunk;
use super::rules;
use super::scalar::{self, Plain};
use super::tree::{Content, Document, Entries, Entry, Node, Spelling};
use crate::diagnostic::{Diagnostic, mask::shown};

mod complaint;

/// Deepest nesting of values; no manifest needs more than ten.
const DEPTH_MAX: usize = 64;

/// How many values all aliases of a document may stand for: against bombs of aliases of aliases.
const ALIASED_NODES_MAX: usize = 10_000;

/// How many values all anchors of a document may keep: anchors within anchors would otherwise keep the same values again
/// and again.
const ANCHORED_NODES_MAX: usize = 100_000;

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
        anchored_left: ANCHORED_NODES_MAX,
    };
    let mut read = Read::default();
    if let Err(error) = builder.stream(&mut read.documents) {
        let at = builder.byte(error.marker().index());
        read.stopped = Some(complaint::syntax(chunk, at, error.info()));
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
    /// What each anchor stands for; `None` where that is more than any alias may stand for.
    anchors: BTreeMap<usize, Option<Measured>>,
    aliased_left: usize,
    anchored_left: usize,
}

/// A node, how many nodes it has in all, and how deeply they are nested.
#[derive(Debug, Clone)]
struct Measured {
    node: Node,
    nodes: usize,
    height: usize,
}

impl Measured {
    fn leaf(node: Node) -> Self {
        Self { node, nodes: 1, height: 0 }
    }
}

impl<'a> Builder<'a> {
    fn stream(&mut self, documents: &mut Vec<(Document, Vec<Diagnostic>)>) -> Result<(), ScanError> {
        while let Some((event, place)) = self.next()? {
            match event {
                Event::DocumentStart(_) => {
                    self.anchors.clear();
                    self.aliased_left = ALIASED_NODES_MAX;
                    self.anchored_left = ANCHORED_NODES_MAX;
                }
                Event::StreamStart | Event::StreamEnd | Event::DocumentEnd | Event::Nothing => {}
                event => {
                    let root = self.node(event, place, 0)?.node;
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

    fn node(&mut self, event: Event<'a>, place: Span, depth: usize) -> Result<Measured, ScanError> {
        if depth > DEPTH_MAX {
            return self.skip(&event, place);
        }
        let (sized, anchor) = match event {
            Event::Alias(anchor) => return Ok(self.alias(anchor, place, depth)),
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), place);
                (Measured::leaf(self.scalar(&text, style, place)), anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), place);
                (self.sequence(place, depth)?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), place);
                (self.mapping(place, depth)?, anchor)
            }
            _ => (Measured::leaf(null(place)), 0),
        };
        self.keep(anchor, &sized);
        Ok(sized)
    }

    /// Keeps what an anchor stands for.
    fn keep(&mut self, anchor: usize, sized: &Measured) {
        if anchor == 0 {
            return;
        }
        let left = self.anchored_left.checked_sub(sized.nodes).filter(|_| sized.nodes <= ALIASED_NODES_MAX);
        self.anchored_left = left.unwrap_or(self.anchored_left);
        self.anchors.insert(anchor, left.map(|_| sized.clone()));
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, place: Span) -> Node {
        let (value, spelling) = match style {
            ScalarStyle::Plain => match scalar::plain(text) {
                Plain::Means(value, spelling) => (value, spelling),
                Plain::Ambiguous(why) => {
                    self.find(scalar::ambiguous(text, why, place));
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

    fn sequence(&mut self, place: Span, depth: usize) -> Result<Measured, ScanError> {
        let (mut items, mut nodes, mut height, mut span) = (Vec::new(), 1, 0, place);
        while let Some((event, at)) = self.next()? {
            if matches!(event, Event::SequenceEnd) {
                span.end = span.end.max(end_of(at, items.last().map(|item: &Node| item.span)));
                break;
            }
            let item = self.node(event, at, depth + 1)?;
            nodes += item.nodes;
            height = height.max(item.height + 1);
            items.push(item.node);
        }
        Ok(Measured { node: Node { content: Content::Sequence(items), span }, nodes, height })
    }

    fn mapping(&mut self, place: Span, depth: usize) -> Result<Measured, ScanError> {
        let (mut entries, mut nodes, mut height, mut span) = (Vec::<Entry>::new(), 1, 0, place);
        let mut seen = BTreeMap::new();
        while let Some((event, at)) = self.next()? {
            if matches!(event, Event::MappingEnd) {
                span.end = span.end.max(end_of(at, entries.last().map(|entry| entry.value.span)));
                break;
            }
            let key = self.key(event, at, depth)?;
            let Some((event, value_at)) = self.next()? else { break };
            let Measured { node: mut value, nodes: more, height: below } =
                self.node(event, value_at, depth + 1)?;
            nodes += more;
            height = height.max(below + 1);
            let Some(key) = key else { continue };
            if value.is_absent() {
                value.span = Span { start: at.end, ..at };
            }
            if let Some(first) = seen.get(&key) {
                self.find(complaint::duplicate(&key, at, *first));
            } else {
                seen.insert(key.clone(), at);
                entries.push(Entry { key, key_span: at, value });
            }
        }
        Ok(Measured { node: Node { content: Content::Mapping(Entries::new(entries)), span }, nodes, height })
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
            self.keep(anchor, &Measured::leaf(node));
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
                            .help(format!("quote it: \"{text}\""))
                            .quote(&text, place);
                    self.find(finding);
                }
                Plain::Ambiguous(why) => self.find(scalar::ambiguous(&text, why, place)),
            }
        }
        Ok(Some(text.into_owned()))
    }

    fn alias(&mut self, anchor: usize, place: Span, depth: usize) -> Measured {
        let refused = |why: &str| Diagnostic::new(&rules::ALIAS, place, why).label("alias");
        let Some(kept) = self.anchors.get(&anchor) else {
            self.find(refused("an alias stands inside the value that it names"));
            return Measured::leaf(null(place));
        };
        let left = kept.as_ref().and_then(|kept| self.aliased_left.checked_sub(kept.nodes));
        let (Some(Measured { node, nodes, height }), Some(left)) = (kept, left) else {
            let finding = refused("the aliases of this document stand for more than 10,000 values")
                .help("write the values out");
            // One finding is enough, and nothing more is expanded.
            self.aliased_left = 0;
            self.find_once(finding);
            return Measured::leaf(null(place));
        };
        if depth + height > DEPTH_MAX {
            self.too_deep(place);
            return Measured::leaf(null(place));
        }
        self.aliased_left = left;
        Measured { node: node.moved(place), nodes: *nodes, height: *height }
    }

    fn find_once(&mut self, finding: Diagnostic) {
        if !self.findings.iter().any(|other| other.rule == finding.rule) {
            self.find(finding);
        }
    }

    fn too_deep(&mut self, place: Span) {
        let text = format!("values are nested more than {DEPTH_MAX} levels deep");
        self.find_once(Diagnostic::new(&rules::DEPTH, place, text).label("too deep"));
    }

    /// Skips a node that is too deep, without recursion.
    fn skip(&mut self, event: &Event<'a>, place: Span) -> Result<Measured, ScanError> {
        self.too_deep(place);
        let mut open = usize::from(matches!(event, Event::SequenceStart(..) | Event::MappingStart(..)));
        while open > 0 {
            match self.next()? {
                Some((Event::SequenceStart(..) | Event::MappingStart(..), _)) => open += 1,
                Some((Event::SequenceEnd | Event::MappingEnd, _)) => open -= 1,
                Some(_) => {}
                None => break,
            }
        }
        Ok(Measured::leaf(null(place)))
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
