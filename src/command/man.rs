//! `pai man`: manual pages, made from the same definition as `--help`.

use std::path::PathBuf;

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;
use miette::miette;

use super::Outcome;
use crate::terminal;

/// Which pages, and where to.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pai man | man -l -                             pai(1)
  pai man access-key create | man -l -           a command's page
  pai man --dir /usr/local/share/man/man1        all of them, as files")]
pub(crate) struct Arguments {
    /// The command whose page is printed; `pai` itself where none is given.
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    command: Vec<String>,
    /// Write every page into this folder instead.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let mut whole = crate::Arguments::command().disable_help_subcommand(true);
    if let Some(dir) = &arguments.dir {
        std::fs::create_dir_all(dir)
            .and_then(|()| clap_mangen::generate_to(whole, dir))
            .map_err(|cause| miette!("the pages cannot be written to `{}`: {cause}", dir.display()))?;
        terminal::say(&format!("wrote the pages to {}", dir.display()));
        return Ok(Outcome::Clean);
    }
    whole.build();
    let mut command: &Command = &whole;
    for word in &arguments.command {
        command = command.find_subcommand(word).ok_or_else(|| {
            miette!(
                help = "`pai --help` lists the commands",
                "there is no command `{}`",
                arguments.command.join(" ")
            )
        })?;
    }
    let mut page = Vec::new();
    Man::new(command.clone())
        .render(&mut page)
        .map_err(|cause| miette!("the page cannot be written: {cause}"))?;
    terminal::pass(&String::from_utf8_lossy(&page));
    Ok(Outcome::Clean)
}
