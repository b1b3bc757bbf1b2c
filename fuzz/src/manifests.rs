//! Any text as a workspace: nothing panics, places lie inside of the text, and the same text gives the same answer.

use pai_bundle::codec;
use pai_compiler::diagnostic::render::{Colour, Look, human, short};
use pai_compiler::inspect::World;
use pai_compiler::inspect::suite::{coverage, mutate, report, trial};
use pai_compiler::{Compiled, Sources, compile};

/// What stands between a manifest and the Cedar file behind it, for inputs that have both.
const CEDAR: &str = "\n%%cedar\n";

/// What stands between these and a file of policy tests.
const CASES: &str = "\n%%cases\n";

/// Compiles the bytes twice and looks at what comes out.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (text, cases) = text.split_once(CASES).map_or((text, None), |(text, cases)| (text, Some(cases)));
    let (manifest, policy) =
        text.split_once(CEDAR).map_or((text, None), |(text, policy)| (text, Some(policy)));
    let files = [("a.yaml", Some(manifest)), ("policies/a.cedar", policy), ("a.test.yaml", cases)];
    let sources = Sources::new(files.into_iter().filter_map(|(name, text)| Some((name, text?))));
    if cases.is_some() {
        test(&sources);
    }
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

/// Asks the cases, and weakens every rule.
fn test(sources: &Sources) {
    let (compiled, cases) = pai_compiler::compile_with_cases(sources);
    places_are_inside(&compiled, sources);
    let Some(world) = compiled.bundle.and_then(|bundle| World::new(bundle).ok()) else { return };
    let trials = trial::run(&world, &cases);
    let coverage = coverage::of(world.bundle(), &trials);
    let mutation = mutate::run(&world, &cases);
    let results = report::Results {
        of: ".",
        trials: &trials,
        coverage: &coverage,
        lists_idle_lines: true,
        mutation: Some(&mutation),
    };
    for form in [report::human, report::json, report::junit] {
        assert!(!form(&results).is_empty());
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
