//! `pai create guard`: a classifier that providers and agents attach by name.

use clap::{Args, ValueEnum};
use pai_bundle::name::Name;
use pai_compiler::schema::Kind;
use serde_json::json;

use super::{Outcome, Spec, finish};
use crate::change::{Namespace, Whereabouts};

/// A guard.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pai create guard injection --type promptGuard --endpoint http://localhost:8000/classify
  pai create guard house --type rules --on-error deny --dry-run")]
pub(super) struct Arguments {
    /// The guard's name, by which providers and agents attach it.
    #[arg(value_name = "NAME")]
    name: Name,
    /// What kind of classifier it is; `rules` is built in and needs no endpoint.
    #[arg(long = "type", value_enum, value_name = "TYPE", default_value = "promptGuard")]
    classifier: Classifier,
    /// Where the classifier answers.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Which model the classifier should use, where it has several.
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// The Secret whose value the classifier wants as a bearer token.
    #[arg(long, value_name = "SECRET")]
    auth_secret: Option<Name>,
    /// How long the classifier may take over one text, in milliseconds [default: 2000].
    #[arg(long, value_name = "MS")]
    timeout_ms: Option<u32>,
    /// How many texts the classifier is sent at once [default: 16].
    #[arg(long, value_name = "N")]
    max_concurrency: Option<u32>,
    /// From which score on a text is an injection, between 0 and 1 [default: 0.9].
    #[arg(long, value_name = "SCORE")]
    injection: Option<f64>,
    /// From which score on a text is a jailbreak, between 0 and 1 [default: 0.9].
    #[arg(long, value_name = "SCORE")]
    jailbreak: Option<f64>,
    /// What becomes of a request when the classifier fails [default: deny where it enforces, allow where it audits].
    #[arg(long, value_enum, value_name = "WHAT")]
    on_error: Option<OnError>,
    /// Print the manifest, and write nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    namespace: Namespace,
    #[command(flatten)]
    whereabouts: Whereabouts,
}

/// Kinds of classifier, as manifests name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[clap(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
enum Classifier {
    /// A Prompt Guard model.
    PromptGuard,
    /// A Llama Guard model.
    LlamaGuard,
    /// A service of your own.
    Custom,
    /// Rules that are built in.
    Rules,
}

/// What a failing classifier means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "camelCase")]
enum OnError {
    /// The request passes.
    Allow,
    /// The request is refused.
    Deny,
}

/// Creates it.
pub(super) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let target = arguments.namespace.target(Kind::GuardBinding, &arguments.name);
    let mut spec = Spec::default();
    spec.put_in("classifier", "type", Some(arguments.classifier));
    spec.put_in("classifier", "endpoint", arguments.endpoint.as_ref());
    spec.put_in("classifier", "model", arguments.model.as_ref());
    let auth = arguments.auth_secret.as_ref().map(|name| json!({ "secretRef": { "name": name } }));
    spec.put_in("classifier", "auth", auth);
    spec.put_in("classifier", "timeoutMs", arguments.timeout_ms);
    spec.put_in("classifier", "maxConcurrency", arguments.max_concurrency);
    spec.put_in("thresholds", "injection", arguments.injection);
    spec.put_in("thresholds", "jailbreak", arguments.jailbreak);
    spec.put("onError", arguments.on_error);
    finish(&arguments.whereabouts, &target, &spec.value(), arguments.dry_run)
}
