//! What other repositories take from this one: hooks in two flavours, and the wheel behind one of them. `tests/hooks/run`
//! installs them with the real pre-commit; here is what can be held without it.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()))
}

fn hooks(path: &str) -> Vec<Value> {
    serde_yaml::from_str(&read(path)).expect("a list of hooks")
}

#[test]
fn both_flavours_offer_the_same_hooks() {
    let (mut ours, mut theirs) =
        (hooks(".pre-commit-hooks.yaml"), hooks("packaging/pre-commit/.pre-commit-hooks.yaml"));
    let ids: Vec<_> = ours.iter().map(|hook| hook["id"].as_str().expect("an id").to_owned()).collect();
    assert_eq!(ids, ["pai-validate", "pai-fmt", "pai-test"]);
    for (hooks, language) in [(&mut ours, "system"), (&mut theirs, "python")] {
        for hook in hooks {
            assert_eq!(hook["pass_filenames"], Value::Bool(false), "links go across files");
            assert_eq!(hook["require_serial"], Value::Bool(true));
            assert_eq!(hook["language"].take(), Value::from(language));
        }
    }
    assert_eq!(ours, theirs);
}

#[test]
fn the_pin_is_the_version_of_the_wheel() {
    let (pin, wheel) = (read("packaging/pre-commit/pyproject.toml"), read("packaging/wheel/pyproject.toml"));
    assert!(wheel.contains("name = \"pai-cli\"\n") && wheel.contains("dynamic = [\"version\"]\n"), "{wheel}");
    let expected = format!("dependencies = [\"pai-cli=={}\"]\n", env!("CARGO_PKG_VERSION"));
    assert!(pin.contains(&expected), "{expected}{pin}");
}

#[test]
fn hooks_are_silent_where_nothing_is_ours_and_pass_on_an_example() {
    let foreign = TempDir::new().expect("a folder");
    std::fs::write(foreign.path().join("compose.yaml"), "services: {web: {image: web}}\n").expect("written");
    let empty = TempDir::new().expect("a folder");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart");
    for hook in &hooks(".pre-commit-hooks.yaml") {
        let entry = hook["entry"].as_str().expect("an entry");
        let mut words = entry.split(' ');
        assert_eq!(words.next(), Some("pai"));
        let arguments: Vec<_> = words.collect();
        for (folder, silent) in [(empty.path(), true), (foreign.path(), true), (&example, false)] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_pai"));
            let output = command.args(&arguments).current_dir(folder).output().expect("started");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{entry} in {}: {said}", folder.display());
            // The output of tests is their result; the others print only what they find.
            let is_quiet = output.stdout.is_empty() && said.is_empty();
            assert_eq!(is_quiet, silent, "{entry} in {}: {said}", folder.display());
        }
    }
}
