//! Who is in a conference, and what it is about (RFC 4575).
//!
//! The elements stand in the types' fields in the order of the schema. `sidebars-by-val` and `call-info` are not read and
//! not written: a sidebar is a conference with a roster of its own, and a call's identifiers are nobody else's business
//! (RFC 4575 §5.7.9).

mod document;
mod merge;
mod read;
mod write;

pub use document::{Document, Fragment, Parts};
pub use merge::{Applied, Roster};

/// The type of such a body (EVT-30).
pub const CONTENT_TYPE: &str = "application/conference-info+xml";

/// The event package.
pub const EVENT: &str = "conference";

/// Tokens that stand for the variants of an enum.
macro_rules! tokens {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident $token:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$of])* $variant,)+
        }

        impl $name {
            /// As it is written.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $token,)+ }
            }

            /// What is written so; `None` when it is nothing that RFC 4575 knows.
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($token => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

tokens! {
    /// What an element says of what was known of it before (EVT-41).
    State {
        /// This is all there is.
        Full "full",
        /// This has changed, the rest is as it was.
        Partial "partial",
        /// It is gone.
        Deleted "deleted",
    }
}

tokens! {
    /// How an endpoint is connected (EVT-50).
    EndpointStatus {
        /// It waits to be let in.
        Pending "pending",
        /// The focus calls it.
        DialingOut "dialing-out",
        /// It calls the focus.
        DialingIn "dialing-in",
        /// The focus calls it, and it rings.
        Alerting "alerting",
        /// It is in, and takes part in nothing.
        OnHold "on-hold",
        /// It is in.
        Connected "connected",
        /// It is in, and the focus passes nothing of it on.
        MutedViaFocus "muted-via-focus",
        /// It is leaving.
        Disconnecting "disconnecting",
        /// It has left.
        Disconnected "disconnected",
    }
}

tokens! {
    /// How an endpoint came in (EVT-51).
    JoiningMethod {
        /// It called the focus.
        DialedIn "dialed-in",
        /// The focus called it.
        DialedOut "dialed-out",
        /// It is the focus.
        FocusOwner "focus-owner",
    }
}

tokens! {
    /// How an endpoint went (EVT-51).
    DisconnectionMethod {
        /// It left.
        Departed "departed",
        /// It was sent away.
        Booted "booted",
        /// It was lost.
        Failed "failed",
        /// It did not take the call.
        Busy "busy",
    }
}

tokens! {
    /// Which way media flow, seen from the participant (EVT-52).
    MediaStatus {
        /// It sends and receives.
        SendRecv "sendrecv",
        /// It sends.
        SendOnly "sendonly",
        /// It receives.
        RecvOnly "recvonly",
        /// Neither.
        Inactive "inactive",
    }
}

/// A document: all that is told of a conference, or what has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConferenceInfo {
    /// The conference's URI, always spelled the same (EVT-43).
    pub entity: String,
    /// What the document says of what was known before.
    pub state: State,
    /// The number of the document within its subscription (EVT-40).
    pub version: Option<u32>,
    /// What the conference is about; told whole when any of it has changed (EVT-61).
    pub description: Option<Description>,
    /// Who hosts it.
    pub host: Option<HostInfo>,
    /// Its state; told whole when any of it has changed (EVT-61).
    pub conference_state: Option<ConferenceState>,
    /// Who is in.
    pub users: Option<Users>,
    /// Its sidebars (CHAT-131).
    pub sidebars: Option<Sidebars>,
}

/// `conference-description`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// The name of the conference.
    pub display_text: Option<String>,
    /// The topic.
    pub subject: Option<String>,
    /// More about it.
    pub free_text: Option<String>,
    /// Words to find it by; spaces part them.
    pub keywords: Vec<String>,
    /// Where to take part (EVT-53).
    pub conf_uris: Vec<UriEntry>,
    /// What else belongs to it (EVT-53).
    pub service_uris: Vec<UriEntry>,
    /// How many users it may have.
    pub maximum_user_count: Option<u32>,
    /// The media that it has.
    pub available_media: Vec<AvailableMedia>,
    /// The files that were left in it: the extension of Blink and SylkServer. `None` when nothing is said of files.
    pub files: Option<Vec<File>>,
}

/// A URI and what it is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UriEntry {
    /// The URI.
    pub uri: String,
    /// What people call it.
    pub display_text: Option<String>,
    /// What it is for: `participation`, `streaming`, `web-page` and others.
    pub purpose: Option<String>,
    /// Who changed it last.
    pub modified: Option<Execution>,
}

/// One of the media of a conference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvailableMedia {
    /// Names it within the conference.
    pub label: String,
    /// What people call it.
    pub display_text: Option<String>,
    /// As in the `m=` lines of SDP; chat is `message`.
    pub media_type: String,
    /// Which way it may flow.
    pub status: Option<MediaStatus>,
}

