//! All strings of a value as one text, less what is no text: names, marks and settings, and data that no reader of texts
//! can read, which is named instead.
//!
//! Nothing is left out for its key alone: an id with spaces in it is no id, and `data` that is no base64 is read.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::tree::{Node, named};

/// What was met that cannot be read, each once.
#[derive(Debug, Default)]
pub(super) struct Unread {
    pub(super) names: Vec<&'static str>,
}

impl Unread {
    /// Names one.
    pub(super) fn add(&mut self, name: &'static str) {
        if !self.names.contains(&name) {
            self.names.push(name);
        }
    }
}

/// How a value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reads {
    /// As parts of a conversation, whose members have known meanings.
    Parts,
    /// The same in an answer, whose words stand beside lists of their tokens.
    Answer,
    /// As arguments of a call, whose members mean what the tool likes: every string.
    Arguments,
}

/// Members that name, mark or set something.
pub(super) const MARKS: &[&str] = &[
    "type",
    "id",
    "role",
    "status",
    "object",
    "tool_use_id",
    "tool_call_id",
    "call_id",
    "tool_id",
    "item_id",
    "media_type",
    "mime_type",
    "format",
    "detail",
    "cache_control",
    "ttl",
    "scope",
    "phase",
];

/// Members that hold seals, checksums and marks of the provider's own making, on words that stand beside them.
pub(super) const SEALS: &[&str] = &["signature", "thought_signature", "encrypted_index"];

/// Members that may hold data, or lead to it.
pub(super) const DATA: &[&str] = &[
    "data",
    "file_data",
    "b64_json",
    "partial_image_b64",
    "result",
    "url",
    "image_url",
    "file_url",
    "video_url",
    "audio_url",
    "file_id",
    "encrypted_content",
];

/// What describes a server of tools and opens it: no guard may see it.
const CREDENTIALS: &[&str] = &["authorization", "authorization_token", "headers"];

/// Longer marks are no marks. Ids of `OpenAI`'s items have some sixty characters.
const MARK_MAX_BYTES: usize = 256;

/// The least of base64 that is taken for data where nothing else says that it is.
const DATA_MIN_BYTES: usize = 64;

/// All strings of a value, a line each; `None` where there are none. `key` is the one that it stands under.
pub(super) fn whole<'a>(
    key: &str,
    node: Node<'a>,
    reads: Reads,
    unread: &mut Unread,
) -> Option<Cow<'a, str>> {
    let mut first = None;
    // Most values are one string, for which no list is made.
    let mut texts = Vec::new();
    each(key, node, reads, unread, |_, text| {
        if first.is_none() {
            first = Some(text);
        } else {
            texts.push(text);
        }
    });
    if texts.is_empty() {
        return first;
    }
    texts.insert(0, first.unwrap_or_default());
    Some(Cow::Owned(texts.join("\n")))
}

/// The strings of a value one by one, each with the key that it stands under. None is empty.
pub(super) fn each<'a>(
    key: &str,
    node: Node<'a>,
    reads: Reads,
    unread: &mut Unread,
    said: impl FnMut(&str, Cow<'a, str>),
) {
    Gathering { reads, unread, said }.value(key, node, Place::default());
}

/// Where a value stands.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// What is around it, if that is something which may hold data.
    within: Option<&'static str>,
    /// Whether the object says that its data is text, or that it is base64.
    said: Option<Data>,
    /// Whether a file is named as the place of words that stand here.
    cites: bool,
    /// Whether it belongs to thoughts, which the provider may have sealed.
    is_thought: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Data {
    Text,
    Base64,
}

struct Gathering<'u, F> {
    reads: Reads,
    unread: &'u mut Unread,
    said: F,
}

