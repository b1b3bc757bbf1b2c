//! Attacks on the process and its files: prompts where they do not belong, files that others can read, lines that callers forge,
//! and rights that a gateway does not need. Numbers are those of the list in `threats.rs`.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::Method;
use serde_json::json;

use crate::processes::Process;
use crate::support::{self, World};
use crate::threats::{OPEN, bodies};
use crate::threats_keys::{Connection, Place, authority};
use crate::traces::Hunt;

/// 24. With settings as they come, prompts are in no record and in no file, from whichever field and in whichever dialect.
#[tokio::test]
async fn prompts_are_in_no_file() {
    let canary = "cAnArY-prompt-q7RfZ0sW3xKp9LmV";
    let mut hunt = Hunt::default();
    hunt.secret("the prompt", canary);
    let world = World::of(OPEN).await;
    let mut sent = 0;
    for model in
        ["anthropic/claude-sonnet-4-6", "openai/gpt-4o", "google/gemini-2.5-flash", "nowhere/nothing"]
    {
        for (path, mut body) in bodies(&json!(canary)) {
            for (field, value) in
                [("system", json!(canary)), ("user", json!(canary)), ("input", json!(canary))]
            {
                // Where the path has the field at all; elsewhere it is refused, and that says nothing of it either.
                if field != "input" || body.get("input").is_some() {
                    body[field] = value;
                }
            }
            body["model"] = json!(model);
            let request = world.request(Method::POST, &format!("/ext/v1/{path}?note={canary}"), "laptop");
            request
                .header("x-note", canary)
                .json(&body)
                .send()
                .await
                .expect("an answer")
                .bytes()
                .await
                .expect("all");
            sent += 1;
        }
    }
    world.settled().await;
    assert!(world.simulator.log().entries().len() > 3, "prompts do reach providers");
    world.records(sent).await;
    let World { gateway, state, .. } = world;
    gateway.shutdown().await.expect("a clean stop");
    let files = hunt.assert_clean_folder(state.path(), &|_| false);
    assert!(files >= 3, "{files}");
}

/// 25. Not a single file of the store may be open to others: nothing is served, and the way out is said.
#[tokio::test]
async fn a_store_that_others_can_read_is_not_served() {
    let place = Place::new().await;
    for file in ["secrets.key", "sealed/key/api-key", "sealed/pai-pepper/pepper"] {
        let path = place.path("state").join(file);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("chmod");
        let output = place.command(env!("CARGO_BIN_EXE_pai"), &[]).output().expect("started");
        let said: String = String::from_utf8_lossy(&output.stderr).split_whitespace().collect();
        assert_eq!(output.status.code(), Some(2), "{said}");
        let advice: String = format!("chmod600{}", path.display());
        // The terminal may break the line anywhere.
        assert!(said.replace('│', "").contains(&advice), "{said}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("chmod");
    }
}

/// 21. A line of the log stays one line, whatever a caller writes into a name.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_with_a_line_break_forges_no_line_of_the_log() {
    let place = Place::new().await;
    let mut command = place.command(env!("CARGO_BIN_EXE_pai"), &[]);
    let mut gateway = Process::of(command.env("PAI_LOG", "trace").spawn().expect("a gateway"));
    let url = gateway.url().await;
    let client = reqwest::Client::new();
    for forged in ["x\nFORGED a line", "x\r\nFORGED a line", "x\u{2028}FORGED", "\u{1b}[2KFORGED"] {
        let body = support::asking(forged, "Hello", false);
        let request = client.post(format!("{url}/v1/messages")).header("x-api-key", place.token.reveal());
        assert_eq!(request.json(&body).send().await.expect("an answer").status(), 403);
    }
    gateway.terminate();
    let (_, said) = gateway.wait();
    for line in said.lines() {
        assert!(!line.starts_with("FORGED") && !line.contains("\u{1b}[2K"), "{line}");
    }
}

