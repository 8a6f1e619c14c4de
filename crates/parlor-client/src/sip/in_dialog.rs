//! The room's requests and our answers.

use std::time::{Duration, Instant};

use parlor_sip::{DialogId, Flow, HeaderName, Method, Request, Response, ServerTransactionId, reason_phrase};

use super::agent::{Call, Ended, State, Unacknowledged, UserAgent};
use super::session_timer::SessionTimer;
use crate::sdp::{Answer, AnswerError};

/// The methods we serve.
const METHODS: [Method; 7] =
    [Method::Invite, Method::Ack, Method::Bye, Method::Cancel, Method::Options, Method::Update, Method::Notify];

/// The value of Allow.
pub(super) fn allow() -> String {
    METHODS.iter().map(Method::as_str).collect::<Vec<_>>().join(", ")
}

impl UserAgent {
    pub(super) fn handle_request(&mut self, now: Instant, tx: ServerTransactionId, request: &Request, _flow: Flow) {
        let response = self.answer(now, tx, request);
        self.core.endpoint.respond(now, tx, &response);
    }

    /// An INVITE is answered at once, so there is none left to cancel; one that still waits gets its 487.
    pub(super) fn handle_cancel(&mut self, now: Instant, tx: ServerTransactionId) {
        self.core.endpoint.respond(now, tx, &Response::new(487, reason_phrase(487)));
    }

    /// The ACK of our 2xx.
    pub(super) fn handle_ack(&mut self, request: &Request) {
        if let State::Established(call) = &mut self.state {
            let seq = request.headers.cseq().map(|cseq| cseq.seq);
            call.unacknowledged.take_if(|waiting| seq == Ok(waiting.seq));
        }
    }

    /// Sends our 2xx again if it is time; gives the session up if nobody acknowledges it (SIP-3).
    pub(super) fn repeat_unacknowledged(&mut self, now: Instant) {
        let State::Established(call) = &mut self.state else { return };
        let Some(waiting) = call.unacknowledged.as_mut().filter(|waiting| waiting.repeat_at <= now) else { return };
        if waiting.give_up_at <= now {
            if let State::Established(call) = std::mem::replace(&mut self.state, State::Ended) {
                self.say_bye(now, *call, Ended::Expired);
            }
            return;
        }
        waiting.interval = (waiting.interval * 2).min(T2);
        waiting.repeat_at = (now + waiting.interval).min(waiting.give_up_at);
        self.core.endpoint.respond(now, waiting.tx, &waiting.response);
    }

    fn answer(&mut self, now: Instant, tx: ServerTransactionId, request: &Request) -> Response {
        let mut response = self.checked(now, tx, request).unwrap_or_else(|code| self.refusal(request, code));
        response.headers.push(HeaderName::UserAgent, &self.core.identity.user_agent);
        // SIP-29; in a dialog To has its tag already.
        let tag = self.core.random_token();
        response.set_to_tag(&tag);
        response
    }

    /// The checks of RFC 3261 §8.2 in their order, then what the method asks.
    fn checked(&mut self, now: Instant, tx: ServerTransactionId, request: &Request) -> Result<Response, u16> {
        if !METHODS.contains(&request.method) {
            return Err(if request.method.is_known() { 405 } else { 501 });
        }
        let required = request.headers.require().map_err(|_| 400_u16)?;
        if required.iter().any(|option| !option.eq_ignore_ascii_case("timer")) {
            return Err(420);
        }
        if request.method == Method::Notify {
            return self.handle_notify(now, request);
        }
        let id = DialogId::of_request(request).map_err(|_| 400_u16)?;
        let Some(id) = id else { return self.outside_of_dialogs(request) };
        let call = match &mut self.state {
            State::Established(call) if *call.dialog.id() == id => call,
            // SIP-43; and RFC 3261 §15: BYE may cross ours.
            State::Leaving { .. } if request.method == Method::Bye => {
                return Ok(Response::for_request(request, 200, "OK"));
            }
            State::Idle
            | State::Inviting { .. }
            | State::Cancelling { .. }
            | State::Established(_)
            | State::Leaving { .. }
            | State::Ended => return Err(481),
        };
        call.dialog.accept_request(request).map_err(|error| error.status())?;
        match request.method {
            Method::Bye => {
                self.end(Ended::Removed);
                Ok(Response::for_request(request, 200, "OK"))
            }
            Method::Invite | Method::Update => self.target_refresh(now, tx, request),
            // OPTIONS: ACK and CANCEL do not come here.
            _ => Ok(self.capabilities(request)),
        }
    }

