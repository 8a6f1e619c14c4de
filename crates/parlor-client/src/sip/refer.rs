//! Inviting others into the room and removing them from it: by REFER to the room (RFC 3515, RFC 4579 §§5.5, 5.11).

use std::time::{Duration, Instant};

use parlor_sip::{ClientTransactionId, Dialog, DialogId, HeaderName, Method, NameAddr, Request, Response, Uri};
use tokio::sync::oneshot;

use super::agent::UserAgent;
use super::invite::rejection;
use super::subscription::is_of;
use crate::error::ReferError;

/// Somebody whom the room is to call or to send away.
#[derive(Debug)]
pub(crate) struct Refer {
    /// Who, with `method=BYE` if they are to go.
    pub(crate) target: Uri,
    /// Told what became of it.
    pub(crate) done: oneshot::Sender<Result<(), ReferError>>,
}

/// ```text
///         2xx             NOTIFY of 1xx          NOTIFY of a final response
///   Asked ───▶ Accepted ◀───────────────┐ ─────────────────────────────────▶ done
///     │           └─────────────────────┘ terminated, nothing comes
///     └ refused, nobody answers ───────────────────────────────────────────▶ done
/// ```
#[derive(Debug)]
pub(super) struct Referral {
    state: State,
    request: Request,
    /// The dialog, once the room's tag is known.
    dialog: Option<Dialog>,
    until: Instant,
    done: oneshot::Sender<Result<(), ReferError>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Asked(ClientTransactionId),
    Accepted,
}

/// Those that are under way.
#[derive(Debug, Default)]
pub(super) struct Referrals(Vec<Referral>);

impl Referrals {
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MOST
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.0.iter().map(|referral| referral.until).min()
    }

    /// Those to which the room says nothing any more.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        for late in self.0.extract_if(.., |referral| referral.until <= now) {
            late.finish(Err(ReferError::Unanswered));
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    fn asked(&self, tx: ClientTransactionId) -> Option<usize> {
        self.0.iter().position(|referral| referral.state == State::Asked(tx))
    }

    fn finish(&mut self, at: usize, result: Result<(), ReferError>) {
        self.0.swap_remove(at).finish(result);
    }
}

impl Referral {
    fn finish(self, result: Result<(), ReferError>) {
        // Nobody may wait any more.
        let _ = self.done.send(result);
    }

    fn is_in(&self, id: &DialogId) -> bool {
        match &self.dialog {
            Some(dialog) => dialog.id() == id,
            None => is_of(&self.request, id),
        }
    }
}

impl UserAgent {
    /// Asks the room to call somebody or to send them away.
    pub(crate) fn refer(&mut self, now: Instant, refer: Refer) {
        let Refer { target, done } = refer;
        let mut request = self.core.request(Method::Refer, &self.room());
        let headers = &mut request.headers;
        headers.push(HeaderName::Contact, self.core.contact());
        headers.push(HeaderName::ReferTo, NameAddr::new(target));
        headers.push(HeaderName::ReferredBy, NameAddr::new(self.core.identity.from.uri.clone()));
        let tx = self.core.send(now, &mut request);
        let until = now + ANSWER;
        self.referrals.0.push(Referral { state: State::Asked(tx), request, dialog: None, until, done });
    }

    /// A response, if it is to a REFER of ours.
    pub(super) fn handle_referred(&mut self, now: Instant, tx: ClientTransactionId, response: &Response) -> bool {
        let Some(at) = self.referrals.asked(tx) else { return false };
        let mut request = self.referrals.0[at].request.clone();
        if let Some(again) = self.core.send_again(now, &mut request, response) {
            let referral = &mut self.referrals.0[at];
            (referral.state, referral.request) = (State::Asked(again), request);
            return true;
        }
        // RFC 4488 §4: the room takes it and tells no more.
        let silent = response.headers.has(&HeaderName::ReferSub) && !response.headers.refer_sub();
        match response.is_success() {
            true if silent => self.referrals.finish(at, Ok(())),
            true => {
                let referral = &mut self.referrals.0[at];
                (referral.state, referral.until) = (State::Accepted, now + OUTCOME);
                if referral.dialog.is_none() {
                    referral.dialog = Dialog::uac(&referral.request, response, self.core.flow.transport).ok();
                }
            }
            false => self.referrals.finish(at, Err(ReferError::Refused(rejection(response)))),
        }
        true
    }

    /// A REFER of ours had no response.
    pub(super) fn handle_refer_failure(&mut self, tx: ClientTransactionId) -> bool {
        let found = self.referrals.asked(tx);
        if let Some(at) = found {
            self.referrals.finish(at, Err(ReferError::Unanswered));
        }
        found.is_some()
    }

    /// The room tells how it goes (SIP-80).
    pub(super) fn handle_progress(&mut self, request: &Request, terminated: bool) -> Result<Response, u16> {
        let id = DialogId::of_request(request).map_err(|_| 400_u16)?.ok_or(481_u16)?;
        let at = self.referrals.0.iter().position(|referral| referral.is_in(&id)).ok_or(481_u16)?;
        let referral = &mut self.referrals.0[at];
        match &mut referral.dialog {
            Some(dialog) => dialog.accept_request(request).map_err(|error| error.status())?,
            None => {
                let transport = self.core.flow.transport;
                referral.dialog = Some(Dialog::of_notify(&referral.request, request, transport).map_err(|_| 400_u16)?);
            }
        }
        match status_line(&request.body) {
            Some((200..=299, _)) => self.referrals.finish(at, Ok(())),
            Some((code @ 300.., reason)) => self.referrals.finish(at, Err(ReferError::Failed { code, reason })),
            Some(_) | None if terminated => self.referrals.finish(at, Err(ReferError::Unanswered)),
            Some(_) | None => {}
        }
        Ok(Response::for_request(request, 200, "OK"))
    }
}

/// The first line of a message/sipfrag (RFC 3515 §2.4.5): code and words.
fn status_line(body: &[u8]) -> Option<(u16, String)> {
    let text = std::str::from_utf8(body.split(|octet| matches!(octet, b'\r' | b'\n')).next()?).ok()?;
    let mut words = text.splitn(3, ' ');
    let version = words.next()?;
    let code = words.next()?.parse().ok().filter(|code| (100..700).contains(code))?;
    version.eq_ignore_ascii_case("SIP/2.0").then(|| (code, words.next().unwrap_or_default().to_owned()))
}

/// At one time.
const MOST: usize = 16;
/// How long the room may take to answer: 64 times T1.
const ANSWER: Duration = Duration::from_secs(32);
/// How long it may take until somebody takes the call: longer than phones ring (RFC 3261 §16.6).
const OUTCOME: Duration = Duration::from_secs(240);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_begin_with_a_status_line() {
        for (body, read) in [
            ("SIP/2.0 100 Trying\r\n", Some((100, "Trying"))),
            ("SIP/2.0 486 Busy Here\r\nTo: x\r\n\r\n", Some((486, "Busy Here"))),
            ("SIP/2.0 200", Some((200, ""))),
            ("INVITE sip:a@b SIP/2.0\r\n", None),
            ("SIP/2.0 999 X", None),
            ("SIP/2.0 20 X", None),
            ("", None),
        ] {
            assert_eq!(status_line(body.as_bytes()), read.map(|(code, words)| (code, words.to_owned())), "{body}");
        }
        assert_eq!(status_line(b"SIP/2.0 200 \xff"), None);
    }
}
