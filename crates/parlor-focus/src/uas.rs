//! What a UAS checks before anything else (RFC 3261 §8.2), and what the server itself answers.
//!
//! The order is that of spec/sip-focus.md §2: [`target`] has the steps up to the Request-URI, then
//! whoever knows the rooms looks the target up, and [`admissible`] has the rest.

use crate::{Refusal, Reject, Settings, features};
use parlor_room::Hosts;
use parlor_sip::{HeaderError, HeaderName, Method, Request, Response, reason_phrase};

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
    if !uri.is_sip() {
        return Err(Reject::Scheme); // SIP-23
    }
    let ours = uri.host().is_some_and(|host| hosts.contains(host));
    Ok(match hosts.local_user(uri) {
        Some(user) => Target::Room(user.into()),
        None if ours && uri.user().is_none() => Target::Server,
        None => Target::NotOurs,
    })
}

/// The last checks of a request other than ACK, CANCEL and BYE: what it requires and its body.
///
/// # Errors
/// [`Reject::Extension`], [`Reject::BodyType`], [`Reject::BodyEncoding`], [`Reject::Header`]
pub fn admissible(request: &Request) -> Result<(), Reject> {
    required(request)?;
    readable_body(request).map(drop)
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

/// SIP-26.
fn required(request: &Request) -> Result<(), Reject> {
    let required = request.headers.require()?;
    let unknown: Vec<Box<str>> =
        required.into_iter().filter(|option| !features::understands(option)).map(Box::from).collect();
    if unknown.is_empty() { Ok(()) } else { Err(Reject::Extension(unknown)) }
}

/// SIP-27: the SDP that a request carries; `None` if it has no body, or one that may be ignored.
///
/// # Errors
/// [`Reject::BodyType`], [`Reject::BodyEncoding`], [`Reject::Header`]
pub(crate) fn readable_body(request: &Request) -> Result<Option<&[u8]>, Reject> {
    if request.body.is_empty() {
        return Ok(None);
    }
    match body_fault(request)? {
        None => Ok(Some(&request.body)),
        Some(_) if is_optional(request) => Ok(None),
        Some(reject) => Err(reject),
    }
}

fn body_fault(request: &Request) -> Result<Option<Reject>, Reject> {
    let coding = request.headers.content_encoding().map(str::trim);
    if coding.is_some_and(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity")) {
        return Ok(Some(Reject::BodyEncoding));
    }
    match request.headers.content_type()? {
        Some(body) if features::reads(&body) => Ok(None),
        Some(_) => Ok(Some(Reject::BodyType)),
        // RFC 3261 §20.15: Content-Type must be there if the body is not empty.
        None => Err(HeaderError::Missing(HeaderName::ContentType).into()),
    }
}

fn is_optional(request: &Request) -> bool {
    let disposition = request.headers.content_disposition().ok().flatten();
    let handling = disposition.as_ref().and_then(|d| d.params.value("handling"));
    handling.is_some_and(|handling| handling.eq_ignore_ascii_case("optional"))
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
            features::declare_accept(&mut response.headers);
            response.headers.push(HeaderName::Server, &settings.product);
            Ok(response)
        }
        // The server is not called; rooms are.
        Method::Invite => Err(Reject::NotFound),
        // SIP-43: what only lives in dialogs.
        Method::Bye | Method::Update | Method::Prack | Method::Cancel | Method::Ack => Err(Reject::NoDialog),
        Method::Register
        | Method::Subscribe
        | Method::Notify
        | Method::Publish
        | Method::Info
        | Method::Refer
        | Method::Message => Err(Reject::MethodNotAllowed),
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
