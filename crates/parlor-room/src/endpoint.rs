//! Where a participant takes part from, as the roster shows it (RFC 4575 §5.7).

use std::time::Instant;

/// One dialog of a participant.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The URI of its Contact, empty if that is not to be told; the room replaces it then, and where it would not be unique
    /// or would tell who somebody is (EVT-55, EVT-56).
    pub entity: Box<str>,
    /// When it joined.
    pub joined: Instant,
    /// How it joined.
    pub method: JoiningMethod,
    /// Who had it invited: the Referred-By (SIP-81).
    pub referred_by: Option<Box<str>>,
}

/// How somebody joined (RFC 4575 §5.7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoiningMethod {
    /// It called the room.
    DialedIn,
    /// The room called it.
    DialedOut,
    /// It made the room.
    FocusOwner,
}

/// How somebody left (RFC 4575 §5.7.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// It left by itself.
    Departed,
    /// It was removed.
    Booted,
    /// Its connection failed, or it did not answer.
    Failed,
}
