use bytes::Bytes;

use super::encode;
use super::request::Request;
use crate::header::{HeaderName, Headers};

/// A response (RFC 3261 §7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code, 100 to 699.
    pub code: u16,
    /// The reason phrase, for people.
    pub reason: Box<str>,
    /// The header fields.
    pub headers: Headers,
    /// The body; Content-Length follows from it.
    pub body: Bytes,
}

impl Response {
    /// A response without header fields and body.
    pub fn new(code: u16, reason: &str) -> Self {
        Self { code, reason: reason.replace(['\r', '\n'], " ").into(), headers: Headers::new(), body: Bytes::new() }
    }

    /// The response to a request: Via, From, To, Call-ID and CSeq are the request's (RFC 3261 §8.2.6.2). The To tag is
    /// the caller's to add.
    pub fn for_request(request: &Request, code: u16, reason: &str) -> Self {
        let mut response = Self::new(code, reason);
        response.headers = Headers::with_capacity(2 * ECHOED.len());
        for name in ECHOED {
            response.headers.copy(&request.headers, &name);
        }
        response
    }

    /// Adds a tag to To unless it has one (RFC 3261 §8.2.6.2).
    pub fn set_to_tag(&mut self, tag: &str) {
        if let Ok(to) = self.headers.to()
            && to.tag().is_none()
        {
            self.headers.set(HeaderName::To, to.with_tag(tag));
        }
    }

    /// Copies Record-Route, as responses that form a dialog must (RFC 3261 §12.1.1).
    pub fn copy_record_route(&mut self, request: &Request) {
        self.headers.copy(&request.headers, &HeaderName::RecordRoute);
    }

    /// Whether this is 1xx.
    pub fn is_provisional(&self) -> bool {
        self.code < 200
    }

    /// Whether this is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// Appends the response as it goes over the wire.
    pub fn encode(&self, out: &mut Vec<u8>) {
        encode::line(out, format_args!("SIP/2.0 {} {}", self.code, self.reason));
        encode::rest(out, &self.headers, &self.body);
    }
}

/// What a response repeats of its request.
pub(super) const ECHOED: [HeaderName; 5] =
    [HeaderName::Via, HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq];

/// The usual words for a status code.
pub fn reason_phrase(code: u16) -> &'static str {
    match code {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        204 => "No Notification",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        305 => "Use Proxy",
        380 => "Alternative Service",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        412 => "Conditional Request Failed",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        421 => "Extension Required",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        430 => "Flow Failed",
        433 => "Anonymity Disallowed",
        439 => "First Hop Lacks Outbound Support",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        485 => "Ambiguous",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        491 => "Request Pending",
        493 => "Undecipherable",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        other => match other / 100 {
            1 => "Progress",
            2 => "Success",
            3 => "Redirection",
            4 => "Request Failure",
            5 => "Server Failure",
            _ => "Global Failure",
        },
    }
}
