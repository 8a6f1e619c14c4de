//! The SIP side of an account: where we are, and what people and we tell each other (RFC 3261 §10, RFC 3428,
//! RFC 3856, RFC 3903, RFC 3994).

mod agent;
mod inbox;
mod pager;
mod publication;
mod registration;
mod requests;
#[cfg(test)]
mod tests;
mod watch;

pub(crate) use agent::{Agent, Settings};
pub(crate) use pager::{Content, Letter};
