//! SIP as a user agent writes and reads it.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::digest::{self, Login};
use super::message::Headers;
use super::server::{DOMAIN, Server};
use super::wire::Wire;
use super::{PATIENCE, tls, unique};

/// A request or a response as it came.
#[derive(Clone, Debug)]
pub(crate) struct SipMessage {
    /// The start line.
    pub(crate) start: String,
    /// The headers.
    pub(crate) headers: Headers,
    /// The body, as text.
    pub(crate) body: String,
    /// The body as it came.
    pub(crate) octets: Vec<u8>,
}

impl SipMessage {
    /// The status code of a response; 0 for a request.
    pub(crate) fn code(&self) -> u16 {
        self.start.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)).map_or(0, |code| code.parse().unwrap())
    }

    /// The method of a request; nothing for a response.
    pub(crate) fn method(&self) -> &str {
        if self.code() == 0 { self.start.split(' ').next().unwrap() } else { "" }
    }

    /// A header that must be there once.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.find(name).unwrap_or_else(|| panic!("no {name} in {self:#?}"))
    }

    /// The URI of the Contact.
    pub(crate) fn contact(&self) -> &str {
        let contact = self.header("Contact");
        contact.split(['<', '>']).nth(1).unwrap_or_else(|| panic!("no <URI> in {contact}"))
    }

    /// The value of an `a=` line of the body; the first of that name.
    pub(crate) fn attribute(&self, name: &str) -> &str {
        self.attributes(name).first().copied().unwrap_or_else(|| panic!("no a={name} in {self:#?}"))
    }

    /// The values of all `a=` lines of that name.
    pub(crate) fn attributes<'a>(&'a self, name: &str) -> Vec<&'a str> {
        let value = |line: &'a str| {
            let line = line.strip_prefix("a=")?.strip_prefix(name)?;
            if line.is_empty() { Some("") } else { line.strip_prefix(':') }
        };
        self.body.split("\r\n").filter_map(value).collect()
    }

    /// The value of the first line of that type in the body, such as `i=`.
    pub(crate) fn line(&self, kind: char) -> Option<&str> {
        self.body.split("\r\n").find_map(|line| line.strip_prefix(kind)?.strip_prefix('='))
    }

    /// The `m=` lines of the body.
    pub(crate) fn media(&self) -> Vec<&str> {
        self.body.split("\r\n").filter(|line| line.starts_with("m=")).collect()
    }

    fn read(head: &str, body: &[u8]) -> Self {
        let mut lines = head.split("\r\n");
        let start = lines.next().unwrap().to_owned();
        assert!(!head.contains("\r\n "), "we fold no lines: {head}");
        let text = String::from_utf8_lossy(body).into_owned();
        let message = Self { start, headers: Headers::read(lines), body: text, octets: body.to_vec() };
        assert_eq!(message.header("Content-Length"), body.len().to_string(), "{message:?}");
        message
    }
}

/// A socket that speaks SIP with the server.
pub(crate) struct SipUser {
    /// The user part of its address, and its display name with a capital letter.
    pub(crate) name: String,
    /// The host of its address.
    pub(crate) domain: String,
    transport: Transport,
    server: SocketAddr,
    /// Its address, if that is not its name at that host.
    address: Option<String>,
    /// What it answers challenges with.
    pub(crate) login: Option<Login>,
}

enum Transport {
    Udp(UdpSocket),
    Tcp(Box<Wire>),
    Tls(Box<Wire>),
}

impl SipUser {
    /// Over UDP.
    pub(crate) fn udp(server: &Server, name: &str) -> Self {
        let socket = UdpSocket::bind((server.sip.ip(), 0)).unwrap();
        Self::over(Transport::Udp(socket), server.sip, name)
    }

    /// Over UDP from a socket of the test's choice.
    pub(crate) fn udp_from(server: &Server, name: &str, socket: UdpSocket) -> Self {
        Self::over(Transport::Udp(socket), server.sip, name)
    }

    /// Over TCP.
    pub(crate) fn tcp(server: &Server, name: &str) -> Self {
        Self::over(Transport::Tcp(Box::new(Wire::connect(server.sip))), server.sip, name)
    }

    /// Over TCP, connected by the server.
    pub(crate) fn accepted(server: &Server, name: &str, wire: Wire) -> Self {
        Self::over(Transport::Tcp(Box::new(wire)), server.sip, name)
    }

    /// The same over TLS.
    pub(crate) fn accepted_tls(server: &Server, name: &str, wire: Wire) -> Self {
        Self::over(Transport::Tls(Box::new(wire)), server.sip, name)
    }

    /// Over TLS.
    pub(crate) fn tls(server: &Server, name: &str) -> Self {
        let wire = tls::connect(server.sips, &server.certificate());
        Self::over(Transport::Tls(Box::new(wire)), server.sips, name)
    }

