//! What makes two requests the same (RFC 3261 §17.2.3, §8.2.2.2).

use std::fmt::Write;

use crate::header::{CSeq, HeaderError, HeaderName, Via};
use crate::message::Request;
use crate::method::Method;

/// The identity of a server transaction as text.
pub(super) type Key = Box<str>;

/// The key under which a request's transaction is found; that of an ACK is its INVITE's.
///
/// SIP-4 matches branch, sent-by and method. Call-ID and CSeq number, which a retransmission, ACK or CANCEL repeats
/// anyway, are taken in as well, for peers that use one branch for all their requests.
pub(super) fn transaction(request: &Request, via: &Via, method: &Method) -> Result<Key, HeaderError> {
    let method = if *method == Method::Ack { &Method::Invite } else { method };
    let call_id = request.headers.call_id()?;
    let CSeq { seq, .. } = request.headers.cseq()?;
    let mut key = format!("{method}\0{call_id}\0{seq}\0");
    match via.rfc3261_branch() {
        Some(branch) => write!(key, "{branch}\0{}:{}", via.host.to_ascii_lowercase(), via.port_or_default()),
        // RFC 2543 matching: the whole Via and the From tag stand in for the branch. To tag and Request-URI are left out,
        // so that the ACK finds its INVITE.
        None => write!(key, "{via}\0{}", request.headers.from()?.tag().unwrap_or_default()),
    }
    .expect("a String takes all that is written");
    Ok(key.into())
}

/// What several copies of one request share that came by different ways; `None` within a dialog.
pub(super) fn merged(request: &Request) -> Result<Option<Key>, HeaderError> {
    if request.headers.to_tag()?.is_some() {
        return Ok(None);
    }
    let tag = request.headers.from_tag()?.unwrap_or_default();
    let call_id = request.headers.call_id()?;
    let cseq = request.headers.first(&HeaderName::CSeq).unwrap_or_default();
    Ok(Some(format!("{tag}\0{call_id}\0{cseq}").into()))
}
