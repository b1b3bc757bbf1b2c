//! `pai gateway`: the environment that real shells make of it, Claude Code's settings, and the test of the whole way.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use pai_runtime::token::{Token, TokenKind};
use serde_json::Value;

use crate::person::{Person, expect, public_id};
use crate::support::{MANIFESTS, World, hello};

/// Logged in with the laptop's key as `key`, and with the agent's token as `robot`.
fn logged_in(world: &World) -> Person {
    let mut person = Person::new();
    let url = world.gateway.address().to_string();
    for (name, hidden) in [("laptop", "pak_[laptop]"), ("coder", "pai_agt_[coder]")] {
        person.hide(&world.token(name), hidden);
        person.hide(&public_id(world.token(name)), "[id]");
    }
    person.log_in(&url, world.token("coder"), &["--context", "robot"]);
    person.log_in(&url, world.token("laptop"), &["--context", "key"]);
    person.hide(&url, "gateway:8080");
    person
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shell_and_client_has_its_variables() {
    let world = World::of(MANIFESTS).await;
    let person = logged_in(&world);
    let mut session = String::new();
    for shell in ["bash", "zsh", "fish", "powershell", "dotenv", "json"] {
        session.push_str(&person.session(&["gateway", "env", "--shell", shell], ""));
    }
    for client in ["claude", "anthropic", "openai"] {
        session.push_str(&person.session(&["gateway", "env", "--client", client, "--context", "robot"], ""));
    }
    session.push_str(&person.session(&["gateway", "env", "--context", "nobody"], ""));
    expect("client/env.txt", session);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_that_evaluates_it_can_ask_a_model() {
    let world = World::of(MANIFESTS).await;
    let person = logged_in(&world);
    let show = "printf '%s\\n' \"$ANTHROPIC_BASE_URL\" \"$ANTHROPIC_AUTH_TOKEN\" \"${ANTHROPIC_API_KEY-none}\" \
        \"$CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY\" \"$OPENAI_BASE_URL\" \"$OPENAI_API_KEY\"";
    let key = world.token("laptop").to_owned();
    let base = format!("http://{}/ext", world.gateway.address());
    let mut shells = 0;
    for shell in ["sh", "bash", "dash", "zsh"] {
        if person.command(shell).args(["-c", ":"]).output().is_err() {
            continue;
        }
        shells += 1;
        // As people write it, with quotes and without.
        for eval in ["eval \"$(pai gateway env)\"", "eval $(pai gateway env)"] {
            let seen = person.shell(shell, &format!("export ANTHROPIC_API_KEY=sk-mine; {eval}; {show}"));
            let seen: Vec<&str> = seen.lines().collect();
            assert_eq!(seen, [&base, &key, "none", "1", &format!("{base}/v1"), &key], "{shell}: {eval}");
        }
    }
    assert!(shells > 0, "no shell was there to ask");

    // What Anthropic's SDKs make of it, and OpenAI's.
    let message = world.client.post(format!("{base}/v1/messages")).bearer_auth(&key).json(&hello(false));
    let message = message.header("anthropic-version", "2023-06-01");
    assert_eq!(message.send().await.expect("an answer").status(), 200);
    let chat = world.client.post(format!("{base}/v1/chat/completions")).bearer_auth(&key).json(&hello(false));
    assert_eq!(chat.send().await.expect("an answer").status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_codes_settings_get_what_they_need_and_keep_the_rest() {
    let world = World::of(MANIFESTS).await;
    let person = logged_in(&world);
    let mut session = person.session(&["gateway", "claude-settings"], "");
    session.push_str(&person.session(&["gateway", "claude-settings", "--write"], ""));
    session.push_str(&person.session(&["gateway", "claude-settings", "--write"], ""));
    session
        .push_str(&person.shown(&fs::read_to_string(person.path(".claude/settings.json")).expect("a file")));

    let team = "{\n  \"permissions\": { \"allow\": [\"Bash(git *)\"] },\n  \"env\": {\n    \"ANTHROPIC_AUTH_TOKEN\": \"sk-other\"\n  },\n  \"model\": \"sonnet\"\n}\n";
    fs::create_dir(person.path("team")).expect("a folder");
    fs::create_dir(person.path("team/.claude")).expect("a folder");
    let file = person.path("team/.claude/settings.json");
    fs::write(&file, team).expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o664)).expect("changed");
    let written = person.shell("sh", "cd team && pai gateway claude-settings --write --scope project 2>&1");
    session.push_str(&person.shown(&written));
    session.push_str(&person.shown(&fs::read_to_string(&file).expect("a file")));
    let backup = file.with_extension("json.bak");
    assert_eq!(fs::read_to_string(&backup).expect("a backup"), team);
    let mode = |path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&backup)), (0o664, 0o600));

    fs::write(&file, "{ \"env\": [] }").expect("written");
    let refused = person.with_input(
        "sh",
        &["-c", "cd team && pai gateway claude-settings --write --scope project"],
        "",
    );
    session.push_str(&person.shown(&refused.said));
    assert_eq!(fs::read_to_string(&file).expect("a file"), "{ \"env\": [] }", "nothing was written");
    for name in ["laptop", "coder"] {
        assert!(!session.contains(world.token(name)), "{session}");
    }
    expect("client/claude-settings.txt", session);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_helper_in_the_settings_never_gives_another_gateways_key() {
    let world = World::of(MANIFESTS).await;
    let other = World::of(MANIFESTS).await;
    let person = logged_in(&world);
    let settings = person.pai(&["gateway", "claude-settings"]).printed;
    let settings: Value = serde_json::from_str(&settings).expect("json");
    let helper = settings["apiKeyHelper"].as_str().expect("a command");
    let key = world.token("laptop");
    assert_eq!(person.shell("sh", helper).trim(), key);
    person.log_in(&other.gateway.address().to_string(), other.token("laptop"), &["--context", "other"]);
    assert_eq!(person.shell("sh", helper).trim(), key, "another context is in use");
    assert_eq!(person.pai(&["gateway", "token"]).printed.trim(), other.token("laptop"));
    assert_eq!(person.pai(&["context", "delete", "key", "--yes"]).code, 0);
    let done = person.with_input("sh", &["-c", helper], "");
    assert_eq!((done.code, done.printed.as_str()), (2, ""), "{done:?}");
    assert!(done.said.contains("not logged in to a gateway with the base URL"), "{done:?}");
}

