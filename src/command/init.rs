//! `pai init`: a workspace to start from. What is there stays as it is.

mod texts;

use std::path::{Path, PathBuf};

use clap::Args;
use miette::miette;

use super::Outcome;
use crate::{modeline, replace, terminal};

/// Where, and with what.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pai init
  pai init team --quickstart")]
pub(crate) struct Arguments {
    /// The folder; it is made where there is none.
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// With manifests to look at: a provider, an agent, an access key, a policy and tests of them.
    #[arg(long)]
    quickstart: bool,
}

/// Makes what is not there.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let folder = &arguments.folder;
    let failed =
        |path: &Path, cause: std::io::Error| miette!("`{}` cannot be written: {cause}", path.display());
    std::fs::create_dir_all(folder).map_err(|cause| failed(folder, cause))?;
    let files = if arguments.quickstart { texts::QUICKSTART } else { texts::EMPTY };
    let is_taken = |(name, _): &&(&str, &str)| folder.join(name).exists();
    // Half an example is worse than none: its parts refer to each other.
    if arguments.quickstart
        && let Some((name, _)) = files.iter().filter(|(name, _)| !name.starts_with('.')).find(is_taken)
    {
        return Err(miette!(
            help = "give another folder, or leave --quickstart away",
            "`{}` is there already; nothing was written",
            folder.join(name).display()
        ));
    }
    let modeline = modeline::of(folder)?;
    let cases = modeline::of_cases(folder, &modeline)?;
    let mut written = false;
    for (name, text) in files {
        let path = folder.join(name);
        if path.exists() {
            terminal::say(&format!("{} is there already and stays as it is", path.display()));
            if *name == ".gitignore" && !ignores_state(&path) {
                terminal::say("  it should have a line `.pai/`: that folder holds secrets and the ledger");
            }
            continue;
        }
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|cause| failed(parent, cause))?;
        }
        let is_yaml = Path::new(name).extension().is_some_and(|extension| extension == "yaml");
        let head = match *name {
            texts::CASES_FILE => cases.as_str(),
            name if is_yaml && !name.starts_with('.') => modeline.as_str(),
            _ => "",
        };
        let bytes = format!("{head}{text}");
        replace::file(&path, bytes.as_bytes()).map_err(|cause| failed(&path, cause))?;
        terminal::say(&format!("wrote {}", path.display()));
        written = true;
    }
    if !written {
        terminal::say("nothing was written: this is a workspace already");
    }
    terminal::print(&next(folder, arguments.quickstart));
    Ok(Outcome::Clean)
}

fn ignores_state(path: &Path) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().any(|line| [".pai", ".pai/", "/.pai", "/.pai/"].contains(&line.trim()))
}

/// The next three commands.
fn next(folder: &Path, quickstart: bool) -> String {
    let first = if folder == Path::new(".") { Vec::new() } else { vec![format!("cd {}", folder.display())] };
    let commands: &[&str] = if quickstart {
        &["pai validate", "pai test", "pai serve --simulate"]
    } else {
        &[
            "pai create model-provider anthropic --provider anthropic --external-access",
            "pai access-key create --name laptop --model-provider anthropic",
            "pai serve",
        ]
    };
    let commands = first.into_iter().chain(commands.iter().map(|command| (*command).to_owned()));
    let lines: Vec<String> = commands.map(|command| format!("  {command}")).collect();
    format!("Next:\n{}", lines.join("\n"))
}
