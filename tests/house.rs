//! Rules of the house about the code itself, as facts that a test can see.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Which crate may use which: ARCHITECTURE.md draws the same.
const ARROWS: [(&str, &[&str]); 9] = [
    ("pai-bundle", &[]),
    ("pai-policies", &["pai-bundle"]),
    ("pai-compiler", &["pai-bundle", "pai-guards", "pai-policies"]),
    ("pai-ledger", &["pai-bundle"]),
    ("pai-protocol", &["pai-bundle"]),
    ("pai-runtime", &["pai-bundle", "pai-guards", "pai-ledger", "pai-policies", "pai-protocol"]),
    ("pai-simulator", &[]),
    ("pai-guards", &[]),
    (
        "pai",
        &[
            "pai-bundle",
            "pai-compiler",
            "pai-guards",
            "pai-ledger",
            "pai-policies",
            "pai-runtime",
            "pai-simulator",
        ],
    ),
];

/// What must not be reachable from a crate, however many crates lie between.
const APART: [(&str, &[&str]); 6] = [
    ("pai-runtime", &["pai-compiler", "pai-simulator", "jsonschema", "saphyr-parser"]),
    ("pai-ledger", &["cedar-policy", "axum", "reqwest"]),
    ("pai-protocol", &["tokio", "axum", "reqwest", "cedar-policy", "sled"]),
    ("pai-compiler", &["tokio", "reqwest", "sled", "axum"]),
    ("pai-simulator", &["cedar-policy", "sled"]),
    ("pai-guards", &["tokio", "reqwest", "axum", "sled", "cedar-policy"]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn crates_depend_on_each_other_as_drawn() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo metadata");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("json");
    let mut drawn = BTreeMap::new();
    for package in metadata["packages"].as_array().expect("packages") {
        let mut arrows: Vec<&str> = package["dependencies"]
            .as_array()
            .expect("dependencies")
            .iter()
            .filter(|dependency| dependency["kind"].is_null())
            .filter_map(|dependency| dependency["name"].as_str())
            .filter(|name| name.starts_with("pai-"))
            .collect();
        arrows.sort_unstable();
        drawn.insert(package["name"].as_str().expect("a name"), arrows);
    }
    let wanted: BTreeMap<&str, Vec<&str>> = ARROWS.iter().map(|(name, to)| (*name, to.to_vec())).collect();
    assert_eq!(drawn, wanted);
}

#[test]
fn what_must_stay_apart_stays_apart() {
    for (name, kept_out) in APART {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "-p", name, "-e", "normal", "--prefix", "none", "--offline", "--format", "{p}"])
            .current_dir(root())
            .output()
            .expect("cargo tree");
        let tree = String::from_utf8(output.stdout).expect("text");
        assert!(tree.starts_with(name), "{}", String::from_utf8_lossy(&output.stderr));
        for line in tree.lines() {
            let package = line.split(' ').next().unwrap_or_default();
            assert!(!kept_out.contains(&package), "{name} reaches {package}");
        }
    }
}

/// Every Rust file of the workspace.
fn rust_files() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(root(), &mut found);
    found.sort();
    assert!(found.len() > 100);
    found
}

#[test]
fn every_file_begins_by_saying_what_lives_in_it() {
    for file in rust_files() {
        let text = std::fs::read_to_string(&file).expect("text");
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("//! ") && first.len() > 20, "{}: {first}", file.display());
    }
}

#[test]
fn no_file_is_a_drawer() {
    for file in rust_files() {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(
            !["utils", "util", "common", "helpers", "misc", "mod"].contains(&name.as_str()),
            "{}",
            file.display()
        );
        let lines = std::fs::read_to_string(&file).expect("text").lines().count();
        assert!(lines <= 600, "{} has {lines} lines", file.display());
    }
}

#[test]
fn the_two_commands_stand_in_the_readme() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("a README");
    for command in ["cargo run --release -- serve examples/quickstart --simulate", "cargo test --workspace"] {
        assert!(readme.contains(command), "{command}");
    }
}
