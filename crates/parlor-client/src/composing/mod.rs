//! Who is writing a message (RFC 3994).
//!
//! [`Ours`] says when the others are to be told that we are, [`Theirs`] who else is. Both read no clock.

mod indicate;
mod ours;
mod theirs;

pub(crate) use indicate::indicate;
pub(crate) use ours::{Ours, Step};
pub(crate) use theirs::{News, Theirs, Writer};
