//! How often something may happen (CHAT-170).

use crate::addresses::network_of;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So often a second, and after a pause so often at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    interval: Duration,
    at_once: Duration,
}

impl Rate {
    /// `per_second` times a second, and `burst` times at once; 0 times a second stands for any number.
    pub(crate) fn new(per_second: u32, burst: u32) -> Option<Self> {
        let interval = Duration::from_secs(1).checked_div(per_second)?;
        Some(Self { interval, at_once: interval.saturating_mul(burst.saturating_sub(1)) })
    }
}

/// What one of many does at its pace: it owes the time that what it did should have taken.
#[derive(Debug, Default)]
pub(crate) struct Pace(Mutex<Option<Instant>>);

impl Pace {
    /// It does something once more. From when on that is within the rate; at the latest then it may go on.
    pub(crate) fn step(&self, now: Instant, rate: Rate) -> Instant {
        let mut owed = self.lock();
        let paid = owed.unwrap_or(now).max(now);
        *owed = Some(paid + rate.interval);
        paid.checked_sub(rate.at_once).map_or(now, |due| due.max(now))
    }

    /// The same if it is within the rate now; else it has not done it.
    pub(crate) fn try_step(&self, now: Instant, rate: Rate) -> bool {
        let mut owed = self.lock();
        let paid = owed.unwrap_or(now).max(now);
        if paid > now + rate.at_once {
            return false;
        }
        *owed = Some(paid + rate.interval);
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A rate with the pace of those who share it.
#[derive(Clone, Debug)]
pub(crate) struct Tempo {
    rate: Rate,
    pace: Arc<Pace>,
}

impl Tempo {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, pace: Arc::default() }
    }

    /// Ten times a second, twenty at once: faster than anybody changes a name.
    pub(crate) fn of_nicknames() -> Self {
        let interval = Duration::from_millis(100);
        Self::new(Rate { interval, at_once: 19 * interval })
    }

    /// As [`Pace::step`].
    pub(crate) fn step(&self, now: Instant) -> Instant {
        self.pace.step(now, self.rate)
    }

    /// As [`Pace::try_step`].
    pub(crate) fn try_step(&self, now: Instant) -> bool {
        self.pace.try_step(now, self.rate)
    }
}

/// How fast one participant of a room is read, on all its sessions together.
#[derive(Clone, Debug)]
pub(crate) struct Tempos {
    /// When it begins messages; `None`: as fast as it likes.
    pub(crate) messages: Option<Tempo>,
    /// When it asks for nicknames, whatever it is told: a long one takes as long to look at as many messages.
    pub(crate) nicknames: Tempo,
}

/// What addresses do, each at its pace. There are so many paces; those of two addresses may be one, which ones nobody can
/// tell who does not know the key. A /64 network counts as one IPv6 address.
#[derive(Debug)]
pub(crate) struct PacePerAddress {
    rate: Option<Rate>,
    key: RandomState,
    paces: Box<[Pace]>,
}

const PACES: usize = 16_384;

impl PacePerAddress {
    /// `None`: as often as they like.
    pub(crate) fn new(rate: Option<Rate>) -> Self {
        let paces = if rate.is_some() { PACES } else { 0 };
        Self { rate, key: RandomState::new(), paces: (0..paces).map(|_| Pace::default()).collect() }
    }

    /// Whether an address may do it once more now.
    pub(crate) fn try_step(&self, now: Instant, address: IpAddr) -> bool {
        let Some(rate) = self.rate else { return true };
        let place = usize::try_from(self.key.hash_one(network_of(address)) % PACES as u64).unwrap_or_default();
        self.paces.get(place).is_none_or(|pace| pace.try_step(now, rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn after_a_burst_it_goes_on_at_the_rate() {
        let rate = Rate::new(10, 5).expect("a rate");
        let (pace, now) = (Pace::default(), Instant::now());
        for _ in 0..5 {
            assert_eq!(pace.step(now, rate), now);
        }
        assert_eq!(pace.step(now, rate), now + SECOND / 10);
        assert_eq!(pace.step(now, rate), now + SECOND / 5);
        assert!(!pace.try_step(now, rate));
        let later = now + SECOND / 5;
        assert!(!pace.try_step(later, rate), "what was done is paid by now, and no more");
        assert!(pace.try_step(later + SECOND / 10, rate));
        let rested = now + 60 * SECOND;
        assert_eq!((0..9).filter(|_| pace.try_step(rested, rate)).count(), 5, "a pause is not saved up");
        assert_eq!(Rate::new(0, 5), None);
    }

    #[test]
    fn addresses_have_a_pace_each() {
        let now = Instant::now();
        let limited = PacePerAddress::new(Rate::new(1, 2));
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        assert!(limited.try_step(now, ip("2001:db8::1")) && limited.try_step(now, ip("2001:db8::2")));
        assert!(!limited.try_step(now, ip("2001:db8::3")), "a /64 is one address");
        let others = (0..50).filter(|n| limited.try_step(now, ip(&format!("192.0.2.{n}")))).count();
        assert!(others >= 49, "{others}");
        assert!(limited.try_step(now + SECOND, ip("2001:db8::1")));
        assert!((0..99).all(|_| PacePerAddress::new(None).try_step(now, ip("192.0.2.1"))));
    }
}
