//! Commands that change manifests: what they print, what they write, and what they leave alone.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use regex::Regex;
use snapbox::data::DataFormat;
use snapbox::{Assert, Data};
use tempfile::TempDir;

/// A provider with comments in odd places, and an agent in the same file.
const TEAM: &str = "\
# The team's access.

# One subscription.
apiVersion: pai.io/v1
kind: ModelProvider
metadata: { name: anthropic }   # asked for as anthropic/MODEL
spec:
  provider: anthropic
  apiKeySecretRef: { name: anthropic-key }
  # Half a day's worth.
  maxTokensPerDay: 5_000_000   # agreed in May

  externalAccess:
    enabled: true
---
# Reads changes.
apiVersion: pai.io/v1
kind: Agent
metadata:
  name: reviewer
spec:
  models:
  - 'anthropic/claude-sonnet-4-6'
  # - anthropic/claude-opus-4-6
  - anthropic/claude-haiku-4-5   # when sonnet cannot answer
  tokens: {maxPerDay: 500_000, maxPerRequest: 150_000}
";

fn pai(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pai"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PAI_")) {
        command.env_remove(name);
    }
    command.current_dir(folder).env("NO_COLOR", "1").env("COLUMNS", "100").env_remove("VISUAL");
    command.env("HOME", folder).env("EDITOR", "true");
    command
}

/// One line of a session: `< TEXT` behind a command is its standard input, `EDITOR=… ` before it its editor.
fn run(folder: &Path, line: &str) -> String {
    if let Some(file) = line.strip_prefix("cat ") {
        return std::fs::read_to_string(folder.join(file)).unwrap_or_else(|_| "(no such file)\n".to_owned());
    }
    let (line, input) = line.split_once(" < ").unwrap_or((line, ""));
    let mut command = pai(folder);
    let line = match line.strip_prefix("EDITOR=\"").and_then(|rest| rest.split_once("\" ")) {
        Some((editor, line)) => {
            command.env("EDITOR", editor);
            line
        }
        None => line,
    };
    let words = line.strip_prefix("pai ").expect("a command of ours").split(' ');
    let mut child = command
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    // Whoever does not read it is right to do so.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("ended");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    let code = output.status.code().expect("an exit code");
    let code = if code == 0 { String::new() } else { format!("(exit code {code})\n") };
    format!("{}{}{code}", text(output.stdout), text(output.stderr))
}

