//! The XML bodies of conferencing and messaging: conference-info (RFC 4575), iscomposing (RFC 3994), pidf (RFC 3863) and
//! resource-lists (RFC 4826 with RFC 5364).
//!
//! Each format has a module with types that can be written and read. What is written is valid by the format's schema; what
//! is read is bounded by [`Limits`], has no document type and no entities of its own, and elements and attributes that a
//! format does not define are skipped, but for those that presence documents bring along ([`pidf::Extension`]).
//!
//! A notifier writes each user of a roster once, as a [`Fragment`](conference_info::Fragment), makes a
//! [`Document`](conference_info::Document) of those that a change concerns, and adds the version of each subscriber. A
//! subscriber gives what it reads to a [`Roster`](conference_info::Roster).
//!
//! ```
//! use parlor_events::conference_info::{Applied, ConferenceInfo, Roster, State, User, Users};
//! use parlor_events::Limits;
//!
//! let mut info = ConferenceInfo::new("sip:lobby@chat.example.com", State::Full);
//! info.version = Some(1);
//! info.users = Some(Users { state: State::Full, list: vec![User::new("sip:alice@example.org")] });
//! let xml = info.to_xml();
//!
//! let mut roster = Roster::default();
//! assert_eq!(roster.apply(ConferenceInfo::read(&xml, &Limits::roster())?), Applied::Changed);
//! assert_eq!(roster.users().len(), 1);
//! # Ok::<(), parlor_events::XmlError>(())
//! ```

pub mod conference_info;
pub mod iscomposing;
mod limits;
pub mod pidf;
pub mod resource_lists;
mod tree;
mod write;

pub use limits::Limits;
pub use tree::XmlError;
