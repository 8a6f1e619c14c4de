//! What a UAS checks before anything else (RFC 3261 §8.2), and what the server itself answers.
//!
//! The order is that of spec/sip-focus.md §2: [`target`] has the steps up to the Request-URI, then
//! whoever knows the rooms looks the target up, and [`admissible`] has the rest.

use crate::body::{self, Content};
use crate::subscribe::Wanted;
use crate::{Refusal, Reject, Settings, features};
use bytes::Bytes;
use parlor_room::Hosts;
use parlor_sip::{HeaderError, HeaderName, Method, Request, Response, Scheme, reason_phrase};

/// Whom a request outside of any dialog is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The server itself: a URI of ours without a user.
    Server,
    /// The room of that name, if there is one.
    Room(Box<str>),
    /// Nobody here: the host is not ours.
    NotOurs,
}

/// The first checks of a request outside of any dialog: method, headers, Request-URI.
///
/// # Errors
/// [`Reject::MethodNotAllowed`], [`Reject::UnknownMethod`], [`Reject::Header`], [`Reject::Scheme`]
pub fn target(request: &Request, hosts: &Hosts) -> Result<Target, Reject> {
    method(&request.method)?;
    headers(request)?;
    let uri = &request.uri;
    // MSG-14: an im URI of ours is the sip URI of that name.
    let is_served = uri.is_sip() || request.method == Method::Message && *uri.scheme() == Scheme::Im;
    if !is_served {
        return Err(Reject::Scheme); // SIP-23
    }
    let ours = uri.host().is_some_and(|host| hosts.contains(host));
    Ok(match hosts.local_user(uri) {
        Some(user) => Target::Room(user.into()),
        None if ours && uri.user().is_none() => Target::Server,
        None => Target::NotOurs,
    })
}

/// The name of the room that an INVITE to the factory wants a sidebar of (CHAT-130).
pub fn sidebar_of<'a>(request: &'a Request, settings: &Settings) -> Option<&'a str> {
    request.uri.param("parent").filter(|_| is_for_factory(request, settings))
}

/// The last checks of a request other than ACK, CANCEL and BYE: what it requires and its body.
///
/// # Errors
/// [`Reject::Extension`], [`Reject::BodyType`], [`Reject::BodyEncoding`], [`Reject::Header`]
pub fn admissible(request: &Request) -> Result<(), Reject> {
    understood(request)?;
    readable_body(request).map(drop)
}

/// Whether a request requires nothing that is not understood, whatever its body.
///
/// # Errors
/// [`Reject::Extension`], [`Reject::Header`]
pub(crate) fn understood(request: &Request) -> Result<(), Reject> {
    required(request, &features::UNDERSTOOD)?;
    replaces_nothing(request)
}

/// The same of an INVITE to the factory, and what its body holds (SIP-86).
///
/// # Errors
/// As of [`admissible`].
pub(crate) fn admissible_at_factory(request: &Request) -> Result<Content, Reject> {
    required(request, &features::UNDERSTOOD_AT_FACTORY)?;
    body::sdp_and_list(&request.headers, &request.body)
}

/// Whether a request outside of dialogs is for the factory: its Request-URI alone tells (SIP-77).
pub fn is_for_factory(request: &Request, settings: &Settings) -> bool {
    settings.factory.is_some() && settings.hosts.local_user(&request.uri) == settings.factory.as_deref()
}

/// Whether a SUBSCRIBE is one that a room would accept, whoever sent it.
///
/// # Errors
/// [`Reject::Event`], [`Reject::Accept`], [`Reject::TooBrief`] and others
pub fn subscribable(request: &Request, settings: &Settings) -> Result<(), Reject> {
    Wanted::of(request, settings).map(drop)
}

/// SIP-21: whether the method is served at all.
///
/// # Errors
/// [`Reject::MethodNotAllowed`], [`Reject::UnknownMethod`]
pub fn method(method: &Method) -> Result<(), Reject> {
    match (features::serves(method), method.is_known()) {
        (true, _) => Ok(()),
        (false, true) => Err(Reject::MethodNotAllowed),
        (false, false) => Err(Reject::UnknownMethod),
    }
}

