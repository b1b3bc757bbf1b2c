//! A socket that fails when its other end reads nothing for too long while bytes are waiting for it. A socket that has
//! nothing to write is never in a hurry, so idle connections stay as they are.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// Writes, as long as the other end reads.
#[derive(Debug)]
pub(super) struct WriteLimit<S> {
    socket: S,
    limit: Duration,
    /// When to give up; set while a write waits.
    patience: Option<Pin<Box<Sleep>>>,
}

impl<S> WriteLimit<S> {
    /// Gives up when nothing could be written for `limit`.
    pub(super) fn new(socket: S, limit: Duration) -> Self {
        Self { socket, limit, patience: None }
    }

    /// Passes on what came of a write, and an error once writes have waited for too long.
    fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.patience = None;
            return written;
        }
        let limit = self.limit;
        let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(patience.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client reads nothing")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteLimit<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteLimit<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, pieces);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        self.watch(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.socket).poll_shutdown(cx);
        self.watch(cx, shut)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::Instant;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_reads_nothing_is_given_up() {
        let (ours, _theirs) = duplex(4);
        let mut ours = WriteLimit::new(ours, LIMIT);
        let began = Instant::now();
        let error = ours.write_all(b"more than four bytes").await.expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= LIMIT && began.elapsed() < LIMIT + Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_is_waited_for_again_after_every_byte() {
        let (ours, mut theirs) = duplex(4);
        let mut ours = WriteLimit::new(ours, LIMIT);
        let reading = tokio::spawn(async move {
            let mut read = Vec::new();
            while read.len() < 20 {
                tokio::time::sleep(LIMIT.saturating_sub(Duration::from_secs(1))).await;
                read.push(theirs.read_u8().await.expect("a byte"));
            }
            read
        });
        ours.write_all(b"more than four bytes").await.expect("it reads");
        assert_eq!(reading.await.expect("all"), b"more than four bytes");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_anything_to_write_is_not_in_a_hurry() {
        let (ours, mut theirs) = duplex(64);
        let mut ours = WriteLimit::new(ours, LIMIT);
        ours.write_all(b"one").await.expect("written");
        tokio::time::sleep(LIMIT * 10).await;
        ours.write_all(b"two").await.expect("written");
        drop(ours);
        let mut read = String::new();
        theirs.read_to_string(&mut read).await.expect("all");
        assert_eq!(read, "onetwo");
    }
}
