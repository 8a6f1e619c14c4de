//! The chat room without any protocol: who is in it, what its rules are, and who is to receive what.
//!
//! A [`Room`] holds [`Participant`]s, each a user with one or more [`Session`]s. It is told what happened
//! ([`Room::admit`], [`Room::update`], [`Room::leave`]) and answers questions; it sends nothing, waits for nothing and
//! reads no clock. `parlor-focus` is its SIP face, `parlor-switch` its MSRP face.

mod address;
mod capabilities;
mod participant;
mod policy;
mod room;

pub use address::Hosts;
pub use capabilities::{Capabilities, Direction, TypeList};
pub use participant::{Identity, Participant, ParticipantId, Session, SessionId};
pub use policy::{Reject, Rules};
pub use room::Room;
