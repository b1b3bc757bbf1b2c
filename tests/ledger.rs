//! `pai ledger`: ledgers at work and at rest, sound ones, and ones that are broken on purpose, with what is said of each.

mod books;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use pai_bundle::limit::Scope;
use pai_simulator::{Cut, Fault, Scenario};
use serde_json::{Value, json};
use snapbox::data::DataFormat;
use snapbox::{Assert, Data};

use self::books::Books;
use crate::processes::Place;
use crate::random::Random;
use crate::support::{MANIFESTS, World, asking, hello};

/// Exit code, standard output, standard error.
fn ledger(arguments: &[&str], folder: &Path, more: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pai"));
    command.arg("ledger").args(arguments).arg(folder).args(more).env_remove("PAI_ADMIN_TOKEN");
    // As whoever asks a gateway elsewhere has it.
    if let Ok(token) = std::fs::read_to_string(folder.join("admin-token")) {
        command.env("PAI_ADMIN_TOKEN", token.trim());
    }
    let output = command.env("NO_COLOR", "1").output().expect("started");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
}

fn check(state: &Path) -> (i32, String, String) {
    ledger(&["check", "--state"], state, &[])
}

/// Compares with `tests/golden/ledger`, or rewrites it.
fn expect(name: &str, actual: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/ledger").join(name);
    if std::env::var_os("SNAPSHOTS").is_some() && !file.exists() {
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(&file, "").expect("written");
    }
    let expected = Data::read_from(&file, Some(DataFormat::Text)).raw();
    Assert::new().action_env("SNAPSHOTS").eq(Data::text(actual).raw(), expected);
}

