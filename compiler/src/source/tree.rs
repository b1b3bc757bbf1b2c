//! A YAML document in which every key and every value knows its place.

use serde_json::{Map, Value};

use super::Span;

mod entries;

pub(crate) use entries::Entries;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) content: Content,
    pub(crate) span: Span,
}

/// What a node holds.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// Text in quotes, a block, a number, a word; `spelling` is how a number or word was written.
    Scalar {
        value: Value,
        spelling: Spelling,
    },
    Sequence(Vec<Node>),
    Mapping(Entries),
}

/// How a scalar was written, as far as it matters later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    Usual,
    /// Unquoted digits with underscores: text in YAML 1.2, a number in 1.1, and here an integer where a field wants one.
    Underscores,
    /// An unquoted day or time: text in YAML 1.2, a point in time in 1.1, and here what a field for a time wants.
    Date,
}

/// One line of a mapping.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

/// One document of a file.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) root: Node,
}

impl Node {
    /// The entry of a mapping.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.content {
            Content::Mapping(entries) => entries.find(key),
            _ => None,
        }
    }

    /// The text of a string.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar { value, .. } => value.as_str(),
            _ => None,
        }
    }

    /// Whether a key has nothing behind it: null that takes no room.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self.content, Content::Scalar { value: Value::Null, .. }) && self.span.start == self.span.end
    }

    /// The same value, standing at `place` with everything in it: what an alias stands for is there where the alias is.
    pub(crate) fn moved(&self, place: Span) -> Self {
        let content = match &self.content {
            scalar @ Content::Scalar { .. } => scalar.clone(),
            Content::Sequence(items) => {
                Content::Sequence(items.iter().map(|item| item.moved(place)).collect())
            }
            Content::Mapping(entries) => {
                let moved = entries.iter().map(|entry| Entry {
                    key: entry.key.clone(),
                    key_span: place,
                    value: entry.value.moved(place),
                });
                Content::Mapping(Entries::new(moved.collect()))
            }
        };
        Self { content, span: place }
    }

    /// As JSON, places dropped.
    pub(crate) fn to_value(&self) -> Value {
        match &self.content {
            Content::Scalar { value, .. } => value.clone(),
            Content::Sequence(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Content::Mapping(entries) => {
                let pairs = entries.iter().map(|entry| (entry.key.clone(), entry.value.to_value()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }

    /// Calls `visit` with the pointer, the key's place and the node, for this node and everything in it.
    pub(crate) fn walk<'a>(&'a self, visit: &mut dyn FnMut(&str, Option<Span>, &'a Node)) {
        self.walk_from(&mut String::new(), None, visit);
    }

    fn walk_from<'a>(
        &'a self,
        pointer: &mut String,
        key: Option<Span>,
        visit: &mut dyn FnMut(&str, Option<Span>, &'a Self),
    ) {
        visit(pointer, key, self);
        let length = pointer.len();
        match &self.content {
            Content::Scalar { .. } => {}
            Content::Sequence(items) => {
                for (at, item) in items.iter().enumerate() {
                    pointer.push('/');
                    pointer.push_str(&at.to_string());
                    item.walk_from(pointer, None, visit);
                    pointer.truncate(length);
                }
            }
            Content::Mapping(entries) => {
                for entry in entries {
                    pointer.push('/');
                    pointer.push_str(&escape(&entry.key));
                    entry.value.walk_from(pointer, Some(entry.key_span), visit);
                    pointer.truncate(length);
                }
            }
        }
    }
}

/// What a JSON pointer points at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) key: Option<Span>,
    pub(crate) node: &'a Node,
}

impl Document {
    /// The node at a JSON pointer.
    pub(crate) fn find(&self, pointer: &str) -> Option<Found<'_>> {
        let mut found = Found { key: None, node: &self.root };
        for part in pointer.split('/').skip(1) {
            let part = unescape(part);
            found = match &found.node.content {
                Content::Scalar { .. } => return None,
                Content::Sequence(items) => {
                    Found { key: None, node: items.get(part.parse::<usize>().ok()?)? }
                }
                Content::Mapping(_) => {
                    let entry = found.node.entry(&part)?;
                    Found { key: Some(entry.key_span), node: &entry.value }
                }
            };
        }
        Some(found)
    }

    /// The place of the value at `pointer`, or of its nearest parent that is there. A mapping or a list is shown
    /// by its key, because its own place covers many lines.
    pub(crate) fn span(&self, pointer: &str) -> Span {
        let mut pointer = pointer;
        loop {
            if let Some(found) = self.find(pointer) {
                return match (&found.node.content, found.key) {
                    (Content::Scalar { .. }, Some(key)) if found.node.span.start == found.node.span.end => {
                        key
                    }
                    (Content::Scalar { .. }, _) | (_, None) => found.node.span,
                    (_, Some(key)) => key,
                };
            }
            match pointer.rfind('/') {
                Some(cut) => pointer = pointer.get(..cut).unwrap_or_default(),
                None => return self.root.span,
            }
        }
    }

    /// The place of the key at `pointer`, or what [`Self::span`] says where it has none.
    pub(crate) fn key_span(&self, pointer: &str) -> Span {
        self.find(pointer).and_then(|found| found.key).unwrap_or_else(|| self.span(pointer))
    }
}

/// A key as a part of a JSON pointer.
pub(crate) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn unescape(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}