/// A file that was left in a conference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Its hash, as in SDP: `sha-1:ED:DF:…`.
    pub hash: String,
    /// Its size in octets.
    pub size: u64,
    /// Who left it: an address with or without a display name.
    pub sender: String,
    /// `OK` when it can be fetched.
    pub status: String,
}

/// `host-info`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostInfo {
    /// The host's name.
    pub display_text: Option<String>,
    /// A page about it.
    pub web_page: Option<String>,
    /// Its URIs.
    pub uris: Vec<UriEntry>,
}

/// `conference-state`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConferenceState {
    /// How many users are in, listed or not (EVT-54).
    pub user_count: Option<u32>,
    /// Whether it can be joined now.
    pub active: Option<bool>,
    /// Whether nobody new may join.
    pub locked: Option<bool>,
}

/// `users`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Users {
    /// Whether these are all; in a partial document to be said again, or all others are gone (EVT-46).
    pub state: State,
    /// In their order.
    pub list: Vec<User>,
}

/// Somebody in a conference, perhaps with several devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The user's URI (EVT-55).
    pub entity: String,
    /// What this says of what was known before.
    pub state: State,
    /// The nickname (CHAT-111).
    pub nickname: Option<String>,
    /// What to show: the nickname if there is one (CHAT-112).
    pub display_text: Option<String>,
    /// Further URIs of the user.
    pub associated_aors: Vec<UriEntry>,
    /// The user's roles.
    pub roles: Vec<String>,
    /// The languages the user speaks.
    pub languages: Vec<String>,
    /// The URI of another focus that the user is.
    pub cascaded_focus: Option<String>,
    /// The user's devices.
    pub endpoints: Vec<Endpoint>,
}

/// A device of a user (EVT-55).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Names it within the user.
    pub entity: String,
    /// What this says of what was known before.
    pub state: State,
    /// What to show.
    pub display_text: Option<String>,
    /// By whom it was referred here (SIP-81).
    pub referred: Option<Execution>,
    /// How it is connected.
    pub status: Option<EndpointStatus>,
    /// How it came in.
    pub joining_method: Option<JoiningMethod>,
    /// When it came in, and by whom it was let in.
    pub joining_info: Option<Execution>,
    /// How it went.
    pub disconnection_method: Option<DisconnectionMethod>,
    /// When it went, and why.
    pub disconnection_info: Option<Execution>,
    /// What it sends and receives.
    pub media: Vec<Media>,
}

/// What an endpoint sends and receives in one of the media.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Media {
    /// Names it within the endpoint.
    pub id: String,
    /// What to show.
    pub display_text: Option<String>,
    /// As in the `m=` lines of SDP; chat is `message`.
    pub media_type: Option<String>,
    /// Which of the conference's media it is.
    pub label: Option<String>,
    /// Names its source.
    pub src_id: Option<String>,
    /// Which way it flows.
    pub status: Option<MediaStatus>,
}

/// When something was done, why and by whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Execution {
    /// When, in UTC (EVT-51).
    pub when: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// By whom: a URI.
    pub by: Option<String>,
}

/// `sidebars-by-ref`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sidebars {
    /// Whether these are all.
    pub state: State,
    /// In their order.
    pub list: Vec<UriEntry>,
}

impl ConferenceInfo {
    /// A document that says nothing yet.
    pub fn new(entity: &str, state: State) -> Self {
        Self {
            entity: entity.to_owned(),
            state,
            version: None,
            description: None,
            host: None,
            conference_state: None,
            users: None,
            sidebars: None,
        }
    }
}

impl User {
    /// A user of whom nothing else is known.
    pub fn new(entity: &str) -> Self {
        Self {
            entity: entity.to_owned(),
            state: State::Full,
            nickname: None,
            display_text: None,
            associated_aors: Vec::new(),
            roles: Vec::new(),
            languages: Vec::new(),
            cascaded_focus: None,
            endpoints: Vec::new(),
        }
    }
}

impl Endpoint {
    /// A device of which nothing else is known.
    pub fn new(entity: &str) -> Self {
        Self {
            entity: entity.to_owned(),
            state: State::Full,
            display_text: None,
            referred: None,
            status: None,
            joining_method: None,
            joining_info: None,
            disconnection_method: None,
            disconnection_info: None,
            media: Vec::new(),
        }
    }
}

impl UriEntry {
    /// A URI and what it is for.
    pub fn new(uri: &str, purpose: Option<&str>) -> Self {
        Self { uri: uri.to_owned(), purpose: purpose.map(str::to_owned), ..Self::default() }
    }
}