/// A ledger that is changed, and whether the check may pass.
type Case = (&'static str, i32, fn(&mut Books));

const CASES: [Case; 19] = [
    ("sound", 0, |_| {}),
    ("killed", 0, |books| {
        // The last write of the provider's account came before the last settlement, which its mark covers.
        let provider = books.entry(Scope::Provider, "anthropic", 0);
        provider.input -= 30;
        provider.cost -= 90_000;
        provider.ahead += 90_000;
        provider.requests -= 1;
        books.entry(Scope::Agent, "coder", 0).mark += 40;
    }),
    ("record-lost", 0, |books| drop(books.records.remove(0))),
    ("record-torn", 0, |books| books.torn = true),
    ("limit-lowered", 0, |books| {
        books.manifests = books.manifests.replace("maxPerDay: 400000", "maxPerDay: 50");
    }),
    ("past-midnight", 0, |books| {
        // Counted on the second day, recorded under the first.
        for (scope, name) in [(Scope::Provider, "anthropic"), (Scope::Agent, "coder")] {
            books.entry(scope, name, 0).add(-1, -30, -90_000);
            books.entry(scope, name, 1).add(1, 30, 90_000);
        }
    }),
    ("over-limit", 1, |books| {
        books.manifests = books.manifests.replace("  maxTokensPerDay: 300000", "  maxTokensPerDay: 10");
        books.admitted_under(15, 1.0);
    }),
    ("over-limit-in-money", 1, |books| {
        let capped = "maxTokensPerDay: 300000\n  maxCostPerDayUSD: 0.00005";
        books.manifests = books.manifests.replace("maxTokensPerDay: 300000", capped);
        books.admitted_under(1_000_000, 0.000_01);
    }),
    ("beyond-mark", 1, |books| books.entry(Scope::Agent, "coder", 0).mark = 1),
    ("damaged-record", 1, |books| books.damaged = Some((Scope::AccessKey, "laptop", 1))),
    ("damaged-only-record", 1, |books| {
        books.entries.retain(|entry| entry.is(Scope::Agent, "coder", 1));
        books.damaged = Some((Scope::Agent, "coder", 1));
    }),
    ("damaged-key", 1, |books| books.stray_key = true),
    ("estimated-beyond-all", 1, |books| books.entry(Scope::Agent, "coder", 1).estimated = 61),
    ("providers-differ", 1, |books| books.entry(Scope::Provider, "anthropic", 1).add(0, -7, 0)),
    ("external-differs", 1, |books| {
        let external = books.entry(Scope::ProviderExternal, "anthropic", 0);
        external.output += 500;
        external.mark += 500;
    }),
    ("external-beyond-provider", 1, |books| {
        // The sums of all providers stay what they are.
        books.entry(Scope::Provider, "anthropic", 1).add(0, -65, 0);
        books.entry(Scope::Provider, "reserve", 1).add(0, 65, 0);
    }),
    ("more-recorded", 1, |books| {
        for (scope, name) in [(Scope::Provider, "anthropic"), (Scope::Agent, "coder")] {
            books.entry(scope, name, 1).add(-1, -60, -180_000);
        }
    }),
    ("less-recorded", 1, |books| {
        for (scope, name) in [(Scope::Provider, "anthropic"), (Scope::Agent, "coder")] {
            books.entry(scope, name, 0).add(0, 5, 15_000);
        }
    }),
    ("nothing-counted", 1, |books| books.entries.clear()),
];

#[test]
fn every_broken_ledger_is_found_out_and_no_sound_one_is() {
    for (name, code, change) in CASES {
        let mut books = Books::sound();
        change(&mut books);
        let folder = books.write();
        let (found, printed, said) = ledger(&["check"], folder.path(), &[]);
        assert_eq!((found, said.as_str()), (code, ""), "{name}: {printed}");
        expect(&format!("check-{name}.txt"), &printed);
    }
}

#[test]
fn an_export_has_all_that_conservation_is_about() {
    let folder = Books::sound().write();
    for (form, name) in [("table", "export.txt"), ("json", "export.json"), ("csv", "export.csv")] {
        let period = ["--since", "2026-11-22", "--until", "2026-11-23", "-o", form];
        let (code, printed, said) = ledger(&["export"], folder.path(), &period);
        assert_eq!((code, said.as_str()), (0, ""));
        expect(name, &printed);
    }
    let (code, printed, said) =
        ledger(&["export"], folder.path(), &["--since", "2026-11-24", "--until", "2026-11-25"]);
    assert_eq!((code, printed.as_str()), (0, ""));
    assert_eq!(said, "nothing was counted from 2026-11-24 to 2026-11-25\n");
}

#[test]
fn without_a_workspace_the_rest_is_checked_and_exported_all_the_same() {
    let mut books = Books::sound();
    books.entry(Scope::Agent, "coder", 0).estimated = 9_999;
    let folder = books.write();
    let state = folder.path().join(".pai");
    let (code, printed, _) = check(&state);
    assert_eq!(code, 1);
    assert!(printed.contains("note  no limits are known") && printed.contains("more estimated"), "{printed}");
    let (code, printed, said) =
        ledger(&["export", "--state"], &state, &["--since", "2026-11-22", "-o", "csv"]);
    assert_eq!(code, 0);
    assert!(said.contains("no limits are known"), "{said}");
    assert_eq!(printed.lines().count(), 1 + Books::sound().entries.len(), "{printed}");
}

#[test]
fn what_cannot_be_read_at_all_is_said() {
    let folder = Books::sound().write();
    std::fs::write(folder.path().join("wrong.yaml"), "apiVersion: pai.io/v1\nkind: Agent\n")
        .expect("written");
    let (code, printed, said) = ledger(&["check"], folder.path(), &[]);
    assert_eq!((code, printed.as_str()), (1, ""), "limits that nobody knows decide nothing");
    assert!(said.contains("PAI02"), "{said}");

    let empty = tempfile::TempDir::new().expect("a folder");
    let (code, _, said) = check(empty.path());
    assert!(code == 2 && said.contains("there is no ledger in"), "{said}");
    assert!(!empty.path().join("ledger").exists(), "an audit makes no ledger");

    let folder = Books::sound().write();
    std::fs::write(folder.path().join(".pai/ledger/sled/conf"), "no configuration").expect("written");
    let (code, printed, _) = ledger(&["check"], folder.path(), &[]);
    assert_eq!(code, 1, "{printed}");
    assert!(
        printed.starts_with("FAIL  cannot open the database in") && printed.contains("to do"),
        "{printed}"
    );
}

#[test]
fn an_export_leaves_no_account_out_in_silence() {
    let mut books = Books::sound();
    books.damaged = Some((Scope::AccessKey, "laptop", 1));
    let folder = books.write();
    let (code, printed, said) = ledger(&["export"], folder.path(), &["--since", "2026-11-22"]);
    assert_eq!((code, printed.as_str()), (2, ""));
    assert!(said.contains("access-key `default/laptop` on 2026-11-23"), "{said}");
}

fn exported(state: &Path) -> Vec<Value> {
    let day = ["--since", "2026-11-23", "--until", "2026-11-23", "-o", "json"];
    let (code, printed, said) = ledger(&["export", "--state"], state, &day);
    assert_eq!(code, 0, "{said}");
    let document: Value = serde_json::from_str(&printed).expect("json");
    document["rows"].as_array().expect("rows").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_at_work_and_its_ledger_hold_what_they_promise() {
    let world = World::of(MANIFESTS).await;
    for (name, model) in [("coder", "claude-sonnet-4-6"), ("laptop", "claude-haiku-4-5")] {
        let response = world.message(name, &asking(model, "Hello", false)).send().await.expect("an answer");
        response.bytes().await.expect("a body");
    }
    world.settled().await;
    world.records(2).await;
    world.simulator.push(Scenario { stall_after_events: Some(4), ..Scenario::default() });
    let mut under_way = world.message("laptop", &hello(true)).send().await.expect("an answer");
    under_way.chunk().await.expect("bytes").expect("some");

    let state = world.state.path().to_owned();
    let rows = exported(&state);
    assert_eq!(rows.len(), 4, "provider, external, agent, key: {rows:?}");
    for row in &rows {
        let number = |field: &str| row[field].as_i64().expect("a number");
        let parts = number("settled_tokens") + number("held_tokens") + number("free_tokens");
        assert_eq!(parts, number("limit_tokens"), "{row}");
        assert!(number("mark_tokens") >= number("settled_tokens") + number("held_tokens"), "{row}");
    }
    let held = world.balance(Scope::AccessKey, "laptop").held.0;
    let key = rows.iter().find(|row| row["scope"] == "accessKey").expect("the key's");
    assert!(held > 100);
    assert_eq!((&key["held_tokens"], &key["limit_tokens"]), (&json!(held), &json!(300_000)));
    let (code, printed, said) = check(&state);
    assert_eq!((code, said.as_str()), (0, ""), "{printed}");
    assert_eq!(printed, "all holds; accounts: 4, with a limit: 4, days: 1, decision records: 2\n");
    let admin = format!("http://{}", world.gateway.admin_address());
    let (code, printed, _) = ledger(&["check", "--admin", &admin], &state, &[]);
    assert_eq!(code, 0, "{printed}");
    assert!(printed.starts_with("note  there are no decision records"), "{printed}");

    drop(under_way);
    world.settled().await;
    world.records(3).await;
    let World { gateway, .. } = world;
    gateway.shutdown().await.expect("a clean stop");
    let after = exported(&state);
    assert!(after.iter().all(|row| row["held_tokens"] == 0 && row["mark_tokens"] == row["settled_tokens"]));
    let (code, printed, _) = check(&state);
    assert_eq!(code, 0, "{printed}");
    assert!(printed.ends_with("accounts: 4, with a limit: 0, days: 1, decision records: 3\n"), "{printed}");
}

/// Answers of every sort, and clients that leave at some moment.
async fn client(world: &World, name: &str, mut random: Random) {
    for _ in 0..12 {
        let usual = Scenario { output_tokens: 20, cache_read: 5, ..Scenario::default() };
        world.simulator.push(match random.below(8) {
            0 => Scenario { fault: Some(Fault::Status { status: 400, retry_after: None }), ..usual },
            1 => Scenario { fault: Some(Fault::Hangup), ..usual },
            2 => Scenario { fault: Some(Fault::Garbage), ..usual },
            3 => Scenario { cut: Some(Cut::Bytes(70)), ..usual },
            4 => Scenario { error_after_events: Some(5), ..usual },
            5 => Scenario { first_byte_delay: Duration::from_millis(20), ..usual },
            _ => usual,
        });
        let request = world.message(name, &hello(random.below(2) == 0)).send();
        let patience = Duration::from_millis(if random.below(4) == 0 { random.below(40) } else { 60_000 });
        let whole = async {
            let Ok(answer) = request.await else { return };
            // Some of them are cut.
            let _ = answer.bytes().await;
        };
        let _ = tokio::time::timeout(patience, whole).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn however_requests_end_ledger_and_records_agree_to_the_token() {
    let world = World::of(MANIFESTS).await;
    let clients = ["coder", "laptop", "coder", "laptop"].into_iter().zip(1..);
    let all = clients.map(|(name, seed)| client(&world, name, Random::of(seed)));
    futures_util::future::join_all(all).await;
    world.settled().await;
    let state = world.state.path().to_owned();
    let (code, printed, _) = check(&state);
    assert_eq!(code, 0, "{printed}");
    let World { gateway, .. } = world;
    gateway.shutdown().await.expect("a clean stop");
    std::fs::write(state.join("pai.yaml"), MANIFESTS).expect("written");
    let workspace = ledger(&["check", "--state"], &state, &[state.to_str().expect("text")]);
    // Not even a note: after a clean stop nothing is missing.
    assert!(
        workspace.0 == 0 && workspace.1.starts_with("all holds; accounts: 4, with a limit: 4"),
        "{workspace:?}"
    );
}

/// Streams, one after the other, until the gateway is gone.
async fn stream(url: String, token: String) {
    let client = reqwest::Client::new();
    loop {
        let request = client.post(format!("{url}/v1/messages")).header("x-api-key", &token);
        let request = request.header("anthropic-version", "2023-06-01");
        let body = asking("claude-haiku-4-5", "Hello there", true);
        let Ok(answer) = request.json(&body).send().await else { return };
        if answer.bytes().await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_gateway_leaves_a_ledger_that_holds() {
    let place = Place::new().await;
    let mut random = Random::of(1);
    for kill in 0..4 {
        place.simulator.log().clear();
        let mut gateway = place.start();
        let url = gateway.url().await;
        let clients: Vec<_> =
            (0..4).map(|_| tokio::spawn(stream(url.clone(), place.token.clone()))).collect();
        let served = async {
            while place.simulator.log().len() < 8 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), served).await.expect("requests arrive");
        tokio::time::sleep(Duration::from_millis(random.below(200))).await;
        gateway.kill();
        for client in clients {
            client.await.expect("no panic");
        }
        let (code, printed, said) = check(&place.state());
        assert_eq!((code, said.as_str()), (0, ""), "kill {kill}: {printed}");
        assert!(printed.contains("because the gateway was killed"), "{printed}");
    }
}
