//! What notifiers of every package keep of a subscription and decide alike (RFC 6665 §4.2).

mod agenda;
mod delivery;
mod lease;
mod reach;

pub use agenda::Agenda;
pub use delivery::{Delivery, Refused};
pub use lease::{DEFAULT_DURATION, Lease, granted};
pub use reach::Reach;

/// Why a subscription ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubscriptionEnd {
    /// The subscriber has ended it, or wanted to know but once.
    Unsubscribed,
    /// It was not refreshed.
    Expired,
    /// The rules do not allow it any more.
    Forbidden,
    /// The subscriber does not answer, or refuses what it is told (EVT-14).
    Failed,
    /// What it was about has ended.
    Gone,
    /// The server goes down.
    Shutdown,
}

impl SubscriptionEnd {
    /// How Subscription-State says it (EVT-11).
    pub fn state(self) -> &'static str {
        match self {
            Self::Unsubscribed | Self::Expired => "terminated;reason=timeout",
            Self::Forbidden => "terminated;reason=rejected",
            Self::Gone => "terminated;reason=noresource",
            Self::Shutdown | Self::Failed => "terminated;reason=probation;retry-after=30",
        }
    }
}
