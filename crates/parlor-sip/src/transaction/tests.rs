//! The four transactions on a virtual clock, between two endpoints and against single messages.

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
        assert!(self.endpoint.by_key.is_empty() && self.endpoint.by_merge_key.is_empty());
        assert!(self.endpoint.by_branch.is_empty() && self.endpoint.by_connection.is_empty());
        assert!(self.endpoint.timers.is_empty());
    }
}

fn wire(method: &str, via: &str, to_tag: &str, cseq: u32) -> String {
    format!(
        "{method} sip:lobby@example.com SIP/2.0\r\nVia: {via}\r\nFrom: <sip:alice@example.com>;tag=a1\r\n\
         To: <sip:lobby@example.com>{to_tag}\r\nCall-ID: c1\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n\r\n"
    )
}

const VIA: &str = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;rport";

/// SIP-2: A doubles without end, B ends the wait after 64*T1.
#[test]
fn an_unanswered_invite_is_sent_seven_times() {
    let mut alone = Alone::new(TransactionLimits::default());
    let target = flow(Transport::Udp, CLIENT, SERVER);
    alone.endpoint.request(alone.now, target, &SentBy::from(address(CLIENT)), request(Method::Invite, "c1"));
    assert_eq!(alone.sent(), ["INVITE"]);
    let times: Vec<u128> = alone.run_until(Duration::from_secs(60)).into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [500, 1500, 3500, 7500, 15_500, 31_500]);
    assert!(matches!(alone.events()[..], [Event::Timeout { .. }]));
    alone.assert_empty();
}

/// SIP-2: E doubles up to T2, F ends the wait after 64*T1.
#[test]
fn an_unanswered_message_is_sent_eleven_times() {
    let mut alone = Alone::new(TransactionLimits::default());
    let target = flow(Transport::Udp, CLIENT, SERVER);
    alone.endpoint.request(alone.now, target, &SentBy::from(address(CLIENT)), request(Method::Message, "c1"));
    assert_eq!(alone.sent(), ["MESSAGE"]);
    let times: Vec<u128> = alone.run_until(Duration::from_secs(60)).into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    assert!(matches!(alone.events()[..], [Event::Timeout { .. }]));
    alone.assert_empty();
}

/// A stream needs no retransmission, only the wait has an end.
#[test]
fn nothing_is_retransmitted_over_a_stream() {
    let mut alone = Alone::new(TransactionLimits::default());
    let target = flow(Transport::Tcp, CLIENT, SERVER);
    for method in [Method::Invite, Method::Message] {
        alone.endpoint.request(alone.now, target, &SentBy::from(address(CLIENT)), request(method, "c1"));
    }
    assert_eq!(alone.sent().len(), 2);
    assert_eq!(alone.run_until(Duration::from_secs(60)), []);
    assert!(matches!(alone.events()[..], [Event::Timeout { .. }, Event::Timeout { .. }]));
    alone.assert_empty();
}

/// SIP-2, G and H: a failure is repeated until its ACK; the ACK is absorbed, and I later the transaction is gone.
#[test]
fn a_failure_is_repeated_until_acknowledged() {
    let mut alone = Alone::new(TransactionLimits::default());
    assert_eq!(alone.take_in(Transport::Udp, &wire("INVITE", VIA, "", 1)), [""; 0]);
    let (tx, request) = alone.the_request();
    assert_eq!(alone.respond(tx, &request, 486), ["486"]);
    assert_eq!(alone.run_until(Duration::from_millis(1600)), [(500, "486".into()), (1500, "486".into())]);
    assert_eq!(alone.take_in(Transport::Udp, &wire("INVITE", VIA, "", 1)), ["486"]);
    assert_eq!(alone.take_in(Transport::Udp, &wire("ACK", VIA, ";tag=t1", 1)), [""; 0]);
    assert_eq!(alone.take_in(Transport::Udp, &wire("INVITE", VIA, "", 1)), [""; 0]);
    assert!(alone.events().is_empty());
    assert_eq!(alone.run_until(Duration::from_secs(60)), []);
    alone.assert_empty();
}

/// SIP-2, H: without ACK a failure is given up after 64*T1.
#[test]
fn a_failure_is_given_up_after_32_seconds() {
    let mut alone = Alone::new(TransactionLimits::default());
    alone.take_in(Transport::Udp, &wire("INVITE", VIA, "", 1));
    let (tx, request) = alone.the_request();
    alone.respond(tx, &request, 486);
    let times: Vec<u128> = alone.run_until(Duration::from_secs(60)).into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    alone.assert_empty();
}

