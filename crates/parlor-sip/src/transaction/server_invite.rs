//! The INVITE server transaction (RFC 3261 §17.2.1 as RFC 6026 §7.1 changed it).

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::timer::{Backoff, Timers, earliest};

/// ```text
///                     INVITE │ tell the core
///                            ▼
///   300-699:       ┌──────────────────┐        2xx: send
///   send           │    Proceeding    │        1xx: send
///   ┌──────────────┤                  ├───────────────┐   INVITE: send last 1xx
///   │              └──────────────────┘               │   Trying fires: send 100
///   ▼                                                 ▼
///   ┌──────────────────┐             ┌──────────────────┐
///   │    Completed     │             │     Accepted     │   INVITE: absorb
///   └────┬────────┬────┘             └────────┬─────────┘   2xx: send
///        │ ACK    │ H fires                   │ L fires     ACK: tell the core
///        ▼        │                           │
///   ┌───────────┐ │                           │
///   │ Confirmed │ │                           │   in Completed: INVITE: send response
///   └────┬──────┘ │                           │                 G fires: send response
///        │ I fires│                           │
///        ▼        ▼                           ▼
///                    Terminated
/// ```
#[derive(Debug)]
enum State {
    Proceeding { last: Option<Bytes>, trying: Option<(Instant, Bytes)>, abandoned: Instant },
    Completed { response: Bytes, g: Option<Backoff>, h: Instant },
    Confirmed { i: Instant },
    Accepted { l: Instant },
}

/// The timers of this transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    /// Retransmission of the response.
    G,
    /// Wait for ACK.
    H,
    /// Wait for more ACKs.
    I,
    /// Wait for more INVITEs after a 2xx.
    L,
    /// RFC 3261 §17.2.1: 100 unless the core answers within 200 ms.
    Trying,
    /// The core never answered; the peer has long given up.
    Abandoned,
}

/// One INVITE server transaction.
#[derive(Debug)]
pub(super) struct ServerInvite {
    state: State,
}

/// What an ACK does to the transaction it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ack {
    Absorbed,
    ForCore,
    Ended,
}

/// What a timer or a response leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Nothing,
    Send(Bytes),
    End,
}

const TRYING_AFTER: Duration = Duration::from_millis(200);
const ABANDONED_AFTER: Duration = Duration::from_secs(300);

impl ServerInvite {
    /// `trying` is the 100 that is sent if the core is slow.
    pub(super) fn new(now: Instant, trying: Bytes) -> Self {
        let trying = Some((now + TRYING_AFTER, trying));
        Self { state: State::Proceeding { last: None, trying, abandoned: now + ABANDONED_AFTER } }
    }

    /// Whether no final response has been sent.
    pub(super) fn is_proceeding(&self) -> bool {
        matches!(self.state, State::Proceeding { .. })
    }

    /// Bytes kept to be sent (again).
    pub(super) fn held_bytes(&self) -> usize {
        match &self.state {
            State::Proceeding { last, trying, .. } => {
                last.as_ref().map_or(0, Bytes::len) + trying.as_ref().map_or(0, |(_, response)| response.len())
            }
            State::Completed { response, .. } => response.len(),
            State::Confirmed { .. } | State::Accepted { .. } => 0,
        }
    }

    /// A retransmitted INVITE: what to send again.
    pub(super) fn handle_invite(&self) -> Option<Bytes> {
        match &self.state {
            State::Proceeding { last, .. } => last.clone(),
            State::Completed { response, .. } => Some(response.clone()),
            State::Confirmed { .. } | State::Accepted { .. } => None,
        }
    }

    pub(super) fn handle_ack(&mut self, now: Instant, reliable: bool, timers: &Timers) -> Ack {
        match &self.state {
            State::Completed { .. } if reliable => Ack::Ended,
            State::Completed { .. } => {
                self.state = State::Confirmed { i: now + timers.t4 };
                Ack::Absorbed
            }
            // RFC 6026 §7.1: an ACK that reaches Accepted is the core's.
            State::Accepted { .. } => Ack::ForCore,
            State::Proceeding { .. } | State::Confirmed { .. } => Ack::Absorbed,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, timers: &Timers) -> Step {
        let Some((_, timer)) = self.due().filter(|(at, _)| *at <= now) else { return Step::Nothing };
        match (&mut self.state, timer) {
            (State::Completed { response, g: Some(g), .. }, Timer::G) => {
                *g = g.next(now, Some(timers.t2));
                Step::Send(response.clone())
            }
            (State::Proceeding { last, trying, .. }, Timer::Trying) => {
                *last = trying.take().map(|(_, response)| response);
                last.clone().map_or(Step::Nothing, Step::Send)
            }
            (_, Timer::G | Timer::Trying) => Step::Nothing,
            (_, Timer::H | Timer::I | Timer::L | Timer::Abandoned) => Step::End,
        }
    }

    /// Sends a response of the core.
    pub(super) fn respond(&mut self, now: Instant, code: u16, bytes: Bytes, reliable: bool, timers: &Timers) -> Step {
        match &mut self.state {
            State::Proceeding { last, trying, .. } if code < 200 => {
                *trying = None;
                *last = Some(bytes.clone());
            }
            State::Proceeding { .. } if code < 300 => self.state = State::Accepted { l: now + timers.t1x64() },
            State::Proceeding { .. } => {
                let g = (!reliable).then(|| Backoff::start(now, timers.t1));
                self.state = State::Completed { response: bytes.clone(), g, h: now + timers.t1x64() };
            }
            // RFC 6026 §7.1: the core retransmits its 2xx through the transaction.
            State::Accepted { .. } if (200..300).contains(&code) => {}
            State::Accepted { .. } | State::Completed { .. } | State::Confirmed { .. } => return Step::Nothing,
        }
        Step::Send(bytes)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due().map(|(at, _)| at)
    }

    fn due(&self) -> Option<(Instant, Timer)> {
        match &self.state {
            State::Proceeding { trying, abandoned, .. } => {
                earliest([trying.as_ref().map(|(at, _)| (*at, Timer::Trying)), Some((*abandoned, Timer::Abandoned))])
            }
            State::Completed { g, h, .. } => earliest([g.map(|g| (g.at, Timer::G)), Some((*h, Timer::H))]),
            State::Confirmed { i } => Some((*i, Timer::I)),
            State::Accepted { l } => Some((*l, Timer::L)),
        }
    }
}
