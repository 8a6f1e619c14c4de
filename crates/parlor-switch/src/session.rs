//! One MSRP session as the switch sees it.

use crate::completed::{Owner, digest};
use crate::frame::MessageKey;
use crate::message::Incoming;
use crate::outbox::{Outbox, Slot};
use crate::refusal::Refusal;
use parlor_msrp::{FailureReport, MessageId, Path, Request, TransactionId, Uri};
use std::collections::VecDeque;
use std::sync::Arc;

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
    /// What was agreed since it has its connection.
    next: Option<(Uri, Path)>,
    pub(crate) attached: Option<Attached>,
    /// Whether its first transaction is done, so that messages may be sent to it (interop: the bind is answered first).
    pub(crate) ready: bool,
    pub(crate) welcomed: bool,
    pub(crate) chunk: Option<Chunk>,
    pub(crate) messages: Vec<Incoming>,
    /// The CPIM From and To that were found right last time, as they were written.
    pub(crate) known_addresses: Option<(Box<str>, Box<str>)>,
    /// Whose session it is, once it has sent something.
    pub(crate) owner: Option<Owner>,
    refused: VecDeque<Refused>,
}

impl Session {
    pub(crate) fn new(local: Uri, peer: Path) -> Self {
        Self {
            local,
            peer,
            next: None,
            attached: None,
            ready: false,
            welcomed: false,
            chunk: None,
            messages: Vec::new(),
            known_addresses: None,
            owner: None,
            refused: VecDeque::new(),
        }
    }

    pub(crate) fn message_index(&self, key: MessageKey) -> Option<usize> {
        self.messages.iter().position(|message| message.key == key)
    }

    pub(crate) fn agree(&mut self, local: Uri, peer: Path) {
        self.next = Some((local, peer));
        if self.attached.is_none() {
            self.take_next();
        }
    }

    pub(crate) fn attach(&mut self, attached: Attached) {
        self.take_next();
        self.attached = Some(attached);
        self.ready = false;
    }

    fn take_next(&mut self) {
        if let Some((local, peer)) = self.next.take() {
            (self.local, self.peer) = (local, peer);
        }
    }

    /// Octets that are held back of what it sent.
    pub(crate) fn held(&self) -> usize {
        self.messages.iter().map(Incoming::held).sum()
    }

    /// Notes that later chunks of a message are to be answered like this one.
    pub(crate) fn remember_refused(&mut self, id: &MessageId, refusal: Refusal) {
        let id = digest(id.as_bytes());
        if self.refused.iter().any(|refused| refused.id == id) {
            return;
        }
        if self.refused.len() == REFUSED {
            self.refused.pop_front();
        }
        self.refused.push_back(Refused { id, code: refusal.code(), passing: refusal.is_passing() });
    }

    /// The code that a message was refused with.
    pub(crate) fn refused_with(&self, id: &MessageId) -> Option<u16> {
        let id = digest(id.as_bytes());
        self.refused.iter().find(|refused| refused.id == id).map(|refused| refused.code)
    }

    /// The message begins anew: what stood against it may have passed.
    pub(crate) fn forget_passing_refusal(&mut self, id: &MessageId) {
        let id = digest(id.as_bytes());
        self.refused.retain(|refused| refused.id != id || !refused.passing);
    }
}

/// A message of which no more is taken.
#[derive(Clone, Copy, Debug)]
struct Refused {
    id: u64,
    code: u16,
    passing: bool,
}
