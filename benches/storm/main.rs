//! How far over a budget a gateway goes when a thousand requests come at once at its last hundredth, and how much of that
//! hundredth it can use. The truth is what the provider reported, which is the simulator in a process of its own. Beside
//! pai, a proxy that checks, calls and adds afterwards shows that the storm would find what it looks for.

#![expect(clippy::print_stdout, reason = "a table on standard output is what this program is for")]
#![expect(clippy::print_stderr, reason = "and what went wrong is for the other one")]
#![expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]

/// Random numbers that can be had again.
#[path = "../../tests/random.rs"]
mod random;
/// What is asked.
#[path = "../../tests/crowd.rs"]
mod crowd;
/// Processes.
#[path = "../overhead/process.rs"]
#[expect(dead_code, reason = "what measures them is for the program beside")]
mod process;
/// What the provider says.
mod truth;
/// A gateway under a storm.
mod storm;
/// The control.
mod naive;
/// pai and what it needs.
mod world;
/// Table and chart.
mod report;

use std::io::{Error, Read, Result};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use pai_simulator::Simulator;
use reqwest::Url;
use tokio::signal::unix::{SignalKind, signal};

use process::{Pins, Process, free_address};
use report::Series;
use storm::{Budget, Gateway};
use truth::Truth;
use world::World;

/// Sends storms of requests at the end of budgets, and reads from the provider how far over them it went.
#[derive(Debug, Parser)]
#[command(name = "benches/overshoot")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct Arguments {
    /// Storms, each with a seed and a budget of its own.
    #[arg(long, default_value_t = 50, conflicts_with = "url", value_parser = clap::value_parser!(u64).range(1..=1_000))]
    seeds: u64,
    /// Requests of a storm, all at once.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    requests: u64,
    /// Tokens of each budget.
    #[arg(long, default_value_t = 2_000_000, value_name = "TOKENS")]
    limit: u64,
    /// Another gateway on this machine, instead: what comes before `/v1/messages`. One storm for each `--key`.
    #[arg(long, requires_all = ["keys", "reported_by"])]
    url: Option<Url>,
    /// A key of that gateway with a budget of `--limit` tokens of which none is used; repeat for more storms.
    #[arg(long = "key", requires = "url", value_name = "KEY")]
    keys: Vec<String>,
    /// The simulator that this gateway has as its provider.
    #[arg(long, requires = "url", value_name = "URL")]
    reported_by: Option<Url>,
    /// Be that simulator, until stopped.
    #[arg(long, requires = "listen", conflicts_with_all = ["url", "naive"])]
    simulator: bool,
    /// Be a proxy that checks `--limit` for each key, calls `--upstream` and adds afterwards, until stopped.
    #[arg(long, requires_all = ["listen", "upstream"], conflicts_with = "url")]
    naive: bool,
    /// Where simulator or proxy listen.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// The simulator behind the proxy.
    #[arg(long, value_name = "ADDRESS")]
    upstream: Option<SocketAddr>,
    /// End with standard input: whoever started this has it.
    #[arg(long, hide = true)]
    child: bool,
    /// `cargo bench` says so; without it nothing is measured.
    #[arg(long, hide = true)]
    bench: bool,
    /// What test runners say.
    #[arg(long, hide = true)]
    test: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("error: {cause}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    if arguments.test || !(arguments.bench || arguments.child) {
        println!("nothing is measured here; run `benches/overshoot`");
        return Ok(());
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    // A request in flight takes a socket, in a proxy two.
    rlimit::increase_nofile_limit(u64::MAX)?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            done = play(arguments) => done,
            // Leaving drops the processes, which kills them.
            _ = tokio::signal::ctrl_c() => Err(Error::other("interrupted")),
            _ = terminate.recv() => Err(Error::other("told to stop")),
        }
    })
}

