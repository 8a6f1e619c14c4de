//! MSRP as a client writes and reads it, reading with the checks of the strictest clients known.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use super::message::Headers;
use super::sip::find;
use super::wire::Wire;
use super::{PATIENCE, eventually, unique};

/// One request or response as it came.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct MsrpMessage {
    /// The transaction id.
    pub(crate) tid: String,
    /// The method, or nothing for a response.
    pub(crate) method: String,
    /// The code of a response, or 0 for a request.
    pub(crate) code: u16,
    /// The headers.
    pub(crate) headers: Headers,
    /// The body; a request may have none, which is not the same as an empty one.
    pub(crate) body: Option<Vec<u8>>,
    /// `$`, `+` or `#`.
    pub(crate) flag: char,
    /// The start line and the headers as they came.
    pub(crate) head: String,
}

impl std::fmt::Debug for MsrpMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = self.body.as_deref().unwrap_or_default();
        let shown = String::from_utf8_lossy(&body[..body.len().min(400)]);
        write!(f, "{}\n[{} bytes: {shown:?}] {}", self.head, body.len(), self.flag)
    }
}

impl MsrpMessage {
    /// A header that must be there once.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.find(name).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    /// The body, empty if there is none.
    pub(crate) fn content(&self) -> &[u8] {
        self.body.as_deref().unwrap_or_default()
    }

    /// Start, end and total of Byte-Range; `None` stands for `*`.
    pub(crate) fn byte_range(&self) -> (u64, Option<u64>, Option<u64>) {
        let value = self.header("Byte-Range");
        let (range, total) = value.split_once('/').unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let number = |text: &str| if text == "*" { None } else { Some(text.parse().unwrap()) };
        (start.parse().unwrap(), number(end), number(total))
    }

    /// Reads one message off the front, if it is there as a whole.
    pub(crate) fn read(wire: &mut Wire) -> Option<Self> {
        let bytes = wire.unread();
        let line_end = find(&bytes[..bytes.len().min(MAX_LINE)], b"\r\n")?;
        let start = std::str::from_utf8(&bytes[..line_end]).expect("a start line is ASCII");
        let mut words = start.splitn(4, ' ');
        assert_eq!(words.next(), Some("MSRP"), "no MSRP: {start:?}");
        let (tid, kind) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
        assert!(is_ident(&tid), "a transaction id: {start:?}");
        let end_line = format!("\r\n-------{tid}");
        // The end-line, whether it stands behind the last header or behind a body.
        let end = find(&bytes[line_end..], end_line.as_bytes())? + line_end;
        let after = end + end_line.len();
        if bytes.len() < after + 3 {
            return None;
        }
        let flag = char::from(bytes[after]);
        assert!(['$', '+', '#'].contains(&flag), "no flag behind an end-line: {flag:?}, {start:?}");
        assert_eq!(&bytes[after + 1..after + 3], b"\r\n", "an end-line's end");
        let whole = wire.take(after + 3);
        let message = Self::parse(&whole[..end], tid, &kind, flag);
        message.check();
        Some(message)
    }

    fn parse(before_end: &[u8], tid: String, kind: &str, flag: char) -> Self {
        let head_end = find(before_end, b"\r\n\r\n");
        let head = std::str::from_utf8(&before_end[..head_end.unwrap_or(before_end.len())]).expect("headers are UTF-8");
        let body = head_end.map(|at| before_end[at + 4..].to_vec());
        let lines: Vec<_> = head.split("\r\n").collect();
        assert!(lines.len() <= 64 && lines.iter().all(|line| line.len() <= MAX_LINE), "more than clients read: {head}");
        let code = if kind.bytes().all(|byte| byte.is_ascii_digit()) { kind.parse().unwrap() } else { 0 };
        let method = if code == 0 { kind.to_owned() } else { String::new() };
        Self {
            tid,
            method,
            code,
            headers: Headers::read(lines[1..].iter().copied()),
            body,
            flag,
            head: head.to_owned(),
        }
    }

