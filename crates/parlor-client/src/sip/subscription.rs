//! Our subscription to the room's roster (RFC 6665 §4.1, RFC 4575).

use std::sync::Arc;
use std::time::{Duration, Instant};

use parlor_events::conference_info::{self, CONTENT_TYPE, EVENT};
use parlor_sip::{CSeq, ClientTransactionId, Dialog, HeaderName, Method, Request, Response};

use super::agent::{State as AgentState, UserAgent};
use crate::roster::Roster;

/// What we know of the room and how we come to know it.
#[derive(Debug, Default)]
pub(super) struct Subscription {
    pub(super) state: State,
    /// How long we ask for.
    pub(super) seconds: u32,
    pub(super) known: conference_info::Roster,
    /// Octets of documents since the last one that told everything.
    pub(super) octets: usize,
    /// Whether what is known has changed since it was last taken.
    pub(super) changed: bool,
}

/// ```text
///        subscribe           2xx or NOTIFY             refresh, gap
///   Off ───────────▶ Asked ────────────────▶ Active ◀───────────────┐
///    ▲                │ │                    │ │ └──── SUBSCRIBE ───┘
///    │ 489, 405, …    │ │ 503, nobody answers│ │ 481, terminated, expired
///    ├────────────────┘ ▼                    │ └─▶ Asked
///    │                Waiting ──▶ Asked      │
///    └ leave ────────────────────────────────┘
/// ```
#[derive(Debug, Default)]
pub(super) enum State {
    #[default]
    Off,
    /// Our SUBSCRIBE waits for its response, or the NOTIFY that must follow it.
    Asked {
        tx: Option<ClientTransactionId>,
        request: Box<Request>,
        until: Instant,
    },
    Active(Box<Active>),
    /// We ask again then.
    Waiting {
        until: Instant,
    },
}

#[derive(Debug)]
pub(super) struct Active {
    pub(super) dialog: Dialog,
    /// Our refresh that waits for its response.
    pub(super) tx: Option<ClientTransactionId>,
    /// Whether it is the answer to who we are.
    pub(super) asked: bool,
    pub(super) refreshed_at: Instant,
    pub(super) refresh_at: Instant,
    pub(super) expires_at: Instant,
}

impl Subscription {
    /// The roster, if it has changed since it was last taken.
    pub(super) fn take_changed(&mut self) -> Option<Arc<Roster>> {
        std::mem::take(&mut self.changed).then(|| Arc::new(Roster::from(&self.known)))
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Off => None,
            State::Asked { until, .. } | State::Waiting { until } => Some(*until),
            State::Active(active) if active.tx.is_some() => Some(active.expires_at),
            State::Active(active) => Some(active.refresh_at.min(active.expires_at)),
        }
    }

    /// A connection was lost: the room is to know where we are now.
    pub(super) fn handle_connection_lost(&mut self, now: Instant) {
        if let State::Active(active) = &mut self.state {
            active.refresh_at = active.refresh_at.min(now + LEAST_INTERVAL);
        }
    }
}

impl Active {
    pub(super) fn new(now: Instant, dialog: Dialog, seconds: u32) -> Self {
        let mut active = Self { dialog, tx: None, asked: false, refreshed_at: now, refresh_at: now, expires_at: now };
        active.expire_in(now, seconds);
        active
    }

    /// The room says how long it lasts: we refresh a little earlier.
    pub(super) fn expire_in(&mut self, now: Instant, seconds: u32) {
        let lasts = Duration::from_secs(seconds.min(LONGEST).into());
        self.expires_at = now + lasts;
        self.refresh_at = (now + lasts - (lasts / 4).min(MARGIN)).max(self.refreshed_at + LEAST_INTERVAL);
    }
}