/// SIP-3: after a 2xx the transaction absorbs INVITEs for L, lets the core repeat its 2xx and hands ACKs on.
#[test]
fn an_accepted_invite_lingers() {
    let mut alone = Alone::new(TransactionLimits::default());
    alone.take_in(Transport::Udp, &wire("INVITE", VIA, "", 1));
    let (tx, request) = alone.the_request();
    assert_eq!(alone.respond(tx, &request, 200), ["200"]);
    assert_eq!(alone.take_in(Transport::Udp, &wire("INVITE", VIA, "", 1)), [""; 0]);
    assert!(alone.events().is_empty());
    assert_eq!(alone.respond(tx, &request, 200), ["200"]);
    assert_eq!(alone.respond(tx, &request, 486), [""; 0]);
    for via in [VIA, "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKother;rport"] {
        alone.take_in(Transport::Udp, &wire("ACK", via, ";tag=t1", 1));
        assert!(matches!(alone.events()[..], [Event::Ack { .. }]));
    }
    assert_eq!(alone.run_until(Duration::from_millis(31_999)), []);
    assert_eq!(alone.transactions(), 1);
    alone.run_until(Duration::from_secs(32));
    alone.assert_empty();
    assert_eq!(alone.respond(tx, &request, 200), [""; 0]);
    assert_eq!(alone.endpoint.stats().responses_late, 1);
}

/// SIP-40: 100 goes out when the core takes longer than 200 ms, and is repeated for a repeated INVITE.
#[test]
fn a_slow_core_is_covered_by_100() {
    let mut alone = Alone::new(TransactionLimits::default());
    alone.take_in(Transport::Udp, &wire("INVITE", VIA, "", 1));
    let (tx, request) = alone.the_request();
    assert_eq!(alone.run_until(Duration::from_secs(10)), [(200, "100".into())]);
    assert_eq!(alone.take_in(Transport::Udp, &wire("INVITE", VIA, "", 1)), ["100"]);
    assert_eq!(alone.respond(tx, &request, 180), ["180"]);
    assert_eq!(alone.take_in(Transport::Udp, &wire("INVITE", VIA, "", 1)), ["180"]);
    assert_eq!(alone.respond(tx, &request, 603), ["603"]);
}

/// SIP-2, J: over UDP the response lingers for repeated requests, over a stream nothing does.
#[test]
fn answered_requests_linger_only_over_udp() {
    let mut alone = Alone::new(TransactionLimits::default());
    alone.take_in(Transport::Udp, &wire("OPTIONS", VIA, "", 1));
    let (tx, request) = alone.the_request();
    assert_eq!(alone.take_in(Transport::Udp, &wire("OPTIONS", VIA, "", 1)), [""; 0]);
    assert_eq!(alone.respond(tx, &request, 200), ["200"]);
    assert_eq!(alone.take_in(Transport::Udp, &wire("OPTIONS", VIA, "", 1)), ["200"]);
    assert_eq!(alone.endpoint.stats().requests_repeated, 2);
    alone.run_until(Duration::from_secs(32));
    alone.assert_empty();

    alone.take_in(Transport::Tcp, &wire("OPTIONS", VIA, "", 2));
    let (tx, request) = alone.the_request();
    assert_eq!(alone.respond(tx, &request, 200), ["200"]);
    alone.assert_empty();
}

/// A request the core never answers does not stay for ever.
#[test]
fn abandoned_requests_end() {
    let mut alone = Alone::new(TransactionLimits::default());
    alone.take_in(Transport::Tcp, &wire("OPTIONS", VIA, "", 1));
    alone.take_in(Transport::Tcp, &wire("INVITE", VIA, "", 2));
    assert_eq!(alone.run_until(Duration::from_secs(400)).len(), 1);
    alone.assert_empty();
}

/// SIP-47: a CANCEL gets 200 and is told once; without its INVITE it gets 481; after the final response it has no effect.
#[test]
fn cancels_find_their_invite() {
    let mut alone = Alone::new(TransactionLimits::default());
    assert_eq!(alone.take_in(Transport::Udp, &wire("CANCEL", VIA, "", 1)), ["481"]);
    alone.take_in(Transport::Udp, &wire("INVITE", VIA, "", 1));
    let (tx, request) = alone.the_request();
    assert_eq!(alone.take_in(Transport::Udp, &wire("CANCEL", VIA, "", 1)), ["200"]);
    assert_eq!(alone.take_in(Transport::Udp, &wire("CANCEL", VIA, "", 1)), ["200"]);
    assert!(matches!(alone.events()[..], [Event::Cancel { tx: cancelled }] if cancelled == tx));
    assert_eq!(alone.respond(tx, &request, 487), ["487"]);
    assert_eq!(alone.take_in(Transport::Udp, &wire("CANCEL", VIA, "", 1)), ["200"]);
    assert!(alone.events().is_empty());
}

