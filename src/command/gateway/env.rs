//! `pai gateway env`: the variables that Claude Code and the SDKs of Anthropic and OpenAI read.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};

use super::shell::{self, Shell, Variable};
use super::{Choice, Outcome};
use crate::context::Contexts;
use crate::terminal;

/// For which shell and which client.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eval \"$(pai gateway env)\"                                       bash, zsh, sh
  pai gateway env --shell fish | source                           fish
  pai gateway env --shell powershell | Out-String | Invoke-Expression
  pai gateway env --shell dotenv --client openai > .env           contains the credential: not for version control")]
pub(super) struct Arguments {
    /// Who reads the output.
    #[arg(long, value_enum, default_value = "bash")]
    shell: Shell,
    /// For which client.
    #[arg(long, value_enum, default_value = "all")]
    client: Client,
    #[command(flatten)]
    choice: Choice,
}

/// Who speaks to the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Client {
    /// Claude Code.
    Claude,
    /// Anthropic's SDKs.
    Anthropic,
    /// OpenAI's SDKs.
    Openai,
    /// All of them.
    All,
}

/// Prints them.
pub(super) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let (context, base) = arguments.choice.of_caller(&Contexts::load()?)?;
    let variables = variables(arguments.client, &base, context.credential.reveal());
    terminal::print(&shell::write(arguments.shell, &variables));
    if std::io::stdout().is_terminal()
        && let Some(hint) = hint(arguments.shell)
    {
        terminal::say(hint);
    }
    Ok(Outcome::Clean)
}

fn variables(client: Client, base: &str, credential: &str) -> Vec<Variable> {
    let set = |name, value: &str| Variable { name, value: Some(value.to_owned()) };
    let mut all = Vec::new();
    if client != Client::Openai {
        all.push(set("ANTHROPIC_BASE_URL", base));
        all.push(set("ANTHROPIC_AUTH_TOKEN", credential));
        // Beside the token it would be sent too, and two credentials are refused.
        all.push(Variable { name: "ANTHROPIC_API_KEY", value: None });
    }
    if matches!(client, Client::Claude | Client::All) {
        all.push(set("CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY", "1"));
    }
    if matches!(client, Client::Openai | Client::All) {
        all.push(set("OPENAI_BASE_URL", &format!("{base}/v1")));
        all.push(set("OPENAI_API_KEY", credential));
    }
    all
}

/// What people do who look at the output instead of having it read.
fn hint(shell: Shell) -> Option<&'static str> {
    match shell {
        Shell::Bash | Shell::Zsh => Some("# run: eval \"$(pai gateway env)\""),
        Shell::Fish => Some("# run: pai gateway env --shell fish | source"),
        Shell::Powershell => {
            Some("# run: pai gateway env --shell powershell | Out-String | Invoke-Expression")
        }
        Shell::Dotenv | Shell::Json => None,
    }
}
