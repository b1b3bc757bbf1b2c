//! `pai gateway test`: the whole way to a model, step by step, each with what is wrong and what to do about it.

use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use pai_ledger::{Clock, SystemClock};
use serde_json::{Value, json};

use super::{Choice, Outcome};
use crate::context::{Context, Contexts};
use crate::reach::{Line, Stage, Trouble};
use crate::terminal;

/// What to try.
#[derive(Debug, Args)]
#[command(after_help = "\
It asks the model for one token, which is paid for and counted. Exit code 1 says that a step failed.

Examples:
  pai gateway test
  pai gateway test --model claude-sonnet-4-6
  pai gateway test -o json")]
pub(super) struct Arguments {
    /// The model that is asked [default: a small one that the credential opens].
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// How it is printed.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Form,
    #[command(flatten)]
    choice: Choice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Table,
    Json,
}

/// Beyond this, certificates, expiries and the end of a day mean something else on both sides.
const MOST_SECONDS_APART: i64 = 60;

/// What is asked where no model is listed: Claude Code asks it in the background.
const UNLISTED: &str = "claude-haiku-4-5";

/// Everything that is tried, in order.
const STEPS: [&str; 8] = ["address", "tls", "gateway", "clock", "key", "models", "answer", "budget"];

/// Tries all of it.
pub(super) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let (context, _) = arguments.choice.of_caller(&Contexts::load()?)?;
    let mut report = Report { form: arguments.output, steps: Vec::new() };
    report.head(&context);
    let line = Line::open(&context.address, &context.credential)?;
    if let Err(trouble) = walk(&line, &context, arguments.model.as_deref(), &mut report) {
        if trouble.stage == Stage::Budget {
            report.skipped("answer", "");
        }
        report.failed(step_of(trouble.stage), &trouble.what, &trouble.help);
    }
    Ok(report.end(&context))
}

fn walk(line: &Line<'_>, context: &Context, model: Option<&str>, report: &mut Report) -> Result<(), Trouble> {
    let greeting = line.greet().inspect_err(|trouble| {
        // What was passed on the way to where it failed.
        if trouble.stage != Stage::Address {
            reached(context, trouble.stage, report);
        }
    })?;
    reached(context, Stage::Gateway, report);
    report.ok("gateway", "answers");
    clock(greeting.date.as_deref(), report);

    let models = line.models()?;
    report.ok("key", &context.shown_credential());
    let model = if let Some(model) = model.map(str::to_owned).or_else(|| small(&models)) {
        report.ok("models", &listed(&models));
        model
    } else {
        // Lists have what manifests name; a provider without `allowedModels` lets others be called as well.
        report.ok("models", &format!("none is listed by name; {UNLISTED} is tried, or give --model"));
        UNLISTED.to_owned()
    };

    let started = Instant::now();
    match line.speak(&model) {
        Ok(spoken) => {
            let took = seconds(started.elapsed());
            report.ok("answer", &format!("{model} answered in {took} s and used {} tokens", spoken.tokens));
            let left = spoken.left.map(|left| format!(", {left} tokens are left of the tightest"));
            report.ok("budget", &format!("has room{}", left.unwrap_or_default()));
            Ok(())
        }
        Err(trouble) => Err(trouble),
    }
}

/// Address and TLS, when something that came later was reached.
fn reached(context: &Context, stage: Stage, report: &mut Report) {
    report.ok("address", &format!("{} takes connections", context.address.authority()));
    if stage == Stage::Tls {
        return;
    }
    let said = match (context.address.is_encrypted(), context.address.is_this_machine()) {
        (true, _) => "the certificate is good",
        (false, true) => "none, and none is needed on this machine",
        (false, false) => "none: whoever is on the way can read the credential and the prompts",
    };
    report.ok("tls", said);
}

fn clock(date: Option<&str>, report: &mut Report) {
    let theirs = date.and_then(|date| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok());
    let Some(theirs) = theirs.map(Timestamp::as_second) else {
        report.skipped("clock", "the gateway does not say its time");
        return;
    };
    let apart = SystemClock.now().0 - theirs;
    if apart.abs() <= MOST_SECONDS_APART {
        report.ok("clock", "the same as the gateway's, within a minute");
        return;
    }
    let direction = if apart > 0 { "ahead of" } else { "behind" };
    report.failed(
        "clock",
        &format!("this machine's is {} s {direction} the gateway's", apart.abs()),
        "let it be set by NTP; certificates and expiry dates are judged by it",
    );
}

