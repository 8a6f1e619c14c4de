//! The Parlor server: everything behind the binary `parlor`.
//!
//! One process serves SIP, MSRP and HTTP. The protocol crates decide what happens; this crate owns the sockets,
//! the clocks and the tasks. It is a library so that tests, benches and the generated documentation share its types.

// The rules in clippy.toml are for the crates below the server.
#![allow(clippy::disallowed_methods)]

mod addresses;
mod auth;
pub mod certificate;
mod chat;
pub mod cli;
mod clock;
pub mod config;
pub mod http;
mod listener;
pub mod logging;
pub mod metrics;
mod msrp;
mod own;
mod pace;
mod panics;
mod resolve;
mod room;
mod room_password;
pub mod serve;
mod sip;
mod sockets;
pub mod tls;
mod transfer;
mod user;
