//! The SIP side of a room: a user agent with one dialog (RFC 3261).
//!
//! [`UserAgent`] decides and does no I/O; [`Driver`] moves its bytes and watches the clock.

mod agent;
mod driver;
mod in_dialog;
mod invite;
mod session_timer;
#[cfg(test)]
mod tests;
mod transport;

pub(crate) use agent::{Ended, Output, Profile, UserAgent};
pub(crate) use driver::Driver;
pub(crate) use transport::Channel;