/// A model for which one token costs little: a haiku, or else the first that is no embedding.
fn small(models: &[String]) -> Option<String> {
    let speaks = |model: &&String| !model.contains("embed");
    let haiku = models.iter().find(|model| model.contains("haiku"));
    haiku.or_else(|| models.iter().find(speaks)).cloned()
}

fn listed(models: &[String]) -> String {
    if models.is_empty() {
        return "none is listed by name".to_owned();
    }
    let bare: Vec<&str> = models.iter().map(String::as_str).filter(|model| !model.contains('/')).collect();
    let first = bare.iter().take(3).copied().collect::<Vec<_>>().join(", ");
    let more = if bare.len() > 3 { ", …" } else { "" };
    let note = if models.iter().any(|model| model.contains("claude"))
        && !models.iter().any(|model| model.contains("haiku"))
    {
        "; no haiku, which Claude Code uses in the background: set ANTHROPIC_DEFAULT_HAIKU_MODEL"
    } else {
        ""
    };
    let number = models.len();
    let opens = if number == 1 { "1 name".to_owned() } else { format!("{number} names") };
    if first.is_empty() { format!("{opens}{note}") } else { format!("{opens}: {first}{more}{note}") }
}

fn seconds(took: Duration) -> String {
    format!("{}.{}", took.as_secs(), took.subsec_millis() / 100)
}

fn step_of(stage: Stage) -> &'static str {
    match stage {
        Stage::Address => "address",
        Stage::Tls => "tls",
        Stage::Gateway => "gateway",
        Stage::Key => "key",
        Stage::Answer => "answer",
        Stage::Budget => "budget",
    }
}

/// What was found, said as it is found.
struct Report {
    form: Form,
    steps: Vec<Step>,
}

struct Step {
    name: &'static str,
    result: &'static str,
    said: String,
    help: Option<String>,
}

impl Report {
    fn head(&self, context: &Context) {
        if self.form == Form::Table {
            terminal::print(&format!("{} (context {})", context.address, context.name));
        }
    }

    fn ok(&mut self, name: &'static str, said: &str) {
        self.add(Step { name, result: "ok", said: said.to_owned(), help: None });
    }

    fn skipped(&mut self, name: &'static str, said: &str) {
        self.add(Step { name, result: "skipped", said: said.to_owned(), help: None });
    }

    fn failed(&mut self, name: &'static str, said: &str, help: &str) {
        self.add(Step { name, result: "failed", said: said.to_owned(), help: Some(help.to_owned()) });
    }

    fn add(&mut self, step: Step) {
        if self.form == Form::Table {
            terminal::print(format!("{:<8} {:<7} {}", step.name, step.result, step.said).trim_end());
            if let Some(help) = &step.help {
                terminal::print(&format!("{:<16} {help}", ""));
            }
        }
        self.steps.push(step);
    }

    /// Names what was not tried, and sums up.
    fn end(mut self, context: &Context) -> Outcome {
        for name in STEPS {
            if self.steps.iter().all(|step| step.name != name) {
                self.skipped(name, "");
            }
        }
        let is_ok = self.steps.iter().all(|step| step.result != "failed");
        match self.form {
            Form::Table if is_ok => terminal::say("all of it works"),
            Form::Table => {}
            Form::Json => terminal::print(&format!("{:#}", self.document(context, is_ok))),
        }
        if is_ok { Outcome::Clean } else { Outcome::Findings }
    }

    fn document(&self, context: &Context, is_ok: bool) -> Value {
        let steps = self.steps.iter().map(
            |step| json!({ "step": step.name, "result": step.result, "said": step.said, "help": step.help }),
        );
        let url = context.address.to_string();
        json!({ "url": url, "context": context.name, "ok": is_ok, "steps": steps.collect::<Vec<_>>() })
    }
}