/// What changes from run to run, told apart from what does not.
fn steady(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, word) in [
        (r"(pak|pai_agt)_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}", "${1}_[TOKEN]"),
        (r"hmac-sha256:[0-9a-f]{8}:[0-9a-f]{64}", "hmac-sha256:[DIGEST]"),
        (r"id: [0-9A-Za-z]{12}\b", "id: [ID]"),
        (r#""id": "[0-9A-Za-z]{12}""#, r#""id": "[ID]""#),
        (r"(Credentials: +|^ +)[0-9A-Za-z]{12}(, until|\n|$)", "${1}[ID]${2}"),
        (r"there are [0-9A-Za-z]{12}$", "there are [ID]"),
        (r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[TIME]"),
        (r"\b\d{1,2}s\b", "0s"),
        (r"/tmp/[^ `']*", "[TEMPORARY]"),
    ] {
        text =
            Regex::new(&format!("(?m){pattern}")).expect("a pattern").replace_all(&text, word).into_owned();
    }
    text
}

/// Compares a session with `tests/golden/resources`, or rewrites it.
fn session(name: &str, folder: &Path, lines: &[&str]) {
    let mut text = String::new();
    for line in lines {
        text.push_str(&format!("$ {line}\n{}\n", run(folder, line)));
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/resources").join(name);
    if std::env::var_os("SNAPSHOTS").is_some() && !file.exists() {
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(&file, "").expect("written");
    }
    let expected = Data::read_from(&file, Some(DataFormat::Text)).raw();
    Assert::new().action_env("SNAPSHOTS").eq(Data::text(steady(&text)).raw(), expected);
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    std::fs::create_dir_all(folder.path().join("schemas")).expect("a folder");
    std::fs::write(folder.path().join("schemas/pai.schema.json"), "{}").expect("written");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

#[test]
fn a_workspace_is_made_and_nothing_in_it_overwritten() {
    let new = TempDir::new().expect("a folder");
    session(
        "init.txt",
        new.path(),
        &[
            "pai init",
            "cat .gitignore",
            "cat .pre-commit-config.yaml",
            "cat access.test.yaml",
            "pai init",
            "pai init team --quickstart",
            "cat team/laptop.yaml",
            "pai validate team",
            "pai test team",
            "pai fmt --check team",
            "pai init team --quickstart",
        ],
    );
}

#[test]
fn manifests_are_created_sound_or_not_at_all() {
    let new = folder(&[]);
    session(
        "create.txt",
        new.path(),
        &[
            "pai create model-provider anthropic --provider anthropic",
            "pai create model-provider anthropic --provider anthropic --api-key-stdin --external-access=1_000_000 --allowed-models claude-sonnet-*,claude-haiku-* --dry-run",
            "pai create model-provider anthropic --provider anthropic --api-key-stdin --external-access=1_000_000 --allowed-models claude-sonnet-*,claude-haiku-* < not-a-real-key\n",
            "cat anthropic.yaml",
            "pai create model-provider anthropic --provider anthropic",
            "pai create model-provider azure --provider azure-openai --no-api-key",
            "pai create model-provider gpu --provider vllm --endpoint http://gpu.internal:8000/v1 --allowed-models llama-3 -n research",
            "cat research-gpu.yaml",
            "pai create provider other --provider nobody",
            "pai create agent reviewer --model anthropic/claude-sonnet-4-6 --max-tokens-per-day 500_000 --max-concurrent 4",
            "cat reviewer.yaml",
            "pai create agent lost --model antropic/claude-sonnet-4-6",
            "cat lost.yaml",
            "pai create guard injection --endpoint http://prompt-guard:8000/classify --injection 0.8 --on-error deny",
            "cat injection.yaml",
            "pai create guard nowhere --type custom",
            "pai create access-key anthropic --model-provider anthropic --max-tokens-per-day 1_000 --expires 2099-01-31 --dry-run",
            "pai create access-key anthropic --model-provider anthropic --max-tokens-per-day 1_000 --expires 2099-01-31",
            "cat anthropic-access-key.yaml",
            "pai access-key create --name laptop --model-provider anthropc",
            "pai create -f missing.yaml",
            "pai create -f anthropic.yaml",
            "pai create",
            "pai get model-providers -A",
        ],
    );
}

#[test]
fn manifests_are_applied_and_comments_stay() {
    let here = folder(&[("team.yaml", TEAM)]);
    let given = TEAM
        .replace("5_000_000   # agreed in May", "6000000")
        .replace("'anthropic/claude-sonnet-4-6'", "anthropic/claude-sonnet-4-5");
    let more = "---\n# Nightly runs.\napiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: nightly}\nspec: {models: [anthropic/claude-haiku-4-5]} # cheap\n";
    std::fs::create_dir_all(here.path().join(".given")).expect("a folder");
    std::fs::write(here.path().join(".given/all.yaml"), format!("{given}{more}")).expect("written");
    std::fs::write(here.path().join(".given/same.yaml"), format!("{given}{given}")).expect("written");
    session(
        "apply.txt",
        here.path(),
        &[
            "pai apply -f .given/all.yaml --dry-run",
            "pai apply -f .given/all.yaml",
            "cat team.yaml",
            "cat nightly.yaml",
            "pai apply -f .given/all.yaml",
            "pai apply -f - < {\"apiVersion\": \"pai.io/v1\", \"kind\": \"Agent\", \"metadata\": {\"name\": \"json\"}, \"spec\": {\"models\": [\"anthropic/claude-haiku-4-5\"]}}",
            "cat json.yaml",
            "pai apply -f - < apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: nightly}\nspec: {models: [nobody/x]}\n",
            "pai apply -f - < apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: nightly}\nspec: {modls: []}\n",
            "pai apply -f - < a: 1\n",
            "pai apply -f .given/same.yaml",
            "pai apply -f .nowhere",
        ],
    );
}

#[test]
fn nothing_is_deleted_that_others_need_or_without_a_yes() {
    let here = folder(&[("team.yaml", TEAM)]);
    session(
        "delete.txt",
        here.path(),
        &[
            "pai delete model-provider anthropic --yes",
            "pai delete agent reviwer --yes",
            "pai delete agent reviewer",
            "pai delete agent reviewer --dry-run",
            "pai delete agent/reviewer --yes",
            "cat team.yaml",
            "pai delete ModelProviders anthropic -y",
            "cat team.yaml",
            "pai delete agents",
        ],
    );
}

#[test]
fn an_editor_is_asked_again_until_it_compiles_or_nothing_changes() {
    let here = folder(&[("team.yaml", TEAM)]);
    session(
        "edit.txt",
        here.path(),
        &[
            "pai edit agent reviewer",
            "EDITOR=\"sed -i s/500_000/600_000/\" pai edit agent/reviewer",
            "EDITOR=\"sed -i s/haiku/haikou/\" pai edit agent reviewer",
            "EDITOR=\"sed -i s,anthropic/claude,nobody/claude,\" pai edit agent reviewer",
            "EDITOR=\"sed -i s/models:$/models:[/\" pai edit agent reviewer",
            "EDITOR=\"sed -i 's/name: reviewer/name: other/'\" pai edit agent reviewer",
            "EDITOR=\"false\" pai edit agent reviewer",
            "EDITOR=\"sed -i -e s,nobody/claude-haiku,anthropic/claude-haiku, -e t -e s,anthropic/claude-haikou,nobody/claude-haiku,\" pai edit agent reviewer",
            "cat team.yaml",
        ],
    );
}

#[test]
fn all_that_is_known_of_a_resource_is_described() {
    let here = folder(&[("team.yaml", TEAM)]);
    session(
        "describe.txt",
        here.path(),
        &[
            "pai describe model-provider anthropic",
            "pai describe agent/reviewer -o json",
            "pai describe mp antropic",
            "pai describe guards",
            "pai describe thing x",
        ],
    );
}

#[test]
fn keys_are_shown_once_rotated_and_revoked() {
    let here = folder(&[("team.yaml", TEAM)]);
    session(
        "tokens.txt",
        here.path(),
        &[
            "pai access-key list",
            "pai access-key create --name laptop --model-provider anthropic",
            "pai access-key rotate laptop --grace 24h",
            "pai access-key list",
            "pai access-key list -o json",
            "pai access-key describe laptop",
            "pai access-key rotate laptop",
            "cat laptop.yaml",
            "pai access-key rotate latop",
            "pai access-key rotate laptop --grace soon",
            "pai access-key revoke laptop --id nobodyhasit0 --yes",
            "pai access-key revoke laptop",
            "pai access-key revoke laptop --yes",
            "pai access-key revoke laptop --yes",
            "cat laptop.yaml",
            "pai agent token create reviewer",
            "pai agent token rotate reviewer --grace 30m",
            "cat team.yaml",
            "pai agent token revoke reviewer -y",
            "pai agent token create nobody",
        ],
    );
}

#[test]
fn a_key_is_the_only_thing_on_standard_output_and_nowhere_else() {
    let here = folder(&[("team.yaml", TEAM)]);
    for arguments in [
        vec!["access-key", "create", "--name", "laptop", "--model-provider", "anthropic"],
        vec!["access-key", "rotate", "laptop"],
        vec!["agent", "token", "create", "reviewer"],
    ] {
        let output = pai(here.path()).args(&arguments).output().expect("started");
        let printed = String::from_utf8(output.stdout).expect("text");
        let secret = printed.trim_end().rsplit('_').next().expect("a secret").to_owned();
        assert_eq!((printed.lines().count(), secret.len()), (1, 49), "{printed}");
        assert!(!String::from_utf8_lossy(&output.stderr).contains(&secret));
        for file in ["team.yaml", "laptop.yaml"] {
            assert!(!std::fs::read_to_string(here.path().join(file)).expect("text").contains(&secret));
        }
    }
}

#[test]
fn a_file_that_somebody_else_changes_meanwhile_is_not_written() {
    let here = folder(&[("team.yaml", TEAM)]);
    let command = "echo '# theirs' >> team.yaml; sed -i s/500_000/600_000/";
    let output = pai(here.path()).args(["edit", "agent", "reviewer"]).env("EDITOR", command).output();
    let output = output.expect("started");
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    let left = std::fs::read_to_string(here.path().join("team.yaml")).expect("text");
    assert_eq!(left, format!("{TEAM}# theirs\n"));
}

#[test]
fn a_killed_command_leaves_the_old_manifest_or_the_new_one() {
    let here = folder(&[("team.yaml", TEAM)]);
    let file = here.path().join("team.yaml");
    let mut seen = [0, 0];
    for round in 0..60_u64 {
        let before = std::fs::read_to_string(&file).expect("text");
        let mut child = pai(here.path())
            .args(["agent", "token", "rotate", "reviewer"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        std::thread::sleep(std::time::Duration::from_millis(round * 4));
        let _ = child.kill();
        child.wait().expect("ended");
        let after = std::fs::read_to_string(&file).expect("text");
        let is_new = after != before;
        seen[usize::from(is_new)] += 1;
        let without = |text: &str| -> String {
            let kept = |line: &&str| {
                !line.contains("id: ") && !line.contains("digest: ") && !line.contains("credentials:")
            };
            text.lines().filter(kept).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(without(&after), without(TEAM), "round {round}");
        if is_new {
            assert_eq!(after.matches("digest: hmac-sha256:").count(), 1, "{after}");
            let output = pai(here.path()).args(["validate", "--format", "short"]).output().expect("started");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        }
    }
    assert!(seen[0] > 0, "every command had ended before it was killed: {seen:?}");
}
