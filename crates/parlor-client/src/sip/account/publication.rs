//! What we say of ourselves, published (RFC 3903).

use std::time::{Duration, Instant};

use parlor_events::pidf::{self, Basic, Contact, EVENT, Format, Note, Tuple};
use parlor_sip::{ClientTransactionId, HeaderName, Method, Request, Response};
use tokio::sync::oneshot;

use crate::account::{Presence, PublishError};
use crate::sip::core::Core;
use crate::sip::invite::rejection;
use crate::sip::pace::{self, Backoff, LEAST_INTERVAL};

/// One publication, and how it is kept.
///
/// ```text
///         publish             2xx                 refresh, another state
///   Idle ────────▶ Asked ───────────▶ Published ─────────────────────────▶ Asked
///    ▲              │ │ 503, no answer                412: as if it were the first
///    └──────────────┘ └───────────────▶ Waiting ─────────────────────────▶ Asked
///      403, 489, …; removed
/// ```
#[derive(Debug)]
pub(super) struct Publication {
    /// What is to be known; nothing: it is to be removed.
    wanted: Option<Presence>,
    /// Whether the server knows it, or does once it has answered.
    said: bool,
    /// What the server calls what it knows (EVT-90).
    tag: Option<String>,
    /// The name of our tuple, so that it is told from those of our other devices.
    tuple: String,
    seconds: u32,
    backoff: Backoff,
    state: State,
    /// Told what becomes of it.
    done: Option<oneshot::Sender<Result<(), PublishError>>>,
}

#[derive(Debug)]
enum State {
    Idle,
    Asked { tx: ClientTransactionId, request: Box<Request> },
    Published { refresh_at: Instant },
    Waiting { until: Instant, lost: bool },
}

