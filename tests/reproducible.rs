//! Equal input gives equal bytes: from another folder, in another order of files, on another day, in another locale.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// Copies a workspace's files in the order given.
fn copy(from: &Path, to: &Path, reverse: bool) {
    let mut entries: Vec<_> =
        std::fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    if reverse {
        entries.reverse();
    }
    std::fs::create_dir_all(to).expect("a folder");
    for path in entries {
        let name = path.file_name().expect("a name");
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to.join(name), reverse);
        } else {
            std::fs::copy(&path, to.join(name)).expect("copied");
        }
    }
}

fn build(folder: &Path, from: &Path, bundle: &Path, zone: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_pai"))
        .arg("build")
        .arg(folder)
        .arg("-o")
        .arg(bundle)
        .current_dir(from)
        .env("TZ", zone)
        .env("LC_ALL", if zone == "UTC" { "C" } else { "tr_TR.UTF-8" })
        .output()
        .expect("built");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("a digest")
}

#[test]
fn two_folders_give_the_same_bundle() {
    for example in ["quickstart", "seed"] {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(example);
        let (one, two) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"));
        copy(&source, &one.path().join("a"), false);
        copy(&source, &two.path().join("deep/er/b"), true);
        let first = build(&one.path().join("a"), Path::new("/"), &one.path().join("x.bundle"), "UTC");
        let second = build(
            Path::new("b"),
            &two.path().join("deep/er"),
            &two.path().join("y.bundle"),
            "Asia/Kathmandu",
        );
        assert_eq!(first, second, "{example}");
        let bytes = |path| std::fs::read(path).expect("a bundle");
        assert_eq!(bytes(one.path().join("x.bundle")), bytes(two.path().join("y.bundle")), "{example}");
    }
}

#[test]
fn a_bundle_tells_nothing_of_where_it_was_built() {
    let folder = TempDir::new().expect("a folder");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart");
    let bundle = folder.path().join("x.bundle");
    build(&source, Path::new("/"), &bundle, "UTC");
    let text = std::fs::read_to_string(&bundle).expect("text");
    assert!(!text.contains(env!("CARGO_MANIFEST_DIR")));
}
