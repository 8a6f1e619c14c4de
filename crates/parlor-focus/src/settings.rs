//! What a focus is told when it is made.

use crate::Limits;
use crate::quota::Quota;
use crate::sdp::MsrpAddresses;
use parlor_room::{Hosts, WallClock};
use parlor_sip::{Contacts, Method};
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
    /// Clients, by the first word of `s=` in their SDP, that know chat rooms with all that is optional although they do not
    /// say so by `a=chatroom`.
    pub chat_clients: Box<[Box<str>]>,
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
    /// How subscribers are told who is in a room.
    pub subscriptions: Subscribing,
    /// The calls of ours that all rooms may have under way (SIP-90).
    pub calls: Quota,
    /// The wall time, for the roster to say when somebody came; without it, it does not.
    pub clock: Option<WallClock>,
    /// The timers of SIP; those of the transactions should be the same.
    pub sip_timers: parlor_sip::Timers,
    /// The methods that the server serves at its own URI, beside those of rooms.
    pub own_methods: Box<[Method]>,
    /// The event packages that it serves beside those of rooms.
    pub own_events: Box<[&'static str]>,
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
            chat_clients: ["Blink", "sipsimple"].map(Into::into).into(),
            can_connect: true,
            session_expires: Duration::from_secs(1800),
            min_se: Duration::from_secs(90),
            bind_timeout: Duration::from_secs(30),
            rejoin_timeout: Duration::from_secs(30),
            factory: None,
            ring_timeout: Duration::from_secs(60),
            files: None,
            subscriptions: Subscribing::default(),
            calls: Quota::new(256),
            clock: None,
            sip_timers: parlor_sip::Timers::default(),
            own_methods: Box::default(),
            own_events: Box::default(),
            product: "Parlor".into(),
            limits: Limits::default(),
        }
    }
}

/// What files may be left in rooms.
#[derive(Clone, Debug)]
pub struct FileSettings {
    /// The largest file, in octets.
    pub max_bytes: u64,
    /// How many files may be on their way at once, in all rooms.
    pub transfers: Quota,
    /// How many of them for one participant.
    pub transfers_of_participant: usize,
}

/// How subscribers are told who is in a room.
#[derive(Clone, Debug)]
pub struct Subscribing {
    /// The subscriptions that there may be in all rooms.
    pub all: Quota,
    /// The octets of larger documents that may be under way in all rooms.
    pub octets: Quota,
    /// How long a subscription lasts at the most (EVT-6).
    pub expires: Duration,
    /// How long it lasts at the least.
    pub min_expires: Duration,
    /// Changes within that time are told together (EVT-33).
    pub interval: Duration,
    /// Whether it is told how somebody left, before it is told that they are gone (EVT-57).
    pub departures: bool,
    /// Up to so many participants everything is told each time, above that what has changed; 0: always what has changed.
    pub whole_up_to: usize,
    /// How many octets a second documents may come to that tell everything each time.
    pub whole_rate: u64,
    /// What stands in the User-Agent of those who are told everything each time in large rooms too, in lower case (EVT-E2).
    pub whole_for: Box<[Box<str>]>,
}

impl Default for Subscribing {
    fn default() -> Self {
        Self {
            all: Quota::new(20_000),
            octets: Quota::new(64 * 1024 * 1024),
            expires: Duration::from_secs(3600),
            min_expires: Duration::from_secs(60),
            interval: Duration::from_secs(1),
            departures: false,
            whole_up_to: 64,
            whole_rate: 16 * 1024,
            whole_for: ["blink", "sipsimple", "sylkserver"].map(Box::from).into(),
        }
    }
}

impl Subscribing {
    /// Whether a client of that name cannot make a whole of parts.
    pub(crate) fn merges_nothing(&self, agent: &str) -> bool {
        let agent = agent.to_ascii_lowercase();
        self.whole_for.iter().any(|name| agent.contains(&**name))
    }

    /// Whether everybody is told everything each time in a room of that size.
    pub(crate) fn is_small(&self, participants: usize) -> bool {
        self.whole_up_to > 0 && participants <= self.whole_up_to
    }

    /// How long after a document of that size the next one has to wait.
    pub(crate) fn pause_after(&self, octets: usize) -> Duration {
        Duration::from_millis(octets as u64 * 1000 / self.whole_rate.max(1))
    }
}
