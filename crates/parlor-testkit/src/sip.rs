//! The SIP side of a simulated participant: requests as they stand on the wire.

use bytes::Bytes;
use parlor_sip::{
    ConnectionId, Endpoint, Event, Flow, Limits, Message, Request, Response, ServerTransactionId, TransactionLimits,
    Transport, parse_datagram,
};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use std::time::Instant;

/// Where the participants' SIP comes from.
pub fn flow() -> Flow {
    Flow {
        transport: Transport::Tcp,
        local: "192.0.2.1:5060".parse().expect("an address"),
        remote: "192.0.2.9:40001".parse().expect("an address"),
        connection: Some(ConnectionId(7)),
    }
}

/// Gives out server transactions to answer in.
#[derive(Debug)]
pub struct Transactions {
    endpoint: Endpoint,
    given: u32,
}

impl Transactions {
    /// None given yet.
    pub fn new() -> Self {
        Self { endpoint: Endpoint::new(TransactionLimits::default(), StdRng::seed_from_u64(2)), given: 0 }
    }

    /// A further transaction.
    pub fn next(&mut self, now: Instant) -> ServerTransactionId {
        self.given += 1;
        let n = self.given;
        let request = parse(&format!(
            "OPTIONS sip:x@chat.example.com SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKt{n}\r\n\
             From: <sip:a@b>;tag=x{n}\r\nTo: <sip:x@b>\r\nCall-ID: t{n}\r\nCSeq: 1 OPTIONS\r\n\r\n"
        ));
        self.endpoint.handle_message(now, flow(), Message::Request(request));
        while let Some(event) = self.endpoint.poll_event() {
            if let Event::Request { tx, .. } = event {
                return tx;
            }
        }
        panic!("the endpoint tells of every request")
    }
}

impl Default for Transactions {
    fn default() -> Self {
        Self::new()
    }
}

/// One dialog of a participant.
#[derive(Debug)]
pub struct Phone {
    call: String,
    user: String,
    room: String,
    to_tag: Option<String>,
    cseq: u32,
}

impl Phone {
    /// Nothing sent yet. `call` is unique.
    pub fn new(call: &str, user: &str, room: &str) -> Self {
        Self { call: call.into(), user: user.into(), room: room.into(), to_tag: None, cseq: 0 }
    }

    /// An INVITE that offers one MSRP session under `path`.
    pub fn invite(&mut self, path: &str, max_size: Option<u64>) -> Request {
        let max_size = max_size.map_or(String::new(), |size| format!("a=max-size:{size}\r\n"));
        let offer = format!(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nt=0 0\r\nm=message 9 TCP/MSRP *\r\nc=IN IP4 192.0.2.9\r\n\
             a=path:{path}\r\na=accept-types:message/cpim\r\na=accept-wrapped-types:*\r\na=setup:active\r\n\
             a=chatroom:nickname private-messages\r\n{max_size}"
        );
        self.cseq += 1;
        self.write("INVITE", &offer)
    }

    /// Learns from the 200.
    pub fn learn(&mut self, response: &Response) {
        self.to_tag = response.headers.to_tag().expect("a To header").map(String::from);
    }

    /// The ACK of the 200.
    pub fn ack(&self) -> Request {
        self.write("ACK", "")
    }

    /// The end.
    pub fn bye(&mut self) -> Request {
        self.cseq += 1;
        self.write("BYE", "")
    }

    fn write(&self, method: &str, body: &str) -> Request {
        let Self { call, user, room, to_tag, cseq } = self;
        let tag = to_tag.as_ref().map_or(String::new(), |tag| format!(";tag={tag}"));
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        parse(&format!(
            "{method} sip:{room}@chat.example.com SIP/2.0\r\n\
             Via: SIP/2.0/TCP 192.0.2.9:5070;branch=z9hG4bK{call}{cseq}{method}\r\nMax-Forwards: 70\r\n\
             From: <sip:{user}@example.org>;tag=f{call}\r\nTo: <sip:{room}@chat.example.com>{tag}\r\n\
             Call-ID: {call}\r\nCSeq: {cseq} {method}\r\nContact: <sip:{user}@192.0.2.9:5070;transport=tcp>\r\n\
             Allow: INVITE, ACK, BYE, UPDATE\r\n{kind}\r\n{body}"
        ))
    }
}

fn parse(text: &str) -> Request {
    match parse_datagram(&Bytes::copy_from_slice(text.as_bytes()), &Limits::default()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{text}: {other:?}"),
    }
}
