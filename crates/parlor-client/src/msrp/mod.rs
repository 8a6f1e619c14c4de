//! The MSRP side of a room: one session on one connection (RFC 4975).
//!
//! [`Session`] decides and does no I/O; [`Driver`] moves its bytes, waits for what is to be sent and for room among the
//! events.

mod composing;
mod driver;
mod incoming;
mod nickname;
mod outgoing;
mod parties;
mod session;
#[cfg(test)]
mod tests;

pub(crate) use driver::{Driver, EventSender, Events, events};
pub(crate) use nickname::Nickname;
pub(crate) use outgoing::{Begin, Command, Piece};
pub(crate) use parties::Parties;
pub(crate) use session::{BindError, Session};
