//! The non-INVITE server transaction (RFC 3261 §17.2.2).

use std::time::Instant;

use bytes::Bytes;

use super::server_invite::Step;
use super::timer::Timers;

/// ```text
///         request │ tell the core
///                 ▼
///        ┌─────────────────┐  request: absorb
///        │     Trying      ├──────────────┐
///        └────────┬────────┘              │
///       1xx: send │                       │ 200-699: send
///                 ▼                       │
///        ┌─────────────────┐  request or  │
///        │   Proceeding    │  1xx: send   │
///        └────────┬────────┘              │
///  200-699: send  │                       │
///                 ▼                       ▼
///        ┌─────────────────┐  request: send response
///        │    Completed    │  J fires (at once on a stream)
///        └────────┬────────┘
///                 ▼
///            Terminated
/// ```
#[derive(Debug)]
enum State {
    Trying { abandoned: Instant },
    Proceeding { last: Bytes, abandoned: Instant },
    Completed { response: Bytes, j: Instant },
}

/// The timers of this transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    /// Wait for retransmitted requests.
    J,
    /// The core never answered, and by now the peer's timer F has fired (RFC 4320 §4.2: nothing is sent then).
    Abandoned,
}

/// One non-INVITE server transaction.
#[derive(Debug)]
pub(super) struct ServerNonInvite {
    state: State,
}

impl ServerNonInvite {
    pub(super) fn new(now: Instant, timers: &Timers) -> Self {
        Self { state: State::Trying { abandoned: now + timers.t1x64() } }
    }

    /// Bytes kept to be sent again.
    pub(super) fn held_bytes(&self) -> usize {
        match &self.state {
            State::Trying { .. } => 0,
            State::Proceeding { last: response, .. } | State::Completed { response, .. } => response.len(),
        }
    }

    /// A retransmitted request: what to send again.
    pub(super) fn handle_request(&self) -> Option<Bytes> {
        match &self.state {
            State::Trying { .. } => None,
            State::Proceeding { last: response, .. } | State::Completed { response, .. } => Some(response.clone()),
        }
    }

    pub(super) fn handle_timeout(&self, now: Instant) -> Step {
        match self.due() {
            (at, Timer::J | Timer::Abandoned) if at <= now => Step::End,
            (_, Timer::J | Timer::Abandoned) => Step::Nothing,
        }
    }

    /// Sends a response of the core. What to send, and whether the transaction is over with it.
    pub(super) fn respond(
        &mut self,
        now: Instant,
        code: u16,
        bytes: Bytes,
        reliable: bool,
        timers: &Timers,
    ) -> (Option<Bytes>, bool) {
        match &self.state {
            State::Trying { abandoned } | State::Proceeding { abandoned, .. } if code < 200 => {
                self.state = State::Proceeding { last: bytes.clone(), abandoned: *abandoned };
                (Some(bytes), false)
            }
            // J is zero on a stream.
            State::Trying { .. } | State::Proceeding { .. } if reliable => (Some(bytes), true),
            State::Trying { .. } | State::Proceeding { .. } => {
                self.state = State::Completed { response: bytes.clone(), j: now + timers.t1x64() };
                (Some(bytes), false)
            }
            State::Completed { .. } => (None, false),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        Some(self.due().0)
    }

    fn due(&self) -> (Instant, Timer) {
        match &self.state {
            State::Trying { abandoned } | State::Proceeding { abandoned, .. } => (*abandoned, Timer::Abandoned),
            State::Completed { j, .. } => (*j, Timer::J),
        }
    }
}
