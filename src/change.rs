//! A change of a workspace: made in memory, checked as a whole, shown or written. Nothing is written of a change that
//! brings an error.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use miette::miette;
use pai_bundle::name::{DEFAULT_NAMESPACE, Name, QualifiedName};
use pai_compiler::diagnostic::render;
use pai_compiler::edit::{self, Target};
use pai_compiler::resources::{self, Resource};
use pai_compiler::schema::Kind;
use pai_compiler::{Diagnostics, Severity, Sources, Surroundings};
use pai_ledger::{Clock, SystemClock};
use serde_json::Value;
use similar::TextDiff;

use crate::workspace::{self, WorkspaceError, selection};
use crate::{findings, modeline, replace, terminal};

/// Where the manifests are that a command changes.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Whereabouts {
    /// The workspace [default: the one around the current folder].
    #[arg(long, value_name = "DIR")]
    workspace: Option<PathBuf>,
}

impl Whereabouts {
    /// The workspace's folder.
    pub(crate) fn folder(&self) -> PathBuf {
        let around = || selection::around_here().unwrap_or_else(|| PathBuf::from("."));
        self.workspace.clone().unwrap_or_else(around)
    }

    /// The workspace, as it is.
    pub(crate) fn open(&self) -> miette::Result<Change> {
        Change::of(&self.folder())
    }
}

/// Which namespace is meant.
#[derive(Debug, Args)]
pub(crate) struct Namespace {
    /// The namespace.
    #[arg(short, long, default_value = DEFAULT_NAMESPACE)]
    pub(crate) namespace: Name,
}

impl Namespace {
    /// The manifest of that kind and name here.
    pub(crate) fn target(&self, kind: Kind, name: &Name) -> Target {
        Target { kind, name: QualifiedName::new(self.namespace.clone(), name.clone()) }
    }
}

/// One file: by its path within the workspace.
#[derive(Debug, Clone)]
struct File {
    /// The path from the current folder.
    shown: String,
    /// What is on the disk.
    old: Option<String>,
    /// What shall be; `None` for no file.
    new: Option<String>,
}

impl File {
    fn is_changed(&self) -> bool {
        self.old != self.new
    }
}

/// A workspace and what shall become of it.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    folder: PathBuf,
    files: BTreeMap<String, File>,
}

impl Change {
    /// No change yet. A folder without manifests is an empty workspace.
    pub(crate) fn of(folder: &Path) -> miette::Result<Self> {
        if folder.is_file() {
            return Err(miette!(
                help = "give the folder that it is in",
                "`{}` is a file, and a workspace is a folder",
                folder.display()
            ));
        }
        let files = match workspace::read(&[folder.to_owned()]) {
            Ok(read) => {
                let pairs: Vec<_> = read.sources.files().zip(read.shown.files()).collect();
                pairs
                    .into_iter()
                    .map(|((_, file), (_, shown))| {
                        let text = Some(file.text().to_owned());
                        let shown = shown.path().to_owned();
                        (file.path().to_owned(), File { shown, old: text.clone(), new: text })
                    })
                    .collect()
            }
            Err(WorkspaceError::Empty { .. }) => BTreeMap::new(),
            Err(other) => return Err(other.into()),
        };
        Ok(Self { folder: folder.to_owned(), files })
    }

    /// The workspace's folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What can be read of the manifests, with paths from the current folder.
    pub(crate) fn resources(&self) -> Vec<Resource> {
        resources::read(&self.shown(|file| file.new.as_ref())).0
    }

    /// One manifest.
    pub(crate) fn find(&self, target: &Target) -> Option<Resource> {
        let is_it = |resource: &Resource| resource.kind == target.kind && resource.name == target.name;
        self.resources().into_iter().find(is_it)
    }

    /// The whole texts, with paths from the current folder.
    pub(crate) fn sources(&self) -> Sources {
        self.shown(|file| file.new.as_ref())
    }

    /// Brings a manifest to a value; false where it has that already.
    pub(crate) fn set(&mut self, target: &Target, want: &Value) -> miette::Result<bool> {
        let file = self.file_of(target)?;
        let text = file.new.clone().unwrap_or_default();
        let new = edit::set(&text, target, want).map_err(|cause| uneditable(file, &cause))?;
        file.new = Some(new);
        Ok(file.new.as_ref() != Some(&text))
    }

