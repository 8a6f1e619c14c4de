//! One MSRP session as the switch sees it.

use crate::frame::MessageKey;
use crate::message::Incoming;
use crate::outbox::{Outbox, Slot};
use parlor_msrp::{FailureReport, MessageId, Path, Request, TransactionId, Uri};
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many completed messages are remembered, and for how long (MSRP-45).
const COMPLETED: usize = 64;
const COMPLETED_TIME: Duration = Duration::from_secs(600);
/// How many refused or aborted messages are remembered (CHAT-64).
const REFUSED: usize = 32;

/// Where a session's connection is written to.
#[derive(Clone, Debug)]
pub(crate) struct Attached {
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) slot: Slot,
}

/// What the chunk that is coming in is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Nothing to copy: a binding, a keepalive.
    Keepalive,
    /// Not wrapped in CPIM: refused, unless nothing comes of it.
    Unwrapped,
    /// Refused; the rest is read and dropped.
    Refused,
    /// A message that was completed before.
    Duplicate,
    /// A piece of this message.
    Message(MessageKey),
}

/// The SEND that is coming in.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) tid: TransactionId,
    pub(crate) from_path: Path,
    pub(crate) message_id: Option<MessageId>,
    pub(crate) failure_report: FailureReport,
    pub(crate) success_report: bool,
    pub(crate) content: Content,
    /// Where in the message the next octet stands.
    pub(crate) offset: u64,
}

impl Chunk {
    pub(crate) fn new(request: &Request, content: Content) -> Self {
        Self {
            tid: request.tid,
            from_path: request.from_path.detach(),
            message_id: request.message_id,
            failure_report: request.failure_report,
            success_report: request.success_report,
            content,
            offset: request.start() - 1,
        }
    }
}

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) local: Uri,
    pub(crate) peer: Path,
    pub(crate) attached: Option<Attached>,
    /// Whether its first transaction is done, so that messages may be sent to it (interop: the bind is answered first).
    pub(crate) ready: bool,
    pub(crate) welcomed: bool,
    pub(crate) chunk: Option<Chunk>,
    pub(crate) messages: Vec<Incoming>,
    /// The CPIM From and To that were found right last time, as they were written.
    pub(crate) known_addresses: Option<(Box<str>, Box<str>)>,
    completed: VecDeque<(u64, Instant)>,
    refused: VecDeque<(u64, u16)>,
}

impl Session {
    pub(crate) fn new(local: Uri, peer: Path) -> Self {
        Self {
            local,
            peer,
            attached: None,
            ready: false,
            welcomed: false,
            chunk: None,
            messages: Vec::new(),
            known_addresses: None,
            completed: VecDeque::new(),
            refused: VecDeque::new(),
        }
    }

    pub(crate) fn message_index(&self, key: MessageKey) -> Option<usize> {
        self.messages.iter().position(|message| message.key == key)
    }

    pub(crate) fn remember_completed(&mut self, now: Instant, id: &MessageId) {
        if self.completed.len() == COMPLETED {
            self.completed.pop_front();
        }
        self.completed.push_back((digest(id), now));
    }

    pub(crate) fn has_completed(&self, now: Instant, id: &MessageId) -> bool {
        let id = digest(id);
        self.completed.iter().any(|(known, at)| *known == id && now.duration_since(*at) < COMPLETED_TIME)
    }

    pub(crate) fn remember_refused(&mut self, id: &MessageId, code: u16) {
        if self.refused.len() == REFUSED {
            self.refused.pop_front();
        }
        self.refused.push_back((digest(id), code));
    }

    pub(crate) fn refused_with(&self, id: &MessageId) -> Option<u16> {
        let id = digest(id);
        self.refused.iter().rev().find(|(known, _)| *known == id).map(|(_, code)| *code)
    }
}

/// Ids are remembered by their hash; whoever makes two collide deceives only himself.
fn digest(id: &MessageId) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.as_bytes().hash(&mut hasher);
    hasher.finish()
}
