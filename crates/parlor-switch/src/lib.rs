//! The MSRP face of a room: takes what its participants send, checks it, and copies it to the others as it arrives.
//!
//! A [`Switch`] is driven by the task of its room. Sessions are [opened](Switch::open) when the focus admitted somebody,
//! [attached](Switch::attach) when their connection is known, and fed with [`Input`]s: requests, pieces of bodies,
//! ends, responses, as the decoder gave them. At the [end of a turn](Switch::end_turn) everything that has gathered
//! goes into the recipients' [`Outbox`]es, which the connections' writers empty. What else there is to know is
//! polled: [`Switch::poll_output`], [`Switch::poll_timeout`].
//!
//! Nothing holds a whole message: a frame leaves as soon as the CPIM headers are known and its octets are there
//! (RFC 7701 §6.1). A frame is encoded once and shared by all its copies ([`Frame`]); a recipient adds the path lines that
//! were made when it joined.

mod budget;
mod completed;
mod composing;
mod credit;
mod deliver;
mod file;
mod frame;
mod heard;
mod message;
mod nickname;
mod notice;
mod open;
mod outbox;
mod post;
mod private;
mod recipients;
mod refusal;
mod report;
mod reserve;
mod route;
mod send;
mod session;
mod share;
mod switch;
#[cfg(test)]
mod tests;

pub use budget::{InWindow, RoomBudget, Window};
pub use credit::Credit;
pub use file::{Control, FileHead, FileReceiver, FileRefusal, FileSender, FileStep, Verdict};
pub use frame::{Frame, Lines, MessageKey, Place};
pub use heard::{Heard, LARGEST_HEARD};
pub use outbox::{Outbox, OutboxEvent, OutboxLimits, Pace, Poll, Pushed, Scratch, Slot, StalledMemory, Turn, Written};
pub use post::Speaker;
pub use refusal::Refusal;
pub use switch::{Counted, Dropped, Input, Kind, Output, Settings, Switch, Withheld};