impl Publication {
    pub(super) fn new(tuple: String) -> Self {
        Self {
            wanted: None,
            said: true,
            tag: None,
            tuple,
            seconds: SECONDS,
            backoff: Backoff::new(PAUSE, LONGEST_PAUSE),
            state: State::Idle,
            done: None,
        }
    }

    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Published { refresh_at: at } | State::Waiting { until: at, .. } => Some(*at),
            State::Idle | State::Asked { .. } => None,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, core: &mut Core) {
        if self.poll_timeout().is_some_and(|due| due <= now) {
            self.ask(now, core);
        }
    }

    /// There is another connection.
    pub(super) fn handle_connected(&mut self, now: Instant) {
        if let State::Waiting { until, lost: true } = &mut self.state {
            *until = now;
        }
    }

    /// Says that, and goes on saying it.
    pub(super) fn publish(
        &mut self,
        now: Instant,
        core: &mut Core,
        presence: Presence,
        done: oneshot::Sender<Result<(), PublishError>>,
    ) {
        // What was to be said before need not be any more.
        self.finish(Ok(()));
        (self.wanted, self.said, self.done) = (Some(presence), false, Some(done));
        self.begin(now, core);
    }

    /// Says nothing any more.
    pub(super) fn remove(&mut self, now: Instant, core: &mut Core) {
        if self.wanted.take().is_some() {
            self.said = false;
            self.begin(now, core);
        }
    }

    fn begin(&mut self, now: Instant, core: &mut Core) {
        match &self.state {
            // One at a time (EVT-92); the answer leads on.
            State::Asked { .. } => {}
            State::Idle | State::Published { .. } | State::Waiting { .. } => self.ask(now, core),
        }
    }

    /// EVT-91: initial, refresh, modify or remove.
    fn ask(&mut self, now: Instant, core: &mut Core) {
        if self.wanted.is_none() && self.tag.is_none() {
            self.state = State::Idle;
            return;
        }
        let own = core.identity.from.uri.clone();
        let mut request = core.request(Method::Publish, &own);
        request.headers.push(HeaderName::Event, EVENT);
        request.headers.push(HeaderName::Expires, if self.wanted.is_some() { self.seconds } else { 0 });
        if let Some(tag) = &self.tag {
            request.headers.push(HeaderName::SipIfMatch, tag);
        }
        if let Some(presence) = self.wanted.as_ref().filter(|_| !self.said || self.tag.is_none()) {
            request.headers.push(HeaderName::ContentType, Format::Pidf.content_type());
            request.body = document(&own.to_string(), &self.tuple, presence).to_xml(Format::Pidf).into();
        }
        self.said = true;
        let tx = core.send(now, &mut request);
        self.state = State::Asked { tx, request: Box::new(request) };
    }

    /// A response, if it is to a PUBLISH of ours.
    pub(super) fn handle_response(
        &mut self,
        now: Instant,
        core: &mut Core,
        tx: ClientTransactionId,
        response: &Response,
    ) -> bool {
        let State::Asked { tx: own, request } = &mut self.state else { return false };
        if *own != tx {
            return false;
        }
        if let Some(again) = core.send_again(now, request, response) {
            *own = again;
            return true;
        }
        match response.code {
            200..=299 => self.published(now, core, response),
            // EVT-95: it has forgotten what we said.
            412 if self.tag.take().is_some() => self.ask(now, core),
            423 if self.lengthen(response) => self.ask_the_same(now, core),
            408 | 480 | 500 | 502..=504 => {
                let pause = response.headers.retry_after().map(|seconds| Duration::from_secs(seconds.into()));
                self.fail(now, pause, false, PublishError::Refused(rejection(response)));
            }
            _ => {
                (self.wanted, self.tag, self.state) = (None, None, State::Idle);
                self.finish(Err(PublishError::Refused(rejection(response))));
            }
        }
        true
    }

    /// A PUBLISH of ours had no response.
    pub(super) fn handle_failure(&mut self, now: Instant, tx: ClientTransactionId, lost: bool) -> bool {
        let asked = matches!(&self.state, State::Asked { tx: own, .. } if *own == tx);
        if asked {
            self.fail(now, None, lost, if lost { PublishError::Lost } else { PublishError::Unanswered });
        }
        asked
    }

    fn published(&mut self, now: Instant, core: &mut Core, response: &Response) {
        self.backoff.reset();
        self.tag = response.headers.first(&HeaderName::SipEtag).map(|tag| tag.trim().to_owned());
        if !self.said {
            return self.ask(now, core);
        }
        self.finish(Ok(()));
        if self.wanted.is_none() {
            (self.tag, self.state) = (None, State::Idle);
            return;
        }
        let seconds = response.headers.expires().unwrap_or(self.seconds).min(LONGEST);
        self.state = State::Published { refresh_at: pace::refresh_at(now, Duration::from_secs(seconds.into()), now) };
    }

    /// EVT-90: once.
    fn lengthen(&mut self, response: &Response) -> bool {
        let least = response.headers.min_expires().filter(|least| (SECONDS + 1..=LONGEST).contains(least));
        let is_first = self.seconds == SECONDS;
        self.seconds = least.unwrap_or(self.seconds);
        least.is_some() && is_first
    }

    /// What was not taken is said again as it was.
    fn ask_the_same(&mut self, now: Instant, core: &mut Core) {
        self.said = false;
        self.ask(now, core);
    }

    /// Another time, later each time.
    fn fail(&mut self, now: Instant, told: Option<Duration>, lost: bool, why: PublishError) {
        let pause = self.backoff.fail();
        let pause = told.unwrap_or(pause);
        self.said = false;
        self.finish(Err(why));
        // What is to be removed ends by itself.
        self.state = if self.wanted.is_some() {
            State::Waiting { until: now + pause.clamp(LEAST_INTERVAL, LONGEST_PAUSE), lost }
        } else {
            State::Idle
        };
    }

    fn finish(&mut self, result: Result<(), PublishError>) {
        if let Some(done) = self.done.take() {
            // Nobody may wait any more.
            let _ = done.send(result);
        }
    }
}

/// What we say, as one way to reach us.
fn document(own: &str, tuple: &str, presence: &Presence) -> pidf::Presence {
    let basic = if presence.open { Basic::Open } else { Basic::Closed };
    let tuple = Tuple {
        contact: Some(Contact::new(own)),
        notes: presence.note.iter().map(|note| Note::new(note)).collect(),
        ..Tuple::new(tuple, basic)
    };
    pidf::Presence { tuples: vec![tuple], ..pidf::Presence::new(own) }
}

/// How long what we say is to hold, and what we believe at most.
const SECONDS: u32 = 3600;
const LONGEST: u32 = 86_400;
/// Before we try again; twice as long each time that it fails once more.
const PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
