//! For tests only: the whole core on a virtual clock, and the plain model it is checked against.
//!
//! A [`World`] holds rooms as the server's tasks drive them (room, focus, switch), connections with a reader and a writer
//! each, and the peers at their other ends, joined by [links](link::Link) of some rate. A [`Scenario`] made from a seed says
//! who joins, sends, stops reading and leaves, and when. Nothing waits: time jumps to the next thing that is due, and
//! what could happen at the same time happens in an order that follows from the seed as well.
//!
//! While it runs, each frame that a peer reads is checked against the [`model`]; [`World::conclude`] checks what only the
//! end can show: nothing lost, the same order for all, all budgets full again.

pub mod connection;
pub mod link;
pub mod member;
pub mod message;
pub mod model;
pub mod names;
pub mod peer;
pub mod room;
pub mod scenario;
pub mod sip;
mod verdict;
pub mod world;

pub use scenario::Scenario;
pub use world::World;

use std::time::Instant;

/// The beginning of virtual time.
pub fn origin() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
    Instant::now()
}
