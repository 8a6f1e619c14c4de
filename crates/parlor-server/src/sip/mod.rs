//! SIP over sockets: one task holds all transactions; datagram sockets and streams bring it messages.

mod date;
mod directory;
mod dispatch;
mod elsewhere;
mod flows;
mod in_rooms;
mod listener;
mod locate;
mod opening;
mod pages;
mod presence;
mod proxying;
mod queue;
mod reach;
mod reading;
mod requests;
mod saved;
mod storing;
mod stream;
mod task;
mod udp;
mod users;
mod whereabouts;

pub(crate) use directory::Directory;
pub(crate) use locate::Locator;
pub(crate) use proxying::{Proxying, has_users};
pub(crate) use reach::{Reach, Unlocated};
pub(crate) use task::Settings;
pub(crate) use task::{SipTask, Socket};
pub(crate) use udp::bind_udp;
pub(crate) use whereabouts::{Whereabouts, whereabouts};

/// The methods that are served where users can register, beside those of rooms.
pub(crate) const OWN_METHODS: [Method; 2] = [Method::Register, Method::Publish];
/// The event packages.
pub(crate) const OWN_EVENTS: [&str; 1] = [parlor_events::pidf::EVENT];

use crate::metrics::{Metrics, Rejected};
use crate::room::UserMessage;
use parlor_focus::{Account, Location, NextHop, Page, RequestId};
use parlor_sip::{Flow, Message, Method, ParseError, Request, Response, ServerTransactionId, Uri};
use queue::Queue;
use tokio::sync::oneshot;

/// What sockets tell the SIP task.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A stream was accepted; what is sent to it goes into the queue.
    Opened { flow: Flow, queue: Queue },
    /// A message.
    Message { flow: Flow, message: Box<Message> },
    /// Something that is no message, perhaps answerable.
    Invalid { flow: Flow, error: ParseError },
    /// A peer will send nothing more over its stream; what it is owed can still be written.
    Ended { flow: Flow },
    /// A stream is gone, or could not be opened.
    Closed { flow: Flow },
}

/// What rooms, and those who look for users, tell the SIP task.
#[derive(Debug)]
pub(crate) enum SipOutput {
    /// Say where a user of ours has registered.
    Locate { uri: Uri, tell: oneshot::Sender<Option<(Location, Option<Account>)>> },
    /// Say what flow stands for a stream over TLS to where this one leads, to whoever has that name.
    Place { flow: Flow, name: Box<str>, tell: oneshot::Sender<Flow> },
    /// The server goes down: watchers are to be told, and who tells so once they know.
    Shutdown { told: oneshot::Sender<()> },
    /// Answer a request.
    Respond { tx: ServerTransactionId, response: Response },
    /// Send a request.
    Request { room: u64, id: RequestId, request: Request, next_hop: NextHop },
    /// Take a MESSAGE of a room to somebody.
    Page { room: u64, id: RequestId, page: Box<Page> },
    /// Take a MESSAGE to a user who has an account, or keep it.
    Mention { to: Uri, request: Box<Request> },
    /// Take on a MESSAGE to a user that is not said in the room which was to say it.
    NotSaid(Box<UserMessage>),
    /// Cancel an INVITE.
    Cancel { room: u64, id: RequestId },
    /// Send an ACK to a 2xx.
    Ack { request: Request, next_hop: NextHop },
}

/// Counts a request that was refused, by what it was refused for.
pub(crate) fn count_refusal(metrics: &Metrics, code: u16) {
    let rejected = match code {
        ..400 => return,
        400 => Rejected::SipBadRequest,
        403 => Rejected::RoomForbidden,
        404 => Rejected::RoomUnknown,
        405 | 501 => Rejected::SipMethod,
        406 => Rejected::SipAccept,
        415 => Rejected::SipBodyType,
        416 => Rejected::SipUriScheme,
        420 => Rejected::SipExtension,
        422 => Rejected::SipSessionInterval,
        423 => Rejected::SipTooBrief,
        433 => Rejected::RoomAnonymous,
        481 => Rejected::SipNoDialog,
        486 => Rejected::RoomFull,
        488 => Rejected::SdpNotAcceptable,
        489 => Rejected::SipEvent,
        491 => Rejected::SipGlare,
        500 => Rejected::SipOutOfOrder,
        503 => Rejected::SipOverload,
        _ => Rejected::SipOther,
    };
    metrics.reject(rejected);
}
