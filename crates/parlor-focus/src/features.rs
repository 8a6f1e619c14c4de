//! What the server can do in SIP, declared once: the rest is derived from here.

use parlor_events::conference_info::EVENT;
use parlor_room::TypeList;
use parlor_sip::{HeaderName, Headers, Method};

/// The methods that a room and the server serve, as `Allow` and the Contact's `methods` name them.
pub const METHODS: [Method; 10] = [
    Method::Invite,
    Method::Ack,
    Method::Bye,
    Method::Cancel,
    Method::Options,
    Method::Update,
    Method::Refer,
    Method::Subscribe,
    Method::Notify,
    Method::Message,
];

/// The event packages that may be subscribed to, as `Allow-Events` names them (EVT-16).
pub const EVENTS: [&str; 2] = [EVENT, "refer"];

/// The extensions told in `Supported`.
pub const SUPPORTED: [&str; 4] = ["timer", "replaces", "join", "norefersub"];

/// The extensions that a request may require: those told, and 100rel, which costs nothing as long
/// as no provisional response is sent (SIP-49).
pub(crate) const UNDERSTOOD: [&str; 5] = ["timer", "replaces", "join", "norefersub", "100rel"];

/// The extension of the factory: a list of those to invite (RFC 5366).
const BY_LIST: &str = "recipient-list-invite";
/// The extensions that an INVITE to the factory may require.
pub(crate) const UNDERSTOOD_AT_FACTORY: [&str; 6] = [BY_LIST, "timer", "replaces", "join", "norefersub", "100rel"];

/// The body type of offers and answers.
pub(crate) const SDP: &str = "application/sdp";
/// The body type of lists.
pub(crate) const LIST: &str = parlor_events::resource_lists::CONTENT_TYPE;
/// The body types that are read.
pub(crate) const ACCEPT: &str = "application/sdp, multipart/mixed";

/// Whether the method is served, in or out of a dialog.
///
/// PRACK is recognised, since 100rel may be required, but never matches a response of ours.
pub(crate) fn serves(method: &Method) -> bool {
    METHODS.contains(method) || *method == Method::Prack
}

/// The value of `Allow`.
pub(crate) fn allow() -> String {
    allow_with(&[])
}

/// The value of `Allow` where these are served too.
pub(crate) fn allow_with(more: &[Method]) -> String {
    METHODS.iter().chain(more).map(Method::as_str).collect::<Vec<_>>().join(", ")
}

/// The value of `Allow-Events` where these are served too.
pub(crate) fn events_with(more: &[&str]) -> String {
    [&EVENTS, more].concat().join(", ")
}

/// The `Accept` of a room for MESSAGE (MSG-42).
pub fn accept_of_messages(types: &TypeList) -> Box<str> {
    let mut all = vec!["text/plain", "message/cpim"];
    for kind in types.iter() {
        let kind = if kind == "*" { "*/*" } else { kind };
        if !all.contains(&kind) {
            all.push(kind);
        }
    }
    all.join(", ").into()
}

/// Adds `Allow`, `Allow-Events` and `Supported`.
pub(crate) fn declare(headers: &mut Headers) {
    headers.push(HeaderName::Allow, allow());
    headers.push(HeaderName::AllowEvents, EVENTS.join(", "));
    headers.push(HeaderName::Supported, SUPPORTED.join(", "));
}

/// Adds what an answer to OPTIONS tells besides (SIP-48).
pub(crate) fn declare_accept(headers: &mut Headers) {
    headers.push(HeaderName::Accept, ACCEPT);
    headers.push(HeaderName::AcceptEncoding, "identity");
    headers.push(HeaderName::AcceptLanguage, "en");
}

/// Adds what the factory can do besides (SIP-87).
pub(crate) fn declare_factory(headers: &mut Headers) {
    headers.set(HeaderName::Supported, format!("{}, {BY_LIST}", SUPPORTED.join(", ")));
    headers.set(HeaderName::Accept, format!("{ACCEPT}, {LIST}"));
}
