//! What a decision costs in a large bundle beside a small one, and how long loading one takes: `cargo bench --bench scale`.
//!
//! The readable policies of a large bundle are many; a decision is given those of one provider. What is left are caches: of
//! the CPU, for entities that are spread over memory. Both bundles are measured in turns within one run, and the ratio is
//! the result. Reports, and judges nothing but that every request is permitted.

#![expect(clippy::print_stdout, reason = "a table on standard output is what this program is for")]
#![expect(clippy::print_stderr, reason = "and what went wrong is for the other one")]
#![expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]

use std::fmt::Write;
use std::hint::black_box;
use std::io::{Error, Result};
use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use pai_bundle::name::{ModelId, QualifiedName};
use pai_bundle::unit::{Tokens, UnixSeconds};
use pai_bundle::{Bundle, codec};
use pai_compiler::Sources;
use pai_policies::{Action, Authorizer, Facts, Principal, Used};
use pai_runtime::secret::Secrets;
use pai_runtime::snapshot::Snapshot;

/// Agents and providers.
const SMALL: Size = Size { agents: 10, providers: 10 };
const LARGE: Size = Size { agents: 10_000, providers: 1_000 };

/// Providers on which most requests fall, as in teams that have a few large subscriptions.
const BUSY: usize = 5;

/// Decisions in one round; the request is another one each time.
const DECISIONS: usize = 20_000;

/// Rounds that count. The median is reported, and the fastest, since everything else on the machine only adds.
const ROUNDS: usize = 11;

const MODEL: &str = "claude-sonnet-4-6";

#[derive(Debug, Clone, Copy)]
struct Size {
    agents: usize,
    providers: usize,
}

/// Which providers requests fall on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spread {
    /// Nine in ten on [`BUSY`] providers.
    Busy,
    /// All providers alike.
    Even,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("{cause}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let (small, large) = (load(SMALL)?, load(LARGE)?);
    agree(&large, LARGE)?;
    println!("| requests | 10 agents, 10 providers | 10,000 agents, 1,000 providers | ratio |");
    println!("| --- | ---: | ---: | ---: |");
    for (spread, name) in [(Spread::Busy, "nine in ten on five providers"), (Spread::Even, "spread evenly")] {
        let (small_asks, large_asks) = (requests(SMALL, spread)?, requests(LARGE, spread)?);
        let mut seconds = [Vec::new(), Vec::new()];
        for _ in 0..=ROUNDS {
            seconds[0].push(round(&small, &small_asks)?);
            seconds[1].push(round(&large, &large_asks)?);
        }
        // The first round warms up.
        let [small_us, large_us] =
            seconds.map(|rounds| Microseconds::of(rounds.get(1..).unwrap_or_default()));
        println!(
            "| {name} | {:.2} µs (fastest {:.2}) | {:.2} µs (fastest {:.2}) | {:.2} |",
            small_us.median,
            small_us.fastest,
            large_us.median,
            large_us.fastest,
            large_us.median / small_us.median,
        );
    }
    Ok(())
}

/// Every agent with each model that it lists and one that it does not, by the fast form and by the readable policies.
fn agree(authorizer: &Authorizer, size: Size) -> Result<()> {
    let (listed, other): (ModelId, ModelId) =
        (MODEL.parse().map_err(Error::other)?, "claude-haiku-4-5".parse().map_err(Error::other)?);
    let mut decisions = 0_u32;
    for number in 0..size.agents {
        let agent: QualifiedName = format!("default/a{number}").parse().map_err(Error::other)?;
        for provider in providers(size, number) {
            let provider: QualifiedName = format!("default/p{provider}").parse().map_err(Error::other)?;
            for (model, tokens) in [(&listed, 2_000), (&listed, 50_001), (&other, 2_000)] {
                let facts = asking(&agent, &provider, model, tokens);
                let (fast, readable) = (authorizer.decide(&facts), authorizer.decide_readably(&facts));
                if fast != readable || fast.is_ok() != (model == &listed && tokens == 2_000) {
                    return Err(Error::other(format!("{facts:?}: {fast:?}, readably {readable:?}")));
                }
                decisions += 1;
            }
        }
    }
    println!("{decisions} decisions, each by both forms: all agree");
    Ok(())
}