/// 34. An unprivileged user without capabilities, on a file system that can only be read but for the state folder, is all
/// that a gateway needs; and no code of ours is exempt from the compiler's checks.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_needs_no_rights_and_nothing_but_its_state_folder_to_write_to() {
    const NOBODY: u32 = 65_532;
    let place = Place::new().await;
    let uid = Command::new("id").arg("-u").output().expect("id");
    let is_root = uid.stdout == b"0\n";
    let mut gateway = if is_root && read_only_is_possible() {
        for path in walk(&place.path("state")) {
            std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).expect("chown");
        }
        std::fs::set_permissions(place.folder.path(), std::fs::Permissions::from_mode(0o755)).expect("chmod");
        // In a name space of its own: all is read-only, the state folder is mounted over it, and then root is left behind.
        let script = "mount --bind \"$STATE\" \"$STATE\" && mount -o remount,ro,bind / && cd / && \
                      for at in /tmp /var/tmp /dev/shm; do mount -o remount,ro,bind $at 2>/dev/null; done; \
                      exec setpriv --reuid 65532 --regid 65532 --clear-groups --bounding-set=-all --inh-caps=-all \
                      --no-new-privs \"$0\" \"$@\"";
        let program = reachable(&place);
        let mut command =
            place.command("unshare", &["-m", "sh", "-c", script, &program.display().to_string()]);
        command.env("STATE", place.path("state")).env("HOME", "/nonexistent").env("TMPDIR", "/nonexistent");
        Process::of(command.spawn().expect("a gateway"))
    } else {
        // Whoever runs the tests is that user; what is read-only is the folder that it starts in.
        let mut command = place.command(env!("CARGO_BIN_EXE_pai"), &[]);
        command.current_dir("/").env("HOME", "/nonexistent").env("TMPDIR", "/nonexistent");
        Process::of(command.spawn().expect("a gateway"))
    };
    let url = gateway.url().await;
    if is_root && read_only_is_possible() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.id())).expect("a status");
        for none in
            ["CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "NoNewPrivs:\t1", "Uid:\t65532\t65532"]
        {
            assert!(status.contains(none), "{none}: {status}");
        }
    }
    let mut connection = Connection::to(&authority(&url)).await;
    let (status, body) = connection.ask("/v1/messages", place.token.reveal()).await;
    assert_eq!(status, 200, "{body}");
    gateway.terminate();
    let (code, said) = gateway.wait();
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("process.core_files") && !said.contains("process.dumpable"), "{said}");
}

#[cfg(target_os = "linux")]
fn read_only_is_possible() -> bool {
    let tried = Command::new("unshare")
        .args(["-m", "sh", "-c", "mount -o remount,ro,bind / && setpriv --version"])
        .output();
    tried.is_ok_and(|output| output.status.success())
}

/// The program where any user can start it.
#[cfg(target_os = "linux")]
fn reachable(place: &Place) -> PathBuf {
    let program = place.path("pai");
    let built = Path::new(env!("CARGO_BIN_EXE_pai"));
    if std::fs::hard_link(built, &program).is_err() {
        std::fs::copy(built, &program).expect("copied");
    }
    program
}

#[cfg(target_os = "linux")]
fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}

/// 34. The compiler refuses unsafe code in every crate of ours.
#[test]
fn unsafe_code_is_forbidden_in_every_crate() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = |path: &str| std::fs::read_to_string(root.join(path)).expect(path);
    let workspace = text("Cargo.toml");
    assert!(workspace.contains("unsafe_code = \"forbid\""));
    let members =
        workspace.split_once("members = [").and_then(|(_, rest)| rest.split_once(']')).expect("members").0;
    for member in members.split(',').map(|member| member.trim().trim_matches('"')).chain(["."]) {
        let manifest = text(&format!("{member}/Cargo.toml"));
        assert!(manifest.contains("[lints]\nworkspace = true"), "{member}");
    }
    assert!(root.join("fuzz/targets/manifests.rs").exists() && root.join("fuzz/targets/bundles.rs").exists());
}
