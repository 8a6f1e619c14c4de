//! SIP over UDP.

use super::Incoming;
use crate::metrics::{Metrics, Rejected};
use anyhow::{Context as _, Result};
use bytes::Bytes;
use parlor_sip::{Flow, Limits, Transport, parse_datagram};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::warn;

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
    let mut failures = Failures::default();
    loop {
        let (len, remote) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                metrics.reject(Rejected::SipSocket);
                warn!(%error, "cannot receive SIP over UDP");
                failures.pause().await;
                continue;
            }
        };
        failures = Failures::default();
        let datagram = Bytes::copy_from_slice(&buffer[..len]);
        if datagram.iter().all(|octet| matches!(octet, b'\r' | b'\n' | 0)) {
            // RFC 5626 §3.5.1 has no answer to keepalives over UDP.
            continue;
        }
        let flow = Flow { transport: Transport::Udp, local, remote, connection: None };
        let told = match parse_datagram(&datagram, &limits) {
            Ok(message) => Incoming::Message { flow, message: Box::new(message) },
            Err(error) => {
                metrics.reject(Rejected::SipMalformed);
                Incoming::Invalid { flow, error }
            }
        };
        if incoming.send(told).await.is_err() {
            return;
        }
    }
}

/// How often in a row a socket has failed. What failed for a moment is soon tried again, what goes on failing less and
/// less often.
#[derive(Debug, Default)]
struct Failures(u32);

impl Failures {
    async fn pause(&mut self) {
        sleep(Duration::from_millis(1 << self.0)).await;
        // Up to a second.
        self.0 = (self.0 + 1).min(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    /// A failure that passes costs a moment; a socket that only fails is tried about once a second.
    #[tokio::test(start_paused = true)]
    async fn errors_do_not_spin() {
        let (mut failures, began) = (Failures::default(), Instant::now());
        failures.pause().await;
        failures.pause().await;
        assert!(began.elapsed() < Duration::from_millis(5));
        for _ in 0..70 {
            failures.pause().await;
        }
        assert!(began.elapsed() > Duration::from_secs(60) && began.elapsed() < Duration::from_secs(75));
    }
}