/// SIP-25: the same request with another branch and no To tag gets 482.
#[test]
fn merged_requests_are_refused() {
    let mut alone = Alone::new(TransactionLimits::default());
    alone.take_in(Transport::Udp, &wire("INVITE", VIA, "", 1));
    let other = VIA.replace("abc", "def");
    assert_eq!(alone.take_in(Transport::Udp, &wire("INVITE", &other, "", 1)), ["482"]);
    assert_eq!(alone.take_in(Transport::Udp, &wire("INVITE", &other, ";tag=x", 1)), [""; 0]);
    assert_eq!(alone.take_in(Transport::Udp, &wire("INVITE", &other, "", 2)), [""; 0]);
    assert_eq!(alone.endpoint.stats().requests_merged, 1);
}

/// Beyond the limit requests get 503 with Retry-After and leave nothing behind; BYE still gets through.
#[test]
fn too_many_requests_are_refused() {
    let mut alone = Alone::new(TransactionLimits { server: 8, ..TransactionLimits::default() });
    for seq in 0..8 {
        alone.take_in(Transport::Udp, &wire("OPTIONS", VIA, "", seq));
    }
    let refused = parse(&wire("OPTIONS", VIA, "", 9));
    alone.endpoint.handle_message(alone.now, flow(Transport::Udp, SERVER, CLIENT), refused);
    let Message::Response(response) = decoded(&alone.endpoint.poll_transmit().unwrap()) else { panic!() };
    assert_eq!(response.code, 503);
    assert!(response.headers.retry_after().is_some() && response.headers.to().unwrap().tag().is_some());
    assert_eq!(alone.take_in(Transport::Udp, &wire("BYE", VIA, ";tag=x", 10)), [""; 0]);
    assert_eq!(alone.take_in(Transport::Udp, &wire("BYE", VIA, ";tag=x", 11)), ["503"]);
    assert_eq!(alone.endpoint.stats().requests_overloaded, 2);
    assert_eq!(alone.transactions(), 9);
}

/// SIP-4: without the cookie the Via, Call-ID, CSeq and From tag make the transaction; the ACK finds it.
#[test]
fn peers_of_rfc_2543_are_matched() {
    for via in ["SIP/2.0/UDP 192.0.2.1:5060", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK", "SIP/2.0/UDP h;branch=1"] {
        let mut alone = Alone::new(TransactionLimits::default());
        alone.take_in(Transport::Udp, &wire("INVITE", via, "", 1));
        let (tx, request) = alone.the_request();
        alone.take_in(Transport::Udp, &wire("INVITE", via, "", 1));
        assert!(alone.events().is_empty());
        assert_eq!(alone.respond(tx, &request, 404), ["404"]);
        alone.take_in(Transport::Udp, &wire("ACK", via, ";tag=t1", 1));
        assert!(alone.events().is_empty());
        assert_eq!(alone.run_until(Duration::from_secs(10)), []);
        alone.assert_empty();
    }
}

/// SIP-5, SIP-6: over UDP the answer goes to the source, at the port asked for; over a stream it goes back on it.
#[test]
fn responses_find_their_way_back() {
    let reply_to = |transport, via: &str| {
        let mut alone = Alone::new(TransactionLimits::default());
        let flow = Flow { remote: address("198.51.100.9:40000"), ..flow(transport, SERVER, CLIENT) };
        alone.endpoint.handle_message(alone.now, flow, parse(&wire("OPTIONS", via, "", 1)));
        let (tx, request) = alone.the_request();
        alone.endpoint.respond(alone.now, tx, &Response::for_request(&request, 200, "OK"));
        alone.endpoint.poll_transmit().unwrap()
    };
    let transmit = reply_to(Transport::Udp, "SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bKa;rport");
    assert_eq!(transmit.flow.remote, address("198.51.100.9:40000"));
    let via = decoded(&transmit).headers().top_via().unwrap();
    assert_eq!((via.received(), via.rport()), ("198.51.100.9".parse().ok(), Some(40_000)));
    let transmit = reply_to(Transport::Udp, "SIP/2.0/UDP host.example:5070;branch=z9hG4bKa;maddr=203.0.113.1");
    assert_eq!(transmit.flow.remote, address("198.51.100.9:5070"));
    let transmit = reply_to(Transport::Udp, "SIP/2.0/UDP host.example;branch=z9hG4bKa");
    assert_eq!(transmit.flow.remote, address("198.51.100.9:5060"));
    let transmit = reply_to(Transport::Tcp, "SIP/2.0/TCP host.example:5070;branch=z9hG4bKa");
    assert_eq!((transmit.flow.remote.port(), transmit.flow.connection), (40_000, Some(ConnectionId(7))));
}

