//! One subscription to the roster (RFC 6665 §4.2).

use crate::RequestId;
use crate::leg::LegId;
use crate::quota::Share;
use parlor_room::{Identity, Revision};
use parlor_sip::Transport;
use std::time::{Duration, Instant};

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
    /// When it ends unless it is refreshed; a moment later than the subscriber was told.
    pub(crate) expires: Instant,
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
    /// When something is due, whatever happens.
    pub(crate) wake: Option<Instant>,
    /// Its part of the subscriptions that there may be.
    pub(crate) _counted: Share,
}

/// ```text
///              SUBSCRIBE              NOTIFY
///                  │     ┌───────────┐       ┌───────────┐ answered, and it
///                  └────▶│   Ready   │──────▶│ Notifying │──▶ was the last: gone
///   something to tell ┌─▶└───────────┘       └─────┬─────┘
///                     │        ▲                   │ answered
///                ┌────┴───┐    │ time has come,    ▼
///                │  Idle  │◀───┼────────────┬───────────┐
///                └────────┘    └────────────│  Waiting  │
///                                           └───────────┘
/// ```
#[derive(Debug)]
pub(crate) enum Delivery {
    /// There is nothing to tell.
    Idle,
    /// A NOTIFY is to go out as soon as there is space for it.
    Ready,
    /// A NOTIFY is unanswered: there is never a second one (EVT-15).
    Notifying(Box<Notice>),
    /// Nothing goes out before that time.
    Waiting(Instant),
}

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

/// How large documents may be that are sent to a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It is reached over a stream.
    Stream,
    /// It is reached by datagrams. What is too large for one goes over a stream (EVT-20, RFC 3261 §18.1.1), unless that was
    /// tried in vain.
    Datagrams {
        /// Whether a stream is worth a try.
        stream: bool,
        /// Whether it has answered: before, nobody is to be sent much that somebody else had sent to them.
        proven: bool,
    },
}

/// Why a subscription ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubscriptionEnd {
    /// The subscriber has ended it, or wanted to know but once.
    Unsubscribed,
    /// It was not refreshed.
    Expired,
    /// The room's rules do not allow it any more.
    Forbidden,
    /// The subscriber does not answer, or refuses what it is told (EVT-14).
    Failed,
    /// The room has ended.
    RoomClosed,
    /// The server goes down.
    Shutdown,
}

impl SubscriptionEnd {
    /// How Subscription-State says it (EVT-11).
    pub(crate) fn state(self) -> &'static str {
        match self {
            Self::Unsubscribed | Self::Expired => "terminated;reason=timeout",
            Self::Forbidden => "terminated;reason=rejected",
            Self::RoomClosed => "terminated;reason=noresource",
            Self::Shutdown | Self::Failed => "terminated;reason=probation;retry-after=30",
        }
    }
}

impl Reach {
    /// How somebody is reached who was heard over this.
    pub(crate) fn over(transport: Transport) -> Self {
        match transport {
            Transport::Udp => Self::Datagrams { stream: true, proven: false },
            Transport::Tcp | Transport::Tls => Self::Stream,
        }
    }

    /// The largest body of a NOTIFY.
    pub(crate) fn most(self) -> usize {
        match self {
            Self::Stream | Self::Datagrams { stream: true, .. } => MOST_BY_STREAM,
            Self::Datagrams { stream: false, proven: true } => MOST_BY_DATAGRAM,
            Self::Datagrams { stream: false, proven: false } => MOST_UNPROVEN,
        }
    }

    /// Whether it has not answered, and could be anybody.
    pub(crate) fn is_unproven(self) -> bool {
        self == Self::Datagrams { stream: false, proven: false }
    }

    /// Whether so large a request goes over a stream although the dialog lives on datagrams.
    pub(crate) fn needs_stream(self, request: usize) -> bool {
        matches!(self, Self::Datagrams { stream: true, .. }) && request > LARGEST_SAFE_DATAGRAM
    }
}

/// Half of what waits for one stream at the most, in the server.
const MOST_BY_STREAM: usize = 2 * 1024 * 1024;
/// EVT-20. What the headers take is well below the rest of a datagram.
const MOST_BY_DATAGRAM: usize = 60_000;
/// Room enough for a dozen users; a SUBSCRIBE with somebody else's address brings them not much more than that.
const MOST_UNPROVEN: usize = 8 * 1024;
/// How much longer a subscription lasts than its subscriber was told.
const GRACE: Duration = Duration::from_secs(1);
/// RFC 3261 §18.1.1.
const LARGEST_SAFE_DATAGRAM: usize = 1300;

impl Subscription {
    /// When one that is granted for so long ends: not before a refresh can come that was sent just in time.
    pub(crate) fn expiry(now: Instant, granted: Duration) -> Instant {
        now + granted + GRACE
    }

    /// For how many seconds it is still granted (EVT-10), never more than it was.
    pub(crate) fn remaining(&self, now: Instant) -> u64 {
        // Told a moment after it was granted, it is as long as that.
        self.expires.saturating_duration_since(now).saturating_sub(Duration::from_millis(1)).as_secs()
    }

    /// When something is due by itself.
    pub(crate) fn next_wake(&self) -> Option<Instant> {
        let delivery = match &self.delivery {
            Delivery::Waiting(until) => Some(*until),
            Delivery::Notifying(notice) => notice.stream_until,
            Delivery::Idle | Delivery::Ready => None,
        };
        let expiry = self.ending.is_none().then_some(self.expires);
        [delivery, expiry].into_iter().flatten().min()
    }

    /// The unanswered NOTIFY, if there is one.
    pub(crate) fn notice(&mut self) -> Option<&mut Notice> {
        match &mut self.delivery {
            Delivery::Notifying(notice) => Some(notice),
            Delivery::Idle | Delivery::Ready | Delivery::Waiting(_) => None,
        }
    }

    /// Whether there is something to tell, when others are told of changes up to `flushed`.
    pub(crate) fn has_news(&self, flushed: Revision) -> bool {
        self.ending.is_some() || self.known.is_none_or(|known| known < flushed || self.buried < known)
    }
}
