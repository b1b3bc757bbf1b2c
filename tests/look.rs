//! How findings are drawn: colours, width and links, by option, by environment, by terminal.

use std::process::Command;

use tempfile::TempDir;

/// An unknown provider, with a help that is long enough to be broken.
const WRONG: &str = "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', \
                     apiKeySecretRef: {name: a, key: sk-ant-api03-0123456789}}\n";

fn workspace() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("a.yaml"), WRONG).expect("written");
    folder
}

/// What is said to people in a pipe.
fn said(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pai"));
    let folder = workspace();
    command.current_dir(folder.path()).args(["validate", "a.yaml"]).args(arguments);
    for name in ["NO_COLOR", "CLICOLOR_FORCE", "COLUMNS", "PAI_DOCS_URL", "FORCE_HYPERLINK"] {
        command.env_remove(name);
    }
    let output = command.envs(environment.iter().copied()).output().expect("started");
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn colours_are_for_terminals_unless_somebody_says_otherwise() {
    for (arguments, environment, coloured) in [
        (&[][..], &[][..], false),
        (&["--color", "always"], &[], true),
        (&["--color", "always"], &[("NO_COLOR", "1")], true),
        (&[], &[("CLICOLOR_FORCE", "1")], true),
        (&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
        (&["--color", "never"], &[("CLICOLOR_FORCE", "1")], false),
    ] {
        let said = said(arguments, environment);
        assert_eq!(said.contains("\u{1b}["), coloured, "{arguments:?} {environment:?}\n{said}");
    }
}

#[test]
fn texts_are_as_wide_as_was_said() {
    let narrow = said(&["--width", "50"], &[]);
    let wide = said(&["--width", "200"], &[]);
    let help = |text: &str| text.lines().skip_while(|line| !line.contains("help:")).count();
    assert!(help(&narrow) > help(&wide), "{narrow}{wide}");
    assert_eq!(said(&[], &[("COLUMNS", "50")]), narrow);
    assert_eq!(said(&["--width", "200"], &[("COLUMNS", "50")]), wide, "an option counts more");
    assert_eq!(said(&[], &[("COLUMNS", "0")]), said(&[], &[]));
}

#[test]
fn codes_are_links_on_terminals_and_never_in_pipes() {
    let linked = [("PAI_DOCS_URL", "https://docs.test/diagnostics"), ("FORCE_HYPERLINK", "1")];
    assert!(!said(&["--color", "always"], &linked).contains("\u{1b}]8;"));
    let folder = workspace();
    let on_a_terminal = |environment: &[(&str, &str)]| {
        let output = Command::new("python3")
            .args([
                "-c",
                "import pty, sys; pty.spawn(sys.argv[1:])",
                env!("CARGO_BIN_EXE_pai"),
                "validate",
                "a.yaml",
            ])
            .current_dir(folder.path())
            .env_remove("PAI_DOCS_URL")
            .envs(environment.iter().copied())
            .stdin(std::process::Stdio::null())
            .output()
            .expect("python3");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let text = on_a_terminal(&linked);
    assert!(text.contains("\u{1b}]8;;https://docs.test/diagnostics#pai0305\u{1b}\\"), "{text:?}");
    let text = on_a_terminal(&[("FORCE_HYPERLINK", "1")]);
    assert!(text.contains("PAI0305") && !text.contains("\u{1b}]8;"), "{text:?}");
}
