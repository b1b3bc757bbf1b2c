//! No secret can enter a bundle: recognisable ones are planted wherever one could come from, and then looked for in every
//! byte that the command writes or says.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// What every planted secret has in it.
const MARK: &str = "cAnArY";

fn canary(place: &str) -> String {
    format!("{MARK}-{place}-0123456789abcdef")
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, text).expect("written");
}

fn write_secret(path: &Path, text: &str) {
    write(path, text);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("chmod");
}

/// A workspace with a secret beside, above and between everything that is compiled.
fn workspace() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    // The local store, where `pai serve` looks, the pepper of all digests, and keys of releases.
    for (name, key) in [("anthropic-key", "api-key"), ("pai-pepper", "pepper")] {
        write_secret(&at.join(format!(".pai/secrets/{name}/{key}")), &canary("store"));
        write_secret(&at.join(format!("mounted/{name}/{key}")), &canary("mounted"));
    }
    write(&at.join(".env"), &format!("ANTHROPIC_API_KEY={}\n", canary("dotenv")));
    write(&at.join(".git/config.yaml"), &format!("token: {}\n", canary("hidden")));
    write(&at.join("notes.txt"), &canary("notes"));
    write_secret(&at.join("release.key"), &format!("-----BEGIN PRIVATE KEY-----\n{}\n", canary("key")));
    // Other people's manifests in the same folder and in the same file.
    let foreign = |kind: &str, place: &str| {
        format!(
            "apiVersion: v1\nkind: {kind}\nmetadata: {{name: x}}\nstringData: {{api-key: {}}}\n",
            canary(place)
        )
    };
    write(&at.join("secret.yaml"), &foreign("Secret", "kubernetes"));
    let manifests = format!(
        "# {}\napiVersion: pai.io/v1\nkind: ModelProvider # {}\nmetadata:\n  name: anthropic\nspec:\n  provider: anthropic\n  \
         apiKeySecretRef:\n    # {}\n    name: anthropic-key\n  externalAccess: {{enabled: true}}\n---\n{}---\n\
         apiVersion: pai.io/v1\nkind: Agent\nmetadata: {{name: coder}}\nspec: {{models: [anthropic/claude-haiku-4-5]}}\n",
        canary("comment"),
        canary("comment"),
        canary("comment"),
        foreign("ConfigMap", "between"),
    );
    write(&at.join("pai.yaml"), &manifests);
    let policy = format!(
        "// {0}\n@id(\"house\") // {0}\nforbid ( // {0}\n  principal, action, resource\n) // {0}\nwhen {{ context.model like \"*-preview\" }}; // {0}\n",
        canary("policy")
    );
    write(&at.join("policies/house.cedar"), &policy);
    folder
}

/// Runs `pai` with secrets in its environment; everything it said, and its exit code.
fn pai(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_pai"))
        .args(arguments)
        .current_dir(folder)
        .env("PAI_SECRET_ANTHROPIC_KEY_API_KEY", canary("environment"))
        .env("PAI_SECRET_PAI_PEPPER_PEPPER", canary("environment"))
        .env("ANTHROPIC_API_KEY", canary("environment"))
        .env("PAI_SECRETS", "mounted")
        .env("NO_COLOR", "1")
        .output()
        .expect("started");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().expect("an exit code"), String::from_utf8(said).expect("text"))
}

fn find(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let at = text.find(MARK)?;
    Some(text.chars().skip(text.get(..at)?.chars().count()).take(60).collect())
}

