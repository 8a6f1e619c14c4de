//! Messages from a byte stream, framed by Content-Length (RFC 3261 §18.3, RFC 5626 §3.5.1).

use bytes::{Buf, Bytes, BytesMut};

use super::error::{ParseError, ParseErrorKind, TooLarge};
use super::head::Head;
use super::{Message, check};
use crate::limits::Limits;

/// Cuts a TCP or TLS stream into messages. Feed it with [`StreamDecoder::push`], then call [`StreamDecoder::poll`] until
/// it says `Ok(None)`. After an error the stream has no known message boundary: send the answer the error offers, if
/// any, and close the connection.
#[derive(Debug)]
pub struct StreamDecoder {
    limits: Limits,
    buffer: BytesMut,
    /// Something was taken out of the buffer since it last waited.
    consumed: bool,
    state: State,
}

/// What a stream held.
#[derive(Debug)]
pub enum StreamEvent {
    /// A message.
    Message(Message),
    /// Two line ends between messages: a keepalive to be answered by one (SIP-7).
    Ping,
    /// A broken message whose end is known: answer it, the stream goes on.
    Invalid(ParseError),
}

/// The end of a message is not known, so the stream cannot go on.
#[derive(Debug, thiserror::Error)]
#[error("framing lost: {0}")]
pub struct StreamError(pub ParseError);

impl StreamError {
    /// The broken message, from which an answer may be derived.
    pub fn parse_error(&self) -> &ParseError {
        &self.0
    }
}

#[derive(Debug)]
enum State {
    /// Between messages, with the number of line ends seen that may still become a ping.
    Between { line_ends: u8 },
    /// Within a header block whose first `scanned` bytes hold no end of it.
    Head { scanned: usize, start_line_ended: bool },
    /// The header block is read, the body is awaited.
    Body { head: Box<Head>, length: usize },
    /// Framing is lost.
    Failed,
}

const BETWEEN: State = State::Between { line_ends: 0 };

impl StreamDecoder {
    /// A decoder at the beginning of a stream.
    pub fn new(limits: Limits) -> Self {
        Self { limits, buffer: BytesMut::new(), consumed: false, state: BETWEEN }
    }

    /// Whether bytes of an unfinished message are held; a connection that stays so for long may be closed.
    pub fn is_mid_message(&self) -> bool {
        !matches!(self.state, State::Between { .. }) || !self.buffer.is_empty()
    }

    /// Takes in what was read. Bytes after a failure are dropped.
    pub fn push(&mut self, bytes: Bytes) {
        if matches!(self.state, State::Failed) {
            return;
        }
        if self.buffer.is_empty() {
            self.buffer = BytesMut::from(bytes);
        } else {
            self.buffer.extend_from_slice(&bytes);
        }
    }

    /// The next event; `Ok(None)` when more bytes are needed.
    pub fn poll(&mut self) -> Result<Option<StreamEvent>, StreamError> {
        loop {
            let step = match std::mem::replace(&mut self.state, State::Failed) {
                State::Between { line_ends } => self.between(line_ends),
                State::Head { scanned, start_line_ended } => self.head(scanned, start_line_ended)?,
                State::Body { head, length } => self.body(head, length),
                State::Failed => Step::Wait(State::Failed),
            };
            match step {
                Step::On(state) => self.state = state,
                Step::Event(state, event) => {
                    self.state = state;
                    return Ok(Some(event));
                }
                Step::Wait(state) => {
                    self.state = state;
                    self.release_what_was_read();
                    return Ok(None);
                }
            }
        }
    }

    /// RFC 3261 §7.5: line ends before a start line are passed over. RFC 5626 §3.5.1: two of them are a ping.
    fn between(&mut self, line_ends: u8) -> Step {
        match self.buffer.get(..2) {
            Some(b"\r\n") => {
                self.consume(2);
                if line_ends == 1 {
                    Step::Event(BETWEEN, StreamEvent::Ping)
                } else {
                    Step::On(State::Between { line_ends: 1 })
                }
            }
            Some(_) => Step::On(State::Head { scanned: 0, start_line_ended: false }),
            None if self.buffer.is_empty() || self.buffer[0] == b'\r' => Step::Wait(State::Between { line_ends }),
            None => Step::On(State::Head { scanned: 0, start_line_ended: false }),
        }
    }

