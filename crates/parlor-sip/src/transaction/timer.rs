//! Timer values (RFC 3261 §17, table 4).

use std::time::{Duration, Instant};

/// The values from which all transaction timers are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// Round-trip estimate: the first interval of retransmission.
    pub t1: Duration,
    /// The longest interval of retransmission of responses and non-INVITE requests.
    pub t2: Duration,
    /// How long a message may stay in the network.
    pub t4: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self { t1: Duration::from_millis(500), t2: Duration::from_secs(4), t4: Duration::from_secs(5) }
    }
}

impl Timers {
    /// 64*T1: how long a transaction tries, or lingers.
    pub fn t1x64(&self) -> Duration {
        self.t1 * 64
    }
}

/// When to retransmit next, and the interval that led there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    pub(super) at: Instant,
    interval: Duration,
}

impl Backoff {
    /// The interval is at least a millisecond, so that time always advances.
    pub(super) fn start(now: Instant, interval: Duration) -> Self {
        let interval = interval.max(Duration::from_millis(1));
        Self { at: now + interval, interval }
    }

    /// The interval doubles up to `cap`.
    pub(super) fn next(self, now: Instant, cap: Option<Duration>) -> Self {
        let doubled = self.interval * 2;
        Self::start(now, cap.map_or(doubled, |cap| doubled.min(cap)))
    }
}

/// The earliest of some timers.
pub(super) fn earliest<T>(timers: impl IntoIterator<Item = Option<(Instant, T)>>) -> Option<(Instant, T)> {
    timers.into_iter().flatten().min_by_key(|(at, _)| *at)
}
