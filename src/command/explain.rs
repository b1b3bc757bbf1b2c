//! `pai explain`: what a finding's code means, or what the gateway would do with a request, and why.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use miette::miette;
use pai_bundle::Bundle;
use pai_bundle::name::{DEFAULT_NAMESPACE, Name, QualifiedName};
use pai_bundle::unit::{Tokens, UnixSeconds};
use pai_compiler::diagnostic::reference;
use pai_compiler::inspect::found::{self, Flag, Judged};
use pai_compiler::inspect::{Balances, Question, Spent, Who, World, explain};
use pai_ledger::{Clock, SystemClock};
use pai_policies::{Action, GuardFacts};

use super::Outcome;
use crate::{account, compiled, findings, terminal};

/// A code, or a request.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pai explain PAI0303
  pai explain --agent reviewer --model anthropic/claude-sonnet-4-6
  pai explain --key laptop --model claude-haiku-4-5 --tokens 5_000")]
#[command(
    override_usage = "pai explain [CODE]\n       pai explain --agent NAME|--key NAME --model MODEL [OPTIONS]"
)]
pub(crate) struct Arguments {
    /// A finding's code or name, such as PAI0303. Without one, and without a request, all of them are listed.
    #[arg(value_name = "CODE", conflicts_with_all = ["agent", "key", "model"])]
    code: Option<String>,
    /// The agent that asks.
    #[arg(long, value_name = "NAME", conflicts_with = "key", requires = "model")]
    agent: Option<Name>,
    /// The access key that asks.
    #[arg(long, value_name = "NAME", requires = "model")]
    key: Option<Name>,
    /// The model as a client would write it: provider/id, a bare id, or `default` for an agent's first.
    #[arg(long)]
    model: Option<String>,
    /// What is done with the model.
    #[arg(long, value_enum, default_value = "invoke")]
    action: Use,
    /// The most that the request can use: input and `max_tokens`.
    #[arg(long, default_value = "1000", value_parser = account::tokens)]
    tokens: Tokens,
    /// Where it comes from.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_name = "ADDRESS")]
    address: IpAddr,
    /// When, as 2026-11-23T12:00:00Z [default: now].
    #[arg(long, value_name = "TIME", value_parser = account::time)]
    at: Option<UnixSeconds>,
    /// Tokens that an account stands at today: provider/NAME=N, external/NAME=N, agent/NAME=N or key/NAME=N; repeatable.
    #[arg(long, value_name = "ACCOUNT=N")]
    used: Vec<account::Standing>,
    /// US dollars that an agent or key has spent today: agent/NAME=12.50 or key/NAME=12.50; repeatable.
    #[arg(long, value_name = "ACCOUNT=USD")]
    spent: Vec<account::Spending>,
    /// Where a guard hit: BINDING/prompts, BINDING/system, BINDING/responses or BINDING/toolResults/TOOLS; repeatable.
    #[arg(long, value_name = "BINDING/TEXTS")]
    guard_hit: Vec<Flag>,
    /// Where a guard's classifier did not judge, written the same way; repeatable.
    #[arg(long, value_name = "BINDING/TEXTS")]
    guard_failure: Vec<Flag>,
    /// The worst that guards said of prompts, system, toolResults or responses; repeatable.
    #[arg(long, value_name = "TEXTS=LABEL:SCORE")]
    guard_found: Vec<Judged>,
    /// The request carries what no guard can read, such as pictures.
    #[arg(long)]
    guard_unread: bool,
    /// The namespace of names without one.
    #[arg(short, long, default_value = DEFAULT_NAMESPACE)]
    namespace: Name,
    /// A folder of manifests, or a bundle.
    #[arg(long = "in", value_name = "PATH|BUNDLE", default_value = ".")]
    path: PathBuf,
    /// How the answer is printed.
    #[arg(short, long, value_enum, default_value = "human")]
    output: Output,
}

