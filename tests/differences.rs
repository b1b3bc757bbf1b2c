//! `pai diff`: pairs of workspaces and what is said about them, exactly as printed; and every request that is named,
//! asked again on both sides.

use std::path::{Path, PathBuf};
use std::process::Command;

use pai_bundle::unit::UnixSeconds;
use pai_compiler::inspect::World;
use pai_compiler::inspect::diff::{Effect, Report, diff, render};
use pai_compiler::{Sources, compile};
use snapbox::data::DataFormat;
use snapbox::{Assert, Data};
use tempfile::TempDir;

/// 2026-11-23T12:00:00Z, before every date in the pairs.
const FROM: UnixSeconds = UnixSeconds(1_795_435_200);
const AT: &str = "2026-11-23T12:00:00Z";

/// Pairs that mean the same on both sides.
const SAME: [&str; 2] = ["moved-text", "rule-rewritten"];

fn pairs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/diff");
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut pairs: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    pairs.sort();
    pairs
}

fn files(folder: &Path, under: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, under, found);
        } else {
            let name = path.strip_prefix(under).expect("inside").to_str().expect("text").replace('\\', "/");
            found.push((name, std::fs::read_to_string(&path).expect("a text")));
        }
    }
}

fn world(folder: &Path) -> World {
    let mut found = Vec::new();
    files(folder, folder, &mut found);
    let compiled = compile(&Sources::new(found));
    let bundle =
        compiled.bundle.unwrap_or_else(|| panic!("{}: {:?}", folder.display(), compiled.diagnostics));
    World::new(bundle).expect("a world")
}

/// Compares with the file, or rewrites it.
fn expect(actual: String, file: &Path) {
    if !file.exists() && std::env::var_os("SNAPSHOTS").is_some() {
        std::fs::write(file, "").expect("written");
    }
    let expected = Data::read_from(file, Some(DataFormat::Text)).raw();
    Assert::new().action_env("SNAPSHOTS").eq(Data::text(actual).raw(), expected);
}

/// Each request of a report, on the side that allows it and on the one that does not.
fn replay(report: &Report, worlds: [&World; 2], pair: &str) {
    for finding in &report.findings {
        let Some(request) = &finding.request else { continue };
        assert_ne!(request.before.allowed, request.after.allowed, "{pair}: {}", finding.sentence);
        assert_eq!(request.after.allowed, finding.effect == Effect::Widens, "{pair}: {}", finding.sentence);
        for (world, verdict) in worlds.iter().zip([&request.before, &request.after]) {
            let answer = world.ask(&request.question);
            let served =
                answer.served_by().map(|served| format!("{}/{}", served.provider.name, served.model));
            let is_served = served.as_deref() == Some(request.question.model.as_str());
            assert_eq!(is_served, verdict.allowed, "{pair}: {}: {answer:?}", finding.sentence);
            // Who no longer lists a provider is taken to mean another one's model.
            let first = answer.candidates.first().filter(|first| {
                format!("{}/{}", first.candidate.provider.name, first.candidate.model)
                    == request.question.model
            });
            let refusing =
                first.and_then(|first| first.denial.as_deref()).map(|denial| denial.first.policy.as_str());
            if first.is_some() {
                assert_eq!(refusing, verdict.policy.as_deref(), "{pair}: {}", finding.sentence);
            }
        }
    }
}

#[test]
fn every_pair_is_told_as_it_is_and_every_request_shows_it() {
    let pairs = pairs();
    assert!(pairs.len() >= 20, "{}", pairs.len());
    for pair in pairs {
        let name = pair.file_name().expect("a name").to_str().expect("text").to_owned();
        let (old, new) = (world(&pair.join("old")), world(&pair.join("new")));
        let report = diff(&old, &new, FROM);
        expect(render::human(&report, "old", "new"), &pair.join("human.txt"));
        expect(render::markdown(&report, "old", "new"), &pair.join("report.md"));
        let json = serde_json::to_string_pretty(&report).expect("JSON");
        expect(json + "\n", &pair.join("report.json"));
        replay(&report, [&old, &new], &name);
        assert_eq!(report.findings.is_empty(), SAME.contains(&name.as_str()), "{name}");
    }
}

/// Exit code and standard output.
fn pai(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pai"));
    let output = command.args(arguments).current_dir(folder).env("NO_COLOR", "1").output().expect("started");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().expect("an exit code"), said)
}

#[test]
fn the_command_that_is_printed_shows_the_difference() {
    let pair = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/diff/cap-raised");
    let (code, said) = pai(&pair, &["diff", "old", "new", "--at", AT]);
    assert_eq!(code, 1, "{said}");
    assert_eq!(said, std::fs::read_to_string(pair.join("human.txt")).expect("a text"));
    let line = said.lines().find_map(|line| line.trim().strip_prefix("pai explain ")).expect("a command");
    let mut words: Vec<&str> = line.split(' ').collect();
    assert_eq!(words.pop(), Some("new"));
    // The first candidate is refused for its size, which nothing else can mend.
    for (side, expected) in [("old", 1), ("new", 0)] {
        let arguments: Vec<&str> =
            ["explain"].into_iter().chain(words.iter().copied()).chain([side]).collect();
        let (code, said) = pai(&pair, &arguments);
        assert_eq!(code, expected, "{side}: {said}");
    }
}

