//! Every example is checked, built and served, so that whoever copies one starts with something that works.

use std::path::{Path, PathBuf};
use std::process::Command;

use pai_bundle::{Bundle, codec};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::guarded::ATTACK;
use crate::support::{World, asking};

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut all: Vec<_> =
        std::fs::read_dir(folder).expect("examples").map(|entry| entry.expect("an entry").path()).collect();
    all.sort();
    assert!(all.len() >= 2);
    all
}

/// Runs `pai` on an example, which nothing is wrong with.
fn pai(arguments: &[&str], example: &Path) {
    let output = Command::new(env!("CARGO_BIN_EXE_pai")).args(arguments).arg(example).output();
    let output = output.expect("started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?} {}: {said}", example.display());
}

fn built(example: &Path) -> Bundle {
    let folder = TempDir::new().expect("a folder");
    let bundle = folder.path().join("a.bundle");
    pai(&["build", "-o", bundle.to_str().expect("text")], example);
    codec::decode(&std::fs::read(&bundle).expect("bytes")).expect("a bundle").0
}

/// Without warnings either, but for one: an example's agents have one provider, and so one budget.
#[test]
fn every_example_is_valid() {
    for example in examples() {
        pai(&["validate", "--deny", "warnings", "--allow", "PAI0310"], &example);
    }
}

#[tokio::test]
async fn every_example_is_built_and_served() {
    for example in examples() {
        let bundle = built(&example);
        let agents: Vec<String> = bundle.agents.iter().map(|agent| agent.name.name.to_string()).collect();
        let world = World::serving(bundle, |_| {}, |_| {}).await;
        for (name, _) in &world.tokens {
            let model = if agents.contains(name) { "default" } else { "claude-haiku-4-5" };
            let answer = world.message(name, &asking(model, "Hello", false)).send().await.expect("an answer");
            assert_eq!(answer.status(), 200, "{} as {name}", example.display());
        }
        world.gateway.shutdown().await.expect("a clean stop");
    }
}

/// What the cases of `examples/guarded` say of what guards found, said by the guards themselves.
#[tokio::test]
async fn the_guards_of_the_guarded_example_find_what_its_cases_are_about() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/guarded");
    let world = World::serving(built(&example), |_| {}, |_| {}).await;
    let with_result = |model: &str, tool: &str, max_tokens: u64| {
        json!({ "model": model, "max_tokens": max_tokens, "messages": [
            { "role": "user", "content": "What does it say?" },
            { "role": "assistant", "content": [{ "type": "tool_use", "id": "toolu_1", "name": tool, "input": {} }] },
            { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "toolu_1", "content": ATTACK }] },
        ] })
    };
    let (sonnet, haiku) = ("claude-sonnet-4-6", "claude-haiku-4-5");
    let baseline = "ModelProvider/default/anthropic/guards/prompt-attacks";
    for (body, refusing) in [
        (asking(sonnet, ATTACK, false), Some(baseline)),
        (asking(haiku, ATTACK, false), Some(baseline)),
        (with_result(sonnet, "fetch_page", 100), Some("house/flagged-results")),
        (with_result(sonnet, "mcp__tickets__read", 100), Some("house/flagged-results")),
        (with_result(sonnet, "read_own_notes", 100), None),
        (with_result(haiku, "fetch_page", 100), None),
        (with_result(haiku, "fetch_page", 2_001), Some("house/flagged-results")),
    ] {
        let answer = world.message("researcher", &body).send().await.expect("an answer");
        let status = answer.status();
        let answer: Value = answer.json().await.expect("json");
        assert_eq!(status, if refusing.is_some() { 403 } else { 200 }, "{body}: {answer}");
        assert_eq!(answer["error"]["details"]["policy"].as_str(), refusing, "{body}: {answer}");
    }
}

/// Manifests anywhere below a folder that is not hidden.
fn manifests(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() && !hidden {
            manifests(&path, found);
        } else if !hidden && path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}

/// A language server reads a modeline for the document that it stands in, so each document has one.
#[test]
fn every_document_of_an_example_names_its_schema_for_editors() {
    let mut found = Vec::new();
    manifests(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples"), &mut found);
    assert!(found.len() >= 7);
    for path in found {
        let text = std::fs::read_to_string(&path).expect("text");
        for document in text.split("---\n") {
            let schema = document
                .lines()
                .next()
                .and_then(|line| line.strip_prefix("# yaml-language-server: $schema="))
                .unwrap_or_else(|| panic!("{} has a document without a modeline", path.display()));
            let holds_cases = path.to_string_lossy().ends_with(".test.yaml");
            let name = if holds_cases { "schemas/test.schema.json" } else { "schemas/pai.schema.json" };
            assert!(schema.ends_with(name), "{}: {schema}", path.display());
            assert!(path.with_file_name(schema).exists(), "{}: {schema}", path.display());
        }
    }
}
