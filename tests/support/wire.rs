//! A stream to the server, plain or inside TLS, with deadlines on every read.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustls::{ClientConnection, ServerConnection, StreamOwned};

use super::PATIENCE;

/// Bytes in, bytes out.
pub(crate) struct Wire {
    stream: Stream,
    buffer: Vec<u8>,
    consumed: usize,
    ended: bool,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    Accepted(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Wire {
    /// Connects over TCP.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::plain(TcpStream::connect(address).unwrap_or_else(|error| panic!("cannot connect to {address}: {error}")))
    }

    /// A connection that is there already.
    pub(crate) fn plain(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self::over(Stream::Plain(stream))
    }

    /// A client's side of TLS.
    pub(crate) fn tls(stream: StreamOwned<ClientConnection, TcpStream>) -> Self {
        Self::over(Stream::Tls(Box::new(stream)))
    }

    /// A server's side of TLS.
    pub(crate) fn accepted_tls(stream: StreamOwned<ServerConnection, TcpStream>) -> Self {
        Self::over(Stream::Accepted(Box::new(stream)))
    }

    fn over(stream: Stream) -> Self {
        Self { stream, buffer: Vec::new(), consumed: 0, ended: false }
    }

    /// The socket underneath.
    pub(crate) fn socket(&self) -> &TcpStream {
        match &self.stream {
            Stream::Plain(stream) => stream,
            Stream::Tls(tls) => &tls.sock,
            Stream::Accepted(tls) => &tls.sock,
        }
    }

    /// Our address.
    pub(crate) fn local(&self) -> SocketAddr {
        self.socket().local_addr().unwrap()
    }

    /// Writes all of it; a server that does not take it within the patience fails the test.
    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_write(bytes.as_ref()).unwrap_or_else(|error| panic!("cannot write: {error}"));
    }

    /// Writes all of it, unless the server closed.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(bytes),
            Stream::Tls(tls) => tls.write_all(bytes).and_then(|()| tls.flush()),
            Stream::Accepted(tls) => tls.write_all(bytes).and_then(|()| tls.flush()),
        }
    }

    /// What was read and not taken yet.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.buffer[self.consumed..]
    }

    /// Takes so many bytes off the front of what was read.
    pub(crate) fn take(&mut self, length: usize) -> Vec<u8> {
        let taken = self.unread()[..length].to_vec();
        self.consumed += length;
        if self.consumed == self.buffer.len() {
            self.buffer.clear();
            self.consumed = 0;
        } else if self.consumed > COMPACT_ABOVE {
            self.buffer.drain(..self.consumed);
            self.consumed = 0;
        }
        taken
    }

    /// Reads what is there; false when nothing came until then or the server closed.
    pub(crate) fn fill(&mut self, until: Instant) -> bool {
        let mut chunk = [0; 64 * 1024];
        let timeout = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        self.socket().set_read_timeout(Some(timeout)).unwrap();
        let read = match &mut self.stream {
            Stream::Plain(stream) => stream.read(&mut chunk),
            Stream::Tls(tls) => tls.read(&mut chunk),
            Stream::Accepted(tls) => tls.read(&mut chunk),
        };
        match read {
            Ok(0) => self.ended = true,
            Ok(length) => {
                self.buffer.extend_from_slice(&chunk[..length]);
                return true;
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => return true,
            // A reset, or TLS that ended without saying so.
            Err(_) => self.ended = true,
        }
        false
    }

    /// Whether the server closed the connection.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// Says that nothing more will come from us.
    pub(crate) fn shutdown_write(&self) {
        let _ = self.socket().shutdown(Shutdown::Write);
    }
}

const COMPACT_ABOVE: usize = 1024 * 1024;
