//! SIP over sockets: one task holds all transactions; datagram sockets and streams bring it messages.

mod dispatch;
mod flows;
mod stream;
mod task;
mod udp;

pub(crate) use stream::bind_stream;
pub(crate) use task::Settings;
pub(crate) use task::{SipTask, Socket};
pub(crate) use udp::bind_udp;

use bytes::Bytes;
use parlor_focus::{NextHop, RequestId};
use parlor_sip::{Flow, Message, ParseError, Request, Response, ServerTransactionId};
use tokio::sync::mpsc;

/// What sockets tell the SIP task.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A stream was opened; what is sent to it goes into the queue.
    Opened { flow: Flow, queue: mpsc::Sender<Bytes> },
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
