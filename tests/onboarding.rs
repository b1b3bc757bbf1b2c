//! From an empty folder to an answer, as `docs/quickstart.md` shows it: its own commands, at a terminal, in two homes.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use pai_simulator::Simulator;
use rexpect::reader::Options;
use rexpect::session::{PtySession, spawn_with_options};
use serde_json::Value;

use crate::person::Person;
use crate::support::{PROVIDER_KEY, hello};

/// Long, because the machine may be busy; a test that works waits for none of it.
const PATIENCE_MS: u64 = 60_000;

/// The commands of a page: lines of its `sh` blocks.
fn commands(page: &str) -> Vec<String> {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).expect("a page");
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.flat_map(str::lines).filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
}

/// A command line in a shell at a terminal.
fn at_terminal(mut shell: Command, line: &str) -> PtySession {
    shell.args(["-c", line]);
    let options = Options::new().timeout_ms(Some(PATIENCE_MS)).strip_ansi_escape_codes(true);
    spawn_with_options(shell, options).expect("a terminal")
}

/// Everything that it still shows, once it has ended well.
fn rest(mut session: PtySession, line: &str) -> String {
    let shown = session.exp_eof().expect("an end");
    let status = session.process().wait().expect("ended");
    assert!(format!("{status:?}").contains(", 0)"), "{line}: {status:?}: {shown}");
    text(&shown)
}

/// What a terminal has shown: the crate reads each byte as a character.
fn text(shown: &str) -> String {
    let bytes: Vec<u8> =
        shown.chars().filter_map(|shown| u8::try_from(shown).ok()).filter(|byte| *byte != b'\r').collect();
    String::from_utf8(bytes).expect("text")
}

/// One command that asks nothing.
fn run(person: &Person, line: &str) -> String {
    rest(at_terminal(person.command("bash"), line), line)
}

/// Types a secret once it is asked for and would not be shown.
fn type_secret(session: &mut PtySession, secret: &str) -> String {
    let (before, question) = session.exp_regex("(?i)key[^\n]*\\(not shown\\): ").expect("a question");
    let is_hidden = || {
        let terminal = session.process().get_file_handle().expect("a terminal");
        let settings = Command::new("stty").arg("-a").stdin(terminal).output().expect("stty");
        String::from_utf8_lossy(&settings.stdout).split_whitespace().any(|word| word == "-echo")
    };
    let started = Instant::now();
    while !is_hidden() {
        assert!(started.elapsed() < Duration::from_millis(PATIENCE_MS), "what is typed would be shown");
        std::thread::sleep(Duration::from_millis(20));
    }
    session.send_line(secret).expect("typed");
    before + &question
}

/// A command line that asks for a secret. A terminal shows what is typed, until it is told not to.
fn asking(person: &Person, line: &str) -> PtySession {
    at_terminal(person.command("bash"), &format!("stty echo; {line}"))
}

/// One command that asks for a secret once, which is not shown.
fn run_with_secret(person: &Person, line: &str, secret: &str) -> String {
    let mut session = asking(person, line);
    let shown = type_secret(&mut session, secret) + &rest(session, line);
    assert!(!shown.contains(secret), "what was typed is shown: {shown}");
    shown
}

#[test]
fn the_readme_shows_what_the_quickstart_shows() {
    let readme = commands("README.md");
    for command in commands("docs/quickstart.md") {
        assert!(readme.contains(&command), "README.md lacks `{command}`: {readme:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_user_comes_from_nothing_to_an_answer_by_the_quickstart() {
    let simulator = Simulator::start(pai_simulator::Settings::default()).await.expect("a simulator");
    let endpoint = simulator.base_url("anthropic").expect("a URL");
    let page = commands("docs/quickstart.md");
    let [init, create, get, serve, make_key, login, env, claude] = page.as_slice() else {
        panic!("other commands than this test knows: {page:#?}")
    };
    let begins = |line: &str, with: &str| assert!(line.starts_with(with), "`{line}` is no `{with}`");

    let administrator = Person::new();
    begins(init, "pai init");
    run(&administrator, init);
    begins(create, "pai create model-provider anthropic --provider anthropic");
    run_with_secret(&administrator, &format!("{create} --endpoint {endpoint}"), PROVIDER_KEY);
    begins(get, "pai get model-providers");
    let table = run(&administrator, get);
    let head: Vec<&str> = table
        .lines()
        .next()
        .expect("a head")
        .split("  ")
        .map(str::trim)
        .filter(|cell| !cell.is_empty())
        .collect();
    assert_eq!(head, ["NAME", "PROVIDER", "ENDPOINT", "MAX/DAY", "LAST USED", "AGE"], "{table}");
    let row: Vec<&str> = table.lines().nth(1).expect("a row").split_whitespace().collect();
    assert!(matches!(row.as_slice(), ["anthropic", "anthropic", at, "—", _] if *at == endpoint), "{table}");

    begins(serve, "pai serve");
    let mut shell = administrator.command("bash");
    shell.env("PAI_LISTEN", "127.0.0.1:0").env("PAI_ADMIN_LISTEN", "127.0.0.1:0");
    let mut serving = at_terminal(shell, &format!("exec {serve}"));
    let (_, said) = serving.exp_regex("serving on http://127.0.0.1:[0-9]+").expect("it serves");
    let port = said.rsplit(':').next().expect("a port").to_owned();

    begins(make_key, "pai access-key create");
    let key = administrator.with_input("bash", &["-c", make_key], "");
    assert_eq!(key.code, 0, "{key:?}");
    let key = key.printed.trim().to_owned();
    assert!(key.starts_with("pak_") && key.lines().count() == 1, "{key}");

    let developer = Person::new();
    begins(login, "pai login localhost:8080");
    begins(claude, "claude");
    let login = login.replace("8080", &port);
    // The gateway takes up the new key by itself, a moment after it was made.
    let shown = eventually(|| {
        let mut session = asking(&developer, &format!("{login} && {env} && env"));
        type_secret(&mut session, &key);
        let shown = text(&session.exp_eof().expect("an end"));
        shown.contains("ANTHROPIC_BASE_URL=").then_some(shown)
    });
    let variables: BTreeMap<&str, &str> = shown.lines().filter_map(|line| line.split_once('=')).collect();
    assert_eq!(variables.get("ANTHROPIC_AUTH_TOKEN"), Some(&key.as_str()));
    assert_eq!(variables.get("ANTHROPIC_API_KEY"), None);

    // What stands for `claude`: its request, with the environment that it would have.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let base = variables.get("ANTHROPIC_BASE_URL").expect("a base URL");
    let request = reqwest::Client::new().post(format!("{base}/v1/messages?beta=true")).json(&hello(false));
    let request =
        request.bearer_auth(variables["ANTHROPIC_AUTH_TOKEN"]).header("anthropic-version", "2023-06-01");
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.expect("json");
    assert!(answer["content"][0]["text"].as_str().expect("text").starts_with("[simulated]"), "{answer}");

    let tested = run(&developer, "pai gateway test");
    assert!(
        tested.lines().filter(|line| line.split_whitespace().nth(1) == Some("ok")).count() == 8,
        "{tested}"
    );

    serving.send_control('c').expect("sent");
    rest(serving, serve);
}

fn eventually(mut look: impl FnMut() -> Option<String>) -> String {
    for _ in 0..20 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    panic!("it does not come to work")
}
