//! Octets in, events out.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr;

use crate::end_line::{EndLine, Found, Matched};
use crate::error::{Answerable, DecodeError};
use crate::head::{self, HeadEnd, Kind, StartLine};
use crate::limits::Limits;
use crate::message::{Flag, Method, Request, Response};

/// What a decoder has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A request begins; `Body` and then `End` follow.
    Request(Box<Request>),
    /// A piece of the body of the current request, never empty, a slice of what was pushed.
    Body(Bytes),
    /// The current request ends.
    End(Flag),
    /// A response, whole.
    Response(Box<Response>),
}

/// Reads the messages of one connection.
///
/// Octets are pushed as they come, cut anywhere; [`Decoder::poll`] until it gives `None`, then push more. Nothing is
/// copied except a head that is cut by the end of a push, and what is not yet a piece of body is at most one end-line.
/// After an error each poll gives that error again.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    /// What is looked at now, then what was pushed after it.
    input: Bytes,
    pushed: VecDeque<Bytes>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Between messages, or within a head.
    Head(HeadScan),
    /// Within a body.
    Body(Body),
    /// The end of the current request is still to be told.
    End(Flag),
    Failed(DecodeError),
}

impl Decoder {
    /// A decoder at the beginning of a connection.
    pub fn new(limits: Limits) -> Self {
        Self { limits, input: Bytes::new(), pushed: VecDeque::new(), state: State::Head(HeadScan::default()) }
    }

    /// Whether it is between two messages and holds nothing.
    pub fn is_idle(&self) -> bool {
        matches!(&self.state, State::Head(head) if head.start.is_none()) && self.buffered() == 0
    }

    /// How many octets it holds: not yet looked at, of a head, or of what may be an end-line.
    pub fn buffered(&self) -> usize {
        let of_message = match &self.state {
            State::Head(head) => head.gathered.len(),
            State::Body(body) => body.held.iter().map(Bytes::len).sum(),
            State::End(_) | State::Failed(_) => 0,
        };
        of_message + self.input.len() + self.pushed.iter().map(Bytes::len).sum::<usize>()
    }

    /// Hands over the next octets of the connection.
    pub fn push(&mut self, octets: Bytes) {
        if octets.is_empty() || matches!(self.state, State::Failed(_)) {
            return;
        }
        if self.input.is_empty() {
            self.input = octets;
        } else {
            self.pushed.push_back(octets);
        }
    }

    /// The next event; `None` when more octets are needed.
    pub fn poll(&mut self) -> Result<Option<Event>, DecodeError> {
        loop {
            if self.input.is_empty()
                && let Some(octets) = self.pushed.pop_front()
            {
                self.input = octets;
            }
            match self.step() {
                Ok(Step::Event(event)) => return Ok(Some(event)),
                Ok(Step::Wait) if self.pushed.is_empty() => return Ok(None),
                Ok(Step::Wait | Step::Again) => {}
                Err(error) => {
                    self.input = Bytes::new();
                    self.pushed = VecDeque::new();
                    self.state = State::Failed(error.clone());
                    return Err(error);
                }
            }
        }
    }

    fn step(&mut self) -> Result<Step, DecodeError> {
        match &mut self.state {
            State::Head(head) => match head.scan(&mut self.input, &self.limits)? {
                Some(head) => self.begin(head),
                None => Ok(Step::Wait),
            },
            State::Body(body) => {
                let (step, end) = body.poll(&mut self.input)?;
                if let Some(flag) = end {
                    self.state = State::End(flag);
                }
                Ok(step)
            }
            State::End(flag) => {
                let event = Event::End(*flag);
                self.state = State::Head(HeadScan::default());
                Ok(Step::Event(event))
            }
            State::Failed(error) => Err(error.clone()),
        }
    }

