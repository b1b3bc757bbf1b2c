//! `pai login`: checks a credential where it will be used, and keeps it. Nothing is kept that does not work.

use clap::Args;
use miette::miette;
use pai_runtime::token::{Token, TokenKind};
use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use super::Outcome;
use crate::context::{self, Address, Context, kind_in_words};
use crate::reach::Line;
use crate::{prompt, terminal};

/// Where, and with what.
#[derive(Debug, Args)]
#[command(after_help = "\
The credential is asked for, so that it is in no history and no list of processes. A bare host is https://; a raw IP address
and localhost are http://. Credentials are kept in ~/.pai/config.json (PAI_CONFIG names another file), for you alone.

Examples:
  pai login gateway.example.com                       an access key or token, asked for
  pai login localhost:8080 --context here             the same, called `here`
  pass show pai | pai login gateway.example.com --stdin")]
pub(crate) struct Arguments {
    /// The gateway, as `https://gateway.example.com` or the host alone.
    #[arg(value_name = "URL")]
    url: Address,
    /// A token: an agent's (`pai_agt_…`) or an administrator's (`pai_tok_…`).
    #[arg(long, value_name = "TOKEN", conflicts_with_all = ["access_key", "stdin"])]
    token: Option<String>,
    /// An access key (pak_…).
    #[arg(long, value_name = "KEY", conflicts_with = "stdin")]
    access_key: Option<String>,
    /// Read the credential from standard input.
    #[arg(long)]
    stdin: bool,
    /// What to call it [default: the host, with -agent or -admin for tokens].
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

/// Exit code 1 says that the gateway does not take the credential, or is not there.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let address = &arguments.url;
    if let Some(name) = &arguments.context {
        context::check_name(name)?;
    }
    let credential = credential(arguments)?;
    if !address.is_encrypted() && !address.is_this_machine() {
        terminal::say(&format!(
            "{address} is not encrypted: whoever is on the way can read the credential and the prompts"
        ));
    }
    let line = Line::open(address, &credential)?;
    let models = match line.greet().and_then(|_| line.models()) {
        Ok(models) => models,
        Err(trouble) => {
            terminal::say(&format!("{:?}", miette::Report::new(trouble)));
            terminal::say("nothing was saved");
            return Ok(Outcome::Findings);
        }
    };
    let kind = credential.kind();
    let name = arguments.context.clone().unwrap_or_else(|| usual_name(address, kind));
    let context = Context { name, address: address.clone(), credential };
    context::keep(&context)?;
    terminal::say(&welcome(&context, models.len()));
    Ok(Outcome::Clean)
}

fn credential(arguments: &Arguments) -> miette::Result<Token> {
    let is_any = |_: TokenKind| true;
    if let Some(text) = &arguments.access_key {
        return read(
            text,
            |kind| kind == TokenKind::AccessKey,
            "an access key begins with pak_; give others with --token",
        );
    }
    if let Some(text) = &arguments.token {
        let is_token = |kind| kind != TokenKind::AccessKey;
        return read(
            text,
            is_token,
            "a token begins with pai_agt_ or pai_tok_; give an access key with --access-key",
        );
    }
    let text = if arguments.stdin {
        prompt::secret_from_stdin("the credential")?
    } else {
        let question = format!("access key or token for {}", arguments.url);
        prompt::secret(&question, "give it on standard input with --stdin")?
    };
    read(text.expose_secret(), is_any, "it begins with pak_, pai_agt_ or pai_tok_")
}

fn read(text: &str, is_right: impl Fn(TokenKind) -> bool, form: &str) -> miette::Result<Token> {
    let text = Zeroizing::new(text.trim().to_owned());
    let kind = TokenKind::of(&text).filter(|kind| is_right(*kind));
    let kind = kind.ok_or_else(|| miette!(help = form.to_owned(), "that is no such credential"))?;
    Token::parse(&text).ok_or_else(|| {
        let what = kind_in_words(kind);
        miette!(
            help = "copy it again, from its first character to its last",
            "the {what} is mistyped or cut off"
        )
    })
}

fn usual_name(address: &Address, kind: TokenKind) -> String {
    let host = address.authority();
    match kind {
        TokenKind::AccessKey => host,
        TokenKind::Agent => format!("{host}-agent"),
        TokenKind::Admin => format!("{host}-admin"),
    }
}

fn welcome(context: &Context, models: usize) -> String {
    let said = format!(
        "logged in to {} with {} (context {})",
        context.address,
        context.shown_credential(),
        context.name
    );
    match (context.credential.kind(), models) {
        (TokenKind::Admin, _) => {
            format!("{said}\n`pai get`, `pai usage` and `pai status` now ask this gateway")
        }
        (_, 0) => format!("{said}\nno model is listed for it; next: eval \"$(pai gateway env)\""),
        (_, 1) => format!("{said}\nit opens 1 model; next: eval \"$(pai gateway env)\""),
        (_, number) => format!("{said}\nit opens {number} models; next: eval \"$(pai gateway env)\""),
    }
}
