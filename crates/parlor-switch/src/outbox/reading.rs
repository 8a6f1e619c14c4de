//! Whether a connection is being read; its reader tells, the rooms of its sessions want to know.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Tells a peer's silence from our not listening (CHAT-62).
#[derive(Debug, Default)]
pub(super) struct Reading(Mutex<State>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// It has never been held.
    #[default]
    Always,
    /// The reader waits for something else than its peer.
    Held,
    /// It was held until then.
    Since(Instant),
}

impl Reading {
    pub(super) fn hold(&self) {
        *self.lock() = State::Held;
    }

    pub(super) fn go_on(&self, now: Instant) {
        let mut state = self.lock();
        if *state == State::Held {
            *state = State::Since(now);
        }
    }

    pub(super) fn silent_since(&self, now: Instant, heard: Instant) -> Instant {
        match *self.lock() {
            State::Always => heard,
            State::Held => now,
            State::Since(at) => heard.max(at),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn silence_counts_from_when_we_listen() {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
        let heard = Instant::now();
        let at = |seconds| heard + Duration::from_secs(seconds);
        let reading = Reading::default();
        reading.go_on(at(1));
        assert_eq!(reading.silent_since(at(2), heard), heard);
        reading.hold();
        assert_eq!(reading.silent_since(at(9), heard), at(9));
        reading.go_on(at(10));
        assert_eq!(reading.silent_since(at(12), heard), at(10));
        assert_eq!(reading.silent_since(at(12), at(11)), at(11));
    }
}
