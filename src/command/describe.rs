//! `pai describe`: all that is known of a resource, in the order in which people ask.

mod page;

use std::path::Path;

use clap::{Args, ValueEnum};
use pai_bundle::limit::Scope;
use pai_bundle::name::Name;
use pai_bundle::provider::SecretRef;
use pai_compiler::resources::{self, Referring, Resource};
use pai_compiler::schema::Kind;
use pai_compiler::{Severity, Sources, Surroundings};
use pai_ledger::{Clock, SystemClock};
use pai_runtime::arguments::SecretArguments;
use serde_json::Value;

use self::page::{Account, Finding, Page, Reference, Secret};
use super::Outcome;
use super::get::kinds::{self, Seen};
use super::get::last_used::Uses;
use super::get::wanted;
use crate::change::{self, Change, Namespace};
use crate::credential;
use crate::remote::{self, Gateway, Remote};
use crate::rows::Whereabouts;
use crate::{terminal, today};

/// What to describe.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pai describe model-provider anthropic
  pai describe agent/reviewer agent/nightly
  pai describe access-key laptop -o json")]
pub(crate) struct Arguments {
    /// model-provider, agent, access-key or guard; or KIND/NAME, also for all that follow.
    #[arg(value_name = "KIND")]
    kind: String,
    /// Which.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    place: Place,
}

/// As [`Arguments`], where the kind is known.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pai access-key describe laptop
  pai access-key describe laptop ci -o json")]
pub(super) struct Named {
    /// Which.
    #[arg(value_name = "NAME", required = true)]
    names: Vec<Name>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
struct Place {
    #[command(flatten)]
    namespace: Namespace,
    #[command(flatten)]
    workspace: change::Whereabouts,
    /// How it is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,
    #[command(flatten)]
    secrets: SecretArguments,
    #[command(flatten)]
    remote: Remote,
    #[command(flatten)]
    ledger: Whereabouts,
}

/// How it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// One object for one name, else a list of them.
    Json,
}

/// Describes.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let (kind, names) = wanted::wanted(&arguments.kind, &arguments.names)?;
    described(kind, &names, &arguments.place)
}

/// Describes resources of a kind.
pub(super) fn run_named(kind: Kind, asked: &Named) -> miette::Result<Outcome> {
    let names: Vec<&str> = asked.names.iter().map(Name::as_str).collect();
    described(kinds::of(kind)?, &names, &asked.place)
}

fn described(kind: &'static kinds::Kind, names: &[&str], place: &Place) -> miette::Result<Outcome> {
    let place_named = remote::Named::when(place.workspace.is_named() || place.ledger.is_named());
    if let Some(gateway) = place.remote.gateway(place_named)? {
        return elsewhere(kind, names, place, gateway);
    }
    let change = place.workspace.open()?;
    let all = change.resources();
    let chosen = wanted::all(kind, names, &place.namespace.namespace, &all)?;
    let uses = Uses::of(kind, &chosen, &place.ledger, change.folder());
    let today = today::rows(&place.ledger, change.folder()).ok();
    let pages: miette::Result<Vec<Page>> = chosen
        .iter()
        .map(|resource| {
            let seen = Seen { resource, last_used: uses.at(resource), now: SystemClock.now() };
            Ok(Page {
                kind: resource.kind.as_str(),
                name: resource.name.name.to_string(),
                namespace: resource.name.namespace.to_string(),
                source: format!("{}:{}", resource.origin.file, resource.origin.line),
                age: (kinds::AGE.cell)(&seen),
                last_used: kind.scope.map(|_| (kinds::LAST_USED.cell)(&seen)),
                spec: spec(&resource.manifest),
                secrets: place.secrets_of(resource, &change)?,
                credentials: credentials(&resource.manifest),
                today: accounts(resource, today.as_ref()),
                referred_to_by: references(&change, resource),
                findings: findings(&change, resource),
            })
        })
        .collect();
    print(place.output, &pages?);
    Ok(Outcome::Clean)
}

/// What a gateway elsewhere serves. Its secrets are not looked for, and the compiler has nothing to say of a bundle.
fn elsewhere(
    kind: &'static kinds::Kind,
    names: &[&str],
    place: &Place,
    gateway: Gateway,
) -> miette::Result<Outcome> {
    let all = gateway.resources()?;
    let chosen = wanted::all(kind, names, &place.namespace.namespace, &all)?;
    let ledger = Whereabouts::of(gateway.operator);
    let here = Path::new(".");
    let uses = Uses::of(kind, &chosen, &ledger, here);
    let today = today::rows(&ledger, here).ok();
    let texts = all.iter().map(|resource| (resource.name.to_string(), resource.manifest.to_string()));
    let sources = Sources::new(texts.enumerate().map(|(at, (name, text))| (format!("{at}/{name}"), text)));
    let page = |resource: &&Resource| {
        let seen = Seen { resource, last_used: uses.at(resource), now: SystemClock.now() };
        let referring = resources::referring(&sources, resource.kind, &resource.name).into_iter();
        let reference = |from: Referring| {
            let is_it = |one: &&Resource| one.kind == from.kind && one.name == from.name;
            let origin = all.iter().find(is_it).map(|one| format!("{}:{}", one.origin.file, one.origin.line));
            Reference {
                from: format!("{}/{}", from.kind.slug(), from.name.name),
                field: from.origin.field.clone(),
                place: origin.unwrap_or_default(),
            }
        };
        Page {
            kind: resource.kind.as_str(),
            name: resource.name.name.to_string(),
            namespace: resource.name.namespace.to_string(),
            source: format!("{}:{}", resource.origin.file, resource.origin.line),
            age: (kinds::AGE.cell)(&seen),
            last_used: kind.scope.map(|_| (kinds::LAST_USED.cell)(&seen)),
            spec: spec(&resource.manifest),
            secrets: Vec::new(),
            credentials: credentials(&resource.manifest),
            today: accounts(resource, today.as_ref()),
            referred_to_by: referring.map(reference).collect(),
            findings: Vec::new(),
        }
    };
    print(place.output, &chosen.iter().map(page).collect::<Vec<_>>());
    Ok(Outcome::Clean)
}

