//! When we ask again.

use std::time::{Duration, Instant};

/// When something that lasts so long is refreshed: a little before it ends, but not at once after the last time.
pub(super) fn refresh_at(now: Instant, lasts: Duration, last: Instant) -> Instant {
    (now + lasts - (lasts / 4).min(MARGIN)).max(last + LEAST_INTERVAL)
}

/// How long we wait after something has failed: twice as long each time that it fails once more.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    /// Attempts that have failed since the last one that did not.
    failures: u32,
}

impl Backoff {
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// It worked.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// It failed: how long we wait.
    pub(super) fn fail(&mut self) -> Duration {
        let pause = self.first.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        pause.min(self.longest)
    }
}

/// How long before the end we refresh, at most.
const MARGIN: Duration = Duration::from_secs(60);
/// Between two requests of ours, whatever the server says.
pub(super) const LEAST_INTERVAL: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut backoff = Backoff::new(Duration::from_secs(30), Duration::from_secs(100));
        let mut next = || backoff.fail().as_secs();
        assert_eq!([next(), next(), next()], [30, 60, 100]);
        assert!((0..100).all(|_| next() == 100));
        backoff.reset();
        assert_eq!(backoff.fail().as_secs(), 30);
    }
}
