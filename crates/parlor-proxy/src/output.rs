//! What a proxy wants done.

use crate::{
    BindingId, MessageId, PageId, PublicationId, Reject, SavedBinding, SavedMessage, SavedPublication, SearchId, SendId,
};
use parlor_sip::subscription::SubscriptionEnd;
use parlor_sip::{Flow, Request, Response, ServerTransactionId, Uri};
use std::sync::Arc;

/// Something for the server to do, in the order in which it was polled.
#[derive(Debug)]
pub enum Output {
    /// Answer a request.
    Respond {
        /// The request's transaction.
        tx: ServerTransactionId,
        /// The final response.
        response: Response,
        /// Why it refuses, if it is we who do.
        refused: Option<Reject>,
    },
    /// Pass a message on, and tell its fate by [`crate::Proxy::handle_response`] or [`crate::Proxy::handle_failure`].
    Send {
        /// Names it.
        id: SendId,
        /// The request, without our Via.
        request: Request,
        /// How it gets there.
        way: Way,
        /// The mark for our Via, if it is somebody else's request.
        mark: Option<u64>,
    },
    /// Find out where the servers of another domain are, and tell it by [`crate::Proxy::handle_found`].
    Search {
        /// Names the search.
        id: SearchId,
        /// For whom.
        uri: Uri,
        /// Whether what goes there is too large for datagrams (RFC 3261 §18.1.1).
        is_large: bool,
    },
    /// A subscription to presence is gone; for those who count.
    Unwatched(SubscriptionEnd),
    /// What became of a message of a room.
    Paged {
        /// Which.
        id: PageId,
        /// It.
        paged: Paged,
    },
    /// A message has come to an end; for those who count.
    Ended(Fate),
    /// Ask the store what waits for a user, and tell it by [`crate::Proxy::handle_fetched`].
    Fetch {
        /// Who.
        user: Arc<str>,
        /// Only later ones than this.
        after: MessageId,
        /// What is no longer wanted then is to be removed, in milliseconds since 1970-01-01T00:00:00Z.
        now: u64,
    },
    /// Have removed from the store what is no longer wanted, and tell it by [`crate::Proxy::handle_swept`].
    Sweep {
        /// Not wanted then, in milliseconds since 1970-01-01T00:00:00Z.
        now: u64,
        /// Messages that ended before this are forgotten.
        ended_before: u64,
    },
    /// Have something stored, all or nothing. If it has a name, [`crate::Proxy::handle_stored`] is to be told what became of it.
    Store {
        /// Names it.
        id: Option<StoreId>,
        /// What is to be changed, in this order.
        changes: Vec<Change>,
    },
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A device has it.
    Delivered,
    /// A device refused it.
    Refused,
    /// No device could be reached.
    Unavailable,
    /// It is kept for when one can.
    Kept,
    /// It was kept, and a device has it now.
    DeliveredLater,
    /// It was kept, and refused.
    Undeliverable,
    /// It was kept until nobody wanted it any more.
    Expired,
}

/// Names what is being stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreId(pub u64);

/// A change of what is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A binding is new, or replaces the one of its name.
    Put(SavedBinding),
    /// A binding is gone.
    Remove(BindingId),
    /// A message is to wait for its user, unless the same was kept before: that is [`Stored::Known`].
    Keep(SavedMessage),
    /// A publication is new, or replaces the one of its name.
    PutPublication(SavedPublication),
    /// A publication is gone.
    RemovePublication(PublicationId),
    /// A message has come to its end; that it was here is to be remembered until a [`Output::Sweep`] says otherwise.
    End {
        /// Which.
        id: MessageId,
        /// When, in milliseconds since 1970-01-01T00:00:00Z.
        at: u64,
    },
}

/// Whether something was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It was: it outlives a restart.
    Yes,
    /// It is, and was there before.
    Known,
    /// Too much waits to be stored.
    Overload,
    /// The store failed.
    Failed,
}

/// How a request gets to its next hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// What its receiver was last heard by; to be used while it is an open stream.
    pub flow: Flow,
    /// Where at the address of the flow, for datagrams and when the stream is gone.
    pub uri: Uri,
}

/// What became of a message of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paged {
    /// It has this status; 408 if its device said nothing.
    Ended(u16),
    /// Too much is on its way, or waits for the device: it was not sent, and may be another time.
    Delayed,
}
