//! A subscription of ours (RFC 6665 §4.1): to the roster of a room, or to the presence of somebody.

use std::time::{Duration, Instant};

use parlor_sip::{ClientTransactionId, Dialog, DialogId, HeaderName, Method, Request, Response, TokenParams, Uri};

use super::core::Core;
use super::pace::{self, Backoff, LEAST_INTERVAL};

/// What is subscribed to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Package {
    /// The value of Event.
    pub(super) event: &'static str,
    /// The type of what is told.
    pub(super) content_type: &'static str,
}

/// How we come to know of something.
#[derive(Debug)]
pub(super) struct Subscription {
    package: Package,
    target: Uri,
    state: State,
    /// How long we ask for.
    seconds: u32,
    backoff: Backoff,
    /// Why there is nothing to come, until that is asked.
    refused: Option<Option<u16>>,
    /// Whether it has begun anew since that was last asked.
    fresh: bool,
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
enum State {
    #[default]
    Off,
    /// Our SUBSCRIBE waits for its response, or the NOTIFY that must follow it.
    Asked {
        tx: Option<ClientTransactionId>,
        request: Box<Request>,
        until: Instant,
    },
    Active(Box<Active>),
    /// We ask again then, or once there is another connection if ours was lost.
    Waiting {
        until: Instant,
        lost: bool,
    },
}

#[derive(Debug)]
struct Active {
    dialog: Dialog,
    /// Our refresh that waits for its response.
    tx: Option<ClientTransactionId>,
    /// Whether it is the answer to who we are.
    asked: bool,
    refreshed_at: Instant,
    refresh_at: Instant,
    expires_at: Instant,
}

impl Subscription {
    /// One that has not begun.
    pub(super) fn new(package: Package, target: Uri) -> Self {
        Self {
            package,
            target,
            state: State::Off,
            seconds: SECONDS,
            backoff: Backoff::new(PAUSE, LONGEST_PAUSE),
            refused: None,
            fresh: false,
        }
    }

    /// Why there is nothing to come, if that is new: the code of the refusal, if it was not told later.
    pub(super) fn take_refused(&mut self) -> Option<Option<u16>> {
        self.refused.take()
    }

    /// Whether it has begun anew since this was last asked.
    pub(super) fn take_fresh(&mut self) -> bool {
        std::mem::take(&mut self.fresh)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Off => None,
            State::Asked { until, .. } | State::Waiting { until, .. } => Some(*until),
            State::Active(active) if active.tx.is_some() => Some(active.expires_at),
            State::Active(active) => Some(active.refresh_at.min(active.expires_at)),
        }
    }

    /// RFC 6665 §3.1: where we are has changed.
    pub(super) fn handle_connection_lost(&mut self, now: Instant) {
        if let State::Active(active) = &mut self.state {
            active.refresh_at = active.refresh_at.min(now + LEAST_INTERVAL);
        }
    }

    /// There is another connection, over which we have to be reached.
    pub(super) fn handle_connected(&mut self, now: Instant) {
        match &mut self.state {
            State::Waiting { until, lost: true } => *until = now,
            State::Active(active) => active.refresh_at = active.refresh_at.min(now + LEAST_INTERVAL),
            State::Off | State::Asked { .. } | State::Waiting { lost: false, .. } => {}
        }
    }

    /// Asks to be told.
    pub(super) fn subscribe(&mut self, now: Instant, core: &mut Core) {
        let mut request = core.request(Method::Subscribe, &self.target);
        self.describe(core, &mut request, self.seconds);
        let tx = core.send(now, &mut request);
        self.fresh = true;
        self.state = State::Asked { tx: Some(tx), request: Box::new(request), until: now + TIMER_N };
    }

    /// The same of another target.
    pub(super) fn subscribe_to(&mut self, now: Instant, core: &mut Core, target: Uri) {
        self.target = target;
        self.subscribe(now, core);
    }

    /// Refreshes, which brings everything anew.
    fn refresh(&mut self, now: Instant, core: &mut Core) {
        let State::Active(active) = &mut self.state else { return };
        let mut request = active.dialog.request(Method::Subscribe);
        (active.refreshed_at, active.refresh_at) = (now, now + LEAST_INTERVAL);
        self.describe(core, &mut request, self.seconds);
        let tx = core.send(now, &mut request);
        if let State::Active(active) = &mut self.state {
            active.tx = Some(tx);
        }
    }

