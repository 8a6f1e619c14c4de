//! Why a request is refused, and what its sender is told.

use parlor_events::pidf::{EVENT, Format};
use parlor_sip::{HeaderError, HeaderName, Request, Response, reason_phrase};
use thiserror::Error;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Reject {
    /// A header field that is needed is missing or malformed (SIP-22).
    #[error("{0}")]
    Header(#[from] HeaderError),
    /// What the header fields ask for is contradictory (SIP-130).
    #[error("{0}")]
    Contradiction(&'static str),
    /// The request is not its sender's to make (SIP-111, SIP-130, MSG-61).
    #[error("forbidden")]
    Forbidden,
    /// There is no such user here (SIP-130, MSG-61).
    #[error("no such user")]
    NotFound,
    /// Extensions are required that are not understood (SIP-26).
    #[error("unknown extensions are required")]
    Extension(Vec<Box<str>>),
    /// An event package that is not served, or none (EVT-3, EVT-90).
    #[error("no such event package")]
    Event,
    /// What is served is not accepted (EVT-5).
    #[error("nothing acceptable to send")]
    Accept,
    /// The body is of a type that is not read (EVT-90).
    #[error("unsupported body type")]
    BodyType,
    /// What is published cannot be read.
    #[error("{0}")]
    Document(parlor_events::XmlError),
    /// What is published is too large.
    #[error("body too large")]
    BodySize,
    /// No publication has that entity tag, or none any more (EVT-90).
    #[error("no such entity tag")]
    Tag,
    /// There is no such dialog (EVT-13).
    #[error("no such dialog")]
    NoDialog,
    /// This user has as many subscriptions, publications or octets of messages on their way as one may have.
    #[error("too many of one user")]
    TooManyOfUser,
    /// A binding is wanted for less than this many seconds (SIP-130).
    #[error("the interval is too brief")]
    TooBrief(u32),
    /// The first proxy on the way keeps no flows (RFC 5626 §6).
    #[error("the first hop lacks outbound support")]
    FirstHop,
    /// It has been on its way for too long (MSG-60).
    #[error("too many hops")]
    TooManyHops,
    /// It has been here before (MSG-60).
    #[error("loop detected")]
    Loop,
    /// It may be on no more ways (RFC 5393 §5.3.3).
    #[error("Max-Breadth exceeded")]
    TooBroad,
    /// No device of the user can be reached now (MSG-50, MSG-61).
    #[error("temporarily unavailable")]
    Unavailable,
    /// As many messages wait for the user as may (MSG-53).
    #[error("mailbox full")]
    MailboxFull,
    /// A later request of the same kind was seen before (SIP-130).
    #[error("CSeq out of order")]
    OutOfOrder,
    /// What would have to be kept of the request is too much.
    #[error("too large")]
    TooLarge,
    /// This user has as many bindings as one may have.
    #[error("too many contacts")]
    TooManyContacts,
    /// It is too large for the ways to the user's devices, none of which is a stream (MSG-16).
    #[error("too large for datagrams")]
    NeedsStream,
    /// There are as many bindings as there may be, or it could not be stored for now.
    #[error("overloaded")]
    Overload,
    /// It could not be stored.
    #[error("not stored")]
    NotStored,
}

impl Reject {
    /// The status code: spec/sip-focus.md §10, spec/message.md §6.
    pub fn code(&self) -> u16 {
        self.status().0
    }

    /// The response to `request`, without the To tag.
    pub(crate) fn response(&self, request: &Request) -> Response {
        self.instead_of(Response::for_request(request, 100, ""))
    }

    /// Makes this of a response that has but what it repeats of its request.
    pub(crate) fn instead_of(&self, mut response: Response) -> Response {
        let (code, more) = self.status();
        response.code = code;
        response.reason = match more {
            // RFC 3261 §21.4.1: the reason phrase of 400 should say what is wrong.
            More::Why => format!("Bad Request ({self})").into(),
            More::Phrase(phrase) => phrase.into(),
            More::Nothing | More::Header(..) => reason_phrase(code).into(),
        };
        if let More::Header(name, value) = more {
            response.headers.push(name, value);
        }
        response
    }

    fn status(&self) -> (u16, More) {
        match self {
            Self::Header(_) | Self::Contradiction(_) | Self::Document(_) => (400, More::Why),
            Self::Forbidden => (403, More::Nothing),
            Self::TooManyContacts => (403, More::Phrase("Too Many Contacts")),
            Self::NotFound => (404, More::Nothing),
            Self::Accept => (406, More::Header(HeaderName::Accept, accepted())),
            Self::Tag => (412, More::Nothing),
            Self::BodySize | Self::NeedsStream => (413, More::Nothing),
            Self::BodyType => (415, More::Header(HeaderName::Accept, accepted())),
            Self::Extension(unknown) => (420, More::Header(HeaderName::Unsupported, unknown.join(", "))),
            Self::TooBrief(least) => (423, More::Header(HeaderName::MinExpires, least.to_string())),
            Self::FirstHop => (439, More::Nothing),
            Self::TooBroad => (440, More::Nothing),
            Self::Unavailable | Self::MailboxFull => (480, More::Nothing),
            Self::NoDialog => (481, More::Nothing),
            Self::Loop => (482, More::Nothing),
            Self::TooManyHops => (483, More::Nothing),
            Self::Event => (489, More::Header(HeaderName::AllowEvents, EVENT.to_owned())),
            Self::OutOfOrder | Self::NotStored => (500, More::Nothing),
            Self::Overload | Self::TooManyOfUser => (503, More::Header(HeaderName::RetryAfter, "10".to_owned())),
            Self::TooLarge => (513, More::Nothing),
        }
    }
}

/// What a refusal says beside its code.
enum More {
    Nothing,
    /// What is wrong.
    Why,
    /// Another reason phrase than that of the code.
    Phrase(&'static str),
    Header(HeaderName, String),
}

fn accepted() -> String {
    Format::ALL.map(Format::content_type).join(", ")
}
