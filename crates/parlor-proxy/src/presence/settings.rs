//! What is set about presence.

use super::Rules;
use parlor_sip::Contacts;
use std::time::Duration;

/// The settings of presence.
#[derive(Clone, Debug)]
pub struct PresenceSettings {
    /// Where watchers reach us, told in Contact.
    pub contacts: Contacts,
    /// Who may watch whom.
    pub rules: Rules,
    /// How long a subscription or a publication lasts at the least: one that is to last less gets 423 (EVT-6, EVT-90).
    pub min_expires: Duration,
    /// How long it lasts at the most.
    pub max_expires: Duration,
    /// Changes within that time are told together (EVT-71).
    pub interval: Duration,
    /// Bounds on what peers can make us keep and do.
    pub limits: PresenceLimits,
}

impl Default for PresenceSettings {
    fn default() -> Self {
        Self {
            contacts: Contacts::default(),
            rules: Rules::default(),
            min_expires: Duration::from_secs(60),
            max_expires: Duration::from_secs(3600),
            interval: Duration::from_secs(5),
            limits: PresenceLimits::default(),
        }
    }
}

/// Bounds on what peers can make presence keep and do.
#[derive(Clone, Debug)]
pub struct PresenceLimits {
    /// How many publications there may be in all.
    pub publications: usize,
    /// How many of one user.
    pub publications_of_user: usize,
    /// How many octets of all of them.
    pub published_bytes: usize,
    /// How many octets of one user's: what is told of a user fits into a datagram.
    pub publications_of_user_bytes: usize,
    /// The largest document that is published, both as it comes and as it is told.
    pub document: parlor_events::Limits,
    /// How many subscriptions there may be in all.
    pub watchers: usize,
    /// How many one watcher may have.
    pub watchers_of_subscriber: usize,
    /// How many there may be to one user.
    pub watchers_of_user: usize,
    /// What a dialog keeps of its SUBSCRIBE, in octets.
    pub dialog_bytes: usize,
    /// How many NOTIFYs may be unanswered in all; the others wait.
    pub notifies: usize,
    /// How many octets of documents may be unanswered before large ones wait.
    pub notified_bytes: usize,
}

impl Default for PresenceLimits {
    fn default() -> Self {
        Self {
            publications: 20_000,
            publications_of_user: 10,
            published_bytes: 64 << 20,
            publications_of_user_bytes: 40 * 1024,
            document: parlor_events::Limits { bytes: 4 * 1024, elements: 128, ..parlor_events::Limits::default() },
            watchers: 20_000,
            watchers_of_subscriber: 500,
            watchers_of_user: 1000,
            dialog_bytes: 4096,
            notifies: 4096,
            notified_bytes: 32 << 20,
        }
    }
}
