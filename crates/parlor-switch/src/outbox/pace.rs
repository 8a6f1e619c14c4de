//! How fast a peer takes what is written, held against the floor.

use std::time::{Duration, Instant};

/// A leaky bucket of octets: it leaks at the floor rate while data waits, and fills with what the kernel takes.
///
/// Full, it lasts for the patience; empty, the peer has stalled. It does not fill by waiting, so that a peer which
/// takes little now and then does not gain new patience each time.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    floor: u64,
    full: u64,
    level: u64,
    blocked_since: Option<Instant>,
}

impl Pace {
    /// A full bucket.
    pub fn new(floor: u64, patience: Duration) -> Self {
        let full = u64::try_from(u128::from(floor) * patience.as_millis() / 1000).unwrap_or(u64::MAX).max(1);
        Self { floor: floor.max(1), full, level: full, blocked_since: None }
    }

    /// Another floor: with several sessions on a connection each has to take its own. How much patience is left stays.
    pub fn set_floor(&mut self, floor: u64) {
        let floor = floor.max(1);
        let scaled = |octets: u64| {
            let scaled = u128::from(octets) * u128::from(floor) / u128::from(self.floor);
            u64::try_from(scaled).unwrap_or(u64::MAX).max(1)
        };
        (self.full, self.level) = (scaled(self.full), scaled(self.level));
        self.floor = floor;
    }

    /// When the bucket will be empty if nothing is taken until then.
    pub fn empty_at(&self) -> Option<Instant> {
        self.blocked_since.map(|since| since + self.lasts())
    }

    /// Whether the bucket is empty by `now`.
    pub fn is_empty(&self, now: Instant) -> bool {
        self.empty_at().is_some_and(|at| at <= now)
    }

    /// `taken` octets went to the kernel; `blocked` says whether more waits that it does not take now.
    pub fn took(&mut self, now: Instant, taken: usize, blocked: bool) {
        let leaked = self.blocked_since.map_or(0, |since| self.leak(now.saturating_duration_since(since)));
        let filled = self.level.saturating_add(taken as u64).saturating_sub(leaked);
        // One octet is left when nothing waits: only a peer that leaves data waiting can stall.
        self.level = filled.clamp(u64::from(!blocked), self.full);
        self.blocked_since = blocked.then_some(now);
    }

    fn leak(&self, elapsed: Duration) -> u64 {
        u64::try_from(u128::from(self.floor) * elapsed.as_micros() / 1_000_000).unwrap_or(u64::MAX)
    }

    fn lasts(&self) -> Duration {
        Duration::from_micros((u128::from(self.level) * 1_000_000).div_ceil(u128::from(self.floor)) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOOR: u64 = 64 * 1024;

    fn start() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
        Instant::now()
    }

    #[test]
    fn a_peer_that_takes_nothing_stalls_after_the_patience() {
        let t0 = start();
        let mut pace = Pace::new(FLOOR, Duration::from_secs(1));
        pace.took(t0, 1000, true);
        assert!(!pace.is_empty(t0 + Duration::from_millis(999)));
        assert!(pace.is_empty(t0 + Duration::from_millis(1000)));
    }

    #[test]
    fn a_peer_above_the_floor_never_stalls() {
        let mut now = start();
        let mut pace = Pace::new(FLOOR, Duration::from_secs(1));
        for _ in 0..1000 {
            pace.took(now, 60_000, true);
            now += Duration::from_millis(900);
            assert!(!pace.is_empty(now));
        }
    }

    #[test]
    fn a_peer_below_the_floor_stalls_even_if_it_takes_something() {
        let mut now = start();
        let mut pace = Pace::new(FLOOR, Duration::from_secs(1));
        let stalled = (0..200).any(|_| {
            pace.took(now, 6_000, true);
            now += Duration::from_millis(100);
            // 60,000 octets a second are below the floor of 65,536.
            pace.is_empty(now)
        });
        assert!(stalled);
    }

    #[test]
    fn who_has_two_sessions_takes_twice_the_floor() {
        let mut now = start();
        let mut pace = Pace::new(FLOOR, Duration::from_secs(1));
        pace.set_floor(2 * FLOOR);
        assert!((0..100).all(|_| {
            pace.took(now, 60_000, true);
            now += Duration::from_millis(400);
            !pace.is_empty(now)
        }));
        assert!((0..100).any(|_| {
            pace.took(now, 60_000, true);
            now += Duration::from_millis(600);
            pace.is_empty(now)
        }));
    }

    #[test]
    fn idle_time_neither_drains_nor_fills() {
        let t0 = start();
        let mut pace = Pace::new(FLOOR, Duration::from_secs(1));
        pace.took(t0, 0, true);
        pace.took(t0 + Duration::from_millis(900), 10, false);
        let later = t0 + Duration::from_secs(3600);
        assert!(!pace.is_empty(later));
        pace.took(later, 0, true);
        assert!(pace.is_empty(later + Duration::from_millis(101)), "patience is not renewed by waiting");
    }
}
