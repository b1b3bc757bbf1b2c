//! Manifest text in, bundle or diagnostics out. Pure: equal sources give equal results on every machine.
//!
//! The modules stand in the order of the data: text with places, typed manifests, the graph of what refers to what,
//! checks over it, policies and limits lowered from it, the bundle. `format` and `edit` go from text to text. `diagnostic` is what
//! all of them speak.

pub mod source;
pub mod surroundings;
mod manifest;
pub mod schema;
mod workspace;
mod graph;
pub mod resources;
pub mod deployed;
pub mod check;
mod allow;
mod lower;
mod author;
mod emit;
pub mod inspect;
pub mod format;
pub mod edit;
pub mod diagnostic;
pub mod fix;

use graph::Graph;
use inspect::suite::cases::{self, Case};
use pai_bundle::Bundle;
use pai_bundle::policy::Policy;

pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use source::Sources;
pub use surroundings::Surroundings;
pub use workspace::mentions_us;

/// What became of a workspace.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The bundle; `None` where there are errors.
    pub bundle: Option<Bundle>,
    /// Errors and warnings, by file and place.
    pub diagnostics: Diagnostics,
}

/// Compiles a workspace: manifests (any file but `*.cedar`) and authors' policies (`*.cedar`).
pub fn compile(sources: &Sources) -> Compiled {
    compile_within(sources, &Surroundings::default())
}

/// As [`compile`], with findings about what depends on time and place. The bundle is the same.
pub fn compile_within(sources: &Sources, surroundings: &Surroundings) -> Compiled {
    let mut found = Diagnostics::default();
    let (graph, authored) = read(sources, surroundings, &mut found);
    let bundle = if found.has_errors() { None } else { emit::bundle(&graph, sources, authored, &mut found) };
    Compiled { bundle, diagnostics: allow::apply(found.sorted(), sources, surroundings) }
}

/// As [`compile`], with the policy tests of the workspace. Where one cannot be read there is no bundle either.
pub fn compile_with_cases(sources: &Sources) -> (Compiled, Vec<Case>) {
    let surroundings = Surroundings::default();
    let mut found = Diagnostics::default();
    let (graph, authored) = read(sources, &surroundings, &mut found);
    let cases = cases::read(sources, &graph, &mut found);
    let bundle = if found.has_errors() { None } else { emit::bundle(&graph, sources, authored, &mut found) };
    (Compiled { bundle, diagnostics: allow::apply(found.sorted(), sources, &surroundings) }, cases)
}

/// As [`compile`], without building the bundle, and with a look at policy tests: what an editor or a hook asks for.
pub fn check(sources: &Sources) -> Diagnostics {
    check_within(sources, &Surroundings::default())
}

/// As [`check()`], with findings about what depends on time and place.
pub fn check_within(sources: &Sources, surroundings: &Surroundings) -> Diagnostics {
    let mut found = Diagnostics::default();
    let (graph, _) = read(sources, surroundings, &mut found);
    cases::read(sources, &graph, &mut found);
    allow::apply(found.sorted(), sources, surroundings)
}

/// Manifests and authors' policies, with all that is to be said of them.
fn read(sources: &Sources, surroundings: &Surroundings, found: &mut Diagnostics) -> (Graph, Vec<Policy>) {
    let workspace = workspace::read(sources, found);
    let graph = graph::link(workspace, surroundings, found);
    check::run(&graph, found);
    let authored = author::read(sources, &graph, found);
    (graph, authored)
}

#[cfg(test)]
mod tests;
