//! Where SIP messages are sent: sockets, streams, and streams that we open.

use super::opening::Place;
use super::queue::Queue;
use super::stream::Streams;
use bytes::Bytes;
use parlor_focus::NextHop;
use parlor_sip::{ConnectionId, Flow, SentBy, Transport};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::UdpSocket;

/// How many streams we open to one address at a time. Beyond it peers could have us connect to any port of theirs, or of
/// whoever shares their address.
const OURS_TO_ONE_ADDRESS: usize = 8;
/// Of how many streams over TLS that we opened, or were to open, it is remembered who was to be there.
const PLACES: usize = 10_000;

/// A UDP socket and how our Via names it.
#[derive(Debug)]
pub(super) struct Datagrams {
    pub(super) local: SocketAddr,
    pub(super) socket: Arc<UdpSocket>,
}

/// A stream.
#[derive(Debug)]
struct Open {
    queue: Queue,
    /// Whether the peer may still send something.
    is_heard: bool,
    /// Where it leads to, if we opened it.
    place: Option<Place>,
}

/// Everything that can be sent over.
#[derive(Debug)]
pub(super) struct Flows {
    pub(super) datagrams: Vec<Datagrams>,
    pub(super) sent_by: HashMap<(Transport, SocketAddr), SentBy>,
    /// What waits for each stream, also while we are opening it.
    open: HashMap<ConnectionId, Open>,
    /// The streams that we opened: one for each place.
    ours: BTreeMap<Place, ConnectionId>,
    /// Where streams over TLS lead that are to be opened, or opened again: what is sent in a dialog must not go to whoever
    /// else is at the same address.
    places: BTreeMap<ConnectionId, Place>,
    pub(super) streams: Streams,
}

impl Flows {
    /// No sockets and no streams yet.
    pub(super) fn new(streams: Streams) -> Self {
        let (open, ours, places) = (HashMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { datagrams: Vec::new(), sent_by: HashMap::new(), open, ours, places, streams }
    }

    /// Notes a stream that was accepted.
    pub(super) fn opened(&mut self, flow: Flow, queue: Queue) {
        if let Some(id) = flow.connection {
            self.open.insert(id, Open { queue, is_heard: true, place: None });
        }
    }

    /// Nothing more comes over a stream: answers still go out by it, requests find another way.
    pub(super) fn ended(&mut self, flow: Flow) {
        let Some(open) = flow.connection.and_then(|id| self.open.get_mut(&id)) else { return };
        open.is_heard = false;
        if let Some(place) = open.place.take() {
            self.ours.remove(&place);
        }
    }

    /// Forgets a stream.
    pub(super) fn closed(&mut self, flow: Flow) {
        self.ended(flow);
        if let Some(id) = flow.connection {
            self.open.remove(&id);
        }
    }

    /// Sends a whole message; `false` when that is not possible.
    pub(super) fn send(&mut self, flow: Flow, bytes: Bytes) -> bool {
        if flow.transport == Transport::Udp {
            let socket = self.datagrams.iter().find(|datagrams| datagrams.local == flow.local);
            // A full socket buffer is a lost datagram, for which SIP has its timers.
            return socket.is_some_and(|datagrams| datagrams.socket.try_send_to(&bytes, flow.remote).is_ok());
        }
        let open = self.stream(flow).and_then(|id| self.open.get(&id));
        open.is_some_and(|open| open.queue.put(bytes))
    }

    /// The stream of a flow; one is opened if the flow has none.
    fn stream(&mut self, flow: Flow) -> Option<ConnectionId> {
        match (flow.transport, flow.connection) {
            (_, Some(id)) => Some(id),
            (Transport::Tcp, None) => self.stream_to(flow.local, &Place::plain(flow.remote)),
            // Nobody said who must be there.
            (Transport::Udp | Transport::Tls, None) => None,
        }
    }

    /// Notes who must be there when a stream over TLS is opened to that address; the flow stands for it from now on.
    pub(super) fn place(&mut self, flow: Flow, name: &str) -> Flow {
        let place = Place { remote: flow.remote, name: Some(name.to_ascii_lowercase().into()) };
        let id = self.ours.get(&place).copied().unwrap_or_else(|| self.streams.name());
        self.remember(id, place);
        Flow { connection: Some(id), ..flow }
    }

    fn remember(&mut self, id: ConnectionId, place: Place) {
        if place.transport() == Transport::Tls {
            self.places.insert(id, place);
        }
        if self.places.len() > PLACES {
            self.places.pop_first();
        }
    }

    /// Our stream to there, opened if there is none.
    fn stream_to(&mut self, local: SocketAddr, place: &Place) -> Option<ConnectionId> {
        if let Some(id) = self.ours.get(place) {
            return Some(*id);
        }
        let ip = place.remote.ip();
        let first = Place::plain(SocketAddr::new(ip, 0));
        if self.ours.range(first..).take_while(|(own, _)| own.remote.ip() == ip).count() >= OURS_TO_ONE_ADDRESS {
            return None;
        }
        let (flow, queue) = self.streams.open(local, place)?;
        let id = flow.connection?;
        self.open.insert(id, Open { queue, is_heard: true, place: Some(place.clone()) });
        self.ours.insert(place.clone(), id);
        self.remember(id, place.clone());
        Some(id)
    }

    /// How a request of ours goes to its next hop; `None` when there is no way.
    ///
    /// Nobody is authenticated yet, so that nothing is ever sent to another address than the one the dialog came from.
    pub(super) fn route(&mut self, next_hop: &NextHop) -> Option<Flow> {
        let flow = next_hop.flow;
        match flow.transport {
            Transport::Udp => {
                let ip = next_hop.uri.host_ip().unwrap_or(flow.remote.ip());
                let same = ip.to_canonical() == flow.remote.ip().to_canonical();
                let port = if same { next_hop.uri.port().unwrap_or(5060) } else { flow.remote.port() };
                Some(Flow { remote: SocketAddr::new(flow.remote.ip(), port), ..flow })
            }
            Transport::Tcp | Transport::Tls => {
                let alive = flow.connection.and_then(|id| self.open.get(&id)).is_some_and(|open| open.is_heard);
                if alive {
                    return Some(flow);
                }
                if let Some(place) = flow.connection.and_then(|id| self.places.get(&id)).cloned() {
                    let connection = Some(self.stream_to(flow.local, &place)?);
                    return Some(Flow { remote: place.remote, connection, ..flow });
                }
                let same = next_hop.uri.host_ip()?.to_canonical() == flow.remote.ip().to_canonical();
                let port = next_hop.uri.port().unwrap_or(5060);
                let there = Flow { remote: SocketAddr::new(flow.remote.ip(), port), connection: None, ..flow };
                let connection = Some(if same { self.stream(there) } else { None }?);
                Some(Flow { connection, ..there })
            }
        }
    }

    /// Whether a request with a body of that size may be sent. What does not fit into the queue of a stream would end it.
    pub(super) fn has_space(&self, flow: Flow, octets: usize) -> bool {
        let open = flow.connection.and_then(|id| self.open.get(&id));
        octets == 0 || open.is_none_or(|open| open.queue.has_space(octets))
    }

    /// How our Via names the socket of a flow.
    pub(super) fn sent_by(&self, flow: Flow) -> SentBy {
        self.sent_by.get(&(flow.transport, flow.local)).cloned().unwrap_or_else(|| SentBy::from(flow.local))
    }
}
