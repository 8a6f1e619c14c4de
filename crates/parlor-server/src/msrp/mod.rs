//! MSRP over sockets: listeners, connections, and the table by which they find their sessions.

mod connection;
mod dial;
mod find;
mod listener;
mod meter;
mod reader;
mod run;
mod socket;
mod table;
#[cfg(test)]
mod tests;
mod vacancy;
mod writer;

pub(crate) use connection::{Connections, Settings};
pub(crate) use dial::{Dial, Dialling, dial};
pub(crate) use listener::accept;
pub(crate) use table::{OfferedUri, Reservation, SessionEntry, SessionTable};
