//! A proxy in a process of its own: started on its core, measured from outside through `/proc`, ended with us.

use std::io::{Error, Result};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Clock ticks of `/proc/PID/stat` in a second: 100 for every program on Linux, whatever the kernel's own rate.
const TICKS_PER_SECOND: f64 = 100.0;
/// No proxy takes this long to start or to stop.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at whether a proxy has started.
const LOOK_AGAIN: Duration = Duration::from_micros(200);

/// Which core is whose; `None` where there are not two, or no `taskset` to tell them apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pins {
    proxies: Option<usize>,
}

impl Pins {
    /// Puts this process, which is load and provider, on the first core that it may use, and proxies on the second.
    pub(crate) fn take() -> Self {
        let cores = cores();
        let [ours, proxies, ..] = cores[..] else { return Self::none() };
        let moved = Command::new("taskset")
            .args(["-cp", &ours.to_string(), &std::process::id().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        Self { proxies: moved.is_ok_and(|status| status.success()).then_some(proxies) }
    }

    /// Everybody where the system wants them.
    pub(crate) fn none() -> Self {
        Self { proxies: None }
    }

    /// For people.
    pub(crate) fn describe(self) -> &'static str {
        match self.proxies {
            Some(_) => "proxies on one core, load and provider on another",
            None => "nothing pinned: no second core, or no taskset; ratios will be noisy",
        }
    }

    fn command(self, program: &Path) -> Command {
        match self.proxies {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.args(["-c", &core.to_string()]).arg(program);
                command
            }
            None => Command::new(program),
        }
    }
}

/// The cores that this process may use, from a list such as `0-2,5`.
fn cores() -> Vec<usize> {
    let allowed = field("self", "Cpus_allowed_list").unwrap_or_default();
    let range = |part: &str| -> Option<std::ops::RangeInclusive<usize>> {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
    };
    allowed.split(',').filter_map(range).flatten().collect()
}

/// A line of `/proc/PID/status`.
fn field(process: &str, name: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned()))
}

/// A port that nobody has at the moment.
pub(crate) fn free_address() -> Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}

/// A proxy that serves.
pub(crate) struct Started {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    /// From its start to the first answer.
    pub(crate) took: Duration,
}

/// A running proxy; killed when dropped.
pub(crate) struct Process(Child);

impl Process {
    /// Starts `program`, with arguments and environment that `prepare` adds.
    pub(crate) fn start(pins: Pins, program: &Path, prepare: impl FnOnce(&mut Command)) -> Result<Self> {
        let mut command = pins.command(program);
        // A pass-through ends when this pipe does, should nobody be left to kill it.
        command.stdin(Stdio::piped());
        prepare(&mut command);
        command.spawn().map(Self)
    }

    /// Waits until `ready` says yes; the time since `started`.
    pub(crate) async fn until(
        &mut self,
        started: Instant,
        mut ready: impl AsyncFnMut() -> bool,
    ) -> Result<Duration> {
        while !ready().await {
            if let Some(status) = self.0.try_wait()? {
                return Err(Error::other(format!("a proxy ended before it served: {status}")));
            }
            if started.elapsed() > PATIENCE {
                return Err(Error::other("a proxy does not start"));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(started.elapsed())
    }

    /// CPU time so far, of all threads, in user and kernel mode.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        // The second field is a name that may hold spaces; utime and stime are the 14th and 15th.
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks =
            after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u32>().ok());
        Ok(f64::from(ticks.sum::<u32>()) / TICKS_PER_SECOND)
    }

    /// Memory in use, in MiB.
    pub(crate) fn resident_mib(&self) -> f64 {
        self.mib("VmRSS")
    }

    /// The most memory ever in use, in MiB.
    pub(crate) fn peak_mib(&self) -> f64 {
        self.mib("VmHWM")
    }

    fn mib(&self, name: &str) -> f64 {
        let text = field(&self.0.id().to_string(), name).unwrap_or_default();
        let kib = text.split_whitespace().next().and_then(|number| number.parse::<u32>().ok());
        kib.map_or(f64::NAN, |kib| f64::from(kib) / 1024.0)
    }

    /// Asks it to stop and waits; an error where it has not ended well.
    pub(crate) async fn stop(mut self) -> Result<()> {
        // The standard library sends SIGKILL only.
        Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status()?;
        let asked = Instant::now();
        loop {
            match self.0.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(Error::other(format!("a proxy stopped badly: {status}"))),
                None if asked.elapsed() > PATIENCE => return Err(Error::other("a proxy does not stop")),
                None => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only for one that has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