    /// Looks for the empty line in the bytes that were not looked at before.
    fn head(&mut self, scanned: usize, mut start_line_ended: bool) -> Result<Step, StreamError> {
        let bytes = &self.buffer[..self.buffer.len().min(self.limits.header_block)];
        for at in memchr::memchr_iter(b'\n', &bytes[scanned..]).map(|at| scanned + at) {
            if !start_line_ended && at > self.limits.start_line + 1 {
                return Err(self.lost(TooLarge::StartLine));
            }
            start_line_ended = true;
            if bytes[..=at].ends_with(b"\r\n\r\n") {
                return self.head_ended(at + 1);
            }
        }
        if !start_line_ended && bytes.len() > self.limits.start_line + 2 {
            return Err(self.lost(TooLarge::StartLine));
        }
        if bytes.len() == self.limits.header_block {
            return Err(self.lost(TooLarge::HeaderBlock));
        }
        Ok(Step::Wait(State::Head { scanned: bytes.len(), start_line_ended }))
    }

    fn head_ended(&mut self, end: usize) -> Result<Step, StreamError> {
        let head = Head::read(&self.buffer[..end], &self.limits);
        self.consume(end);
        match body_length(&head, &self.limits) {
            Ok(length) => Ok(Step::On(State::Body { head: Box::new(head), length })),
            Err(kind) => {
                let error = head.error(kind);
                self.buffer = BytesMut::new();
                Err(StreamError(error))
            }
        }
    }

    fn body(&mut self, head: Box<Head>, length: usize) -> Step {
        if self.buffer.len() < length {
            return Step::Wait(State::Body { head, length });
        }
        // The body is copied so that a message never holds the buffer it came in.
        let body = Bytes::copy_from_slice(&self.buffer[..length]);
        self.consume(length);
        let event = match check::message(*head, body) {
            Ok(message) => StreamEvent::Message(message),
            Err(error) => StreamEvent::Invalid(error),
        };
        Step::Event(BETWEEN, event)
    }

    fn lost(&mut self, limit: TooLarge) -> StreamError {
        let seen = self.buffer.len().min(self.limits.header_block);
        let head = Head::read(&self.buffer[..seen], &self.limits);
        self.buffer = BytesMut::new();
        StreamError(head.error(ParseErrorKind::TooLarge(limit)))
    }

    /// What is left of a read after its messages were taken out must not keep the whole read alive.
    fn release_what_was_read(&mut self) {
        if self.consumed {
            self.buffer = BytesMut::from(&self.buffer[..]);
            self.consumed = false;
        }
    }

    fn consume(&mut self, count: usize) {
        self.buffer.advance(count);
        self.consumed = true;
    }
}

enum Step {
    On(State),
    Event(State, StreamEvent),
    Wait(State),
}

/// The length of the body, or why it cannot be known. A block that another element might cut elsewhere is not trusted
/// for its length; a fault in what a field means leaves the framing intact.
fn body_length(head: &Head, limits: &Limits) -> Result<usize, ParseErrorKind> {
    if let Some(fault) = head.fault.as_ref().filter(|fault| loses_framing(fault)) {
        return Err(fault.clone());
    }
    // RFC 3261 §18.3, §20.14: on a stream Content-Length must be there.
    let length = head.content_length()?.ok_or(ParseErrorKind::NoContentLength)?;
    match usize::try_from(length) {
        Ok(length) if length <= limits.body => Ok(length),
        Ok(_) | Err(_) => Err(ParseErrorKind::TooLarge(TooLarge::Body)),
    }
}

