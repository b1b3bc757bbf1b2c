//! `pai create model-provider`: a manifest, and its key in pai's own store.

use clap::{Args, ValueEnum};
use pai_bundle::name::Name;
use pai_bundle::provider::{ProviderKind, SecretRef};
use pai_compiler::edit;
use pai_compiler::schema::Kind;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Outcome, Spec, planned, said_created};
use crate::account::tokens;
use crate::change::{self, Namespace, Whereabouts};
use crate::credential::Places;
use crate::{prompt, terminal};
use pai_bundle::unit::Tokens;

/// The key of a Secret where nothing else is said, as manifests have it.
const SECRET_KEY: &str = "api-key";

/// A provider.
#[derive(Debug, Args)]
#[command(after_help = "\
The key is asked for at the terminal, kept as Secret NAME-key in pai's own store, and never in the manifest.

Examples:
  pai create model-provider anthropic --provider anthropic
  pai create model-provider anthropic --provider anthropic --api-key-stdin < key.txt
  pai create model-provider google --provider gemini --max-tokens-per-day 5_000_000 --external-access=1_000_000
  pai create model-provider gpu --provider vllm --endpoint http://gpu:8000/v1 --allowed-models llama-3")]
pub(super) struct Arguments {
    /// What agents call it: they ask for NAME/MODEL.
    #[arg(value_name = "NAME")]
    name: Name,
    /// What kind of provider it is.
    #[arg(long, value_enum, value_name = "KIND")]
    provider: KindArgument,
    /// Its API key. Arguments show in process lists and in the shell's history: a prompt or --api-key-stdin is better.
    #[arg(long, value_name = "KEY", conflicts_with_all = ["api_key_stdin", "no_api_key"])]
    api_key: Option<SecretString>,
    /// Read its API key from standard input.
    #[arg(long, conflicts_with = "no_api_key")]
    api_key_stdin: bool,
    /// It needs no key: a server of your own.
    #[arg(long)]
    no_api_key: bool,
    /// Its base URL, where it is not the kind's own; with `/v1` for servers that speak OpenAI's protocol.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// The api-version of Azure OpenAI.
    #[arg(long, value_name = "VERSION")]
    api_version: Option<String>,
    /// Models that may be called, with commas between them; `*` is any run of characters [default: all].
    #[arg(long, value_delimiter = ',', value_name = "PATTERNS")]
    allowed_models: Vec<String>,
    /// Models that may not be called, whatever else is said.
    #[arg(long, value_delimiter = ',', value_name = "PATTERNS")]
    denied_models: Vec<String>,
    /// Its tokens per UTC day.
    #[arg(long, value_parser = tokens, value_name = "TOKENS")]
    max_tokens_per_day: Option<Tokens>,
    /// Tokens of one request: its input and the output that it asks for.
    #[arg(long, value_parser = tokens, value_name = "TOKENS")]
    max_tokens_per_request: Option<Tokens>,
    /// Open it to access keys, with so many tokens per UTC day where a number is given.
    #[arg(long, value_parser = tokens, value_name = "TOKENS", require_equals = true)]
    #[expect(clippy::option_option, reason = "not given, given without a number, given with one")]
    external_access: Option<Option<Tokens>>,
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

/// Kinds, as manifests name them.
#[derive(Debug, Clone, Copy)]
struct KindArgument(ProviderKind);

impl ValueEnum for KindArgument {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [KindArgument; ProviderKind::ALL.len()] = {
            let mut all = [KindArgument(ProviderKind::ALL[0]); ProviderKind::ALL.len()];
            let mut at = 0;
            while at < all.len() {
                all[at] = KindArgument(ProviderKind::ALL[at]);
                at += 1;
            }
            all
        };
        &ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.0.as_str()))
    }
}

/// Where the key comes from.
enum Key {
    /// There is none.
    None,
    /// It was kept before.
    Kept,
    New(SecretString),
}

/// Creates it. The key is asked for when nothing else can go wrong.
pub(super) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let target = arguments.namespace.target(Kind::ModelProvider, &arguments.name);
    let reference = SecretRef { name: format!("{}-key", arguments.name), key: SECRET_KEY.to_owned() };
    let secrets = arguments.places.secrets(&arguments.whereabouts.folder());
    let spec = arguments.spec(&reference);
    let Some((change, file)) = planned(&arguments.whereabouts, &target, &spec)? else {
        return Ok(Outcome::Findings);
    };
    if arguments.dry_run {
        terminal::pass(&edit::render(&change::manifest(&target, &spec)));
        return Ok(Outcome::Clean);
    }
    let told = |cause| miette::miette!("{cause}");
    match arguments.key(&reference, &secrets)? {
        Key::None => {}
        Key::Kept => terminal::say(&format!("the key is Secret {}, which is there already", reference.name)),
        Key::New(key) => {
            secrets.keep(&reference, &key).map_err(told)?;
            terminal::say(&format!("kept the key as Secret {}", reference.name));
        }
    }
    change.write()?;
    said_created(&target, &file);
    Ok(Outcome::Clean)
}

impl Arguments {
    /// Whether the provider is asked with a key.
    fn has_key(&self) -> bool {
        let is_given = self.api_key.is_some() || self.api_key_stdin;
        is_given || !(self.no_api_key || self.provider.0 == ProviderKind::Vllm)
    }

    fn spec(&self, reference: &SecretRef) -> Value {
        let mut spec = Spec::default();
        spec.put("provider", Some(self.provider.0.as_str()));
        spec.put("endpoint", self.endpoint.as_ref());
        spec.put("apiVersion", self.api_version.as_ref());
        spec.put("apiKeySecretRef", self.has_key().then(|| json!({ "name": reference.name })));
        spec.put_list("allowedModels", &self.allowed_models);
        spec.put_list("deniedModels", &self.denied_models);
        spec.put("maxTokensPerDay", self.max_tokens_per_day.map(|tokens| tokens.0));
        spec.put("maxTokensPerRequest", self.max_tokens_per_request.map(|tokens| tokens.0));
        spec.put_in("externalAccess", "enabled", self.external_access.map(|_| true));
        let external = self.external_access.flatten().map(|tokens| tokens.0);
        spec.put_in("externalAccess", "maxTokensPerDay", external);
        spec.value()
    }

    fn key(&self, reference: &SecretRef, secrets: &pai_runtime::secret::Secrets) -> miette::Result<Key> {
        if !self.has_key() {
            return Ok(Key::None);
        }
        if let Some(key) = &self.api_key {
            return Ok(Key::New(key.clone()));
        }
        if self.api_key_stdin {
            return prompt::secret_from_stdin("the API key").map(Key::New);
        }
        if secrets.names().map_err(|cause| miette::miette!("{cause}"))?.has(reference) {
            return Ok(Key::Kept);
        }
        prompt::secret(
            &format!("API key of {}", self.name),
            "give --api-key-stdin and the key on standard input; or --no-api-key where none is needed",
        )
        .map(Key::New)
    }
}
