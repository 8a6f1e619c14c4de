//! How long what was asked for lasts.

use crate::Headers;
use std::time::{Duration, Instant};

/// How long a subscription or a publication lasts that does not say so (RFC 4575 §3.3, RFC 3856 §6.4).
pub const DEFAULT_DURATION: Duration = Duration::from_secs(3600);

/// How much longer something lasts than its owner was told, so that a refresh that was sent just in time still finds it.
const GRACE: Duration = Duration::from_secs(1);

/// For how long something is granted: what Expires asks for, shortened if need be, never lengthened (EVT-6, EVT-E8).
///
/// # Errors
/// The least that it may be asked for, in seconds: 423.
pub fn granted(headers: &Headers, least: Duration, most: Duration) -> Result<Duration, u32> {
    let asked = headers.expires().map_or(DEFAULT_DURATION, |seconds| Duration::from_secs(seconds.into()));
    if !asked.is_zero() && asked < least.min(DEFAULT_DURATION) {
        return Err(u32::try_from(least.as_secs()).unwrap_or(u32::MAX));
    }
    Ok(asked.min(most))
}

/// When something ends that was granted for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lease(Instant);

impl Lease {
    /// One that is granted now for so long.
    pub fn new(now: Instant, granted: Duration) -> Self {
        Self(now + granted + GRACE)
    }

    /// One that ends then.
    pub fn until(end: Instant) -> Self {
        Self(end)
    }

    /// When it ends.
    pub fn end(self) -> Instant {
        self.0
    }

    /// For how many seconds it still lasts (EVT-10), never more than it was granted for.
    pub fn remaining(self, now: Instant) -> u64 {
        // Told a moment after it was granted, it is as long as that.
        self.0.saturating_duration_since(now).saturating_sub(Duration::from_millis(1)).as_secs()
    }
}
