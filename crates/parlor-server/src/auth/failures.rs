//! How many wrong passwords came from where.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The time over which failures are counted: this one and what is left of the one before.
const PERIOD: Duration = Duration::from_secs(60);
/// How many addresses are remembered of each period. When there are more, the period ends early.
const ADDRESSES: usize = 16 * 1024;

/// Counts failures by address, in bounded memory.
#[derive(Debug)]
pub(super) struct Failures {
    limit: u32,
    began: Instant,
    now: HashMap<IpAddr, u32>,
    before: HashMap<IpAddr, u32>,
}

impl Failures {
    /// None yet; from each address there may be so many.
    pub(super) fn new(now: Instant, limit: u32) -> Self {
        Self { limit, began: now, now: HashMap::new(), before: HashMap::new() }
    }

    /// Whether there were too many from there.
    pub(super) fn are_too_many(&mut self, now: Instant, address: IpAddr) -> bool {
        self.turn(now);
        self.count(address) >= self.limit
    }

    /// One more from there; whether it is the last that there may be.
    pub(super) fn note(&mut self, now: Instant, address: IpAddr) -> bool {
        self.turn(now);
        if self.now.len() >= ADDRESSES && !self.now.contains_key(&address) {
            self.begin(now);
        }
        *self.now.entry(address).or_default() += 1;
        self.count(address) == self.limit
    }

    fn count(&self, address: IpAddr) -> u32 {
        let of = |counts: &HashMap<_, _>| counts.get(&address).copied().unwrap_or(0);
        of(&self.now).saturating_add(of(&self.before))
    }

    fn turn(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.began);
        if passed >= 2 * PERIOD {
            self.now.clear();
        }
        if passed >= PERIOD {
            self.begin(now);
        }
    }

    fn begin(&mut self, now: Instant) {
        self.before = std::mem::take(&mut self.now);
        self.began = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(number: u32) -> IpAddr {
        std::net::Ipv4Addr::from(number).into()
    }

    /// An address has so many a minute, and others have their own; after two minutes without any it is as new.
    #[test]
    fn each_address_has_its_own_count() {
        let start = Instant::now();
        let mut failures = Failures::new(start, 3);
        let reached: Vec<_> = (0..4).map(|_| failures.note(start, ip(1))).collect();
        assert_eq!(reached, [false, false, true, false]);
        assert!(failures.are_too_many(start, ip(1)) && !failures.are_too_many(start, ip(2)));
        let later = start + PERIOD;
        assert!(failures.are_too_many(later, ip(1)), "those of the minute before count");
        assert!(!failures.are_too_many(later + PERIOD, ip(1)));
        failures.note(later + PERIOD, ip(1));
        assert!(!failures.are_too_many(later + 5 * PERIOD, ip(1)));
        assert!(failures.before.is_empty() && failures.now.is_empty());
    }

    /// However many addresses there are, what is remembered is bounded, and one that is still remembered stays refused.
    #[test]
    fn memory_is_bounded() {
        let now = Instant::now();
        let mut failures = Failures::new(now, 1);
        for number in 0..100_000 {
            failures.note(now, ip(number));
            assert!(failures.now.len() + failures.before.len() <= 2 * ADDRESSES);
            assert!(failures.are_too_many(now, ip(number)));
        }
    }
}
