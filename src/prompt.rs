//! Questions at the terminal: a secret without echo, a confirmation; and secrets from standard input for programs. Where
//! nobody can answer, nothing waits.

use std::io::{BufRead, IsTerminal, Read};

use miette::miette;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::terminal;

/// The most bytes of a secret on standard input: keys have hundreds, and endless input is a mistake.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Whether somebody can be asked.
pub(crate) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks for a secret; what is typed is not shown. `otherwise` says what to give instead where nobody can be asked.
pub(crate) fn secret(question: &str, otherwise: &str) -> miette::Result<SecretString> {
    if !can_ask() {
        return Err(miette!(
            help = otherwise.to_owned(),
            "{question} is needed, and there is no terminal to ask at"
        ));
    }
    let typed = rpassword::prompt_password(format!("{question} (not shown): "))
        .map(Zeroizing::new)
        .map_err(|cause| miette!("{question} cannot be asked for: {cause}"))?;
    kept(question, &typed)
}

/// A secret from standard input: one line, its end left out.
pub(crate) fn secret_from_stdin(what: &str) -> miette::Result<SecretString> {
    let mut text = Zeroizing::new(String::new());
    std::io::stdin()
        .lock()
        .take(SECRET_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|cause| miette!("{what} cannot be read from standard input: {cause}"))?;
    kept(what, &text)
}

fn kept(what: &str, text: &str) -> miette::Result<SecretString> {
    let text = text.trim_end_matches(['\r', '\n']);
    if text.trim().is_empty() {
        return Err(miette!("{what} is empty"));
    }
    Ok(SecretString::from(text.to_owned()))
}

/// Whether something that cannot be taken back shall be done. With `--yes` nobody is asked.
pub(crate) fn confirm(question: &str, is_sure: bool) -> miette::Result<bool> {
    if is_sure {
        return Ok(true);
    }
    if !can_ask() {
        return Err(miette!(help = "give --yes if it is meant", "{question} There is no terminal to ask at"));
    }
    terminal::ask(&format!("{question} [y/N] "));
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|cause| miette!("the answer cannot be read: {cause}"))?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}
