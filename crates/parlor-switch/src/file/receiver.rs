//! Taking a file.

use super::answers::{Answers, Asked, Control, is_empty};
use super::order::{Order, TooEarly};
use crate::Input;
use bytes::Bytes;
use parlor_msrp::{ByteRange, Flag, MessageId, Method, Request, Uri};
use parlor_room::plain_kind;
use rand::rngs::StdRng;
use std::collections::VecDeque;

/// Why a file is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileRefusal {
    /// It is wrapped, or of a type that was not agreed on.
    Type,
    /// It is larger than was agreed on, or not as large, or empty.
    Size,
    /// Too much came before what is missing.
    OutOfOrder,
    /// Another message came, while the file was coming or after it.
    SecondMessage,
    /// There is no space for it, or the disk failed.
    NoSpace,
    /// It is not what was said.
    Content,
}

impl FileRefusal {
    /// The MSRP status code.
    pub fn code(self) -> u16 {
        match self {
            Self::Type => 415,
            // RFC 5547 §8.4: who receives a file stops it with 413.
            Self::Size | Self::OutOfOrder | Self::SecondMessage | Self::NoSpace | Self::Content => 413,
        }
    }
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileStep {
    /// The next octets of the file are to be written.
    Write(Bytes),
    /// They were; [`FileReceiver::confirm`] tells the sender.
    Confirm,
    /// The file is whole. [`FileReceiver::confirm`] tells the sender once it is where it should be, [`FileReceiver::refuse`] if it
    /// is not what it should be.
    Whole,
    /// The sender has broken it off.
    Aborted,
    /// It is refused; the sender has been told.
    Refused(FileRefusal),
}

/// Takes one file from its sender.
///
/// ```text
///   Waiting --- first octet ---> Taking --- last octet ---> Whole
///   any --- refused, broken off ---> Over
/// ```
#[derive(Debug)]
pub struct FileReceiver {
    answers: Answers,
    /// What the file has to be as large as.
    size: Option<u64>,
    /// The largest that is taken.
    most: u64,
    stage: Stage,
    kind: Option<Box<str>>,
    chunk: Option<Chunk>,
    /// Chunks that have ended and are not confirmed, in their order.
    ended: VecDeque<Chunk>,
    steps: VecDeque<FileStep>,
}

#[derive(Debug)]
enum Stage {
    Waiting,
    Taking { id: MessageId, order: Order, length: Option<u64> },
    Whole { id: MessageId, length: u64 },
    Over(FileRefusal),
}

#[derive(Debug)]
struct Chunk {
    asked: Asked,
    content: Content,
    start: u64,
    /// Where in the file its next octet stands.
    offset: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// A binding, a keepalive.
    Empty,
    /// Octets of the file.
    File,
    /// It was answered; the rest is dropped.
    Answered,
}

impl FileReceiver {
    /// For a file of `size` octets, if that is known, and `most` in any case.
    pub fn new(local: Uri, size: Option<u64>, most: u64, rng: StdRng) -> Self {
        let (ended, steps) = (VecDeque::new(), VecDeque::new());
        Self {
            answers: Answers::new(local, rng),
            size,
            most,
            stage: Stage::Waiting,
            kind: None,
            chunk: None,
            ended,
            steps,
        }
    }

    /// The media type that its sender gives it, once something of it has come.
    pub fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    /// What the session's connection brought.
    pub fn handle(&mut self, input: Input) {
        match input {
            Input::Request(request) => self.begin_chunk(&request),
            Input::Body(body) => self.take(body),
            Input::End(flag) => self.end_chunk(flag),
            // Ours was the SEND that binds, if there was one: whoever made it sees to its answer.
            Input::Response(_) => {}
        }
    }

    /// Everything up to a [`FileStep::Confirm`] or [`FileStep::Whole`] was done: the sender is told.
    pub fn confirm(&mut self) {
        let Some(chunk) = self.ended.pop_front() else { return };
        let (length, reached) = match &self.stage {
            Stage::Whole { length, .. } => (Some(*length), *length),
            Stage::Taking { order, length, .. } => (*length, order.position()),
            Stage::Waiting | Stage::Over(_) => (None, 0),
        };
        self.answers.respond(&chunk.asked, 200);
        let is_last = self.ended.is_empty() && matches!(self.stage, Stage::Whole { .. });
        // One that came too early is reported with those that it waited for.
        let (start, end) = if is_last { (1, reached) } else { (chunk.start, chunk.offset) };
        if start <= end && end <= reached {
            let total = length.or(self.size);
            self.answers.report(&chunk.asked, ByteRange { start, end: Some(end), total });
        }
    }

    /// The file is not taken: tells the sender by the chunk at hand, or by the next one.
    pub fn refuse(&mut self, refusal: FileRefusal) {
        self.stage = Stage::Over(refusal);
        self.steps.clear();
        let answered: Vec<Chunk> = self.ended.drain(..).collect();
        for chunk in &answered {
            self.answers.respond(&chunk.asked, refusal.code());
        }
        if answered.is_empty()
            && let Some(chunk) = self.chunk.as_mut().filter(|chunk| chunk.content == Content::File)
        {
            chunk.content = Content::Answered;
            let asked = chunk.asked.clone();
            self.answers.respond(&asked, refusal.code());
        }
    }

