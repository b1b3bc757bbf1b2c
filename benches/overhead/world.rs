//! A gateway with everything on: manifests, key and bundle in a folder of their own, the real programs.

use std::fs::File;
use std::io::{Error, Result};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use pai_runtime::secret::Secrets;
use pai_runtime::token::{Token, TokenKind};
use tempfile::TempDir;

use crate::load;
use crate::process::{Pins, Process, Started, free_address};

/// Larger than any run can use, and a budget all the same: checked, held, settled, recorded.
const TOKENS_PER_DAY: u64 = 10_000_000_000;

/// What the provider speaks; clients speak Anthropic's protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// The same: bytes stay bytes.
    Messages,
    /// OpenAI's: requests and answers are translated.
    Chat,
}

/// What a gateway is started from.
pub(crate) struct World {
    folder: TempDir,
    program: PathBuf,
    key: Token,
}

impl World {
    /// Writes manifests for a provider at `upstream` and builds them with `pai build`.
    pub(crate) fn make(program: PathBuf, upstream: SocketAddr, speaks: Speaks) -> Result<Self> {
        if !program.is_file() {
            let program = program.display();
            return Err(Error::other(format!("there is no `{program}`; `benches/gateway` builds it")));
        }
        let folder = TempDir::with_prefix_in("overhead-", env!("CARGO_TARGET_TMPDIR"))?;
        let pepper = Secrets::new(None, &folder.path().join("state")).pepper().map_err(Error::other)?;
        let key = Token::mint(TokenKind::AccessKey).map_err(Error::other)?;
        let manifests = folder.path().join("manifests");
        std::fs::create_dir(&manifests)?;
        let text = manifest(upstream, speaks, key.id(), &pepper.digest(&key));
        std::fs::write(manifests.join("bench.yaml"), text)?;
        let world = Self { folder, program, key };
        let built = Command::new(env!("CARGO_BIN_EXE_pai"))
            .arg("build")
            .arg(&manifests)
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

    /// Where the gateway keeps ledger and records.
    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// The access key.
    pub(crate) fn key(&self) -> &str {
        self.key.reveal()
    }

    /// Starts a gateway and waits for its first `/livez`.
    pub(crate) async fn start(&self, pins: Pins) -> Result<Started> {
        let (address, admin) = (free_address()?, free_address()?);
        let log = self.path("gateway.log");
        let output = File::create(&log)?;
        let started = Instant::now();
        let mut process = Process::start(pins, &self.program, |command| {
            command
                .arg(self.path("bundle"))
                .args(["--listen", &address.to_string(), "--admin-listen", &admin.to_string()])
                .args(["--drain-seconds", "5", "--state"])
                .arg(self.state())
                .env("PAI_SECRET_BENCH_KEY_API_KEY", "not-a-real-key")
                .stderr(output);
        })?;
        match process.until(started, async || load::answers(admin, "/livez").await).await {
            Ok(took) => Ok(Started { process, address, took }),
            Err(cause) => Err(Error::other(format!("{cause}\n{}", read(&log)))),
        }
    }
}

fn read(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}

fn manifest(upstream: SocketAddr, speaks: Speaks, id: &str, digest: &str) -> String {
    let (kind, base) = match speaks {
        Speaks::Messages => ("anthropic", ""),
        Speaks::Chat => ("openai", "/v1"),
    };
    format!(
        "\
apiVersion: pai.io/v1
kind: ModelProvider
metadata:
  name: provider
spec:
  provider: {kind}
  endpoint: http://{upstream}{base}
  apiKeySecretRef:
    name: bench-key
  allowedModels: [claude-*]
  deniedModels: [claude-opus-*]
  maxTokensPerDay: {TOKENS_PER_DAY}
  maxTokensPerRequest: 200000
  externalAccess:
    enabled: true
    maxTokensPerDay: {TOKENS_PER_DAY}
---
apiVersion: pai.io/v1
kind: AccessKey
metadata:
  name: laptop
spec:
  providers: [provider]
  allowedModels: [claude-sonnet-*, claude-haiku-*]
  allowedCidrs: [10.0.0.0/8, 127.0.0.0/8]
  maxTokensPerDay: {TOKENS_PER_DAY}
  maxConcurrentRequests: 10000
  credentials:
    - id: {id}
      digest: {digest}
"
    )
}