/// Sums that differ from one run to the next.
fn without_times(text: &str) -> String {
    let without = |line: &str| match (line.find(" answered in "), line.find(" s and used")) {
        (Some(from), Some(to)) => format!("{} answered in [TIME]{}\n", &line[..from], &line[to..]),
        _ => format!("{line}\n"),
    };
    text.lines().map(without).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_to_a_model_is_tested_step_by_step() {
    let world = World::of(MANIFESTS).await;
    let person = logged_in(&world);
    let mut session = String::new();
    session.push_str(&person.session(&["gateway", "test"], ""));
    session.push_str(&person.session(&["gateway", "test", "--context", "robot"], ""));
    session.push_str(&person.session(&["gateway", "test", "-o", "json"], ""));
    session.push_str(&person.session(&["gateway", "test", "--model", "claude-opus-4-6"], ""));
    session.push_str(&person.session(&["gateway", "test", "--context", "nobody"], ""));

    // A key that is no longer known, as after its revocation.
    let config = fs::read_to_string(person.path(".pai/config.json")).expect("a file");
    let stranger = Token::mint(TokenKind::AccessKey).expect("a token");
    let revoked = config.replace(world.token("laptop"), stranger.reveal());
    fs::write(person.path(".pai/config.json"), revoked).expect("written");
    session.push_str(&person.session(&["gateway", "test"], ""));
    world.gateway.shutdown().await.expect("it ends");
    session.push_str(&person.session(&["gateway", "test", "--context", "robot"], ""));
    session.push_str(&person.session(&["gateway", "test", "--context", "robot", "-o", "json"], ""));
    expect("client/test.txt", without_times(&session));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_budget_is_told_as_a_budget() {
    let manifests = MANIFESTS.replace("maxTokensPerDay: 300000", "maxTokensPerDay: 3");
    assert_ne!(manifests, MANIFESTS);
    let world = World::of(&manifests).await;
    let person = logged_in(&world);
    expect("client/test-budget.txt", without_times(&person.session(&["gateway", "test"], "")));
}
