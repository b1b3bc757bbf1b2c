//! Variables in the words of each shell, quoted so that a value is only ever a value.

use clap::ValueEnum;
use serde_json::{Map, Value, json};

/// Who reads the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Shell {
    /// bash, and every other shell of POSIX.
    Bash,
    /// zsh.
    Zsh,
    /// fish.
    Fish,
    /// PowerShell.
    Powershell,
    /// NAME=value, for files that Docker, Compose and libraries read. It cannot take a variable away.
    Dotenv,
    /// For programs: what to set and what to unset.
    Json,
}

/// What happens to a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variable {
    pub(super) name: &'static str,
    /// `None` takes it away.
    pub(super) value: Option<String>,
}

/// A line for each variable, without an end of line at the end.
pub(super) fn write(shell: Shell, variables: &[Variable]) -> String {
    if shell == Shell::Json {
        return format!("{:#}", document(variables));
    }
    variables.iter().filter_map(|variable| line(shell, variable)).collect::<Vec<_>>().join("\n")
}

fn line(shell: Shell, Variable { name, value }: &Variable) -> Option<String> {
    Some(match (shell, value) {
        // Each ends in a semicolon: `eval $(pai gateway env)` without quotes makes one line of all.
        (Shell::Bash | Shell::Zsh, Some(value)) => format!("export {name}={};", posix(value)),
        (Shell::Bash | Shell::Zsh, None) => format!("unset {name};"),
        (Shell::Fish, Some(value)) => format!("set -gx {name} {};", fish(value)),
        (Shell::Fish, None) => format!("set -e {name};"),
        (Shell::Powershell, Some(value)) => format!("$env:{name} = {}", powershell(value)),
        (Shell::Powershell, None) => format!("Remove-Item Env:{name} -ErrorAction SilentlyContinue"),
        (Shell::Dotenv, Some(value)) => format!("{name}={}", dotenv(value)),
        (Shell::Dotenv, None) | (Shell::Json, _) => return None,
    })
}

/// Nothing is special between single quotes but the quote.
fn posix(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// As [`posix`], and a backslash is special before a quote and itself.
fn fish(value: &str) -> String {
    format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'"))
}

/// A quote is doubled; typographic ones are quotes as well.
fn powershell(value: &str) -> String {
    let doubled = value.chars().flat_map(|character| {
        let is_quote = matches!(character, '\'' | '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}');
        std::iter::repeat_n(character, if is_quote { 2 } else { 1 })
    });
    format!("'{}'", doubled.collect::<String>())
}

/// Bare where every reader takes it as it stands: Docker keeps quotes as part of the value.
fn dotenv(value: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/@%+,[]".contains(&byte);
    if value.bytes().all(is_plain) { value.to_owned() } else { posix(value) }
}

fn document(variables: &[Variable]) -> Value {
    let set: Map<String, Value> =
        variables.iter().filter_map(|one| Some((one.name.to_owned(), json!(one.value.as_ref()?)))).collect();
    let unset: Vec<&str> = variables.iter().filter(|one| one.value.is_none()).map(|one| one.name).collect();
    json!({ "set": set, "unset": unset })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Whatever a shell could make something of.
    const NASTY: [&str; 8] = [
        "plain",
        "it's",
        "a b  c",
        "$(touch pwned) `touch pwned` ${HOME} !!",
        "back\\slash\\'",
        "\"double\" ; & | < > * ? [a]",
        "# no comment",
        "‘curly’ and über",
    ];

    /// The value as a shell has it after `eval`; `None` where the shell is not installed.
    fn evaluated(program: &str, script: &str) -> Option<String> {
        let output = Command::new(program).args(["-c", script]).output().ok()?;
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        Some(String::from_utf8(output.stdout).expect("text"))
    }

    #[test]
    fn a_value_is_only_ever_a_value() {
        let mut shells = 0;
        for value in NASTY {
            let variables = [
                Variable { name: "GONE", value: None },
                Variable { name: "KEPT", value: Some(value.to_owned()) },
            ];
            let script = |shell| write(shell, &variables);
            for program in ["sh", "bash", "dash", "zsh"] {
                let script =
                    format!("GONE=x; export GONE; {}\nprintf %s \"$KEPT${{GONE-}}\"", script(Shell::Bash));
                if let Some(seen) = evaluated(program, &script) {
                    shells += 1;
                    assert_eq!(seen, value, "{program}");
                }
            }
            if let Some(seen) = evaluated(
                "fish",
                &format!("set -gx GONE x; {}\nprintf %s \"$KEPT$GONE\"", script(Shell::Fish)),
            ) {
                assert_eq!(seen, value, "fish");
            }
        }
        assert!(shells >= NASTY.len(), "no shell was there to ask");
    }

    #[test]
    fn powershell_and_files_have_their_own_quotes() {
        assert_eq!(powershell("it's ‘so’"), "'it''s ‘‘so’’'");
        assert_eq!(dotenv("https://a.example/llm:[1]"), "https://a.example/llm:[1]");
        assert_eq!(dotenv("a b$c"), "'a b$c'");
        assert_eq!(fish(r"a\'b"), r"'a\\\'b'");
    }
}
