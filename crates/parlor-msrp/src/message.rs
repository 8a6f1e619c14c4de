//! What requests and responses consist of.

use bytes::Bytes;
use bytestring::ByteString;

use crate::header::{ByteRange, FailureReport, HeaderError, Status};
use crate::ident::{MessageId, TransactionId};
use crate::path::Path;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Method {
    /// Carries a message or a chunk of one.
    Send,
    /// Tells what became of a message.
    Report,
    /// Asks for a nickname (RFC 7701).
    Nickname,
    /// Asks a relay for a URI (RFC 4976).
    Auth,
    /// Any other; it gets 501 (MSRP-12).
    Other(Box<str>),
}

impl Method {
    /// The method as it stands in a start line.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Send => "SEND",
            Self::Report => "REPORT",
            Self::Nickname => "NICKNAME",
            Self::Auth => "AUTH",
            Self::Other(name) => name,
        }
    }

    /// MSRP-2: method names are compared by case.
    pub(crate) fn parse(name: &str) -> Self {
        match name {
            "SEND" => Self::Send,
            "REPORT" => Self::Report,
            "NICKNAME" => Self::Nickname,
            "AUTH" => Self::Auth,
            other => Self::Other(other.into()),
        }
    }
}

/// How an end-line continues or ends the message (MSRP-7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flag {
    /// `$`: the message is complete.
    Complete,
    /// `+`: more chunks follow.
    More,
    /// `#`: the sender gives the message up.
    Abort,
}

impl Flag {
    /// The flag as an octet of the end-line.
    pub fn as_byte(self) -> u8 {
        match self {
            Self::Complete => b'$',
            Self::More => b'+',
            Self::Abort => b'#',
        }
    }

    pub(crate) fn from_byte(octet: u8) -> Option<Self> {
        match octet {
            b'$' => Some(Self::Complete),
            b'+' => Some(Self::More),
            b'#' => Some(Self::Abort),
            _ => None,
        }
    }
}

/// A request up to its body.
///
/// The paths and the texts are slices of what was pushed into the decoder: keep them as long as the request is handled,
/// and [`Path::detach`] what stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The transaction.
    pub tid: TransactionId,
    /// What is asked.
    pub method: Method,
    /// To us, by these hops.
    pub to_path: Path,
    /// From the peer, by these hops, nearest first.
    pub from_path: Path,
    /// The message that this is a chunk of, or that is reported on.
    pub message_id: Option<MessageId>,
    /// Which octets of the message the body is.
    pub byte_range: Option<ByteRange>,
    /// Which responses the sender wants.
    pub failure_report: FailureReport,
    /// Whether the sender wants success REPORTs.
    pub success_report: bool,
    /// Whether Failure-Report or Success-Report was written at all; REPORT and NICKNAME must not have them.
    pub has_report_headers: bool,
    /// What a REPORT says.
    pub status: Option<Status>,
    /// The Content-Type with its parameters, as it was written.
    pub content_type: Option<ByteString>,
    /// The value of Use-Nickname, quotes and all.
    pub use_nickname: Option<Bytes>,
    /// Whether a body follows, be it empty (MSRP-6).
    pub has_body: bool,
    /// What is wrong with a header: the caller answers 400 and keeps the connection (MSRP-100).
    pub malformed: Option<HeaderError>,
}

impl Request {
    /// The media type of the body without parameters; compare it without regard to case (MSRP-E8).
    pub fn media_type(&self) -> Option<&str> {
        let text: &str = self.content_type.as_ref()?;
        Some(text.split_once(';').map_or(text, |(essence, _)| essence).trim_ascii())
    }

    /// The position in the message of the first octet of the body; 1 unless said otherwise (MSRP-40).
    pub fn start(&self) -> u64 {
        self.byte_range.map_or(1, |range| range.start)
    }
}

/// A response to one of our requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The transaction it answers.
    pub tid: TransactionId,
    /// The status code.
    pub code: u16,
    /// The words after the code, perhaps none.
    pub comment: ByteString,
    /// To us.
    pub to_path: Path,
    /// From the peer.
    pub from_path: Path,
}
