//! `pai test`: what it prints, how it ends, and that the examples' cases notice every weakened rule.

use std::path::{Path, PathBuf};
use std::process::Command;

use snapbox::data::DataFormat;
use snapbox::{Assert, Data};
use tempfile::TempDir;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Exit code, standard output, standard error of `pai test` in a folder.
fn tested(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pai"));
    command.arg("test").args(arguments).current_dir(folder).env("NO_COLOR", "1").env_remove("COLUMNS");
    let output = command.output().expect("started");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
}

fn expect(actual: String, name: &str) {
    let file = root().join("tests/golden/suites").join(name);
    if !file.exists() && std::env::var_os("SNAPSHOTS").is_some() {
        std::fs::write(&file, "").expect("written");
    }
    let expected = Data::read_from(&file, Some(DataFormat::Text)).raw();
    Assert::new().action_env("SNAPSHOTS").eq(Data::text(actual).raw(), expected);
}

#[test]
fn what_fails_is_shown_with_what_was_found() {
    let folder = root().join("tests/golden/suites/failing");
    for form in ["human", "json", "junit"] {
        let (code, printed, said) = tested(&folder, &[".", "--format", form]);
        assert_eq!((code, said.as_str()), (1, ""), "{form}");
        expect(printed, &format!("failing/expected.{form}"));
    }
    let (code, _, said) = tested(&folder, &[".", "--mutate"]);
    assert_eq!(code, 1);
    assert!(said.contains("mend the cases that fail first"), "{said}");
}

/// The command under a failed case answers as the case found.
#[test]
fn a_failed_case_can_be_asked_again() {
    let folder = root().join("tests/golden/suites/failing");
    let (_, printed, _) = tested(&folder, &["."]);
    let asked: Vec<&str> = printed.lines().filter_map(|line| line.trim().strip_prefix("pai ")).collect();
    let found: Vec<&str> = printed.lines().filter_map(|line| line.trim().strip_prefix("+ found")).collect();
    assert_eq!((asked.len(), found.len()), (5, 5), "{printed}");
    for (asked, found) in asked.into_iter().zip(found) {
        let output = Command::new(env!("CARGO_BIN_EXE_pai"))
            .args(asked.split(' '))
            .current_dir(&folder)
            .env("NO_COLOR", "1")
            .output();
        let output = output.expect("started");
        let answer = String::from_utf8(output.stdout).expect("text");
        let refused = ["refused", "base/", "unknown_model"].iter().any(|word| found.contains(word));
        assert_eq!(output.status.code(), Some(i32::from(refused)), "{asked}\n{answer}");
    }
}

#[test]
fn lines_and_rules_that_no_case_notices_are_shown_with_the_case_that_would() {
    let folder = root().join("tests/golden/suites/missing");
    for form in ["human", "json"] {
        let (code, printed, said) = tested(&folder, &[".", "--coverage", "--mutate", "--format", form]);
        assert_eq!((code, said.as_str()), (1, ""), "{form}");
        expect(printed, &format!("missing/expected.{form}"));
    }
    let (code, _, said) = tested(&folder, &[".", "--require-coverage", "90"]);
    assert_eq!(code, 1);
    assert!(said.contains("and 90 % are required"), "{said}");
}

/// The cases that `--mutate` writes out are what it says: pasted, nothing is missing any more.
#[test]
fn the_missing_cases_can_be_pasted() {
    let source = root().join("tests/golden/suites/missing");
    let folder = TempDir::new().expect("a folder");
    for entry in std::fs::read_dir(&source).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            std::fs::copy(&path, folder.path().join(path.file_name().expect("a name"))).expect("copied");
        }
    }
    let (code, printed, _) = tested(folder.path(), &[".", "--mutate"]);
    assert_eq!(code, 1);
    let pasted: Vec<&str> = printed.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    assert!(pasted.len() > 10, "{printed}");
    let cases = folder.path().join("access.test.yaml");
    let before = std::fs::read_to_string(&cases).expect("text");
    let more: String = pasted.iter().flat_map(|line| ["  ", line, "\n"]).collect();
    std::fs::write(&cases, before + &more).expect("written");
    let (code, printed, said) = tested(folder.path(), &[".", "--mutate", "--require-coverage", "100"]);
    assert_eq!((code, said.as_str()), (0, ""), "{printed}");
}

#[test]
fn the_cases_of_every_example_notice_every_weakened_rule() {
    for name in ["quickstart", "seed", "guarded"] {
        let folder = root().join("examples").join(name);
        let (code, printed, said) = tested(&folder, &[".", "--mutate", "--require-coverage", "100"]);
        assert_eq!((code, said.as_str()), (0, ""), "{printed}");
        assert!(!printed.contains("no case would notice"), "{printed}");
    }
}

#[test]
fn no_tests_is_an_error_and_a_wrong_case_a_finding() {
    let folder = TempDir::new().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    let manifests = std::fs::read_to_string(root().join("examples/quickstart/anthropic.yaml")).expect("text");
    write("anthropic.yaml", &manifests);
    let (code, _, said) = tested(folder.path(), &["."]);
    assert_eq!(code, 2);
    assert!(said.contains("there are no tests in `.`"), "{said}");

    write("a.test.yaml", "cases:\n  - agent: nobody\n    model: default\n    expect: refused\n");
    let (code, printed, said) = tested(folder.path(), &["."]);
    assert_eq!((code, printed.as_str()), (1, ""));
    assert!(said.contains("PAI0602") && said.contains("a.test.yaml:2:12"), "{said}");

    let (code, _, said) = tested(folder.path(), &[".", "--filter", "x"]);
    assert_eq!(code, 1, "{said}");
}

#[test]
fn cases_are_chosen_by_name_and_file() {
    let folder = root().join("examples/quickstart");
    let (code, printed, _) = tested(&folder, &[".", "--filter", "opus"]);
    assert_eq!(
        (code, printed.matches("\nok").count() + usize::from(printed.starts_with("ok"))),
        (0, 1),
        "{printed}"
    );
    let (code, _, said) = tested(&folder, &[".", "--filter", "nothing like it"]);
    assert_eq!(code, 2);
    assert!(said.contains("no case has `nothing like it`"), "{said}");
    let (code, _, said) = tested(&folder, &[".", "--filter", "opus", "--mutate"]);
    assert_eq!(code, 2, "{said}");
}