/// Requests on a lost connection fail at once; answers still owed go to sent-by over a new one (RFC 3261 §18.2.2).
#[test]
fn a_lost_connection_is_told() {
    let mut alone = Alone::new(TransactionLimits::default());
    let target = flow(Transport::Tcp, SERVER, CLIENT);
    alone.endpoint.request(alone.now, target, &SentBy::from(address(SERVER)), request(Method::Bye, "c9"));
    alone.take_in(Transport::Tcp, &wire("OPTIONS", "SIP/2.0/TCP h:5099;branch=z9hG4bKa", "", 1));
    let (tx, request) = alone.the_request();
    alone.endpoint.handle_transport_error(alone.now, target);
    assert!(matches!(alone.events()[..], [Event::TransportError { .. }]));
    alone.endpoint.respond(alone.now, tx, &Response::for_request(&request, 200, "OK"));
    let transmit = alone.endpoint.poll_transmit().unwrap();
    assert_eq!((transmit.flow.connection, transmit.flow.remote), (None, address("192.0.2.1:5099")));
    alone.assert_empty();
}

/// Broken requests are answered without a transaction, to where they came from.
#[test]
fn broken_requests_are_answered() {
    let mut alone = Alone::new(TransactionLimits::default());
    let text = wire("OPTIONS", VIA, "", 1).replace("CSeq: 1", "CSeq: one");
    let error = parse_datagram(&Bytes::from(text), &Limits::default()).unwrap_err();
    let from = Flow { remote: address("192.0.2.1:40000"), ..flow(Transport::Udp, SERVER, CLIENT) };
    alone.endpoint.handle_invalid(from, &error);
    let transmit = alone.endpoint.poll_transmit().unwrap();
    assert_eq!(transmit.flow.remote.port(), 40_000);
    let text = String::from_utf8(transmit.bytes.to_vec()).unwrap();
    assert!(text.starts_with("SIP/2.0 400 ") && text.contains("received=192.0.2.1") && text.contains("CSeq: one"));
    alone.assert_empty();
}

