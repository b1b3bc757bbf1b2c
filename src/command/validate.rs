//! `pai validate`: checks manifests and policies, and corrects what can be corrected.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use miette::miette;
use pai_compiler::diagnostic::Safety;
use pai_compiler::{Sources, fix};

use super::Outcome;
use crate::findings::{self, FindingArguments};
use crate::progress::Progress;
use crate::surroundings::SecretArguments;
use crate::terminal;
use crate::workspace::Workspace;
use crate::workspace::selection::Selection;

/// Stands for standard input among paths.
const STDIN: &str = "-";

/// How often corrections are looked for anew: one may bring another to light, and some only after a few.
const ROUNDS: usize = 8;

/// What to check.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pai validate
  pai validate manifests --deny warnings --format github
  pai validate --fix")]
pub(crate) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// Correct what can be corrected without a doubt.
    #[arg(long)]
    fix: bool,
    /// With --fix: make corrections that are guesses, too.
    #[arg(long, requires = "fix")]
    unsafe_fixes: bool,
    /// What standard input (`-`) would be called: a name that ends in `.cedar` makes it policies.
    #[arg(long, value_name = "NAME", default_value = "stdin.yaml")]
    stdin_filename: PathBuf,
    #[command(flatten)]
    findings: FindingArguments,
    #[command(flatten)]
    secrets: SecretArguments,
}

/// Checks, and says what it found.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let levels = arguments.findings.levels()?;
    if arguments.fix {
        correct(arguments)?;
    }
    let Some(workspace) = read(arguments)? else { return Ok(Outcome::Clean) };
    let surroundings = arguments.secrets.surroundings(&arguments.selection.paths())?;
    let progress = Progress::start(workspace.doing("checking"));
    let found = pai_compiler::check_within(&workspace.sources, &surroundings).at(&levels);
    drop(progress);
    arguments.findings.show(&found, &workspace.shown);
    if found.has_errors() {
        return Ok(Outcome::Findings);
    }
    let files = workspace.sources.files().count();
    terminal::say(&format!("{files} {} checked", if files == 1 { "file" } else { "files" }));
    Ok(Outcome::Clean)
}

fn is_stdin(arguments: &Arguments) -> bool {
    arguments.selection.given().iter().any(|path| path == Path::new(STDIN))
}

fn read(arguments: &Arguments) -> miette::Result<Option<Workspace>> {
    if !is_stdin(arguments) {
        return Ok(arguments.selection.read()?);
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|cause| miette!("standard input cannot be read: {cause}"))?;
    let name = arguments.stdin_filename.display().to_string();
    let sources = Sources::new([(name, text)]);
    Ok(Some(Workspace { shown: sources.clone(), sources }))
}

/// Makes corrections until there are no more.
fn correct(arguments: &Arguments) -> miette::Result<()> {
    if is_stdin(arguments) {
        return Err(miette!(help = "give the file itself", "standard input cannot be corrected"));
    }
    let up_to = if arguments.unsafe_fixes { Safety::Unsafe } else { Safety::Safe };
    let mut made = 0;
    for _ in 0..ROUNDS {
        let Some(workspace) = arguments.selection.read()? else { return Ok(()) };
        // Places lead into the same texts, whichever names the files go by.
        let found = pai_compiler::check(&workspace.sources);
        let fixed = fix::fix(&found, &workspace.shown, up_to);
        if fixed.is_empty() {
            break;
        }
        made += findings::write_fixed(&fixed)?;
    }
    if made > 0 {
        terminal::say(&format!("{made} {} made", if made == 1 { "correction" } else { "corrections" }));
    }
    Ok(())
}
