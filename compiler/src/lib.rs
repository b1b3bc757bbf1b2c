//! Manifest text in, bundle or diagnostics out. Pure: equal sources give equal results on every machine.
//!
//! The modules stand in the order of the data: text with places, typed manifests, the graph of what refers to what,
//! checks over it, policies and limits lowered from it, the bundle. `format` goes from text to text. `diagnostic` is what
//! all of them speak.

pub mod source;
pub mod surroundings;
mod manifest;
pub mod schema;
mod workspace;
mod graph;
pub mod check;
mod allow;
mod lower;
mod author;
mod emit;
pub mod inspect;
pub mod format;
pub mod diagnostic;
pub mod fix;

use pai_bundle::Bundle;

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
    let workspace = workspace::read(sources, &mut found);
    let graph = graph::link(workspace, surroundings, &mut found);
    check::run(&graph, &mut found);
    let authored = author::read(sources, &mut found);
    let bundle = if found.has_errors() { None } else { emit::bundle(&graph, sources, authored, &mut found) };
    Compiled { bundle, diagnostics: allow::apply(found.sorted(), sources, surroundings) }
}

/// As [`compile`], without building the bundle: what an editor or a hook asks for.
pub fn check(sources: &Sources) -> Diagnostics {
    check_within(sources, &Surroundings::default())
}

/// As [`check()`], with findings about what depends on time and place.
pub fn check_within(sources: &Sources, surroundings: &Surroundings) -> Diagnostics {
    let mut found = Diagnostics::default();
    let workspace = workspace::read(sources, &mut found);
    let graph = graph::link(workspace, surroundings, &mut found);
    check::run(&graph, &mut found);
    author::read(sources, &mut found);
    inspect::cases::read(sources, &mut found);
    allow::apply(found.sorted(), sources, surroundings)
}

#[cfg(test)]
mod tests;
