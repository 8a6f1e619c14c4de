//! The SIP face of a room: dialogs with its participants, and what their offers and answers say
//! (RFC 4579, RFC 3264, RFC 6135), and subscriptions to who is in it (RFC 6665, RFC 4575).
//!
//! A [`Focus`] belongs to one room. The server passes it the requests for the room and those in
//! its dialogs, answers to its own, and the time; it changes the [`parlor_room::Room`] and says by
//! [`Output`]s what to send and which MSRP sessions to open and to close. What concerns no room is
//! in [`uas`]; offers and answers are in [`sdp`].

mod body;
mod dial_out;
mod dialogs;
mod factory;
mod features;
mod focus;
mod identity;
mod in_dialog;
mod invite;
mod leg;
mod limits;
mod lines;
mod message;
mod negotiation;
mod notify;
mod outgoing;
mod output;
mod pager;
mod quota;
mod refer;
mod referral;
mod reject;
mod replaces;
mod roster;
pub mod sdp;
mod session_timer;
mod settings;
mod subscribe;
mod subscription;
mod subscriptions;
#[cfg(test)]
mod tests;
mod timers;
mod transfer;
mod types;
pub mod uas;

pub use dial_out::Invitation;
pub use features::{EVENTS, METHODS, SUPPORTED, accept_of_messages};
pub use focus::{Focus, tag_prefix};
pub use identity::{Account, Caller, must_be_proven};
pub use limits::Limits;
pub use lines::OVERTAKES;
pub use output::{DialogChange, EndReason, Found, Location, NextHop, Output, RequestId, SessionSpec};
pub use pager::{Ask, Page, PageFate, Plain, Post, PostContent, PrivatePost, Spoken, asks_to_join};
pub use quota::Quota;
pub use reject::{Refusal, Reject};
pub use roster::Sidebar;
pub use settings::{FileSettings, Settings, Subscribing};
pub use transfer::Transfer;
