//! Codes as people look them up: `docs/diagnostics.md` is the page that the rules make, and `pai explain` prints from it.

use std::path::Path;
use std::process::Command;

use pai_compiler::check;
use pai_compiler::diagnostic::reference;
use snapbox::data::DataFormat;
use snapbox::{Assert, Data};

#[test]
fn the_page_is_what_the_rules_say() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/diagnostics.md");
    let expected = Data::read_from(&page, Some(DataFormat::Text)).raw();
    Assert::new().action_env("SNAPSHOTS").eq(Data::text(reference::markdown()).raw(), expected);
}

/// Exit code, standard output, standard error.
fn explain(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pai"));
    let output = command.arg("explain").args(arguments).env("NO_COLOR", "1").output().expect("started");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
}

#[test]
fn every_code_is_listed_and_explained_with_both_examples() {
    let (code, listed, _) = explain(&[]);
    assert_eq!((code, listed.lines().count()), (0, check::rules().count()));
    for rule in check::rules() {
        assert!(listed.lines().any(|line| line.starts_with(rule.code) && line.contains(rule.title)));
    }
    for name in ["PAI0301", "pai0301", "unknown-provider"] {
        let (code, said, _) = explain(&[name]);
        let rule = check::rule("PAI0301").expect("a rule");
        assert_eq!(code, 0);
        assert!(said.contains(rule.explanation), "{said}");
        for line in rule.fails.lines().chain(rule.passes.lines()) {
            assert!(said.contains(&format!("    {line}\n")), "{line} is not in\n{said}");
        }
    }
}

#[test]
fn a_code_that_there_is_not_is_answered_with_the_nearest() {
    for (written, expected) in [
        ("PAI03O1", "PAI0301"),
        ("unknown-provder", "PAI0301"),
        ("whatever", "`pai explain` lists all codes"),
    ] {
        let (code, printed, said) = explain(&[written]);
        assert_eq!((code, printed.as_str()), (2, ""));
        assert!(said.contains(expected) && said.contains(written), "{said}");
    }
}
