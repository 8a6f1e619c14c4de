//! What every message must have before anything else looks at it (RFC 3261 §8.1.1, §8.2.2.1).

use bytes::Bytes;

use super::error::{ParseError, ParseErrorKind};
use super::head::{Head, StartLine};
use super::{Message, Request, Response};
use crate::header::Headers;
use crate::method::Method;

/// Makes a message of a head and its body, or says what is wrong with it.
pub(super) fn message(head: Head, body: Bytes) -> Result<Message, ParseError> {
    if let Some(fault) = &head.fault {
        return Err(head.error(fault.clone()));
    }
    let checked = match &head.start {
        Some(StartLine::Request { method, uri: Ok(_) }) => request(method, &head.headers),
        Some(StartLine::Request { uri: Err(kind), .. }) => Err(kind.clone()),
        Some(StartLine::Status { .. }) => common(&head.headers),
        None => Err(ParseErrorKind::StartLine),
    };
    match (checked, head) {
        (Ok(()), Head { start: Some(StartLine::Request { method, uri: Ok(uri) }), headers, .. }) => {
            Ok(Message::Request(Request { method, uri, headers, body }))
        }
        (Ok(()), Head { start: Some(StartLine::Status { code, reason }), headers, .. }) => {
            Ok(Message::Response(Response { code, reason, headers, body }))
        }
        (Ok(()), head) => Err(head.error(ParseErrorKind::StartLine)),
        (Err(kind), head) => Err(head.error(kind)),
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
    headers.max_forwards()?; // SIP-22
    // Where later requests of the dialog go: better refused now than found broken then.
    headers.contacts()?;
    headers.route()?;
    headers.record_route()?;
    Ok(())
}