    /// Puts another text in the place of a manifest's document.
    pub(crate) fn put_document(&mut self, target: &Target, new: &str) -> miette::Result<()> {
        let file = self.file_of(target)?;
        let text = file.new.clone().unwrap_or_default();
        file.new = Some(edit::put_document(&text, target, new).map_err(|cause| uneditable(file, &cause))?);
        Ok(())
    }

    /// A manifest as it is written.
    pub(crate) fn document(&mut self, target: &Target) -> miette::Result<String> {
        let file = self.file_of(target)?;
        let text = file.new.clone().unwrap_or_default();
        Ok(edit::document(&text, target).map_err(|cause| uneditable(file, &cause))?.to_owned())
    }

    /// Takes a manifest away, and its file where nothing else is in it.
    pub(crate) fn remove(&mut self, target: &Target) -> miette::Result<()> {
        let file = self.file_of(target)?;
        let text = file.new.clone().unwrap_or_default();
        file.new = edit::remove(&text, target).map_err(|cause| uneditable(file, &cause))?;
        Ok(())
    }

    /// Adds a manifest in a file of its own; the file's path from the current folder.
    pub(crate) fn add(&mut self, target: &Target, text: &str) -> miette::Result<String> {
        if let Some(there) = self.find(target) {
            return Err(miette!(
                help = "`pai edit` and `pai apply` change what is there",
                "there is a {} `{}` already: {}:{}",
                target.kind.slug(),
                target.name.name,
                there.origin.file,
                there.origin.line
            ));
        }
        let name = self.free_name(target)?;
        let shown = self.folder.join(&name).to_string_lossy().replace('\\', "/");
        let shown = shown.strip_prefix("./").unwrap_or(&shown).to_owned();
        self.files.insert(name, File { shown: shown.clone(), old: None, new: Some(text.to_owned()) });
        Ok(shown)
    }

    /// A file name that nothing has: NAME.yaml, or one with the kind in it.
    fn free_name(&self, target: &Target) -> miette::Result<String> {
        let name = &target.name.name;
        let space = target.name.namespace.as_str();
        let stem = if space == DEFAULT_NAMESPACE { name.to_string() } else { format!("{space}-{name}") };
        let kind = target.kind.slug();
        let names = [format!("{stem}.yaml"), format!("{stem}-{kind}.yaml"), format!("{kind}-{stem}.yaml")];
        // What ends so is read for policy tests.
        let is_free = |name: &&String| {
            !name.ends_with(".test.yaml")
                && !self.files.contains_key(*name)
                && !self.folder.join(name).exists()
        };
        names.iter().find(is_free).cloned().ok_or_else(|| {
            miette!("`{}` and `{}` are there already, with something else in them", names[0], names[1])
        })
    }

    /// Whether the workspace compiles with the change; says why not. What was wrong before and has nothing to do with
    /// the change does not keep anybody from mending the rest.
    pub(crate) fn is_sound(&self) -> bool {
        let errors = self.new_errors();
        if errors.is_empty() {
            return true;
        }
        findings::show(&self.found().1, &self.sources());
        terminal::say("nothing was written");
        false
    }

    /// The errors that the change brings, one line each, with places.
    pub(crate) fn new_errors(&self) -> Vec<String> {
        let before = self.shown(|file| file.old.as_ref());
        let mut known: Vec<String> = errors(&check(&self.named(|file| file.old.as_ref())), &before);
        known = known.iter().map(|line| without_place(line)).collect();
        let (_, found) = self.found();
        let mut new = errors(&found, &self.sources());
        new.retain(|line| match known.iter().position(|other| *other == without_place(line)) {
            Some(at) => {
                known.remove(at);
                false
            }
            None => true,
        });
        new
    }

    fn found(&self) -> (Sources, Diagnostics) {
        let sources = self.named(|file| file.new.as_ref());
        let found = check(&sources);
        (sources, found)
    }

