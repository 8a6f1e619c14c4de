use bytes::Bytes;

use super::timer::Timers;
use crate::flow::Flow;
use crate::message::{Request, Response};

/// A transaction in which we answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerTransactionId {
    pub(super) index: usize,
    pub(super) serial: u64,
}

/// A transaction in which we asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientTransactionId {
    pub(super) index: usize,
    pub(super) serial: u64,
}

/// What the transactions tell the core.
#[derive(Debug)]
pub enum Event {
    /// A new request that must be answered with [`super::Endpoint::respond`].
    Request {
        /// Its transaction.
        tx: ServerTransactionId,
        /// The request, its top Via stamped with where it came from.
        request: Box<Request>,
        /// How it came.
        flow: Flow,
    },
    /// The ACK of a 2xx, to be matched to its dialog.
    Ack {
        /// The ACK.
        request: Box<Request>,
        /// How it came.
        flow: Flow,
    },
    /// An INVITE that is not yet answered was cancelled; the CANCEL is answered, the INVITE waits for its 487.
    Cancel {
        /// The transaction of the INVITE.
        tx: ServerTransactionId,
    },
    /// A response; every 2xx to an INVITE, repeated ones too, is to be acknowledged with [`super::Endpoint::send_ack`].
    Response {
        /// The transaction of the request.
        tx: ClientTransactionId,
        /// The response.
        response: Box<Response>,
    },
    /// No final response came in time: handle as 408 (RFC 3261 §8.1.3.1).
    Timeout {
        /// The transaction of the request.
        tx: ClientTransactionId,
    },
    /// The request was not sent, as there are as many transactions as may be: it may be sent later.
    Overload {
        /// The transaction that it would have had.
        tx: ClientTransactionId,
    },
    /// The request could not be sent, or its connection is gone: handle as 503 (RFC 3261 §8.1.3.1).
    TransportError {
        /// The transaction of the request.
        tx: ClientTransactionId,
    },
}

/// Bytes to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where to and how. A stream without a connection is to be opened first.
    pub flow: Flow,
    /// A whole message.
    pub bytes: Bytes,
}

impl Transmit {
    /// The status code if this is a response, for those who count.
    pub fn status(&self) -> Option<u16> {
        let digits = self.bytes.strip_prefix(b"SIP/2.0 ")?.get(..3)?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }
}

/// How many transactions there may be, and their timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionLimits {
    /// Server transactions. Beyond it those that are answered and linger end early, the oldest of those first whose
    /// request may well be answered again; where none lingers new requests get 503. BYE may take an eighth more.
    pub server: usize,
    /// Bytes that server transactions hold: what they are known by and the responses they may have to repeat. Beyond it
    /// as above.
    pub server_bytes: usize,
    /// Client transactions. Beyond it new requests fail as if the transport had.
    pub client: usize,
    /// The values of the timers.
    pub timers: Timers,
}

impl Default for TransactionLimits {
    fn default() -> Self {
        Self { server: 100_000, server_bytes: 128 << 20, client: 50_000, timers: Timers::default() }
    }
}

/// What has happened, counted from the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Server transactions now.
    pub server_transactions: usize,
    /// Bytes that server transactions hold now.
    pub server_bytes: usize,
    /// Client transactions now.
    pub client_transactions: usize,
    /// Requests that came for the second time and were absorbed.
    pub requests_repeated: u64,
    /// Transactions that lingered and ended early, to make room.
    pub transactions_cut_short: u64,
    /// Requests refused with 503 because there were too many transactions.
    pub requests_overloaded: u64,
    /// Requests refused with 482 because they had come another way already.
    pub requests_merged: u64,
    /// Responses that matched no transaction.
    pub responses_unmatched: u64,
    /// Responses of the core that came after their transaction had ended.
    pub responses_late: u64,
}
