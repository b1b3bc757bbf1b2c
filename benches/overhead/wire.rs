//! As much of HTTP/1.1 as a benchmark's own two ends need: whole messages over a connection that stays open, one at
//! a time. Written by hand so that load and provider cost less than what is between them.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What follows the head's last line.
const HEAD_END: &[u8] = b"\r\n\r\n";
/// The last chunk; no event of ours has these bytes.
const CHUNKS_END: &[u8] = b"\r\n0\r\n\r\n";

/// A connection, and the message being read from it.
pub(crate) struct Wire {
    socket: TcpStream,
    buffer: Vec<u8>,
}

/// A message as it came; chunks are still in their frames.
pub(crate) struct Message<'a> {
    /// First line and headers.
    pub(crate) head: &'a [u8],
    /// What follows.
    pub(crate) body: &'a [u8],
}

impl Wire {
    pub(crate) async fn connect(to: SocketAddr) -> Result<Self> {
        Self::over(TcpStream::connect(to).await?)
    }

    pub(crate) fn over(socket: TcpStream) -> Result<Self> {
        socket.set_nodelay(true)?;
        Ok(Self { socket, buffer: Vec::with_capacity(64 * 1024) })
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.socket.write_all(bytes).await
    }

    /// The next message, or `None` where the other side closed before one began.
    pub(crate) async fn receive(&mut self) -> Result<Option<Message<'_>>> {
        self.buffer.clear();
        let mut head = None;
        loop {
            if self.socket.read_buf(&mut self.buffer).await? == 0 {
                let clean = self.buffer.is_empty();
                return if clean { Ok(None) } else { Err(Error::from(ErrorKind::UnexpectedEof)) };
            }
            if head.is_none() {
                head =
                    find(&self.buffer, HEAD_END).map(|at| (at + HEAD_END.len(), length(&self.buffer[..at])));
            }
            let Some((start, length)) = head else { continue };
            let complete = match length {
                Some(length) => self.buffer.len() >= start + length,
                None => self.buffer.ends_with(CHUNKS_END),
            };
            if complete {
                let (head, body) = self.buffer.split_at(start);
                return Ok(Some(Message { head, body }));
            }
        }
    }
}

/// What `content-length` says; without one, the body comes in chunks.
fn length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let is_length = |line: &&[u8]| line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME);
    let line = head.split(|byte| *byte == b'\n').find(is_length)?;
    std::str::from_utf8(&line[NAME.len()..]).ok()?.trim().parse().ok()
}

/// Where `wanted` begins.
pub(crate) fn find(within: &[u8], wanted: &[u8]) -> Option<usize> {
    within.windows(wanted.len()).position(|window| window == wanted)
}
