//! Accepting SIP over TCP and TLS.

use super::stream::{Streams, serve, set_up};
use crate::metrics::Layer;
use crate::tls::HANDSHAKE_TIMEOUT;
use anyhow::{Context as _, Result};
use parlor_sip::Flow;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

/// A socket that SIP streams come to.
#[derive(Debug)]
pub(crate) struct StreamListener {
    socket: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
}

/// Binds a listener; the error names its address.
pub(crate) async fn bind_stream(address: SocketAddr, tls: Option<Arc<rustls::ServerConfig>>) -> Result<StreamListener> {
    let kind = if tls.is_some() { "tls" } else { "tcp" };
    let socket =
        TcpListener::bind(address).await.with_context(|| format!("sip.listen: cannot listen on {kind}:{address}"))?;
    Ok(StreamListener { socket, tls })
}

impl StreamListener {
    /// Where it listens.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Whether its streams are TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Accepts streams for ever.
    pub(super) async fn run(self, local: SocketAddr, streams: Streams) {
        let acceptor = self.tls.map(TlsAcceptor::from);
        loop {
            let permit = streams.admission.space().await;
            let (stream, remote) = match self.socket.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!(%error, "cannot accept a SIP connection");
                    sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let Some(admitted) = streams.admission.admit(permit, remote.ip()) else {
                streams.metrics.reject(Layer::Sip, "too_many_of_address");
                continue;
            };
            let (streams, acceptor) = (streams.clone(), acceptor.clone());
            let flow = streams.flow(acceptor.is_some(), local, remote);
            tokio::spawn(async move {
                accept(stream, acceptor, flow, streams).await;
                drop(admitted);
            });
        }
    }
}

async fn accept(stream: TcpStream, acceptor: Option<TlsAcceptor>, flow: Flow, streams: Streams) {
    if set_up(&stream).is_err() {
        return;
    }
    let Some(acceptor) = acceptor else {
        return serve(stream.into_split(), flow, streams).await;
    };
    match timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Box::pin(serve(tokio::io::split(stream), flow, streams)).await,
        Ok(Err(error)) => {
            debug!(%error, "TLS handshake failed");
            streams.metrics.reject(Layer::Tls, "handshake");
        }
        Err(_) => streams.metrics.reject(Layer::Tls, "handshake_timeout"),
    }
}