fn print(output: Form, pages: &[Page]) {
    match (output, pages) {
        (Form::Text, pages) => {
            let texts: Vec<String> = pages.iter().map(Page::text).collect();
            terminal::pass(&texts.join("\n"));
        }
        (Form::Json, [one]) => terminal::print(&format!("{:#}", serde_json::json!(one))),
        (Form::Json, many) => terminal::print(&format!("{:#}", serde_json::json!(many))),
    }
}

impl Place {
    /// The secrets that it names, and whether they are there.
    fn secrets_of(&self, resource: &Resource, change: &Change) -> miette::Result<Vec<Secret>> {
        let state = self.ledger.state(change.folder());
        let places = self.secrets.open(&state);
        let references = ["/spec/apiKeySecretRef", "/spec/classifier/auth/secretRef"];
        let written = references.into_iter().filter_map(|pointer| resource.manifest.pointer(pointer));
        let wanted = written.filter_map(|reference| {
            let name = reference.get("name")?.as_str()?.to_owned();
            let key = reference.get("key").and_then(Value::as_str).unwrap_or("api-key").to_owned();
            Some(SecretRef { name, key })
        });
        wanted
            .map(|wanted| {
                Ok(Secret {
                    found_in: places.place_of(&wanted).map_err(|cause| miette::miette!("{cause}"))?,
                    name: format!("{}/{}", wanted.name, wanted.key),
                    looked_in: places.describe(),
                })
            })
            .collect()
    }
}

/// The fields, digests left to the credentials.
fn spec(manifest: &Value) -> Value {
    let mut spec = manifest["spec"].clone();
    if let Value::Object(fields) = &mut spec {
        fields.remove("credentials");
    }
    spec
}

fn credentials(manifest: &Value) -> Option<Vec<Value>> {
    let all = credential::listed(manifest);
    let is_principal = ["Agent", "AccessKey"].iter().any(|kind| manifest["kind"] == *kind);
    is_principal.then(|| {
        all.into_iter()
            .map(|mut one| {
                if let Value::Object(fields) = &mut one {
                    fields.remove("digest");
                }
                one
            })
            .collect()
    })
}

/// Its budgets of today; nothing where the ledger cannot be asked.
fn accounts(
    resource: &Resource,
    today: Option<&std::collections::BTreeMap<(Scope, String), pai_runtime::report::Row>>,
) -> Option<Vec<Account>> {
    let accounts: &[(Scope, &str, &str)] = match resource.kind {
        Kind::ModelProvider => &[
            (Scope::Provider, "all use", "/spec/maxTokensPerDay"),
            (Scope::ProviderExternal, "external use", "/spec/externalAccess/maxTokensPerDay"),
        ],
        Kind::Agent => &[(Scope::Agent, "own", "/spec/tokens/maxPerDay")],
        Kind::AccessKey => &[(Scope::AccessKey, "own", "/spec/maxTokensPerDay")],
        Kind::GuardBinding => &[],
    };
    let today = today?;
    let name = resource.name.to_string();
    Some(
        accounts
            .iter()
            .map(|&(scope, what, limit)| {
                let row = today.get(&(scope, name.clone()));
                Account {
                    what,
                    used_tokens: row.map_or(0, |row| row.settled().tokens.0),
                    held_tokens: row.map_or(0, |row| row.held().tokens.0),
                    limit_tokens: resource.manifest.pointer(limit).and_then(Value::as_u64),
                }
            })
            .collect(),
    )
}

fn references(change: &Change, resource: &Resource) -> Vec<Reference> {
    let all = resources::referring(&change.sources(), resource.kind, &resource.name).into_iter();
    all.map(|from| Reference {
        from: format!("{}/{}", from.kind.slug(), from.name.name),
        field: from.origin.field.clone(),
        place: format!("{}:{}", from.origin.file, from.origin.line),
    })
    .collect()
}

/// What the compiler has to say of its file, from its first line to the next manifest's.
fn findings(change: &Change, resource: &Resource) -> Vec<Finding> {
    let sources = change.sources();
    let now = Surroundings { now: Some(SystemClock.now()), ..Surroundings::default() };
    let next = change.resources().into_iter().map(|other| other.origin);
    let end = next
        .filter(|other| other.file == resource.origin.file && other.line > resource.origin.line)
        .map(|other| other.line)
        .min()
        .unwrap_or(u32::MAX);
    let found = pai_compiler::check_within(&sources, &now);
    found
        .iter()
        .filter_map(|finding| {
            let span = finding.primary.span;
            let line = sources.position(span).0;
            let is_here = sources.path(span.file) == resource.origin.file
                && (resource.origin.line..end).contains(&line);
            is_here.then(|| Finding {
                severity: match finding.severity() {
                    Severity::Error => "error",
                    Severity::Warning => "warning",
                },
                code: finding.code(),
                message: finding.message.clone(),
                place: format!("{}:{line}", resource.origin.file),
            })
        })
        .collect()
}