/// What a guard found can only be asked about where the guard is attached, so such a request is shown where it is refused.
#[test]
fn the_commands_under_changes_of_guards_are_refused_as_said() {
    for pair in ["guard-removed", "guard-added", "guard-audited", "guard-reads-less", "guard-loosened"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/diff").join(pair);
        let said = std::fs::read_to_string(folder.join("human.txt")).expect("a text");
        let commands: Vec<&str> = said.lines().filter_map(|line| line.trim().strip_prefix("pai ")).collect();
        assert!(!commands.is_empty(), "{said}");
        for command in commands {
            let words: Vec<&str> = command.split(' ').map(|word| word.trim_matches('\'')).collect();
            let (code, answer) = pai(&folder, &words);
            assert_eq!(code, 1, "{command}: {answer}");
            assert!(answer.contains("refused: guard default/injections "), "{command}: {answer}");
        }
    }
}

#[test]
fn exit_codes_say_whether_access_widens() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/diff");
    for (pair, arguments, expected) in [
        ("agent-loses-model", ["old", "new"], 0),
        ("agent-loses-model", ["new", "old"], 1),
        ("moved-text", ["old", "new"], 0),
        ("rule-cannot-be-enumerated", ["old", "new"], 1),
        ("guard-removed", ["old", "new"], 1),
        ("guard-removed", ["new", "old"], 0),
        ("guard-audited", ["old", "new"], 1),
        ("guard-audited", ["new", "old"], 0),
        ("guard-reads-less", ["old", "new"], 1),
        ("guard-reads-less", ["new", "old"], 0),
        ("guard-loosened", ["old", "new"], 1),
        ("guard-tightened", ["old", "new"], 0),
        ("guard-rearranged", ["old", "new"], 0),
        ("guard-rearranged", ["new", "old"], 0),
        ("guard-other-classifier", ["old", "new"], 1),
        ("moved-text", ["old", "missing"], 2),
    ] {
        let [old, new] = arguments;
        let (code, said) = pai(&folder.join(pair), &["diff", old, new, "--at", AT]);
        assert_eq!(code, expected, "{pair} {old} {new}: {said}");
    }
}

fn git(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]);
    let output = command.args(arguments).current_dir(folder).output().expect("git");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn revisions_are_read_from_git_and_the_work_tree_stays() {
    let folder = TempDir::new().expect("a folder");
    let deploy = folder.path().join("deploy");
    std::fs::create_dir_all(deploy.join(".hidden")).expect("a folder");
    let manifest = |cap: &str| {
        format!(
            "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: local}}\nspec:\n  provider: vllm\n  \
             endpoint: http://vllm.example/v1\n---\napiVersion: pai.io/v1\nkind: Agent\nmetadata: {{name: coder}}\n\
             spec:\n  models: [local/qwen3]\n  tokens: {{maxPerRequest: {cap}}}\n"
        )
    };
    std::fs::write(deploy.join("pai.yaml"), manifest("1000")).expect("written");
    std::fs::write(deploy.join(".hidden/not.yaml"), "kind: Agent\n").expect("written");
    git(folder.path(), &["init", "--quiet", "--initial-branch=main"]);
    git(folder.path(), &["add", "--force", "."]);
    git(folder.path(), &["commit", "--quiet", "--message=one"]);
    std::fs::write(deploy.join("pai.yaml"), manifest("2000")).expect("written");
    // The current folder as it was, a folder by its path from the root, and the other way round.
    for (from, arguments, expected) in [
        (deploy.as_path(), ["diff", "HEAD", "."], 1),
        (folder.path(), ["diff", "main:deploy", "deploy"], 1),
        (deploy.as_path(), ["diff", "main:deploy", "."], 1),
        (deploy.as_path(), ["diff", ".", "main"], 0),
        (deploy.as_path(), ["diff", "main:deploy/pai.yaml", "."], 2),
    ] {
        let (code, said) = pai(from, &arguments);
        assert_eq!(code, expected, "{arguments:?}: {said}");
        assert!(code == 2 || said.contains("1,000") && said.contains("2,000"), "{said}");
    }
    let (code, said) = pai(
        &deploy,
        &["explain", "--agent", "coder", "--model", "default", "--tokens", "1500", "--in", "HEAD"],
    );
    assert_eq!(code, 1, "{said}");
    let kept = std::fs::read_to_string(deploy.join("pai.yaml")).expect("a text");
    assert_eq!(kept, manifest("2000"));
}
