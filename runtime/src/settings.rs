//! How a gateway is run, as opposed to what it may do: addresses, folders, deadlines.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

pub use crate::release::FirstBundle;
pub use crate::upstream::resolve::{LookingUp, Lookup, SystemLookup};

/// Everything that is not in the bundle.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where callers connect.
    pub listen: SocketAddr,
    /// Where health is asked for; loopback unless said otherwise, since it is for operators.
    pub admin_listen: SocketAddr,
    /// The certificate that callers see; `None` for HTTP as it is.
    pub tls: Option<TlsFiles>,
    /// Whether operators see it as well.
    pub admin_tls: AdminTls,
    /// Folder of the ledger, the decision records and local secrets.
    pub state: PathBuf,
    /// Folder with mounted secrets, as `NAME/KEY`.
    pub secrets: Option<PathBuf>,
    /// The key file of the encrypted store, where it is not in the state folder.
    pub secrets_key: Option<PathBuf>,
    /// Whether the operating system's keychain is asked for secrets as well.
    pub keychain: bool,
    /// Files of public keys; with any, only bundles that one of them signed are served.
    pub public_keys: Vec<PathBuf>,
    /// What to do where the bundle's file is not there yet.
    pub first_bundle: FirstBundle,
    /// How often the bundle's file or the workspace is looked at, and the files of secrets.
    pub reload_every: Duration,
    /// Peers whose `x-forwarded-for` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether decision records are shown on the terminal as well.
    pub echo_records: EchoRecords,
    /// How long streams may go on after a stop was asked for.
    pub drain: Duration,
    /// How long a request waits, all its candidates together, for room that others hold.
    pub hold_wait: Duration,
    /// Whether providers are asked how many tokens a prompt has that does not fit a budget by its bytes.
    pub ask_for_counts: bool,
    /// Whether answers say how much of the budgets is left.
    pub budget_headers: bool,
    /// Times of the connection to callers.
    pub client: ClientTimes,
    /// Times of the connection to providers.
    pub upstream: UpstreamTimes,
    /// Who is asked for the addresses of providers' names.
    pub lookup: Arc<dyn Lookup>,
}

/// A certificate with its chain, and its private key; both in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate first, then what leads to a root.
    pub certificate: PathBuf,
    /// PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// Whether the admin listener has the certificate too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdminTls {
    /// HTTP as it is, which is enough on loopback.
    No,
    /// The same certificate, where there is one.
    Yes,
}

/// Whether decision records go to the terminal besides their file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EchoRecords {
    /// The file alone.
    No,
    /// Both.
    Yes,
}

/// How long a caller may take.
#[derive(Debug, Clone, Copy)]
pub struct ClientTimes {
    /// To send a request's headers; also how long a connection without a request is kept.
    pub headers: Duration,
    /// To send a request's body, besides a second for each 64 KiB that have come: 32 MiB may take nine minutes more.
    pub body: Duration,
    /// To read anything at all while bytes of an answer are waiting.
    pub write: Duration,
}

/// How long a provider may take.
#[derive(Debug, Clone, Copy)]
pub struct UpstreamTimes {
    /// To connect, TLS included.
    pub connect: Duration,
    /// Between two reads: for the first byte of an answer, and between bytes of a stream. The SDKs' own limit is
    /// ten minutes, and a gateway that gives up earlier breaks long thinking.
    pub read: Duration,
    /// From an answer's first byte to its last.
    pub total: Duration,
    /// How long one that keeps failing is set back.
    pub set_back: SetBack,
}

/// How long a provider that keeps failing is asked after the others.
#[derive(Debug, Clone, Copy)]
pub struct SetBack {
    /// At most, the first time; twice as long each time after that.
    pub first: Duration,
    /// At most, ever.
    pub longest: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            admin_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8081)),
            tls: None,
            admin_tls: AdminTls::No,
            state: PathBuf::from(".pai"),
            secrets: None,
            secrets_key: None,
            keychain: false,
            public_keys: Vec::new(),
            first_bundle: FirstBundle::MustBeThere,
            reload_every: Duration::from_millis(250),
            trusted_proxies: Vec::new(),
            echo_records: EchoRecords::No,
            drain: Duration::from_secs(30),
            hold_wait: Duration::from_secs(2),
            ask_for_counts: true,
            budget_headers: false,
            client: ClientTimes {
                headers: Duration::from_secs(30),
                body: Duration::from_secs(60),
                write: Duration::from_secs(60),
            },
            upstream: UpstreamTimes {
                connect: Duration::from_secs(10),
                read: Duration::from_secs(600),
                total: Duration::from_secs(3_600),
                set_back: SetBack { first: Duration::from_secs(5), longest: Duration::from_secs(60) },
            },
            lookup: Arc::new(SystemLookup),
        }
    }
}