#[test]
fn no_planted_secret_is_in_a_bundle_or_in_what_is_said_of_it() {
    let folder = workspace();
    let at = folder.path();
    // A key of the workspace's own: its token is shown once, and only a digest made with the pepper is written.
    let (code, created) = pai(
        at,
        &["access-key", "create", "--name", "laptop", "--model-provider", "anthropic", "--workspace", "."],
    );
    assert_eq!(code, 0, "{created}");
    let token = created.lines().find(|line| line.starts_with("pak_")).expect("a token").to_owned();
    assert_eq!(find(created.as_bytes()), None);

    let mut said = Vec::new();
    for arguments in [
        ["validate", "."].as_slice(),
        &["build", ".", "-o", "a.bundle"],
        &["bundle", "show", "a.bundle"],
        &["bundle", "show", "a.bundle", "-o", "json"],
        &["bundle", "show", "a.bundle", "-o", "yaml"],
        &["bundle", "show", "a.bundle", "--policies"],
        &["bundle", "keygen", "-o", "key"],
        &["bundle", "sign", "a.bundle", "--key", "key"],
        &["bundle", "verify", "a.bundle", "--public-key", "key.pub"],
    ] {
        let (code, text) = pai(at, arguments);
        assert_eq!(code, 0, "{arguments:?}: {text}");
        said.push((arguments.join(" "), text.into_bytes()));
    }
    said.push(("a.bundle".to_owned(), std::fs::read(at.join("a.bundle")).expect("a bundle")));
    let key = std::fs::read_to_string(at.join("key")).expect("a key");
    let key = key.lines().nth(1).expect("base64");
    for (what, bytes) in &said {
        assert_eq!(find(bytes), None, "{what}");
        let text = String::from_utf8_lossy(bytes);
        assert!(!text.contains(token.trim()) && !text.contains(key), "{what}");
    }
    // The looking works: the names of secrets and the digest of the key are in it, and a canary would be found.
    let bundle = String::from_utf8_lossy(&said.last().expect("the bundle").1).into_owned();
    assert!(bundle.contains("anthropic-key") && bundle.contains("hmac-sha256:"), "{bundle}");
    assert!(bundle.contains("*-preview") && find(canary("x").as_bytes()).is_some());
}

/// Each of these in a workspace, and there is no bundle, and what is said of it does not repeat the secret.
#[test]
fn a_secret_in_a_manifest_or_policy_is_an_error_that_does_not_repeat_it() {
    let provider = |fields: &str| {
        format!(
            "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: a}}\nspec: {{provider: vllm, {fields}}}\n"
        )
    };
    let policy =
        |text: &str| format!("@id(\"x\")\nforbid (principal, action, resource) when {{ {text} }};\n");
    for (what, file, text) in [
        (
            "a literal key",
            "a.yaml",
            provider(&format!("endpoint: 'http://a/v1', apiKey: sk-ant-{}", canary("literal"))),
        ),
        (
            "a key's name",
            "a.yaml",
            provider(&format!(
                "endpoint: 'http://a/v1', apiKeySecretRef: {{name: sk-ant-{}}}",
                canary("name")
            )),
        ),
        (
            "a comment",
            "a.yaml",
            format!("{}# sk-ant-{}\n", provider("endpoint: 'http://a/v1'"), canary("comment")),
        ),
        ("a password", "a.yaml", provider(&format!("endpoint: 'https://me:{}@host/v1'", canary("password")))),
        ("a query", "a.yaml", provider(&format!("endpoint: 'https://host/v1?key={}'", canary("query")))),
        (
            "a guard's password",
            "a.yaml",
            format!(
                "apiVersion: pai.io/v1\nkind: GuardBinding\nmetadata: {{name: g}}\n\
                 spec: {{classifier: {{type: custom, endpoint: 'https://me:{}@host/v1'}}}}\n",
                canary("guard")
            ),
        ),
        (
            "a policy's text",
            "policies/a.cedar",
            policy(&format!("context.model == \"sk-ant-{}\"", canary("text"))),
        ),
        (
            "a policy's comment",
            "policies/a.cedar",
            format!("// sk-ant-{}\n{}", canary("comment"), policy("true")),
        ),
        ("an access key", "policies/a.cedar", format!("// pak_{}\n{}", canary("key"), policy("true"))),
    ] {
        let folder = TempDir::new().expect("a folder");
        write(
            &folder.path().join("b.yaml"),
            &provider("endpoint: 'http://b/v1'").replace("name: a", "name: b"),
        );
        write(&folder.path().join(file), &text);
        for arguments in [
            ["build", ".", "-o", "a.bundle"].as_slice(),
            &["build", ".", "--format", "short"],
            &["validate", "."],
        ] {
            let (code, said) = pai(folder.path(), arguments);
            assert_eq!(code, 1, "{what}: {said}");
            assert_eq!(find(said.as_bytes()), None, "{what}: {said}");
        }
        assert!(
            !folder.path().join("a.bundle").exists() && !folder.path().join("pai.bundle").exists(),
            "{what}"
        );
    }
}
