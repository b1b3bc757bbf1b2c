//! `pai fmt`: nothing but layout changes, on disk or in meaning.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use pai_bundle::{Bundle, codec};
use pai_compiler::format::{Formatted, format};
use pai_compiler::{Diagnostics, Sources};
use serde_json::Value;
use tempfile::TempDir;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pai(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pai"));
    ended(&command.args(arguments).current_dir(folder).env("NO_COLOR", "1").output().expect("started"))
}

fn ended(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    (output.status.code().expect("an exit code"), text(&output.stdout), text(&output.stderr))
}

/// Every folder of manifests in the repository, with the files in it.
fn workspaces() -> Vec<(PathBuf, Sources)> {
    let mut folders = Vec::new();
    for parent in ["examples", "tests/golden/diagnostics"] {
        let entries = std::fs::read_dir(root().join(parent)).expect("a folder");
        folders.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    folders.sort();
    assert!(folders.len() > 30);
    let read = |folder: PathBuf| {
        let mut files = Vec::new();
        collect(&folder, &folder, &mut files);
        (folder, Sources::new(files))
    };
    folders.into_iter().map(read).collect()
}

fn collect(base: &Path, folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(base, &path, files);
        } else if path.extension().is_some_and(|kind| kind == "yaml" || kind == "cedar") {
            let name = path.strip_prefix(base).expect("inside").display().to_string();
            files.push((name, std::fs::read_to_string(&path).expect("text")));
        }
    }
}

/// The same files, laid out; `None` where one cannot be read.
fn laid_out(sources: &Sources) -> Option<Sources> {
    let (formatted, _) = format(sources);
    let files: Option<Vec<_>> = formatted
        .into_iter()
        .map(|(id, formatted)| {
            let file = sources.file(id).expect("a file");
            match formatted {
                Formatted::Changed(text) => Some((file.path().to_owned(), text)),
                Formatted::Same => Some((file.path().to_owned(), file.text().to_owned())),
                Formatted::Unreadable => None,
                Formatted::Refused(error) => panic!("{}: {error}", file.path()),
            }
        })
        .collect();
    files.map(Sources::new)
}

/// What a bundle says, without the places that it came from; authors' policies in one layout, which a bundle keeps.
fn meaning(bundle: &Bundle) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for place in ["origin", "places"] {
                    fields.remove(place);
                }
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            Value::String(text) if text.contains("forbid") => {
                let placeless = text.lines().filter(|line| !line.starts_with("@source("));
                let one = Sources::new([("a.cedar", placeless.collect::<Vec<_>>().join("\n"))]);
                if let Some((_, Formatted::Changed(text))) = format(&one).0.first() {
                    *value = Value::String(text.clone());
                }
            }
            _ => {}
        }
    }
    let (bytes, _) = codec::encode(bundle).expect("bytes");
    let body = bytes.iter().position(|byte| *byte == b'\n').expect("a header line");
    let mut value: Value = serde_json::from_slice(&bytes[body..]).expect("json");
    strip(&mut value);
    value
}

fn said(found: &Diagnostics) -> Vec<(&'static str, String)> {
    let mut said: Vec<_> = found.iter().map(|finding| (finding.code(), finding.message.clone())).collect();
    said.sort();
    said
}

#[test]
fn what_is_laid_out_compiles_to_the_same() {
    let (mut bundles, mut changed) = (0, 0);
    for (folder, sources) in workspaces() {
        let Some(new) = laid_out(&sources) else { continue };
        let (before, after) = (pai_compiler::compile(&sources), pai_compiler::compile(&new));
        assert_eq!(said(&after.diagnostics), said(&before.diagnostics), "{}", folder.display());
        assert_eq!(
            after.bundle.as_ref().map(meaning),
            before.bundle.as_ref().map(meaning),
            "{}",
            folder.display()
        );
        bundles += usize::from(after.bundle.is_some());
        let text =
            |sources: &Sources| sources.files().map(|(_, file)| file.text().to_owned()).collect::<Vec<_>>();
        changed += usize::from(text(&new) != text(&sources));
        assert_eq!(laid_out(&new).as_ref().map(text), Some(text(&new)), "{}", folder.display());
    }
    assert!(bundles >= 5 && changed >= 20, "{bundles} bundles, {changed} changed");
}

#[test]
fn the_examples_are_laid_out() {
    let (code, would_change, said) = pai(root(), &["fmt", "--check", "examples"]);
    assert_eq!((code, would_change.as_str()), (0, ""), "{said}");
}

const UGLY: &str =
    "apiVersion:   pai.io/v1\nkind: Agent # who\nmetadata: {name: a}\nspec:\n  models:\n  - p/m\n";
const NEAT: &str =
    "apiVersion: pai.io/v1\nkind: Agent # who\nmetadata: { name: a }\nspec:\n  models:\n    - p/m\n";

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, text).expect("written");
    }
    folder
}

fn read(folder: &TempDir, name: &str) -> String {
    std::fs::read_to_string(folder.path().join(name)).expect("text")
}

