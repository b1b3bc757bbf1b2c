//! What the gateway costs with everything on, beside pass-throughs that do nothing: CPU time, throughput, latency,
//! memory, start. All of them are measured in turns within one run, because the same program can differ by a third
//! between two runs; the ratios are the result. Reports, and judges nothing but the gateway's own books.

#![expect(clippy::print_stdout, reason = "a table on standard output is what this program is for")]
#![expect(clippy::print_stderr, reason = "and what went wrong is for the other one")]
#![expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]

/// Messages over a connection.
mod wire;
/// The end of the line.
mod provider;
/// The other end.
mod load;
/// The proxies to compare with.
mod passthrough;
/// Processes, measured from outside.
mod process;
/// The gateway and what it needs.
mod world;
/// Whether it really did everything.
mod audit;
/// One function alone.
mod decide;
/// The tables.
mod report;

use std::io::{Error, Result};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use load::{Amount, Sort};
use passthrough::Role;
use process::{Pins, Process, Started, free_address};
use report::Series;
use world::{Speaks, World};

/// The gateway writes behind: the ledger's totals after 200 ms. That work belongs to the round that caused it.
const SETTLE: Duration = Duration::from_millis(400);
/// The first round is not counted, and short.
const WARM_UP: Duration = Duration::from_secs(1);
/// One request at a time, for the latency that each adds.
const ALONE: Duration = Duration::from_millis(700);

/// Compares the gateway, everything on, with pass-throughs.
#[derive(Debug, Parser)]
#[command(name = "benches/gateway")]
struct Arguments {
    /// Rounds that count; one more is run before them.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of load in a round.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Most requests in a round.
    #[arg(long, default_value_t = 60_000)]
    requests: u64,
    /// Connections that stay open.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Starts of which the fastest counts.
    #[arg(long, default_value_t = 7)]
    starts: usize,
    /// Another `pai-gateway` than the one beside this program.
    #[arg(long)]
    gateway: Option<PathBuf>,
    /// `cargo bench` says so; without it nothing is measured.
    #[arg(long, hide = true)]
    bench: bool,
    /// Be one of the pass-throughs.
    #[arg(long, hide = true, requires_all = ["listen", "upstream"])]
    role: Option<Role>,
    #[arg(long, hide = true)]
    listen: Option<SocketAddr>,
    #[arg(long, hide = true)]
    upstream: Option<SocketAddr>,
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
    if let (Some(role), Some(listen), Some(upstream)) = (arguments.role, arguments.listen, arguments.upstream)
    {
        return tokio::runtime::Runtime::new()?.block_on(passthrough::serve(role, listen, upstream));
    }
    if arguments.test || !arguments.bench {
        println!("nothing is measured here; run `benches/gateway`");
        return Ok(());
    }
    let cores = std::thread::available_parallelism()?;
    let pins = Pins::take();
    println!("{cores} cores; {}", pins.describe());
    // Load and provider share one thread, so that nothing of theirs waits for each other.
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            done = measure(arguments, pins) => done,
            // Leaving drops the proxies, which kills them.
            _ = tokio::signal::ctrl_c() => Err(Error::other("interrupted")),
            _ = terminate.recv() => Err(Error::other("told to stop")),
        }
    })
}

/// A proxy, and what is measured of it.
struct Target {
    name: &'static str,
    process: Option<Process>,
    address: SocketAddr,
    start_ms: f64,
    idle_mib: f64,
    plain: Series,
    stream: Series,
}

const DIRECT: usize = 0;
const HYPER: usize = 1;
const REQWEST: usize = 3;
const GATHERING: usize = 4;
const GATEWAY: usize = 5;
const TRANSLATING: usize = 6;

