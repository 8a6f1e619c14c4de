//! SIP over UDP.

use super::Incoming;
use crate::metrics::{Layer, Metrics};
use anyhow::{Context as _, Result};
use bytes::Bytes;
use parlor_sip::{Flow, Limits, Transport, parse_datagram};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tracing::debug;

/// The largest datagram there is.
const DATAGRAM: usize = 65_535;
/// What the kernel may keep of a burst.
const BUFFER: usize = 4 * 1024 * 1024;

/// Binds a socket; the error names its address.
pub(crate) async fn bind_udp(address: SocketAddr) -> Result<UdpSocket> {
    let socket =
        UdpSocket::bind(address).await.with_context(|| format!("sip.listen: cannot listen on udp:{address}"))?;
    // As much as the system grants.
    let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(BUFFER);
    Ok(socket)
}

/// Reads datagrams for ever. When the SIP task does not keep up, they wait in the kernel, which drops what is too much.
pub(super) async fn read(
    socket: Arc<UdpSocket>,
    local: SocketAddr,
    limits: Limits,
    metrics: Arc<Metrics>,
    incoming: mpsc::Sender<Incoming>,
) {
    let mut buffer = vec![0; DATAGRAM];
    loop {
        let (len, remote) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                // A port unreachable of an earlier datagram: of no concern to other peers.
                debug!(%error, "UDP");
                continue;
            }
        };
        let datagram = Bytes::copy_from_slice(&buffer[..len]);
        if datagram.iter().all(|octet| matches!(octet, b'\r' | b'\n' | 0)) {
            // RFC 5626 §3.5.1 has no answer to keepalives over UDP.
            continue;
        }
        let flow = Flow { transport: Transport::Udp, local, remote, connection: None };
        let told = match parse_datagram(&datagram, &limits) {
            Ok(message) => Incoming::Message { flow, message: Box::new(message) },
            Err(error) => {
                metrics.reject(Layer::Sip, "malformed");
                Incoming::Invalid { flow, error }
            }
        };
        if incoming.send(told).await.is_err() {
            return;
        }
    }
}
