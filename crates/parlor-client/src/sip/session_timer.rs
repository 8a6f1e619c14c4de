//! The session timer and our refreshes (RFC 4028).

use std::time::{Duration, Instant};

use parlor_sip::{HeaderName, Headers, Method, Refresher, Response, SessionExpires};
use rand::RngExt;

use super::agent::{Call, Ended, State, UserAgent};
use super::invite::proof;

/// How long the session lasts unless it is refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SessionTimer {
    pub(super) seconds: u32,
    /// Whether it is we who refresh.
    pub(super) ours: bool,
    refresh_at: Instant,
    expires_at: Instant,
}

impl SessionTimer {
    pub(super) fn new(now: Instant, seconds: u32, ours: bool) -> Self {
        let seconds = seconds.clamp(LEAST, LONGEST);
        let interval = Duration::from_secs(seconds.into());
        // SIP-103: half the interval; who waits for the other gives up a little early.
        let early = if ours { Duration::ZERO } else { (interval / 3).min(Duration::from_secs(32)) };
        Self { seconds, ours, refresh_at: now + interval / 2, expires_at: now + interval - early }
    }

    /// What a 2xx to a request of ours says; `None`: there is no timer.
    pub(super) fn agreed(now: Instant, headers: &Headers) -> Option<Self> {
        let agreed = headers.session_expires().ok().flatten()?;
        Some(Self::new(now, agreed.seconds, agreed.refresher != Some(Refresher::Uas)))
    }

    /// What we answer to a request of the peer's, and the timer that follows from it.
    pub(super) fn answering(now: Instant, request: &Headers) -> Option<(SessionExpires, Self)> {
        let asked = request.session_expires().ok().flatten()?;
        let refresher = asked.refresher.unwrap_or(Refresher::Uac);
        let timer = Self::new(now, asked.seconds, refresher == Refresher::Uas);
        Some((SessionExpires { seconds: asked.seconds, refresher: Some(refresher) }, timer))
    }

    /// When something is to be done.
    pub(super) fn due(&self, refreshing: bool) -> Instant {
        if self.ours && !refreshing { self.refresh_at.min(self.expires_at) } else { self.expires_at }
    }
}

impl UserAgent {
    pub(super) fn handle_session_timer(&mut self, now: Instant) {
        let State::Established(call) = &self.state else { return };
        let Some(timer) = call.timer else { return };
        if timer.expires_at <= now {
            if let State::Established(call) = std::mem::replace(&mut self.state, State::Ended) {
                self.say_bye(now, *call, Ended::Expired);
            }
        } else if timer.ours && call.refresh.is_none() && timer.refresh_at <= now {
            self.refresh(now);
        }
    }

    /// SIP-103: by UPDATE without SDP if the room takes it, else by an INVITE with the same SDP.
    fn refresh(&mut self, now: Instant) {
        let State::Established(call) = &mut self.state else { return };
        let Some(timer) = call.timer else { return };
        let method = if call.update_allowed { Method::Update } else { Method::Invite };
        let mut request = call.dialog.request(method.clone());
        if method == Method::Invite {
            call.invite_seq = call.dialog.local_seq();
            self.declare(&mut request);
        } else {
            request.headers.push(HeaderName::Contact, self.core.contact());
            request.headers.push(HeaderName::Supported, "timer");
        }
        let expires = SessionExpires { seconds: timer.seconds, refresher: Some(Refresher::Uac) };
        request.headers.push(HeaderName::SessionExpires, expires);
        let tx = self.core.send(now, &mut request);
        if let State::Established(call) = &mut self.state {
            call.refresh = Some(tx);
            if method == Method::Invite {
                call.proof = proof(&request);
            }
        }
    }

    /// The room answered our refresh.
    pub(super) fn refreshed(&mut self, now: Instant, mut call: Box<Call>, response: &Response) {
        let by_invite = response.headers.cseq().is_ok_and(|cseq| cseq.method == Method::Invite);
        if response.is_success() {
            call.refresh_asked = false;
            let refreshed = call.dialog.accept_response(response);
            tracing::debug!(?refreshed, "session refreshed");
            let seconds = call.timer.map_or(LONGEST, |timer| timer.seconds);
            // RFC 4028 §7.2: a 2xx that names no interval leaves the refreshing with us.
            call.timer = SessionTimer::agreed(now, &response.headers).or(Some(SessionTimer::new(now, seconds, true)));
            if by_invite {
                self.acknowledge(&call);
            }
            self.state = State::Established(call);
            return;
        }
        match response.code {
            401 | 407 if !call.refresh_asked && self.core.is_asked(response) => {
                call.refresh_asked = true;
                self.state = State::Established(call);
                self.refresh(now);
            }
            408 | 481 => self.say_bye(now, *call, Ended::Expired),
            405 | 501 if !by_invite => {
                call.update_allowed = false;
                self.state = State::Established(call);
                self.refresh(now);
            }
            422 => {
                let minimum = response.headers.min_se().ok().flatten();
                if let (Some(timer), Some(minimum)) = (&mut call.timer, minimum) {
                    timer.seconds = minimum.clamp(timer.seconds, LONGEST);
                }
                self.state = State::Established(call);
                self.postpone_refresh(now);
            }
            _ => {
                call.refresh_asked = false;
                self.state = State::Established(call);
                self.postpone_refresh(now);
            }
        }
    }

    /// Tries again soon. SIP-44: after 491 the owner of the Call-ID waits 2.1 to 4 s, which will do for the others too.
    pub(super) fn postpone_refresh(&mut self, now: Instant) {
        let wait = Duration::from_millis(self.core.rng.random_range(210..=400) * 10);
        if let State::Established(call) = &mut self.state
            && let Some(timer) = &mut call.timer
        {
            timer.refresh_at = now + wait;
        }
    }
}

/// RFC 4028 §4: the absolute minimum of a session interval.
const LEAST: u32 = 90;
/// A day: no interval is believed to be longer.
const LONGEST: u32 = 86_400;
