//! What a focus is told when it is made.

use crate::Limits;
use crate::sdp::MsrpAddresses;
use parlor_room::Hosts;
use parlor_sip::Method;
use std::sync::Arc;
use std::time::Duration;

/// The settings that all rooms of a server share.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The URIs that are ours.
    pub hosts: Arc<Hosts>,
    /// Where SIP peers reach us, told in Contact.
    pub contacts: Contacts,
    /// Where MSRP peers reach us, told in `a=path`.
    pub msrp: MsrpAddresses,
    /// What the session-ids of our URIs begin with, and those of no peer: to be chosen at random when the server starts.
    pub session_mark: Box<str>,
    /// Whether we connect to peers that insist on waiting (MSRP-157).
    pub can_connect: bool,
    /// The session interval wanted (SIP-100).
    pub session_expires: Duration,
    /// The shortest session interval accepted, at least 90 s (SIP-100).
    pub min_se: Duration,
    /// How long after the ACK a session may stay unbound (MSRP-98b).
    pub bind_timeout: Duration,
    /// How long a dialog waits for a re-INVITE after its connection or its session has gone (CHAT-151).
    pub rejoin_timeout: Duration,
    /// The user part of the URI that makes rooms (SIP-76), if there is one.
    pub factory: Option<Box<str>>,
    /// How long somebody who is called may take to answer.
    pub ring_timeout: Duration,
    /// What files may be left in rooms; `None`: there is no place for any.
    pub files: Option<FileSettings>,
    /// The timers of SIP; those of the transactions should be the same.
    pub sip_timers: parlor_sip::Timers,
    /// The methods that the server serves at its own URI, beside those of rooms.
    pub own_methods: Box<[Method]>,
    /// What the Server and User-Agent headers say.
    pub product: Box<str>,
    /// Bounds on what peers can make us keep and do.
    pub limits: Limits,
}

impl Settings {
    /// Settings with the usual times, reached nowhere yet.
    pub fn new(hosts: Arc<Hosts>) -> Self {
        Self {
            hosts,
            contacts: Contacts::default(),
            msrp: MsrpAddresses::default(),
            session_mark: "parlor".into(),
            can_connect: true,
            session_expires: Duration::from_secs(1800),
            min_se: Duration::from_secs(90),
            bind_timeout: Duration::from_secs(30),
            rejoin_timeout: Duration::from_secs(30),
            factory: None,
            ring_timeout: Duration::from_secs(60),
            files: None,
            sip_timers: parlor_sip::Timers::default(),
            own_methods: Box::default(),
            product: "Parlor".into(),
            limits: Limits::default(),
        }
    }
}

/// What files may be left in rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSettings {
    /// The largest file, in octets.
    pub max_bytes: u64,
}

/// Where SIP peers reach us, by transport. One that is missing falls back to the domain.
#[derive(Clone, Debug, Default)]
pub struct Contacts {
    /// Over UDP.
    pub udp: Option<SipAddress>,
    /// Over TCP.
    pub tcp: Option<SipAddress>,
    /// Over TLS.
    pub tls: Option<SipAddress>,
}

/// A host and port for Contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SipAddress {
    /// A name or an address; an IPv6 address with or without brackets.
    pub host: Box<str>,
    /// The port.
    pub port: u16,
}
