//! Why a connection cannot go on.

use crate::ident::TransactionId;
use crate::path::{Path, PathError};

/// The stream cannot be read any further: the connection must be closed (MSRP-100).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The octets are not the beginning of a message.
    #[error("not MSRP")]
    NotMsrp,
    /// The start line is wrong.
    #[error("malformed start line")]
    StartLine,
    /// The start line is longer than [`Limits::start_line`](crate::Limits).
    #[error("start line too long")]
    StartLineTooLong,
    /// The headers are longer than [`Limits::header_block`](crate::Limits).
    #[error("header block too long")]
    HeaderBlockTooLong(Option<Box<Answerable>>),
    /// To-Path or From-Path is missing.
    #[error("To-Path or From-Path is missing")]
    NoPath,
    /// To-Path or From-Path is wrong.
    #[error("To-Path or From-Path: {0}")]
    Path(#[from] PathError),
    /// Where the end-line of the message belongs is another.
    #[error("the end-line is not that of the transaction")]
    EndLine(Option<Box<Answerable>>),
    /// A response has a body.
    #[error("a response with a body")]
    ResponseBody,
    /// The body of a request other than SEND is longer than [`Limits::non_send_body`](crate::Limits).
    #[error("body of a request other than SEND too long")]
    BodyTooLong(Box<Answerable>),
}

/// What is known of a request that cannot be read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answerable {
    /// Its transaction.
    pub tid: TransactionId,
    /// Its To-Path.
    pub to_path: Path,
    /// Its From-Path.
    pub from_path: Path,
}

impl DecodeError {
    /// The transaction, To-Path and From-Path of the request, when a 400 can be sent before closing.
    pub fn answerable(&self) -> Option<(TransactionId, Path, Path)> {
        match self {
            Self::HeaderBlockTooLong(request) | Self::EndLine(request) => request.as_deref().map(Answerable::parts),
            Self::BodyTooLong(request) => Some(request.parts()),
            Self::NotMsrp
            | Self::StartLine
            | Self::StartLineTooLong
            | Self::NoPath
            | Self::Path(_)
            | Self::ResponseBody => None,
        }
    }
}

impl Answerable {
    fn parts(&self) -> (TransactionId, Path, Path) {
        (self.tid, self.to_path.clone(), self.from_path.clone())
    }
}
