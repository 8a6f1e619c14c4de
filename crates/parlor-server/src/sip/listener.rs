//! Accepting SIP over TCP and TLS.

use super::stream::{Streams, serve, set_up};
use crate::listener::{Listener, handshake};
use parlor_sip::Flow;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// Accepts streams for ever; each runs in a task of its own.
pub(super) async fn accept(listener: Listener, local: SocketAddr, streams: Streams) {
    let acceptor = listener.acceptor();
    loop {
        let (stream, remote, admitted) = listener.next(&streams.admission, &streams.metrics).await;
        let (streams, acceptor) = (streams.clone(), acceptor.clone());
        let flow = streams.flow(acceptor.is_some(), local, remote);
        let serving = async move {
            begin(stream, acceptor, flow, streams).await;
            drop(admitted);
        };
        tokio::spawn(serving);
    }
}

async fn begin(stream: TcpStream, acceptor: Option<TlsAcceptor>, flow: Flow, streams: Streams) {
    if set_up(&stream).is_err() {
        return;
    }
    let Some(acceptor) = acceptor else {
        return serve(stream.into_split(), flow, streams).await;
    };
    // Apart, so that streams without TLS take no space for it.
    Box::pin(async move {
        if let Some(stream) = handshake(&acceptor, stream, &streams.metrics).await {
            serve(tokio::io::split(stream), flow, streams).await;
        }
    })
    .await;
}
