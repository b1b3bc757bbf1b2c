//! Where secrets are found, which is taken, and what a store that others could read or have altered is worth.

use std::os::unix::fs::PermissionsExt;

use super::*;

fn wanted(name: &str) -> SecretRef {
    SecretRef { name: name.into(), key: "api-key".into() }
}

/// The value, where some place has it.
fn value(secrets: &Secrets, name: &str) -> Option<String> {
    secrets.find(&wanted(name)).expect("readable").map(|found| found.expose_secret().to_owned())
}

/// Puts a secret into a state folder by hand.
fn unsealed(state: &Path, name: &str, value: &str) -> PathBuf {
    let file = state.join("secrets").join(name).join("api-key");
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("folder");
    std::fs::write(&file, value).expect("written");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("chmod");
    file
}

#[test]
fn mounted_files_come_before_the_local_store() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mounted, state) = (dir.path().join("mounted"), dir.path().join("state"));
    let secrets = Secrets::new(Some(mounted.clone()), &state);
    secrets.keep(&wanted("a"), &SecretString::from("from-store")).expect("kept");
    assert_eq!(value(&secrets, "a").as_deref(), Some("from-store"));
    std::fs::create_dir_all(mounted.join("a")).expect("folder");
    std::fs::write(mounted.join("a/api-key"), "from-file\n").expect("file");
    assert_eq!(value(&secrets, "a").as_deref(), Some("from-file"));
    assert!(secrets.find(&wanted("b")).expect("readable").is_none());
}

#[test]
fn what_is_kept_is_found_until_it_is_forgotten() {
    let dir = tempfile::tempdir().expect("a folder");
    let secrets = Secrets::new(None, dir.path());
    for text in ["first", "second"] {
        secrets.keep(&wanted("a"), &SecretString::from(text)).expect("kept");
        assert_eq!(value(&secrets, "a").as_deref(), Some(text));
    }
    assert!(secrets.forget(&wanted("a")).expect("forgotten"));
    assert_eq!(value(&secrets, "a"), None);
    assert!(!secrets.forget(&wanted("a")).expect("nothing to forget"));
    assert!(matches!(secrets.keep(&wanted("../a"), &SecretString::from("x")), Err(SecretError::Name(_))));
    assert!(matches!(
        secrets.keep(&wanted("a"), &SecretString::from("two\nlines")),
        Err(SecretError::Unusable(_))
    ));
}

#[test]
fn names_are_listed_without_the_pepper() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mounted, state) = (dir.path().join("mounted"), dir.path().join("state"));
    unsealed(&state, "a", "x");
    std::fs::create_dir_all(mounted.join("b/..data")).expect("folder");
    std::fs::write(mounted.join("b/api-key"), "x").expect("file");
    let secrets = Secrets::new(Some(mounted), &state);
    secrets.pepper().expect("a pepper");
    let names = secrets.names().expect("readable");
    assert_eq!(names.files.into_iter().collect::<Vec<_>>(), [wanted("a"), wanted("b")]);
    assert_eq!(Secrets::new(None, &dir.path().join("none")).names().expect("readable").files.len(), 0);
}

#[test]
fn a_secret_that_others_can_read_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let secrets = Secrets::new(None, dir.path());
    secrets.keep(&wanted("a"), &SecretString::from("x")).expect("kept");
    let file = dir.path().join("sealed/a/api-key");
    assert_eq!(std::fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("chmod");
    assert!(matches!(secrets.find(&wanted("a")), Err(SecretError::TooOpen { mode: 0o644, .. })));
}

#[test]
fn a_name_cannot_leave_its_folder() {
    let dir = tempfile::tempdir().expect("a folder");
    let secrets = Secrets::new(Some(dir.path().to_owned()), dir.path());
    for name in ["..", "../x", "a/b", "", ".hidden"] {
        assert!(matches!(secrets.find(&wanted(name)), Err(SecretError::Name(_))), "{name}");
    }
}

#[test]
fn the_pepper_is_made_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let first = Secrets::new(None, dir.path()).pepper().expect("a pepper");
    let second = Secrets::fixed("simulated", dir.path()).pepper().expect("a pepper");
    assert_eq!(first.id(), second.id());
}

