//! `pai get`: columns, forms for programs, and what is said of names that are not there.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pai_bundle::limit::Scope;
use pai_bundle::unit::{Tokens, UnixSeconds, UtcDay};
use pai_ledger::{Account, SledStore, Store, StoredAccount, Totals, Usage};
use snapbox::data::DataFormat;
use snapbox::{Assert, Data};
use tempfile::TempDir;

use crate::support::{MANIFESTS, World, hello};

const PROVIDERS: &str = "\
# The seed of all.
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: anthropic}
spec:
  provider: anthropic
  apiKeySecretRef: {name: anthropic-key}
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: gpu}
spec:
  provider: vllm
  endpoint: http://gpu.internal:8000/v1
  allowedModels: [llama-3]
  maxTokensPerDay: 5_000_000
  maxTokensPerRequest: 20000
  externalAccess: {enabled: true, maxTokensPerDay: 1000}
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: anthropic, namespace: blue}
spec:
  provider: anthropic
  apiKeySecretRef: {name: anthropic-key}
  externalAccess: {enabled: true}
";

const OTHERS: &str = "\
apiVersion: pai.io/v1
kind: Agent
metadata: {name: coder}
spec:
  models: [gpu/llama-3, anthropic/claude-haiku-4-5]
  tokens: {maxPerDay: 1000}
  guards: [{binding: injection, enforcement: audit, scan: {prompts: true}}]
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: reviewer}
spec: {models: [anthropic/claude-haiku-4-5]}
---
apiVersion: pai.io/v1
kind: AccessKey
metadata: {name: laptop}
spec: {providers: [gpu], allowedModels: [llama-3], allowedCidrs: [10.0.0.0/8], expires: 2027-01-31, maxTokensPerDay: 500}
---
apiVersion: pai.io/v1
kind: GuardBinding
metadata: {name: injection}
spec:
  classifier: {endpoint: http://prompt-guard:8000/classify}
";

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970")
}

/// So long ago, and a minute more: a test may be slow.
fn ago(hours: u64) -> Duration {
    now().saturating_sub(Duration::from_secs(hours * 3_600 + 60))
}

fn write(folder: &Path, name: &str, text: &str, hours: u64) {
    std::fs::write(folder.join(name), text).expect("written");
    let file = File::options().write(true).open(folder.join(name)).expect("a file");
    file.set_modified(UNIX_EPOCH + ago(hours)).expect("changed then");
}

/// Two files of different age; `gpu`, `coder` and `laptop` were used.
fn workspace() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    write(folder.path(), "providers.yaml", PROVIDERS, 5);
    write(folder.path(), "team.yaml", OTHERS, 49);
    let used = |scope, name: &str, hours: u64| {
        let at = UnixSeconds(i64::try_from(ago(hours).as_secs()).expect("seconds"));
        let account = Account { scope, name: format!("default/{name}").into(), day: UtcDay::containing(at) };
        let usage = Usage { input: Tokens(1), ..Usage::default() };
        let totals = Totals { requests: 1, usage, last_used: Some(at), ..Totals::default() };
        (account, StoredAccount { sequence: 1, mark: Tokens(1).into(), totals })
    };
    let mut store = SledStore::open(folder.path().join(".pai/ledger")).expect("a ledger");
    let batch = [
        used(Scope::Provider, "gpu", 100),
        used(Scope::Provider, "gpu", 3),
        used(Scope::ProviderExternal, "gpu", 2),
        used(Scope::Agent, "coder", 30),
        used(Scope::AccessKey, "laptop", 24 * 10),
    ];
    store.commit(&batch).expect("committed");
    store.close().expect("closed");
    folder
}

fn get(folder: &Path, arguments: &str) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pai"));
    command.arg("get").args(arguments.split(' ')).current_dir(folder).env("NO_COLOR", "1");
    let output = command.output().expect("started");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
}

/// Compares with `tests/golden/get`, or rewrites it.
fn expect(name: &str, actual: String) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/get").join(name);
    if std::env::var_os("SNAPSHOTS").is_some() && !file.exists() {
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(&file, "").expect("written");
    }
    let expected = Data::read_from(&file, Some(DataFormat::Text)).raw();
    Assert::new().action_env("SNAPSHOTS").eq(Data::text(actual).raw(), expected);
}

/// Each command with its exit code, what it prints, and what it says.
fn session(folder: &Path, commands: &[&str]) -> String {
    let mut text = String::new();
    for arguments in commands {
        let (code, printed, said) = get(folder, arguments);
        let code = if code == 0 { String::new() } else { format!("(exit code {code})\n") };
        text.push_str(&format!("$ pai get {arguments}\n{printed}{said}{code}\n"));
    }
    text
}

