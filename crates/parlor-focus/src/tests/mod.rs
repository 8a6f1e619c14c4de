//! A focus and its room on a virtual clock, driven with SIP as it stands on the wire.

mod change;
mod dial_out;
mod identity;
mod join;
mod leave;
mod lines;
mod pager;
mod random;
mod refer;
mod replaces;
mod roster;
mod server;
mod session_timer;
mod shown;
mod subscribe;
mod transfer;

use crate::sdp::{MsrpAddress, MsrpAddresses};
use crate::{Account, Caller, DialogChange, EndReason, Focus, Output, Reject, RequestId, Settings};
use bytes::Bytes;
use parlor_room::{Hosts, Room, Rules, SessionId};
use parlor_sip::{
    ConnectionId, Contacts, Endpoint, Event, Flow, HeaderName, Limits, Message, Method, Request, Response,
    ServerTransactionId, SipAddress, TransactionLimits, Transport, parse_datagram,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) const OFFER: &str = "v=0\r\n\
o=- 3941000000 3941000000 IN IP4 192.0.2.9\r\n\
s=-\r\n\
t=0 0\r\n\
m=message 35631 TCP/MSRP *\r\n\
c=IN IP4 192.0.2.9\r\n\
a=path:msrp://192.0.2.9:35631/eeb820f9763af2ba158d;tcp\r\n\
a=accept-types:message/cpim text/*\r\n\
a=accept-wrapped-types:text/*\r\n\
a=setup:actpass\r\n";

/// The methods that are served.
pub(crate) const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, REFER, SUBSCRIBE, NOTIFY, MESSAGE";
/// The extensions that are told.
pub(crate) const SUPPORTED: &str = "timer, replaces, join, norefersub";

/// The usual offer with a second message line at this port.
pub(crate) fn two_lines(port: &str) -> String {
    format!(
        "{OFFER}m=message {port} TCP/MSRP *\r\na=path:msrp://192.0.2.9:35631/2nd;tcp\r\na=accept-types:message/cpim\r\n\
         a=setup:actpass\r\n"
    )
}

pub(crate) struct Scene {
    pub(crate) now: Instant,
    pub(crate) room: Room,
    pub(crate) focus: Focus,
    endpoint: Endpoint,
    transactions: u32,
    /// Who sends the requests that follow.
    pub(crate) caller: Caller,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(|_| {}, |_| {})
    }

    pub(crate) fn with(rules: impl FnOnce(&mut Rules), settings: impl FnOnce(&mut Settings)) -> Self {
        let hosts = Arc::new(Hosts::new("chat.example.com", ["192.0.2.1".to_owned()]));
        let mut own_rules = Rules::default();
        rules(&mut own_rules);
        let room = Room::new("lobby", hosts.clone(), own_rules).unwrap();
        let mut own = Settings::new(hosts);
        let sip = |port| Some(SipAddress { host: "192.0.2.1".into(), port });
        let msrp = |port| Some(MsrpAddress { host: "192.0.2.1".into(), port });
        own.contacts = Contacts { udp: sip(5060), tcp: sip(5062), tls: sip(5061) };
        own.msrp = MsrpAddresses { tcp: msrp(2855), tls: msrp(2856) };
        settings(&mut own);
        Self {
            now: start(),
            room,
            focus: Focus::new(Arc::new(own), "r1".into(), StdRng::seed_from_u64(1)),
            endpoint: Endpoint::new(TransactionLimits::default(), StdRng::seed_from_u64(2)),
            transactions: 0,
            caller: Caller::UNVERIFIED,
        }
    }

    /// A transaction to answer in.
    fn tx(&mut self) -> ServerTransactionId {
        self.transactions += 1;
        let text = format!(
            "OPTIONS sip:x@chat.example.com SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK{0}\r\n\
             From: <sip:a@b>;tag=x{0}\r\nTo: <sip:x@b>\r\nCall-ID: tx{0}\r\nCSeq: 1 OPTIONS\r\n\r\n",
            self.transactions
        );
        let (now, flow) = (self.now, tcp());
        self.endpoint.handle_message(now, flow, Message::Request(parse(&text)));
        loop {
            match self.endpoint.poll_event().expect("the request is told") {
                Event::Request { tx, .. } => return tx,
                _ => continue,
            }
        }
    }

    /// Everything the focus wants done now.
    pub(crate) fn outputs(&mut self) -> Vec<Output> {
        let (now, room) = (self.now, &self.room);
        std::iter::from_fn(|| self.focus.poll_output().or_else(|| self.focus.poll_notify(now, room))).collect()
    }

    /// Passes a request on, and returns what came of it, the response apart.
    pub(crate) fn request(&mut self, request: &Request, flow: Flow) -> (Response, Vec<Output>) {
        let tx = self.tx();
        self.focus.handle_request(self.now, &mut self.room, tx, request, flow, &self.caller.clone());
        let mut rest = self.outputs();
        let at = rest.iter().position(|output| matches!(output, Output::Respond { .. })).expect("an answer");
        let Output::Respond { tx: answered, response } = rest.remove(at) else { unreachable!() };
        assert_eq!(answered, tx);
        assert!(!rest.iter().any(|output| matches!(output, Output::Respond { .. })), "one answer only");
        assert!(response.headers.to_tag().unwrap().is_some(), "SIP-29");
        (response, rest)
    }

    pub(crate) fn ack(&mut self, request: &Request) -> Vec<Output> {
        self.focus.handle_ack(self.now, &mut self.room, request);
        self.outputs()
    }

    /// A session's connection is there.
    pub(crate) fn bound(&mut self, session: SessionId) {
        self.focus.handle_bound(&mut self.room, session);
    }

    /// A session's connection is lost.
    pub(crate) fn unbound(&mut self, session: SessionId) {
        self.focus.handle_unbound(self.now, &mut self.room, session);
    }

    /// Lets time pass, through everything that is due on the way.
    pub(crate) fn pass(&mut self, time: Duration) -> Vec<Output> {
        let end = self.now + time;
        let mut all = Vec::new();
        while let Some(at) = self.focus.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.focus.handle_timeout(self.now, &mut self.room);
            all.extend(self.outputs());
        }
        self.now = end;
        all
    }

    /// Answers a request of the focus.
    pub(crate) fn answer(&mut self, id: RequestId, response: &Response) -> Vec<Output> {
        self.focus.handle_response(self.now, &mut self.room, id, response);
        self.outputs()
    }

    /// Somebody joins with the usual offer and acknowledges.
    pub(crate) fn joined(&mut self, name: &'static str) -> Peer {
        let mut peer = Peer::new(name);
        let (response, _) = self.request(&peer.invite(Some(OFFER)), peer.flow);
        assert_eq!(response.code, 200);
        peer.learn(&response);
        self.ack(&peer.ack(None));
        peer
    }

    /// The session of the only participant.
    pub(crate) fn session(&self) -> SessionId {
        self.room.sessions().next().expect("a session").0
    }
}

