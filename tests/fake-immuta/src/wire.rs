//! The connections, with a way to break them from inside a request.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// So many clients may connect at once that none has to try again a second later.
const BACKLOG: u32 = 4096;

/// Breaks a connection.
#[derive(Clone)]
pub(crate) struct Wire(Arc<Break>);

struct Break {
    /// How many more bytes may be written.
    left: AtomicUsize,
    reset: AtomicBool,
}

impl Wire {
    /// Lets this many more bytes through and then resets the connection.
    pub(crate) fn reset_after(&self, bytes: usize) {
        self.0.left.store(bytes, Ordering::SeqCst);
        self.0.reset.store(true, Ordering::SeqCst);
    }
}

/// A connection to a client.
pub(crate) struct Connection {
    stream: Stream,
    wire: Wire,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection {
    fn new(stream: Stream) -> Connection {
        let wire = Wire(Arc::new(Break {
            left: AtomicUsize::new(usize::MAX),
            reset: AtomicBool::new(false),
        }));
        Connection { stream, wire }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.wire.0.reset.load(Ordering::SeqCst) {
            let socket = match &self.stream {
                Stream::Plain(socket) => socket,
                Stream::Tls(stream) => stream.get_ref().0,
            };
            // Closing a socket that must not linger sends RST. If it fails, so does the test.
            let _unset = socket.set_zero_linger();
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let left = self.wire.0.left.load(Ordering::SeqCst);
        if left == 0 {
            // TLS may still hold the bytes that were let through.
            return self
                .poll_flush(context)
                .map(|_| Err(io::ErrorKind::ConnectionReset.into()));
        }
        let bytes = &bytes[..bytes.len().min(left)];
        let written = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        };
        if let Poll::Ready(Ok(written)) = written
            && left != usize::MAX
        {
            self.wire.0.left.store(left - written, Ordering::SeqCst);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.wire.0.reset.load(Ordering::SeqCst) {
            return Poll::Ready(Ok(()));
        }
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

/// Connections of one port, after their TLS handshake if there is one.
pub(crate) struct Connections {
    arriving: mpsc::Receiver<Connection>,
    address: SocketAddr,
}

impl Connections {
    /// Listens on a port of the loopback interface, 0 for any that is free. Needs a running Tokio runtime.
    pub(crate) fn on(port: u16, tls: Option<TlsAcceptor>) -> io::Result<Connections> {
        let socket = TcpSocket::new_v4()?;
        // A port that was in use a moment ago can be had again.
        socket.set_reuseaddr(true)?;
        socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let (sender, arriving) = mpsc::channel(64);
        tokio::spawn(accept(listener, tls, sender));
        Ok(Connections { arriving, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    arrived: mpsc::Sender<Connection>,
) {
    loop {
        // Fails when the client is gone already, or when there are too many open files.
        let Ok((socket, _)) = listener.accept().await else {
            sleep(Duration::from_millis(10)).await;
            continue;
        };
        // Without it the pieces of an answer would wait for each other. If it fails, they do.
        let _unset = socket.set_nodelay(true);
        let tls = tls.clone();
        let arrived = arrived.clone();
        // A client that does not finish its handshake must not keep the others out.
        tokio::spawn(async move {
            let stream = match tls {
                None => Stream::Plain(socket),
                Some(tls) => match tls.accept(socket).await {
                    Ok(stream) => Stream::Tls(Box::new(stream)),
                    // Clients are meant to refuse some of the certificates.
                    Err(_) => return,
                },
            };
            // Fails when the server stops.
            let _stopped = arrived.send(Connection::new(stream)).await;
        });
    }
}

impl Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        match self.arriving.recv().await {
            Some(connection) => (connection, self.address),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

impl Connected<IncomingStream<'_, Connections>> for Wire {
    fn connect_info(stream: IncomingStream<'_, Connections>) -> Wire {
        stream.io().wire.clone()
    }
}
