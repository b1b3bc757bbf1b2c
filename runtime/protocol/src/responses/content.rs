//! Walks a request's input and counts what is not text: images, parts whose size the body does not show, tools.

use serde::Deserialize;
use serde::de::IgnoredAny;

/// What one item of the input, or all of it, is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Contents {
    /// Images, inline or by reference.
    pub(super) images: u64,
    /// Bytes of base64 image data, which are no text.
    pub(super) image_data_bytes: u64,
    /// A part that is larger than its bytes.
    pub(super) unsized_parts: Option<&'static str>,
    /// What makes any number of tokens possible.
    pub(super) unbounded: Option<String>,
    /// Tools that the client runs.
    pub(super) client_tools: u64,
}

impl Contents {
    fn add(&mut self, other: Self) {
        self.images = self.images.saturating_add(other.images);
        self.image_data_bytes = self.image_data_bytes.saturating_add(other.image_data_bytes);
        self.unsized_parts = self.unsized_parts.or(other.unsized_parts);
        self.unbounded = self.unbounded.take().or(other.unbounded);
        self.client_tools = self.client_tools.saturating_add(other.client_tools);
    }

    /// Counts tools that are given.
    pub(super) fn add_tools(&mut self, tools: &[Tool]) {
        for tool in tools {
            match tool.kind.as_deref() {
                Some("namespace") => self.add_tools(tool.tools.as_deref().unwrap_or_default()),
                Some(kind) if tool.runs_at_the_provider(kind) => {
                    self.unbounded.get_or_insert_with(|| format!("the built-in tool `{kind}`"));
                }
                _ => self.client_tools = self.client_tools.saturating_add(1),
            }
        }
    }
}

/// A tool, as far as it matters who runs it.
#[derive(Deserialize)]
pub(super) struct Tool {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    /// Of a shell: whose machine.
    #[serde(default)]
    environment: Option<serde_json::Value>,
    /// Of a search for tools: who searches.
    #[serde(default)]
    execution: Option<String>,
    /// Those of a namespace.
    #[serde(default)]
    tools: Option<Vec<Tool>>,
}

/// Tools that end the answer with a call for the client to run, by the types of openai-python 3.57. Whatever is not
/// among them may be run by the provider, again and again within one request.
const CLIENT_TOOL_TYPES: &[&str] =
    &["function", "custom", "local_shell", "apply_patch", "computer", "computer_use_preview"];

impl Tool {
    fn runs_at_the_provider(&self, kind: &str) -> bool {
        match kind {
            "shell" => {
                let machine = self.environment.as_ref().and_then(|place| place.get("type")?.as_str());
                machine != Some("local")
            }
            "tool_search" => self.execution.as_deref() != Some("client"),
            kind => !CLIENT_TOOL_TYPES.contains(&kind),
        }
    }
}

/// An item of the input, or a part of one.
#[derive(Deserialize)]
struct Part {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    id: Option<IgnoredAny>,
    /// Parts of a message.
    #[serde(default)]
    content: Contents,
    /// What a tool said: a string, parts, or a screenshot.
    #[serde(default)]
    output: Contents,
    /// What the code interpreter said.
    #[serde(default)]
    outputs: Contents,
    #[serde(default)]
    image_url: DataUrl,
    /// The picture that the provider drew.
    #[serde(default)]
    result: Measured,
    /// Tools that the conversation adds on its way.
    #[serde(default)]
    tools: Option<Vec<Tool>>,
}

impl Part {
    fn counted(self) -> Contents {
        let mut counted = self.content;
        counted.add(self.output);
        counted.add(self.outputs);
        let mut image = |data_bytes: u64| {
            counted.images = counted.images.saturating_add(1);
            counted.image_data_bytes = counted.image_data_bytes.saturating_add(data_bytes);
        };
        match self.kind.as_deref() {
            Some("input_image" | "computer_screenshot") => image(self.image_url.0),
            Some("image") => image(0),
            Some("image_generation_call") => image(self.result.0),
            Some("input_file") => counted.unsized_parts = Some("a file"),
            Some("input_audio") => counted.unsized_parts = Some("audio"),
            Some("item_reference") => counted.unbounded = Some("a stored item".to_owned()),
            // The API takes a reference by its id alone.
            None if self.role.is_none() && self.id.is_some() => {
                counted.unbounded = Some("a stored item".to_owned());
            }
            _ => {}
        }
        counted.add_tools(self.tools.as_deref().unwrap_or_default());
        counted
    }
}

impl<'de> Deserialize<'de> for Contents {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Walk)
    }
}

/// Contents are a string, a list of parts, one part (a screenshot), or nothing.
struct Walk;

impl<'de> serde::de::Visitor<'de> for Walk {
    type Value = Contents;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string or a list of items")
    }

    fn visit_str<E>(self, _: &str) -> Result<Contents, E> {
        Ok(Contents::default())
    }

    fn visit_unit<E>(self) -> Result<Contents, E> {
        Ok(Contents::default())
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut parts: A) -> Result<Contents, A::Error> {
        let mut all = Contents::default();
        while let Some(part) = parts.next_element::<Part>()? {
            all.add(part.counted());
        }
        Ok(all)
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, part: A) -> Result<Contents, A::Error> {
        let part = Part::deserialize(serde::de::value::MapAccessDeserializer::new(part))?;
        Ok(part.counted())
    }
}

/// The length of a string, without keeping it.
#[derive(Default)]
struct Measured(u64);

/// The length of an image's data within a URL, without keeping it; none where the data is elsewhere.
#[derive(Default)]
struct DataUrl(u64);

impl<'de> Deserialize<'de> for Measured {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Measure(str::len)).map(Self)
    }
}

impl<'de> Deserialize<'de> for DataUrl {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let data = |url: &str| {
            let data = url.strip_prefix("data:image/").and_then(|rest| rest.split_once(";base64,"));
            data.map_or(0, |(_, data)| data.len())
        };
        deserializer.deserialize_any(Measure(data)).map(Self)
    }
}

struct Measure<F>(F);

impl<F: Fn(&str) -> usize> serde::de::Visitor<'_> for Measure<F> {
    type Value = u64;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<u64, E> {
        Ok((self.0)(text) as u64)
    }

    fn visit_unit<E>(self) -> Result<u64, E> {
        Ok(0)
    }
}
