//! Where we are, told to our server (RFC 3261 §10.2, RFC 5626 §4).

use std::time::{Duration, Instant};

use parlor_sip::{CSeq, ClientTransactionId, HeaderName, Headers, Method, NameAddr, Request, Response, Uri};
use rand::RngExt;

use crate::account::RegisterError;
use crate::sip::core::Core;
use crate::sip::invite::rejection;
use crate::sip::pace::{self, Backoff, LEAST_INTERVAL};

/// Our one binding, and how it is kept.
///
/// ```text
///       register            2xx                   refresh
///   Off ────────▶ Asked ──────────▶ Registered ───────────▶ Asked
///    ▲             │ │                  │ connection lost
///    │ 403, 405, … │ │ 503, no answer   ▼
///    ├─────────────┘ └──────────────▶ Waiting ────────────▶ Asked
///    └── leave, answered ── Leaving
/// ```
#[derive(Debug)]
pub(super) struct Registration {
    /// What all our REGISTERs have: the same Call-ID among it (RFC 3261 §10.2).
    template: Option<Request>,
    registrar: Uri,
    /// What the server knows this device by, whatever its address (RFC 5626 §4.1).
    instance: String,
    seq: u32,
    /// How long we ask for.
    seconds: u32,
    /// Whether the server has asked us to ask for longer.
    lengthened: bool,
    backoff: Backoff,
    state: State,
    /// What was told last.
    told: Option<bool>,
    /// Whether the server counts our connection as the way to us (RFC 5626 §6).
    outbound: bool,
}

#[derive(Debug)]
enum State {
    Off,
    Asked(Asked),
    Registered { refresh_at: Instant },
    Waiting { until: Instant, lost: bool },
    Leaving(Asked),
}

/// A REGISTER that waits for its response.
#[derive(Debug)]
struct Asked {
    tx: ClientTransactionId,
    request: Box<Request>,
    /// How often it was sent again because we were asked who we are.
    repeated: u32,
}

/// What is new by a response.
pub(super) type News = Option<Result<(), RegisterError>>;

impl Registration {
    /// One that has not begun. `instance` is a URN.
    pub(super) fn new(registrar: Uri, instance: String, seconds: u32) -> Self {
        Self {
            template: None,
            registrar,
            instance,
            seq: 0,
            seconds: seconds.clamp(LEAST, LONGEST),
            lengthened: false,
            backoff: Backoff::new(BASE, LONGEST_PAUSE),
            state: State::Off,
            told: None,
            outbound: false,
        }
    }

    /// Whether the server reaches us over our connection, and so answers keepalives on it.
    pub(super) fn is_outbound(&self) -> bool {
        self.outbound
    }

    /// Whether nothing is under way.
    pub(super) fn is_off(&self) -> bool {
        matches!(self.state, State::Off)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Registered { refresh_at } => Some(*refresh_at),
            State::Waiting { until, .. } => Some(*until),
            State::Off | State::Asked(_) | State::Leaving(_) => None,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, core: &mut Core) {
        if self.poll_timeout().is_some_and(|due| due <= now) {
            self.register(now, core);
        }
    }

    /// The connection that we were reached over is gone.
    pub(super) fn handle_connection_lost(&mut self, now: Instant, core: &mut Core) -> News {
        match &self.state {
            State::Registered { .. } => self.fail(now, core, None, true, RegisterError::Lost),
            State::Off | State::Asked(_) | State::Waiting { .. } | State::Leaving(_) => None,
        }
    }

    /// There is another connection, which somebody else needed too.
    pub(super) fn handle_connected(&mut self, now: Instant) {
        if let State::Waiting { until, lost: true } = &mut self.state {
            *until = now;
        }
    }

    /// Tells where we are.
    pub(super) fn register(&mut self, now: Instant, core: &mut Core) {
        let asked = self.ask(now, core, self.seconds);
        self.state = State::Asked(asked);
    }

    /// Tells that we are nowhere.
    pub(super) fn unregister(&mut self, now: Instant, core: &mut Core) {
        let was_told = match &self.state {
            State::Registered { .. } | State::Asked(_) => true,
            State::Waiting { lost, .. } => !lost,
            State::Off => false,
            State::Leaving(_) => return,
        };
        self.state = if was_told { State::Leaving(self.ask(now, core, 0)) } else { State::Off };
    }

    fn ask(&mut self, now: Instant, core: &mut Core, seconds: u32) -> Asked {
        let mut request = self.template(core);
        self.seq += 1;
        request.headers.set(HeaderName::CSeq, CSeq { seq: self.seq, method: Method::Register });
        request.headers.push(HeaderName::Contact, self.contact(core).with_param("expires", &seconds.to_string()));
        let tx = core.send(now, &mut request);
        Asked { tx, request: Box::new(request), repeated: 0 }
    }

    fn template(&mut self, core: &mut Core) -> Request {
        let registrar = &self.registrar;
        let template = self.template.get_or_insert_with(|| {
            let mut request = core.request(Method::Register, registrar);
            request.headers.set(HeaderName::To, format_args!("<{}>", core.identity.from.uri));
            request.headers.push(HeaderName::Supported, "path, outbound");
            request
        });
        template.clone()
    }

    /// RFC 5626 §4.2: over a stream we are reached over it alone.
    fn contact(&self, core: &Core) -> NameAddr {
        let contact = core.contact().with_param("+sip.instance", &self.instance);
        if core.flow.transport.is_reliable() { contact.with_param("reg-id", "1") } else { contact }
    }