    /// Tells that we want no more (EVT-12), and does not wait.
    pub(super) fn unsubscribe(&mut self, now: Instant, core: &mut Core) {
        if let State::Active(mut active) = std::mem::take(&mut self.state) {
            let mut request = active.dialog.request(Method::Subscribe);
            self.describe(core, &mut request, 0);
            core.send(now, &mut request);
        }
    }

    /// Nothing is told any more.
    pub(super) fn end(&mut self) {
        self.state = State::Off;
    }

    /// EVT-44: something is missing. However much is, we ask once in a while, and after we have answered.
    pub(super) fn ask_for_everything(&mut self, now: Instant) {
        if let State::Active(active) = &mut self.state {
            active.refresh_at = now.max(active.refreshed_at + LEAST_INTERVAL);
        }
    }

    fn describe(&self, core: &Core, request: &mut Request, seconds: u32) {
        request.headers.push(HeaderName::Contact, core.contact());
        request.headers.push(HeaderName::Event, self.package.event);
        request.headers.push(HeaderName::Accept, self.package.content_type);
        request.headers.push(HeaderName::Expires, seconds);
    }

    /// Answers who we are, if that is what a response asks.
    fn subscribe_again(&mut self, now: Instant, core: &mut Core, tx: ClientTransactionId, response: &Response) -> bool {
        match &mut self.state {
            State::Asked { tx: own, request, .. } if *own == Some(tx) => {
                let again = core.send_again(now, request, response);
                *own = again.or(*own);
                again.is_some()
            }
            State::Active(active) if active.tx == Some(tx) => {
                let first = !std::mem::replace(&mut active.asked, true);
                let again = first && core.is_asked(response);
                if again {
                    self.refresh(now, core);
                }
                again
            }
            State::Off | State::Asked { .. } | State::Active(_) | State::Waiting { .. } => false,
        }
    }

    /// A response, if it is to a SUBSCRIBE of ours.
    pub(super) fn handle_response(
        &mut self,
        now: Instant,
        core: &mut Core,
        tx: ClientTransactionId,
        response: &Response,
    ) -> bool {
        if self.subscribe_again(now, core, tx, response) {
            return true;
        }
        match &mut self.state {
            State::Asked { tx: own, request, .. } if *own == Some(tx) => {
                *own = None;
                if !response.is_success() {
                    self.handle_refusal(now, core, response);
                } else if let Ok(dialog) = Dialog::uac(request, response, core.flow.transport) {
                    let seconds = response.headers.expires().unwrap_or(self.seconds);
                    self.state = State::Active(Box::new(Active::new(now, dialog, seconds)));
                }
                // Else the NOTIFY forms the dialog (EVT-9).
            }
            State::Active(active) if active.tx == Some(tx) => {
                (active.tx, active.asked) = (None, false);
                if response.is_success() {
                    let accepted = active.dialog.accept_response(response);
                    tracing::debug!(?accepted, "subscription refreshed");
                    active.expire_in(now, response.headers.expires().unwrap_or(self.seconds));
                } else if is_over(response.code) {
                    self.state = State::Waiting { until: now + LEAST_INTERVAL, lost: false };
                } else {
                    active.refresh_at = now + PAUSE;
                }
            }
            State::Off | State::Asked { .. } | State::Active(_) | State::Waiting { .. } => return false,
        }
        true
    }

    /// A SUBSCRIBE of ours had no response.
    pub(super) fn handle_failure(&mut self, now: Instant, tx: ClientTransactionId, lost: bool) -> bool {
        match &mut self.state {
            State::Asked { tx: own, .. } if *own == Some(tx) => self.fail(now, None, lost),
            State::Active(active) if active.tx == Some(tx) => {
                active.tx = None;
                active.refresh_at = now + PAUSE;
            }
            State::Off | State::Asked { .. } | State::Active(_) | State::Waiting { .. } => return false,
        }
        true
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, core: &mut Core) {
        if self.poll_timeout().is_none_or(|due| due > now) {
            return;
        }
        match &self.state {
            State::Off => {}
            // EVT-19: the NOTIFY does not come.
            State::Asked { .. } => self.fail(now, None, false),
            State::Waiting { .. } => self.subscribe(now, core),
            State::Active(active) if active.expires_at <= now => {
                self.state = State::Waiting { until: now.max(active.refreshed_at + LEAST_INTERVAL), lost: false };
            }
            State::Active(_) => self.refresh(now, core),
        }
    }