    /// What holds for every message of ours.
    fn check(&self) {
        let names: Vec<_> = self.headers.0.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names[..2], ["To-Path", "From-Path"], "{self:?}");
        for name in &names {
            assert!(KNOWN_HEADERS.contains(name), "a header as clients do not spell it: {self:?}");
            assert_eq!(names.iter().filter(|other| other == &name).count(), 1, "{name} twice: {self:?}");
        }
        for path in [self.header("To-Path"), self.header("From-Path")] {
            assert!(path.split(' ').all(is_uri), "no MSRP URIs one space apart: {path:?}");
        }
        assert_eq!(self.body.is_some(), names.contains(&"Content-Type"), "MSRP-4, MSRP-5: {self:?}");
        assert!(self.body.is_none() || names.last() == Some(&"Content-Type"), "MSRP-3: {self:?}");
        assert!(find(self.content(), self.tid.as_bytes()).is_none(), "the body holds the transaction id: {self:?}");
        if self.code != 0 {
            assert_eq!((self.flag, self.body.is_some(), names.len()), ('$', false, 2), "MSRP-10, MSRP-60: {self:?}");
            return;
        }
        match self.method.as_str() {
            "SEND" => self.check_send(),
            "REPORT" => {
                assert!(self.flag == '$' && self.headers.find("Message-ID").is_some(), "{self:?}");
                assert!(self.header("Status").starts_with("000 "), "{self:?}");
                assert!(!names.contains(&"Success-Report") && !names.contains(&"Failure-Report"), "{self:?}");
            }
            other => panic!("the server sends {other}: {self:?}"),
        }
    }

    fn check_send(&self) {
        assert!(is_ident(self.header("Message-ID")), "{self:?}");
        let length = u64::try_from(self.content().len()).unwrap();
        if length == 0 && self.body.is_none() {
            return;
        }
        let (start, end, total) = self.byte_range();
        assert!(start >= 1, "{self:?}");
        assert!(length <= MAX_BODY, "relays fail over this: {self:?}");
        match end {
            Some(end) => {
                assert!(length <= 2048, "MSRP-33: {self:?}");
                assert_eq!(end + 1, start + length, "{self:?}");
            }
            None => assert!(length > 2048 || self.flag != '$' || length == 0 || total.is_none(), "{self:?}"),
        }
    }
}

/// A connection that speaks MSRP, with what came on it and nobody asked for yet.
pub(crate) struct MsrpPeer {
    /// The stream.
    pub(crate) wire: Wire,
    waiting: VecDeque<MsrpMessage>,
}

impl MsrpPeer {
    /// Connects over TCP.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::over(Wire::connect(address))
    }

    /// Speaks on a stream that is there already.
    pub(crate) fn over(wire: Wire) -> Self {
        Self { wire, waiting: VecDeque::new() }
    }

    /// Takes the next connection that comes to a listener.
    pub(crate) fn accepted(listener: &TcpListener) -> Self {
        listener.set_nonblocking(true).unwrap();
        let stream = eventually("the server connects", || listener.accept().ok()).0;
        stream.set_nonblocking(false).unwrap();
        Self::over(Wire::plain(stream))
    }

    /// Answers the next request with this code.
    pub(crate) fn answer_next(&mut self, code: u16) {
        let request = self.receive();
        let (to, from) = (request.header("From-Path"), request.header("To-Path"));
        self.write(format!("MSRP {0} {code} x\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\n-------{0}$\r\n", request.tid));
    }

    /// Sends bytes as they are.
    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.wire.write(bytes);
    }

    /// The next message of any kind.
    pub(crate) fn receive(&mut self) -> MsrpMessage {
        self.receive_within(PATIENCE).unwrap_or_else(|| panic!("no MSRP message comes"))
    }

    /// The next message of any kind, if one comes in time.
    pub(crate) fn receive_within(&mut self, patience: Duration) -> Option<MsrpMessage> {
        match self.waiting.pop_front() {
            Some(message) => Some(message),
            None => self.next_off_the_wire(Instant::now() + patience),
        }
    }

    fn next_off_the_wire(&mut self, until: Instant) -> Option<MsrpMessage> {
        loop {
            if let Some(message) = MsrpMessage::read(&mut self.wire) {
                return Some(message);
            }
            if !self.wire.fill(until) {
                return None;
            }
        }
    }

    /// The next message that fits; what else comes stays for later.
    pub(crate) fn receive_where(&mut self, what: &str, fits: impl Fn(&MsrpMessage) -> bool) -> MsrpMessage {
        self.find_within(PATIENCE, fits).unwrap_or_else(|| panic!("no {what}, only {:?}", self.waiting))
    }

    /// The next message that fits, if one comes in time; what else comes stays for later.
    pub(crate) fn find_within(
        &mut self,
        patience: Duration,
        fits: impl Fn(&MsrpMessage) -> bool,
    ) -> Option<MsrpMessage> {
        if let Some(at) = self.waiting.iter().position(&fits) {
            return self.waiting.remove(at);
        }
        let until = Instant::now() + patience;
        while let Some(message) = self.next_off_the_wire(until) {
            if fits(&message) {
                return Some(message);
            }
            self.waiting.push_back(message);
        }
        None
    }

    /// The code of the response to a transaction.
    pub(crate) fn response(&mut self, tid: &str) -> u16 {
        self.receive_where(&format!("response to {tid}"), |message| message.code != 0 && message.tid == tid).code
    }

    /// The next SEND.
    pub(crate) fn next_send(&mut self) -> MsrpMessage {
        self.receive_where("SEND", |message| message.method == "SEND")
    }

    /// Reads on to the last chunk of this message, and gives that.
    pub(crate) fn last_of(&mut self, id: &str) -> MsrpMessage {
        loop {
            let fits = |message: &MsrpMessage| message.method == "SEND" && message.header("Message-ID") == id;
            let chunk = self.receive_where(&format!("end of {id}"), fits);
            if chunk.flag != '+' {
                return chunk;
            }
        }
    }

    /// The next REPORT.
    pub(crate) fn next_report(&mut self) -> MsrpMessage {
        self.receive_where("REPORT", |message| message.method == "REPORT")
    }

    /// What came and was not asked for.
    pub(crate) fn unasked(&self) -> impl Iterator<Item = &MsrpMessage> {
        self.waiting.iter()
    }

    /// Waits until the server closes; nothing may come before it does.
    pub(crate) fn expect_closed(&mut self) {
        let message = self.receive_within(PATIENCE);
        assert!(message.is_none(), "{message:?} instead of the end");
        assert!(self.wire.ended(), "the connection stays open");
    }
}