    fn over(transport: Transport, server: SocketAddr, name: &str) -> Self {
        let domain = "example.com".to_owned();
        Self { name: name.to_owned(), domain, transport, server, address: None, login: None }
    }

    /// The same, as the user of that name whom the server knows, with the usual password.
    pub(crate) fn with_account(self) -> Self {
        let login = Login::new(&self.name, &digest::password(&self.name));
        Self { domain: DOMAIN.to_owned(), login: Some(login), ..self }
    }

    /// The same with another password.
    pub(crate) fn with_password(mut self, password: &str) -> Self {
        self.login = Some(Login::new(&self.name, password));
        self
    }

    /// The same under another address.
    pub(crate) fn with_address(self, address: &str) -> Self {
        Self { address: Some(address.to_owned()), ..self }
    }

    /// The address of record.
    pub(crate) fn uri(&self) -> String {
        self.address.clone().unwrap_or_else(|| format!("sip:{}@{}", self.name, self.domain))
    }

    /// Our address.
    pub(crate) fn local(&self) -> SocketAddr {
        match &self.transport {
            Transport::Udp(socket) => socket.local_addr().unwrap(),
            Transport::Tcp(wire) | Transport::Tls(wire) => wire.local(),
        }
    }

    /// `UDP`, `TCP` or `TLS`, as in Via.
    pub(crate) fn transport(&self) -> &'static str {
        match self.transport {
            Transport::Udp(_) => "UDP",
            Transport::Tcp(_) => "TCP",
            Transport::Tls(_) => "TLS",
        }
    }

    /// The URI that reaches us.
    pub(crate) fn contact(&self) -> String {
        let parameter = match self.transport {
            Transport::Udp(_) => "",
            Transport::Tcp(_) => ";transport=tcp",
            Transport::Tls(_) => ";transport=tls",
        };
        format!("sip:{}@{}{parameter}", self.name, self.local())
    }

    /// A fresh Via header.
    pub(crate) fn via(&self) -> String {
        format!("Via: SIP/2.0/{} {};branch={};rport\r\n", self.transport(), self.local(), unique("z9hG4bK"))
    }

    /// The stream, if it is one.
    pub(crate) fn wire(&mut self) -> &mut Wire {
        match &mut self.transport {
            Transport::Udp(_) => panic!("UDP is no stream"),
            Transport::Tcp(wire) | Transport::Tls(wire) => wire,
        }
    }

    /// Sends a message, or bytes that are none.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        match &mut self.transport {
            Transport::Udp(socket) => {
                socket.send_to(bytes.as_ref(), self.server).unwrap();
            }
            Transport::Tcp(wire) | Transport::Tls(wire) => wire.write(bytes),
        }
    }

    /// The next message.
    pub(crate) fn receive(&mut self) -> SipMessage {
        self.receive_within(PATIENCE).unwrap_or_else(|| panic!("{}: no SIP message comes", self.name))
    }

    /// The next message, if one comes in time.
    pub(crate) fn receive_within(&mut self, patience: Duration) -> Option<SipMessage> {
        let until = Instant::now() + patience;
        match &mut self.transport {
            Transport::Udp(socket) => receive_datagram(socket, until),
            Transport::Tcp(wire) | Transport::Tls(wire) => receive_from_stream(wire, until),
        }
    }

    /// The final response that comes next; it must have this code.
    pub(crate) fn expect(&mut self, code: u16) -> SipMessage {
        let response = self.final_response();
        assert_eq!(response.code(), code, "{response:#?}");
        response
    }

    /// The final response that comes next.
    pub(crate) fn final_response(&mut self) -> SipMessage {
        loop {
            let message = self.receive();
            if message.code() >= 200 {
                return message;
            }
            assert!(message.code() >= 100, "a request instead of a response: {message:#?}");
        }
    }

    /// Skips what else comes until the server sends a request of this method.
    pub(crate) fn expect_request(&mut self, method: &str) -> SipMessage {
        self.expect_request_within(PATIENCE, method)
    }

    /// As [`Self::expect_request`], with a patience of the test's choice.
    pub(crate) fn expect_request_within(&mut self, patience: Duration, method: &str) -> SipMessage {
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let message = self.receive_within(left).unwrap_or_else(|| panic!("{}: no {method} comes", self.name));
            if message.method() == method {
                return message;
            }
        }
    }

    /// What has come and was not read: all before the answer of whoever is at `uri` to an OPTIONS that is sent now.
    pub(crate) fn unread(&mut self, uri: &str) -> Vec<SipMessage> {
        let options = self.request("OPTIONS", uri, "", "");
        self.send(&options);
        let is_answer = |message: &SipMessage| options.contains(message.header("Call-ID"));
        std::iter::from_fn(|| Some(self.receive()).filter(|message| !is_answer(message))).collect()
    }

    /// Sends a request outside a dialog: start line and headers as given, Content-Length and the rest added.
    pub(crate) fn request(&self, method: &str, uri: &str, headers: &str, body: &str) -> String {
        format!(
            "{method} {uri} SIP/2.0\r\n{}Max-Forwards: 70\r\nFrom: <{}>;tag={}\r\nTo: <{uri}>\r\nCall-ID: {}\r\n\
             CSeq: 1 {method}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            self.via(),
            self.uri(),
            unique("t"),
            unique("c"),
            body.len()
        )
    }

    /// The same with a body that is no text.
    pub(crate) fn request_of(&self, method: &str, uri: &str, headers: &str, body: &[u8]) -> Vec<u8> {
        let length = format!("Content-Length: {}\r\n\r\n", body.len());
        let head = self.request(method, uri, headers, "").replace("Content-Length: 0\r\n\r\n", &length);
        [head.as_bytes(), body].concat()
    }

    /// Answers a request of the server with 200.
    pub(crate) fn answer(&mut self, request: &SipMessage) {
        self.answer_with(request, "200 OK", "");
    }

    /// Answers a request of the server.
    pub(crate) fn answer_with(&mut self, request: &SipMessage, status: &str, headers: &str) {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for (name, value) in &request.headers.0 {
            if ["Via", "From", "To", "Call-ID", "CSeq"].contains(&name.as_str()) {
                text += &format!("{name}: {value}\r\n");
            }
        }
        text += &format!("{headers}Content-Length: 0\r\n\r\n");
        self.send(text);
    }
}