    fn begin(&mut self, head: Head) -> Result<Step, DecodeError> {
        let tid = head.start.tid;
        match head.start.kind {
            Kind::Request(method) => {
                let request = head::request(tid, method, &head.octets, head.end, &self.limits)?;
                self.state = match head.flag {
                    Some(flag) => State::End(flag),
                    None => State::Body(Body::new(&request, &self.limits)),
                };
                Ok(Step::Event(Event::Request(Box::new(request))))
            }
            Kind::Response { code, comment } => {
                // MSRP-60: a response has no body, and MSRP-10: there is nothing to say about its flag.
                if head.flag.is_none() {
                    return Err(DecodeError::ResponseBody);
                }
                let response = head::response(tid, code, comment, &head.octets, &self.limits)?;
                self.state = State::Head(HeadScan::default());
                Ok(Step::Event(Event::Response(Box::new(response))))
            }
        }
    }
}

/// What one step came to.
enum Step {
    Event(Event),
    /// More octets are needed.
    Wait,
    /// Nothing to tell, but there may be more to do.
    Again,
}

/// The start line and headers of a message, all octets of them.
struct Head {
    octets: Bytes,
    start: StartLine,
    end: HeadEnd,
    flag: Option<Flag>,
}

/// Looks for the end of a head, line by line.
#[derive(Debug, Default)]
struct HeadScan {
    /// The head so far, when a push ended within it.
    gathered: BytesMut,
    /// Where the line begins that is not complete, in `gathered` or else in the input.
    line_start: usize,
    start: Option<StartLine>,
}

impl HeadScan {
    /// Goes on to the end of the head, or of the input: then all of it is gathered.
    fn scan(&mut self, input: &mut Bytes, limits: &Limits) -> Result<Option<Head>, DecodeError> {
        while let Some(line_end) = self.line_end(input, limits)? {
            let octets: &[u8] = if self.gathered.is_empty() { input } else { &self.gathered };
            let line = &octets[self.line_start..line_end];
            match &self.start {
                None => self.start = Some(start_line(line)?),
                Some(start) => match head_end(start, line) {
                    LineKind::Header => {}
                    LineKind::OtherEndLine => {
                        return Err(DecodeError::EndLine(self.answerable(input, limits)));
                    }
                    LineKind::Last(end, flag) => return Ok(self.finish(input, line_end, end, flag)),
                },
            }
            self.line_start = line_end;
        }
        Ok(None)
    }

    /// Where the current line ends; `None` when the input ends before it does.
    fn line_end(&mut self, input: &mut Bytes, limits: &Limits) -> Result<Option<usize>, DecodeError> {
        let unseen = if self.gathered.is_empty() { self.line_start } else { 0 };
        let line_feed = memchr(b'\n', &input[unseen..]).map(|offset| unseen + offset + 1);
        let taken = line_feed.unwrap_or(input.len());
        self.check_length(self.gathered.len() + taken, input, limits)?;
        if self.gathered.is_empty() && line_feed.is_some() {
            return Ok(line_feed);
        }
        self.gathered.extend_from_slice(&input.split_to(taken));
        if self.start.is_none() && !head::may_begin_message(&self.gathered) {
            return Err(DecodeError::NotMsrp);
        }
        Ok(line_feed.map(|_| self.gathered.len()))
    }

    fn check_length(&self, len: usize, input: &Bytes, limits: &Limits) -> Result<(), DecodeError> {
        if self.start.is_none() && len > limits.start_line {
            let octets: &[u8] = if self.gathered.is_empty() { input } else { &self.gathered };
            let is_msrp = head::may_begin_message(octets);
            return Err(if is_msrp { DecodeError::StartLineTooLong } else { DecodeError::NotMsrp });
        }
        if len > limits.header_block {
            return Err(DecodeError::HeaderBlockTooLong(self.answerable(input, limits)));
        }
        Ok(())
    }

    fn finish(&mut self, input: &mut Bytes, line_end: usize, end: HeadEnd, flag: Option<Flag>) -> Option<Head> {
        let scan = std::mem::take(self);
        let octets = if scan.gathered.is_empty() { input.split_to(line_end) } else { scan.gathered.freeze() };
        let start = scan.start?;
        Some(Head { octets, start, end, flag })
    }

    fn answerable(&self, input: &Bytes, limits: &Limits) -> Option<Box<Answerable>> {
        let start = self.start.as_ref()?;
        let octets = if self.gathered.is_empty() {
            input.slice(..self.line_start)
        } else {
            Bytes::copy_from_slice(&self.gathered[..self.line_start])
        };
        match start.kind {
            Kind::Request(_) => head::answerable(start.tid, &octets, limits),
            Kind::Response { .. } => None,
        }
    }
}