impl UserAgent {
    /// Asks for the roster, if that is wanted.
    pub(super) fn subscribe(&mut self, now: Instant) {
        if !self.profile.follow_roster {
            return;
        }
        self.subscription.seconds = self.subscription.seconds.max(SECONDS);
        let mut request = self.outside_of_dialogs_to_room(Method::Subscribe);
        self.describe_subscription(&mut request, self.subscription.seconds);
        let tx = self.send(now, &mut request);
        self.subscription.known.renew();
        self.subscription.octets = 0;
        self.subscription.state = State::Asked { tx: Some(tx), request: Box::new(request), until: now + TIMER_N };
    }

    /// Refreshes, which brings everything anew.
    pub(super) fn refresh_subscription(&mut self, now: Instant) {
        let State::Active(active) = &mut self.subscription.state else { return };
        let mut request = active.dialog.request(Method::Subscribe);
        (active.refreshed_at, active.refresh_at) = (now, now + LEAST_INTERVAL);
        self.describe_subscription(&mut request, self.subscription.seconds);
        let tx = self.send(now, &mut request);
        if let State::Active(active) = &mut self.subscription.state {
            active.tx = Some(tx);
        }
    }

    /// Tells the room that we want no more of it (EVT-12), and does not wait.
    pub(super) fn unsubscribe(&mut self, now: Instant) {
        if let State::Active(mut active) = std::mem::take(&mut self.subscription.state) {
            let mut request = active.dialog.request(Method::Subscribe);
            self.describe_subscription(&mut request, 0);
            self.send(now, &mut request);
        }
    }

    /// A request of ours to the room that begins a dialog of its own.
    pub(super) fn outside_of_dialogs_to_room(&mut self, method: Method) -> Request {
        let room = match &self.state {
            AgentState::Established(call) => call.conference.clone(),
            AgentState::Idle
            | AgentState::Inviting { .. }
            | AgentState::Cancelling { .. }
            | AgentState::Leaving { .. }
            | AgentState::Ended => self.profile.room.clone(),
        };
        let (tag, call_id) = (self.random_token(), self.random_token());
        let mut request = Request::new(method.clone(), room.clone().into_request_uri());
        let headers = &mut request.headers;
        headers.push(HeaderName::From, self.profile.from.clone().with_tag(&tag));
        headers.push(HeaderName::To, format_args!("<{room}>"));
        headers.push(HeaderName::CallId, call_id);
        headers.push(HeaderName::CSeq, CSeq { seq: 1, method });
        headers.push(HeaderName::MaxForwards, 70);
        request
    }

    fn describe_subscription(&self, request: &mut Request, seconds: u32) {
        request.headers.push(HeaderName::Contact, self.contact());
        request.headers.push(HeaderName::Event, EVENT);
        request.headers.push(HeaderName::Accept, CONTENT_TYPE);
        request.headers.push(HeaderName::Expires, seconds);
    }

    /// Answers who we are, if that is what a response asks.
    fn subscribe_again(&mut self, now: Instant, tx: ClientTransactionId, response: &Response) -> bool {
        match &mut self.subscription.state {
            State::Asked { tx: own, request, .. } if *own == Some(tx) => {
                let mut request = request.clone();
                let Some(again) = self.send_again(now, &mut request, response) else { return false };
                if let State::Asked { tx, request: asked, .. } = &mut self.subscription.state {
                    (*tx, *asked) = (Some(again), request);
                }
                true
            }
            State::Active(active) if active.tx == Some(tx) => {
                let first = !std::mem::replace(&mut active.asked, true);
                let again = first && self.is_asked(response);
                if again {
                    self.refresh_subscription(now);
                }
                again
            }
            State::Off | State::Asked { .. } | State::Active(_) | State::Waiting { .. } => false,
        }
    }

