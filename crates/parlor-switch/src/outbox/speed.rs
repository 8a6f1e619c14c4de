//! How much is written to a peer at once.

use std::time::{Duration, Instant};

/// About how many octets are taken for one write to a fast peer: fewer writes cost less.
const FAST_TURN: usize = 256 * 1024;
/// The same for one that is not: what comes meanwhile and goes first waits for less.
const SLOW_TURN: usize = 64 * 1024;
/// The octets a second from which on a peer counts as fast: a turn of the larger kind is with it in a quarter of a second.
const FAST: u128 = 4 * FAST_TURN as u128;

/// Tells fast peers from others by what the kernel takes after it took nothing for a while.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Speed {
    /// Since when something waits for the kernel.
    waits_since: Option<Instant>,
    /// When the peer was last found not to be fast.
    slow_at: Option<Instant>,
}

impl Speed {
    pub(super) fn turn_bytes(&self) -> usize {
        if self.slow_at.is_none() { FAST_TURN } else { SLOW_TURN }
    }

    /// `taken` octets went to the kernel; `waits` says whether more does not. Who was slow is not for ever.
    pub(super) fn took(&mut self, now: Instant, taken: usize, waits: bool, memory: Duration) {
        if taken > 0
            && let Some(since) = self.waits_since.take()
        {
            let fast = FAST.saturating_mul(now.saturating_duration_since(since).as_micros());
            self.slow_at = ((taken as u128) * 1_000_000 < fast).then_some(now);
        }
        if waits {
            self.waits_since.get_or_insert(now);
        } else if self.slow_at.is_some_and(|at| at + memory <= now) {
            self.slow_at = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_little_after_a_wait_gets_less_at_once_for_a_while() {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
        let start = Instant::now();
        let (at, memory) = (|millis| start + Duration::from_millis(millis), Duration::from_secs(1));
        let mut speed = Speed::default();
        speed.took(at(0), 100_000, true, memory);
        assert_eq!(speed.turn_bytes(), FAST_TURN);
        speed.took(at(100), 10_000, true, memory);
        assert_eq!(speed.turn_bytes(), SLOW_TURN, "100 kB a second");
        speed.took(at(110), 200_000, false, memory);
        assert_eq!(speed.turn_bytes(), FAST_TURN, "20 MB a second");
        speed.took(at(200), 0, true, memory);
        speed.took(at(300), 1000, false, memory);
        assert_eq!(speed.turn_bytes(), SLOW_TURN);
        speed.took(at(1300), 0, false, memory);
        assert_eq!(speed.turn_bytes(), FAST_TURN, "that was long ago");
    }
}
