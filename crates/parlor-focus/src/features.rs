//! What the server can do in SIP, declared once: the rest is derived from here.

use parlor_sip::{HeaderName, Headers, MediaType, Method};

/// The methods that a room and the server serve, as `Allow` and the Contact's `methods` name them.
pub const METHODS: [Method; 7] =
    [Method::Invite, Method::Ack, Method::Bye, Method::Cancel, Method::Options, Method::Update, Method::Refer];

/// The extensions told in `Supported`.
pub const SUPPORTED: [&str; 2] = ["timer", "norefersub"];

/// The extensions that a request may require: those told, and 100rel, which costs nothing as long
/// as no provisional response is sent (SIP-49).
const UNDERSTOOD: [&str; 3] = ["timer", "norefersub", "100rel"];

/// The body type of offers and answers.
pub(crate) const SDP: &str = "application/sdp";

/// Whether the method is served, in or out of a dialog.
///
/// PRACK is recognised, since 100rel may be required, but never matches a response of ours.
pub(crate) fn serves(method: &Method) -> bool {
    METHODS.contains(method) || *method == Method::Prack
}

/// Whether a request may require the extension.
pub(crate) fn understands(option: &str) -> bool {
    UNDERSTOOD.iter().any(|known| known.eq_ignore_ascii_case(option))
}

/// Whether a body of this type is read.
pub(crate) fn reads(body: &MediaType) -> bool {
    body.is(SDP)
}

/// The value of `Allow`.
pub(crate) fn allow() -> String {
    allow_with(&[])
}

/// The value of `Allow` where these are served too.
pub(crate) fn allow_with(more: &[Method]) -> String {
    METHODS.iter().chain(more).map(Method::as_str).collect::<Vec<_>>().join(", ")
}

/// Adds `Allow` and `Supported`.
pub(crate) fn declare(headers: &mut Headers) {
    headers.push(HeaderName::Allow, allow());
    headers.push(HeaderName::Supported, SUPPORTED.join(", "));
}

/// Adds what an answer to OPTIONS tells besides (SIP-48).
pub(crate) fn declare_accept(headers: &mut Headers) {
    headers.push(HeaderName::Accept, SDP);
    headers.push(HeaderName::AcceptEncoding, "identity");
    headers.push(HeaderName::AcceptLanguage, "en");
}
