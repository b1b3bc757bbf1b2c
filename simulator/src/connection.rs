//! Connections that break off when the simulator stops: axum lets those go on that are in the middle of an answer,
//! and a provider that is down does not.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Accepts connections.
pub(crate) struct Connections {
    listener: TcpListener,
    stopped: watch::Receiver<bool>,
}

impl Connections {
    pub(crate) fn new(listener: TcpListener, stopped: watch::Receiver<bool>) -> Self {
        Self { listener, stopped }
    }
}

impl Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // axum's own accepts again after passing errors.
        let (socket, address) = Listener::accept(&mut self.listener).await;
        // Events must not wait for each other's acknowledgements, as they would not at the real one.
        let _ = socket.set_nodelay(true);
        let mut stopped = self.stopped.clone();
        let stopped = Box::pin(async move {
            let _ = stopped.wait_for(|stopped| *stopped).await;
        });
        (Connection { socket, stopped, broken: false }, address)
    }

    fn local_addr(&self) -> Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A socket, until the simulator stops.
pub(crate) struct Connection {
    socket: TcpStream,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
    broken: bool,
}

impl Connection {
    /// The socket, or an error once the simulator has stopped.
    fn socket(&mut self, context: &mut Context<'_>) -> Result<Pin<&mut TcpStream>> {
        self.broken = self.broken || self.stopped.as_mut().poll(context).is_ready();
        if self.broken {
            return Err(Error::from(ErrorKind::ConnectionAborted));
        }
        Ok(Pin::new(&mut self.socket))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        self.socket(context)?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        self.socket(context)?.poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.socket(context)?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.socket(context)?.poll_shutdown(context)
    }
}
