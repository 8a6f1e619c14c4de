//! The four transactions on a virtual clock, between two endpoints and against single messages.

mod client;
mod crowded;
mod lossy;
mod server;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::flow::{SentBy, Transport};
use crate::header::{CSeq, HeaderName, NameAddr};
use crate::limits::Limits;
use crate::message::{Request, parse_datagram};
use crate::method::Method;
use crate::uri::Uri;

const CLIENT: &str = "192.0.2.1:5060";
const SERVER: &str = "192.0.2.2:5060";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn flow(transport: Transport, local: &str, remote: &str) -> Flow {
    let connection = transport.is_reliable().then_some(ConnectionId(7));
    Flow { transport, local: address(local), remote: address(remote), connection }
}

fn request(method: Method, call_id: &str) -> Request {
    let mut request = Request::new(method.clone(), Uri::sip(Some("lobby"), "example.com", None).unwrap());
    let alice = NameAddr::new(Uri::sip(Some("alice"), "example.com", None).unwrap()).with_tag("a1");
    request.headers.push(HeaderName::From, alice);
    request.headers.push(HeaderName::To, NameAddr::new(request.uri.clone()));
    request.headers.push(HeaderName::CallId, call_id);
    request.headers.push(HeaderName::CSeq, CSeq { seq: 1, method });
    request
}

fn parse(text: &str) -> Message {
    parse_datagram(&Bytes::copy_from_slice(text.as_bytes()), &Limits::default()).unwrap()
}

fn decoded(transmit: &Transmit) -> Message {
    parse_datagram(&transmit.bytes, &Limits::default()).unwrap()
}

/// What a message is, in one word: its method or its code.
fn word(message: &Message) -> String {
    match message {
        Message::Request(request) => request.method.to_string(),
        Message::Response(response) => response.code.to_string(),
    }
}

/// One endpoint with a clock of its own.
struct Alone {
    endpoint: Endpoint,
    start: Instant,
    now: Instant,
}

impl Alone {
    fn new(limits: TransactionLimits) -> Self {
        // Any instant will do: only differences count.
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        Self { endpoint: Endpoint::new(limits, StdRng::seed_from_u64(1)), start, now: start }
    }

    fn take_in(&mut self, transport: Transport, text: &str) -> Vec<String> {
        self.endpoint.handle_message(self.now, flow(transport, SERVER, CLIENT), parse(text));
        self.sent()
    }

    fn sent(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.endpoint.poll_transmit()).map(|transmit| word(&decoded(&transmit))).collect()
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.endpoint.poll_event()).collect()
    }

    fn the_request(&mut self) -> (ServerTransactionId, Box<Request>) {
        match self.events().pop() {
            Some(Event::Request { tx, request, .. }) => (tx, request),
            other => panic!("no request but {other:?}"),
        }
    }

    fn respond(&mut self, tx: ServerTransactionId, request: &Request, code: u16) -> Vec<String> {
        let mut response = Response::for_request(request, code, "");
        response.set_to_tag("t1");
        self.endpoint.respond(self.now, tx, &response);
        self.sent()
    }

    /// Runs all timers up to `end` and notes what is sent, with the milliseconds since the start.
    fn run_until(&mut self, end: Duration) -> Vec<(u128, String)> {
        let mut sent = Vec::new();
        while let Some(at) = self.endpoint.poll_timeout().filter(|at| *at <= self.start + end) {
            self.now = at;
            self.endpoint.handle_timeout(at);
            let elapsed = (at - self.start).as_millis();
            sent.extend(self.sent().into_iter().map(|word| (elapsed, word)));
        }
        self.now = self.start + end;
        sent
    }

    fn transactions(&self) -> usize {
        let stats = self.endpoint.stats();
        stats.client_transactions + stats.server_transactions
    }

    /// Nothing is kept of transactions that are over.
    fn assert_empty(&self) {
        assert_eq!(self.transactions(), 0);
        assert_eq!(self.endpoint.stats().server_bytes, 0);
        assert!(self.endpoint.by_key.is_empty() && self.endpoint.by_merge_key.is_empty());
        assert!(self.endpoint.by_branch.is_empty() && self.endpoint.by_connection.is_empty());
        assert!(self.endpoint.timers.is_empty() && self.endpoint.lingering.is_empty());
    }
}

fn wire(method: &str, via: &str, to_tag: &str, cseq: u32) -> String {
    format!(
        "{method} sip:lobby@example.com SIP/2.0\r\nVia: {via}\r\nFrom: <sip:alice@example.com>;tag=a1\r\n\
         To: <sip:lobby@example.com>{to_tag}\r\nCall-ID: c1\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n\r\n"
    )
}

const VIA: &str = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;rport";
