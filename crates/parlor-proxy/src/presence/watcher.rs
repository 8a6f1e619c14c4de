//! One subscription to the presence of a user.

use crate::SendId;
use parlor_events::pidf::Format;
use parlor_sip::subscription::{Delivery, Lease, Reach, SubscriptionEnd};
use parlor_sip::{Dialog, Flow};
use std::sync::Arc;
use std::time::Instant;

/// Names a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WatcherId(pub(crate) u64);

impl WatcherId {
    /// The beginning of our tag in its dialog: no room has such a one, and none ends like it.
    pub(crate) fn tag(self, random: u64) -> String {
        format!("p{:x}-{random:016x}", self.0)
    }

    /// Whose dialog it is.
    pub(crate) fn of_tag(tag: &str) -> Option<Self> {
        let (id, _) = tag.strip_prefix('p')?.split_once('-')?;
        u64::from_str_radix(id, 16).ok().map(Self)
    }
}

/// A subscription. It has a dialog of its own.
#[derive(Debug)]
pub(crate) struct Watcher {
    pub(crate) dialog: Dialog,
    /// Where its latest SUBSCRIBE came from.
    pub(crate) flow: Flow,
    /// Who is watched.
    pub(crate) user: Arc<str>,
    /// Who watches.
    pub(crate) subscriber: Box<str>,
    /// Whether it may know, or is told that nobody is there.
    pub(crate) may_know: bool,
    /// The `id` of its Event.
    pub(crate) event_id: Option<Box<str>>,
    pub(crate) format: Format,
    pub(crate) lease: Lease,
    /// Why it ends, once that is certain: the NOTIFY that says so is its last.
    pub(crate) ending: Option<SubscriptionEnd>,
    /// The state of the user that it knows; `None` when it is to be told in any case.
    pub(crate) known: Option<Revision>,
    pub(crate) reach: Reach,
    pub(crate) delivery: Delivery<Notice>,
    /// When the latest NOTIFY went out.
    pub(crate) notified: Option<Instant>,
    /// How many NOTIFYs in a row were refused.
    pub(crate) failures: u8,
}

/// A NOTIFY that is unanswered.
#[derive(Debug)]
pub(crate) struct Notice {
    pub(crate) send: SendId,
    /// What the watcher knows when it has it; `None` if it is to be told once more: it was not told all, or a SUBSCRIBE has
    /// come since (EVT-8).
    pub(crate) told: Option<Revision>,
    /// What its document counts for among all that are under way.
    pub(crate) octets: usize,
    /// When the next one may go out.
    pub(crate) next: Instant,
    /// For one that is too large for a datagram: when the stream counts as not to be had.
    pub(crate) stream_until: Option<Instant>,
    /// It says that the subscription has ended.
    pub(crate) last: bool,
}

/// Another one after each change of a user's presence; no two users have the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Revision(pub(crate) u64);

impl Watcher {
    /// When something is due by itself.
    pub(crate) fn next_wake(&self) -> Option<Instant> {
        let delivery = match &self.delivery {
            Delivery::Waiting(until) => Some(*until),
            Delivery::Notifying(notice) => notice.stream_until,
            Delivery::Idle | Delivery::Ready => None,
        };
        let expiry = self.ending.is_none().then_some(self.lease.end());
        [delivery, expiry].into_iter().flatten().min()
    }

    /// Whether there is something to tell of a user in that state.
    pub(crate) fn has_news(&self, state: Revision) -> bool {
        let has_changed = self.known.is_none_or(|known| self.may_know && known < state);
        self.ending.is_some() || has_changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_name_their_dialog() {
        let id = WatcherId(0x1f);
        assert_eq!(id.tag(7), "p1f-0000000000000007");
        assert_eq!(WatcherId::of_tag(&id.tag(u64::MAX)), Some(id));
        for other in ["", "p", "p-1", "1f-0", "px-0", "p1f"] {
            assert_eq!(WatcherId::of_tag(other), None, "{other}");
        }
    }
}
