//! The non-INVITE client transaction (RFC 3261 §17.1.2).

use std::time::Instant;

use bytes::Bytes;

use super::client_invite::Effects;
use super::timer::{Backoff, Timers, earliest};
use crate::message::Response;

/// ```text
///               request │ send
///                       ▼
///              ┌─────────────────┐   E fires: send request
///              │     Trying      ├───────────┐   F fires: timeout, Terminated
///              └────────┬────────┘           │
///                   1xx │ tell the core      │ 200-699:
///                       ▼                    │ tell the core
///              ┌─────────────────┐           │
///              │   Proceeding    │   1xx: tell the core
///              └────────┬────────┘   E fires: send request
///              200-699: │            F fires: timeout, Terminated
///         tell the core │                    │
///                       ▼                    │
///              ┌─────────────────┐           │
///              │    Completed    │◀──────────┘   responses: absorb
///              └────────┬────────┘
///                       │ K fires (at once on a stream)
///                       ▼
///                  Terminated
/// ```
#[derive(Debug)]
enum State {
    Trying { bytes: Bytes, e: Option<Backoff>, f: Instant },
    Proceeding { bytes: Bytes, e: Option<Instant>, f: Instant },
    Completed { k: Instant },
}

/// The timers of this transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    /// Retransmission of the request.
    E,
    /// Wait for a final response.
    F,
    /// Wait for more responses.
    K,
}

/// One non-INVITE client transaction.
#[derive(Debug)]
pub(super) struct ClientNonInvite {
    state: State,
}

impl ClientNonInvite {
    pub(super) fn new(now: Instant, bytes: Bytes, reliable: bool, timers: &Timers) -> Self {
        let e = (!reliable).then(|| Backoff::start(now, timers.t1));
        Self { state: State::Trying { bytes, e, f: now + timers.t1x64() } }
    }

    pub(super) fn handle_response(
        &mut self,
        now: Instant,
        response: &Response,
        reliable: bool,
        timers: &Timers,
    ) -> Effects {
        match &self.state {
            State::Trying { bytes, f, .. } if response.is_provisional() => {
                let e = (!reliable).then(|| now + timers.t2);
                self.state = State::Proceeding { bytes: bytes.clone(), e, f: *f };
                Effects { report: true, ..Effects::default() }
            }
            State::Proceeding { .. } if response.is_provisional() => Effects { report: true, ..Effects::default() },
            State::Trying { .. } | State::Proceeding { .. } => {
                self.state = State::Completed { k: now + timers.t4 };
                // K is zero on a stream.
                Effects { report: true, end: reliable, ..Effects::default() }
            }
            State::Completed { .. } => Effects::default(),
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, timers: &Timers) -> Effects {
        let Some((_, timer)) = self.due().filter(|(at, _)| *at <= now) else { return Effects::default() };
        match (&mut self.state, timer) {
            (State::Trying { bytes, e: Some(e), .. }, Timer::E) => {
                *e = e.next(now, Some(timers.t2));
                Effects { send: Some(bytes.clone()), ..Effects::default() }
            }
            (State::Proceeding { bytes, e: Some(e), .. }, Timer::E) => {
                *e = now + timers.t2;
                Effects { send: Some(bytes.clone()), ..Effects::default() }
            }
            (_, Timer::E) => Effects::default(),
            (_, Timer::F) => Effects { timed_out: true, end: true, ..Effects::default() },
            (_, Timer::K) => Effects { end: true, ..Effects::default() },
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due().map(|(at, _)| at)
    }

    fn due(&self) -> Option<(Instant, Timer)> {
        match &self.state {
            State::Trying { e, f, .. } => earliest([e.map(|e| (e.at, Timer::E)), Some((*f, Timer::F))]),
            State::Proceeding { e, f, .. } => earliest([e.map(|at| (at, Timer::E)), Some((*f, Timer::F))]),
            State::Completed { k } => Some((*k, Timer::K)),
        }
    }
}
