//! What shells complete: commands and options from their definition, names from the workspace and the contexts around the
//! caller. Nothing is asked over a network while somebody presses a key.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::{Command, CommandFactory};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use pai_compiler::resources::{self, Resource};
use pai_compiler::schema::Kind;

use crate::context::Contexts;
use crate::workspace::{self, selection};

/// The variable by which the scripts of `pai completion` ask.
pub(crate) const VARIABLE: &str = "PAI_COMPLETE";

/// Kinds as they are completed.
const KINDS: [(&str, Kind); 4] = [
    ("model-providers", Kind::ModelProvider),
    ("agents", Kind::Agent),
    ("access-keys", Kind::AccessKey),
    ("guards", Kind::GuardBinding),
];

/// Commands that are about one kind; the words stand in this order on the line.
const COMMANDS: [(&[&str], Kind); 2] =
    [(&["access-key"], Kind::AccessKey), (&["agent", "token"], Kind::Agent)];

/// Answers a shell that asks for completions. `false` where none asks: then this is an ordinary call.
pub(crate) fn answer<A: CommandFactory>() -> clap::error::Result<bool> {
    let words: Vec<OsString> = std::env::args_os().skip_while(|word| word != "--").skip(1).collect();
    let line = Line::of(&words);
    let factory = || with_names(A::command(), &line, Names::Known);
    CompleteEnv::with_factory(factory).var(VARIABLE).bin("pai").try_complete(std::env::args_os(), None)
}

/// What has been typed, as far as it says which names are meant.
#[derive(Debug, Clone, Default)]
struct Line {
    words: Vec<String>,
    namespace: Option<String>,
    workspace: Option<PathBuf>,
}

impl Line {
    fn of(words: &[OsString]) -> Self {
        let words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let value = |names: &[&str]| {
            let behind = |pair: &[String]| names.contains(&pair[0].as_str()).then(|| pair[1].clone());
            let joined = |word: &String| {
                names.iter().find_map(|name| word.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
            };
            words.windows(2).find_map(behind).or_else(|| words.iter().find_map(joined))
        };
        let namespace = value(&["-n", "--namespace"]);
        let workspace = value(&["--workspace"]).map(PathBuf::from);
        Self { words, namespace, workspace }
    }

    /// The kind that the command is about, or that was typed as a word of its own.
    fn kind(&self) -> Option<Kind> {
        let commands = COMMANDS.iter().find(|(command, _)| {
            self.words.iter().skip(1).map(String::as_str).take(command.len()).eq(command.iter().copied())
        });
        commands
            .map(|(_, kind)| *kind)
            .or_else(|| self.words.iter().skip(2).find_map(|word| kind_called(word)))
    }

    /// The names of a kind in the workspace; none where it cannot be read.
    fn names(&self, kind: Kind) -> Vec<String> {
        let around = || selection::around_here().unwrap_or_else(|| PathBuf::from("."));
        let path = self.workspace.clone().unwrap_or_else(around);
        let Ok(workspace) = workspace::read(&[path]) else { return Vec::new() };
        let namespace = self.namespace.as_deref().unwrap_or(pai_bundle::name::DEFAULT_NAMESPACE);
        let is_meant =
            |resource: &&Resource| resource.kind == kind && resource.name.namespace.as_str() == namespace;
        let (all, _) = resources::read(&workspace.shown);
        all.iter().filter(is_meant).map(|resource| resource.name.name.to_string()).collect()
    }

    /// Names of the kind that is meant, or `KIND/NAME` where that is how it is being typed.
    fn resources(&self, current: &str) -> Vec<String> {
        if let Some((written, _)) = current.split_once('/') {
            let names = kind_called(written).map(|kind| self.names(kind)).unwrap_or_default();
            return names.iter().map(|name| format!("{written}/{name}")).collect();
        }
        self.kind().map(|kind| self.names(kind)).unwrap_or_default()
    }
}

fn kind_called(word: &str) -> Option<Kind> {
    let (_, kind) = KINDS.iter().find(|(plural, kind)| *plural == word || kind.is_called(word))?;
    Some(*kind)
}

/// What stands for a value in help, where names are completed for it.
const VALUES: [&str; 6] = ["KIND", "RESOURCE", "NAME", "PROVIDER", "AGENT", "CONTEXT"];

/// What stands for a value in help says what its names are.
fn candidates(value: &str, line: &Line, current: &str) -> Vec<String> {
    match value {
        "KIND" | "RESOURCE" if !current.contains('/') => {
            KINDS.iter().map(|(plural, _)| (*plural).to_owned()).collect()
        }
        "KIND" | "RESOURCE" | "NAME" => line.resources(current),
        "PROVIDER" => line.names(Kind::ModelProvider),
        "AGENT" => line.names(Kind::Agent),
        "CONTEXT" => contexts(),
        _ => Vec::new(),
    }
}

fn contexts() -> Vec<String> {
    let contexts = Contexts::load().ok();
    contexts.iter().flat_map(Contexts::all).map(|context| context.name.clone()).collect()
}

/// Whether names are made up here, so that those that there are would be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    Known,
    New,
}

fn with_names(command: Command, line: &Line, above: Names) -> Command {
    let names = if matches!(command.get_name(), "create" | "login" | "init") { Names::New } else { above };
    let command = command.mut_args(|argument| {
        let value = argument.get_value_names().and_then(<[_]>::first).map(ToString::to_string);
        let is_made_up = names == Names::New && value.as_deref() == Some("NAME");
        match value {
            // What has a fixed set of values, such as kinds of providers, is completed from that.
            Some(value)
                if !is_made_up
                    && VALUES.contains(&value.as_str())
                    && argument.get_possible_values().is_empty() =>
            {
                let line = line.clone();
                argument.add(ArgValueCompleter::new(move |current: &OsStr| complete(&value, &line, current)))
            }
            _ => argument,
        }
    });
    command.mut_subcommands(|subcommand| with_names(subcommand, line, names))
}

fn complete(value: &str, line: &Line, current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    let fitting = candidates(value, line, &current).into_iter().filter(|name| name.starts_with(&*current));
    fitting
        .filter(|name| *name == current || !line.words.contains(name))
        .map(CompletionCandidate::new)
        .collect()
}
