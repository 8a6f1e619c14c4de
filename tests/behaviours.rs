//! Behaviours of the running server, seen from outside.
//!
//! Each test starts the real binary on ports of its own and talks to it over sockets, with SIP and MSRP written down
//! here a second time, so that a mistake in our crates cannot hide in both ends. One file is one behaviour; what they
//! share is in `support`; forms that clients are known to send are scripts in `dialogues/`.

#![allow(
    clippy::disallowed_methods,
    reason = "tests are a program: they read the clock, the environment and start threads"
)]
#![allow(clippy::unwrap_used)]

mod support;

mod anonymous;
mod behind_relays;
mod binding;
mod byte_exact;
mod chat_of_three;
mod citations;
mod composing;
mod composing_by_message;
mod content;
mod decision_table;
mod dial_out;
mod dialogues;
mod digest;
mod factory;
mod failure_report;
mod file_pull;
mod file_push;
mod found_by_dns;
mod imdn;
mod ipv6;
mod junk;
mod large_message;
mod lifecycle;
mod media_lines;
mod mention;
mod message_relay;
mod message_to_room;
mod metrics;
mod moderated;
mod nickname;
mod not_chat_aware;
mod other_domains;
mod own_devices;
mod pager_member;
mod presence;
mod private_message;
mod protected_bodies;
mod reached_in_room;
mod refer;
mod register;
mod replaces;
mod rfc4475;
mod room_password;
mod room_rules;
mod roster;
mod several_sessions;
mod sidebar;
mod sip_dialog;
mod sip_hostile;
mod sip_joining;
mod sip_options;
mod sipp;
mod slow_recipient;
mod split_stream;
mod stored_messages;
mod streaming;
mod subscriptions;
mod success_report;
mod tls_sessions;
mod topic;
mod trusted_proxy;
mod users;
