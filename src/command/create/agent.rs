//! `pai create agent`: a workload, its models and its budget. Its token is `pai agent token create`'s to make.

use clap::Args;
use pai_bundle::name::{ModelRef, Name};
use pai_bundle::unit::Tokens;
use pai_compiler::schema::Kind;

use super::{Outcome, Spec, finish};
use crate::account::tokens;
use crate::change::{Namespace, Whereabouts};
use crate::terminal;

/// An agent.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pai create agent reviewer --model anthropic/claude-sonnet-4-6 --model anthropic/claude-haiku-4-5
  pai create agent nightly --model google/gemini-2.5-flash --max-tokens-per-day 500_000 --max-concurrent 4")]
pub(super) struct Arguments {
    /// The agent's name.
    #[arg(value_name = "NAME")]
    name: Name,
    /// A model as PROVIDER/MODEL; the first is asked first, the others in this order when it cannot answer. Repeatable.
    #[arg(long = "model", required = true, value_name = "PROVIDER/MODEL")]
    models: Vec<ModelRef>,
    /// Its tokens per UTC day.
    #[arg(long, value_parser = tokens, value_name = "TOKENS")]
    max_tokens_per_day: Option<Tokens>,
    /// Tokens of one request: its input and the output that it asks for.
    #[arg(long, value_parser = tokens, value_name = "TOKENS")]
    max_tokens_per_request: Option<Tokens>,
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
}

/// Creates it.
pub(super) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let target = arguments.namespace.target(Kind::Agent, &arguments.name);
    let models: Vec<String> = arguments.models.iter().map(ToString::to_string).collect();
    let mut spec = Spec::default();
    spec.put_list("models", &models);
    spec.put_in("tokens", "maxPerDay", arguments.max_tokens_per_day.map(|tokens| tokens.0));
    spec.put_in("tokens", "maxPerRequest", arguments.max_tokens_per_request.map(|tokens| tokens.0));
    spec.put_in("rateLimits", "maxRequestsPerMinute", arguments.max_requests_per_minute);
    spec.put_in("rateLimits", "maxConcurrentRequests", arguments.max_concurrent);
    let outcome = finish(&arguments.whereabouts, &target, &spec.value(), arguments.dry_run)?;
    if outcome == Outcome::Clean && !arguments.dry_run {
        terminal::say(&format!("`pai agent token create {}` makes its token", arguments.name));
    }
    Ok(outcome)
}
