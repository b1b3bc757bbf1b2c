//! What a decision costs in a bundle of 10,000 agents and 1,000 providers beside one of ten of each, and what loading
//! it costs: time and memory. `cargo bench --bench scale`. The bundles come from the real compiler and are loaded
//! the way the gateway loads them; both forms of their policies are asked every question first.

#![expect(clippy::print_stdout, reason = "a table on standard output is what this program is for")]
#![expect(clippy::print_stderr, reason = "and what went wrong is for the other one")]
#![expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]

/// The workspaces.
#[path = "../../tests/large.rs"]
mod large;

use std::hint::black_box;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use pai_bundle::Bundle;
use pai_bundle::codec;
use pai_bundle::name::{ModelId, QualifiedName};
use pai_policies::{Authorizer, Facts, Principal};
use pai_runtime::release::Releases;
use pai_runtime::secret::Secrets;
use pai_runtime::source::BundleFile;

/// Providers and agents.
const SMALL: (usize, usize) = (10, 10);
const LARGE: (usize, usize) = (1_000, 10_000);
/// Most requests of a real day go to a handful of providers; whose agents ask is spread over all of them.
const PERCENT_ON_POPULAR: u64 = 90;
/// Questions in one round, each a draw of its own; more than any cache remembers.
const QUESTIONS: usize = 50_000;
/// The two bundles are asked in turns, and the fastest round counts, since everything else on the machine only adds.
const ROUNDS: usize = 9;
const LOADS: usize = 3;

fn main() -> ExitCode {
    let done = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [make, path, providers, agents] if make == "--make" => write(path, providers, agents),
        [load, path] if load == "--load" => report_load(path),
        [bench] if bench == "--bench" => compare(),
        _ => {
            println!("nothing is measured here; run `cargo bench --bench scale`");
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("error: {cause}");
            ExitCode::FAILURE
        }
    }
}

/// Compiles, in a process of its own: what the compiler leaves in memory is not the gateway's.
fn write(path: &str, providers: &str, agents: &str) -> Result<(), String> {
    let number = |text: &str| text.parse().map_err(|cause| format!("{text}: {cause}"));
    let started = Instant::now();
    let bundle = large::bundle(number(providers)?, number(agents)?)?;
    let (bytes, _) = codec::encode(&bundle).map_err(in_words)?;
    println!("  compiled in {:.2} s", started.elapsed().as_secs_f64());
    std::fs::write(path, bytes).map_err(in_words)
}

/// Loads once, in a process of its own, and says what that took.
fn report_load(path: &str) -> Result<(), String> {
    let length = std::fs::metadata(path).map_err(in_words)?.len();
    let secrets = Secrets::fixed("not-a-real-key", &Path::new(path).with_extension("state"));
    let releases = Releases::of(Box::new(BundleFile::new(path.into())), secrets);
    let (before, cpu_before) = (resident_mib()?, cpu_seconds()?);
    let started = Instant::now();
    let opening = releases.open().map_err(in_words)?;
    let took = started.elapsed().as_secs_f64();
    let (cpu, resident) = (cpu_seconds()? - cpu_before, resident_mib()? - before);
    let mib = length as f64 / 1_048_576.0;
    println!(
        "  loaded in {took:.2} s ({cpu:.2} s of CPU): {mib:.1} MiB of file, {resident:.0} MiB in memory"
    );
    drop(opening);
    Ok(())
}

