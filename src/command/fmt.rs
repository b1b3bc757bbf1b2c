//! `pai fmt`: lays out manifests and policies.

use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use miette::miette;
use pai_compiler::format::{self, Formatted};
use pai_compiler::source::File;
use pai_compiler::{Diagnostics, Sources};
use similar::TextDiff;

use super::Outcome;
use crate::findings;
use crate::workspace::selection::Selection;
use crate::{replace, terminal};

/// Stands for standard input among paths.
const STDIN: &str = "-";

/// What to lay out, and whether to write it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pai fmt
  pai fmt --check --diff manifests")]
pub(crate) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// Write nothing; name the files that would change, and exit with 1 if there are any.
    #[arg(long)]
    check: bool,
    /// Write nothing; show what would change, and exit with 1 if anything would.
    #[arg(long)]
    diff: bool,
    /// What standard input (`-`) would be called: a name that ends in `.cedar` makes it policies.
    #[arg(long, value_name = "NAME", default_value = "stdin.yaml")]
    stdin_filename: PathBuf,
}

/// Lays out every file of a workspace that has something of ours in it.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    if arguments.selection.given().iter().any(|path| path == Path::new(STDIN)) {
        return stdin(arguments);
    }
    let Some(workspace) = arguments.selection.read()? else { return Ok(Outcome::Clean) };
    be_quiet_about_panics_of_the_layout();
    let (files, found) = format::format(&workspace.shown);
    let mut tally = Tally::of(&found, &workspace.shown);
    for (id, formatted) in &files {
        let Some(file) = workspace.shown.file(*id) else { continue };
        match formatted {
            Formatted::Changed(text) if arguments.check || arguments.diff => {
                terminal::print(&preview(file, text, arguments));
                tally.pending += 1;
            }
            Formatted::Changed(text) => {
                replace::file(Path::new(file.path()), text.as_bytes())
                    .map_err(|cause| miette!("`{}` cannot be written: {cause}", file.path()))?;
                terminal::print(file.path());
                tally.written += 1;
            }
            other => tally.count(file, other),
        }
    }
    terminal::say(&tally.summary());
    Ok(tally.outcome())
}

/// From standard input to standard output, for editors.
fn stdin(arguments: &Arguments) -> miette::Result<Outcome> {
    if arguments.selection.given().len() > 1 {
        return Err(miette!(help = "give either `-` or paths", "`-` stands for all input there is"));
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|cause| miette!("standard input cannot be read: {cause}"))?;
    let sources = Sources::new([(arguments.stdin_filename.display().to_string(), text)]);
    be_quiet_about_panics_of_the_layout();
    let (files, found) = format::format(&sources);
    let mut tally = Tally::of(&found, &sources);
    for (id, formatted) in &files {
        let Some(file) = sources.file(*id) else { continue };
        match formatted {
            Formatted::Changed(text) if arguments.check || arguments.diff => {
                terminal::print(&preview(file, text, arguments));
                tally.pending += 1;
            }
            Formatted::Changed(text) => terminal::pass(text),
            Formatted::Same if arguments.check || arguments.diff => {}
            Formatted::Same => terminal::pass(file.text()),
            other => tally.count(file, other),
        }
    }
    Ok(tally.outcome())
}

/// They are caught and reported as a form that cannot be laid out; the hook would print them all the same.
fn be_quiet_about_panics_of_the_layout() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let file = panic.location().map_or("", |location| location.file());
        if !["yaml_parser-", "pretty_yaml-"].iter().any(|name| file.contains(name)) {
            usual(panic);
        }
    }));
}

/// What `--check` and `--diff` show of a file that would change.
fn preview(file: &File, text: &str, arguments: &Arguments) -> String {
    if !arguments.diff {
        return file.path().to_owned();
    }
    let diff = TextDiff::from_lines(file.text(), text);
    let shown = diff.unified_diff().header(file.path(), file.path()).to_string();
    shown.trim_end_matches('\n').to_owned()
}

/// What became of the files.
#[derive(Debug, Default)]
struct Tally {
    written: usize,
    pending: usize,
    same: usize,
    left: usize,
}

impl Tally {
    /// Shows what could not be read.
    fn of(found: &Diagnostics, shown: &Sources) -> Self {
        findings::show(found, shown);
        Self::default()
    }

    fn count(&mut self, file: &File, formatted: &Formatted) {
        match formatted {
            Formatted::Same | Formatted::Changed(_) => self.same += 1,
            Formatted::Unreadable => self.left += 1,
            Formatted::Refused(error) => {
                self.left += 1;
                let report = miette!(
                    help = "write it more plainly, or leave it: only its layout is concerned",
                    "`{}` is left as it is: {error}",
                    file.path()
                );
                terminal::say(&format!("{report:?}"));
            }
        }
    }

    fn summary(&self) -> String {
        let mut text = String::new();
        for (number, what) in [
            (self.written, "laid out"),
            (self.pending, "to be laid out"),
            (self.same, "unchanged"),
            (self.left, "left as they are"),
        ] {
            if number > 0 {
                let separator = if text.is_empty() { "" } else { ", " };
                let files = if number == 1 { "file" } else { "files" };
                let _ = write!(text, "{separator}{number} {files} {what}");
            }
        }
        text
    }

    fn outcome(&self) -> Outcome {
        if self.pending + self.left > 0 { Outcome::Findings } else { Outcome::Clean }
    }
}
