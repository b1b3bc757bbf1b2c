//! Every manifest of the sources, read and typed; what cannot be read is reported, and remembered by name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pai_bundle::name::{DEFAULT_NAMESPACE, Name, QualifiedName};

use crate::check::literal_secret;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::inspect::suite::cases::is_case_file;
use crate::manifest::identity::{self, Identity, identify};
use crate::manifest::{AccessKey, Agent, GuardBinding, Kind, ModelProvider, Resource, Spec};
use crate::schema::{self, Spoilt};
use crate::source::agree::{compare, second_reading, stray_mark};
use crate::source::chunk::{Chunk, chunks};
use crate::source::tree::Document;
use crate::source::{Sources, rules, yaml};

/// The manifests of a workspace, in the order of the files.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    pub(crate) providers: Vec<Resource<ModelProvider>>,
    pub(crate) agents: Vec<Resource<Agent>>,
    pub(crate) access_keys: Vec<Resource<AccessKey>>,
    pub(crate) guards: Vec<Resource<GuardBinding>>,
    pub(crate) unreadable: Unreadable,
}

/// What was meant to be there: references to it are not reported, since the cause is.
#[derive(Debug, Default)]
pub(crate) struct Unreadable {
    resources: BTreeMap<Kind, BTreeSet<QualifiedName>>,
    /// Names in text that is not even YAML, and in documents whose kind is not known.
    names: BTreeSet<String>,
}

impl Unreadable {
    pub(crate) fn is_any(&self) -> bool {
        !self.resources.is_empty() || !self.names.is_empty()
    }

    pub(crate) fn has(&self, kind: Kind, name: &QualifiedName) -> bool {
        self.resources.get(&kind).is_some_and(|named| named.contains(name))
            || self.names.contains(name.name.as_str())
    }
}

/// Reads every manifest.
pub(crate) fn read(sources: &Sources, found: &mut Diagnostics) -> Workspace {
    let mut workspace = Workspace::default();
    for (id, file) in sources.files().filter(|(_, file)| !file.is_cedar() && !is_case_file(file)) {
        for chunk in chunks(id, file) {
            workspace.chunk(chunk, found);
        }
    }
    workspace
}

impl Workspace {
    fn chunk(&mut self, chunk: Chunk<'_>, found: &mut Diagnostics) {
        if !mentions_us(chunk.text) {
            return;
        }
        let read = yaml::read(chunk);
        let mut second = None;
        for (at, (document, findings)) in read.documents.into_iter().enumerate() {
            let kind = match identify(&document) {
                Identity::Foreign => continue,
                Identity::Wrong(diagnostic) => {
                    found.push(*diagnostic);
                    self.unreadable.names.extend(name_of(&document).map(|name| name.name.to_string()));
                    found.extend(literal_secret::find(chunk));
                    continue;
                }
                Identity::Ours(kind) => kind,
            };
            let differs = if findings.is_empty() {
                let second = second.get_or_insert_with(|| second_reading(chunk));
                compare(&document.root, second.get(at)).map(|finding| stray_mark(chunk).unwrap_or(finding))
            } else {
                None
            };
            let secrets = literal_secret::find(chunk);
            let complaints = findings.iter().chain(&differs).chain(&secrets);
            let left_out = |finding: &Diagnostic| [&rules::MERGE_KEY, &rules::KEY].contains(&finding.rule);
            let spoilt = Spoilt {
                spans: complaints.map(|finding| finding.primary.span).collect(),
                incomplete: findings.iter().any(left_out),
            };
            found.extend(findings);
            found.extend(differs);
            found.extend(secrets);
            self.document(kind, document, &spoilt, found);
        }
        if let Some(stopped) = read.stopped {
            self.unreadable.names.extend(names_in(chunk.text));
            found.push(stopped);
            found.extend(literal_secret::find(chunk));
        }
    }

    fn document(&mut self, kind: Kind, document: Document, spoilt: &Spoilt, found: &mut Diagnostics) {
        let document = Arc::new(document);
        let read = match kind {
            Kind::ModelProvider => put(&mut self.providers, &document, spoilt, found),
            Kind::Agent => put(&mut self.agents, &document, spoilt, found),
            Kind::AccessKey => put(&mut self.access_keys, &document, spoilt, found),
            Kind::GuardBinding => put(&mut self.guards, &document, spoilt, found),
        };
        if let (None, Some(name)) = (read, name_of(&document)) {
            self.unreadable.resources.entry(kind).or_default().insert(name);
        }
    }
}

fn put<S: Spec>(
    list: &mut Vec<Resource<S>>,
    document: &Arc<Document>,
    spoilt: &Spoilt,
    found: &mut Diagnostics,
) -> Option<()> {
    let manifest = schema::read::<S>(document, spoilt, found)?;
    list.push(Resource::new(manifest, document.clone())?);
    Some(())
}

pub(crate) fn name_of(document: &Document) -> Option<QualifiedName> {
    let text = |pointer| document.find(pointer).and_then(|found| found.node.text());
    let name: Name = text("/metadata/name")?.parse().ok()?;
    let namespace: Name = text("/metadata/namespace").unwrap_or(DEFAULT_NAMESPACE).parse().ok()?;
    Some(QualifiedName::new(namespace, name))
}

/// Whether a text can hold anything of ours at all. Charts and templates are often not YAML, and none of our business.
pub fn mentions_us(text: &str) -> bool {
    text.contains("pai.io") || text.lines().filter_map(kind_in).any(identity::is_ours)
}

/// The kind that a line names, in YAML or JSON.
fn kind_in(line: &str) -> Option<&str> {
    let quotes = ['"', '\''];
    let rest = line.trim_start().trim_start_matches(quotes).strip_prefix("kind")?;
    let value = rest.trim_start_matches(quotes).trim_start().strip_prefix(':')?;
    Some(value.split('#').next()?.trim().trim_end_matches(',').trim_matches(quotes))
}

/// Values of `name:` in broken text.
fn names_in(text: &str) -> impl Iterator<Item = String> {
    text.match_indices("name:").filter_map(|(at, word)| {
        let value = text.get(at + word.len()..)?.trim_start_matches([' ', '"', '\'']);
        let end =
            value.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '.')).unwrap_or(value.len());
        value.get(..end).filter(|name| !name.is_empty()).map(ToOwned::to_owned)
    })
}