fn receive_datagram(socket: &UdpSocket, until: Instant) -> Option<SipMessage> {
    let left = until.saturating_duration_since(Instant::now());
    socket.set_read_timeout(Some(left.max(Duration::from_millis(1)))).unwrap();
    let mut buffer = vec![0; 65_536];
    let length = socket.recv(&mut buffer).ok()?;
    let end = find(&buffer[..length], b"\r\n\r\n").expect("a datagram is a whole message");
    let head = std::str::from_utf8(&buffer[..end]).unwrap();
    Some(SipMessage::read(head, &buffer[end + 4..length]))
}

fn receive_from_stream(wire: &mut Wire, until: Instant) -> Option<SipMessage> {
    loop {
        while wire.unread().starts_with(b"\r\n") {
            wire.take(2);
        }
        if let Some(end) = find(wire.unread(), b"\r\n\r\n") {
            let head = String::from_utf8(wire.unread()[..end].to_vec()).unwrap();
            let length = head.split("\r\n").find_map(|line| line.strip_prefix("Content-Length: "));
            let length: usize = length.expect("Content-Length on a stream").parse().unwrap();
            if wire.unread().len() >= end + 4 + length {
                let whole = wire.take(end + 4 + length);
                return Some(SipMessage::read(&head, &whole[end + 4..]));
            }
        }
        if !wire.fill(until) {
            return None;
        }
    }
}

/// Where `wanted` begins in `bytes`.
pub(crate) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, wanted)
}

/// One side of a dialog: what stays the same in its requests.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The room as it was called.
    pub(crate) room: String,
    /// Where requests go: the room, then the Contact of the response.
    pub(crate) target: String,
    /// From, with our tag.
    pub(crate) from: String,
    /// To, with the server's tag when it is known.
    pub(crate) to: String,
    /// Call-ID.
    pub(crate) id: String,
    /// CSeq of the last request.
    pub(crate) cseq: u32,
    /// Branch of the last request.
    pub(crate) branch: String,
    invite_cseq: u32,
    contact: String,
    via: String,
}

impl Call {
    /// A call that has not begun.
    pub(crate) fn new(user: &SipUser, room: &str) -> Self {
        let mut display = user.name.clone();
        display[..1].make_ascii_uppercase();
        Self {
            room: room.to_owned(),
            target: room.to_owned(),
            from: format!("{display} <{}>;tag={}", user.uri(), unique("f")),
            to: format!("<{room}>"),
            id: unique("call"),
            cseq: 0,
            branch: String::new(),
            invite_cseq: 0,
            contact: format!("<{}>", user.contact()),
            via: format!("SIP/2.0/{} {}", user.transport(), user.local()),
        }
    }

    /// The callee's side of a call of the server, answered with this tag.
    pub(crate) fn of_invite(user: &SipUser, invite: &SipMessage, tag: &str) -> Self {
        let mut call = Self::new(user, invite.contact());
        call.from = format!("{};tag={tag}", invite.header("To"));
        invite.header("From").clone_into(&mut call.to);
        invite.header("Call-ID").clone_into(&mut call.id);
        call
    }

