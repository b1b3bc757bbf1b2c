//! Walks message contents and counts what is not text: images, and parts whose size the body does not show.

use serde::Deserialize;
use serde::de::IgnoredAny;

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

/// A part, as far as it bears on its size. vLLM takes parts without a type and goes by the member that is there.
#[derive(Deserialize)]
struct Part {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    text: Option<IgnoredAny>,
    #[serde(default)]
    image_url: Option<Picture>,
}

impl<'de> Deserialize<'de> for Contents {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Walk)
    }
}

/// Contents are a string, a list of parts, or nothing.
struct Walk;

impl<'de> serde::de::Visitor<'de> for Walk {
    type Value = Contents;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string or a list of content parts")
    }

    fn visit_str<E>(self, _: &str) -> Result<Contents, E> {
        Ok(Contents::default())
    }

    fn visit_unit<E>(self) -> Result<Contents, E> {
        Ok(Contents::default())
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut parts: A) -> Result<Contents, A::Error> {
        let mut all = Contents::default();
        while let Some(Element(contents)) = parts.next_element()? {
            all.add(&contents);
        }
        Ok(all)
    }
}

/// A part, or a plain string, which some servers take in a list as well.
struct Element(Contents);

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One;
        impl<'de> serde::de::Visitor<'de> for One {
            type Value = Element;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a content part")
            }

            fn visit_str<E>(self, _: &str) -> Result<Element, E> {
                Ok(Element(Contents::default()))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, part: A) -> Result<Element, A::Error> {
                let part = Part::deserialize(serde::de::value::MapAccessDeserializer::new(part))?;
                Ok(Element(of_part(&part)))
            }
        }
        deserializer.deserialize_any(One)
    }
}

fn of_part(part: &Part) -> Contents {
    let unsized_parts = match part.kind.as_deref() {
        // Sound is left among the text: even at 8,000 bits a second it has more than a thousand bytes of base64 where a
        // model reads some ten to thirty tokens.
        Some("text" | "refusal" | "image_url" | "input_audio") => None,
        Some("file") => Some("a file"),
        None if part.text.is_some() || part.image_url.is_some() => None,
        _ => Some("a content part of another kind than text, image and sound"),
    };
    match &part.image_url {
        Some(picture) => Contents {
            images: 1,
            image_data_bytes: picture.data_bytes,
            unsized_parts: unsized_parts.or(picture.is_other.then_some("a file in the place of an image")),
        },
        None => Contents { unsized_parts, ..Contents::default() },
    }
}

/// A picture's URL, without keeping it.
#[derive(Default)]
struct Picture {
    /// Of base64 in the URL itself.
    data_bytes: u64,
    /// Whether the URL holds something else: some servers take a PDF here, whose few bytes can be many pages.
    is_other: bool,
}

impl Picture {
    fn of(url: &str) -> Self {
        let Some((head, data)) = url.strip_prefix("data:").and_then(|rest| rest.split_once(',')) else {
            return Self::default();
        };
        let data_bytes = if head.ends_with(";base64") { data.len() as u64 } else { 0 };
        Self { data_bytes, is_other: !head.starts_with("image/") }
    }
}

impl<'de> Deserialize<'de> for Picture {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Object {
            #[serde(default)]
            url: Picture,
        }
        struct Measure;
        impl<'de> serde::de::Visitor<'de> for Measure {
            type Value = Picture;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an image's URL")
            }

            fn visit_str<E>(self, url: &str) -> Result<Picture, E> {
                Ok(Picture::of(url))
            }

            fn visit_unit<E>(self) -> Result<Picture, E> {
                Ok(Picture::default())
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, object: A) -> Result<Picture, A::Error> {
                Ok(Object::deserialize(serde::de::value::MapAccessDeserializer::new(object))?.url)
            }
        }
        deserializer.deserialize_any(Measure)
    }
}
