//! Where SIP messages are sent: sockets, streams, and new streams for requests of ours.

use super::Incoming;
use super::stream::{Streams, connect};
use bytes::Bytes;
use parlor_focus::NextHop;
use parlor_sip::{ConnectionId, Flow, SentBy, Transport};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

/// A UDP socket and how our Via names it.
#[derive(Debug)]
pub(super) struct Datagrams {
    pub(super) local: SocketAddr,
    pub(super) socket: Arc<UdpSocket>,
}

/// Everything that can be sent over.
#[derive(Debug)]
pub(super) struct Flows {
    pub(super) datagrams: Vec<Datagrams>,
    pub(super) sent_by: HashMap<(Transport, SocketAddr), SentBy>,
    pub(super) open: HashMap<ConnectionId, mpsc::Sender<Bytes>>,
    pub(super) streams: Streams,
}

impl Flows {
    /// Notes a stream.
    pub(super) fn opened(&mut self, flow: Flow, queue: mpsc::Sender<Bytes>) {
        if let Some(id) = flow.connection {
            self.open.insert(id, queue);
        }
    }

    /// Forgets a stream.
    pub(super) fn closed(&mut self, flow: Flow) {
        if let Some(id) = flow.connection {
            self.open.remove(&id);
        }
    }

    /// Sends a whole message; `false` when that is not possible.
    pub(super) fn send(&self, flow: Flow, bytes: Bytes) -> bool {
        match (flow.transport, flow.connection) {
            (Transport::Udp, _) => {
                let socket = self.datagrams.iter().find(|datagrams| datagrams.local == flow.local);
                // A full socket buffer is a lost datagram, for which SIP has its timers.
                socket.is_some_and(|datagrams| datagrams.socket.try_send_to(&bytes, flow.remote).is_ok())
            }
            (Transport::Tcp | Transport::Tls, Some(id)) => {
                self.open.get(&id).is_some_and(|queue| queue.try_send(bytes).is_ok())
            }
            (Transport::Tcp, None) => {
                tokio::spawn(connect(flow, bytes, self.streams.clone()));
                true
            }
            // TLS towards users is only ever answered on the stream that they opened.
            (Transport::Tls, None) => false,
        }
    }

    /// How a request of ours goes to its next hop; `None` when there is no way.
    ///
    /// Nobody is authenticated yet, so that nothing is ever sent to another address than the one the dialog came from.
    pub(super) fn route(&self, next_hop: &NextHop) -> Option<Flow> {
        let flow = next_hop.flow;
        match flow.transport {
            Transport::Udp => {
                let ip = next_hop.uri.host_ip().unwrap_or(flow.remote.ip());
                let same = ip.to_canonical() == flow.remote.ip().to_canonical();
                let port = if same { next_hop.uri.port().unwrap_or(5060) } else { flow.remote.port() };
                Some(Flow { remote: SocketAddr::new(flow.remote.ip(), port), ..flow })
            }
            Transport::Tcp | Transport::Tls => {
                let alive = flow.connection.is_some_and(|id| self.open.contains_key(&id));
                if alive {
                    return Some(flow);
                }
                let same = next_hop.uri.host_ip()?.to_canonical() == flow.remote.ip().to_canonical();
                let port = next_hop.uri.port().unwrap_or(5060);
                let remote = SocketAddr::new(flow.remote.ip(), port);
                (same && flow.transport == Transport::Tcp).then_some(Flow { remote, connection: None, ..flow })
            }
        }
    }

    /// How our Via names the socket of a flow.
    pub(super) fn sent_by(&self, flow: Flow) -> SentBy {
        self.sent_by.get(&(flow.transport, flow.local)).cloned().unwrap_or_else(|| SentBy::from(flow.local))
    }

    /// Tells the SIP task later that a flow does not work.
    pub(super) fn fail_later(&self, flow: Flow) {
        let incoming = self.streams.incoming.clone();
        tokio::spawn(async move {
            let _ = incoming.send(Incoming::Closed { flow }).await;
        });
    }
}
