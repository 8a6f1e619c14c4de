//! The transaction layer (RFC 3261 §17, RFC 6026): one [`Endpoint`] holds all transactions of a server or client.

mod client;
mod client_invite;
mod client_non_invite;
mod event;
mod key;
mod lingering;
mod server;
mod server_invite;
mod server_non_invite;
#[cfg(test)]
mod tests;
mod timer;

pub use event::{ClientTransactionId, Event, ServerTransactionId, Stats, TransactionLimits, Transmit};
pub use timer::Timers;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use bytes::Bytes;
use rand::Rng;
use rand::rngs::StdRng;
use slab::Slab;

use crate::flow::{ConnectionId, Flow};
use crate::message::{Message, ParseError, Request, Response};
use client::Client;
use key::Key;
use lingering::Loss;
use server::Server;

/// All transactions of a server or client. Give it what arrives, then take what it wants sent and what it has to tell,
/// and call it again at the time it names:
///
/// ```text
/// handle_message, handle_invalid, handle_transport_error, handle_timeout   in
/// respond, request, send_ack, cancel                                       commands of the core
/// poll_transmit, poll_event: until None;   poll_timeout: once              out
/// ```
#[derive(Debug)]
pub struct Endpoint {
    limits: TransactionLimits,
    rng: StdRng,
    servers: Slab<Server>,
    server_bytes: usize,
    lingering: BTreeSet<(Loss, u64, usize)>,
    clients: Slab<Client>,
    by_key: BTreeMap<Key, usize>,
    by_merge_key: BTreeMap<Key, usize>,
    by_branch: BTreeMap<client::Branch, usize>,
    by_connection: BTreeSet<(ConnectionId, Slot)>,
    timers: BTreeSet<(Instant, Slot)>,
    serial: u64,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
    stats: Stats,
}

/// The place of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    Server(usize),
    Client(usize),
}

impl Endpoint {
    /// An endpoint without transactions. `rng` makes branches and tags, so it must be unpredictable outside of tests.
    pub fn new(limits: TransactionLimits, rng: StdRng) -> Self {
        Self {
            limits,
            rng,
            servers: Slab::new(),
            server_bytes: 0,
            lingering: BTreeSet::new(),
            clients: Slab::new(),
            by_key: BTreeMap::new(),
            by_merge_key: BTreeMap::new(),
            by_branch: BTreeMap::new(),
            by_connection: BTreeSet::new(),
            timers: BTreeSet::new(),
            serial: 0,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            stats: Stats::default(),
        }
    }

    /// The counters.
    pub fn stats(&self) -> Stats {
        Stats {
            server_transactions: self.servers.len(),
            server_bytes: self.server_bytes,
            client_transactions: self.clients.len(),
            ..self.stats
        }
    }

    /// Takes in a message that came over `flow`.
    pub fn handle_message(&mut self, now: Instant, flow: Flow, message: Message) {
        match message {
            Message::Request(request) => self.handle_request(now, flow, request),
            Message::Response(response) => self.handle_response(now, response),
        }
    }

    /// Answers a broken request if it can be answered. Nothing is remembered of it.
    pub fn handle_invalid(&mut self, flow: Flow, error: &ParseError) {
        let Some((mut response, via)) = error.response() else { return };
        let mut via = via.clone();
        via.stamp(flow.remote);
        response.headers.set_top_via(&via);
        self.send_stateless(server::response_flow(&via, flow), response);
    }

    /// Takes in that nothing can be sent over `flow` any more: its connection is closed or could not be opened.
    pub fn handle_transport_error(&mut self, now: Instant, flow: Flow) {
        let Some(connection) = flow.connection else { return };
        let lost: Vec<Slot> = self
            .by_connection
            .range((connection, Slot::Server(0))..=(connection, Slot::Client(usize::MAX)))
            .map(|(_, slot)| *slot)
            .collect();
        for slot in lost {
            match slot {
                Slot::Server(index) => self.lose_connection(index),
                Slot::Client(index) => self.fail_client(index),
            }
        }
        tracing::trace!(?connection, ?now, "transactions told of a lost connection");
    }

    /// Lets all timers fire whose time has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, slot)) = self.timers.first().copied() {
            if at > now {
                break;
            }
            match slot {
                Slot::Server(index) => self.server_timeout(now, index),
                Slot::Client(index) => self.client_timeout(now, index),
            }
        }
    }

    /// The next bytes to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next thing the core should know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Endpoint::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    fn send(&mut self, flow: Flow, bytes: Bytes) {
        self.transmits.push_back(Transmit { flow, bytes });
    }

    /// Sends a response that no transaction remembers; it gets a To tag of its own.
    fn send_stateless(&mut self, flow: Flow, mut response: Response) {
        response.set_to_tag(&self.token());
        self.send(flow, encoded(&response));
    }

    /// Moves the timer of a transaction.
    fn reschedule(&mut self, slot: Slot, old: Option<Instant>, new: Option<Instant>) {
        if old == new {
            return;
        }
        if let Some(at) = old {
            self.timers.remove(&(at, slot));
        }
        if let Some(at) = new {
            self.timers.insert((at, slot));
        }
    }

    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// Sixteen hexadecimal digits that nobody can guess (RFC 3261 §19.3).
    fn token(&mut self) -> String {
        format!("{:016x}", self.rng.next_u64())
    }
}

fn encoded(response: &Response) -> Bytes {
    let mut out = Vec::with_capacity(HEAD + response.body.len());
    response.encode(&mut out);
    without_spare(out)
}

fn encoded_request(request: &Request) -> Bytes {
    let mut out = Vec::with_capacity(HEAD + request.body.len());
    request.encode(&mut out);
    without_spare(out)
}

/// Without spare capacity: this may linger.
fn without_spare(out: Vec<u8>) -> Bytes {
    out.into_boxed_slice().into()
}

/// What a message has beside its body, mostly.
const HEAD: usize = 1024;
