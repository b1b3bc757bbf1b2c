//! Where the gateway that owns a state folder can be asked, and with which token: two files there, for commands on the
//! same machine. Left behind by a kill they are harmless: nobody listens, and the token was that run's alone.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::durable::{self, Readers};
use crate::token::Token;

/// Before the address of a listener with TLS.
const TLS: &str = "https://";

/// How the admin listener is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speech {
    /// HTTP as it is.
    Plain,
    /// HTTP inside of TLS.
    Tls,
}

/// Where a gateway can be asked.
#[derive(Debug, Clone)]
pub struct Presence {
    /// The admin listener's address, as it can be reached from this machine.
    pub address: SocketAddr,
    /// Whether it speaks TLS.
    pub has_tls: bool,
    /// The token of this run.
    pub token: SecretString,
}

impl Presence {
    /// The admin listener's base URL.
    pub fn url(&self) -> String {
        let scheme = if self.has_tls { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }
}

fn address_file(state: &Path) -> PathBuf {
    state.join("admin-address")
}

fn token_file(state: &Path) -> PathBuf {
    state.join("admin-token")
}

/// Writes both. Without them commands have to be told, so a failure is a warning.
pub(crate) fn announce(state: &Path, admin: SocketAddr, speech: Speech, token: &Token) {
    let scheme = if speech == Speech::Tls { TLS } else { "" };
    let write = |path: PathBuf, text: String, readers| {
        if let Err(cause) = durable::replace(&path, text.as_bytes(), readers) {
            tracing::warn!(event = "presence.unwritten", path = %path.display(), cause = %cause);
        }
    };
    write(token_file(state), format!("{}\n", token.reveal()), Readers::Owner);
    write(address_file(state), format!("{scheme}{admin}\n"), Readers::Anybody);
}

/// Takes them back.
pub(crate) fn withdraw(state: &Path) {
    let _ = std::fs::remove_file(address_file(state));
    let _ = std::fs::remove_file(token_file(state));
}

/// Where the gateway that has this folder can be asked, as it wrote it.
pub fn find(state: &Path) -> Option<Presence> {
    let text = std::fs::read_to_string(address_file(state)).ok()?;
    let (has_tls, text) = match text.trim().strip_prefix(TLS) {
        Some(rest) => (true, rest),
        None => (false, text.trim()),
    };
    let mut address: SocketAddr = text.parse().ok()?;
    // One that listens everywhere is asked here.
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    let token = std::fs::read_to_string(token_file(state)).ok()?;
    Some(Presence { address, has_tls, token: SecretString::from(token.trim().to_owned()) })
}
