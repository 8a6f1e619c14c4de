//! What a subscriber can be sent.

use crate::{Flow, Transport, Uri};

/// How large documents may be that are sent to a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It is reached over a stream.
    Stream,
    /// It is reached by datagrams. What is too large for one goes over a stream (EVT-20, RFC 3261 §18.1.1), unless that was
    /// tried in vain.
    Datagrams {
        /// Whether a stream is worth a try.
        stream: bool,
        /// Whether it has answered: before, nobody is to be sent much that somebody else had sent to them.
        proven: bool,
    },
}

impl Reach {
    /// How somebody is reached who was heard over this.
    pub fn over(transport: Transport) -> Self {
        match transport {
            Transport::Udp => Self::Datagrams { stream: true, proven: false },
            Transport::Tcp | Transport::Tls => Self::Stream,
        }
    }

    /// The largest body of a NOTIFY.
    pub fn most(self) -> usize {
        match self {
            Self::Stream | Self::Datagrams { stream: true, .. } => MOST_BY_STREAM,
            Self::Datagrams { stream: false, proven: true } => MOST_BY_DATAGRAM,
            Self::Datagrams { stream: false, proven: false } => MOST_UNPROVEN,
        }
    }

    /// Whether it has not answered, and could be anybody.
    pub fn is_unproven(self) -> bool {
        self == Self::Datagrams { stream: false, proven: false }
    }

    /// Whether a request with a body of that size goes over a stream although the dialog lives on datagrams.
    pub fn needs_stream(self, body: usize) -> bool {
        matches!(self, Self::Datagrams { stream: true, .. }) && body + HEAD > LARGEST_SAFE_DATAGRAM
    }

    /// It has answered.
    pub fn prove(&mut self) {
        if let Self::Datagrams { proven, .. } = self {
            *proven = true;
        }
    }

    /// A stream is not to be had.
    pub fn give_up_stream(&mut self) {
        if let Self::Datagrams { stream, .. } = self {
            *stream = false;
        }
    }

    /// The way to the same peer over a stream.
    pub fn streamed(flow: Flow, uri: Uri) -> (Flow, Uri) {
        let flow = Flow { transport: Transport::Tcp, connection: None, ..flow };
        (flow, uri.with_param("transport", "tcp"))
    }
}

/// Half of what waits for one stream at the most, in the server.
const MOST_BY_STREAM: usize = 2 * 1024 * 1024;
/// EVT-20. What the headers take is well below the rest of a datagram.
const MOST_BY_DATAGRAM: usize = 60_000;
/// Room enough for a dozen users; a SUBSCRIBE with somebody else's address brings them not much more than that.
const MOST_UNPROVEN: usize = 8 * 1024;
/// RFC 3261 §18.1.1.
const LARGEST_SAFE_DATAGRAM: usize = 1300;
/// What a NOTIFY has beside its body, at about.
const HEAD: usize = 700;
