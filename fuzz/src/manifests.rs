//! Any text as a workspace: nothing panics, places lie inside of the text, and the same text gives the same answer.

use pai_bundle::codec;
use pai_compiler::diagnostic::render::{Colour, Look, human, short};
use pai_compiler::{Compiled, Sources, compile};

/// What stands between a manifest and the Cedar file behind it, for inputs that have both.
const CEDAR: &str = "\n%%cedar\n";

/// Compiles the bytes twice and looks at what comes out.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let sources = match text.split_once(CEDAR) {
        Some((manifest, policy)) => Sources::new([("a.yaml", manifest), ("policies/a.cedar", policy)]),
        None => Sources::new([("a.yaml", text)]),
    };
    let compiled = compile(&sources);
    places_are_inside(&compiled, &sources);
    let report = short(&compiled.diagnostics, &sources);
    human(&compiled.diagnostics, &sources, Look { width: 100, colour: Colour::None, docs: None });
    let again = compile(&sources);
    assert_eq!(report, short(&again.diagnostics, &sources), "two runs differ");
    assert_eq!(compiled.bundle.is_none(), compiled.diagnostics.has_errors(), "{report}");
    if let (Some(bundle), Some(again)) = (compiled.bundle, again.bundle) {
        let encoded =
            |bundle| codec::encode(bundle).map(|(bytes, _)| bytes).expect("a bundle that can be written");
        let bytes = encoded(&bundle);
        assert_eq!(bytes, encoded(&again), "two bundles differ");
        let (decoded, _) = codec::decode(&bytes).expect("a bundle that can be read");
        pai_policies::Authorizer::new(&decoded).expect("a bundle that can be loaded");
    }
}

fn places_are_inside(compiled: &Compiled, sources: &Sources) {
    for finding in compiled.diagnostics.iter() {
        for label in std::iter::once(&finding.primary).chain(&finding.secondary) {
            let text = sources.file(label.span.file).expect("a file of these sources").text();
            assert!(
                text.get(label.span.start..label.span.end).is_some(),
                "{}: {:?}",
                finding.message,
                label.span
            );
        }
    }
}
