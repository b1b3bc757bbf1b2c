//! Somebody at a machine: a home and a folder of their own, and `pai` as they run it there.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use snapbox::data::DataFormat;
use snapbox::{Assert, Data};
use tempfile::TempDir;

/// A home, and what must not be compared because it is different each time.
pub(crate) struct Person {
    pub(crate) home: TempDir,
    hidden: Vec<(String, &'static str)>,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) printed: String,
    pub(crate) said: String,
}

impl Person {
    pub(crate) fn new() -> Self {
        let home = TempDir::new().expect("a folder");
        let hidden = vec![
            (home.path().display().to_string(), "~"),
            (env!("CARGO_BIN_EXE_pai").to_owned(), "/usr/bin/pai"),
        ];
        Self { home, hidden }
    }

    /// Shows `name` where `text` is.
    pub(crate) fn hide(&mut self, text: &impl ToString, name: &'static str) {
        self.hidden.push((text.to_string(), name));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// A program with nothing of ours or of a provider's in its environment.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let foreign = |name: &str| {
            ["PAI_", "ANTHROPIC_", "OPENAI_", "CLAUDE", "NO_COLOR"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
                || name.to_lowercase().ends_with("_proxy")
        };
        for (name, _) in std::env::vars_os() {
            if foreign(&name.to_string_lossy()) {
                command.env_remove(name);
            }
        }
        let folder = Path::new(env!("CARGO_BIN_EXE_pai")).parent().expect("a folder");
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
        command.env("HOME", self.home.path()).env("PATH", path).env("NO_COLOR", "1").env("COLUMNS", "100");
        command.current_dir(self.home.path());
        command
    }

    /// Runs it with something on its standard input.
    pub(crate) fn with_input(&self, program: &str, arguments: &[&str], input: &str) -> Done {
        let mut command = self.command(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("started");
        // A program that reads nothing may be gone by now.
        let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
        let output = child.wait_with_output().expect("ended");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Done {
            code: output.status.code().expect("an exit code"),
            printed: text(output.stdout),
            said: text(output.stderr),
        }
    }

    pub(crate) fn pai(&self, arguments: &[&str]) -> Done {
        self.with_input("pai", arguments, "")
    }

    /// A shell's script, which must go well; what it printed.
    pub(crate) fn shell(&self, program: &str, script: &str) -> String {
        let done = self.with_input(program, &["-c", script], "");
        assert_eq!(done.code, 0, "{script}: {done:?}");
        done.printed
    }

    /// Logs in with a credential on standard input, which must work.
    pub(crate) fn log_in(&self, url: &str, credential: &str, more: &[&str]) {
        let arguments = [&["login", url, "--stdin"], more].concat();
        let done = self.with_input("pai", &arguments, credential);
        assert_eq!(done.code, 0, "{done:?}");
    }

    /// A command as it looks in a terminal: with what it printed, what it said, and how it ended.
    pub(crate) fn session(&self, arguments: &[&str], input: &str) -> String {
        let Done { code, printed, said } = self.with_input("pai", arguments, input);
        let code = if code == 0 { String::new() } else { format!("(exit code {code})\n") };
        self.shown(&format!("$ pai {}\n{printed}{said}{code}\n", arguments.join(" ")))
    }

    /// A text with everything hidden that is different each time.
    pub(crate) fn shown(&self, text: &str) -> String {
        self.hidden.iter().fold(unbroken(text), |text, (secret, name)| text.replace(secret, name))
    }
}

/// A text with the lines of errors put together: where they break depends on how long a folder's name is.
fn unbroken(text: &str) -> String {
    let mut whole = String::new();
    for line in text.split_inclusive('\n') {
        let deeper = line.strip_prefix("        ").filter(|rest| !rest.starts_with([' ', '\n']));
        match line.strip_prefix("  │ ").or(deeper) {
            Some(rest) if whole.ends_with('\n') => {
                whole.pop();
                whole.push(' ');
                whole.push_str(rest);
            }
            _ => whole.push_str(line),
        }
    }
    whole
}

/// The part of a credential that may be shown.
pub(crate) fn public_id(credential: &str) -> String {
    pai_runtime::token::Token::parse(credential).expect("a credential").id().to_owned()
}

/// Compares with a file of `tests/golden`, or rewrites it.
pub(crate) fn expect(name: &str, actual: String) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("SNAPSHOTS").is_some() && !file.exists() {
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(&file, "").expect("written");
    }
    let expected = Data::read_from(&file, Some(DataFormat::Text)).raw();
    Assert::new().action_env("SNAPSHOTS").eq(Data::text(actual).raw(), expected);
}
