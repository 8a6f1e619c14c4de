//! What a focus wants done.

use crate::Transfer;
use crate::sdp::Line;
use crate::{Ask, Page, PageFate, Post};
use parlor_msrp::Path;
use parlor_room::{Departure, Identity, ParticipantId, SessionId};
use parlor_sip::subscription::SubscriptionEnd;
use parlor_sip::{Flow, Request, Response, ServerTransactionId, Uri};
use std::net::IpAddr;

/// Something for the server to do, in the order in which it was polled.
#[derive(Debug)]
pub enum Output {
    /// Answer a request. A 2xx to an INVITE comes again until its ACK arrives (SIP-3).
    Respond {
        /// The request's transaction.
        tx: ServerTransactionId,
        /// The final response.
        response: Response,
    },
    /// Say something in the room, and tell what became of it by [`crate::Focus::handle_posted`].
    Post {
        /// The transaction of the MESSAGE.
        tx: ServerTransactionId,
        /// The MESSAGE.
        request: Box<Request>,
        /// What it says.
        post: Post,
    },
    /// Send a request and tell its fate by [`crate::Focus::handle_response`] or
    /// [`crate::Focus::handle_request_failed`].
    Request {
        /// Names the request.
        id: RequestId,
        /// The request, without Via.
        request: Request,
        /// Where to.
        next_hop: NextHop,
    },
    /// Somebody who takes part by MESSAGE alone asks for something, which is done by [`crate::Focus::handle_asked`] and answered
    /// by [`crate::Focus::handle_posted`].
    Ask {
        /// The transaction of the MESSAGE.
        tx: ServerTransactionId,
        /// The MESSAGE.
        request: Box<Request>,
        /// What it asks for.
        ask: Ask,
    },
    /// Send a MESSAGE to who takes part by it alone, and tell its fate by [`crate::Focus::handle_response`].
    Page {
        /// Names the request.
        id: RequestId,
        /// It.
        page: Box<Page>,
    },
    /// What became of a MESSAGE of the room; for those who count.
    PageEnded(PageFate),
    /// Somebody takes part by MESSAGE alone from now on, as this session.
    PagerJoined {
        /// It.
        session: SessionId,
    },
    /// And no longer does.
    PagerLeft {
        /// The session that it was.
        session: SessionId,
        /// Why.
        reason: EndReason,
    },
    /// Find out where somebody is, who is to be called, and tell it by [`crate::Focus::handle_located`].
    Locate {
        /// Names the request that will be sent there.
        id: RequestId,
        /// Who.
        uri: Uri,
    },
    /// Cancel an INVITE. Its fate is told all the same.
    Cancel {
        /// The INVITE.
        id: RequestId,
    },
    /// Somebody was called; for those who count.
    Called {
        /// The status that it ended with.
        code: u16,
    },
    /// A subscription is gone; for those who count.
    SubscriptionEnded(SubscriptionEnd),
    /// Send an ACK to a 2xx: a transaction of its own that has no answer.
    SendAck {
        /// The ACK, without Via.
        request: Request,
        /// Where to.
        next_hop: NextHop,
    },
    /// We offer a session: connections to its URI may come before the answer and wait for it (MSRP-96). Then it is opened,
    /// or closed.
    OfferSession {
        /// The session.
        session: SessionId,
        /// Our URI in the offer.
        local: parlor_msrp::Uri,
    },
    /// From now on the session's URI is valid. Always before the response that tells it (MSRP-96).
    OpenSession {
        /// The session.
        session: SessionId,
        /// What was agreed.
        spec: SessionSpec,
    },
    /// From now on the session's URI is valid, as with [`Output::OpenSession`]; the session carries one file and is none of a
    /// participant's. It ends by [`Output::CloseSession`].
    OpenTransfer {
        /// The session.
        session: SessionId,
        /// What was agreed.
        spec: SessionSpec,
        /// Who wants it.
        participant: ParticipantId,
        /// What it is for.
        transfer: Transfer,
    },
    /// The peer made a later offer, whether it changed the session or not, or answered one of ours with a change. A session
    /// that has failed with its connection may be bound again (MSRP-97).
    UpdateSession {
        /// The session.
        session: SessionId,
        /// What is agreed now. A new `local` is a new URI to bind; the old binding holds until the
        /// first request on it (MSRP-119).
        spec: SessionSpec,
    },
    /// The session is over and its URIs are no longer valid (CHAT-150).
    CloseSession {
        /// The session.
        session: SessionId,
        /// Why.
        reason: EndReason,
    },
    /// Connect to the leftmost URI of the path to the peer, which waits for us, and send the first SEND (MSRP-154).
    Connect {
        /// The session.
        session: SessionId,
        /// The only address that may be connected to: the caller is not authenticated, and is not
        /// to make us connect to others (RFC 4975 §14.5). `None`: any.
        allowed: Option<IpAddr>,
    },
}

