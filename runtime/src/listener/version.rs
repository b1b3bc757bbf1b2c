//! Which HTTP a connection speaks: agreed on in TLS, or told by its first bytes.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;

/// HTTP/2 by name, as ALPN has it (RFC 9113, 3.1).
pub(super) const H2: &[u8] = b"h2";
/// HTTP/1.1 by name (RFC 7301, 6).
pub(super) const HTTP_1_1: &[u8] = b"http/1.1";
/// How every connection of HTTP/2 begins (RFC 9113, 3.4). No method of HTTP/1.1 does, and never will.
const PREFACE: [u8; 3] = *b"PRI";
/// Between looks at a client that has sent one or two bytes and no third one.
const PAUSE: Duration = Duration::from_millis(10);

/// Of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Http1,
    Http2,
}

/// What was agreed on in TLS; clients that say nothing of it speak HTTP/1.1.
pub(super) fn agreed(protocol: Option<&[u8]>) -> Version {
    if protocol == Some(H2) { Version::Http2 } else { Version::Http1 }
}

/// Looks at the first bytes, and leaves them where they are.
pub(super) async fn of_plain(socket: &TcpStream) -> io::Result<Version> {
    let mut start = [0; PREFACE.len()];
    loop {
        let length = socket.peek(&mut start).await?;
        let (seen, wanted) = (start.get(..length), PREFACE.get(..length));
        if length == 0 || seen != wanted {
            return Ok(Version::Http1);
        }
        if length == PREFACE.len() {
            return Ok(Version::Http2);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
