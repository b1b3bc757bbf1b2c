//! A bounded share of what `fuzz/run` does: examples and golden cases, changed at random, held to the same promises.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use pai_runtime::secret::Secrets;
use pai_runtime::snapshot::Snapshot;
use proptest::prelude::*;
use proptest::sample::Index;

#[path = "../fuzz/src/manifests.rs"]
#[expect(unreachable_pub, reason = "public in the fuzzer's crate, whose file it is")]
mod manifests;
#[path = "../fuzz/src/bundles.rs"]
#[expect(unreachable_pub, reason = "public in the fuzzer's crate, whose file it is")]
mod bundles;

/// One change of a text: where, and what.
#[derive(Debug, Clone)]
enum Change {
    Cut(Index, usize),
    Put(Index, String),
    /// A piece from elsewhere in the text.
    Copy(Index, Index, usize),
    Flip(Index, u8),
}

fn changes(words: &'static [&'static str]) -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        (any::<Index>(), 1..40_usize).prop_map(|(at, length)| Change::Cut(at, length)),
        (any::<Index>(), prop::sample::select(words)).prop_map(|(at, word)| Change::Put(at, word.to_owned())),
        (any::<Index>(), "\\PC{1,4}").prop_map(|(at, text)| Change::Put(at, text)),
        (any::<Index>(), any::<Index>(), 1..200_usize)
            .prop_map(|(at, from, length)| Change::Copy(at, from, length)),
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Flip(at, byte)),
    ];
    prop::collection::vec(change, 0..6)
}

fn changed(seed: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for change in changes {
        if bytes.is_empty() {
            break;
        }
        let piece = |from: usize, length: usize| from..(from + length).min(bytes.len());
        match change {
            Change::Cut(at, length) => drop(bytes.drain(piece(at.index(bytes.len()), *length))),
            Change::Put(at, text) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, text.bytes());
            }
            Change::Copy(at, from, length) => {
                let copy = bytes[piece(from.index(bytes.len()), *length)].to_vec();
                let at = at.index(bytes.len());
                bytes.splice(at..at, copy);
            }
            Change::Flip(at, byte) => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
        }
    }
    bytes
}

fn seeds(folders: &[&str], extension: &str) -> Vec<Vec<u8>> {
    fn walk(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, extension, found);
            } else if path.extension().is_some_and(|other| other == extension) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    for folder in folders {
        walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), extension, &mut found);
    }
    found.sort();
    assert!(!found.is_empty());
    found.iter().map(|file| std::fs::read(file).expect("a file")).collect()
}

static MANIFESTS: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| [seeds(&["examples", "tests/golden/diagnostics"], "yaml"), vec![tested()]].concat());
static BUNDLES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(bundle_seeds);

/// An example with its cases, in one input.
fn tested() -> Vec<u8> {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/seed");
    let text = |name: &str| std::fs::read_to_string(example.join(name)).expect("text");
    let manifests = ["anthropic.yaml", "anthropic-reserve.yaml", "agents.yaml", "developer.yaml"].map(text);
    format!("{}\n%%cases\n{}", manifests.join("\n---\n"), text("access.test.yaml")).into_bytes()
}

/// Bundles as files, and their contents alone.
fn bundle_seeds() -> Vec<Vec<u8>> {
    let files = seeds(&["tests/golden/bundles"], "txt");
    let contents = files.iter().map(|file| {
        let line = file.iter().position(|byte| *byte == b'\n').expect("a header");
        file[line + 1..].to_vec()
    });
    contents.chain(files.iter().cloned()).collect()
}

const MANIFEST_WORDS: &[&str] = &[
    "\n---\n",
    "\n...\n",
    "&a ",
    "*a",
    "<<: ",
    "!!str ",
    "? ",
    ": ",
    "- ",
    "|2-\n",
    "\u{feff}",
    "\r\n",
    "\u{85}",
    "\u{2028}",
    "1_000",
    "0x1F",
    "[",
    "{",
    "}",
    "]",
    "\"",
    "'",
    "#",
    "\t",
    "'*'",
    "a*b",
    "2027-01-31",
    "\n%%cedar\n",
    "%YAML 1.1\n---\n",
    "apiVersion: pai.io/v1\n",
    "10.0.0.1/8",
    "permit (principal, action, resource);",
];
const BUNDLE_WORDS: &[&str] = &[
    "18446744073709551615",
    "-1",
    "1e999",
    "null",
    "[]",
    "{}",
    "\"\"",
    "\\u0000",
    "\"default/a\"",
    "\"providers\":",
    "\"slices\":",
    "permit (principal, action, resource);",
    "\"limits\":",
    "\"credentials\":",
    "\"@id(",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_manifests_keep_the_promises(seed in any::<Index>(), changes in changes(MANIFEST_WORDS)) {
        manifests::run(&changed(&MANIFESTS[seed.index(MANIFESTS.len())], &changes));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_bundles_are_read_and_loaded_or_refused(seed in any::<Index>(), changes in changes(BUNDLE_WORDS)) {
        let bytes = changed(&BUNDLES[seed.index(BUNDLES.len())], &changes);
        bundles::run(&bytes);
        // The gateway's own way of loading, behind the digest.
        if let Ok(bundle) = serde_json::from_slice::<pai_bundle::Bundle>(&bytes) {
            let folder = tempfile::TempDir::new().expect("a folder");
            let _ = Snapshot::of(bundle, &Secrets::fixed("simulated", folder.path()));
        }
    }
}
