//! Where the gateway that owns a state folder can be asked: a file there with its admin address, for commands that find
//! the ledger in use. Left behind by a kill it is harmless, since then the ledger is free.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

fn file(state: &Path) -> PathBuf {
    state.join("admin-address")
}

/// Writes the address. Without it commands have to be told, so a failure is a warning.
pub(crate) fn announce(state: &Path, admin: SocketAddr) {
    if let Err(cause) = std::fs::write(file(state), format!("{admin}\n")) {
        tracing::warn!(event = "presence.unwritten", path = %file(state).display(), cause = %cause);
    }
}

/// Takes it back.
pub(crate) fn withdraw(state: &Path) {
    let _ = std::fs::remove_file(file(state));
}

/// The admin address of the gateway that has this folder, as it wrote it.
pub fn admin_address(state: &Path) -> Option<SocketAddr> {
    let text = std::fs::read_to_string(file(state)).ok()?;
    let mut address: SocketAddr = text.trim().parse().ok()?;
    // One that listens everywhere is asked here.
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    Some(address)
}