async fn measure(arguments: &Arguments, pins: Pins) -> Result<()> {
    let upstream = provider::start().await?;
    let beside = Path::new(env!("CARGO_BIN_EXE_pai")).with_file_name("pai-gateway");
    let program = arguments.gateway.clone().unwrap_or(beside);
    let worlds =
        [Speaks::Messages, Speaks::Chat].map(|speaks| World::make(program.clone(), upstream, speaks));
    let [world, translating] = worlds;
    let (world, translating) = (world?, translating?);
    let direct = Target {
        name: "no proxy",
        process: None,
        address: upstream,
        start_ms: 0.0,
        idle_mib: 0.0,
        plain: Series::default(),
        stream: Series::default(),
    };
    let through = async |role| pass_through(role, upstream, pins, arguments.starts).await;
    // In the order of the constants above.
    let mut targets = vec![
        direct,
        target("hyper-util", through(Role::Hyper).await?),
        target("hyper-util again (noise)", through(Role::Hyper).await?),
        target("reqwest", through(Role::Reqwest).await?),
        target("hyper-util, gathering", through(Role::Gathering).await?),
        target("gateway, everything on", fastest(arguments.starts, async || world.start(pins).await).await?),
        target(
            "gateway, translating",
            fastest(arguments.starts, async || translating.start(pins).await).await?,
        ),
    ];

    let sorts = [Sort::Plain, Sort::Stream];
    let requests =
        sorts.map(|sort| (sort, [&world, &translating].map(|world| load::request(sort, world.key()))));
    let mut asked = [0, 0];
    for round in 0..=arguments.rounds {
        println!("round {round} of {}{}", arguments.rounds, if round == 0 { ", warm-up" } else { "" });
        for (sort, request) in &requests {
            for turn in 0..targets.len() {
                // Each round begins with another one: whoever comes after an idle core pays for it.
                let index = (turn + round) % targets.len();
                let request = &request[usize::from(index == TRANSLATING)];
                let sent = one_round(arguments, &mut targets[index], round, *sort, request).await?;
                asked[0] += if index == GATEWAY { sent } else { 0 };
                asked[1] += if index == TRANSLATING { sent } else { 0 };
            }
        }
    }

    tables(&targets);
    println!("\nOne decision of the policies, alone, in microseconds");
    for providers in [10, 1_000] {
        println!("  {providers:>5} providers {:>8.1}", decide::microseconds(providers)?);
    }
    for gateway in targets.drain(GATEWAY..).filter_map(|target| target.process) {
        gateway.stop().await?;
    }
    for (world, asked) in [&world, &translating].into_iter().zip(asked) {
        audit::check(&world.state(), asked).await?;
        println!("\nThe gateway recorded {asked} requests; its ledger has exactly their tokens.");
    }
    Ok(())
}

/// Load, then single requests; how many there were of both.
async fn one_round(
    arguments: &Arguments,
    target: &mut Target,
    round: usize,
    sort: Sort,
    request: &Arc<[u8]>,
) -> Result<u64> {
    let time = if round == 0 { WARM_UP } else { Duration::from_secs_f64(arguments.seconds) };
    let many = Amount { connections: arguments.connections, time, requests_at_most: arguments.requests };
    let alone = Amount { connections: 1, time: ALONE, ..many };
    let series = match sort {
        Sort::Plain => &mut target.plain,
        Sort::Stream => &mut target.stream,
    };
    let mut requests = 0;
    if let Some(process) = &target.process {
        let before = process.cpu_seconds()?;
        let load = load::run(target.address, request, many).await?;
        tokio::time::sleep(SETTLE).await;
        let cpu = process.cpu_seconds()? - before;
        requests += load.requests;
        if round > 0 {
            series.add_load(&load, cpu);
        }
    }
    let load = load::run(target.address, request, alone).await?;
    if round > 0 {
        series.add_alone(&load);
    }
    tokio::time::sleep(SETTLE).await;
    Ok(requests + load.requests)
}

fn target(name: &'static str, started: Started) -> Target {
    Target {
        name,
        idle_mib: started.process.resident_mib(),
        process: Some(started.process),
        address: started.address,
        start_ms: started.took.as_secs_f64() * 1e3,
        plain: Series::default(),
        stream: Series::default(),
    }
}

/// Starts one several times; the last one stays, with the time of the fastest.
async fn fastest(starts: usize, mut start: impl AsyncFnMut() -> Result<Started>) -> Result<Started> {
    let mut started = start().await?;
    for _ in 1..starts {
        let before = started.took;
        started.process.stop().await?;
        started = start().await?;
        started.took = started.took.min(before);
    }
    tokio::time::sleep(SETTLE).await;
    Ok(started)
}

async fn pass_through(role: Role, upstream: SocketAddr, pins: Pins, starts: usize) -> Result<Started> {
    let program = std::env::current_exe()?;
    fastest(starts, async || {
        let address = free_address()?;
        let started = Instant::now();
        let mut process = Process::start(pins, &program, |command| {
            command.args(["--role", role.name(), "--listen", &address.to_string()]);
            command.args(["--upstream", &upstream.to_string()]);
        })?;
        let is_there = async || tokio::net::TcpStream::connect(address).await.is_ok();
        let took = process.until(started, is_there).await?;
        Ok(Started { process, address, took })
    })
    .await
}

fn tables(targets: &[Target]) {
    let to = [(HYPER, "hyper"), (REQWEST, "reqwest"), (GATHERING, "gather")];
    let show = |title: &str, of: &dyn Fn(&Target) -> &Series| {
        let all: Vec<_> = targets[HYPER..].iter().map(|target| (target.name, of(target))).collect();
        report::table(
            title,
            &all,
            &to.map(|(index, name)| (name, of(&targets[index]))),
            of(&targets[DIRECT]),
        );
    };
    show("Plain requests, 1 KB there and back", &|target| &target.plain);
    show("Streams, a burst of 56 events", &|target| &target.stream);
    println!("\n  {:<28}{:>10}{:>12}{:>12}{:>10}", "", "start ms", "idle MiB", "after MiB", "peak MiB");
    for target in &targets[HYPER..] {
        let Some(process) = &target.process else { continue };
        println!(
            "  {:<28}{:>10.1}{:>12.1}{:>12.1}{:>10.1}",
            target.name,
            target.start_ms,
            target.idle_mib,
            process.resident_mib(),
            process.peak_mib()
        );
    }
}
