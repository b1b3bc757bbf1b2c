//! `pai get`: what is in a workspace, listed as kubectl lists it. One file per kind, in the table of `kinds`.

pub(super) mod kinds;
pub(super) mod wanted;
mod model_provider;
mod agent;
mod access_key;
mod guard;
pub(super) mod secret;
pub(super) mod age;
pub(super) mod last_used;
mod forms;

use std::borrow::Cow;
use std::path::PathBuf;

use clap::Args;
use miette::miette;
use pai_bundle::name::{DEFAULT_NAMESPACE, Name};
use pai_compiler::Severity;
use pai_compiler::resources::{self, Resource};
use pai_ledger::{Clock, SystemClock};

use self::forms::Form;
use self::kinds::{Kind, Seen};
use self::last_used::Uses;
use super::Outcome;
use crate::remote::{Named, Remote};
use crate::rows::Whereabouts;
use crate::workspace::{self, selection};
use crate::{table, terminal};

/// What to list, from where.
#[derive(Debug, Args)]
#[command(after_help = "\
LAST USED comes from the ledger, as far as it goes back; AGE is since the manifest's file was changed.

Examples:
  pai get model-providers
  pai get agents -A -o wide
  pai get access-key laptop -o yaml
  pai get agent/coder agent/reviewer -o name")]
pub(crate) struct Arguments {
    /// model-providers, agents, access-keys, guards or secrets; or KIND/NAME, also for all that follow.
    #[arg(value_name = "KIND")]
    kind: String,
    /// Only these; all where none is given.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Of which namespace.
    #[arg(short, long, default_value = DEFAULT_NAMESPACE)]
    namespace: Name,
    /// Of every namespace.
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,
    /// The workspace [default: the one around the current folder].
    #[arg(long, value_name = "DIR")]
    workspace: Option<PathBuf>,
    /// How it is printed.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Form,
    /// Print no line with the names of the columns.
    #[arg(long)]
    no_headers: bool,
    #[command(flatten)]
    remote: Remote,
    #[command(flatten)]
    whereabouts: Whereabouts,
}

/// What there is to list, and who knows when it was used.
struct Ground<'a> {
    all: Vec<Resource>,
    /// Manifests that are left out.
    errors: usize,
    folder: PathBuf,
    whereabouts: Cow<'a, Whereabouts>,
}

impl<'a> Ground<'a> {
    fn of(arguments: &'a Arguments) -> miette::Result<Self> {
        let named = Named::when(arguments.workspace.is_some() || arguments.whereabouts.is_named());
        if let Some(gateway) = arguments.remote.gateway(named)? {
            let all = gateway.resources()?;
            let whereabouts = Cow::Owned(Whereabouts::of(gateway.operator));
            return Ok(Self { all, errors: 0, folder: PathBuf::from("."), whereabouts });
        }
        let folder = arguments.folder();
        let (all, found) = resources::read(&workspace::read(std::slice::from_ref(&folder))?.shown);
        let errors = found.count(Severity::Error);
        Ok(Self { all, errors, folder, whereabouts: Cow::Borrowed(&arguments.whereabouts) })
    }
}

/// Lists. Exit code 1 says that something that was asked for is not there, or cannot be read.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    if let Some(names) = secret::names(&arguments.kind, &arguments.names) {
        return secret::list(arguments, &names, &arguments.folder());
    }
    let (kind, names) = wanted::wanted(&arguments.kind, &arguments.names)?;
    if arguments.all_namespaces && !names.is_empty() {
        return Err(miette!(
            help = "say which with --namespace",
            "a name can stand for something else in every namespace"
        ));
    }
    let ground = Ground::of(arguments)?;
    let of_kind: Vec<&Resource> = ground.all.iter().filter(|resource| resource.kind == kind.of).collect();
    let here: Vec<&Resource> =
        of_kind.iter().copied().filter(|resource| arguments.concerns(&resource.name.namespace)).collect();
    let (chosen, missing) = choose(&names, &here);
    print(arguments, kind, &ground, &chosen, names.len() == 1)?;
    for name in &missing {
        terminal::say(&wanted::not_found(kind, name, &arguments.namespace, &of_kind));
    }
    if names.is_empty() && chosen.is_empty() {
        terminal::say(&arguments.nothing(kind, &of_kind));
    }
    let errors = ground.errors;
    if errors > 0 {
        let errors = if errors == 1 { "1 error".to_owned() } else { format!("{errors} errors") };
        terminal::say(&format!("manifests with errors are left out ({errors}); `pai validate` shows them"));
    }
    Ok(if missing.is_empty() && errors == 0 { Outcome::Clean } else { Outcome::Findings })
}

/// What is listed, in the order of the names, and the names of what is not there.
fn choose<'a, 'n>(names: &[&'n str], here: &[&'a Resource]) -> (Vec<&'a Resource>, Vec<&'n str>) {
    if names.is_empty() {
        return (here.to_vec(), Vec::new());
    }
    let mut chosen = Vec::new();
    let mut missing = Vec::new();
    for &name in names {
        let before = chosen.len();
        chosen.extend(here.iter().copied().filter(|resource| resource.name.name.as_str() == name));
        if chosen.len() == before {
            missing.push(name);
        }
    }
    (chosen, missing)
}

fn print(
    arguments: &Arguments,
    kind: &Kind,
    ground: &Ground<'_>,
    chosen: &[&Resource],
    is_one: bool,
) -> miette::Result<()> {
    let is_wide = match arguments.output {
        Form::Table => false,
        Form::Wide => true,
        Form::Json | Form::Yaml | Form::Name => return forms::print(arguments.output, chosen, is_one),
    };
    if chosen.is_empty() {
        return Ok(());
    }
    let uses = Uses::of(kind, chosen, &ground.whereabouts, &ground.folder);
    let columns = || kind.columns.iter().filter(|column| is_wide || !column.is_wide);
    let namespace = |text: &str| arguments.all_namespaces.then(|| text.to_owned());
    let head = namespace("NAMESPACE").into_iter().chain(["NAME".to_owned()]);
    let head: Vec<String> = head.chain(columns().map(|column| column.head.to_owned())).collect();
    let now = SystemClock.now();
    let rows = chosen.iter().map(|resource| {
        let seen = Seen { resource, last_used: uses.at(resource), now };
        let name = resource.name.name.to_string();
        let first = namespace(resource.name.namespace.as_str()).into_iter().chain([name]);
        first.chain(columns().map(|column| (column.cell)(&seen))).collect()
    });
    let head = if arguments.no_headers { Vec::new() } else { head };
    terminal::print(&table::plain(head, rows, None));
    Ok(())
}

impl Arguments {
    /// The workspace's folder.
    fn folder(&self) -> PathBuf {
        let around = || selection::around_here().unwrap_or_else(|| PathBuf::from("."));
        self.workspace.clone().unwrap_or_else(around)
    }

    fn concerns(&self, namespace: &Name) -> bool {
        self.all_namespaces || *namespace == self.namespace
    }

    fn nothing(&self, kind: &Kind, of_kind: &[&Resource]) -> String {
        if self.all_namespaces {
            return format!("there are no {}", kind.plural);
        }
        let hint = match of_kind.len() {
            0 => String::new(),
            number => format!("; -A lists those of other namespaces, of which there are {number}"),
        };
        format!("there are no {} in namespace `{}`{hint}", kind.plural, self.namespace)
    }
}