    /// INVITE with an offer, or without one if it is empty.
    pub(crate) fn invite(&mut self, headers: &str, offer: &str) -> String {
        self.request("INVITE", headers, offer)
    }

    /// INVITE, once more with an answer if the user is asked for its password and has one; the final response. A refusal is
    /// acknowledged.
    pub(crate) fn ask_to_join(&mut self, user: &mut SipUser, headers: &str, offer: &str) -> SipMessage {
        self.ask(user, "INVITE", headers, offer)
    }

    /// A request in the dialog, as [`Self::ask_to_join`].
    pub(crate) fn ask(&mut self, user: &mut SipUser, method: &str, headers: &str, body: &str) -> SipMessage {
        let mut response = self.ask_once(user, method, headers, body);
        if response.code() == 401
            && let Some(login) = &mut user.login
        {
            let answer = login.answer(&response, method, &self.target, body);
            response = self.ask_once(user, method, &format!("{headers}{answer}"), body);
        }
        response
    }

    /// A request in the dialog, and the final response to it. The refusal of an INVITE is acknowledged.
    pub(crate) fn ask_once(&mut self, user: &mut SipUser, method: &str, headers: &str, body: &str) -> SipMessage {
        user.send(self.request(method, headers, body));
        let response = user.final_response();
        if method == "INVITE" && response.code() >= 300 {
            let mut same = self.clone();
            same.room.clone_from(&self.target);
            user.send(same.ack_failure(&response));
        }
        response
    }

    /// The next request of the dialog.
    pub(crate) fn request(&mut self, method: &str, headers: &str, body: &str) -> String {
        self.cseq += 1;
        if method == "INVITE" {
            self.invite_cseq = self.cseq;
        }
        self.branch = unique("z9hG4bK");
        self.text(method, self.cseq, headers, body)
    }

    /// ACK of the last INVITE's 2xx.
    pub(crate) fn ack(&mut self, body: &str) -> String {
        let branch = std::mem::replace(&mut self.branch, unique("z9hG4bK"));
        let text = self.text("ACK", self.invite_cseq, "", body);
        self.branch = branch;
        text
    }

    /// ACK of the last INVITE's failure: the same transaction.
    pub(crate) fn ack_failure(&self, response: &SipMessage) -> String {
        let mut same = self.clone();
        same.to = response.header("To").to_owned();
        same.target.clone_from(&self.room);
        same.text("ACK", self.invite_cseq, "", "")
    }

    /// CANCEL of the last INVITE.
    pub(crate) fn cancel(&self) -> String {
        self.text("CANCEL", self.invite_cseq, "", "")
    }

    /// Takes over what a 2xx says: the server's tag and where to send requests now.
    pub(crate) fn established(&mut self, response: &SipMessage) {
        response.header("To").clone_into(&mut self.to);
        response.contact().clone_into(&mut self.target);
    }

    fn text(&self, method: &str, cseq: u32, headers: &str, body: &str) -> String {
        let has_type = body.is_empty() || headers.contains("Content-Type: ");
        let kind = if has_type { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} {} SIP/2.0\r\nVia: {};branch={};rport\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\n\
             Call-ID: {}\r\nCSeq: {cseq} {method}\r\nContact: {}\r\n{headers}{kind}Content-Length: {}\r\n\r\n{body}",
            self.target,
            self.via,
            self.branch,
            self.from,
            self.to,
            self.id,
            self.contact,
            body.len()
        )
    }
}

/// The offer of a client that can both connect and be connected to.
pub(crate) fn offer(path: &str) -> String {
    let (host, port) = host_and_port(path);
    let family = if host.contains(':') { "IP6" } else { "IP4" };
    let protocol = if path.starts_with("msrps:") { "TCP/TLS/MSRP" } else { "TCP/MSRP" };
    format!(
        "v=0\r\no=- 3724394400 3724394400 IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\nt=0 0\r\n\
         m=message {port} {protocol} *\r\na=accept-types:message/cpim text/plain\r\na=accept-wrapped-types:*\r\n\
         a=setup:actpass\r\na=path:{path}\r\na=chatroom:nickname private-messages\r\n"
    )
}

/// Host, without brackets, and port of an MSRP URI.
pub(crate) fn host_and_port(path: &str) -> (&str, &str) {
    let authority = path.split("://").nth(1).unwrap().split(['/', ';']).next().unwrap();
    let (host, port) = authority.rsplit_once(':').unwrap();
    (host.trim_matches(['[', ']']), port)
}

/// The URI of the server itself.
pub(crate) fn server_uri() -> String {
    format!("sip:{DOMAIN}")
}