/// What a request does with a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Use {
    Invoke,
    Embed,
    CountTokens,
    List,
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Sentences.
    Human,
    /// One JSON document.
    Json,
}

/// Explains. Exit code 1 says that the request would be refused.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    if let Some(code) = &arguments.code {
        return run_code(code);
    }
    if arguments.agent.is_none() && arguments.key.is_none() && arguments.model.is_none() {
        terminal::pass(&reference::list());
        return Ok(Outcome::Clean);
    }
    let named = |name: &Name| QualifiedName::new(arguments.namespace.clone(), name.clone());
    let who = match (&arguments.agent, &arguments.key) {
        (Some(agent), _) => Who::Agent(named(agent)),
        (_, Some(key)) => Who::AccessKey(named(key)),
        _ => return Err(miette!("say who asks: --agent NAME or --key NAME")),
    };
    let Some(bundle) = compiled::load_quietly(&arguments.path)? else { return Ok(Outcome::Findings) };
    let mut used = Balances::default();
    for standing in &arguments.used {
        let (account, tokens) = standing.resolve(&arguments.namespace, &bundle)?;
        used.0.insert(account, tokens);
    }
    let mut spent = Spent::default();
    for spending in &arguments.spent {
        let (account, money) = spending.resolve(&arguments.namespace, &bundle)?;
        spent.0.insert(account, money);
    }
    let guard = found(arguments, &bundle)?;
    let world = World::new(bundle).map_err(|cause| miette!("the bundle cannot be asked: {cause}"))?;
    account::known(&who, &world)?;
    let question = Question {
        who,
        model: arguments.model.clone().unwrap_or_default(),
        action: match arguments.action {
            Use::Invoke => Action::Invoke,
            Use::Embed => Action::Embed,
            Use::CountTokens => Action::CountTokens,
            Use::List => Action::List,
        },
        tokens: arguments.tokens,
        address: arguments.address,
        at: arguments.at.unwrap_or_else(|| SystemClock.now()),
        used,
        spent,
        guard,
    };
    let explanation = explain::explain(&world, &question);
    match arguments.output {
        Output::Human => terminal::print(explanation.human().trim_end()),
        Output::Json => {
            let text = serde_json::to_string_pretty(&explanation);
            terminal::print(&text.map_err(|cause| miette!("{cause}"))?);
        }
    }
    Ok(if explanation.is_allowed() { Outcome::Clean } else { Outcome::Findings })
}

/// What guards found, as the arguments have it. A guard that nothing attaches finds nothing, and naming it is a slip.
fn found(arguments: &Arguments, bundle: &Bundle) -> miette::Result<GuardFacts> {
    let mut facts = GuardFacts { unread: arguments.guard_unread, ..GuardFacts::NONE };
    arguments.guard_found.iter().for_each(|judged| judged.put(&mut facts));
    let known = found::flags(bundle);
    for flag in arguments.guard_hit.iter().chain(&arguments.guard_failure) {
        let name = flag.within(&arguments.namespace);
        if !known.contains(&name) {
            let known: Vec<&str> = known.iter().map(String::as_str).take(12).collect();
            let help = if known.is_empty() {
                "there are none".to_owned()
            } else {
                format!("there are {}", known.join(", "))
            };
            return Err(miette!(help = help, "no guard is attached for {name}"));
        }
    }
    for flag in &arguments.guard_hit {
        let name = QualifiedName::new(arguments.namespace.clone(), flag.binding().clone());
        let guard = bundle.guards.iter().find(|guard| guard.name == name);
        flag.hit(&arguments.namespace, guard.map(|guard| guard.threshold("injection")), &mut facts);
    }
    facts.failures.extend(arguments.guard_failure.iter().map(|flag| flag.within(&arguments.namespace)));
    Ok(facts)
}

/// What a code means.
fn run_code(code: &str) -> miette::Result<Outcome> {
    let rule = findings::rule(code)?;
    terminal::pass(&reference::terminal(rule));
    Ok(Outcome::Clean)
}
