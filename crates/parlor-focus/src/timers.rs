//! When something is due.

use crate::leg::LegId;
use parlor_room::SessionId;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// What can be due on a dialog; each at most once at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The 2xx to an INVITE goes out once more (SIP-3).
    Retransmit,
    /// No ACK came (SIP-3).
    NoAck,
    /// The session was not bound (MSRP-98b).
    Bind(SessionId),
    /// Nobody came back (CHAT-151).
    Lost(SessionId),
    /// Nobody took up the chat again that was given up (SIP-65).
    Rejoin,
    /// The session is to be refreshed (SIP-103).
    Refresh,
    /// The session was not refreshed (SIP-103).
    Expire,
    /// Whom we call has not answered.
    Ring,
    /// A 2xx to an INVITE of ours will not come again (SIP-3).
    ForgetAck,
}

/// All that is due, soonest first.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    due: BTreeSet<(Instant, LegId, Timer)>,
    armed: BTreeMap<(LegId, Timer), Instant>,
}

impl Timers {
    /// When the first is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _, _)| *at)
    }

    /// Arms a timer, or arms it anew.
    pub(crate) fn arm(&mut self, leg: LegId, timer: Timer, at: Instant) {
        if let Some(before) = self.armed.insert((leg, timer), at) {
            self.due.remove(&(before, leg, timer));
        }
        self.due.insert((at, leg, timer));
    }

    /// Disarms a timer.
    pub(crate) fn disarm(&mut self, leg: LegId, timer: Timer) {
        if let Some(at) = self.armed.remove(&(leg, timer)) {
            self.due.remove(&(at, leg, timer));
        }
    }

    /// Disarms all timers of a dialog.
    pub(crate) fn disarm_all(&mut self, leg: LegId) {
        while let Some((&(_, timer), _)) = self.armed.range((leg, Timer::Retransmit)..=(leg, Timer::ForgetAck)).next() {
            self.disarm(leg, timer);
        }
    }

    /// Takes out the next that is due.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<(LegId, Timer)> {
        let &(at, leg, timer) = self.due.first()?;
        if at > now {
            return None;
        }
        self.disarm(leg, timer);
        Some((leg, timer))
    }
}
