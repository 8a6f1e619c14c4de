//! The wall clock, which all else of the server reads here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What has passed since 1970-01-01T00:00:00Z.
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The same in milliseconds.
pub(crate) fn millis_since_epoch() -> u64 {
    u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX)
}
