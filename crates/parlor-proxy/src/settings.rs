//! What a proxy is told when it is made.

use crate::PresenceSettings;
use parlor_room::{Hosts, UserList};
use std::sync::Arc;
use std::time::Duration;

/// The settings of registrar and proxy.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The URIs that are ours.
    pub hosts: Arc<Hosts>,
    /// The realm of passwords: credentials for it go no further.
    pub realm: Box<str>,
    /// What the Server header says.
    pub product: Box<str>,
    /// How long a binding lasts that does not say it itself.
    pub default_expires: Duration,
    /// The shortest time that a binding may be wanted for, at most an hour (SIP-130).
    pub min_expires: Duration,
    /// The longest time that one is granted for.
    pub max_expires: Duration,
    /// How long a message waits for its user at the most; zero: none is kept (MSG-50).
    pub keep_for: Duration,
    /// How long devices may be silent before a message that they have not answered is kept.
    pub patience: Duration,
    /// How long the devices that a user likes best have a message alone, as long as some of them are silent.
    pub group_time: Duration,
    /// Who of other domains may be sent to by users of ours (MSG-61).
    pub send_to: UserList,
    /// Who may watch whom, and what is kept for it.
    pub presence: PresenceSettings,
    /// Bounds on what peers can make us keep.
    pub limits: Limits,
}

impl Settings {
    /// Settings with the usual times.
    pub fn new(hosts: Arc<Hosts>) -> Self {
        Self {
            hosts,
            realm: "".into(),
            product: "Parlor".into(),
            default_expires: Duration::from_secs(3600),
            min_expires: Duration::from_secs(60),
            max_expires: Duration::from_secs(3600),
            keep_for: Duration::from_secs(7 * 24 * 3600),
            patience: Duration::from_secs(8),
            group_time: Duration::from_secs(5),
            send_to: UserList::default(),
            presence: PresenceSettings::default(),
            limits: Limits::default(),
        }
    }
}

/// Bounds on what peers can make the proxy keep.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How many bindings there may be in all.
    pub bindings: usize,
    /// How many one user may have.
    pub contacts: usize,
    /// The longest Contact and Path that a binding keeps, together, in octets.
    pub binding_bytes: usize,
    /// How many REGISTERs and messages may wait for the store.
    pub storing: usize,
    /// How many messages may wait for one device, which gets one at a time.
    pub waiting: usize,
    /// How many messages may be kept for one user.
    pub mailbox: u64,
    /// And how many of them of one sender, until that user has taken all.
    pub mailbox_of_sender: u64,
    /// How many for all together.
    pub kept_messages: u64,
    /// And how many octets of them.
    pub kept_bytes: u64,
    /// For how many messages at once the servers of other domains may be looked for.
    pub searches: usize,
    /// For how many of one user: one whose domains do not answer does not keep others from sending.
    pub searches_of_user: usize,
    /// How many octets of messages may be on their way.
    pub relayed_bytes: usize,
    /// How many of one sender, if it is known.
    pub relayed_bytes_of_user: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bindings: 20_000,
            contacts: 10,
            binding_bytes: 2048,
            storing: 10_000,
            waiting: 32,
            searches: 256,
            searches_of_user: 16,
            mailbox: 100,
            mailbox_of_sender: 50,
            kept_messages: 100_000,
            kept_bytes: 1 << 30,
            relayed_bytes: 64 << 20,
            relayed_bytes_of_user: 8 << 20,
        }
    }
}
