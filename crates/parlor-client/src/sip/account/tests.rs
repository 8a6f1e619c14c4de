//! The user agent of an account against a scripted server, on a virtual clock.

mod composing;
mod messages;
mod presence;
mod registration;

use std::time::{Duration, Instant};

use parlor_sip::{
    ConnectionId, Flow, HeaderName, Limits, Message, NameAddr, Request, Response, Transport, Uri, parse_datagram,
    reason_phrase,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::oneshot;

use super::{Agent, Content, Letter, Settings};
use crate::account::{AccountEvent, MessageError, Receipt};
use crate::options::Login;
use crate::sip::core::Identity;

const CHALLENGE: &str = "Digest realm=\"here\", nonce=\"first\", algorithm=SHA-256, qop=\"auth\"";

/// A user agent and the time.
struct Scene {
    agent: Agent,
    now: Instant,
    serial: u32,
}

fn flow(transport: Transport, port: u16) -> Flow {
    Flow {
        transport,
        local: ([127, 0, 0, 1], port).into(),
        remote: "127.0.0.1:5060".parse().unwrap(),
        connection: transport.is_reliable().then_some(ConnectionId(port.into())),
    }
}

fn uri(name: &str) -> Uri {
    format!("sip:{name}@example.com").parse().unwrap()
}

impl Scene {
    fn new(transport: Transport) -> Self {
        let settings = Settings {
            registrar: Some("sip:example.com".parse().unwrap()),
            instance: "<urn:uuid:1>".to_owned(),
            expires: 3600,
        };
        let identity = Identity {
            from: NameAddr::new(uri("alice")).with_display("Alice"),
            login: Some(Login { user: "alice".to_owned(), password: "s3cret".to_owned() }),
            user_agent: "test".to_owned(),
        };
        let agent = Agent::new(settings, identity, flow(transport, 40_000), 7, StdRng::seed_from_u64(1));
        Self { agent, now: Instant::now(), serial: 0 }
    }

    /// The next that we send.
    fn sent(&mut self) -> Option<Message> {
        let transmit = self.agent.poll_transmit()?;
        Some(parse_datagram(&transmit.bytes, &Limits::default()).unwrap())
    }

    fn request(&mut self) -> Request {
        match self.sent().expect("a request") {
            Message::Request(request) => request,
            Message::Response(response) => panic!("{} instead of a request", response.code),
        }
    }

    fn silent(&mut self) -> bool {
        self.sent().is_none()
    }

    fn answer(&mut self, request: &Request, code: u16, fields: &[(HeaderName, &str)]) {
        let mut response = Response::for_request(request, code, reason_phrase(code));
        response.set_to_tag("server");
        fields.iter().for_each(|(name, value)| response.headers.push(name.clone(), value));
        self.agent.handle_message(self.now, Message::Response(response));
    }

    /// A request of somebody, and our answer.
    fn ask(&mut self, method: &str, fields: &str, body: &str) -> Response {
        self.serial += 1;
        self.ask_as(self.serial, self.serial, method, fields, body)
    }

    /// The same with that branch and CSeq.
    fn ask_as(&mut self, branch: u32, seq: u32, method: &str, fields: &str, body: &str) -> Response {
        let text = format!(
            "{method} sip:alice@127.0.0.1:40000 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bK{branch}\r\n\
             From: \"Bob\" <sip:bob@example.com>;tag=b\r\nCall-ID: of-bob\r\nCSeq: {seq} {method}\r\n\
             {to}{fields}Content-Length: {length}\r\n\r\n{body}",
            to = if fields.contains("To:") { "" } else { "To: <sip:alice@example.com>\r\n" },
            length = body.len(),
        );
        let limits = Limits { body: 1024 * 1024, ..Limits::default() };
        self.agent.handle_message(self.now, parse_datagram(&text.into(), &limits).unwrap());
        match self.sent().expect("an answer") {
            Message::Response(response) => response,
            Message::Request(request) => panic!("{} instead of an answer", request.method),
        }
    }

    /// Writes to somebody.
    fn write(&mut self, to: &str, text: &str) -> oneshot::Receiver<Result<Receipt, MessageError>> {
        let (done, told) = oneshot::channel();
        let content = Content::Text { text: text.to_owned(), done };
        self.agent.send(self.now, Letter { to: uri(to), content });
        told
    }

    /// Lets the time of the next timer come; how long that took.
    fn wait(&mut self) -> Duration {
        let due = self.agent.poll_timeout().expect("a timer").max(self.now);
        let waited = due - self.now;
        self.now = due;
        self.agent.handle_timeout(due);
        waited
    }

    /// Lets time pass until we ask something; how long that took.
    fn wait_for_request(&mut self) -> (Duration, Request) {
        let start = self.now;
        loop {
            self.wait();
            match self.sent() {
                Some(Message::Request(request)) => return (self.now - start, request),
                Some(Message::Response(_)) | None => {}
            }
        }
    }

    /// Lets so much time pass.
    fn pass(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        while let Some(due) = self.agent.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.agent.handle_timeout(self.now);
        }
        self.now = until;
    }

    fn event(&mut self) -> Option<AccountEvent> {
        self.agent.poll_event()
    }
}
