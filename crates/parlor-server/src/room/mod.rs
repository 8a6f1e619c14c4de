//! Rooms as tasks: each owns its room, focus and switch, and is reached through two bounded mailboxes.

mod by_message;
mod collapse;
mod dial_out;
mod dialogs;
mod family;
mod files;
mod founder;
mod inbox;
mod labels;
mod lifetime;
mod mailbox;
mod pager;
mod registry;
mod sessions;
mod task;
#[cfg(test)]
pub(crate) mod tests;
mod user_message;
mod words;

pub(crate) use inbox::Inbox;
pub(crate) use labels::end_of_subscription;
pub(crate) use registry::{Dispatch, Fixed, Policy, Rooms};
pub(crate) use task::Shared;
pub(crate) use user_message::UserMessage;

use crate::msrp::{Reservation, SessionEntry};
use crate::sip::Unlocated;
use family::Family;
use mailbox::Mailbox;
use parlor_focus::{Caller, Found, RequestId};
use parlor_msrp::TransactionId;
use parlor_room::SessionId;
use parlor_sip::{Flow, Request, Response, ServerTransactionId, Uri};
use parlor_switch::{Credit, Input, Outbox, Slot};
use std::sync::Arc;
use std::time::Instant;

/// What the SIP task tells a room.
#[derive(Debug)]
pub(crate) enum SipInput {
    /// A request for the room or in one of its dialogs.
    Request {
        /// Its transaction.
        tx: ServerTransactionId,
        /// The request.
        request: Box<Request>,
        /// How it came.
        flow: Flow,
        /// Who sends it.
        caller: Caller,
        /// For the session that it may open.
        reserved: Option<Reservation>,
    },
    /// A MESSAGE to the user of that address, to be said to it here if that may be.
    UserMessage(Box<UserMessage>, Uri),
    /// The ACK of a 2xx.
    Ack(Box<Request>),
    /// The answer to a request of the room's.
    Response {
        /// The request.
        id: RequestId,
        /// Its response.
        response: Box<Response>,
        /// Nothing is lost with it: it has come before and will come again, or it is provisional.
        spare: bool,
    },
    /// Where somebody is who is to be called, and who it is if that is known.
    Located(RequestId, Result<Found, Unlocated>),
    /// A request of the room's had no answer.
    Failed(RequestId),
    /// A request of the room's was not sent, as too much waits for where it goes.
    Delayed(RequestId),
    /// The server goes down.
    Shutdown,
    /// The room's task is to panic.
    #[cfg(test)]
    Fault,
}

/// What connections tell a room.
#[derive(Debug)]
pub(crate) enum MsrpInput {
    /// A session was bound.
    Bound(Bound),
    /// Its connection is gone.
    Unbound(Place),
    /// What a read brought.
    Brought(Brought),
    /// Something about one session.
    Event(Place, RoomEvent),
    /// We could not connect for this session.
    Unreachable(Arc<SessionEntry>),
}

/// Where a session is: its place on one connection.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) session: SessionId,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) slot: Slot,
}

/// A session that was bound. Unless its room takes it, its place on the connection is given up: the room may have ended,
/// or the session.
#[derive(Debug)]
pub(crate) struct Bound {
    entry: Arc<SessionEntry>,
    place: Option<Place>,
    /// Our SEND that binds it, if it is we who connected.
    asked: Option<TransactionId>,
}

impl Bound {
    fn new(entry: Arc<SessionEntry>, outbox: Arc<Outbox>, slot: Slot, asked: Option<TransactionId>) -> Self {
        let place = Some(Place { session: entry.session, outbox, slot });
        Self { entry, place, asked }
    }

    /// From now on the place is whoever's takes it, and so is our SEND.
    pub(crate) fn take(mut self) -> (Option<Place>, Option<TransactionId>) {
        (self.place.take(), self.asked)
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let waker = self.place.take().and_then(|place| place.outbox.detach(place.slot).1);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// What one read of a connection brought for one room.
#[derive(Debug)]
pub(crate) struct Brought {
    /// The connection.
    pub(crate) outbox: Arc<Outbox>,
    /// In its order, by session.
    pub(crate) inputs: Vec<(SessionId, Slot, Input)>,
    /// Covers the octets in it.
    pub(crate) credit: Credit,
    /// When it was read, if it holds the end of a chunk.
    pub(crate) read_at: Option<Instant>,
}

/// What happened to a session, seen from its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoomEvent {
    /// Everything that waited is written; so many messages were skipped.
    Recovered {
        /// How many.
        missed: u32,
    },
    /// It took nothing for as long as it may.
    GivenUp,
}

/// How a room is reached.
#[derive(Debug)]
pub(crate) struct RoomHandle {
    id: u64,
    name: Box<str>,
    mailbox: Mailbox,
    inbox: Arc<Inbox>,
    family: Family,
    /// Whether messages to users may be said here (MSG-48).
    takes_user_messages: bool,
}

impl RoomHandle {
    /// The room's number, which begins the tags of its dialogs.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Where connections reach the room.
    pub(crate) fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }

    /// Somebody who is to be called was found, or not.
    pub(crate) fn located(&self, id: RequestId, found: Result<Found, Unlocated>) {
        // A room that has ended calls nobody.
        self.mailbox.offer(SipInput::Located(id, found));
    }
}