#[test]
fn what_is_kept_lies_sealed_and_its_files_are_nobody_elses() {
    let dir = tempfile::tempdir().expect("a folder");
    let secrets = Secrets::new(None, dir.path());
    secrets.keep(&wanted("a"), &SecretString::from("sk-very-secret-value")).expect("kept");
    secrets.pepper().expect("a pepper");
    let mut files = Vec::new();
    let mut folders = vec![dir.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let mode = std::fs::metadata(&path).expect("there").permissions().mode() & 0o777;
            assert_eq!(mode & 0o077, 0, "{path:?} {mode:o}");
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    assert_eq!(files.len(), 3, "two secrets and a key: {files:?}");
    for file in files {
        let bytes = std::fs::read(&file).expect("read");
        assert!(!String::from_utf8_lossy(&bytes).contains("sk-very"), "{file:?}");
    }
}

#[test]
fn nothing_starts_while_any_file_of_the_store_is_open_to_others() {
    for file in ["secrets.key", "sealed/a/api-key", "sealed/pai-pepper/pepper", "secrets/b/api-key"] {
        let dir = tempfile::tempdir().expect("a folder");
        let secrets = Secrets::new(None, dir.path());
        secrets.keep(&wanted("a"), &SecretString::from("x")).expect("kept");
        secrets.pepper().expect("a pepper");
        unsealed(dir.path(), "b", "x");
        let file = dir.path().join(file);
        for mode in [0o644, 0o640, 0o604, 0o620, 0o601] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("chmod");
            let error = secrets.prepare().expect_err("refused").to_string();
            assert!(error.contains(&format!("chmod 600 {}", file.display())), "{error}");
        }
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("chmod");
        secrets.prepare().expect("all is well");
    }
}

#[test]
fn what_lies_unsealed_is_read_and_sealed_at_the_start() {
    let dir = tempfile::tempdir().expect("a folder");
    let secrets = Secrets::new(None, dir.path());
    let file = unsealed(dir.path(), "a", "by-hand\n");
    assert_eq!(value(&secrets, "a").as_deref(), Some("by-hand"));
    assert_eq!(secrets.prepare().expect("prepared"), [wanted("a")]);
    assert!(!file.exists());
    assert_eq!(value(&secrets, "a").as_deref(), Some("by-hand"));
    assert!(secrets.prepare().expect("prepared").is_empty());
    // A newer one by hand is the newer one, and one that is kept takes its place.
    unsealed(dir.path(), "a", "newer");
    assert_eq!(value(&secrets, "a").as_deref(), Some("newer"));
    secrets.keep(&wanted("a"), &SecretString::from("kept")).expect("kept");
    assert_eq!(value(&secrets, "a").as_deref(), Some("kept"));
    assert!(!file.exists());
}

#[test]
fn sealed_files_that_were_swapped_damaged_or_meant_for_another_key_are_clear_errors() {
    let dir = tempfile::tempdir().expect("a folder");
    let secrets = Secrets::new(None, dir.path());
    for name in ["a", "b"] {
        secrets.keep(&wanted(name), &SecretString::from(format!("value of {name}"))).expect("kept");
    }
    let file = |name: &str| dir.path().join(format!("sealed/{name}/api-key"));
    let good = std::fs::read(file("a")).expect("read");
    let find = || secrets.find(&wanted("a"));

    std::fs::copy(file("b"), file("a")).expect("copied");
    assert!(matches!(find(), Err(SecretError::Altered { .. })));
    std::fs::write(file("a"), &good[..good.len() / 2]).expect("written");
    assert!(matches!(find(), Err(SecretError::Altered { .. })));
    std::fs::write(file("a"), &good).expect("written");
    assert_eq!(value(&secrets, "a").as_deref(), Some("value of a"));

    let key = dir.path().join("secrets.key");
    let kept = std::fs::read(&key).expect("read");
    std::fs::remove_file(&key).expect("removed");
    assert!(matches!(find(), Err(SecretError::NoKey { .. })));
    assert!(matches!(secrets.prepare(), Err(SecretError::NoKey { .. })));
    // No new key in its place: what the old one sealed would be lost.
    assert!(matches!(secrets.keep(&wanted("c"), &SecretString::from("x")), Err(SecretError::NoKey { .. })));
    let other = tempfile::tempdir().expect("a folder");
    Secrets::new(None, other.path()).keep(&wanted("a"), &SecretString::from("x")).expect("kept");
    std::fs::copy(other.path().join("secrets.key"), &key).expect("copied");
    let error = find().expect_err("another key").to_string();
    assert!(error.contains("was encrypted with key") && error.contains("--secrets-key"), "{error}");
    std::fs::write(&key, "rubbish").expect("written");
    assert!(matches!(find(), Err(SecretError::KeyFile { .. })));
    // The key may lie elsewhere.
    let elsewhere = other.path().join("elsewhere.key");
    std::fs::write(&elsewhere, kept).expect("written");
    std::fs::set_permissions(&elsewhere, std::fs::Permissions::from_mode(0o600)).expect("chmod");
    let secrets = Secrets::new(None, dir.path()).with_key_file(Some(elsewhere));
    assert_eq!(value(&secrets, "a").as_deref(), Some("value of a"));
}

