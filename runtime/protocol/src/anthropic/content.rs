//! Walks message contents and counts what is not text: images, and parts whose size the body does not show.

use serde::Deserialize;

/// What one piece of content, or all of them, is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    /// Images, inline or by reference.
    pub(crate) images: u64,
    /// Bytes of base64 image data, which are no text.
    pub(crate) image_data_bytes: u64,
    /// A part that is larger than its bytes.
    pub(crate) unsized_parts: Option<&'static str>,
}

impl Contents {
    /// Adds another's counts.
    pub(crate) fn add(&mut self, other: &Self) {
        self.images = self.images.saturating_add(other.images);
        self.image_data_bytes = self.image_data_bytes.saturating_add(other.image_data_bytes);
        self.unsized_parts = self.unsized_parts.or(other.unsized_parts);
    }
}

/// A `system` prompt has the same shape.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct System(pub(crate) Contents);

#[derive(Deserialize)]
struct Block {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    source: Option<Source>,
    /// Contents within a tool result or a search result.
    #[serde(default)]
    content: Contents,
}

#[derive(Deserialize)]
struct Source {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    data: Length,
}

impl<'de> Deserialize<'de> for Contents {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Walk)
    }
}

/// Contents are a string, a list of blocks, one block (some server tool results), or nothing.
struct Walk;

impl<'de> serde::de::Visitor<'de> for Walk {
    type Value = Contents;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string or a list of content blocks")
    }

    fn visit_str<E>(self, _: &str) -> Result<Contents, E> {
        Ok(Contents::default())
    }

    fn visit_unit<E>(self) -> Result<Contents, E> {
        Ok(Contents::default())
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut blocks: A) -> Result<Contents, A::Error> {
        let mut all = Contents::default();
        while let Some(block) = blocks.next_element::<Block>()? {
            all.add(&of_block(&block));
        }
        Ok(all)
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, block: A) -> Result<Contents, A::Error> {
        let block = Block::deserialize(serde::de::value::MapAccessDeserializer::new(block))?;
        Ok(of_block(&block))
    }
}

fn of_block(block: &Block) -> Contents {
    let mut counted = block.content.clone();
    let source = block.source.as_ref();
    match block.kind.as_str() {
        "image" => {
            counted.images = counted.images.saturating_add(1);
            let inline = source.filter(|source| source.kind == "base64").map_or(0, |source| source.data.0);
            counted.image_data_bytes = counted.image_data_bytes.saturating_add(inline);
        }
        // A page of a PDF is text and an image; a few compressed bytes can be many pages.
        "document" if source.is_none_or(|source| source.kind != "text" && source.kind != "content") => {
            counted.unsized_parts = Some("a document");
        }
        "container_upload" => counted.unsized_parts = Some("an uploaded file"),
        _ => {}
    }
    counted
}

/// The length of a string, without keeping it.
#[derive(Default)]
struct Length(u64);

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Measure;
        impl serde::de::Visitor<'_> for Measure {
            type Value = Length;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E>(self, text: &str) -> Result<Length, E> {
                Ok(Length(text.len() as u64))
            }

            fn visit_unit<E>(self) -> Result<Length, E> {
                Ok(Length(0))
            }
        }
        deserializer.deserialize_any(Measure)
    }
}
