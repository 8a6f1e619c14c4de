//! The SIP side of a room: a user agent with a dialog for the call, and others for the roster and for each REFER
//! (RFC 3261, RFC 6665).
//!
//! [`UserAgent`] decides and does no I/O; [`Driver`] moves its messages and watches the clock; [`Wire`] is the connection
//! that they go over, of which each user agent has a line.

pub(crate) mod account;
mod agent;
mod core;
mod driver;
mod in_dialog;
mod invite;
mod pace;
mod refer;
mod roster;
mod session_timer;
mod subscription;
#[cfg(test)]
mod tests;
mod transport;
mod wire;

pub(crate) use agent::{Ended, Output, Profile, UserAgent};
pub(crate) use core::Identity;
pub(crate) use driver::Driver;
pub(crate) use refer::Refer;
pub(crate) use wire::{Incoming, Line, Wire};
