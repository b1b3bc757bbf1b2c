//! pai, the real program, with a budget for every storm: a provider and an access key each, so that every request holds
//! tokens in three accounts that are at their ends at once.

use std::fs::File;
use std::io::{Error, Result};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use pai_bundle::unit::UtcDay;
use pai_ledger::SledStore;
use pai_runtime::report::{self, Limits};
use pai_runtime::secret::Secrets;
use pai_runtime::token::{Token, TokenKind};
use tempfile::TempDir;

use crate::process::{Pins, Process, free_address};
use crate::report::Series;

/// The program beside this one.
const PAI: &str = env!("CARGO_BIN_EXE_pai");

/// What a gateway is started from.
pub(crate) struct World {
    folder: TempDir,
    keys: Vec<Token>,
}

impl World {
    /// Writes manifests for so many storms, with a provider at `upstream`, and builds them with `pai build`.
    pub(crate) fn make(upstream: SocketAddr, storms: u64, limit: u64) -> Result<Self> {
        let folder = TempDir::with_prefix_in("storm-", env!("CARGO_TARGET_TMPDIR"))?;
        let pepper = Secrets::new(None, &folder.path().join("state")).pepper().map_err(Error::other)?;
        let (mut keys, mut text) = (Vec::new(), String::new());
        for storm in 1..=storms {
            let key = Token::mint(TokenKind::AccessKey).map_err(Error::other)?;
            text.push_str(&manifests(storm, upstream, limit, key.id(), &pepper.digest(&key)));
            keys.push(key);
        }
        let world = Self { folder, keys };
        std::fs::create_dir(world.path("manifests"))?;
        std::fs::write(world.path("manifests").join("storms.yaml"), text)?;
        let built = Command::new(PAI)
            .arg("build")
            .arg(world.path("manifests"))
            .arg("--output")
            .arg(world.path("bundle"))
            .output()?;
        if !built.status.success() {
            return Err(Error::other(String::from_utf8_lossy(&built.stderr).into_owned()));
        }
        Ok(world)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// One for each storm, in order.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.keys.iter().map(|key| key.reveal().to_owned()).collect()
    }

    /// Starts a gateway as it is without any option: the process, and what comes before `/v1/messages`.
    pub(crate) async fn start(&self) -> Result<(Process, String)> {
        let (address, admin) = (free_address()?, free_address()?);
        let log = self.path("gateway.log");
        let output = File::create(&log)?;
        let mut process = Process::start(Pins::none(), Path::new(PAI), |command| {
            command
                .arg("serve")
                .arg(self.path("bundle"))
                .args(["--listen", &address.to_string(), "--admin-listen", &admin.to_string(), "--state"])
                .arg(self.path("state"))
                .env("PAI_SECRET_BENCH_KEY_API_KEY", "not-a-real-key")
                .stderr(output);
        })?;
        let is_there = async || tokio::net::TcpStream::connect(address).await.is_ok();
        match process.until(Instant::now(), is_there).await {
            Ok(_) => Ok((process, format!("http://{address}/ext"))),
            Err(cause) => {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                Err(Error::other(format!("{cause}\n{said}")))
            }
        }
    }

    /// Compares what a stopped gateway has in its accounts with what the provider reported.
    pub(crate) fn audit(&self, series: &Series) -> Result<()> {
        let mut store = SledStore::open(self.path("state").join("ledger")).map_err(Error::other)?;
        let days = UtcDay(0)..=UtcDay(u32::MAX);
        let rows = report::at_rest(&mut store, &days, &Limits::default()).map_err(Error::other)?;
        for storm in &series.storms {
            let name = format!("default/storm-{}", storm.seed);
            let accounts: Vec<_> = rows.iter().filter(|row| row.name == name).collect();
            let reported = storm.before + storm.used;
            if accounts.len() != 3 || accounts.iter().any(|row| row.counts.total() != reported) {
                return Err(Error::other(format!(
                    "{reported} tokens were reported in storm {}, and counted were {accounts:?}",
                    storm.seed
                )));
            }
        }
        Ok(())
    }
}

fn manifests(storm: u64, upstream: SocketAddr, limit: u64, id: &str, digest: &str) -> String {
    format!(
        "\
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata:
  name: storm-{storm}
spec:
  provider: anthropic
  endpoint: http://{upstream}
  apiKeySecretRef:
    name: bench-key
  allowedModels: [claude-*]
  maxTokensPerDay: {limit}
  externalAccess:
    enabled: true
    maxTokensPerDay: {limit}
---
apiVersion: pai.io/v1
kind: AccessKey
metadata:
  name: storm-{storm}
spec:
  providers: [storm-{storm}]
  maxTokensPerDay: {limit}
  maxConcurrentRequests: 10000
  credentials:
    - id: {id}
      digest: {digest}
"
    )
}