    /// A response, if it is to a REGISTER of ours, and what is new by it.
    pub(super) fn handle_response(
        &mut self,
        now: Instant,
        core: &mut Core,
        tx: ClientTransactionId,
        response: &Response,
    ) -> Option<News> {
        let leaving = match &self.state {
            State::Asked(asked) if asked.tx == tx => false,
            State::Leaving(asked) if asked.tx == tx => true,
            State::Off | State::Asked(_) | State::Registered { .. } | State::Waiting { .. } | State::Leaving(_) => {
                return None;
            }
        };
        if self.ask_again(now, core, response) {
            return Some(None);
        }
        if leaving {
            self.state = State::Off;
            return Some(None);
        }
        Some(match response.code {
            200..=299 => self.registered(now, core, response),
            423 if self.lengthen(response) => {
                self.register(now, core);
                None
            }
            401 | 407 if core.identity.login.is_some() => self.give_up(RegisterError::WrongLogin),
            401 | 407 => self.give_up(RegisterError::NoLogin),
            // RFC 3261 §10.2.7, §21.5.4: another time.
            408 | 480 | 500 | 502..=504 => {
                let pause = response.headers.retry_after().map(|seconds| Duration::from_secs(seconds.into()));
                self.fail(now, core, pause, false, RegisterError::Rejected(rejection(response)))
            }
            _ => self.give_up(RegisterError::Rejected(rejection(response))),
        })
    }

    /// A REGISTER of ours had no response.
    pub(super) fn handle_failure(
        &mut self,
        now: Instant,
        core: &mut Core,
        tx: ClientTransactionId,
        lost: bool,
    ) -> Option<News> {
        match &self.state {
            State::Asked(asked) if asked.tx == tx => {
                let why = if lost { RegisterError::Lost } else { RegisterError::Unanswered };
                Some(self.fail(now, core, None, lost, why))
            }
            State::Leaving(asked) if asked.tx == tx => {
                self.state = State::Off;
                Some(None)
            }
            State::Off | State::Asked(_) | State::Registered { .. } | State::Waiting { .. } | State::Leaving(_) => None,
        }
    }

    /// Answers who we are, if that is what a response asks (RFC 3261 §22.2).
    fn ask_again(&mut self, now: Instant, core: &mut Core, response: &Response) -> bool {
        let (State::Asked(asked) | State::Leaving(asked)) = &mut self.state else { return false };
        if !core.is_asked_for(&asked.request, response, asked.repeated) {
            return false;
        }
        self.seq += 1;
        asked.repeated += 1;
        asked.request.headers.set(HeaderName::CSeq, CSeq { seq: self.seq, method: Method::Register });
        asked.tx = core.send(now, &mut asked.request);
        true
    }

    fn registered(&mut self, now: Instant, core: &Core, response: &Response) -> News {
        let seconds = self.granted(core, &response.headers).min(LONGEST);
        let refresh_at = pace::refresh_at(now, Duration::from_secs(seconds.into()), now);
        self.state = State::Registered { refresh_at };
        self.backoff.reset();
        self.outbound = response.headers.require().is_ok_and(|required| required.contains(&"outbound"));
        self.tell(Ok(()))
    }

    /// RFC 3261 §10.2.4: how long the server keeps our binding, among all those of the user.
    fn granted(&self, core: &Core, headers: &Headers) -> u32 {
        let own = core.contact().uri;
        let contacts = headers.contacts().unwrap_or_default();
        let is_ours = |contact: &&NameAddr| {
            contact.params.unquoted("+sip.instance").map_or(contact.uri.equivalent(&own), |urn| *urn == *self.instance)
        };
        let told = contacts.iter().find(is_ours).and_then(NameAddr::expires);
        told.or(headers.expires()).unwrap_or(self.seconds)
    }

    /// RFC 3261 §10.2.8; once.
    fn lengthen(&mut self, response: &Response) -> bool {
        let Some(least) = response.headers.min_expires().filter(|least| (self.seconds + 1..=LONGEST).contains(least))
        else {
            return false;
        };
        self.seconds = least;
        !std::mem::replace(&mut self.lengthened, true)
    }

    fn give_up(&mut self, why: RegisterError) -> News {
        self.state = State::Off;
        self.tell(Err(why))
    }

    /// RFC 5626 §4.5: another time, later each time, and not all at once.
    fn fail(&mut self, now: Instant, core: &mut Core, pause: Option<Duration>, lost: bool, why: RegisterError) -> News {
        let longest = self.backoff.fail();
        let pause = pause.map_or_else(|| core.rng.random_range(longest / 2..=longest), |told| told.min(LONGEST_PAUSE));
        self.state = State::Waiting { until: now + pause.max(LEAST_INTERVAL), lost };
        self.tell(Err(why))
    }

    /// Each state is told once.
    fn tell(&mut self, news: Result<(), RegisterError>) -> News {
        let before = self.told.replace(news.is_ok());
        (before != Some(news.is_ok())).then_some(news)
    }
}

/// What is asked for at least and at most, in seconds.
const LEAST: u32 = 10;
const LONGEST: u32 = 86_400;
/// RFC 5626 §4.5: how long we wait after a first failure; twice as long each time that it fails once more.
const BASE: Duration = Duration::from_secs(10);
/// RFC 5626 §4.5
const LONGEST_PAUSE: Duration = Duration::from_secs(1800);