    /// A response, if it is to a SUBSCRIBE of ours.
    pub(super) fn handle_subscribed(&mut self, now: Instant, tx: ClientTransactionId, response: &Response) -> bool {
        if self.subscribe_again(now, tx, response) {
            return true;
        }
        match &mut self.subscription.state {
            State::Asked { tx: own, request, .. } if *own == Some(tx) => {
                *own = None;
                if !response.is_success() {
                    self.refused_subscription(now, response);
                } else if let Ok(dialog) = Dialog::uac(request, response, self.flow.transport) {
                    let seconds = response.headers.expires().unwrap_or(self.subscription.seconds);
                    self.subscription.state = State::Active(Box::new(Active::new(now, dialog, seconds)));
                }
                // Else the NOTIFY forms the dialog (EVT-9).
            }
            State::Active(active) if active.tx == Some(tx) => {
                (active.tx, active.asked) = (None, false);
                if response.is_success() {
                    let accepted = active.dialog.accept_response(response);
                    tracing::debug!(?accepted, "subscription refreshed");
                    active.expire_in(now, response.headers.expires().unwrap_or(self.subscription.seconds));
                } else if is_over(response.code) {
                    self.subscription.state = State::Waiting { until: now + LEAST_INTERVAL };
                } else {
                    active.refresh_at = now + PAUSE;
                }
            }
            State::Off | State::Asked { .. } | State::Active(_) | State::Waiting { .. } => return false,
        }
        true
    }

    /// A SUBSCRIBE of ours had no response.
    pub(super) fn handle_subscribe_failure(&mut self, now: Instant, tx: ClientTransactionId) -> bool {
        match &mut self.subscription.state {
            State::Asked { tx: own, .. } if *own == Some(tx) => {
                self.subscription.state = State::Waiting { until: now + PAUSE };
            }
            State::Active(active) if active.tx == Some(tx) => {
                active.tx = None;
                active.refresh_at = now + PAUSE;
            }
            State::Off | State::Asked { .. } | State::Active(_) | State::Waiting { .. } => return false,
        }
        true
    }

    pub(super) fn handle_subscription_timeout(&mut self, now: Instant) {
        if self.subscription.poll_timeout().is_none_or(|due| due > now) {
            return;
        }
        match &self.subscription.state {
            State::Off => {}
            // EVT-19: the NOTIFY does not come.
            State::Asked { .. } => self.subscription.state = State::Waiting { until: now + PAUSE },
            State::Waiting { .. } => self.subscribe(now),
            State::Active(active) if active.expires_at <= now => {
                self.subscription.state = State::Waiting { until: now.max(active.refreshed_at + LEAST_INTERVAL) };
            }
            State::Active(_) => self.refresh_subscription(now),
        }
    }

    /// A room that has no roster for us is no worse a room.
    fn refused_subscription(&mut self, now: Instant, response: &Response) {
        // EVT-6; once.
        let longer = response.headers.min_expires().filter(|least| (SECONDS + 1..=LONGEST).contains(least));
        match (response.code, longer) {
            (423, Some(least)) if self.subscription.seconds == SECONDS => {
                self.subscription.seconds = least;
                self.subscribe(now);
            }
            (408 | 480 | 500 | 503 | 504, _) => {
                let pause = response.headers.retry_after().map_or(PAUSE, |seconds| Duration::from_secs(seconds.into()));
                self.subscription.state = State::Waiting { until: now + pause.clamp(LEAST_INTERVAL, LONGEST_PAUSE) };
            }
            (code, _) => {
                tracing::debug!(code, "the room shows no roster");
                self.subscription.state = State::Off;
            }
        }
    }
}

/// RFC 6665 §4.1.2.2: the room knows the subscription no more.
fn is_over(code: u16) -> bool {
    matches!(code, 404 | 405 | 410 | 416 | 480..=485 | 489 | 501 | 604)
}

/// How long we ask for (EVT-6).
const SECONDS: u32 = 3600;
/// A day: no room is believed to know us longer.
const LONGEST: u32 = 86_400;
/// RFC 6665 §4.1.2.4: how long the first NOTIFY may take, 64 times T1.
const TIMER_N: Duration = Duration::from_secs(32);
/// How long before the end we refresh, at most.
const MARGIN: Duration = Duration::from_secs(60);
/// Between two requests of ours, whatever the room says.
pub(super) const LEAST_INTERVAL: Duration = Duration::from_secs(5);
/// Before we ask again.
pub(super) const PAUSE: Duration = Duration::from_secs(60);
/// The longest that we let a room make us wait.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
