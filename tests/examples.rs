//! Every example is checked, built and served, so that whoever copies one starts with something that works.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use pai_bundle::codec;
use pai_ledger::ManualClock;
use pai_runtime::secret::Secrets;
use pai_runtime::snapshot::Snapshot;
use pai_runtime::{Gateway, Settings};
use pai_simulator::Simulator;
use tempfile::TempDir;

use crate::support::{self, NOON};

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut all: Vec<_> =
        std::fs::read_dir(folder).expect("examples").map(|entry| entry.expect("an entry").path()).collect();
    all.sort();
    assert!(all.len() >= 2);
    all
}

#[tokio::test]
async fn every_example_is_built_and_served() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    for example in examples() {
        let folder = TempDir::new().expect("a folder");
        let bundle = folder.path().join("a.bundle");
        let built = Command::new(env!("CARGO_BIN_EXE_pai"))
            .arg("build")
            .arg(&example)
            .arg("-o")
            .arg(&bundle)
            .output();
        let built = built.expect("started");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let (mut bundle, _) = codec::decode(&std::fs::read(&bundle).expect("bytes")).expect("a bundle");

        let simulator = Simulator::start(pai_simulator::Settings::default()).await.expect("a simulator");
        support::point_at(&mut bundle, &simulator);
        let secrets = Secrets::fixed("simulated", folder.path());
        let tokens = support::credentials(&mut bundle, &secrets.pepper().expect("a pepper"));
        let models: Vec<(String, String)> = bundle
            .agents
            .iter()
            .map(|agent| (agent.name.name.to_string(), "default".to_owned()))
            .chain(
                bundle
                    .access_keys
                    .iter()
                    .map(|key| (key.name.name.to_string(), "claude-haiku-4-5".to_owned())),
            )
            .collect();
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let settings = Settings {
            listen: anywhere,
            admin_listen: anywhere,
            state: folder.path().to_owned(),
            ..Settings::default()
        };
        let snapshot = Snapshot::of(bundle, &secrets).expect("a snapshot");
        let gateway =
            Gateway::start(snapshot, &settings, Arc::new(ManualClock::at(NOON))).await.expect("a gateway");
        for (name, model) in models {
            let (_, token) = tokens.iter().find(|(known, _)| *known == name).expect("a token");
            let base = if token.reveal().starts_with("pak_") { "/ext/v1" } else { "/v1" };
            let response = reqwest::Client::new()
                .post(format!("http://{}{base}/messages", gateway.address()))
                .header("x-api-key", token.reveal())
                .header("anthropic-version", "2023-06-01")
                .json(&support::asking(&model, "Hello", false))
                .send()
                .await
                .expect("an answer");
            assert_eq!(response.status(), 200, "{} as {name}", example.display());
        }
        gateway.shutdown().await.expect("a clean stop");
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
