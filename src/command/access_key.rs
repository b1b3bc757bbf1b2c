//! `pai access-key`: makes keys for people, laptops and CI jobs. The manifest keeps a digest; the key is shown once.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use miette::miette;
use pai_bundle::name::{DEFAULT_NAMESPACE, Name};
use pai_compiler::Sources;
use pai_runtime::secret::Secrets;
use pai_runtime::token::{Token, TokenKind};
use serde_json::{Map, Value, json};

use super::Outcome;
use crate::findings;
use crate::workspace::Workspace;
use crate::{modeline, terminal, workspace};

/// What to do.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key: its manifest goes into the workspace, the key to standard output, once.
    Create(Create),
}

/// A new key and its restrictions.
#[derive(Debug, Args)]
struct Create {
    /// The key's name; its manifest is NAME.yaml.
    #[arg(long)]
    name: Name,
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
    #[arg(long, value_name = "TOKENS")]
    max_tokens_per_day: Option<u64>,
    /// Its requests per minute.
    #[arg(long, value_name = "REQUESTS")]
    max_requests_per_minute: Option<u32>,
    /// Its requests at the same time.
    #[arg(long, value_name = "REQUESTS")]
    max_concurrent: Option<u32>,
    /// The namespace of the key and its providers.
    #[arg(short, long, default_value = DEFAULT_NAMESPACE)]
    namespace: Name,
    /// The workspace.
    #[arg(long, default_value = ".", value_name = "DIR")]
    workspace: PathBuf,
    /// The gateway's state folder, whose pepper the digest is made with [default: .pai in the workspace].
    #[arg(long, env = "PAI_STATE", value_name = "DIR")]
    state: Option<PathBuf>,
    /// The gateway's folder of mounted secrets, where the pepper may be instead.
    #[arg(long, env = "PAI_SECRETS", value_name = "DIR")]
    secrets: Option<PathBuf>,
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    match &arguments.command {
        Command::Create(create) => run_create(create),
    }
}

/// Nothing is written unless the workspace compiles with the new key in it.
fn run_create(create: &Create) -> miette::Result<Outcome> {
    let path = create.workspace.join(format!("{}.yaml", create.name));
    if path.exists() {
        return Err(miette!("`{}` is there already; choose another --name", path.display()));
    }
    let state = create.state.clone().unwrap_or_else(|| create.workspace.join(".pai"));
    let pepper = Secrets::new(create.secrets.clone(), &state).pepper().map_err(|cause| miette!("{cause}"))?;
    let token = Token::mint(TokenKind::AccessKey).map_err(|cause| miette!("{cause}"))?;
    let text = manifest(create, token.id(), &pepper.digest(&token))?;
    let Workspace { sources, shown } = workspace::read(std::slice::from_ref(&create.workspace))?;
    let with_key = |sources: &Sources, name: String| {
        let files = sources.files().map(|(_, file)| (file.path().to_owned(), file.text().to_owned()));
        Sources::new(files.chain([(name, text.clone())]))
    };
    let found = pai_compiler::check(&with_key(&sources, format!("{}.yaml", create.name)));
    if found.has_errors() {
        let shown = with_key(&shown, path.display().to_string());
        findings::show(&found, &shown);
        terminal::say("nothing was written");
        return Ok(Outcome::Findings);
    }
    let modeline = modeline::of(&create.workspace)?;
    std::fs::write(&path, modeline + &text)
        .map_err(|cause| miette!("`{}` cannot be written: {cause}", path.display()))?;
    terminal::say(&format!("wrote {}; this is the key, shown once:", path.display()));
    terminal::print(token.reveal());
    Ok(Outcome::Clean)
}

fn manifest(create: &Create, id: &str, digest: &str) -> miette::Result<String> {
    let mut spec = Map::new();
    spec.insert("providers".to_owned(), json!(create.providers));
    let mut put = |field: &str, value: Option<Value>| {
        if let Some(value) = value {
            spec.insert(field.to_owned(), value);
        }
    };
    let list = |values: &[String]| (!values.is_empty()).then(|| json!(values));
    put("allowedModels", list(&create.allowed_models));
    put("allowedCidrs", list(&create.allowed_cidrs));
    put("expires", create.expires.as_ref().map(|time| json!(time)));
    put("maxTokensPerDay", create.max_tokens_per_day.map(|tokens| json!(tokens)));
    put("maxRequestsPerMinute", create.max_requests_per_minute.map(|requests| json!(requests)));
    put("maxConcurrentRequests", create.max_concurrent.map(|requests| json!(requests)));
    put("credentials", Some(json!([{ "id": id, "digest": digest }])));
    let mut metadata = json!({ "name": create.name });
    if create.namespace.as_str() != DEFAULT_NAMESPACE {
        metadata["namespace"] = json!(create.namespace);
    }
    let manifest =
        json!({ "apiVersion": "pai.io/v1", "kind": "AccessKey", "metadata": metadata, "spec": spec });
    serde_yaml::to_string(&manifest).map_err(|cause| miette!("the manifest cannot be written: {cause}"))
}