fn loses_framing(fault: &ParseErrorKind) -> bool {
    match fault {
        ParseErrorKind::StartLine
        | ParseErrorKind::HeaderLine
        | ParseErrorKind::LineEnding
        | ParseErrorKind::Truncated
        | ParseErrorKind::ContentLength
        | ParseErrorKind::NoContentLength
        | ParseErrorKind::BodyCut
        | ParseErrorKind::TooLarge(_) => true,
        ParseErrorKind::Version
        | ParseErrorKind::StatusCode
        | ParseErrorKind::RequestUri
        | ParseErrorKind::NotUtf8
        | ParseErrorKind::Header(_)
        | ParseErrorKind::CSeqMethod => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(extra: &str, body: &str) -> String {
        format!(
            "OPTIONS sip:lobby@example.com SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKx\r\nFrom: <sip:alice@example.com>;tag=1\r\n\
             To: <sip:lobby@example.com>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n{extra}\r\n{body}"
        )
    }

    /// What the decoder makes of the pieces, one word an event.
    fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
        let limits = Limits { start_line: 100, header_block: 1000, header_count: 20, body: 100 };
        let mut decoder = StreamDecoder::new(limits);
        let mut events = Vec::new();
        for piece in pieces {
            decoder.push(Bytes::copy_from_slice(piece));
            loop {
                match decoder.poll() {
                    Ok(Some(StreamEvent::Message(message))) => {
                        events.push(format!("message {}", String::from_utf8_lossy(message.body())));
                    }
                    Ok(Some(StreamEvent::Ping)) => events.push("ping".to_owned()),
                    Ok(Some(StreamEvent::Invalid(error))) => {
                        events.push(format!("invalid {}", error.status()));
                    }
                    Ok(None) => break,
                    Err(StreamError(error)) => {
                        events.push(format!("lost {} {}", error.status(), error.response().is_some()));
                    }
                }
            }
        }
        events
    }

    fn whole(text: &str) -> Vec<String> {
        events([text.as_bytes()])
    }

    /// Every split into two and into single bytes gives the same events.
    #[test]
    fn any_split_gives_the_same_events() {
        let text = format!(
            "\r\n\r\n\r\n{}\r\n\r\n{}{}{}",
            options("Content-Length: 5\r\n", "hello"),
            options("l: 0\r\n", "").replace("CSeq: 1", "CSeq: x"),
            options("Content-Length :\r\n  3\r\n", "abc"),
            options("Content-Length: 1\r\nContent-Length: 2\r\n", "ab"),
        );
        let expected = ["ping", "message hello", "ping", "invalid 400", "message abc", "lost 400 true"];
        assert_eq!(whole(&text), expected);
        assert_eq!(events(text.as_bytes().chunks(1)), expected);
        for at in 0..text.len() {
            let (one, two) = text.as_bytes().split_at(at);
            assert_eq!(events([one, two]), expected, "split at {at}");
        }
    }

    /// A length that cannot be trusted ends the stream, with an answer.
    #[test]
    fn doubtful_framing_ends_the_stream() {
        for lines in [
            "",
            "Content-Length: -1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: 18446744073709551615\r\n",
            "Content-Length: 36893488147419103232\r\n",
            "Content-Length: 1\r\nl: 2\r\n",
            "X: a\nContent-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length 1\r\nl: 1\r\n",
        ] {
            let events = whole(&format!("{}{}", options(lines, "a"), options("l: 0\r\n", "")));
            assert!(events.len() == 1 && events[0].starts_with("lost"), "{lines:?}: {events:?}");
            assert!(events[0].ends_with("true"), "{lines:?}: {events:?}");
        }
    }

    #[test]
    fn limits_are_checked_while_bytes_arrive() {
        assert_eq!(events(std::iter::repeat_n(&b"x"[..], 5000)), ["lost 414 false"]);
        let endless = options(&"A: b\r\n".repeat(1000), "");
        assert_eq!(events(endless.as_bytes().chunks(7)), ["lost 513 true"]);
        assert_eq!(whole(&options("Content-Length: 101\r\n", "")), ["lost 513 true"]);
    }

    #[test]
    fn what_is_not_sip_ends_the_stream_unanswered() {
        assert_eq!(
            whole("GET / HTTP/1.1\r\nHost: x\r\nVia: SIP/2.0/TCP h\r\nContent-Length: 0\r\n\r\n"),
            ["lost 400 false"]
        );
        assert_eq!(whole("\n\r\n\r\n"), ["lost 400 false"]);
    }

    #[test]
    fn an_idle_decoder_holds_nothing() {
        let mut decoder = StreamDecoder::new(Limits::default());
        decoder.push(Bytes::from(options("l: 0\r\n", "")));
        assert!(matches!(decoder.poll(), Ok(Some(StreamEvent::Message(_)))));
        assert!(matches!(decoder.poll(), Ok(None)));
        assert!(!decoder.is_mid_message());
        assert_eq!(decoder.buffer.capacity(), 0);
        decoder.push(Bytes::from(format!("{}{}", options("l: 0\r\n", ""), "OPT")));
        assert!(matches!(decoder.poll(), Ok(Some(StreamEvent::Message(_)))));
        assert!(matches!(decoder.poll(), Ok(None)));
        assert!(decoder.is_mid_message() && decoder.buffer.capacity() < 100);
    }
}
