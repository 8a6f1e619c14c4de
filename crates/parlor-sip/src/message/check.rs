//! What every message must have before anything else looks at it (RFC 3261 §8.1.1, §8.2.2.1).

use bytes::Bytes;

use super::error::{ParseError, ParseErrorKind};
use super::head::{Head, StartLine};
use super::{Message, Request, Response};
use crate::header::{HeaderError, HeaderName, Headers};
use crate::method::Method;

/// Makes a message of a head and its body, or says what is wrong with it.
pub(super) fn message(mut head: Head, body: Bytes) -> Result<Message, ParseError> {
    if let Some(fault) = head.fault.take() {
        return Err(head.error(fault));
    }
    let checked = match &head.start {
        Some(StartLine::Request { method, .. }) => request(method, &head.headers),
        Some(StartLine::Status { .. }) => common(&head.headers),
        None => Err(ParseErrorKind::StartLine),
    };
    if let Err(kind) = checked {
        return Err(head.error(kind));
    }
    match head.start {
        Some(StartLine::Request { method, uri: Ok(uri) }) => {
            Ok(Message::Request(Request { method, uri, headers: head.headers, body }))
        }
        Some(StartLine::Status { code, reason }) => {
            Ok(Message::Response(Response { code, reason, headers: head.headers, body }))
        }
        Some(StartLine::Request { uri: Err(_), .. }) | None => {
            unreachable!("a start line without a fault is whole")
        }
    }
}

fn common(headers: &Headers) -> Result<(), ParseErrorKind> {
    headers.via()?;
    headers.from()?;
    headers.to()?;
    headers.call_id()?;
    headers.cseq()?;
    Ok(())
}

fn request(method: &Method, headers: &Headers) -> Result<(), ParseErrorKind> {
    common(headers)?;
    if headers.cseq()?.method != *method {
        return Err(ParseErrorKind::CSeqMethod);
    }
    if headers.all(&HeaderName::MaxForwards).count() > 1 {
        return Err(HeaderError::Repeated(HeaderName::MaxForwards).into());
    }
    // Where later requests of the dialog go: better refused now than found broken then.
    headers.contacts()?;
    headers.route()?;
    headers.record_route()?;
    Ok(())
}
