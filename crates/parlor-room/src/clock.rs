//! Wall time for those who read no clock.

use std::time::{Duration, Instant};

/// Says what the wall clock shows at an instant, from one reading of both.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    instant: Instant,
    since_epoch: Duration,
}

impl WallClock {
    /// At `instant` the wall clock showed so much since 1970-01-01T00:00:00Z.
    pub fn new(instant: Instant, since_epoch: Duration) -> Self {
        Self { instant, since_epoch }
    }

    /// The time since 1970-01-01T00:00:00Z at `at`.
    pub fn since_epoch(&self, at: Instant) -> Duration {
        match at.checked_duration_since(self.instant) {
            Some(later) => self.since_epoch + later,
            None => self.since_epoch.saturating_sub(self.instant - at),
        }
    }
}