    /// What is different, as a diff of all files.
    pub(crate) fn diff(&self) -> String {
        let changed = self.files.values().filter(|file| file.is_changed());
        let texts = changed.map(|file| {
            let (old, new) =
                (file.old.as_deref().unwrap_or_default(), file.new.as_deref().unwrap_or_default());
            let name = |there: &Option<String>| match there {
                Some(_) => file.shown.clone(),
                None => "/dev/null".to_owned(),
            };
            let diff = TextDiff::from_lines(old, new);
            diff.unified_diff().header(&name(&file.old), &name(&file.new)).to_string()
        });
        texts.collect()
    }

    /// Writes it: every file whole or not at all, and none where one of them was changed by somebody else meanwhile.
    pub(crate) fn write(&self) -> miette::Result<()> {
        let changed: Vec<&File> = self.files.values().filter(|file| file.is_changed()).collect();
        if changed.is_empty() {
            return Ok(());
        }
        let failed =
            |file: &File, cause: &std::io::Error| miette!("`{}` cannot be written: {cause}", file.shown);
        let modeline = if changed.iter().any(|file| file.old.is_none()) {
            modeline::of(&self.folder)?
        } else {
            String::new()
        };
        let mut staged = Vec::new();
        for file in changed {
            let path = Path::new(&file.shown);
            let there = std::fs::read_to_string(path).ok();
            if there != file.old {
                return Err(miette!(
                    help = "look at what was changed, and try again",
                    "`{}` was changed by somebody else meanwhile; nothing was written",
                    file.shown
                ));
            }
            staged.push(match &file.new {
                None => (file, None),
                Some(text) => {
                    let head = if file.old.is_none() && !text.contains("yaml-language-server:") {
                        modeline.as_str()
                    } else {
                        ""
                    };
                    let bytes = format!("{head}{text}");
                    let staged = replace::stage(path, bytes.as_bytes());
                    (file, Some(staged.map_err(|cause| failed(file, &cause))?))
                }
            });
        }
        for (file, staged) in staged {
            match staged {
                Some(staged) => staged.commit(),
                None => replace::remove(Path::new(&file.shown)),
            }
            .map_err(|cause| failed(file, &cause))?;
        }
        Ok(())
    }

    fn file_of(&mut self, target: &Target) -> miette::Result<&mut File> {
        let there = self.find(target).map(|resource| resource.origin.file);
        let file = self.files.values_mut().find(|file| Some(&file.shown) == there.as_ref());
        file.ok_or_else(|| miette!("there is no {} `{}`", target.kind.slug(), target.name.name))
    }

    fn shown<'a>(&'a self, text: impl Fn(&'a File) -> Option<&'a String>) -> Sources {
        let files = self.files.values();
        Sources::new(files.filter_map(|file| Some((file.shown.clone(), text(file)?.clone()))))
    }

    fn named<'a>(&'a self, text: impl Fn(&'a File) -> Option<&'a String>) -> Sources {
        let files = self.files.iter();
        Sources::new(files.filter_map(|(name, file)| Some((name.clone(), text(file)?.clone()))))
    }
}

/// The manifest of one kind and name with a spec, ready to be rendered.
pub(crate) fn manifest(target: &Target, spec: &Value) -> Value {
    let mut metadata = serde_json::json!({ "name": target.name.name });
    if target.name.namespace.as_str() != DEFAULT_NAMESPACE {
        metadata["namespace"] = serde_json::json!(target.name.namespace);
    }
    serde_json::json!({
        "apiVersion": "pai.io/v1", "kind": target.kind.as_str(), "metadata": metadata, "spec": spec,
    })
}

fn check(sources: &Sources) -> Diagnostics {
    let now = Surroundings { now: Some(SystemClock.now()), ..Surroundings::default() };
    pai_compiler::check_within(sources, &now)
}

fn errors(found: &Diagnostics, shown: &Sources) -> Vec<String> {
    let lines = render::short(found, shown);
    let errors = found.iter().zip(lines.lines());
    errors
        .filter(|(finding, _)| finding.severity() == Severity::Error)
        .map(|(_, line)| line.to_owned())
        .collect()
}

/// `file:line:column: error…` without line and column, which move.
fn without_place(line: &str) -> String {
    match line.split_once(": ") {
        Some((place, rest)) => format!("{}: {rest}", place.split(':').next().unwrap_or_default()),
        None => line.to_owned(),
    }
}

fn uneditable(file: &File, cause: &edit::EditError) -> miette::Report {
    miette!("`{}`: {cause}", file.shown)
}
