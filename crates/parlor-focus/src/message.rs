//! What all our messages in a dialog carry.

use crate::leg::Leg;
use crate::{EndReason, Settings, features};
use parlor_room::Room;
use parlor_sip::{Flow, HeaderName, Headers, Method, NameAddr, Part, Request, Response, multipart, reason_phrase};

/// A 200 with what the focus of a room tells of itself (SIP-40).
pub(crate) fn ok(request: &Request, contact: &NameAddr, settings: &Settings) -> Response {
    let mut response = Response::for_request(request, 200, reason_phrase(200));
    response.headers.push(HeaderName::Contact, contact);
    features::declare(&mut response.headers);
    response.headers.push(HeaderName::Server, &settings.product);
    response
}

/// A request in a dialog.
pub(crate) fn request(leg: &mut Leg, method: Method, room: &Room, settings: &Settings) -> Request {
    let bye = method == Method::Bye;
    let mut request = leg.request(method);
    request.headers.push(HeaderName::UserAgent, &settings.product);
    if !bye {
        request.headers.push(HeaderName::Contact, contact(room, &leg.flow, leg.dialog.is_secure(), settings));
        features::declare(&mut request.headers);
    }
    request
}

/// Says in a BYE why it is sent, where its recipient has a right to know (RFC 3326 §2).
pub(crate) fn explain(headers: &mut parlor_sip::Headers, reason: EndReason) {
    let (cause, text) = match reason {
        EndReason::Removed => (403, "You were removed from the room"),
        EndReason::RoomClosed => (410, "The room is closed"),
        EndReason::Shutdown => (503, "The server is going down"),
        EndReason::TransferFailed => (500, "The file cannot be transferred"),
        EndReason::Left
        | EndReason::MediaRemoved
        | EndReason::NoAck
        | EndReason::BadAnswer
        | EndReason::BindTimeout
        | EndReason::ConnectionLost
        | EndReason::Expired
        | EndReason::Unreachable
        | EndReason::Stalled
        | EndReason::Replaced
        | EndReason::Unanswered
        | EndReason::Transferred => return,
    };
    headers.push(HeaderName::Reason, format!("SIP;cause={cause};text=\"{text}\""));
}

/// Puts SDP into a message.
pub(crate) fn sdp(headers: &mut parlor_sip::Headers, body: &mut bytes::Bytes, text: &str) {
    headers.push(HeaderName::ContentType, features::SDP);
    *body = bytes::Bytes::copy_from_slice(text.as_bytes());
}

/// Puts SDP into a request, beside a list of who else is invited (SIP-89).
pub(crate) fn sdp_and_history(request: &mut Request, text: &str, history: &bytes::Bytes, boundary: &str) {
    let mut sdp = Part { headers: Headers::new(), body: bytes::Bytes::copy_from_slice(text.as_bytes()) };
    sdp.headers.push(HeaderName::ContentType, features::SDP);
    let mut list = Part { headers: Headers::new(), body: history.clone() };
    list.headers.push(HeaderName::ContentType, features::LIST);
    list.headers.push(HeaderName::ContentDisposition, "recipient-list-history;handling=optional");
    let (kind, body) = multipart(boundary, &[sdp, list]);
    request.headers.push(HeaderName::MimeVersion, "1.0");
    request.headers.push(HeaderName::ContentType, kind);
    request.body = body;
}

/// The room's Contact: where we are really reached over this transport, and that it is a focus
/// (SIP-70, SIP-E0, SIP-E1).
pub(crate) fn contact(room: &Room, flow: &Flow, secure: bool, settings: &Settings) -> NameAddr {
    let user = room.uri().user_decoded();
    let uri = settings.contacts.uri(user.as_deref(), settings.hosts.domain(), flow, secure);
    let uri = uri.unwrap_or_else(|_| room.uri().clone());
    let methods = features::METHODS.iter().map(Method::as_str).collect::<Vec<_>>().join(",");
    NameAddr::new(uri)
        .with_flag("isfocus")
        .with_flag("automata")
        .with_flag("+sip.message")
        .with_param("methods", &methods)
}
