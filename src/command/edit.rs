//! `pai edit`: one manifest in an editor, until the workspace compiles with it or its author gives up.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use clap::Args;
use miette::miette;
use pai_compiler::edit::{self, Target};

use super::Outcome;
use super::get::wanted;
use crate::change::{Change, Namespace, Whereabouts};
use crate::terminal;

/// What stands before every line of ours in the text that is edited.
const MARK: &str = "#~ ";

/// What to edit.
#[derive(Debug, Args)]
#[command(after_help = "\
$VISUAL, $EDITOR or vi is started. With mistakes in it the manifest is opened again, with what is wrong at its top; saved
without a change, it stays as it was.

Examples:
  pai edit agent reviewer
  EDITOR='code --wait' pai edit model-provider/anthropic")]
pub(crate) struct Arguments {
    /// model-provider, agent, access-key or guard; or KIND/NAME.
    #[arg(value_name = "KIND")]
    kind: String,
    /// Which.
    #[arg(value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    namespace: Namespace,
    #[command(flatten)]
    whereabouts: Whereabouts,
}

/// Edits.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let names: Vec<String> = arguments.name.iter().cloned().collect();
    let (kind, names) = wanted::wanted(&arguments.kind, &names)?;
    let mut before = arguments.whereabouts.open()?;
    let all = before.resources();
    let chosen = wanted::all(kind, &names, &arguments.namespace.namespace, &all)?;
    let Some(resource) = chosen.first() else { return Ok(Outcome::Clean) };
    let target = Target { kind: resource.kind, name: resource.name.clone() };
    let label = format!("{}/{}", target.kind.slug(), target.name.name);
    let original = before.document(&target)?;
    let (mut text, mut wrong) = (original.clone(), Vec::new());
    loop {
        let edited = in_editor(&header(&label, &wrong), &text)?;
        if edited == original || edited.trim().is_empty() {
            terminal::say("nothing was changed");
            return Ok(Outcome::Clean);
        }
        if edited == text && !wrong.is_empty() {
            terminal::say(&wrong.join("\n"));
            terminal::say("saved again as it was; nothing was written");
            return Ok(Outcome::Findings);
        }
        let mut change = before.clone();
        wrong = mistakes(&mut change, &target, &original, &edited);
        if wrong.is_empty() {
            change.write()?;
            terminal::print(&format!("{label} edited"));
            return Ok(Outcome::Clean);
        }
        text = edited;
    }
}

/// Puts the edited text in its place, and says what is wrong with it there.
fn mistakes(change: &mut Change, target: &Target, original: &str, edited: &str) -> Vec<String> {
    if let Err(cause) = edit::document(edited, target) {
        let same = format!("kind, name and namespace stay as they are: {cause}");
        // Text that is no YAML has a better complaint than that.
        let broken = put(change, target, original, edited).and_then(|()| {
            let errors = change.new_errors();
            if errors.is_empty() { Ok(()) } else { Err(errors) }
        });
        return broken.err().unwrap_or_else(|| vec![same]);
    }
    match put(change, target, original, edited) {
        Ok(()) => change.new_errors(),
        Err(wrong) => wrong,
    }
}

fn put(change: &mut Change, target: &Target, original: &str, edited: &str) -> Result<(), Vec<String>> {
    // The marker between documents is not theirs to lose.
    let marker = original.starts_with("---") && !edited.starts_with("---");
    let edited = if marker { format!("---\n{edited}") } else { edited.to_owned() };
    change.put_document(target, &edited).map_err(|cause| vec![cause.to_string()])
}

fn header(label: &str, wrong: &[String]) -> String {
    let mut lines =
        vec![format!("{label}: save and leave to change it; leave without a change to keep it as it is.")];
    lines.push(format!("Lines that begin with `{}` are left out.", MARK.trim()));
    if !wrong.is_empty() {
        lines.push("It was not saved:".to_owned());
        lines.extend(wrong.iter().flat_map(|text| text.lines().map(|line| format!("  {line}"))));
    }
    lines.iter().flat_map(|line| [MARK, line, "\n"]).collect()
}

/// What the editor leaves behind, our lines left out.
fn in_editor(header: &str, text: &str) -> miette::Result<String> {
    let failed = |cause: std::io::Error| miette!("the text cannot be handed to an editor: {cause}");
    let mut file = tempfile::Builder::new().prefix("pai-edit-").suffix(".yaml").tempfile().map_err(failed)?;
    file.write_all(header.as_bytes()).and_then(|()| file.write_all(text.as_bytes())).map_err(failed)?;
    let path = file.into_temp_path();
    start(&path)?;
    let edited = std::fs::read_to_string(&path).map_err(failed)?;
    Ok(edited.split_inclusive('\n').filter(|line| !line.starts_with(MARK.trim())).collect())
}

fn start(path: &Path) -> miette::Result<()> {
    let set = |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let editor = set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    // Through the shell, since people put options and quotes there.
    let status = Command::new("sh").args(["-c", &format!("{editor} \"$0\"")]).arg(path).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(miette!(help = "nothing was changed", "the editor `{editor}` ended with {status}")),
        Err(cause) => Err(miette!("the editor `{editor}` cannot be started: {cause}")),
    }
}
