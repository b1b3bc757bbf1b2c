//! Bundles signed, checked and shown from the command line; keys that openssl reads; what a signature covers.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use pai_bundle::codec;
use pai_bundle::key::PublicKey;
use serde_json::Value;
use tempfile::TempDir;

/// Exit code, standard output, standard error.
fn pai(arguments: &[&str], folder: &Path) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_pai"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env_remove("PAI_PUBLIC_KEY")
        .output()
        .expect("started");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
}

/// Runs, expects no complaint, and gives what was printed.
fn good(arguments: &[&str], folder: &Path) -> String {
    let (code, stdout, stderr) = pai(arguments, folder);
    assert_eq!(code, 0, "{arguments:?}: {stderr}");
    stdout
}

/// A folder with `a.bundle` of an example, and two pairs of keys.
fn place() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let seed = format!("{}/examples/seed", env!("CARGO_MANIFEST_DIR"));
    good(&["build", &seed, "-o", "a.bundle"], folder.path());
    good(&["bundle", "keygen", "-o", "one"], folder.path());
    good(&["bundle", "keygen", "-o", "two"], folder.path());
    folder
}

fn read(folder: &TempDir, name: &str) -> Vec<u8> {
    std::fs::read(folder.path().join(name)).expect("a file")
}

#[test]
fn a_release_is_signed_checked_and_told_from_others() {
    let folder = place();
    let at = folder.path();
    let built = read(&folder, "a.bundle");
    assert_eq!(
        good(&["bundle", "sign", "a.bundle", "--key", "one", "--serial", "7", "-o", "s.bundle"], at),
        "7\n"
    );
    assert_eq!(read(&folder, "a.bundle"), built, "the built file stays as it is");
    let said = good(&["bundle", "verify", "s.bundle", "--public-key", "one.pub", "--min-serial", "7"], at);
    let (_, digest) = codec::decode(&built).expect("a bundle");
    assert!(said.starts_with(&format!("{digest}  serial 7  signed with key ")), "{said}");
    good(&["bundle", "verify", "s.bundle", "--public-key", "two.pub", "--public-key", "one.pub"], at);

    for (arguments, expected) in [
        (["s.bundle", "two.pub", "1"], "trusted here"),
        (["a.bundle", "one.pub", "1"], "not signed"),
        (["s.bundle", "one.pub", "8"], "its serial number is 7, and at least 8"),
    ] {
        let [bundle, key, least] = arguments;
        let (code, stdout, stderr) =
            pai(&["bundle", "verify", bundle, "--public-key", key, "--min-serial", least], at);
        assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
        assert!(stderr.contains(expected), "{expected}: {stderr}");
    }

    // Without a number, a release is numbered by the time at which it was signed.
    let now =
        good(&["bundle", "sign", "s.bundle", "--key", "two"], at).trim().parse::<u64>().expect("a number");
    let clock =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_secs();
    assert!(clock.abs_diff(now) < 600, "{now}");
    good(&["bundle", "verify", "s.bundle", "--public-key", "two.pub"], at);
}

#[test]
fn keys_are_private_never_overwritten_and_told_apart() {
    let folder = place();
    let at = folder.path();
    let mode = |name: &str| std::fs::metadata(at.join(name)).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode("one"), 0o600);
    let before = (read(&folder, "one"), read(&folder, "one.pub"));
    let (code, _, stderr) = pai(&["bundle", "keygen", "-o", "one"], at);
    assert_eq!(code, 2);
    assert!(stderr.contains("never overwritten"), "{stderr}");
    std::fs::remove_file(at.join("two")).expect("removed");
    assert_eq!(pai(&["bundle", "keygen", "-o", "two"], at).0, 2, "two.pub is still there");
    assert!(!at.join("two").exists(), "half a pair was written");
    assert_eq!((read(&folder, "one"), read(&folder, "one.pub")), before);

    let (code, _, stderr) = pai(&["bundle", "verify", "a.bundle", "--public-key", "one"], at);
    assert_eq!(code, 2);
    assert!(stderr.contains("this is a private key"), "{stderr}");
    let (code, _, stderr) = pai(&["bundle", "sign", "a.bundle", "--key", "one.pub"], at);
    assert_eq!(code, 2);
    assert!(stderr.contains("can be read by others"), "{stderr}");
    std::fs::set_permissions(at.join("one.pub"), std::fs::Permissions::from_mode(0o600)).expect("chmod");
    let (code, _, stderr) = pai(&["bundle", "sign", "a.bundle", "--key", "one.pub"], at);
    assert_eq!(code, 2);
    assert!(stderr.contains("not an ed25519 private key"), "{stderr}");
    std::fs::set_permissions(at.join("one"), std::fs::Permissions::from_mode(0o640)).expect("chmod");
    let (code, _, stderr) = pai(&["bundle", "sign", "a.bundle", "--key", "one"], at);
    assert_eq!(code, 2);
    assert!(stderr.contains("chmod 600 one"), "{stderr}");
}

/// Whether any trusted key is found to have signed exactly these bytes.
fn is_accepted(bytes: &[u8], keys: &[PublicKey]) -> bool {
    codec::open(bytes).is_ok_and(|opened| opened.verify(keys).is_ok() && opened.contents().is_ok())
}