/// The part that the arguments ask for.
async fn play(arguments: &Arguments) -> Result<()> {
    match (arguments.listen, arguments.upstream, &arguments.url, &arguments.reported_by) {
        (Some(listen), ..) if arguments.simulator => {
            let settings = pai_simulator::Settings { listen };
            let simulator = Simulator::start(settings).await.map_err(Error::other)?;
            println!("simulating on {}", simulator.url());
            until_orphaned(arguments.child).await;
            Ok(())
        }
        (Some(listen), Some(upstream), ..) if arguments.naive => tokio::select! {
            ended = naive::serve(listen, upstream, arguments.limit) => ended,
            () = until_orphaned(arguments.child) => Ok(()),
        },
        (.., Some(url), Some(reported_by)) => another(arguments, url, reported_by).await,
        _ => compare(arguments).await,
    }
}

/// Waits until the program that started this one is gone, which closes standard input; for ever where nobody did.
async fn until_orphaned(child: bool) {
    if !child {
        return std::future::pending().await;
    }
    let (gone, closed) = tokio::sync::oneshot::channel();
    // A thread of its own: a runtime that ends waits for those it lends.
    std::thread::spawn(move || gone.send(std::io::stdin().read(&mut [0])));
    let _ = closed.await;
}

/// pai, then the control.
async fn compare(arguments: &Arguments) -> Result<()> {
    let address = free_address()?;
    let _simulator = part(address, &["--simulator"]).await?;
    let truth = Truth::at(&format!("http://{address}"))?;

    let world = World::make(address, arguments.seeds, arguments.limit)?;
    let (process, url) = world.start().await?;
    let pai = storms(arguments, "pai", &url, &world.keys(), &truth).await?;
    process.stop().await?;
    world.audit(&pai)?;

    let listen = free_address()?;
    let (upstream, limit) = (address.to_string(), arguments.limit.to_string());
    let _proxy = part(listen, &["--naive", "--upstream", &upstream, "--limit", &limit]).await?;
    let keys: Vec<String> = (1..=arguments.seeds).map(|seed| format!("key-{seed}")).collect();
    let control = storms(arguments, "check, call, add", &format!("http://{listen}"), &keys, &truth).await?;

    report::print(&[&pai, &control], arguments.requests, arguments.limit);
    println!("\nThe ledger of pai has exactly the tokens that the provider reported, in every account.");
    if pai.over() > 0 || pai.failed() > 0 {
        return Err(Error::other("pai went over a budget, or failed"));
    }
    if control.over() == 0 {
        return Err(Error::other("the control stayed within its budgets: this storm shows nothing"));
    }
    Ok(())
}

/// Whatever somebody wants to look at. Reports, and judges nothing.
async fn another(arguments: &Arguments, url: &Url, reported_by: &Url) -> Result<()> {
    for url in [url, reported_by] {
        if !storm::is_here(url) {
            return Err(Error::other(format!("storms are for this machine only, and not for {url}")));
        }
    }
    let truth = Truth::at(reported_by.as_str())?;
    let series = storms(arguments, "gateway", url.as_str(), &arguments.keys, &truth).await?;
    report::print(&[&series], arguments.requests, arguments.limit);
    Ok(())
}

/// One after another, each with a key and a budget of its own.
async fn storms(
    arguments: &Arguments,
    name: &'static str,
    url: &str,
    keys: &[String],
    truth: &Truth,
) -> Result<Series> {
    let gateway = Gateway::at(url)?;
    let mut series = Series::of(name);
    let began = Instant::now();
    for (seed, key) in (1..).zip(keys) {
        let budget = Budget { key, tokens: arguments.limit };
        let crowd = crowd::of(seed, usize::try_from(arguments.requests).map_err(Error::other)?);
        series.storms.push(gateway.weather(seed, &budget, crowd, truth).await?);
        if seed % 10 == 0 || seed == keys.len() as u64 {
            println!("{name}: {seed} of {} storms, {} s", keys.len(), began.elapsed().as_secs());
        }
    }
    Ok(series)
}

/// This program again, as simulator or proxy.
async fn part(listen: SocketAddr, arguments: &[&str]) -> Result<Process> {
    let program = std::env::current_exe()?;
    let mut process = Process::start(Pins::none(), &program, |command| {
        command.args(["--child", "--listen", &listen.to_string()]).args(arguments);
        command.stdout(std::process::Stdio::null());
    })?;
    let is_there = async || tokio::net::TcpStream::connect(listen).await.is_ok();
    process.until(Instant::now(), is_there).await?;
    Ok(process)
}