/// A SEND to be written: what is not set is left out, so that each field is on the wire as given.
#[derive(Clone, Debug)]
pub(crate) struct Send {
    /// The transaction id.
    pub(crate) tid: String,
    /// To-Path.
    pub(crate) to: String,
    /// From-Path.
    pub(crate) from: String,
    /// Header lines between From-Path and Content-Type, each with its line end.
    pub(crate) headers: String,
    /// Content-Type; none for a SEND without body.
    pub(crate) kind: Option<String>,
    /// The flag of the end-line.
    pub(crate) flag: char,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Send {
    /// A whole message in one chunk.
    pub(crate) fn whole(to: &str, from: &str, body: &[u8]) -> Self {
        let length = body.len();
        let end = if length > 2048 { "*".to_owned() } else { length.to_string() };
        let headers = format!("Message-ID: {}\r\nByte-Range: 1-{end}/{length}\r\n", unique("m"));
        let kind = Some("message/cpim".to_owned());
        Self {
            tid: unique(""),
            to: to.to_owned(),
            from: from.to_owned(),
            headers,
            kind,
            flag: '$',
            body: body.to_vec(),
        }
    }

    /// A SEND that carries nothing, to bind or to keep alive.
    pub(crate) fn empty(to: &str, from: &str) -> Self {
        let headers = format!("Message-ID: {}\r\nByte-Range: 1-0/0\r\n", unique("m"));
        let (to, from) = (to.to_owned(), from.to_owned());
        Self { tid: unique(""), to, from, headers, kind: None, flag: '$', body: Vec::new() }
    }

    /// A chunk of a message: its range as it stands in the header.
    pub(crate) fn chunk(to: &str, from: &str, id: &str, range: &str, body: &[u8], flag: char) -> Self {
        let headers = format!("Message-ID: {id}\r\nByte-Range: {range}\r\n");
        Self { headers, flag, ..Self::whole(to, from, body) }
    }

    /// Adds a header line.
    pub(crate) fn header(mut self, line: &str) -> Self {
        self.headers += line;
        self.headers += "\r\n";
        self
    }

    /// Sets Content-Type.
    pub(crate) fn kind(mut self, kind: &str) -> Self {
        self.kind = Some(kind.to_owned());
        self
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Self { tid, to, from, headers, kind, flag, body } = self;
        let mut bytes = format!("MSRP {tid} SEND\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\n{headers}").into_bytes();
        if let Some(kind) = kind {
            bytes.extend_from_slice(format!("Content-Type: {kind}\r\n\r\n").as_bytes());
            bytes.extend_from_slice(body);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(format!("-------{tid}{flag}\r\n").as_bytes());
        bytes
    }
}

/// `ident` of RFC 4975 §9.
fn is_ident(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b".-+%=".contains(&byte);
    (4..=32).contains(&text.len()) && text.as_bytes()[0].is_ascii_alphanumeric() && text.bytes().all(inner)
}

fn is_uri(uri: &str) -> bool {
    let rest = uri.strip_prefix("msrp://").or_else(|| uri.strip_prefix("msrps://"));
    let authority = rest.and_then(|rest| rest.split(['/', ';']).next());
    let has_port =
        authority.and_then(|authority| authority.rsplit(':').next()).is_some_and(|port| port.parse::<u16>().is_ok());
    has_port && (uri.ends_with(";tcp") || uri.ends_with(";ws"))
}

const KNOWN_HEADERS: [&str; 10] = [
    "To-Path",
    "From-Path",
    "Message-ID",
    "Byte-Range",
    "Success-Report",
    "Failure-Report",
    "Status",
    "Content-Disposition",
    "Content-Type",
    "Use-Nickname",
];
const MAX_LINE: usize = 16_384;
/// Relays and clients are known that fail above.
const MAX_BODY: u64 = 10_000;
