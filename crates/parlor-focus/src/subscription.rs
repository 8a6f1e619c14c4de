//! One subscription to the roster (RFC 6665 §4.2).

use crate::RequestId;
use crate::leg::LegId;
use crate::quota::Share;
use parlor_room::{Identity, Revision};
use parlor_sip::subscription::{Lease, Reach, SubscriptionEnd};
use std::time::Instant;

/// Names a subscription of one focus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SubscriptionId(pub(crate) u64);

/// A subscription.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) dialog: LegId,
    /// The `id` of its Event, which tells it from others in its dialog.
    pub(crate) event_id: Option<Box<str>>,
    pub(crate) subscriber: Identity,
    /// Whether it can make a whole of parts: clients are known that cannot (EVT-E2).
    pub(crate) merges: bool,
    /// How long it lasts unless it is refreshed.
    pub(crate) lease: Lease,
    /// Why it ends, once that is certain: the NOTIFY that says so is its last.
    pub(crate) ending: Option<SubscriptionEnd>,
    /// The number of the last document (EVT-40).
    pub(crate) version: u32,
    /// What the subscriber knows; `None` when it is to be told everything.
    pub(crate) known: Option<Revision>,
    /// Where it is told how somebody left: who left up to here it knows to be gone, who left after that to be disconnected.
    pub(crate) buried: Revision,
    pub(crate) reach: Reach,
    pub(crate) delivery: Delivery,
    /// How many NOTIFYs in a row were refused.
    pub(crate) failures: u8,
    /// Its part of the subscriptions that there may be.
    pub(crate) _counted: Share,
}

/// When it is told.
pub(crate) type Delivery = parlor_sip::subscription::Delivery<Notice>;

/// A NOTIFY that is unanswered.
#[derive(Debug)]
pub(crate) struct Notice {
    pub(crate) request: RequestId,
    /// What the subscriber knows when it has it.
    pub(crate) told: Revision,
    /// Everything is to be told once more: a SUBSCRIBE has come since (EVT-8), or this was not all.
    pub(crate) renewed: bool,
    /// It shows somebody as disconnected, who is to be told of as gone in the next one (EVT-57).
    pub(crate) farewell: bool,
    /// When the next one may go out.
    pub(crate) next: Instant,
    /// For one that is too large for a datagram: when the stream counts as not to be had.
    pub(crate) stream_until: Option<Instant>,
    /// It says that the subscription has ended.
    pub(crate) last: bool,
    /// Its octets' part of those that may be under way.
    pub(crate) octets: Option<Share>,
}

impl Subscription {
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

    /// The unanswered NOTIFY, if there is one.
    pub(crate) fn notice(&mut self) -> Option<&mut Notice> {
        self.delivery.notice()
    }

    /// Whether there is something to tell, when others are told of changes up to `flushed`.
    pub(crate) fn has_news(&self, flushed: Revision) -> bool {
        self.ending.is_some() || self.known.is_none_or(|known| known < flushed || self.buried < known)
    }
}
