//! New secrets for what has some, and the end of old ones: the same for access keys and agents.

use clap::Args;
use miette::miette;
use pai_bundle::name::Name;
use pai_compiler::edit::Target;
use pai_compiler::resources::Resource;
use pai_compiler::schema::Kind;
use pai_ledger::{Clock, SystemClock};
use pai_runtime::token::TokenKind;
use serde_json::Value;

use super::Outcome;
use super::get::{kinds, wanted};
use crate::change::{Change, Namespace, Whereabouts};
use crate::credential::{self, Places};
use crate::{prompt, terminal};

/// A new secret beside the others.
#[derive(Debug, Args)]
#[command(after_help = "\
The token is the only line on standard output, and is not shown again.

Examples:
  pai agent token create reviewer
  pai agent token create reviewer -n research > token.txt")]
pub(super) struct Create {
    /// Whose.
    #[arg(value_name = "NAME")]
    name: Name,
    #[command(flatten)]
    place: Place,
}

/// A new secret in the place of the others.
#[derive(Debug, Args)]
#[command(after_help = "\
The new secret is the only line on standard output, and is not shown again.

Examples:
  pai access-key rotate laptop
  pai access-key rotate laptop --grace 24h
  pai agent token rotate reviewer --grace 1h")]
pub(super) struct Rotate {
    /// Whose.
    #[arg(value_name = "NAME")]
    name: Name,
    /// For how long old secrets are still accepted, such as 24h; they end at once where nothing is said.
    #[arg(long, value_parser = credential::seconds, default_value = "0", value_name = "TIME")]
    grace: i64,
    #[command(flatten)]
    place: Place,
}

/// The end of secrets.
#[derive(Debug, Args)]
#[command(after_help = "\
The manifest stays, with its restrictions and its use; `pai delete` takes it away as well.

Examples:
  pai access-key revoke laptop
  pai access-key revoke laptop --id 5dQ3xT9aZ0Lm
  pai agent token revoke reviewer --yes")]
pub(super) struct Revoke {
    /// Whose.
    #[arg(value_name = "NAME")]
    name: Name,
    /// Only the secret with this public id, which stands behind `pak_` or `pai_agt_` [default: all].
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    namespace: Namespace,
    #[command(flatten)]
    whereabouts: Whereabouts,
}

/// Where it is, and where the pepper is.
#[derive(Debug, Args)]
struct Place {
    #[command(flatten)]
    namespace: Namespace,
    #[command(flatten)]
    whereabouts: Whereabouts,
    #[command(flatten)]
    places: Places,
}

/// Adds one.
pub(super) fn create(kind: Kind, create: &Create) -> miette::Result<Outcome> {
    changed(kind, &create.name, &create.place, |manifest, line| {
        credential::add(manifest, line);
        "its other tokens stay as they are".to_owned()
    })
}

/// Replaces all.
pub(super) fn rotate(kind: Kind, rotate: &Rotate) -> miette::Result<Outcome> {
    let now = SystemClock.now();
    changed(kind, &rotate.name, &rotate.place, |manifest, line| {
        credential::rotate(manifest, line, now, rotate.grace);
        if rotate.grace == 0 {
            "what was accepted before is refused from now on".to_owned()
        } else {
            let end = credential::moment(now.0.saturating_add(rotate.grace));
            format!("what was accepted before ends at {end}")
        }
    })
}

/// Takes them away, and says what that means.
pub(super) fn revoke(kind: Kind, revoke: &Revoke) -> miette::Result<Outcome> {
    let mut change = revoke.whereabouts.open()?;
    let target = revoke.namespace.target(kind, &revoke.name);
    let mut manifest = found(&change, &target)?.manifest;
    let known: Vec<String> = credential::listed(&manifest)
        .iter()
        .filter_map(|credential| credential["id"].as_str().map(str::to_owned))
        .collect();
    let label = format!("{}/{}", kind.slug(), revoke.name);
    match (credential::revoke(&mut manifest, revoke.id.as_deref()), &revoke.id) {
        (0, None) => {
            terminal::say(&format!("{label} has no secrets: nothing is accepted for it"));
            return Ok(Outcome::Clean);
        }
        (0, Some(id)) => {
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(miette!(
                help = format!("there are {known}"),
                "{label} has no secret with the id `{id}`"
            ));
        }
        _ => {}
    }
    change.set(&target, &manifest)?;
    if !change.is_sound() {
        return Ok(Outcome::Findings);
    }
    let which = revoke.id.as_ref().map_or_else(
        || if known.len() == 1 { "its secret".to_owned() } else { format!("its {} secrets", known.len()) },
        |id| format!("its secret {id}"),
    );
    if !prompt::confirm(&format!("Revoke {which}, for good? Whoever uses it is refused."), revoke.yes)? {
        terminal::say("nothing was revoked");
        return Ok(Outcome::Findings);
    }
    change.write()?;
    terminal::print(&format!("{label} revoked"));
    Ok(Outcome::Clean)
}

fn changed(
    kind: Kind,
    name: &Name,
    place: &Place,
    edit: impl FnOnce(&mut Value, Value) -> String,
) -> miette::Result<Outcome> {
    let mut change = place.whereabouts.open()?;
    let target = place.namespace.target(kind, name);
    let resource = found(&change, &target)?;
    let mut manifest = resource.manifest;
    let token_kind = if kind == Kind::Agent { TokenKind::Agent } else { TokenKind::AccessKey };
    let (token, line) = credential::minted(token_kind, &place.places.secrets(change.folder()))?;
    let told = edit(&mut manifest, line);
    change.set(&target, &manifest)?;
    if !change.is_sound() {
        return Ok(Outcome::Findings);
    }
    change.write()?;
    let what = if kind == Kind::Agent { "token" } else { "key" };
    terminal::say(&format!("changed {}; {told}; this is the {what}, shown once:", resource.origin.file));
    terminal::print(token.reveal());
    Ok(Outcome::Clean)
}

fn found(change: &Change, target: &Target) -> miette::Result<Resource> {
    let kind = kinds::of(target.kind)?;
    let all = change.resources();
    let names = [target.name.name.as_str()];
    let mut chosen = wanted::all(kind, &names, &target.name.namespace, &all)?;
    chosen.pop().cloned().ok_or_else(|| miette!("there is no such {}", target.kind.slug()))
}