    /// Nobody can call us: the only dialog is the one we open.
    fn outside_of_dialogs(&self, request: &Request) -> Result<Response, u16> {
        match request.method {
            Method::Options => Ok(self.capabilities(request)),
            Method::Invite => Err(486),
            _ => Err(481),
        }
    }

    fn capabilities(&self, request: &Request) -> Response {
        let mut response = Response::for_request(request, 200, "OK");
        response.headers.push(HeaderName::Allow, allow());
        response.headers.push(HeaderName::Accept, "application/sdp");
        response.headers.push(HeaderName::Supported, "timer");
        response
    }

    fn refusal(&self, request: &Request, code: u16) -> Response {
        let mut response = Response::for_request(request, code, reason_phrase(code));
        match code {
            405 | 501 => response.headers.push(HeaderName::Allow, allow()),
            420 => {
                let required = request.headers.require().unwrap_or_default();
                let unknown = required.into_iter().filter(|option| !option.eq_ignore_ascii_case("timer"));
                response.headers.push(HeaderName::Unsupported, unknown.collect::<Vec<_>>().join(", "));
            }
            500 => response.headers.push(HeaderName::RetryAfter, 5),
            _ => {}
        }
        response
    }

    /// A re-INVITE or UPDATE: the session stays as it is (MSRP-119) or is given up, and the timer begins anew.
    fn target_refresh(&mut self, now: Instant, tx: ServerTransactionId, request: &Request) -> Result<Response, u16> {
        let contact = self.core.contact();
        let State::Established(call) = &mut self.state else { return Err(481) };
        let invite = request.method == Method::Invite;
        if invite && call.unacknowledged.is_some() {
            return Err(500);
        }
        let body = session_answer(call, request, &self.profile.offer.path, &self.profile.offer.text)?;
        call.dialog.refresh_target(request).map_err(|error| error.status())?;
        let mut response = Response::for_request(request, 200, "OK");
        response.headers.push(HeaderName::Contact, contact);
        response.headers.push(HeaderName::Allow, allow());
        response.headers.push(HeaderName::Supported, "timer");
        if let Some((expires, timer)) = SessionTimer::answering(now, &request.headers) {
            if request.headers.supports("timer") {
                response.headers.push(HeaderName::Require, "timer");
            }
            response.headers.push(HeaderName::SessionExpires, expires);
            call.timer = Some(timer);
        }
        if !body.is_empty() {
            response.headers.push(HeaderName::ContentType, "application/sdp");
            response.body = body.into();
        }
        if invite {
            let seq = request.headers.cseq().map_err(|_| 400_u16)?.seq;
            call.unacknowledged = Some(Unacknowledged {
                tx,
                seq,
                response: response.clone(),
                interval: T1,
                repeat_at: now + T1,
                give_up_at: now + T1 * 64,
            });
        }
        Ok(response)
    }
}

/// What we say of the MSRP session to a request of the room's: nothing to an UPDATE without SDP; else what we have
/// always said, unless the room wants another session than the one we have.
fn session_answer(call: &Call, request: &Request, own: &parlor_msrp::Uri, text: &str) -> Result<String, u16> {
    if request.body.is_empty() {
        // SIP-41: to an INVITE without SDP the 2xx has our offer.
        return Ok(if request.method == Method::Invite { text.to_owned() } else { String::new() });
    }
    if !request.headers.content_type().ok().flatten().is_some_and(|kind| kind.is("application/sdp")) {
        return Err(415);
    }
    match Answer::read(&request.body, own) {
        Ok(offered) => {
            let unchanged = call.answer.as_ref().is_some_and(|had| had.path.matches(&offered.path));
            if unchanged { Ok(text.to_owned()) } else { Err(488) }
        }
        Err(AnswerError::Syntax) => Err(400),
        Err(AnswerError::Refused | AnswerError::Path | AnswerError::Setup | AnswerError::NoCpim) => Err(488),
    }
}

const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
