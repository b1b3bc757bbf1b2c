//! The options of serving, shared by `pai serve` and `pai-gateway`, so that the two cannot drift apart.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{FalseyValueParser, RangedU64ValueParser};
use clap::{ArgAction, Args};
use ipnet::IpNet;

use crate::secret::Secrets;
use crate::settings::{AdminTls, ClientTimes, EchoRecords, FirstBundle, Settings, TlsFiles, UpstreamTimes};
use crate::telemetry::LogFormat;

/// A time of nothing would refuse everything.
fn seconds() -> RangedU64ValueParser {
    RangedU64ValueParser::new().range(1..)
}

/// Where secrets are, besides the environment.
#[derive(Debug, Clone, Default, Args)]
pub struct SecretArguments {
    /// Folder of mounted secrets, with one file NAME/KEY for each.
    #[arg(long, env = "PAI_SECRETS", value_name = "DIR")]
    secrets: Option<PathBuf>,
    /// The key file of the encrypted store [default: secrets.key in the state folder].
    #[arg(long, env = "PAI_SECRETS_KEY", value_name = "FILE")]
    secrets_key: Option<PathBuf>,
    /// Ask the operating system's keychain as well: items of service `pai` with account NAME/KEY.
    #[arg(long, env = "PAI_KEYCHAIN", action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    keychain: bool,
}

impl SecretArguments {
    /// The secrets of a gateway with that state folder.
    pub fn open(&self, state: &Path) -> Secrets {
        let secrets = Secrets::new(self.secrets.clone(), state).with_key_file(self.secrets_key.clone());
        if self.keychain { secrets.with_keychain() } else { secrets }
    }
}

/// How to serve.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct ServeArguments {
    /// Where callers connect.
    #[arg(long, env = "PAI_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Where probes ask for /livez and /readyz, and operators for everything else.
    #[arg(long, env = "PAI_ADMIN_LISTEN", default_value = "127.0.0.1:8081", value_name = "ADDRESS")]
    admin_listen: SocketAddr,
    /// Serve HTTPS with this certificate, in PEM, its chain behind it; read again when it changes.
    #[arg(long, env = "PAI_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, in PEM; nobody but its owner and its group may be able to read it.
    #[arg(long, env = "PAI_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Serve HTTPS to operators too, with the same certificate.
    #[arg(long, env = "PAI_ADMIN_TLS", requires = "tls_cert")]
    admin_tls: bool,
    /// Folder of the ledger, the decision records and local secrets [default: .pai in the workspace, or here].
    #[arg(long, env = "PAI_STATE", value_name = "DIR")]
    state: Option<PathBuf>,
    #[command(flatten)]
    secrets: SecretArguments,
    /// A public key: serve only bundles that it signed, and never an older one than before; repeat for several.
    #[arg(long = "public-key", env = "PAI_PUBLIC_KEY", value_delimiter = ',', value_name = "FILE")]
    public_keys: Vec<PathBuf>,
    /// Start also where the bundle's file is not there yet: not ready, and closed to all, until `pai push` brings one.
    #[arg(long, env = "PAI_AWAIT_BUNDLE")]
    await_bundle: bool,
    /// Networks whose x-forwarded-for is believed.
    #[arg(long = "trusted-proxy", env = "PAI_TRUSTED_PROXIES", value_delimiter = ',', value_name = "CIDR")]
    trusted_proxies: Vec<IpNet>,
    /// Seconds that streams may go on after a stop was asked for.
    #[arg(long, env = "PAI_DRAIN_SECONDS", default_value_t = 30, value_name = "SECONDS")]
    drain_seconds: u64,
    /// Seconds that a caller may take to send a request's body, and one more for each 64 KiB of it.
    #[arg(long, env = "PAI_CLIENT_BODY_SECONDS", default_value_t = 60, value_name = "SECONDS", value_parser = seconds())]
    client_body_seconds: u64,
    /// Seconds after which a caller is disconnected that reads nothing of its answer while more of it waits.
    #[arg(long, env = "PAI_CLIENT_WRITE_SECONDS", default_value_t = 60, value_name = "SECONDS", value_parser = seconds())]
    client_write_seconds: u64,
    /// Seconds that a connection to a provider may take, look-up and TLS included.
    #[arg(long, env = "PAI_UPSTREAM_CONNECT_SECONDS", default_value_t = 10, value_name = "SECONDS", value_parser = seconds())]
    upstream_connect_seconds: u64,
    /// Seconds that a provider may be silent, before its answer and in the middle of it.
    #[arg(long, env = "PAI_UPSTREAM_READ_SECONDS", default_value_t = 600, value_name = "SECONDS", value_parser = seconds())]
    upstream_read_seconds: u64,
    /// Seconds that a provider's answer may take in all, from its first byte to its last.
    #[arg(long, env = "PAI_UPSTREAM_TOTAL_SECONDS", default_value_t = 3_600, value_name = "SECONDS", value_parser = seconds())]
    upstream_total_seconds: u64,
    /// Milliseconds that a request waits for room in a budget that requests under way hold; 0 does not wait.
    #[arg(long, env = "PAI_HOLD_WAIT_MS", default_value_t = 2_000, value_name = "MS")]
    hold_wait_ms: u64,
    /// Do not ask providers how many tokens a prompt has that does not fit a budget by its bytes; refuse it at once.
    #[arg(long, env = "PAI_NO_COUNT_TOKENS")]
    no_count_tokens: bool,
    /// Say in each answer's headers how much of the caller's budgets is left.
    #[arg(long, env = "PAI_BUDGET_HEADERS")]
    budget_headers: bool,
    /// Show decision records on standard output as well as in their file.
    #[arg(long)]
    echo_records: bool,
    /// Log as JSON lines.
    #[arg(long)]
    log_json: bool,
}

impl ServeArguments {
    /// The settings, with `state` where the arguments name no folder for it.
    pub fn settings(&self, state: PathBuf) -> Settings {
        let usual = Settings::default();
        Settings {
            listen: self.listen,
            admin_listen: self.admin_listen,
            tls: self
                .tls_cert
                .clone()
                .zip(self.tls_key.clone())
                .map(|(certificate, key)| TlsFiles { certificate, key }),
            admin_tls: if self.admin_tls { AdminTls::Yes } else { AdminTls::No },
            state: self.state.clone().unwrap_or(state),
            secrets: self.secrets.secrets.clone(),
            secrets_key: self.secrets.secrets_key.clone(),
            keychain: self.secrets.keychain,
            public_keys: self.public_keys.clone(),
            first_bundle: if self.await_bundle { FirstBundle::MayCome } else { FirstBundle::MustBeThere },
            trusted_proxies: self.trusted_proxies.clone(),
            hold_wait: Duration::from_millis(self.hold_wait_ms),
            ask_for_counts: !self.no_count_tokens,
            budget_headers: self.budget_headers,
            drain: Duration::from_secs(self.drain_seconds),
            echo_records: if self.echo_records { EchoRecords::Yes } else { EchoRecords::No },
            client: ClientTimes {
                body: Duration::from_secs(self.client_body_seconds),
                write: Duration::from_secs(self.client_write_seconds),
                ..usual.client
            },
            upstream: UpstreamTimes {
                connect: Duration::from_secs(self.upstream_connect_seconds),
                read: Duration::from_secs(self.upstream_read_seconds),
                total: Duration::from_secs(self.upstream_total_seconds),
                ..usual.upstream
            },
            ..usual
        }
    }

    /// How log lines look.
    pub fn log_format(&self) -> LogFormat {
        if self.log_json { LogFormat::Json } else { LogFormat::Text }
    }
}
