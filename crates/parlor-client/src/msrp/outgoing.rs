//! Messages on their way out.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parlor_msrp::{Chunk, ChunkSplitter, FailureReport, Flag, MessageId, OutgoingMessage};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::nickname::Nickname;
use crate::error::SendError;
use crate::event::{Event, Report};

/// What senders tell the session.
#[derive(Debug)]
pub(crate) enum Command {
    /// A message begins.
    Begin(Box<Begin>),
    /// Its next octets.
    Piece(Piece),
    /// A nickname is wanted.
    Nickname(Nickname),
}

/// A message that is to be sent.
#[derive(Debug)]
pub(crate) struct Begin {
    pub(crate) message: OutgoingMessage,
    pub(crate) chunk_size: usize,
    /// Told what became of it; when nobody listens any more, the message is given up.
    pub(crate) done: oneshot::Sender<Result<(), SendError>>,
}

/// Octets of one chunk.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) message: MessageId,
    /// As many as the message's chunk size; the last ones may be fewer.
    pub(crate) body: Bytes,
    pub(crate) last: bool,
    /// Held until the chunk is answered.
    pub(crate) permit: OwnedSemaphorePermit,
}

/// The messages that are not yet done with.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    open: BTreeMap<MessageId, Sending>,
}

#[derive(Debug)]
struct Sending {
    splitter: ChunkSplitter,
    /// Whether chunks are answered (RFC 4975 §7.2).
    awaited: bool,
    /// Chunks that wait for their response.
    unanswered: usize,
    /// Octets of the message that success REPORTs are awaited for; `None` once they came, or if none was asked for.
    unreported: Option<Unreported>,
    done: oneshot::Sender<Result<(), SendError>>,
}

/// How far success REPORTs have come (MSRP-50: they may come in parts).
#[derive(Debug, Default)]
struct Unreported {
    octets: u64,
    /// Until when the rest must have come, once all chunks are answered.
    deadline: Option<Instant>,
}

impl Outgoing {
    pub(super) fn begin(&mut self, begin: Begin) {
        let Begin { message, chunk_size, done } = begin;
        let unreported = message.success_report.then(Unreported::default);
        let id = message.message_id;
        let awaited = message.failure_report == FailureReport::Yes;
        let splitter = ChunkSplitter::new(message, chunk_size);
        self.open.insert(id, Sending { splitter, awaited, unanswered: 0, unreported, done });
    }

    /// Writes the next chunk of a message, and whether it will be answered; `None` if the message has failed meanwhile.
    pub(super) fn piece(
        &mut self,
        piece: &Piece,
        out: &mut Vec<u8>,
        random: &mut impl FnMut() -> u64,
    ) -> Option<(Chunk, bool)> {
        let sending = self.open.get_mut(&piece.message)?;
        let chunk = sending.splitter.encode_chunk(out, &mut &piece.body[..], piece.last, random)?;
        let awaited = sending.awaited;
        if awaited {
            sending.unanswered += 1;
        } else if piece.last
            && let Some(sending) = self.open.remove(&piece.message)
        {
            let _ = sending.done.send(Ok(()));
        }
        Some((chunk, awaited))
    }

    /// A chunk was answered.
    pub(super) fn answered(
        &mut self,
        now: Instant,
        id: MessageId,
        code: u16,
        out: &mut Vec<u8>,
        random: &mut impl FnMut() -> u64,
    ) -> Option<Chunk> {
        let sending = self.open.get_mut(&id)?;
        sending.unanswered = sending.unanswered.saturating_sub(1);
        if code == 200 {
            self.finish_if_done(now, id);
            return None;
        }
        self.fail(id, SendError::Refused { code }, out, random)
    }

    /// A REPORT came; of a message that is done with, it is told as an event.
    pub(super) fn reported(
        &mut self,
        now: Instant,
        id: MessageId,
        code: u16,
        octets: u64,
        out: &mut Vec<u8>,
        random: &mut impl FnMut() -> u64,
    ) -> (Option<Chunk>, Option<Event>) {
        let Some(sending) = self.open.get_mut(&id) else {
            // MSRP-55: a success that nobody waits for tells nothing.
            let event = (code != 200).then_some(Event::Report(Report { id, code }));
            return (None, event);
        };
        if code != 200 {
            // MSRP-56: read as the response of that code.
            return (self.fail(id, SendError::Refused { code }, out, random), None);
        }
        if let Some(unreported) = &mut sending.unreported {
            unreported.octets = unreported.octets.saturating_add(octets);
        }
        self.finish_if_done(now, id);
        (None, None)
    }

    /// Gives a message up; MSRP-47: one that has begun is ended with `#`.
    pub(super) fn fail(
        &mut self,
        id: MessageId,
        error: SendError,
        out: &mut Vec<u8>,
        random: &mut impl FnMut() -> u64,
    ) -> Option<Chunk> {
        let mut sending = self.open.remove(&id)?;
        let chunk = sending.splitter.encode_abort(out, random);
        // Nobody may listen any more.
        let _ = sending.done.send(Err(error));
        chunk
    }

    /// The messages whose senders do not wait for them any more.
    pub(super) fn abandoned(&self) -> Vec<MessageId> {
        self.open.iter().filter(|(_, sending)| sending.done.is_closed()).map(|(id, _)| *id).collect()
    }

    /// The messages whose success REPORT does not come.
    pub(super) fn unreported(&self, now: Instant) -> Vec<MessageId> {
        let is_late = |sending: &Sending| sending.deadline().is_some_and(|deadline| deadline <= now);
        self.open.iter().filter(|(_, sending)| is_late(sending)).map(|(id, _)| *id).collect()
    }

    /// When to ask [`Outgoing::unreported`] again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.open.values().filter_map(Sending::deadline).min()
    }

    fn finish_if_done(&mut self, now: Instant, id: MessageId) {
        let Some(sending) = self.open.get_mut(&id) else { return };
        if !sending.splitter.is_ended() || sending.unanswered > 0 {
            return;
        }
        match &mut sending.unreported {
            Some(report) if report.octets < sending.splitter.sent() => {
                report.deadline.get_or_insert(now + REPORT_TIMEOUT);
            }
            Some(_) | None => {
                let sending = self.open.remove(&id).expect("it was found above");
                let _ = sending.done.send(Ok(()));
            }
        }
    }
}

impl Sending {
    fn deadline(&self) -> Option<Instant> {
        self.unreported.as_ref()?.deadline
    }
}

/// Whether a chunk waits for a response: one that gives a message up matters to nobody.
pub(super) fn is_awaited(chunk: &Chunk) -> bool {
    chunk.flag != Flag::Abort
}

/// As long as for a response (MSRP-59).
const REPORT_TIMEOUT: Duration = Duration::from_secs(30);
