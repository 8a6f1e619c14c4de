//! SIP over sockets: one task holds all transactions; datagram sockets and streams bring it messages.

mod dispatch;
mod flows;
mod listener;
mod queue;
mod reading;
mod requests;
mod stream;
mod task;
mod udp;

pub(crate) use task::Settings;
pub(crate) use task::{SipTask, Socket};
pub(crate) use udp::bind_udp;

use crate::metrics::{Layer, Metrics};
use parlor_focus::{NextHop, RequestId};
use parlor_sip::{Flow, Message, ParseError, Request, Response, ServerTransactionId};
use queue::Queue;

/// What sockets tell the SIP task.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A stream was accepted; what is sent to it goes into the queue.
    Opened { flow: Flow, queue: Queue },
    /// A message.
    Message { flow: Flow, message: Box<Message> },
    /// Something that is no message, perhaps answerable.
    Invalid { flow: Flow, error: ParseError },
    /// A stream is gone, or could not be opened.
    Closed { flow: Flow },
}

/// What rooms tell the SIP task.
#[derive(Debug)]
pub(crate) enum SipOutput {
    /// Answer a request.
    Respond { tx: ServerTransactionId, response: Response },
    /// Send a request.
    Request { room: u64, id: RequestId, request: Request, next_hop: NextHop },
    /// Send an ACK to a 2xx.
    Ack { request: Request, next_hop: NextHop },
}

/// Counts a request that was refused, by what it was refused for.
pub(crate) fn count_refusal(metrics: &Metrics, code: u16) {
    let (layer, reason) = match code {
        ..400 => return,
        400 => (Layer::Sip, "bad_request"),
        403 => (Layer::Room, "forbidden"),
        404 => (Layer::Room, "no_room"),
        405 | 501 => (Layer::Sip, "method"),
        415 => (Layer::Sip, "body_type"),
        416 => (Layer::Sip, "uri_scheme"),
        420 => (Layer::Sip, "extension"),
        422 => (Layer::Sip, "session_interval"),
        433 => (Layer::Room, "anonymous"),
        481 => (Layer::Sip, "no_dialog"),
        486 => (Layer::Room, "full"),
        488 => (Layer::Sdp, "not_acceptable"),
        491 => (Layer::Sip, "glare"),
        500 => (Layer::Sip, "out_of_order"),
        503 => (Layer::Sip, "overload"),
        _ => (Layer::Sip, "other"),
    };
    metrics.reject(layer, reason);
}