/// Responses that are not ours, have several Vias or another CSeq method are dropped.
#[test]
fn foreign_responses_are_dropped() {
    let mut alone = Alone::new(TransactionLimits::default());
    let target = flow(Transport::Udp, CLIENT, SERVER);
    alone.endpoint.request(alone.now, target, &SentBy::from(address(CLIENT)), request(Method::Message, "c1"));
    let Message::Request(sent) = decoded(&alone.endpoint.poll_transmit().unwrap()) else { panic!() };
    let good = Response::for_request(&sent, 200, "OK");
    let mut twice = good.clone();
    twice.headers.push(HeaderName::Via, "SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23");
    let mut other = good.clone();
    other.headers.set(HeaderName::CSeq, "1 INVITE");
    let mut unknown = good.clone();
    unknown.headers.set(HeaderName::Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK0000000000000000");
    for response in [twice, other, unknown] {
        alone.endpoint.handle_message(alone.now, target, Message::Response(response));
    }
    assert!(alone.events().is_empty());
    assert_eq!(alone.endpoint.stats().responses_unmatched, 3);
    alone.endpoint.handle_message(alone.now, target, Message::Response(good));
    assert!(matches!(alone.events()[..], [Event::Response { .. }]));
}

/// A CANCEL waits for the first provisional response; an INVITE that is still not answered counts as cancelled.
#[test]
fn our_cancel_waits_for_a_sign_of_life() {
    let mut alone = Alone::new(TransactionLimits::default());
    let target = flow(Transport::Udp, CLIENT, SERVER);
    let tx = alone.endpoint.request(alone.now, target, &SentBy::from(address(CLIENT)), request(Method::Invite, "c1"));
    let Message::Request(invite) = decoded(&alone.endpoint.poll_transmit().unwrap()) else { panic!() };
    alone.endpoint.cancel(alone.now, tx);
    assert_eq!(alone.sent(), [""; 0]);
    let trying = Message::Response(Response::for_request(&invite, 100, "Trying"));
    alone.endpoint.handle_message(alone.now, target, trying);
    let Message::Request(cancel) = decoded(&alone.endpoint.poll_transmit().unwrap()) else { panic!() };
    assert_eq!(cancel.method, Method::Cancel);
    assert_eq!(cancel.headers.top_via().unwrap(), invite.headers.top_via().unwrap());
    let ok = Message::Response(Response::for_request(&cancel, 200, "OK"));
    alone.endpoint.handle_message(alone.now, target, ok);
    assert!(matches!(alone.events()[..], [Event::Response { .. }]));
    let mut terminated = Response::for_request(&invite, 487, "");
    terminated.set_to_tag("t1");
    alone.endpoint.handle_message(alone.now, target, Message::Response(terminated));
    assert!(matches!(&alone.events()[..], [Event::Response { response, .. }] if response.code == 487));
    let Message::Request(ack) = decoded(&alone.endpoint.poll_transmit().unwrap()) else { panic!() };
    assert_eq!((ack.method, ack.headers.cseq().unwrap().seq), (Method::Ack, 1));
    assert_eq!(ack.headers.to_tag().unwrap().as_deref(), Some("t1"));
    alone.run_until(Duration::from_secs(60));
    alone.assert_empty();
}

/// With a third of the datagrams lost, all reordered and some doubled, every request reaches the core once and ends once.
#[test]
fn loss_and_reordering_are_survived() {
    for seed in 0..40 {
        run_lossy(seed);
    }
}

fn run_lossy(seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut client, mut server) = (Alone::new(TransactionLimits::default()), Alone::new(TransactionLimits::default()));
    let mut now = client.now;
    let mut network: BTreeMap<(Instant, u64), (bool, Bytes)> = BTreeMap::new();
    let mut posted = 0;
    let (mut asked, mut ended, mut received) = (0, BTreeMap::new(), BTreeMap::new());
    for index in 0..20 {
        let method = if index % 2 == 0 { Method::Invite } else { Method::Message };
        let target = flow(Transport::Udp, CLIENT, SERVER);
        let request = request(method, &format!("call-{index}"));
        client.endpoint.request(now, target, &SentBy::from(address(CLIENT)), request);
        asked += 1;
    }
    loop {
        for (to_server, endpoint) in [(true, &mut client.endpoint), (false, &mut server.endpoint)] {
            while let Some(transmit) = endpoint.poll_transmit() {
                let copies = match rng.random_range(0..10) {
                    0..=2 => 0,
                    3 => 2,
                    _ => 1,
                };
                for _ in 0..copies {
                    posted += 1;
                    let at = now + Duration::from_millis(rng.random_range(1..800));
                    network.insert((at, posted), (to_server, transmit.bytes.clone()));
                }
            }
        }
        for event in server.events() {
            let Event::Request { tx, request, .. } = event else { panic!("{event:?}") };
            *received.entry(request.headers.call_id().unwrap().to_owned()).or_insert(0) += 1;
            let mut response = Response::for_request(&request, 486, "Busy Here");
            response.set_to_tag("t");
            server.endpoint.respond(now, tx, &response);
        }
        for event in client.events() {
            match event {
                Event::Response { tx, response } if response.code == 486 => *ended.entry(tx).or_insert(0) += 1,
                Event::Timeout { tx } => *ended.entry(tx).or_insert(0) += 1,
                Event::Response { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        let due = [
            client.endpoint.poll_timeout(),
            server.endpoint.poll_timeout(),
            network.first_key_value().map(|((at, _), _)| *at),
        ];
        let Some(next) = due.into_iter().flatten().min() else { break };
        if next > now {
            now = next;
            client.endpoint.handle_timeout(now);
            server.endpoint.handle_timeout(now);
        }
        while let Some(entry) = network.first_entry().filter(|entry| entry.key().0 <= now) {
            let (to_server, bytes) = entry.remove();
            let message = parse_datagram(&bytes, &Limits::default()).unwrap();
            if to_server {
                server.endpoint.handle_message(now, flow(Transport::Udp, SERVER, CLIENT), message);
            } else {
                client.endpoint.handle_message(now, flow(Transport::Udp, CLIENT, SERVER), message);
            }
        }
    }
    assert_eq!(ended.len(), asked, "seed {seed}");
    assert!(ended.values().all(|count| *count == 1), "seed {seed}");
    assert!(received.values().all(|count| *count == 1), "seed {seed}: {received:?}");
    client.assert_empty();
    server.assert_empty();
}
