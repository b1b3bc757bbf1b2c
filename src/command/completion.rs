//! `pai completion`: the script that makes a shell complete commands, options and names.

use clap::{Args, ValueEnum};
use clap_complete::env::Shells;
use miette::miette;

use super::Outcome;
use crate::{completion, terminal};

/// For which shell.
#[derive(Debug, Args)]
#[command(after_help = "\
It is loaded when the shell starts, so that it always fits the pai that is installed.

Examples:
  echo 'source <(pai completion bash)' >> ~/.bashrc
  echo 'source <(pai completion zsh)' >> ~/.zshrc                       after compinit
  echo 'pai completion fish | source' >> ~/.config/fish/config.fish
  pai completion powershell | Out-String | Invoke-Expression            in $PROFILE")]
pub(crate) struct Arguments {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Shells that complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
}

pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let name = match arguments.shell {
        Shell::Bash => "bash",
        Shell::Zsh => "zsh",
        Shell::Fish => "fish",
        Shell::Powershell => "powershell",
    };
    let shells = Shells::builtins();
    let shell = shells.completer(name).ok_or_else(|| miette!("there is no completion for {name}"))?;
    let mut script = Vec::new();
    shell
        .write_registration(completion::VARIABLE, "pai", "pai", "pai", &mut script)
        .map_err(|cause| miette!("the script cannot be written: {cause}"))?;
    terminal::pass(&String::from_utf8_lossy(&script));
    Ok(Outcome::Clean)
}
