//! Where in a file a manifest stands: the document that says it is of that kind and name.

use pai_bundle::name::QualifiedName;

use super::EditError;
use crate::manifest::Kind;
use crate::manifest::identity::{Identity, identify};
use crate::source::chunk::chunks;
use crate::source::{Sources, yaml};
use crate::workspace::{mentions_us, name_of};

/// Which manifest is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace and name.
    pub name: QualifiedName,
}

/// The bytes of a document in its file, its marker included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    start: usize,
    end: usize,
    /// Whether nothing but a byte order mark stands before it.
    is_first: bool,
}

impl Place {
    pub(super) fn text<'a>(&self, file: &'a str) -> &'a str {
        file.get(self.start..self.end).unwrap_or_default()
    }

    pub(super) fn around<'a>(&self, file: &'a str) -> (&'a str, &'a str) {
        (file.get(..self.start).unwrap_or_default(), file.get(self.end..).unwrap_or_default())
    }

    pub(super) fn put(&self, file: &str, new: &str) -> String {
        let (before, after) = self.around(file);
        format!("{before}{new}{after}")
    }

    pub(super) fn lines_before(&self, file: &str) -> usize {
        self.around(file).0.matches('\n').count()
    }

    pub(super) fn is_first(&self) -> bool {
        self.is_first
    }

    pub(super) fn is_last(&self, file: &str) -> bool {
        self.end == file.len()
    }
}

/// The one document of a manifest.
pub(super) fn one(text: &str, target: &Target) -> Result<Place, EditError> {
    let sources = Sources::new([("", text)]);
    let mut found: Option<Place> = None;
    for (id, file) in sources.files() {
        for (at, chunk) in chunks(id, file).into_iter().enumerate() {
            if !mentions_us(chunk.text) {
                continue;
            }
            let read = yaml::read(chunk);
            let is_it = read.documents.iter().any(|(document, _)| {
                matches!(identify(document), Identity::Ours(kind) if kind == target.kind)
                    && name_of(document).is_some_and(|name| name == target.name)
            });
            if !is_it {
                continue;
            }
            let place = Place { start: chunk.start, end: chunk.start + chunk.text.len(), is_first: at == 0 };
            if found.is_some() {
                return Err(EditError::Twice {
                    line: place.lines_before(text) + 1,
                    kind: target.kind.slug(),
                    name: target.name.to_string(),
                });
            }
            found = Some(place);
        }
    }
    found.ok_or_else(|| EditError::Missing { kind: target.kind.slug(), name: target.name.to_string() })
}

/// Whether a text has no document in it.
pub(super) fn is_blank(text: &str) -> bool {
    text.trim_start_matches('\u{feff}').lines().all(|line| {
        let bare = line.trim();
        bare.is_empty() || bare.starts_with('#') || bare == "---"
    })
}
