//! Accepting connections over TCP and TLS.

use crate::addresses::{Admission, Admitted};
use crate::metrics::{Metrics, Rejected};
use crate::tls::HANDSHAKE_TIMEOUT;
use anyhow::{Context as _, Result};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{debug, warn};

/// A socket that connections come to, and what is spoken on them.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    /// How it counts that one address has too many.
    crowded: Rejected,
}

impl Listener {
    /// Listens; the error names the key of the configuration and the address.
    pub(crate) async fn bind(
        key: &str,
        crowded: Rejected,
        address: SocketAddr,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> Result<Self> {
        let kind = if tls.is_some() { "tls" } else { "tcp" };
        let socket =
            TcpListener::bind(address).await.with_context(|| format!("{key}: cannot listen on {kind}:{address}"))?;
        Ok(Self { socket, tls, crowded })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Whether its connections are TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// What its connections begin with, if they are TLS.
    pub(crate) fn acceptor(&self) -> Option<TlsAcceptor> {
        self.tls.clone().map(TlsAcceptor::from)
    }

    /// The next connection within the limits. Above the limit of all connections one waits here, further ones in the kernel.
    pub(crate) async fn next(&self, admission: &Admission, metrics: &Metrics) -> (TcpStream, SocketAddr, Admitted) {
        loop {
            match self.socket.accept().await {
                Ok((stream, peer)) => match admission.admit(peer.ip()).await {
                    Some(admitted) => return (stream, peer, admitted),
                    None => metrics.reject(self.crowded),
                },
                Err(error) => {
                    // Mostly that no descriptors are left, which passes.
                    warn!(%error, "cannot accept a connection");
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

/// The handshake of a connection that came; none if it failed, which has been counted.
pub(crate) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    acceptor: &TlsAcceptor,
    stream: S,
    metrics: &Metrics,
) -> Option<TlsStream<S>> {
    match timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => {
            debug!(%error, "TLS handshake failed");
            metrics.reject(Rejected::TlsHandshake);
        }
        Err(_) => metrics.reject(Rejected::TlsHandshakeTimeout),
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A listener that nobody comes to takes no connection away from the others.
    #[tokio::test]
    async fn an_idle_listener_holds_nothing() {
        let (admission, metrics) = (Admission::new(1, 1), Metrics::new());
        let listen = || Listener::bind("msrp.listen", Rejected::MsrpTooManyOfAddress, ([127, 0, 0, 1], 0).into(), None);
        let (idle, busy) = (listen().await.expect("a port"), listen().await.expect("a port"));
        let _peer = TcpStream::connect(busy.address().expect("its address")).await.expect("it listens");
        let accepted = tokio::select! {
            biased;
            _ = idle.next(&admission, &metrics) => panic!("nobody came"),
            accepted = timeout(Duration::from_secs(20), busy.next(&admission, &metrics)) => accepted,
        };
        assert!(accepted.is_ok());
    }
}
