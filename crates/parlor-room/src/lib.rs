//! The chat room without any protocol: who is in it, what its rules are, and who is to receive what.
//!
//! A [`Room`] holds [`Participant`]s, each a user with one or more [`Session`]s. It is told what happened
//! ([`Room::admit`], [`Room::update`], [`Room::leave`]) and answers questions; it sends nothing, waits for nothing and
//! reads no clock. `parlor-focus` is its SIP face, `parlor-switch` its MSRP face.

mod address;
mod admission;
mod capabilities;
mod clock;
mod devices;
mod endpoint;
mod file;
mod files;
mod identity;
mod journal;
mod kept;
mod mention;
mod naming;
mod nickname;
mod ownership;
mod participant;
mod plain;
mod policy;
mod role;
mod room;

pub use address::Hosts;
pub use capabilities::{Capabilities, Direction, TypeList};
pub use clock::WallClock;
pub use endpoint::{Departure, Endpoint, JoiningMethod};
pub use file::{FileHashes, FileId, FileSelector, FileState, SharedFile, essence, plain_file_name, plain_kind};
pub use files::FoundFile;
pub use identity::{Identity, is_anonymous};
pub use journal::{Changes, Gone, Revision};
pub use nickname::{Nickname, NicknameReject};
pub use participant::{EndpointId, Participant, ParticipantId, Session, SessionId};
pub use plain::one_line;
pub use policy::{Bridge, FileRule, Reject, Roles, Rules, Surplus, Watchers};
pub use role::{Action, Role, UserList};
pub use room::Room;