/// A user agent: what it needs to write requests.
pub(crate) struct Peer {
    name: &'static str,
    pub(crate) flow: Flow,
    pub(crate) uri: String,
    to_tag: Option<String>,
    pub(crate) cseq: u32,
    /// Header lines added to each request.
    pub(crate) extra: String,
    pub(crate) contact: String,
}

impl Peer {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            flow: tcp(),
            uri: "sip:lobby@chat.example.com".into(),
            to_tag: None,
            cseq: 0,
            extra: "Supported: timer\r\nAllow: INVITE, ACK, BYE, UPDATE\r\n".into(),
            contact: format!("<sip:{name}@192.0.2.9:5070;transport=tcp>"),
        }
    }

    fn write(&self, method: &str, cseq: u32, body: Option<&str>) -> Request {
        let (name, contact) = (self.name, &self.contact);
        let to_tag = self.to_tag.as_ref().map_or(String::new(), |tag| format!(";tag={tag}"));
        let kind = if body.is_some() && !self.extra.contains("Content-Type") {
            "Content-Type: application/sdp\r\n"
        } else {
            ""
        };
        parse(&format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.9:5070;branch=z9hG4bK{name}{cseq}{method}\r\n\
             Max-Forwards: 70\r\nFrom: \"{name}\" <sip:{name}@example.org>;tag=f{name}\r\n\
             To: <sip:lobby@chat.example.com>{to_tag}\r\nCall-ID: call-{name}\r\nCSeq: {cseq} {method}\r\n\
             Contact: {contact}\r\n{}{kind}\r\n{}",
            self.uri,
            self.extra,
            body.unwrap_or("")
        ))
    }

    pub(crate) fn next(&mut self, method: &str, body: Option<&str>) -> Request {
        self.cseq += 1;
        self.write(method, self.cseq, body)
    }

    pub(crate) fn invite(&mut self, body: Option<&str>) -> Request {
        self.next("INVITE", body)
    }

    pub(crate) fn ack(&self, body: Option<&str>) -> Request {
        self.write("ACK", self.cseq, body)
    }

    pub(crate) fn tag(&self) -> String {
        format!("f{}", self.name)
    }

    pub(crate) fn learn(&mut self, response: &Response) {
        self.to_tag = response.headers.to_tag().unwrap().map(String::from);
    }
}

pub(crate) fn parse(text: &str) -> Request {
    match parse_datagram(&Bytes::copy_from_slice(text.as_bytes()), &Limits::default()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{text}: {other:?}"),
    }
}

/// The response to a request of the focus.
pub(crate) fn reply(request: &Request, code: u16, headers: &[(&str, &str)], body: &str) -> Response {
    let mut response = Response::for_request(request, code, "Whatever");
    for (name, value) in headers {
        response.headers.push(HeaderName::from(*name), value);
    }
    if !body.is_empty() {
        response.headers.push(HeaderName::ContentType, "application/sdp");
    }
    response.body = Bytes::copy_from_slice(body.as_bytes());
    response
}

pub(crate) fn tcp() -> Flow {
    Flow {
        transport: Transport::Tcp,
        local: "192.0.2.1:5062".parse().unwrap(),
        remote: "192.0.2.9:40001".parse().unwrap(),
        connection: Some(ConnectionId(7)),
    }
}

pub(crate) fn udp(remote: &str) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: remote.parse().unwrap(),
        connection: None,
    }
}

#[allow(clippy::disallowed_methods)] // Any instant will do as the beginning of time.
fn start() -> Instant {
    Instant::now()
}

pub(crate) fn text(response: &Response) -> &str {
    std::str::from_utf8(&response.body).unwrap()
}

pub(crate) fn value<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.first(&HeaderName::from(name))
}

/// The one request among outputs.
pub(crate) fn sent(outputs: &[Output], method: &Method) -> (RequestId, Request) {
    let mut found = outputs.iter().filter_map(|output| match output {
        Output::Request { id, request, .. } => Some((*id, request.clone())),
        _ => None,
    });
    let (id, request) = found.next().unwrap_or_else(|| panic!("no {method} in {outputs:?}"));
    assert_eq!(request.method, *method);
    assert!(found.next().is_none());
    (id, request)
}

pub(crate) fn closed(outputs: &[Output]) -> Option<EndReason> {
    outputs.iter().find_map(|output| match output {
        Output::CloseSession { reason, .. } => Some(*reason),
        _ => None,
    })
}

pub(crate) fn connects(outputs: &[Output]) -> bool {
    outputs.iter().any(|output| matches!(output, Output::Connect { .. }))
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);