/// `bundle/src/signature.rs` tries every value of every byte of a bundle with nothing in it; here a real one.
#[test]
fn no_byte_of_a_real_signed_bundle_can_be_altered() {
    let folder = place();
    good(&["bundle", "sign", "a.bundle", "--key", "one", "--serial", "7"], folder.path());
    let bytes = read(&folder, "a.bundle");
    let pem = String::from_utf8(read(&folder, "one.pub")).expect("text");
    let keys = [PublicKey::from_pem(&pem).expect("a key")];
    assert!(is_accepted(&bytes, &keys));
    let header = bytes.iter().position(|byte| *byte == b'\n').expect("a header");
    let everywhere_in_the_header = (0..=header).flat_map(|at| [1, 2, 0x20, 0x80].map(|mask| (at, mask)));
    // Of the contents every byte is under one digest; a sample keeps the test short.
    let here_and_there = (header + 1..bytes.len()).step_by(61).map(|at| (at, 1));
    for (at, mask) in everywhere_in_the_header.chain(here_and_there).chain([(bytes.len() - 1, 1)]) {
        let mut altered = bytes.clone();
        altered[at] ^= mask;
        assert!(!is_accepted(&altered, &keys), "byte {at} of {}, bits {mask:#x}", bytes.len());
    }
}

#[test]
fn a_bundle_shows_what_is_in_it() {
    let folder = place();
    let at = folder.path();
    let json = |arguments: &[&str]| -> Value { serde_json::from_str(&good(arguments, at)).expect("json") };
    let listing = json(&["bundle", "show", "a.bundle", "-o", "json"]);
    assert_eq!(listing["signature"], Value::Null);
    assert_eq!(listing["digest"], codec::decode(&read(&folder, "a.bundle")).expect("a bundle").1.as_str());
    let policies = listing["policies"].as_array().expect("policies");
    assert_eq!(listing["counts"]["policies"], policies.len());
    for policy in policies {
        let origin = &policy["origin"];
        assert!(origin["line"].as_u64() > Some(0) && origin["column"].as_u64() > Some(0), "{policy}");
        assert_ne!(origin["file"], "", "{policy}");
    }

    good(&["bundle", "sign", "a.bundle", "--key", "one", "--serial", "7"], at);
    for (keys, status) in
        [(vec![], "not-checked"), (vec!["one.pub"], "verified"), (vec!["two.pub"], "refused")]
    {
        let mut arguments = vec!["bundle", "show", "a.bundle", "-o", "json"];
        for key in keys {
            arguments.extend(["--public-key", key]);
        }
        let listing = json(&arguments);
        assert_eq!(listing["signature"]["status"], status);
        assert_eq!(listing["signature"]["serial"], 7);
    }

    let table = good(&["bundle", "show", "a.bundle"], at);
    for policy in policies {
        assert!(table.contains(policy["id"].as_str().expect("an id")), "{table}");
    }
    let yaml = good(&["bundle", "show", "a.bundle", "-o", "yaml"], at);
    assert!(yaml.contains("serial: 7"), "{yaml}");
    let cedar = good(&["bundle", "show", "a.bundle", "--policies"], at);
    assert_eq!(cedar.lines().filter(|line| line.starts_with("// ")).count(), policies.len());
    assert!(cedar.contains("\nforbid ("), "{cedar}");
}

/// openssl is not on every machine; where it is, it must read our keys and agree on our signatures.
#[test]
fn openssl_reads_the_keys_and_agrees_on_the_signature() {
    if Command::new("openssl").arg("version").output().is_err() {
        println!("openssl is not here; its view was not asked for");
        return;
    }
    let folder = place();
    let at = folder.path();
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).current_dir(at).output().expect("started");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    assert_eq!(openssl(&["pkey", "-in", "one", "-pubout"]), read(&folder, "one.pub"));
    good(&["bundle", "sign", "a.bundle", "--key", "one", "--serial", "7"], at);

    // What docs/bundles.md says is signed.
    let text = String::from_utf8(read(&folder, "a.bundle")).expect("text");
    let header = text.lines().next().expect("a header");
    let (start, signature) = header.split_once("\"ed25519\":\"").expect("a signature");
    let signature = signature.trim_end_matches("\"}}");
    std::fs::write(at.join("message"), format!("pai bundle signature 1\n{start}\"ed25519\":\"\"}}}}\n"))
        .expect("written");
    let bytes: Vec<u8> = (0..signature.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&signature[at..at + 2], 16).expect("hexadecimal"))
        .collect();
    std::fs::write(at.join("signature"), bytes).expect("written");
    openssl(&[
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        "one.pub",
        "-rawin",
        "-in",
        "message",
        "-sigfile",
        "signature",
    ]);

    // And the other way: a key that openssl made.
    let key: PathBuf = at.join("theirs");
    openssl(&["genpkey", "-algorithm", "ed25519", "-out", "theirs"]);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("chmod");
    openssl(&["pkey", "-in", "theirs", "-pubout", "-out", "theirs.pub"]);
    good(&["bundle", "sign", "a.bundle", "--key", "theirs"], at);
    good(&["bundle", "verify", "a.bundle", "--public-key", "theirs.pub"], at);
}