/// What became of a dialog, named by its local tag.
#[derive(Clone, Debug)]
pub enum DialogChange {
    /// It began.
    Began(Box<str>),
    /// It is this user's, who is there.
    Located(Box<str>, Box<Identity>, Location),
    /// Its user is there now.
    Moved(Box<str>, Location),
    /// It is gone.
    Ended(Box<str>),
}

/// Where a user's device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// What the device calls itself: the Request-URI of requests for it.
    pub target: Uri,
    /// How it is reached.
    pub next_hop: NextHop,
}

/// Where somebody is who is to be called.
#[derive(Clone, Debug)]
pub struct Found {
    /// Where to call.
    pub location: Location,
    /// Where else, when nobody answers there.
    pub others: Vec<NextHop>,
    /// Who that is, if it is known.
    pub user: Option<Identity>,
}

impl From<Location> for Found {
    fn from(location: Location) -> Self {
        Self { location, others: Vec::new(), user: None }
    }
}

/// Names a request of ours, within one focus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextHop {
    /// The flow that the dialog lives on; to be used while it is open and a stream. Without a connection one is opened.
    pub flow: Flow,
    /// Where to if the flow is gone, and for datagrams always.
    pub uri: Uri,
}

/// What both sides agreed on for one MSRP session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSpec {
    /// Our URI.
    pub local: parlor_msrp::Uri,
    /// The path to the peer.
    pub peer: Path,
}

impl From<&Line> for SessionSpec {
    fn from(agreed: &Line) -> Self {
        Self { local: agreed.local.clone(), peer: agreed.peer.path.clone() }
    }
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// The participant left with BYE.
    Left,
    /// The participant took the session's media line out of its SDP (SIP-65).
    MediaRemoved,
    /// The ACK never came (SIP-3).
    NoAck,
    /// The answer to our offer could not be used (SIP-41).
    BadAnswer,
    /// Nobody bound the session in time (MSRP-98b).
    BindTimeout,
    /// The MSRP connection was lost and the participant did not come back (CHAT-151).
    ConnectionLost,
    /// The session was not refreshed (SIP-103).
    Expired,
    /// The participant's SIP side is gone: it does not answer, or knows nothing of the dialog.
    Unreachable,
    /// The participant did not read for too long.
    Stalled,
    /// Another session of the same user took its place (CHAT-154).
    Replaced,
    /// The participant was removed (CHAT-152).
    Removed,
    /// Who was called did not come.
    Unanswered,
    /// The file is over, and the peer did not end the session.
    Transferred,
    /// The file cannot be taken or sent, or not to its end.
    TransferFailed,
    /// The room was closed (CHAT-152).
    RoomClosed,
    /// The server goes down.
    Shutdown,
}

impl EndReason {
    /// How the roster shows it (EVT-51).
    pub(crate) fn departure(self) -> Departure {
        match self {
            Self::Left | Self::MediaRemoved | Self::Replaced | Self::Transferred => Departure::Departed,
            Self::Removed | Self::RoomClosed | Self::Shutdown => Departure::Booted,
            Self::NoAck
            | Self::BadAnswer
            | Self::BindTimeout
            | Self::ConnectionLost
            | Self::Expired
            | Self::Unreachable
            | Self::Stalled
            | Self::Unanswered
            | Self::TransferFailed => Departure::Failed,
        }
    }
}
