//! `pai usage`: the same numbers from a gateway at work, from its ledger afterwards, and by model from its records.

use std::path::Path;
use std::process::Command;

use pai_bundle::limit::Scope;
use pai_simulator::Scenario;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{self, MANIFESTS, World, asking};

/// Exit code, standard output and standard error for the day of the tests' clock.
fn usage(state: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_pai"))
        .args(["usage", "--since", "2026-11-23", "--until", "2026-11-23", "--state"])
        .arg(state)
        .args(arguments)
        .env_remove("PAI_ADMIN_TOKEN")
        .output()
        .expect("started");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
}

fn rows(state: &Path, arguments: &[&str]) -> Vec<Value> {
    let (code, printed, said) = usage(state, &[arguments, &["-o", "json"]].concat());
    assert_eq!(code, 0, "{said}");
    let document: Value = serde_json::from_str(&printed).expect("json");
    assert_eq!((&document["from"], &document["to"]), (&json!("2026-11-23"), &json!("2026-11-23")));
    document["rows"].as_array().expect("rows").clone()
}

/// Name, requests and all tokens of each row.
fn brief(rows: &[Value]) -> Vec<(String, u64, u64)> {
    let number = |row: &Value, field: &str| row[field].as_u64().expect("a number");
    rows.iter()
        .map(|row| {
            (
                row["name"].as_str().expect("a name").to_owned(),
                number(row, "requests"),
                number(row, "total_tokens"),
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_and_its_ledger_tell_the_same() {
    let world = World::of(MANIFESTS).await;
    for (name, model) in
        [("coder", "claude-sonnet-4-6"), ("coder", "claude-haiku-4-5"), ("laptop", "claude-haiku-4-5")]
    {
        let response = world.message(name, &asking(model, "Hello", false)).send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        response.bytes().await.expect("a body");
    }
    world.settled().await;
    world.records(3).await;
    let state = world.state.path().to_owned();

    let live = rows(&state, &[]);
    let principals = brief(&live);
    let [(coder, 2, of_coder), (laptop, 1, of_laptop)] = principals.as_slice() else { panic!("{live:?}") };
    let (of_coder, of_laptop) = (*of_coder, *of_laptop);
    assert_eq!((coder.as_str(), laptop.as_str()), ("default/coder", "default/laptop"));
    let one = &live[1];
    let classes = [
        "input_tokens",
        "cache_write_5m_tokens",
        "cache_write_1h_tokens",
        "cache_read_tokens",
        "output_tokens",
    ];
    let sum: u64 = classes.iter().map(|class| one[class].as_u64().expect("a number")).sum();
    assert_eq!(sum, of_laptop);
    assert_eq!(
        brief(&rows(&state, &["--by", "provider"])),
        [("default/anthropic".to_owned(), 3, of_coder + of_laptop)]
    );
    assert_eq!(brief(&rows(&state, &["--by", "external"])), [("default/anthropic".to_owned(), 1, of_laptop)]);
    assert_eq!(brief(&rows(&state, &["--by", "day"])), [("2026-11-23".to_owned(), 3, of_coder + of_laptop)]);
    let by_model = brief(&rows(&state, &["--by", "model"]));
    let models: Vec<(&str, u64)> =
        by_model.iter().map(|(name, requests, _)| (name.as_str(), *requests)).collect();
    assert_eq!(
        models,
        [("default/anthropic/claude-haiku-4-5", 2), ("default/anthropic/claude-sonnet-4-6", 1)]
    );
    assert_eq!(by_model.iter().map(|(.., tokens)| tokens).sum::<u64>(), of_coder + of_laptop);

    // Asked where it says, and where it is told.
    let admin = format!("http://{}", world.gateway.admin_address());
    assert_eq!(rows(&state, &["--admin", &admin]), live);
    let (_, table, _) = usage(&state, &[]);
    assert!(table.contains("agent default/coder ") && table.contains("key default/laptop "), "{table}");

    let World { gateway, .. } = world;
    gateway.shutdown().await.expect("a clean stop");
    assert_eq!(rows(&state, &[]), live);
    let (code, csv, _) = usage(&state, &["-o", "csv"]);
    assert_eq!((code, csv.lines().count()), (0, 3), "{csv}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_is_shown_as_held() {
    let world = World::of(MANIFESTS).await;
    world.simulator.push(Scenario { stall_after_events: Some(4), ..Scenario::default() });
    let mut response =
        world.message("laptop", &asking("claude-haiku-4-5", "Hello", true)).send().await.expect("an answer");
    response.chunk().await.expect("bytes").expect("some");
    let rows = rows(world.state.path(), &["--by", "key"]);
    let held = world.balance(Scope::AccessKey, "laptop").held;
    assert!(held.0 > 100, "{held:?}");
    assert_eq!(rows.first().map(|row| row["held_tokens"].as_u64()), Some(Some(held.0)), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_is_said() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let (code, _, said) = usage(folder.path(), &[]);
    assert!(code == 2 && said.contains("there is no ledger in"), "{said}");
    // Nobody listens on port 1.
    let (code, _, said) = usage(folder.path(), &["--admin", "http://127.0.0.1:1"]);
    assert!(code == 2 && said.contains("http://127.0.0.1:1 cannot be asked"), "{said}");
    let (code, _, said) = usage(folder.path(), &["--by", "model", "--admin", "http://127.0.0.1:1"]);
    assert!(code == 2 && said.contains("come from decision records"), "{said}");

    // A gateway that has the folder, and does not say where it is.
    let world = World::of(MANIFESTS).await;
    std::fs::remove_file(world.state.path().join("admin-address")).expect("it was there");
    let (code, _, said) = usage(world.state.path(), &[]);
    assert!(code == 2 && said.contains("--admin http://ADDRESS"), "{said}");
    let (code, _, said) =
        usage(world.state.path(), &["--url", &format!("http://{}", world.gateway.admin_address())]);
    assert!(code == 2 && said.contains("PAI_ADMIN_TOKEN"), "{said}");
    let world = world.restart().await;
    let asked = support::operator(world.state.path(), Method::GET, "/usage?from=soon").await.send().await;
    assert_eq!(asked.expect("an answer").status(), 400);
}
