//! Accepting MSRP connections.

use super::connection::Connections;
use super::meter::Metered;
use super::socket;
use crate::listener::{Listener, handshake};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tracing::{Instrument as _, debug, debug_span};

/// Accepts connections for ever; each runs in a task of its own.
pub(crate) async fn accept(listener: Listener, connections: Arc<Connections>) {
    let acceptor = listener.acceptor();
    loop {
        let (stream, peer, admitted) = listener.next(connections.admission(), connections.metrics()).await;
        let (connections, acceptor) = (Arc::clone(&connections), acceptor.clone());
        let serving = async move {
            serve(connections, stream, acceptor).await;
            drop(admitted);
        };
        tokio::spawn(serving.instrument(debug_span!("msrp", %peer)));
    }
}

async fn serve(connections: Arc<Connections>, stream: TcpStream, acceptor: Option<TlsAcceptor>) {
    if let Err(error) = socket::set_up(&stream) {
        debug!(%error, "cannot set the socket up");
        return;
    }
    let Some(acceptor) = acceptor else {
        return connections.serve(stream.into_split(), None, None).await;
    };
    // Apart, so that connections without TLS take no space for it.
    Box::pin(async move {
        let (stream, meter) = Metered::new(stream);
        if let Some(stream) = handshake(&acceptor, stream, connections.metrics()).await {
            connections.serve(tokio::io::split(stream), Some(meter), None).await;
        }
    })
    .await;
}
