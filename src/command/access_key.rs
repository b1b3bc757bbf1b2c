//! `pai access-key`: keys for people, laptops and CI jobs. The manifest keeps digests; a key is shown once.

mod list;

use clap::{Args, Subcommand};
use miette::miette;
use pai_bundle::name::Name;
use pai_bundle::unit::Tokens;
use pai_compiler::schema::Kind;
use pai_runtime::token::TokenKind;
use serde_json::Value;

use super::token::{self, Revoke, Rotate};
use super::{Outcome, create, describe};
use crate::account::tokens;
use crate::change::{self, Namespace, Whereabouts};
use crate::credential::{self, Places};
use crate::terminal;

/// What to do.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pai access-key create --name laptop --model-provider anthropic
  pai access-key list
  pai access-key rotate laptop --grace 24h
  pai access-key revoke laptop")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key: its manifest goes into the workspace, the key to standard output, once.
    Create(Create),
    /// List keys, with when they were used and what of today's budget is used.
    List(list::Arguments),
    /// Say all that is known of keys.
    Describe(describe::Named),
    /// Make a new secret for a key; the old one ends, at once or after a grace.
    Rotate(Rotate),
    /// Take a key's secrets away: whoever has them is refused at the next request.
    Revoke(Revoke),
}

/// A new key and its restrictions.
#[derive(Debug, Args)]
#[command(after_help = "\
The key is the only line on standard output, and is not shown again.

Examples:
  pai access-key create --name laptop --model-provider anthropic
  pai access-key create ci --model-provider anthropic --allowed-model 'claude-haiku-*' --allowed-cidr 10.0.0.0/8
  pai create access-key alice --model-provider anthropic --expires 2027-01-31 --max-tokens-per-day 1_000_000")]
pub(crate) struct Create {
    /// The key's name.
    #[arg(value_name = "NAME", required_unless_present = "named", conflicts_with = "named")]
    name: Option<Name>,
    /// The same as an option.
    #[arg(long = "name", id = "named", value_name = "NAME")]
    named: Option<Name>,
    /// A provider that it opens; repeat for several, in the order in which a model is looked for.
    #[arg(long = "model-provider", required = true, value_name = "PROVIDER")]
    providers: Vec<Name>,
    /// A model that it may call, `*` for any run of characters; repeat for several [default: all].
    #[arg(long = "allowed-model", value_name = "PATTERN")]
    allowed_models: Vec<String>,
    /// A network that it may be used from; repeat for several [default: anywhere].
    #[arg(long = "allowed-cidr", value_name = "CIDR")]
    allowed_cidrs: Vec<String>,
    /// When it ends, as 2027-01-31 or 2027-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// Its tokens per UTC day.
    #[arg(long, value_parser = tokens, value_name = "TOKENS")]
    max_tokens_per_day: Option<Tokens>,
    /// Its requests per minute.
    #[arg(long, value_name = "REQUESTS")]
    max_requests_per_minute: Option<u32>,
    /// Its requests at the same time.
    #[arg(long, value_name = "REQUESTS")]
    max_concurrent: Option<u32>,
    /// Print the manifest, and write nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    namespace: Namespace,
    #[command(flatten)]
    whereabouts: Whereabouts,
    #[command(flatten)]
    places: Places,
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    match &arguments.command {
        Command::Create(create) => run_create(create),
        Command::List(list) => list::run(list),
        Command::Describe(named) => describe::run_named(Kind::AccessKey, named),
        Command::Rotate(rotate) => token::rotate(Kind::AccessKey, rotate),
        Command::Revoke(revoke) => token::revoke(Kind::AccessKey, revoke),
    }
}

/// Nothing is written unless the workspace compiles with the new key in it.
pub(super) fn run_create(create: &Create) -> miette::Result<Outcome> {
    let name = create.name.as_ref().or(create.named.as_ref()).ok_or_else(|| miette!("say its name"))?;
    let target = create.namespace.target(Kind::AccessKey, name);
    let mut spec = create.spec();
    if create.dry_run {
        // Without a credential: one that is not written must not be handed out.
        return create::finish(&create.whereabouts, &target, &spec, true);
    }
    let mut manifest = change::manifest(&target, &spec);
    let secrets = create.places.secrets(&create.whereabouts.folder());
    // Before anything is kept: a pepper is made the first time.
    if create::planned(&create.whereabouts, &target, &spec)?.is_none() {
        return Ok(Outcome::Findings);
    }
    let (key, line) = credential::minted(TokenKind::AccessKey, &secrets)?;
    credential::add(&mut manifest, line);
    spec = manifest["spec"].clone();
    let Some((change, file)) = create::planned(&create.whereabouts, &target, &spec)? else {
        return Ok(Outcome::Findings);
    };
    change.write()?;
    terminal::say(&format!("wrote {file}; this is the key, shown once:"));
    terminal::print(key.reveal());
    Ok(Outcome::Clean)
}

impl Create {
    fn spec(&self) -> Value {
        let mut spec = create::Spec::default();
        spec.put("providers", Some(&self.providers));
        spec.put_list("allowedModels", &self.allowed_models);
        spec.put_list("allowedCidrs", &self.allowed_cidrs);
        spec.put("expires", self.expires.as_ref());
        spec.put("maxTokensPerDay", self.max_tokens_per_day.map(|tokens| tokens.0));
        spec.put("maxRequestsPerMinute", self.max_requests_per_minute);
        spec.put("maxConcurrentRequests", self.max_concurrent);
        spec.value()
    }
}