fn asking<'a>(
    agent: &'a QualifiedName,
    provider: &'a QualifiedName,
    model: &'a ModelId,
    tokens: u64,
) -> Facts<'a> {
    Facts {
        principal: Principal::Agent(agent),
        provider,
        model,
        action: Action::Invoke,
        tokens: Tokens(tokens),
        used: Used::default(),
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        now: UnixSeconds(1_795_435_200),
    }
}

struct Microseconds {
    median: f64,
    fastest: f64,
}

impl Microseconds {
    /// Of one decision.
    fn of(rounds: &[Duration]) -> Self {
        let mut each: Vec<f64> =
            rounds.iter().map(|round| round.as_secs_f64() * 1e6 / DECISIONS as f64).collect();
        each.sort_by(f64::total_cmp);
        let at = |place: usize| each.get(place).copied().unwrap_or(f64::NAN);
        Self { median: at(each.len() / 2), fastest: at(0) }
    }
}

/// Compiles a bundle, and loads it as a gateway does.
fn load(size: Size) -> Result<Authorizer> {
    let sources = Sources::new([("bench.yaml", manifests(size))]);
    let compiled = pai_compiler::compile(&sources);
    let bundle = compiled.bundle.ok_or_else(|| {
        Error::other(pai_compiler::diagnostic::render::short(&compiled.diagnostics, &sources))
    })?;
    let (bytes, _) = codec::encode(&bundle).map_err(Error::other)?;
    let folder = tempfile::TempDir::new()?;
    let secrets = Secrets::fixed("unused", folder.path());
    let started = Instant::now();
    let (decoded, _): (Bundle, _) = codec::decode(&bytes).map_err(Error::other)?;
    let snapshot = Snapshot::of(decoded, &secrets).map_err(Error::other)?;
    let took = started.elapsed();
    drop(snapshot);
    println!(
        "{} agents, {} providers: {:.1} MB, loaded in {:.3} s",
        size.agents,
        size.providers,
        bytes.len() as f64 / 1e6,
        took.as_secs_f64()
    );
    Authorizer::new(&bundle).map_err(Error::other)
}

/// Each agent may use a busy provider and one of all.
fn manifests(size: Size) -> String {
    let mut text = String::new();
    for number in 0..size.providers {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: p{number}}}\nspec:\n  provider: anthropic\n  \
             apiKeySecretRef: {{name: k{number}}}\n  allowedModels: [claude-*]\n  deniedModels: [claude-opus-*]\n  \
             maxTokensPerDay: 1000000\n  maxTokensPerRequest: 200000\n---\n"
        );
    }
    for number in 0..size.agents {
        let [busy, any] = providers(size, number);
        let second = if busy == any { String::new() } else { format!(", p{any}/{MODEL}") };
        let _ = write!(
            text,
            "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {{name: a{number}}}\nspec:\n  models: [p{busy}/{MODEL}{second}]\n  \
             tokens: {{maxPerDay: 100000, maxPerRequest: 50000}}\n---\n"
        );
    }
    text
}

fn providers(size: Size, agent: usize) -> [usize; 2] {
    [agent % BUSY, agent % size.providers]
}

/// Agents and providers of one round.
fn requests(size: Size, spread: Spread) -> Result<Vec<(QualifiedName, QualifiedName)>> {
    // A fixed sequence (xorshift64), the same in each run.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap_or_default()
    };
    let name = |text: String| text.parse::<QualifiedName>().map_err(Error::other);
    (0..DECISIONS)
        .map(|_| {
            let agent = next(size.agents);
            let [busy, any] = providers(size, agent);
            let provider = if spread == Spread::Busy && next(10) > 0 { busy } else { any };
            Ok((name(format!("default/a{agent}"))?, name(format!("default/p{provider}"))?))
        })
        .collect()
}

fn round(authorizer: &Authorizer, requests: &[(QualifiedName, QualifiedName)]) -> Result<Duration> {
    let model: ModelId = MODEL.parse().map_err(Error::other)?;
    let started = Instant::now();
    for (agent, provider) in requests {
        let facts = asking(agent, provider, &model, 2_000);
        black_box(authorizer.decide(black_box(&facts)))
            .map_err(|denial| Error::other(format!("denied: {denial:?}")))?;
    }
    Ok(started.elapsed())
}