#[test]
fn files_are_rewritten_once_and_others_left_alone() {
    let foreign = "services:   {web: {image: x}}   \n";
    let folder = folder(&[
        ("a.yaml", UGLY),
        ("b/c.yml", NEAT),
        ("compose.yaml", foreign),
        (".hidden/a.yaml", UGLY),
        ("a.txt", UGLY),
    ]);
    let (code, stdout, stderr) = pai(folder.path(), &["fmt"]);
    assert_eq!((code, stdout.as_str()), (0, "a.yaml\n"), "{stderr}");
    assert!(stderr.contains("1 file laid out, 2 files unchanged"), "{stderr}");
    assert_eq!(read(&folder, "a.yaml"), NEAT);
    assert_eq!(
        (read(&folder, "compose.yaml").as_str(), read(&folder, ".hidden/a.yaml").as_str()),
        (foreign, UGLY)
    );
    assert_eq!(read(&folder, "a.txt"), UGLY);
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names.len(), 5, "{names:?}");
    assert_eq!(pai(folder.path(), &["fmt"]).1, "");
}

#[cfg(unix)]
#[test]
fn permissions_and_links_stay() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = folder(&[("real/a.yaml", UGLY)]);
    let real = folder.path().join("real/a.yaml");
    std::fs::set_permissions(&real, PermissionsExt::from_mode(0o640)).expect("permissions");
    symlink("real/a.yaml", folder.path().join("a.yaml")).expect("a link");
    assert_eq!(pai(folder.path(), &["fmt", "a.yaml"]).0, 0);
    assert_eq!(std::fs::metadata(&real).expect("a file").permissions().mode() & 0o777, 0o640);
    assert!(folder.path().join("a.yaml").is_symlink());
    assert_eq!(read(&folder, "real/a.yaml"), NEAT);
}

#[test]
fn check_and_diff_write_nothing() {
    let folder = folder(&[("a.yaml", UGLY), ("b.yaml", NEAT)]);
    let (code, stdout, _) = pai(folder.path(), &["fmt", "--check"]);
    assert_eq!((code, stdout.as_str()), (1, "a.yaml\n"));
    let (code, stdout, _) = pai(folder.path(), &["fmt", "--diff"]);
    assert_eq!(code, 1);
    assert!(
        stdout.contains("\n-metadata: {name: a}\n") && stdout.contains("\n+metadata: { name: a }\n"),
        "{stdout}"
    );
    assert_eq!(read(&folder, "a.yaml"), UGLY);
    assert_eq!(pai(folder.path(), &["fmt", "--check", "b.yaml"]).0, 0);
    assert_eq!(pai(folder.path(), &["fmt", "--check", "missing"]).0, 2);
    assert_eq!(pai(folder.path(), &["fmt", "--chek"]).0, 2);
}

#[test]
fn what_cannot_be_read_is_reported_and_the_rest_is_laid_out() {
    let folder = folder(&[
        ("a.yaml", UGLY),
        ("b.yaml", "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: b\n"),
        ("c.cedar", "forbid (principal"),
    ]);
    let (code, stdout, stderr) = pai(folder.path(), &["fmt"]);
    assert_eq!((code, stdout.as_str()), (1, "a.yaml\n"), "{stderr}");
    assert!(
        stderr.contains("PAI0101")
            && stderr.contains("PAI0401")
            && stderr.contains("2 files left as they are"),
        "{stderr}"
    );
}

#[test]
fn what_would_mean_something_else_is_left_and_named() {
    let text = format!("{UGLY}  text: |\n    a\n      \n");
    let folder = folder(&[("a.yaml", &text), ("b.yaml", UGLY)]);
    let (code, stdout, stderr) = pai(folder.path(), &["fmt"]);
    assert_eq!((code, stdout.as_str()), (1, "b.yaml\n"), "{stderr}");
    assert!(stderr.contains("`a.yaml` is left as it is: line 8"), "{stderr}");
    assert_eq!(read(&folder, "a.yaml"), text);
}

#[test]
fn standard_input_goes_to_standard_output() {
    let through = |arguments: &[&str], text: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pai"));
        command
            .args(["fmt", "-"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("started");
        child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("written");
        let (code, stdout, _) = ended(&child.wait_with_output().expect("ended"));
        (code, stdout)
    };
    assert_eq!(through(&[], UGLY), (0, NEAT.to_owned()));
    assert_eq!(through(&[], NEAT), (0, NEAT.to_owned()));
    assert_eq!(through(&["--check"], UGLY), (1, "stdin.yaml\n".to_owned()));
    let policy = "forbid(principal,action,resource);";
    assert_eq!(
        through(&["--stdin-filename", "a.cedar"], policy),
        (0, "forbid (principal, action, resource);\n".to_owned())
    );
    assert_eq!(through(&[], "apiVersion: pai.io/v1\nkind: [\n"), (1, String::new()));
    assert_eq!(through(&["a.yaml"], UGLY).0, 2);
}

#[test]
fn without_a_path_the_workspace_around_is_meant() {
    let folder =
        folder(&[("ws/a.yaml", UGLY), ("ws/policies/deep/.keep", ""), ("elsewhere/x.yaml", "x: 1\n")]);
    std::fs::create_dir(folder.path().join(".git")).expect("made");
    let (code, stdout, _) = pai(&folder.path().join("ws/policies/deep"), &["fmt", "--check"]);
    assert_eq!((code, stdout.as_str()), (1, "../../a.yaml\n"));
    for command in [&["validate"][..], &["fmt", "--check"]] {
        let (code, _, stderr) = pai(&folder.path().join("elsewhere"), command);
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains("no manifests") && stderr.contains("--if-any"), "{stderr}");
        let quiet = [command, &["--if-any"]].concat();
        assert_eq!(pai(&folder.path().join("elsewhere"), &quiet), (0, String::new(), String::new()));
        assert_eq!(pai(&folder.path().join("ws/policies"), &[command, &["--if-any", "deep"]].concat()).0, 0);
    }
}
