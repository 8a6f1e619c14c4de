//! What an account tells.

use std::time::SystemTime;

use parlor_cpim::Address;
use parlor_sip::Uri;

use super::error::RegisterError;

/// Something that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AccountEvent {
    /// Somebody wrote to us.
    Message(PagerMessage),
    /// Somebody is writing to us, or no longer.
    Composing {
        /// Who, as the server says.
        from: Address,
        /// For whom, as they say: in a room, who writes there. Only of a room that you know does it mean anything.
        author: Option<Address>,
        /// Whether they are.
        active: bool,
    },
    /// Whether somebody whom we watch is there: told first, and when that changes.
    Presence {
        /// Who, as in [`Messenger::watch`](crate::Messenger::watch).
        who: Uri,
        /// How it is now.
        presence: Presence,
    },
    /// Nothing will be told of somebody whom we watch.
    NotShown {
        /// Who, as in [`Messenger::watch`](crate::Messenger::watch).
        who: Uri,
        /// The SIP status code, if it was refused at once.
        code: Option<u16>,
    },
    /// We are registered again.
    Registered,
    /// We are not registered any more. What can be mended by trying again is tried again.
    NotRegistered(RegisterError),
}

/// A message of somebody to us (RFC 3428).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagerMessage {
    /// Who sent it, as the server says.
    pub from: Address,
    /// Who wrote it, as the sender says, if not the sender itself: a room passes on what its members say. From anybody but
    /// a room that you know it is hearsay.
    pub author: Option<Address>,
    /// When it was sent, if that is told: it may have waited for us.
    pub date: Option<SystemTime>,
    /// What it is about.
    pub subject: Option<String>,
    /// What it says; what is not UTF-8 in it is replaced.
    pub text: String,
}

/// Whether somebody can be reached, and what they say of it (RFC 3863).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Whether they can.
    pub open: bool,
    /// What they say.
    pub note: Option<String>,
}

/// What became of a message of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// It has arrived (200).
    Delivered,
    /// Somebody has taken it who is to deliver it (202): perhaps they are away.
    Accepted,
}

impl AccountEvent {
    /// About how much memory it takes beside itself.
    pub(crate) fn octets(&self) -> usize {
        match self {
            Self::Message(message) => message.text.len() + message.subject.as_ref().map_or(0, String::len),
            Self::Composing { .. }
            | Self::Presence { .. }
            | Self::NotShown { .. }
            | Self::Registered
            | Self::NotRegistered(_) => 0,
        }
    }
}