    /// Checks that a NOTIFY belongs to this subscription, which it may form (EVT-9: it may overtake the response); 481 if
    /// not (RFC 6665 §4.1.3).
    pub(super) fn accept_notify(&mut self, now: Instant, core: &Core, request: &Request) -> Result<(), u16> {
        let id = DialogId::of_request(request).map_err(|_| 400_u16)?.ok_or(481_u16)?;
        match &mut self.state {
            State::Active(active) if *active.dialog.id() == id => {
                active.dialog.accept_request(request).map_err(|error| error.status())?;
                active.dialog.refresh_target(request).map_err(|error| error.status())?;
            }
            State::Asked { request: asked, tx, .. } if is_of(asked, &id) => {
                let dialog = Dialog::of_notify(asked, request, core.flow.transport).map_err(|_| 400_u16)?;
                let mut active = Active::new(now, dialog, self.seconds);
                active.tx = *tx;
                self.state = State::Active(Box::new(active));
            }
            State::Off | State::Asked { .. } | State::Active(_) | State::Waiting { .. } => return Err(481),
        }
        Ok(())
    }

    /// What an accepted NOTIFY says of the subscription (EVT-10, EVT-11).
    pub(super) fn handle_state(&mut self, now: Instant, state: &TokenParams) {
        let number = |name| state.params.value(name).and_then(|value| value.parse::<u32>().ok());
        let State::Active(active) = &mut self.state else { return };
        if !state.is("terminated") {
            self.backoff.reset();
            if let Some(seconds) = number("expires") {
                active.expire_in(now, seconds);
            }
            return;
        }
        let retry_after = number("retry-after").map(|seconds| Duration::from_secs(seconds.into()));
        match state.params.value("reason") {
            Some("rejected" | "noresource" | "invariant") => (self.state, self.refused) = (State::Off, Some(None)),
            Some("deactivated" | "timeout") => self.state = State::Waiting { until: now + LEAST_INTERVAL, lost: false },
            Some(_) | None => self.fail(now, retry_after, false),
        }
    }

    fn handle_refusal(&mut self, now: Instant, core: &mut Core, response: &Response) {
        // EVT-6; once.
        let longer = response.headers.min_expires().filter(|least| (SECONDS + 1..=LONGEST).contains(least));
        match (response.code, longer) {
            (423, Some(least)) if self.seconds == SECONDS => {
                self.seconds = least;
                self.subscribe(now, core);
            }
            (408 | 480 | 500 | 503 | 504, _) => {
                let pause = response.headers.retry_after().map(|seconds| Duration::from_secs(seconds.into()));
                self.fail(now, pause, false);
            }
            (code, _) => {
                tracing::debug!(code, event = self.package.event, "nothing is told");
                (self.state, self.refused) = (State::Off, Some(Some(code)));
            }
        }
    }

    /// It did not work: another time, later each time.
    fn fail(&mut self, now: Instant, told: Option<Duration>, lost: bool) {
        let pause = self.backoff.fail();
        let pause = told.unwrap_or(pause);
        self.state = State::Waiting { until: now + pause.clamp(LEAST_INTERVAL, LONGEST_PAUSE), lost };
    }
}

impl Active {
    fn new(now: Instant, dialog: Dialog, seconds: u32) -> Self {
        let mut active = Self { dialog, tx: None, asked: false, refreshed_at: now, refresh_at: now, expires_at: now };
        active.expire_in(now, seconds);
        active
    }

    /// The notifier says how long it lasts: we refresh a little earlier.
    fn expire_in(&mut self, now: Instant, seconds: u32) {
        let lasts = Duration::from_secs(seconds.min(LONGEST).into());
        self.expires_at = now + lasts;
        self.refresh_at = pace::refresh_at(now, lasts, self.refreshed_at);
    }
}

/// Whether that dialog can be the one that the request asks for.
pub(super) fn is_of(asked: &Request, id: &DialogId) -> bool {
    let own_tag = asked.headers.from_tag().ok().flatten();
    asked.headers.call_id() == Ok(&*id.call_id) && own_tag.as_ref() == Some(&id.local_tag)
}

/// RFC 6665 §4.1.2.2: the notifier knows the subscription no more.
fn is_over(code: u16) -> bool {
    matches!(code, 404 | 405 | 410 | 416 | 480..=485 | 489 | 501 | 604)
}

/// How long we ask for (EVT-6, EVT-71).
const SECONDS: u32 = 3600;
/// A day: nobody is believed to know us longer.
const LONGEST: u32 = 86_400;
/// RFC 6665 §4.1.2.4: how long the first NOTIFY may take, 64 times T1.
const TIMER_N: Duration = Duration::from_secs(32);
/// Before we ask again; twice as long each time that it fails once more.
const PAUSE: Duration = Duration::from_secs(60);
/// The longest that we let a notifier make us wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