    /// The next thing to do.
    pub fn poll_step(&mut self) -> Option<FileStep> {
        self.steps.pop_front()
    }

    /// The next answer for the peer.
    pub fn poll_control(&mut self) -> Option<Control> {
        self.answers.poll()
    }

    fn begin_chunk(&mut self, request: &Request) {
        let asked = Asked::of(request);
        let start = request.start();
        let mut chunk = Chunk { asked, content: Content::File, start, offset: start - 1 };
        if request.method != Method::Send {
            // No nickname here, and a REPORT is about nothing of ours (MSRP-55).
            self.answers.respond(&chunk.asked, 403);
            chunk.content = Content::Answered;
        } else if is_empty(request) {
            chunk.content = Content::Empty;
        } else if let Err(refusal) = self.accepts(request) {
            self.answers.respond(&chunk.asked, refusal.code());
            chunk.content = Content::Answered;
            self.give_up(refusal);
        }
        self.chunk = Some(chunk);
    }

    /// Whether a chunk is one of the file, judged by its head.
    fn accepts(&mut self, request: &Request) -> Result<(), FileRefusal> {
        let id = request.message_id.ok_or(FileRefusal::SecondMessage)?;
        match &self.stage {
            Stage::Over(refusal) => return Err(*refusal),
            // RFC 5547 §8.7: one file, one message; what comes again of it is answered again (MSRP-45).
            Stage::Taking { id: known, .. } | Stage::Whole { id: known, .. } if *known != id => {
                return Err(FileRefusal::SecondMessage);
            }
            Stage::Waiting | Stage::Taking { .. } | Stage::Whole { .. } => {}
        }
        if request.media_type().is_some_and(|kind| kind.eq_ignore_ascii_case("message/cpim")) {
            return Err(FileRefusal::Type);
        }
        let total = request.byte_range.and_then(|range| range.total);
        if total.is_some_and(|total| total > self.most || self.size.is_some_and(|size| size != total)) {
            return Err(FileRefusal::Size);
        }
        if let Stage::Waiting = self.stage {
            self.kind = request.content_type.as_deref().and_then(plain_kind);
            self.stage = Stage::Taking { id, order: Order::default(), length: None };
        }
        Ok(())
    }

    fn take(&mut self, body: Bytes) {
        let Some(chunk) = self.chunk.as_mut().filter(|chunk| chunk.content == Content::File) else { return };
        let offset = chunk.offset;
        chunk.offset = offset.saturating_add(body.len() as u64);
        let most = self.size.map_or(self.most, |size| size.min(self.most));
        let Stage::Taking { order, length, .. } = &mut self.stage else { return };
        if chunk.offset > length.unwrap_or(most).min(most) {
            return self.refuse_now(FileRefusal::Size);
        }
        match order.take(offset, body) {
            Ok(pieces) => self.steps.extend(pieces.into_iter().map(FileStep::Write)),
            Err(TooEarly) => self.refuse_now(FileRefusal::OutOfOrder),
        }
    }

    fn end_chunk(&mut self, flag: Flag) {
        let Some(chunk) = self.chunk.take() else { return };
        match (chunk.content, flag) {
            (Content::Answered, _) => {}
            (Content::Empty, _) => self.answers.respond(&chunk.asked, 200),
            (Content::File, Flag::Abort) => {
                self.answers.respond(&chunk.asked, 200);
                if let Stage::Taking { .. } = self.stage {
                    self.stage = Stage::Over(FileRefusal::OutOfOrder);
                    self.steps.push_back(FileStep::Aborted);
                }
            }
            (Content::File, Flag::More | Flag::Complete) => self.end_file_chunk(chunk, flag),
        }
    }

    fn end_file_chunk(&mut self, chunk: Chunk, flag: Flag) {
        let end = chunk.offset;
        self.ended.push_back(chunk);
        let Stage::Taking { id, order, length } = &mut self.stage else {
            // It came again.
            return self.steps.push_back(FileStep::Confirm);
        };
        if flag == Flag::Complete {
            let other = length.replace(end).is_some_and(|before| before != end);
            let is_wrong = other || end == 0 || end < order.position() || self.size.is_some_and(|size| size != end);
            if is_wrong {
                return self.refuse_now(FileRefusal::Size);
            }
        }
        match *length {
            Some(length) if length == order.position() => {
                self.stage = Stage::Whole { id: *id, length };
                self.steps.push_back(FileStep::Whole);
            }
            Some(_) | None => self.steps.push_back(FileStep::Confirm),
        }
    }

    fn refuse_now(&mut self, refusal: FileRefusal) {
        self.refuse(refusal);
        self.steps.push_back(FileStep::Refused(refusal));
    }

    /// The file is over, unless it was before, or was whole.
    fn give_up(&mut self, refusal: FileRefusal) {
        if let Stage::Waiting | Stage::Taking { .. } = self.stage {
            self.refuse_now(refusal);
        }
    }
}
