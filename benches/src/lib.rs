//! What the programs that measure have in common.

#![allow(clippy::disallowed_methods, reason = "programs that measure read the clock")]

pub mod process;
pub mod sip;