fn start_line(line: &[u8]) -> Result<StartLine, DecodeError> {
    if !head::may_begin_message(line) {
        return Err(DecodeError::NotMsrp);
    }
    StartLine::parse(head::without_line_end(line)).ok_or(DecodeError::StartLine)
}

enum LineKind {
    Header,
    /// The last line of the head, with the flag if it is the end-line.
    Last(HeadEnd, Option<Flag>),
    /// An end-line of no or another transaction.
    OtherEndLine,
}

fn head_end(start: &StartLine, line: &[u8]) -> LineKind {
    let text = head::without_line_end(line);
    if text.is_empty() {
        let crlf = line.len() == 2;
        return LineKind::Last(HeadEnd::EmptyLine { crlf }, None);
    }
    let Some(rest) = text.strip_prefix(b"-------") else {
        return LineKind::Header;
    };
    match rest.strip_prefix(start.tid.as_bytes()) {
        Some([flag]) => match Flag::from_byte(*flag) {
            Some(flag) => LineKind::Last(HeadEnd::EndLine, Some(flag)),
            None => LineKind::OtherEndLine,
        },
        Some(_) | None => LineKind::OtherEndLine,
    }
}

/// Cuts a body at its end-line.
#[derive(Debug)]
struct Body {
    end_line: EndLine,
    /// Octets that may be the beginning of the end-line; body, and to be given out, once they turn out not to be.
    held: VecDeque<Bytes>,
    /// MSRP-11: how much may still come, if this is no SEND.
    allowance: Option<Allowance>,
}

#[derive(Debug)]
struct Allowance {
    octets: usize,
    request: Box<Answerable>,
}

impl Body {
    fn new(request: &Request, limits: &Limits) -> Self {
        let allowance = (request.method != Method::Send).then(|| Allowance {
            octets: limits.non_send_body,
            request: Box::new(Answerable {
                tid: request.tid,
                to_path: request.to_path.clone(),
                from_path: request.from_path.clone(),
            }),
        });
        Self { end_line: EndLine::new(request.tid), held: VecDeque::new(), allowance }
    }

    /// The next piece, and the flag if the body ends after it.
    fn poll(&mut self, input: &mut Bytes) -> Result<(Step, Option<Flag>), DecodeError> {
        if self.end_line.is_begun() {
            return Ok(self.resume(input));
        }
        if let Some(piece) = self.held.pop_front() {
            return self.piece(piece, None);
        }
        if input.is_empty() {
            return Ok((Step::Wait, None));
        }
        match self.end_line.search(input) {
            Found::Whole { start, end, flag } => {
                let piece = input.split_to(start);
                input.advance(end - start);
                self.piece(piece, Some(flag))
            }
            Found::Partly(start) => {
                let piece = input.split_to(start);
                self.held.push_back(std::mem::take(input));
                self.piece(piece, None)
            }
            Found::Not => self.piece(std::mem::take(input), None),
        }
    }

    /// Goes on within what may be an end-line.
    fn resume(&mut self, input: &mut Bytes) -> (Step, Option<Flag>) {
        match self.end_line.resume(input) {
            Matched::Whole(len, flag) => {
                input.advance(len);
                (Step::Again, Some(flag))
            }
            Matched::Partly if input.is_empty() => (Step::Wait, None),
            Matched::Partly => {
                self.held.push_back(std::mem::take(input));
                (Step::Wait, None)
            }
            Matched::Not(len) => {
                if len > 0 {
                    self.held.push_back(input.split_to(len));
                }
                (Step::Again, None)
            }
        }
    }

    fn piece(&mut self, piece: Bytes, end: Option<Flag>) -> Result<(Step, Option<Flag>), DecodeError> {
        if piece.is_empty() {
            return Ok((Step::Again, end));
        }
        if let Some(allowance) = &mut self.allowance {
            let left = allowance.octets.checked_sub(piece.len());
            allowance.octets = left.ok_or_else(|| DecodeError::BodyTooLong(allowance.request.clone()))?;
        }
        Ok((Step::Event(Event::Body(piece)), end))
    }
}