#[test]
fn every_kind_has_its_columns() {
    let folder = workspace();
    let commands = [
        "model-providers",
        "model-provider anthropic",
        "model-providers -n blue",
        "model-providers -A -o wide",
        "agents",
        "agents -o wide",
        "access-keys",
        "access-keys -o wide",
        "guards",
        "guards -o wide --no-headers",
    ];
    expect("columns.txt", session(folder.path(), &commands));
}

#[test]
fn programs_get_manifests_and_names() {
    let folder = workspace();
    let commands = [
        "mp gpu -o json",
        "ModelProviders -o json",
        "modelproviders -o yaml",
        "agents -o name",
        "agents -A -o json",
    ];
    expect("forms.txt", session(folder.path(), &commands));

    let (_, names, _) = get(folder.path(), "agents -o name");
    let (code, table, _) =
        get(folder.path(), names.split_whitespace().collect::<Vec<_>>().join(" ").as_str());
    assert_eq!((code, table.lines().count()), (0, 3), "names can be handed back: {table}");

    let copy = TempDir::new().expect("a folder");
    for kind in ["model-providers", "agents", "access-keys", "guards"] {
        let (_, yaml, _) = get(folder.path(), &format!("{kind} -o yaml"));
        std::fs::write(copy.path().join(format!("{kind}.yaml")), yaml).expect("written");
    }
    let mut validate = Command::new(env!("CARGO_BIN_EXE_pai"));
    let validated = validate.arg("validate").arg(copy.path()).output().expect("started");
    assert!(
        validated.status.success(),
        "YAML is a workspace again: {}",
        String::from_utf8_lossy(&validated.stderr)
    );
    for kind in ["model-providers", "agents", "access-keys", "guards"] {
        let of = |folder: &TempDir| get(folder.path(), &format!("{kind} -o json")).1;
        assert_eq!(of(&copy), of(&folder), "{kind}");
    }
}

#[test]
fn what_is_not_there_is_said_with_what_is_near() {
    let folder = workspace();
    let commands = [
        "model-provider antropic gpu",
        "agents somebody",
        "agents coder -n blue",
        "model-providers gpu -n blue",
        "access-keys -n blue",
        "guards -n green",
        "model-provider anthropic -A",
        "agent/coder access-key/laptop",
        "agent coder agent/reviewer",
        "things",
        "agnets",
    ];
    expect("errors.txt", session(folder.path(), &commands));
}

#[test]
fn a_manifest_with_errors_does_not_hide_the_others() {
    let folder = workspace();
    write(
        folder.path(),
        "wrong.yaml",
        "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: wrong}\nspec: {}\n",
        1,
    );
    // What the graph has against a manifest is for `pai validate`.
    write(
        folder.path(),
        "lost.yaml",
        "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: lost}\nspec: {models: [nowhere/m]}\n",
        1,
    );
    expect("wrong-manifest.txt", session(folder.path(), &["agents", "agent coder -o name"]));
}

#[test]
fn a_workspace_that_was_never_served_has_used_nothing() {
    let folder = TempDir::new().expect("a folder");
    write(folder.path(), "providers.yaml", PROVIDERS, 5);
    expect(
        "never-served.txt",
        session(folder.path(), &["model-providers", "model-providers --state elsewhere"]),
    );
    assert!(!folder.path().join(".pai").exists() && !folder.path().join("elsewhere").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_at_work_says_when_a_provider_was_used() {
    let world = World::of(MANIFESTS).await;
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("pai.yaml"), MANIFESTS).expect("written");
    let state = world.state.path().display().to_string();
    let last_used = |kind: &str| {
        let (code, table, said) = get(folder.path(), &format!("{kind} --state {state}"));
        assert_eq!((code, said.as_str()), (0, ""), "{table}");
        let row = table.lines().nth(1).expect("a row").to_owned();
        row.split_whitespace().rev().nth(1).expect("next to AGE").to_owned()
    };
    assert_eq!(last_used("model-providers"), "—");
    let answer = world.message("laptop", &hello(false)).send().await.expect("an answer");
    answer.bytes().await.expect("a body");
    world.settled().await;
    for kind in ["model-providers", "access-keys"] {
        let used = last_used(kind);
        assert!(used.ends_with(['s', 'm', 'h', 'd', 'y']), "{kind}: {used}");
    }
    assert_eq!(last_used("agents"), "—");

    std::fs::remove_file(world.state.path().join("admin-address")).expect("it was there");
    let (code, table, said) = get(folder.path(), &format!("agents --state {state}"));
    assert!(
        code == 0 && table.contains("<unknown>") && said.contains("LAST USED is not known"),
        "{table}{said}"
    );
}
