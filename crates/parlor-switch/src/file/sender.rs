//! Sending a file.

use super::answers::{Answers, Asked, Control, is_empty};
use crate::deliver::{LARGEST_FIXED_CHUNK, absent_from, random_id};
use crate::frame::{Frame, FrameHeaders, FrameTid, MessageKey, Place, TID_RANDOM};
use crate::{Credit, Input};
use bytes::Bytes;
use parlor_msrp::{FailureReport, Flag, Method, Request, Uri};
use rand::rngs::StdRng;
use std::fmt::Write as _;
use std::sync::Arc;

/// What is told of a file with each of its frames.
#[derive(Clone, Debug)]
pub struct FileHead<'a> {
    /// Its media type.
    pub kind: &'a str,
    /// Its name: no control characters, quotes or backslashes.
    pub name: &'a str,
    /// Its octets, if they are known.
    pub size: Option<u64>,
}

impl FileHead<'_> {
    /// The header lines about the content, Content-Type last (MSRP-3).
    fn lines(&self) -> Bytes {
        // RFC 5547 §7: nobody is to open it unasked.
        let mut lines = format!("Content-Disposition: attachment; filename=\"{}\"", self.name);
        if !self.name.is_ascii() {
            lines.push_str("; filename*=UTF-8''");
            for octet in self.name.bytes() {
                match octet {
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => lines.push(char::from(octet)),
                    other => drop(write!(lines, "%{other:02X}")),
                }
            }
        }
        if let Some(size) = self.size {
            let _ = write!(lines, "; size={size}");
        }
        let _ = write!(lines, "\r\nContent-Type: {}", self.kind);
        Bytes::from(lines)
    }
}

/// What the peer says of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has all of it.
    Received,
    /// It does not want it, or not more of it; the session is of no more use if it does not exist there.
    Refused(u16),
}

/// Sends one file as one message.
#[derive(Debug)]
pub struct FileSender {
    answers: Answers,
    asked: Option<(Asked, bool)>,
    random: [u8; TID_RANDOM],
    message_id: Bytes,
    content: Bytes,
    failure_report: FailureReport,
    size: Option<u64>,
    sent: u64,
    frames: u64,
    answered: u64,
    is_ended: bool,
    verdict: Option<Verdict>,
}

impl FileSender {
    /// The message that carries it; `failure_report` is what its frames ask for.
    pub fn new(local: Uri, head: &FileHead<'_>, failure_report: FailureReport, mut rng: StdRng) -> Self {
        let random = random_id(&mut rng);
        // MSRP-50: the report that tells that all of it has come.
        let content = [b"Success-Report: yes\r\n".as_slice(), &head.lines()].concat();
        Self {
            answers: Answers::new(local, rng),
            asked: None,
            random,
            message_id: Bytes::copy_from_slice(&random),
            content: Bytes::from(content),
            failure_report,
            size: head.size,
            sent: 0,
            frames: 0,
            answered: 0,
            is_ended: false,
            verdict: None,
        }
    }

    /// Whether the peer's first request was answered, so that something else may be sent.
    pub fn is_ready(&self) -> bool {
        self.answers.has_answered
    }

    /// The message's name in outboxes; each session has only this one.
    pub fn key(&self) -> MessageKey {
        KEY
    }

    /// The next octets, as one frame.
    pub fn frame(&mut self, body: Bytes, is_last: bool) -> Arc<Frame> {
        let (start, end) = (self.sent + 1, self.sent + body.len() as u64);
        let total = if is_last { Some(end) } else { self.size };
        let fixed = body.len() <= LARGEST_FIXED_CHUNK; // MSRP-33
        let failure_report = self.failure_report.as_str();
        let headers = FrameHeaders {
            message_id: &self.message_id,
            failure_report,
            start,
            end: fixed.then_some(end),
            total,
            content: &self.content,
        };
        let frame = Frame {
            message: KEY,
            place: if self.frames == 0 { Place::First } else { Place::Later },
            flag: if is_last { Flag::Complete } else { Flag::More },
            tid: FrameTid::new(&absent_from(&body, self.random, &mut self.answers.rng), self.frames),
            headers: headers.encode(),
            message_id: self.message_id.clone(),
            failure_report,
            content: self.content.clone(),
            start,
            body,
            credit: Credit::none(),
        };
        frame.credit.take(1);
        self.frames += 1;
        self.sent = end;
        self.is_ended = is_last;
        Arc::new(frame)
    }

    /// What the session's connection brought.
    pub fn handle(&mut self, input: Input) {
        match input {
            Input::Request(request) => self.begin(&request),
            Input::Body(_) => {}
            Input::End(_) => {
                if let Some((asked, true)) = self.asked.take() {
                    self.answers.respond(&asked, 200);
                }
            }
            Input::Response(response) => {
                self.answers.has_answered = true;
                let is_ours = response.tid.as_bytes().starts_with(&self.random);
                self.answered += u64::from(is_ours && response.code == 200);
                match response.code {
                    // MSRP-59: with Failure-Report yes the answer to each chunk is an answer to all.
                    200..=299 if self.is_ended && self.answered == self.frames => self.judge(Verdict::Received),
                    200..=299 => {}
                    code => self.judge(Verdict::Refused(code)),
                }
            }
        }
    }

    /// What the peer says of the file, once it has.
    pub fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    /// The next answer for the peer.
    pub fn poll_control(&mut self) -> Option<Control> {
        self.answers.poll()
    }

    fn begin(&mut self, request: &Request) {
        let asked = Asked::of(request);
        if request.method == Method::Report {
            self.handle_report(request);
        } else if is_empty(request) {
            self.asked = Some((asked, true));
            return;
        } else {
            // RFC 5547 §8.7: nothing else is sent here, and nothing by whoever receives.
            self.answers.respond(&asked, 403);
        }
        self.asked = Some((asked, false));
    }

    /// The transfer is complete when a report covers its last octet (interop.md §1).
    fn handle_report(&mut self, request: &Request) {
        // MSRP-55, MSRP-56
        let is_ours = request.message_id.is_some_and(|id| id.as_bytes() == &*self.message_id);
        let Some(status) = request.status.filter(|status| is_ours && status.namespace == 0) else { return };
        let end = request.byte_range.and_then(|range| range.end);
        match status.code {
            200..=299 if self.is_ended && end.is_some_and(|end| end >= self.sent) => self.judge(Verdict::Received),
            200..=299 => {}
            code => self.judge(Verdict::Refused(code)),
        }
    }

    fn judge(&mut self, verdict: Verdict) {
        self.verdict.get_or_insert(verdict);
    }
}

const KEY: MessageKey = MessageKey(0);
