//! Accepting MSRP connections.

use super::connection::Connections;
use super::socket;
use crate::metrics::Layer;
use crate::tls::HANDSHAKE_TIMEOUT;
use anyhow::{Context as _, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::{Instrument as _, debug, debug_span, warn};

/// A socket that MSRP connections come to.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
}

/// Binds a listener; the error names its address.
pub(crate) async fn bind(address: SocketAddr, tls: Option<Arc<rustls::ServerConfig>>) -> Result<Listener> {
    let socket =
        TcpListener::bind(address).await.with_context(|| format!("msrp.listen: cannot listen on {address}"))?;
    Ok(Listener { socket, tls })
}

impl Listener {
    /// Where it listens.
    pub(crate) fn address(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Accepts connections for ever; each runs in a task of its own.
    pub(crate) async fn run(self, connections: Arc<Connections>) {
        let acceptor = self.tls.map(TlsAcceptor::from);
        loop {
            // Above the limit further connections wait in the kernel.
            let permit = connections.admission().space().await;
            let (stream, peer) = match self.socket.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Mostly that no descriptors are left, which passes.
                    warn!(%error, "cannot accept an MSRP connection");
                    sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let Some(admitted) = connections.admission().admit(permit, peer.ip()) else {
                connections.metrics().reject(Layer::Msrp, "too_many_of_address");
                continue;
            };
            let (connections, acceptor) = (Arc::clone(&connections), acceptor.clone());
            let span = debug_span!("msrp", %peer);
            tokio::spawn(
                async move {
                    serve(connections, stream, acceptor).await;
                    drop(admitted);
                }
                .instrument(span),
            );
        }
    }
}

async fn serve(connections: Arc<Connections>, stream: TcpStream, acceptor: Option<TlsAcceptor>) {
    if let Err(error) = socket::set_up(&stream) {
        debug!(%error, "cannot set the socket up");
        return;
    }
    let Some(acceptor) = acceptor else {
        return connections.serve(stream.into_split(), false, None).await;
    };
    match timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Box::pin(connections.serve(tokio::io::split(stream), true, None)).await,
        Ok(Err(error)) => {
            debug!(%error, "TLS handshake failed");
            connections.metrics().reject(Layer::Tls, "handshake");
        }
        Err(_) => connections.metrics().reject(Layer::Tls, "handshake_timeout"),
    }
}
