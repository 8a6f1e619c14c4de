//! Requests and responses written to the wire (RFC 4975 §7).
//!
//! All functions append to the buffer given. Heads end without the CRLF of their last line: [`encode_end`] writes it, so
//! that it stands after headers and after a body alike.

use std::fmt::Display;
use std::io::Write;

use crate::header::{ByteRange, FailureReport};
use crate::ident::{MessageId, TransactionId};
use crate::message::{Flag, Method, Request};
use crate::path::Path;
use crate::uri::Uri;

/// Whom a response goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponsePath<'a> {
    /// The previous hop alone.
    PreviousHop(&'a Uri),
    /// All hops back to where the request came from.
    Whole(&'a Path),
}

impl Display for ResponsePath<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PreviousHop(uri) => uri.fmt(f),
            Self::Whole(path) => path.fmt(f),
        }
    }
}

/// The To-Path of the response to a request.
///
/// MSRP-60, MSRP-61: to a SEND the leftmost URI of From-Path, to any other method all of it.
pub fn response_path(request: &Request) -> ResponsePath<'_> {
    match request.method {
        Method::Send => ResponsePath::PreviousHop(request.from_path.first()),
        Method::Report | Method::Nickname | Method::Auth | Method::Other(_) => ResponsePath::Whole(&request.from_path),
    }
}

/// Writes a response; see [`response_path`] for `to`, and [`reason`](crate::reason) for the comment.
///
/// Control characters of the comment become spaces: it may be a peer's.
pub fn encode_response(
    out: &mut Vec<u8>,
    tid: &TransactionId,
    code: u16,
    comment: &str,
    to: &(impl Display + ?Sized),
    from: &Uri,
) {
    start_line(out, tid);
    push_code(out, code, comment);
    paths(out, to, from);
    // MSRP-10: always `$`.
    encode_end(out, tid, Flag::Complete);
}

/// A REPORT on some octets of a message (MSRP-52, MSRP-53).
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// The transaction; its id must not occur in the content (MSRP-8).
    pub tid: &'a TransactionId,
    /// The whole From-Path of the SEND.
    pub to: &'a Path,
    /// Our session.
    pub from: &'a Uri,
    /// The message.
    pub message_id: &'a MessageId,
    /// The octets.
    pub range: ByteRange,
    /// What became of them.
    pub code: u16,
    /// The words that go with it.
    pub comment: &'a str,
    /// What goes along, in message/cpim.
    pub wrapped: Option<&'a [u8]>,
}

/// Writes a REPORT.
pub fn encode_report(out: &mut Vec<u8>, report: &Report<'_>) {
    start_line(out, report.tid);
    push(out, "REPORT");
    paths(out, report.to, report.from);
    header(out, "Message-ID", report.message_id.as_str());
    byte_range(out, report.range);
    push(out, "\r\nStatus: 000 ");
    push_code(out, report.code, report.comment);
    if let Some(wrapped) = report.wrapped {
        push(out, "\r\nContent-Type: message/cpim\r\n\r\n");
        out.extend_from_slice(wrapped);
    }
    encode_end(out, report.tid, Flag::Complete);
}

/// Writes a request for a nickname; an empty one gives the present one up (RFC 7701 §7.1).
pub fn encode_nickname(out: &mut Vec<u8>, tid: &TransactionId, to: &Path, from: &Uri, nickname: &str) {
    start_line(out, tid);
    push(out, "NICKNAME");
    paths(out, to, from);
    push(out, "\r\nUse-Nickname: \"");
    for octet in nickname.bytes() {
        match octet {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', octet]),
            other => out.push(printable(other)),
        }
    }
    push(out, "\"");
    encode_end(out, tid, Flag::Complete);
}

/// The head of a SEND: of a chunk, or of a SEND without a body.
#[derive(Debug, Clone, Copy)]
pub struct SendHead<'a> {
    /// The transaction; its id must not occur in the body (MSRP-8).
    pub tid: &'a TransactionId,
    /// Where it goes.
    pub to: &'a Path,
    /// Our session.
    pub from: &'a Uri,
    /// The message that it is a chunk of.
    pub message_id: &'a MessageId,
    /// Which octets of the message it has.
    pub byte_range: Option<ByteRange>,
    /// Which responses we want.
    pub failure_report: FailureReport,
    /// Whether we want success REPORTs.
    pub success_report: bool,
    /// The type of the body; without it there is no body (MSRP-5).
    pub content_type: Option<&'a str>,
}

/// Writes the head of a SEND; the body follows, if it has a Content-Type, and [`encode_end`].
pub fn encode_send_head(out: &mut Vec<u8>, head: &SendHead<'_>) {
    start_line(out, head.tid);
    push(out, "SEND");
    paths(out, head.to, head.from);
    header(out, "Message-ID", head.message_id.as_str());
    if let Some(range) = head.byte_range {
        byte_range(out, range);
    }
    // What is said by saying nothing is not said: Failure-Report yes, Success-Report no.
    if head.failure_report != FailureReport::Yes {
        header(out, "Failure-Report", head.failure_report.as_str());
    }
    if head.success_report {
        header(out, "Success-Report", "yes");
    }
    if let Some(content_type) = head.content_type {
        // MSRP-3: the last one.
        header(out, "Content-Type", content_type);
        push(out, "\r\n\r\n");
    }
}

/// Writes the end-line and the CRLF before it.
pub fn encode_end(out: &mut Vec<u8>, tid: &TransactionId, flag: Flag) {
    push(out, "\r\n-------");
    out.extend_from_slice(tid.as_bytes());
    out.extend_from_slice(&[flag.as_byte(), b'\r', b'\n']);
}

fn start_line(out: &mut Vec<u8>, tid: &TransactionId) {
    push(out, "MSRP ");
    out.extend_from_slice(tid.as_bytes());
    push(out, " ");
}

fn paths(out: &mut Vec<u8>, to: &(impl Display + ?Sized), from: &Uri) {
    write!(out, "\r\nTo-Path: {to}").expect("a Vec takes all");
    header(out, "From-Path", from.as_str());
}

fn header(out: &mut Vec<u8>, name: &str, value: &str) {
    push(out, "\r\n");
    push(out, name);
    push(out, ": ");
    out.extend(value.bytes().map(printable));
}

fn byte_range(out: &mut Vec<u8>, range: ByteRange) {
    write!(out, "\r\nByte-Range: {range}").expect("a Vec takes all");
}

fn push_code(out: &mut Vec<u8>, code: u16, comment: &str) {
    write!(out, "{code:03}").expect("a Vec takes all");
    if !comment.is_empty() {
        push(out, " ");
        out.extend(comment.bytes().map(printable));
    }
}

/// No header value can end its line.
fn printable(octet: u8) -> u8 {
    if octet.is_ascii_control() { b' ' } else { octet }
}

fn push(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}