fn compare() -> Result<(), String> {
    let folder =
        tempfile::TempDir::with_prefix_in("scale-", env!("CARGO_TARGET_TMPDIR")).map_err(in_words)?;
    let mut loaded = Vec::new();
    for (name, (providers, agents)) in [("small", SMALL), ("large", LARGE)] {
        println!("{providers} providers, {agents} agents");
        let path = folder.path().join(name).display().to_string();
        run_self(&["--make", &path, &providers.to_string(), &agents.to_string()])?;
        for _ in 0..LOADS {
            run_self(&["--load", &path])?;
        }
        let bundle = contents(&std::fs::read(&path).map_err(in_words)?)?;
        let authorizer = Authorizer::new(&bundle).map_err(in_words)?;
        let started = Instant::now();
        let asked = large::agree(&bundle, &authorizer)?;
        let took = started.elapsed().as_secs_f64();
        println!("  {asked} questions, fast form, readable form and manifests agree on all ({took:.1} s)");
        loaded.push((bundle, authorizer));
    }
    let [small, large] = loaded.as_slice() else { return Err("two bundles".to_owned()) };
    println!("\n{:<34}{:>10}{:>10}{:>8}", "one decision, microseconds", "small", "large", "ratio");
    for (title, percent) in [("90 % of requests on five providers", PERCENT_ON_POPULAR), ("spread evenly", 0)]
    {
        let questions = [small, large].map(|(bundle, _)| questions(bundle, percent));
        let [small_ask, large_ask] = &questions;
        let [mut small_us, mut large_us] = [f64::INFINITY; 2];
        for _ in 0..ROUNDS {
            small_us = small_us.min(ask(&small.1, small_ask)?);
            large_us = large_us.min(ask(&large.1, large_ask)?);
        }
        println!("{title:<34}{small_us:>10.2}{large_us:>10.2}{:>8.2}", large_us / small_us);
    }
    Ok(())
}

/// Who asks for which model of which provider.
type Question<'a> = (&'a QualifiedName, QualifiedName, &'a ModelId);

/// Draws of agents; of those who use a popular provider where the dice say so, each on a model of its own list.
fn questions(bundle: &Bundle, percent_on_popular: u64) -> Vec<Question<'_>> {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let agents = &bundle.agents;
    let draws = (0..QUESTIONS).filter_map(|_| {
        let agent = agents.get(dice.below(agents.len()))?;
        let on_popular = dice.below(100) < usize::try_from(percent_on_popular).unwrap_or(0);
        // The list has a provider of the agent's own first, one of the popular five second.
        let listed = agent.models.get(usize::from(on_popular))?;
        let provider = QualifiedName::new(agent.name.namespace.clone(), listed.provider.clone());
        Some((&agent.name, provider, &listed.model))
    });
    draws.collect()
}

/// Microseconds of one decision.
fn ask(authorizer: &Authorizer, questions: &[Question<'_>]) -> Result<f64, String> {
    let before = cpu_seconds()?;
    for (agent, provider, model) in questions {
        let facts: Facts<'_> = large::facts(Principal::Agent(agent), provider, model);
        black_box(authorizer.decide(black_box(&facts))).map_err(|denial| format!("{facts:?}: {denial:?}"))?;
    }
    Ok((cpu_seconds()? - before) * 1e6 / questions.len() as f64)
}

fn contents(bytes: &[u8]) -> Result<Bundle, String> {
    codec::open(bytes).and_then(|opened| opened.contents()).map_err(in_words)
}

fn run_self(arguments: &[&str]) -> Result<(), String> {
    let program = std::env::current_exe().map_err(in_words)?;
    let status = Command::new(program).args(arguments).status().map_err(in_words)?;
    status.success().then_some(()).ok_or_else(|| format!("{arguments:?} failed"))
}

fn resident_mib() -> Result<f64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(in_words)?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<f64>().ok());
    kib.map(|kib| kib / 1024.0).ok_or_else(|| "no VmRSS in /proc/self/status".to_owned())
}

/// On a core: what waits for one while others work is not counted. All of this program is one thread.
fn cpu_seconds() -> Result<f64, String> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").map_err(in_words)?;
    let nanos = text.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok());
    nanos.map(|nanos| nanos / 1e9).ok_or_else(|| "no time in /proc/thread-self/schedstat".to_owned())
}

fn in_words(cause: impl std::fmt::Display) -> String {
    cause.to_string()
}

/// The same numbers in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % end.max(1)
    }
}
