//! Messages and how they are read and written (RFC 3261 §7, §18.3).

mod check;
mod datagram;
mod date;
mod encode;
mod error;
mod head;
mod multipart;
mod request;
mod response;
mod stream;

pub use datagram::parse_datagram;
pub use error::{ParseError, ParseErrorKind, Salvage, TooLarge};
pub use multipart::{Part, multipart, parts};
pub use request::Request;
pub use response::{Response, reason_phrase};
pub use stream::{StreamDecoder, StreamError, StreamEvent};

use bytes::Bytes;

use crate::header::Headers;

/// A request or a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

impl Message {
    /// The header fields.
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        match self {
            Self::Request(request) => &request.body,
            Self::Response(response) => &response.body,
        }
    }

    /// Appends the message as it goes over the wire.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Request(request) => request.encode(out),
            Self::Response(response) => response.encode(out),
        }
    }
}
