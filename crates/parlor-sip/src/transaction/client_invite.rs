//! The INVITE client transaction (RFC 3261 §17.1.1 as RFC 6026 §7.2 changed it), with CANCEL (§9.1).

use std::time::Instant;

use bytes::Bytes;

use super::encoded_request;
use super::timer::{Backoff, Timers, earliest};
use crate::header::HeaderName;
use crate::message::{Request, Response};
use crate::method::Method;

/// ```text
///                 INVITE │ send
///                        ▼
///   300-699:   ┌──────────────────┐   2xx: tell the core
///   send ACK   │     Calling      │   A fires: send INVITE
///   ┌──────────┤                  ├──────────┐   B fires: timeout, Terminated
///   │          └────────┬─────────┘          │
///   │               1xx │ tell the core      │
///   │                   ▼                    │
///   │          ┌──────────────────┐          │   1xx: tell the core
///   ├──────────┤    Proceeding    ├──────────┤   GiveUp fires: timeout, Terminated
///   │          └──────────────────┘          │
///   ▼                                        ▼
///   ┌──────────────────┐   ┌──────────────────┐
///   │    Completed     │   │     Accepted     │   in Completed: 300-699: send ACK
///   └────────┬─────────┘   └────────┬─────────┘   in Accepted: 2xx: tell the core
///            │ D fires              │ M fires
///            ▼                      ▼
///                  Terminated
/// ```
#[derive(Debug)]
enum State {
    Calling { request: Box<Request>, bytes: Bytes, a: Option<Backoff>, b: Instant, cancelled: bool },
    Proceeding { request: Box<Request>, give_up: Option<Instant> },
    Completed { ack: Bytes, d: Instant },
    Accepted { m: Instant },
}

/// The timers of this transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    /// Retransmission of the INVITE.
    A,
    /// Wait for a response.
    B,
    /// Wait for more final responses.
    D,
    /// Wait for more 2xx.
    M,
    /// RFC 3261 §9.1: 64*T1 after the CANCEL the INVITE counts as cancelled.
    GiveUp,
}

/// One INVITE client transaction.
#[derive(Debug)]
pub(super) struct ClientInvite {
    state: State,
}

/// What an input leads to, in this order.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// Bytes to send.
    pub(super) send: Option<Bytes>,
    /// The response goes to the core.
    pub(super) report: bool,
    /// A CANCEL to start a transaction with.
    pub(super) cancel: Option<Request>,
    /// The core is told of the timeout.
    pub(super) timed_out: bool,
    /// The transaction is over.
    pub(super) end: bool,
}

impl ClientInvite {
    pub(super) fn new(now: Instant, request: Request, bytes: Bytes, reliable: bool, timers: &Timers) -> Self {
        let a = (!reliable).then(|| Backoff::start(now, timers.t1));
        let request = Box::new(Request { body: Bytes::new(), ..request });
        Self { state: State::Calling { request, bytes, a, b: now + timers.t1x64(), cancelled: false } }
    }

    pub(super) fn handle_response(
        &mut self,
        now: Instant,
        response: &Response,
        reliable: bool,
        timers: &Timers,
    ) -> Effects {
        let (request, cancelled) = match &self.state {
            State::Calling { request, cancelled, .. } => (request, *cancelled),
            State::Proceeding { request, .. } => (request, false),
            State::Completed { ack, .. } => {
                let again = response.code >= 300;
                return Effects { send: again.then(|| ack.clone()), ..Effects::default() };
            }
            State::Accepted { .. } => return Effects { report: response.is_success(), ..Effects::default() },
        };
        if response.is_provisional() {
            return self.proceed(now, cancelled, timers);
        }
        if response.is_success() {
            self.state = State::Accepted { m: now + timers.t1x64() };
            return Effects { report: true, ..Effects::default() };
        }
        let ack = ack(request, response);
        // D is zero on a stream.
        if !reliable {
            self.state = State::Completed { ack: ack.clone(), d: now + timers.t1x64() };
        }
        Effects { send: Some(ack), report: true, end: reliable, ..Effects::default() }
    }

    fn proceed(&mut self, now: Instant, cancelled: bool, timers: &Timers) -> Effects {
        let mut cancel = None;
        if let State::Calling { request, .. } = &self.state {
            let request = request.clone();
            // RFC 3261 §9.1: a CANCEL waits for the first provisional response.
            cancel = cancelled.then(|| cancel_of(&request));
            let give_up = cancelled.then(|| now + timers.t1x64());
            self.state = State::Proceeding { request, give_up };
        }
        Effects { report: true, cancel, ..Effects::default() }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Effects {
        let Some((_, timer)) = self.due().filter(|(at, _)| *at <= now) else { return Effects::default() };
        match (&mut self.state, timer) {
            (State::Calling { bytes, a: Some(a), .. }, Timer::A) => {
                *a = a.next(now, None);
                Effects { send: Some(bytes.clone()), ..Effects::default() }
            }
            (_, Timer::A) => Effects::default(),
            (_, Timer::B | Timer::GiveUp) => Effects { timed_out: true, end: true, ..Effects::default() },
            (_, Timer::D | Timer::M) => Effects { end: true, ..Effects::default() },
        }
    }

    /// The core no longer wants an answer. The CANCEL to send now, if it is time for it.
    pub(super) fn cancel(&mut self, now: Instant, timers: &Timers) -> Option<Request> {
        match &mut self.state {
            State::Calling { cancelled, .. } => {
                *cancelled = true;
                None
            }
            State::Proceeding { request, give_up: give_up @ None } => {
                *give_up = Some(now + timers.t1x64());
                Some(cancel_of(request))
            }
            State::Proceeding { .. } | State::Completed { .. } | State::Accepted { .. } => None,
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due().map(|(at, _)| at)
    }

    fn due(&self) -> Option<(Instant, Timer)> {
        match &self.state {
            State::Calling { a, b, .. } => earliest([a.map(|a| (a.at, Timer::A)), Some((*b, Timer::B))]),
            State::Proceeding { give_up, .. } => give_up.map(|at| (at, Timer::GiveUp)),
            State::Completed { d, .. } => Some((*d, Timer::D)),
            State::Accepted { m } => Some((*m, Timer::M)),
        }
    }
}

/// The ACK for a final response that is not 2xx: the INVITE's top Via and Route, the response's To
/// (RFC 3261 §17.1.1.3).
fn ack(invite: &Request, response: &Response) -> Bytes {
    let mut ack = hop_by_hop(invite, Method::Ack);
    ack.headers.remove(&HeaderName::To);
    ack.headers.copy(&response.headers, &HeaderName::To);
    encoded_request(&ack)
}

/// The CANCEL of an INVITE (RFC 3261 §9.1).
fn cancel_of(invite: &Request) -> Request {
    hop_by_hop(invite, Method::Cancel)
}

fn hop_by_hop(invite: &Request, method: Method) -> Request {
    let mut request = Request::new(method.clone(), invite.uri.clone());
    if let Ok(via) = invite.headers.top_via() {
        request.headers.push(HeaderName::Via, via);
    }
    for name in [HeaderName::Route, HeaderName::From, HeaderName::To, HeaderName::CallId] {
        request.headers.copy(&invite.headers, &name);
    }
    if let Ok(cseq) = invite.headers.cseq() {
        request.headers.push(HeaderName::CSeq, crate::header::CSeq { seq: cseq.seq, method });
    }
    request.headers.push(HeaderName::MaxForwards, 70);
    request
}
