//! The SIP side of a room: a user agent with a dialog for the call, and others for the roster and for each REFER
//! (RFC 3261, RFC 6665).
//!
//! [`UserAgent`] decides and does no I/O; [`Driver`] moves its bytes and watches the clock.

mod agent;
mod driver;
mod in_dialog;
mod invite;
mod notify;
mod refer;
mod session_timer;
mod subscription;
#[cfg(test)]
mod tests;
mod transport;

pub(crate) use agent::{Ended, Output, Profile, UserAgent};
pub(crate) use driver::Driver;
pub(crate) use refer::Refer;
pub(crate) use transport::Channel;
