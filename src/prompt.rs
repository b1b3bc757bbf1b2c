//! Questions to people at a terminal; without one nothing waits.

use std::io::{BufRead, IsTerminal, Write};

use miette::miette;
use zeroize::Zeroizing;

/// Asks for a secret, which is not shown while it is typed. `instead` is the option that scripts use.
pub(crate) fn secret(question: &str, instead: &str) -> miette::Result<Zeroizing<String>> {
    if !std::io::stdin().is_terminal() {
        let help = format!("give it on standard input with {instead}");
        return Err(miette!(help = help, "there is no terminal to ask at"));
    }
    let typed = rpassword::prompt_password(question);
    typed.map(Zeroizing::new).map_err(|cause| miette!("nothing could be asked: {cause}"))
}

/// The first line of standard input.
pub(crate) fn from_stdin(what: &str) -> miette::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|cause| miette!("{what} cannot be read from standard input: {cause}"))?;
    if line.trim().is_empty() {
        return Err(miette!("{what} is missing on standard input"));
    }
    Ok(line)
}

/// Asks whether something shall be done; only `y` and `yes` say so.
pub(crate) fn confirm(question: &str) -> miette::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Err(miette!(help = "say so with --yes", "there is no terminal to ask at: {question}"));
    }
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush());
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|cause| miette!("nothing could be asked: {cause}"))?;
    Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
}
