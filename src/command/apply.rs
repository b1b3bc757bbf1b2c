//! `pai apply`: manifests that are written elsewhere, created or updated here as a whole.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use miette::miette;
use pai_compiler::edit::{self, Target};
use pai_compiler::resources::{self, Resource};
use pai_compiler::{Sources, edit::EditError};

use super::Outcome;
use crate::change::{Change, Whereabouts};
use crate::{findings, terminal, workspace};

/// What standard input is called in messages.
const STDIN: &str = "standard input";

/// What to apply.
#[derive(Debug, Args)]
#[command(after_help = "\
A manifest that is there is brought to what is given; comments, order and quotes of its file stay. All are written, or none.

Examples:
  pai apply -f team.yaml
  pai apply -f team/ --dry-run
  pai get agent coder -o yaml | sed s/500000/600000/ | pai apply -f -")]
pub(crate) struct Arguments {
    /// A file, a folder, or `-` for standard input. Repeatable.
    #[arg(short = 'f', long = "filename", required = true, value_name = "FILE|DIR|-")]
    files: Vec<PathBuf>,
    /// Print what would change, and write nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    whereabouts: Whereabouts,
}

/// A manifest as it was given.
pub(super) struct Given {
    pub(super) target: Target,
    resource: Resource,
    /// Its own text.
    text: String,
}

/// Applies.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let Some(given) = given(&arguments.files)? else { return Ok(Outcome::Findings) };
    bring(&mut arguments.whereabouts.open()?, &given, arguments.dry_run)
}

/// The manifests in files, folders and standard input; `None` where they have errors, which have been shown.
pub(super) fn given(files: &[PathBuf]) -> miette::Result<Option<Vec<Given>>> {
    let mut texts: Vec<(String, String)> = Vec::new();
    for file in files {
        if file == Path::new("-") {
            let mut text = String::new();
            let read = std::io::stdin().lock().read_to_string(&mut text);
            read.map_err(|cause| miette!("{STDIN} cannot be read: {cause}"))?;
            texts.push((STDIN.to_owned(), text));
        } else if file.is_file() {
            // Whatever it is called: it was named.
            let text = std::fs::read_to_string(file)
                .map_err(|cause| miette!("`{}` cannot be read: {cause}", file.display()))?;
            texts.push((file.to_string_lossy().into_owned(), text));
        } else {
            let read = workspace::read(std::slice::from_ref(file))?;
            texts
                .extend(read.shown.files().map(|(_, file)| (file.path().to_owned(), file.text().to_owned())));
        }
    }
    let sources = Sources::new(texts);
    let (all, found) = resources::read(&sources);
    if found.has_errors() {
        findings::show(&found, &sources);
        terminal::say("nothing was written");
        return Ok(None);
    }
    if all.is_empty() {
        return Err(miette!(
            help = "a manifest has `apiVersion: pai.io/v1` and a `kind`",
            "there are no manifests of pai in what was given"
        ));
    }
    let mut given: Vec<Given> = Vec::new();
    for resource in all {
        let target = Target { kind: resource.kind, name: resource.name.clone() };
        let twice = |place: &str| {
            miette!(
                "{} `{}` is given twice, the second time in {place}",
                target.kind.slug(),
                target.name.name
            )
        };
        if given.iter().any(|other| other.target == target) {
            return Err(twice(&resource.origin.to_string()));
        }
        let file = sources.files().find(|(_, file)| file.path() == resource.origin.file);
        let text = file.map(|(_, file)| file.text()).unwrap_or_default();
        let document = match edit::document(text, &target) {
            Err(EditError::Twice { line, .. }) => {
                return Err(twice(&format!("{}:{line}", resource.origin.file)));
            }
            document => document.unwrap_or_default().to_owned(),
        };
        given.push(Given { target, text: own(&document, &resource), resource });
    }
    Ok(Some(given))
}

/// A document as a file of its own has it.
fn own(document: &str, resource: &Resource) -> String {
    if document.trim_start().starts_with('{') {
        return edit::render(&resource.manifest);
    }
    let document = document.trim_start_matches('\u{feff}');
    let document =
        document.strip_prefix("---").map_or(document, |rest| rest.trim_start_matches([' ', '\r', '\n']));
    // The path in a modeline is right for the place that it comes from.
    let lines = document.lines().filter(|line| !line.contains("yaml-language-server:"));
    let text = lines.collect::<Vec<_>>().join("\n");
    format!("{}\n", text.trim_end_matches(['\n', ' ']))
}

/// Brings the workspace to what is given, or says what would be done.
pub(super) fn bring(change: &mut Change, given: &[Given], dry_run: bool) -> miette::Result<Outcome> {
    let mut lines = Vec::new();
    for one in given {
        let done = match change.find(&one.target) {
            None => {
                change.add(&one.target, &one.text)?;
                "created"
            }
            Some(_) if change.set(&one.target, &one.resource.manifest)? => "configured",
            Some(_) => "unchanged",
        };
        lines.push(format!("{}/{} {done}", one.target.kind.slug(), one.target.name.name));
    }
    if !change.is_sound() {
        return Ok(Outcome::Findings);
    }
    if dry_run {
        for line in lines {
            terminal::print(&format!("{line} (dry run)"));
        }
        terminal::pass(&change.diff());
    } else {
        change.write()?;
        for line in lines {
            terminal::print(&line);
        }
    }
    Ok(Outcome::Clean)
}
