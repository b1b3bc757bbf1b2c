//! Cases that say what must be allowed and what refused: YAML files beside the manifests, `*.test.yaml`.

use pai_bundle::unit::{Tokens, UnixSeconds};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod written;
mod account;
mod resolve;
pub(crate) mod rules;

pub use account::account;
pub(in crate::inspect) use account::word;
pub(crate) use written::CaseFile;

use crate::diagnostic::nearest::nearest;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::graph::Graph;
use crate::inspect::question::Question;
use crate::manifest::identity::{Identity, identify};
use crate::schema;
use crate::source::agree::{compare, second_reading, stray_mark};
use crate::source::tree::{Content, Document};
use crate::source::{File, Sources, chunk, yaml};
use resolve::Resolver;

/// What a file of cases ends with.
const ENDINGS: [&str; 2] = [".test.yaml", ".test.yml"];

/// 2026-01-01T00:00:00Z: a case that names no time means the same on every day.
pub(super) const AT: UnixSeconds = UnixSeconds(1_767_225_600);

/// The tokens of a case that names none.
pub(super) const TOKENS: Tokens = Tokens(1_000);

/// What must come of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Expect {
    /// A provider is asked.
    Allowed,
    /// Nothing is sent.
    Refused,
}

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it is about, in words.
    pub name: String,
    /// Its file, relative to the workspace.
    pub file: String,
    /// Its line there, from 1.
    pub line: u32,
    /// What is asked.
    pub question: Question,
    /// What must come of it.
    pub expect: Expect,
    /// The policy's id, its code, or the field that must be the first to decide.
    pub by: Option<String>,
    /// The model that must be asked, as `provider/id`.
    pub served_by: Option<String>,
}

/// Whether a file holds cases rather than manifests.
pub(crate) fn is_case_file(file: &File) -> bool {
    ENDINGS.iter().any(|ending| file.path().ends_with(ending))
}

/// Every case of a workspace, in the order of the files. What cannot be read is reported.
pub(crate) fn read(sources: &Sources, graph: &Graph, found: &mut Diagnostics) -> Vec<Case> {
    let mut cases = Vec::new();
    for (id, file) in sources.files().filter(|(_, file)| is_case_file(file)) {
        for chunk in chunk::chunks(id, file) {
            let read = yaml::read(chunk);
            let mut second = None;
            for (at, (document, findings)) in read.documents.into_iter().enumerate() {
                if let Some(manifest) = misplaced(&document) {
                    found.push(manifest);
                    continue;
                }
                if !is_ours(&document) {
                    continue;
                }
                let differs = if findings.is_empty() {
                    let second = second.get_or_insert_with(|| second_reading(chunk));
                    compare(&document.root, second.get(at))
                        .map(|finding| stray_mark(chunk).unwrap_or(finding))
                } else {
                    None
                };
                let is_whole = findings.is_empty() && differs.is_none();
                found.extend(findings.into_iter().chain(differs));
                if is_whole && let Some(written) = schema::read_cases(&document, found) {
                    cases.extend(Resolver { document: &document, sources, graph }.cases(&written, found));
                }
            }
            found.extend(read.stopped);
        }
    }
    cases
}

/// Whether a document is meant to hold cases. Others name their files alike.
pub(crate) fn is_ours(document: &Document) -> bool {
    let Content::Mapping(entries) = &document.root.content else { return false };
    entries.iter().any(|entry| nearest(&entry.key, ["cases", "defaults"]).is_some())
}

/// A manifest in a file that is not read for manifests.
fn misplaced(document: &Document) -> Option<Diagnostic> {
    let (Identity::Ours(_) | Identity::Wrong(_)) = identify(document) else { return None };
    let span = document.span("/kind");
    let finding =
        Diagnostic::new(&rules::MISPLACED, span, "a manifest in a file of policy tests is not read");
    Some(finding.label("a manifest").help("move it to a file whose name does not end with `.test.yaml`"))
}
