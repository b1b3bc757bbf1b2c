//! Wrong manifests and what is said about them, and compiled examples, exactly as printed. `SNAPSHOTS=overwrite`
//! rewrites what is expected; the diff is for reading.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use jsonschema::Validator;
use pai_bundle::codec;
use pai_compiler::check;
use pai_compiler::diagnostic::Rule;
use serde_json::Value;
use snapbox::data::DataFormat;
use snapbox::{Assert, Data};

fn golden(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(folder)
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

/// Compares with the file, or rewrites it.
fn expect(actual: String, file: &Path) {
    if !file.exists() && std::env::var_os("SNAPSHOTS").is_some() {
        std::fs::write(file, "").expect("written");
    }
    let expected = Data::read_from(file, Some(DataFormat::Text)).raw();
    Assert::new().action_env("SNAPSHOTS").eq(Data::text(actual).raw(), expected);
}

/// The folder of a rule's case.
fn case_of(rule: &Rule) -> PathBuf {
    golden("diagnostics").join(format!("{}-{}", rule.code, rule.name))
}

/// A new rule's case begins with the example in its documentation.
fn write_case(rule: &Rule) {
    let file = case_of(rule).join(rule.example_file());
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    std::fs::write(file, rule.fails).expect("written");
    if let Some((name, text)) = rule.companions() {
        std::fs::write(case_of(rule).join(name), text).expect("written");
    }
}

#[test]
fn every_rule_says_what_is_wrong_and_where() {
    for rule in check::rules() {
        let case = case_of(rule);
        if !case.exists() && std::env::var_os("SNAPSHOTS").is_some() {
            write_case(rule);
        }
        let (code, _, said) = validated(&case, "human");
        assert!(
            said.contains(&format!("[{}]", rule.code)),
            "{} is not found in its case:\n{said}",
            rule.code
        );
        expect(format!("{said}exit code {code}\n"), &case.join("expected.txt"));
        // The form changes neither what is found nor how it ends.
        for form in ["json", "sarif"] {
            let (same, printed, _) = validated(&case, form);
            assert_eq!(same, code, "{}: {form}", rule.code);
            let mut document: Value = serde_json::from_str(&printed).expect("json");
            if form == "sarif" {
                assert!(SARIF.is_valid(&document), "{}: {:?}", rule.code, first_complaint(&document));
                // The catalogue of rules is the same in every case, and is looked at once, below.
                document["runs"][0]["tool"]["driver"]["rules"] = Value::Null;
            }
            let text = serde_json::to_string_pretty(&document).expect("json") + "\n";
            expect(text, &case.join(format!("expected.{form}")));
        }
    }
}

/// Exit code, standard output and standard error of `pai validate` in a folder.
fn validated(case: &Path, form: &str) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_pai"))
        .args(["validate", ".", "--format", form])
        .current_dir(case)
        .env("NO_COLOR", "1")
        .env_remove("COLUMNS")
        .output()
        .unwrap_or_else(|cause| panic!("no case {}: {cause}", case.display()));
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
}

/// The published schema of SARIF 2.1.0, <https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/>.
static SARIF: LazyLock<Validator> = LazyLock::new(|| {
    let schema = include_str!("schemas/sarif-2.1.0.json");
    // As published, the pattern of `language` has a bracket too many; lenient engines take it for itself.
    let schema = schema.replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}$");
    let schema: Value = serde_json::from_str(&schema).expect("json");
    jsonschema::validator_for(&schema).expect("a schema")
});

fn first_complaint(document: &Value) -> Option<String> {
    SARIF.iter_errors(document).next().map(|error| format!("{}: {error}", error.instance_path()))
}

#[test]
fn sarif_lists_every_rule() {
    let (_, printed, _) = validated(&case_of(check::rules().next().expect("a rule")), "sarif");
    let document: Value = serde_json::from_str(&printed).expect("json");
    let listed = document["runs"][0]["tool"]["driver"]["rules"].as_array().expect("rules");
    let listed: Vec<&str> = listed.iter().filter_map(|rule| rule["id"].as_str()).collect();
    assert_eq!(listed, check::rules().map(|rule| rule.code).collect::<Vec<_>>());
    // The schema bites: a column of 0 is none.
    let mut wrong = document;
    wrong["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startColumn"] = 0.into();
    assert!(first_complaint(&wrong).is_some());
}

#[test]
fn every_golden_case_is_of_a_rule() {
    let rules: Vec<PathBuf> = check::rules().map(case_of).collect();
    for case in sorted(&golden("diagnostics")) {
        assert!(rules.contains(&case), "{} is of no rule", case.display());
    }
}

#[test]
fn examples_compile_to_what_was_reviewed() {
    for example in ["quickstart", "seed"] {
        let folder = tempfile::TempDir::new().expect("a folder");
        let bundle = folder.path().join("a.bundle");
        let built = Command::new(env!("CARGO_BIN_EXE_pai"))
            .arg("build")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(example))
            .arg("-o")
            .arg(&bundle)
            .output()
            .expect("started");
        assert!(built.status.success());
        let bytes = std::fs::read(&bundle).expect("a bundle");
        codec::decode(&bytes).expect("one that can be read");
        expect(String::from_utf8(bytes).expect("text"), &golden("bundles").join(format!("{example}.txt")));
    }
}
