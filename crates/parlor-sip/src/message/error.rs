use super::head::StartLine;
use super::response::{ECHOED, Response, reason_phrase};
use crate::header::{HeaderError, HeaderName, Headers, Via};
use crate::method::Method;

/// Bytes that are no SIP message, and what of them can still be answered.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{kind}")]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// What could be read; `None` unless it is a request with a Via.
    pub salvage: Option<Box<Salvage>>,
}

/// What is wrong with a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseErrorKind {
    /// The first line is neither a request line nor a status line.
    #[error("not a SIP start line")]
    StartLine,
    /// The version is not SIP/2.0.
    #[error("not SIP/2.0")]
    Version,
    /// A status code that is none.
    #[error("malformed status code")]
    StatusCode,
    /// The Request-URI or the white space around it is malformed.
    #[error("malformed Request-URI")]
    RequestUri,
    /// A line is not a header field.
    #[error("malformed header line")]
    HeaderLine,
    /// A carriage return or line feed stands alone in the header block.
    #[error("bare CR or LF")]
    LineEnding,
    /// The header block is not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// The datagram ends within the header block.
    #[error("no end of header block")]
    Truncated,
    /// A header field that is needed is missing, repeated or malformed.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// CSeq names another method than the request line.
    #[error("CSeq of another method")]
    CSeqMethod,
    /// Content-Length is no number or several different ones.
    #[error("malformed or conflicting Content-Length")]
    ContentLength,
    /// A message on a stream lacks Content-Length.
    #[error("no Content-Length on a stream")]
    NoContentLength,
    /// The datagram is shorter than Content-Length says.
    #[error("body shorter than Content-Length")]
    BodyCut,
    /// A limit is exceeded.
    #[error("{0:?} too large")]
    TooLarge(TooLarge),
}

/// Which limit is exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooLarge {
    /// The start line.
    StartLine,
    /// The header block.
    HeaderBlock,
    /// The number of header fields.
    HeaderCount,
    /// The body.
    Body,
}

/// What could be read of a broken request: enough to route an error response back.
#[derive(Clone, Debug)]
pub struct Salvage {
    /// The method.
    pub method: Method,
    via: Via,
    headers: Headers,
}

impl ParseError {
    pub(super) fn new(kind: impl Into<ParseErrorKind>, start: Option<&StartLine>, headers: &Headers) -> Self {
        let salvage = match start {
            Some(StartLine::Request { method, .. }) => Salvage::of(method.clone(), headers),
            Some(StartLine::Status { .. }) | None => None,
        };
        Self { kind: kind.into(), salvage: salvage.map(Box::new) }
    }

    /// The status code that says what is wrong.
    pub fn status(&self) -> u16 {
        match &self.kind {
            ParseErrorKind::Version => 505,
            ParseErrorKind::TooLarge(TooLarge::StartLine) => 414,
            ParseErrorKind::TooLarge(TooLarge::HeaderBlock | TooLarge::HeaderCount | TooLarge::Body) => 513,
            ParseErrorKind::StartLine
            | ParseErrorKind::StatusCode
            | ParseErrorKind::RequestUri
            | ParseErrorKind::HeaderLine
            | ParseErrorKind::LineEnding
            | ParseErrorKind::NotUtf8
            | ParseErrorKind::Truncated
            | ParseErrorKind::Header(_)
            | ParseErrorKind::CSeqMethod
            | ParseErrorKind::ContentLength
            | ParseErrorKind::NoContentLength
            | ParseErrorKind::BodyCut => 400,
        }
    }

    /// The response to send, and the topmost Via that says where to. `None` if nothing may be answered: broken responses,
    /// ACKs and what has no readable Via are dropped.
    pub fn response(&self) -> Option<(Response, &Via)> {
        let salvage = self.salvage.as_deref()?;
        if salvage.method == Method::Ack {
            return None;
        }
        let code = self.status();
        // RFC 3261 §21.4.1: the reason phrase should say what is wrong.
        let mut response = match code {
            400 => Response::new(code, &format!("Bad Request ({})", self.kind)),
            code => Response::new(code, reason_phrase(code)),
        };
        response.headers = salvage.headers.clone();
        Some((response, &salvage.via))
    }
}

impl Salvage {
    fn of(method: Method, headers: &Headers) -> Option<Self> {
        let first = headers.first(&HeaderName::Via)?;
        let via = headers.top_via().ok().or_else(|| lone_via(first))?;
        let mut echoed = Headers::new();
        for name in ECHOED {
            echoed.copy(headers, &name);
        }
        Some(Self { method, via, headers: echoed })
    }
}

/// The first value of a Via line whose other values cannot be read.
fn lone_via(line: &str) -> Option<Via> {
    let first = line.split(',').next().unwrap_or(line);
    let mut headers = Headers::new();
    headers.push(HeaderName::Via, first);
    headers.top_via().ok()
}
