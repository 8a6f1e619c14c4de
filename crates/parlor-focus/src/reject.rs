//! Why a request is refused, and what its sender is told.

use crate::features;
use crate::sdp::{SdpReject, Unacceptable};
use parlor_events::conference_info::CONTENT_TYPE;
use parlor_sip::{DialogError, HeaderError, HeaderName, Request, Response, Warning, reason_phrase};
use thiserror::Error;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Reject {
    /// A known method that is not served here (SIP-21).
    #[error("method not allowed")]
    MethodNotAllowed,
    /// A method nobody knows (SIP-21).
    #[error("unknown method")]
    UnknownMethod,
    /// A header field that is needed is missing or malformed (SIP-22).
    #[error("{0}")]
    Header(#[from] HeaderError),
    /// A Request-URI of a scheme that is not served (SIP-23).
    #[error("unsupported URI scheme")]
    Scheme,
    /// A Request-URI that is nobody's here (SIP-24).
    #[error("not found")]
    NotFound,
    /// The request is not its sender's to make (SIP-111, SIP-125).
    #[error("forbidden")]
    Forbidden,
    /// The sender of a MESSAGE is not in the room, and may come in by one (MSG-52).
    #[error("not in the room")]
    NotIn,
    /// Nothing in an offer is for a room, which can be taken part in without (MSG-52).
    #[error("no message media")]
    NoMedia,
    /// Something is to be kept private that we know nothing of (SIP-112).
    #[error("unknown privacy")]
    Privacy,
    /// Extensions are required that are not understood (SIP-26).
    #[error("unknown extensions are required")]
    Extension(Vec<Box<str>>),
    /// The body is of a type that is not read (SIP-27).
    #[error("unsupported body type")]
    BodyType,
    /// A message is of a type that the room does not take; these are those that it takes (MSG-42).
    #[error("unsupported message type")]
    MessageType(Box<str>),
    /// A message breaks the form of its type (MSG-43).
    #[error("{0}")]
    MessageForm(&'static str),
    /// A message is larger than the room takes.
    #[error("message too large")]
    MessageSize,
    /// The body is encoded in a way that is not read (SIP-27).
    #[error("unsupported body encoding")]
    BodyEncoding,
    /// The list of those to invite cannot be read (SIP-88).
    #[error("{0}")]
    List(parlor_events::XmlError),
    /// The offer cannot be answered.
    #[error("{0}")]
    Sdp(#[from] SdpReject),
    /// The room does not let the caller in.
    #[error("{0}")]
    Room(#[from] parlor_room::Reject),
    /// The session interval is shorter than this many seconds (SIP-100).
    #[error("session interval too small")]
    IntervalTooSmall(u32),
    /// The dialog that is meant has ended (SIP-83, SIP-84).
    #[error("declined")]
    Declined,
    /// The dialog that is meant is not early any more (SIP-84).
    #[error("not an early dialog")]
    NotEarly,
    /// There is no such dialog or transaction (SIP-43).
    #[error("no such dialog")]
    NoDialog,
    /// The CSeq is lower than one seen before (SIP-43).
    #[error("CSeq out of order")]
    OutOfOrder,
    /// Our own offer is open (SIP-44, SIP-45).
    #[error("an offer of ours is open")]
    Glare,
    /// The INVITE before is not finished; try again in this many seconds (SIP-44).
    #[error("the INVITE before is not finished")]
    Unfinished(u8),
    /// What a dialog would have to keep of the request is too much.
    #[error("too large")]
    TooLarge,
    /// Whoever is to be called is being called already.
    #[error("already being called")]
    Calling,
    /// An event package that is not served, or none (EVT-3).
    #[error("no such event package")]
    Event,
    /// What is served is not accepted (EVT-5).
    #[error("nothing acceptable to send")]
    Accept,
    /// A subscription shorter than this many seconds (EVT-6).
    #[error("too short a subscription")]
    TooBrief(u32),
    /// There are as many dialogs as may be.
    #[error("overloaded")]
    Overload,
}

impl From<DialogError> for Reject {
    fn from(error: DialogError) -> Self {
        match error {
            DialogError::OutOfOrder => Self::OutOfOrder,
            DialogError::Header(error) => Self::Header(error),
        }
    }
}

/// What the sender of a refused request is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status code.
    pub code: u16,
    reason: Option<Box<str>>,
    header: Option<(HeaderName, Box<str>)>,
}

impl Refusal {
    fn new(code: u16) -> Self {
        Self { code, reason: None, header: None }
    }

    fn with(code: u16, name: HeaderName, value: impl Into<Box<str>>) -> Self {
        Self { code, reason: None, header: Some((name, value.into())) }
    }

    /// RFC 3261 §21.4.1: the reason phrase of 400 should say what is wrong.
    fn bad_request(why: &dyn std::fmt::Display) -> Self {
        Self { code: 400, reason: Some(format!("Bad Request ({why})").into()), header: None }
    }

    /// The response to `request`. `agent` is the host that warns.
    pub fn response(&self, request: &Request, agent: &str) -> Response {
        let reason = self.reason.as_deref().unwrap_or_else(|| reason_phrase(self.code));
        let mut response = Response::for_request(request, self.code, reason);
        match &self.header {
            Some((HeaderName::Warning, text)) => {
                let code = self.warning_code();
                let warning = Warning { code, agent: agent.into(), text: text.clone() };
                response.headers.push(HeaderName::Warning, warning);
            }
            Some((name, value)) => response.headers.push(name.clone(), value),
            None => {}
        }
        response
    }

    /// RFC 3261 §20.43: 304 is about the kind of media, 305 about its format and attributes.
    fn warning_code(&self) -> u16 {
        let no_media = Unacceptable::NoMessage.to_string();
        let starts = |with: &str| self.header.as_ref().is_some_and(|(_, text)| text.starts_with(with));
        match () {
            () if starts(&no_media) => 304,
            () if starts(BY_MESSAGE) => 399,
            () => 305,
        }
    }
}

/// What somebody without MSRP is told who may take part.
const BY_MESSAGE: &str = "Send /join in a MESSAGE to take part without MSRP";

/// The one place where reasons become codes: spec/sip-focus.md §§2, 4.
impl From<&Reject> for Refusal {
    fn from(reject: &Reject) -> Self {
        match reject {
            Reject::MethodNotAllowed => Self::with(405, HeaderName::Allow, features::allow()),
            Reject::UnknownMethod => Self::with(501, HeaderName::Allow, features::allow()),
            Reject::Header(error) => Self::bad_request(error),
            Reject::List(error) => Self::bad_request(error),
            Reject::Scheme => Self::new(416),
            Reject::NotFound => Self::new(404),
            Reject::Forbidden => Self::new(403),
            Reject::NotIn => Self::with(403, HeaderName::Warning, BY_MESSAGE),
            Reject::NoMedia => {
                Self::with(488, HeaderName::Warning, format!("{}. {BY_MESSAGE}", Unacceptable::NoMessage))
            }
            Reject::Privacy => Self { code: 500, reason: Some("Privacy Not Available".into()), header: None },
            Reject::Extension(unknown) => Self::with(420, HeaderName::Unsupported, unknown.join(", ")),
            Reject::BodyType => Self::with(415, HeaderName::Accept, features::ACCEPT),
            Reject::MessageType(accept) => Self::with(415, HeaderName::Accept, accept.clone()),
            Reject::MessageForm(_) => Self::bad_request(reject),
            Reject::MessageSize => Self::new(413),
            Reject::BodyEncoding => Self::with(415, HeaderName::AcceptEncoding, "identity"),
            Reject::Sdp(reject) => Self::from(*reject),
            Reject::Room(reject) => Self::from(*reject),
            Reject::IntervalTooSmall(minimum) => Self::with(422, HeaderName::MinSe, minimum.to_string()),
            Reject::Declined => Self::new(603),
            Reject::NotEarly => Self::new(486),
            Reject::NoDialog => Self::new(481),
            Reject::OutOfOrder => Self::new(500),
            Reject::Glare | Reject::Calling => Self::new(491),
            Reject::Unfinished(seconds) => Self::with(500, HeaderName::RetryAfter, seconds.to_string()),
            Reject::Event => Self::with(489, HeaderName::AllowEvents, features::EVENTS.join(", ")),
            Reject::Accept => Self::with(406, HeaderName::Accept, CONTENT_TYPE),
            Reject::TooBrief(minimum) => Self::with(423, HeaderName::MinExpires, minimum.to_string()),
            Reject::TooLarge => Self::new(513),
            Reject::Overload => Self::with(503, HeaderName::RetryAfter, "10"),
        }
    }
}

impl From<SdpReject> for Refusal {
    fn from(reject: SdpReject) -> Self {
        match reject {
            SdpReject::Syntax => Self::bad_request(&reject),
            SdpReject::NotAcceptable(reason) => Self::with(488, HeaderName::Warning, reason.to_string()),
            SdpReject::Removed => Self::with(488, HeaderName::Warning, Unacceptable::NoMessage.to_string()),
        }
    }
}

impl From<parlor_room::Reject> for Refusal {
    fn from(reject: parlor_room::Reject) -> Self {
        match reject {
            parlor_room::Reject::Full | parlor_room::Reject::TooManySessions => Self::new(486),
            parlor_room::Reject::Forbidden => Self::new(403),
            parlor_room::Reject::Anonymous => Self::new(433), // CHAT-105
            parlor_room::Reject::Closing => Self::with(503, HeaderName::RetryAfter, "30"),
        }
    }
}