/// SIP-22: what the parser does not insist on, because only some methods need it.
fn headers(request: &Request) -> Result<(), Reject> {
    match request.method {
        Method::Invite | Method::Refer => request.headers.contact().map(drop).map_err(Reject::from),
        _ => Ok(()),
    }
}

/// SIP-84: only an INVITE may replace or join a dialog.
fn replaces_nothing(request: &Request) -> Result<(), Reject> {
    let mut names = [HeaderName::Replaces, HeaderName::Join].into_iter();
    match names.find(|name| request.method != Method::Invite && request.headers.has(name)) {
        Some(name) => Err(HeaderError::Malformed(name).into()),
        None => Ok(()),
    }
}

/// SIP-26.
fn required(request: &Request, understood: &[&str]) -> Result<(), Reject> {
    let required = request.headers.require()?;
    let is_known = |option: &&str| understood.iter().any(|known| known.eq_ignore_ascii_case(option));
    let unknown: Vec<Box<str>> = required.into_iter().filter(|option| !is_known(option)).map(Box::from).collect();
    if unknown.is_empty() { Ok(()) } else { Err(Reject::Extension(unknown)) }
}

/// The SDP that a request carries; `None` if it has no body, or one that may be ignored (SIP-27).
///
/// # Errors
/// [`Reject::BodyType`], [`Reject::BodyEncoding`], [`Reject::Header`]
pub(crate) fn readable_body(request: &Request) -> Result<Option<Bytes>, Reject> {
    body::sdp(&request.headers, &request.body)
}

/// The server's own answer to a request that is for no room: [`Target::Server`] and
/// [`Target::NotOurs`], and rooms that do not exist.
pub fn answer(request: &Request, target: &Target, settings: &Settings, to_tag: &str) -> Response {
    let answered = match target {
        Target::Server => answer_for_server(request, settings),
        // SIP-24
        Target::Room(_) | Target::NotOurs => Err(Reject::NotFound),
    };
    answered.unwrap_or_else(|reject| refuse(request, &reject, settings, to_tag)).tagged(to_tag)
}

/// The response that refuses a request.
pub fn refuse(request: &Request, reject: &Reject, settings: &Settings, to_tag: &str) -> Response {
    let mut response = Refusal::from(reject).response(request, settings.hosts.domain());
    response.headers.push(HeaderName::Server, &settings.product);
    response.tagged(to_tag)
}

fn answer_for_server(request: &Request, settings: &Settings) -> Result<Response, Reject> {
    match request.method {
        Method::Options => {
            admissible(request)?;
            let mut response = Response::for_request(request, 200, reason_phrase(200));
            features::declare(&mut response.headers);
            response.headers.set(HeaderName::Allow, features::allow_with(&settings.own_methods));
            response.headers.set(HeaderName::AllowEvents, features::events_with(&settings.own_events));
            features::declare_accept(&mut response.headers);
            response.headers.push(HeaderName::Server, &settings.product);
            Ok(response)
        }
        // The server is not called, and nobody is in it; rooms are.
        Method::Invite | Method::Subscribe | Method::Message => Err(Reject::NotFound),
        // SIP-43: what only lives in dialogs.
        Method::Bye | Method::Update | Method::Prack | Method::Cancel | Method::Ack | Method::Notify => {
            Err(Reject::NoDialog)
        }
        Method::Register | Method::Publish | Method::Info | Method::Refer => Err(Reject::MethodNotAllowed),
        Method::Other(_) => Err(Reject::UnknownMethod),
    }
}

/// A To tag in the flow of an expression.
trait Tagged {
    fn tagged(self, tag: &str) -> Self;
}

impl Tagged for Response {
    fn tagged(mut self, tag: &str) -> Self {
        self.set_to_tag(tag);
        self
    }
}
