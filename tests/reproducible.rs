//! Equal input gives equal bytes: from another folder, in another order of files, on another day, in another locale.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

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
            let copy = to.join(name);
            std::fs::copy(&path, &copy).expect("copied");
            let file = std::fs::File::options().write(true).open(copy).expect("opened");
            let seconds = if reverse { 2_000_000_000 } else { 1_000_000_000 };
            file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).expect("dated");
        }
    }
}

/// Builds as on a machine with this time zone: with it come a locale, a user, a umask and what else differs.
fn build(folder: &Path, from: &Path, bundle: &Path, zone: &str) -> String {
    let here = zone == "UTC";
    let output = Command::new("sh")
        .args(["-c", "umask $1; shift; exec \"$@\"", "sh", if here { "022" } else { "077" }])
        .arg(env!("CARGO_BIN_EXE_pai"))
        .arg("build")
        .arg(folder)
        .arg("-o")
        .arg(bundle)
        .current_dir(from)
        .env("TZ", zone)
        // Turkish lower-cases `I` to a dotless one, and Estonian sorts `z` before `t`.
        .env("LC_ALL", if here { "C" } else { "tr_TR.UTF-8" })
        .env("LANG", if here { "C" } else { "et_EE.UTF-8" })
        .env("HOME", if here { "/root" } else { "/nonexistent" })
        .env("USER", if here { "one" } else { "two" })
        .env("HOSTNAME", if here { "one" } else { "two" })
        .env("COLUMNS", if here { "60" } else { "200" })
        .env("SOURCE_DATE_EPOCH", if here { "0" } else { "2000000000" })
        .env("CI", if here { "" } else { "true" })
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

/// The number of a release is given with its signature, so a release can be built again and compared.
#[test]
fn a_release_is_what_was_built_and_a_signature() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/seed");
    let pai = |arguments: &[&str]| {
        let status = Command::new(env!("CARGO_BIN_EXE_pai")).args(arguments).current_dir(at).output();
        assert!(status.expect("started").status.success(), "{arguments:?}");
    };
    let first = build(&source, at, &at.join("a.bundle"), "UTC");
    pai(&["bundle", "keygen", "-o", "key"]);
    pai(&["bundle", "sign", "a.bundle", "--key", "key", "--serial", "7", "-o", "one.bundle"]);
    let second = build(&source, at, &at.join("a.bundle"), "Pacific/Chatham");
    pai(&["bundle", "sign", "a.bundle", "--key", "key", "--serial", "7", "-o", "two.bundle"]);
    assert_eq!(first, second);
    let bytes = |name: &str| std::fs::read(at.join(name)).expect("a bundle");
    assert_eq!(bytes("one.bundle"), bytes("two.bundle"));
    let contents = |bytes: &[u8]| bytes.splitn(2, |byte| *byte == b'\n').nth(1).expect("contents").to_owned();
    assert_eq!(contents(&bytes("one.bundle")), contents(&bytes("a.bundle")));
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