/// A crash leaves any beginning of the temporary file, or all of it, and the old file or the new one.
#[test]
fn a_crash_at_any_point_of_a_write_loses_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let secrets = Secrets::new(None, dir.path());
    secrets.keep(&wanted("a"), &SecretString::from("new")).expect("kept");
    let file = dir.path().join("sealed/a/api-key");
    let new = std::fs::read(&file).expect("read");
    secrets.keep(&wanted("a"), &SecretString::from("old")).expect("kept");
    let left = |cut: usize| dir.path().join(format!("sealed/a/.api-key.{cut}.new"));
    for cut in 0..=new.len() {
        std::fs::write(left(cut), &new[..cut]).expect("written");
        std::fs::set_permissions(left(cut), std::fs::Permissions::from_mode(0o600)).expect("chmod");
        assert_eq!(value(&secrets, "a").as_deref(), Some("old"), "cut at {cut}");
    }
    assert_eq!(secrets.stored().expect("a list").len(), 1);
    secrets.prepare().expect("it starts");
    std::fs::rename(left(new.len()), &file).expect("renamed");
    assert_eq!(value(&secrets, "a").as_deref(), Some("new"));
    secrets.keep(&wanted("a"), &SecretString::from("newer")).expect("kept");
    assert_eq!(value(&secrets, "a").as_deref(), Some("newer"));
}

/// Whoever reads while others write gets all of one value.
#[test]
fn many_writers_at_once_leave_one_whole_secret_and_one_key() {
    let dir = tempfile::tempdir().expect("a folder");
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let secrets = Secrets::new(None, dir.path());
            scope.spawn(move || {
                for turn in 0..5 {
                    secrets
                        .keep(&wanted("a"), &SecretString::from(format!("{writer}-{turn}")))
                        .expect("kept");
                    assert!(value(&secrets, "a").is_some());
                }
                secrets.pepper().expect("a pepper").id().to_owned()
            });
        }
    });
    assert!(value(&Secrets::new(None, dir.path()), "a").is_some());
}

#[test]
fn the_store_is_listed_without_values_and_without_the_pepper() {
    let dir = tempfile::tempdir().expect("a folder");
    let secrets = Secrets::new(None, dir.path());
    secrets.pepper().expect("a pepper");
    for name in ["b", "a"] {
        secrets.keep(&wanted(name), &SecretString::from("x")).expect("kept");
    }
    unsealed(dir.path(), "c", "x");
    let names: Vec<String> =
        secrets.stored().expect("a list").into_iter().map(|stored| stored.name.name).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

#[test]
fn the_place_that_has_a_secret_is_told() {
    let dir = tempfile::tempdir().expect("a folder");
    let mounted = dir.path().join("mounted");
    let secrets = Secrets::new(Some(mounted.clone()), &dir.path().join("state")).with_keychain();
    let order = ["files in", "the environment", "the keychain", "the encrypted store in"];
    let described = secrets.describe();
    let at: Vec<usize> = order.iter().filter_map(|words| described.find(words)).collect();
    assert!(at.len() == order.len() && at.is_sorted(), "{described}");
    let secrets = Secrets::new(Some(mounted.clone()), &dir.path().join("state"));
    assert_eq!(secrets.place_of(&wanted("a")).expect("readable"), None);
    secrets.keep(&wanted("a"), &SecretString::from("x")).expect("kept");
    let place = |secrets: &Secrets| secrets.place_of(&wanted("a")).expect("readable").expect("found");
    assert!(place(&secrets).starts_with("the encrypted store in"));
    std::fs::create_dir_all(mounted.join("a")).expect("folder");
    std::fs::write(mounted.join("a/api-key"), "y").expect("file");
    assert!(place(&secrets).starts_with("files in"));
}
