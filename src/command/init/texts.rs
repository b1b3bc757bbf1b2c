//! The files of a new workspace. The quickstart is the example in `examples/quickstart`.

/// What every workspace has.
const GITIGNORE: &str = "# Secrets, the ledger and records of the gateway that serves this folder.\n.pai/\n";

/// The checks before each commit, and the hook for tests as it is given.
macro_rules! pre_commit {
    ($tests:literal) => {
        concat!(
            "\
# The same checks before each commit, with the `pai` on the PATH.
repos:
  - repo: local
    hooks:
      - id: pai-fmt
        name: pai fmt
        entry: pai fmt --if-any
        language: system
        files: \\.(ya?ml|cedar)$
        pass_filenames: false
      - id: pai-validate
        name: pai validate
        entry: pai validate --if-any
        language: system
        files: \\.(ya?ml|cedar)$
        pass_filenames: false
",
            $tests
        )
    };
}

/// Where there are no tests yet.
const PRE_COMMIT: &str = pre_commit!(
    "      # When access.test.yaml has cases:
      # - id: pai-test
      #   name: pai test
      #   entry: pai test --if-any
      #   language: system
      #   files: \\.(ya?ml|cedar)$
      #   pass_filenames: false
"
);

/// Where there are.
const PRE_COMMIT_WITH_TESTS: &str = pre_commit!(
    "      - id: pai-test
        name: pai test
        entry: pai test --if-any
        language: system
        files: \\.(ya?ml|cedar)$
        pass_filenames: false
"
);

/// A file for policy tests, without any yet.
const CASES: &str = "\
# What the manifests beside this file must allow and refuse; `pai test` runs it. For example:
#
# cases:
#   - name: the laptop uses haiku
#     key: laptop
#     model: claude-haiku-4-5
#     expect: allowed
";

/// The file of policy tests.
pub(super) const CASES_FILE: &str = "access.test.yaml";

/// Files by name.
pub(super) type Files = &'static [(&'static str, &'static str)];

/// A workspace without manifests.
pub(super) const EMPTY: Files =
    &[(".gitignore", GITIGNORE), (".pre-commit-config.yaml", PRE_COMMIT), (CASES_FILE, CASES)];

/// A workspace to look at.
pub(super) const QUICKSTART: Files = &[
    (".gitignore", GITIGNORE),
    (".pre-commit-config.yaml", PRE_COMMIT_WITH_TESTS),
    ("anthropic.yaml", without_modeline(include_str!("../../../examples/quickstart/anthropic.yaml"))),
    ("laptop.yaml", without_modeline(include_str!("../../../examples/quickstart/laptop.yaml"))),
    ("reviewer.yaml", without_modeline(include_str!("../../../examples/quickstart/reviewer.yaml"))),
    (CASES_FILE, without_modeline(include_str!("../../../examples/quickstart/access.test.yaml"))),
    ("policies/house.cedar", include_str!("../../../examples/quickstart/policies/house.cedar")),
];

/// A text without its first line.
const fn without_modeline(text: &'static str) -> &'static str {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() && bytes[at] != b'\n' {
        at += 1;
    }
    text.split_at(at + 1).1
}