impl<'a, F: FnMut(&str, Cow<'a, str>)> Gathering<'_, F> {
    fn value(&mut self, key: &str, node: Node<'a>, place: Place) {
        match node {
            Node::Null | Node::Flag | Node::Number(_) => {}
            Node::Text(text) => self.text(key, text, place),
            Node::List(list) => list.into_iter().for_each(|node| self.value(key, node, place)),
            Node::Object(members) => self.object(key, members, place),
        }
    }

    fn object(&mut self, key: &str, members: Vec<(Cow<'a, str>, Node<'a>)>, place: Place) {
        let kind = named(&members, "type").unwrap_or_default();
        let is_server = kind == "mcp";
        let mut inner = if self.reads == Reads::Arguments { place } else { self.place(key, kind, place) };
        inner.cites = kind.ends_with("_citation")
            || members.iter().any(|(key, _)| matches!(&**key, "text" | "cited_text"));
        for (key, value) in members {
            if is_server && CREDENTIALS.contains(&&*key) && value != Node::Null {
                self.unread.add("a tool server");
                continue;
            }
            if self.reads == Reads::Answer && matches!(&*key, "logprobs" | "obfuscation") {
                continue;
            }
            // A key with more in it than a name can say something too.
            if !is_mark(&key) {
                self.push("", key.clone());
            }
            self.value(&key, value, inner);
        }
    }

    /// The place of the members of an object of this kind, which stands under this key.
    fn place(&mut self, key: &str, kind: &str, around: Place) -> Place {
        let within = match picture_or_sound(kind) {
            Some(name) => {
                self.unread.add(name);
                Some(name)
            }
            None if matches!(kind, "text" | "input_text" | "output_text") => None,
            None => around.within.or(file(kind)).or(picture_or_sound(key)).or(file(key)),
        };
        Place {
            within,
            said: match kind {
                "text" => Some(Data::Text),
                "base64" | "image_generation_call" => Some(Data::Base64),
                _ => None,
            },
            cites: false,
            is_thought: matches!(
                kind,
                "redacted_thinking" | "reasoning" | "reasoning.encrypted" | "thinking"
            ),
        }
    }

    fn text(&mut self, key: &str, text: Cow<'a, str>, place: Place) {
        if self.reads == Reads::Arguments {
            return self.push(key, text);
        }
        if MARKS.contains(&key) || (key == "file_id" && place.cites && place.within.is_none()) {
            if !is_mark(&text) {
                self.push(key, text);
            }
            return;
        }
        if SEALS.contains(&key) || (place.is_thought && matches!(key, "data" | "encrypted_content")) {
            if !is_unbroken(&text) {
                self.push(key, text);
            }
            return;
        }
        match data(key, &text, place) {
            None => self.push(key, text),
            Some(name) => match text_of(&text) {
                Some(decoded) => self.push(key, Cow::Owned(decoded)),
                None => self.unread.add(name),
            },
        }
    }

    fn push(&mut self, key: &str, text: Cow<'a, str>) {
        if !text.is_empty() {
            (self.said)(key, text);
        }
    }
}

/// What data it is; `None` where it is text.
fn data(key: &str, text: &str, place: Place) -> Option<&'static str> {
    if !DATA.contains(&key) {
        return None;
    }
    let in_file = place.within;
    let found = match key {
        "data" | "file_data" | "b64_json" | "partial_image_b64" if place.said != Some(Data::Text) => {
            is_link(text)
                || ((in_file.is_some() || place.said == Some(Data::Base64) || text.len() >= DATA_MIN_BYTES)
                    && is_base64(text))
        }
        "result" => place.said == Some(Data::Base64) && is_base64(text),
        "image_url" | "file_url" | "video_url" | "audio_url" => is_link(text),
        "url" => in_file.is_some() && is_link(text),
        "file_id" => is_mark(text),
        "encrypted_content" => is_unbroken(text),
        _ => false,
    };
    found.then(|| {
        in_file.unwrap_or(match key {
            "image_url" | "partial_image_b64" => "an image",
            "video_url" => "a video",
            "audio_url" => "audio",
            "encrypted_content" => "encrypted content",
            "data" | "b64_json" | "result" => "data",
            _ => "a file",
        })
    })
}

/// What is never text, by the type of the part or the key that it stands under.
fn picture_or_sound(word: &str) -> Option<&'static str> {
    Some(match word {
        "image"
        | "image_url"
        | "input_image"
        | "image_file"
        | "computer_screenshot"
        | "image_generation_call" => "an image",
        "audio" | "input_audio" | "audio_url" | "output_audio" => "audio",
        "video" | "video_url" | "input_video" => "a video",
        _ => return None,
    })
}

/// What may be text or not.
fn file(word: &str) -> Option<&'static str> {
    Some(match word {
        "document" => "a document",
        "file" | "input_file" | "container_upload" => "a file",
        _ => return None,
    })
}

/// Whether it can be a name or a mark: no spaces, nothing but ASCII, not long.
pub(super) fn is_mark(text: &str) -> bool {
    text.len() <= MARK_MAX_BYTES && is_unbroken(text)
}

fn is_unbroken(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_link(text: &str) -> bool {
    let is_one =
        ["https://", "http://", "data:", "gs://", "s3://"].iter().any(|scheme| text.starts_with(scheme));
    is_one && is_unbroken(text)
}

/// Whether it has the letters of base64 alone, of either alphabet.
fn is_base64(text: &str) -> bool {
    let other = |byte: &&u8| !matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'-' | b'_' | b'=');
    // Counted by the chunk, which processors do many bytes at a time.
    text.as_bytes().chunks(256).all(|chunk| chunk.iter().filter(other).count() == 0)
}

/// The words of a `data:` URL of some kind of text.
fn text_of(url: &str) -> Option<String> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let kind = head.split(';').next().unwrap_or_default();
    let is_text = kind.starts_with("text/") || matches!(kind, "application/json" | "application/xml" | "");
    if !is_text {
        return None;
    }
    if !head.ends_with(";base64") {
        return Some(data.to_owned());
    }
    let padding = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let lenient = GeneralPurpose::new(&base64::alphabet::STANDARD, padding);
    String::from_utf8(lenient.decode(data).ok()?).ok()
}
