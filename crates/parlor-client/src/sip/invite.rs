//! Our requests and what comes of them.

use std::time::Instant;

use parlor_sip::{ClientTransactionId, Dialog, DialogId, HeaderName, Headers, Method, Request, Response, SentBy, Uri};

use super::agent::{Call, Ended, Output, State, UserAgent};
use super::in_dialog::allow;
use super::session_timer::SessionTimer;
use crate::error::Rejection;
use crate::sdp::Answer;

impl UserAgent {
    /// Sends the INVITE. [`Output::Admitted`], [`Output::Rejected`] or [`Output::Ended`] follows.
    pub(crate) fn invite(&mut self, now: Instant) {
        let mut invite = self.core.request(Method::Invite, &self.profile.room);
        self.declare(&mut invite);
        let tx = self.core.send(now, &mut invite);
        self.state = State::Inviting { tx, invite: Box::new(invite) };
    }

    /// What INVITEs of ours have, in a dialog or not.
    pub(super) fn declare(&self, invite: &mut Request) {
        let headers = &mut invite.headers;
        headers.push(HeaderName::Contact, self.core.contact());
        headers.push(HeaderName::Allow, allow());
        headers.push(HeaderName::Supported, "timer");
        headers.push(HeaderName::Accept, "application/sdp");
        headers.push(HeaderName::ContentType, "application/sdp");
        invite.body = self.profile.offer.text.clone().into();
    }

    pub(super) fn handle_response(&mut self, now: Instant, tx: ClientTransactionId, response: &Response) {
        if response.is_provisional()
            || self.roster.subscription.handle_response(now, &mut self.core, tx, response)
            || self.handle_referred(now, tx, response)
        {
            return;
        }
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Inviting { tx: own, invite } if own == tx => self.invited(now, tx, &invite, response),
            State::Cancelling { tx: own, invite } if own == tx => self.cancelled(now, &invite, response),
            State::Established(call) => self.established(now, call, tx, response),
            // RFC 3261 §15.1.1: whatever the answer, the dialog is over.
            State::Leaving { tx: own, why } if own == tx => self.end(why),
            state @ (State::Idle
            | State::Inviting { .. }
            | State::Cancelling { .. }
            | State::Leaving { .. }
            | State::Ended) => self.state = state,
        }
    }

    /// A request of ours had no response.
    pub(super) fn handle_failure(&mut self, now: Instant, tx: ClientTransactionId, why: Ended) {
        if self.roster.subscription.handle_failure(now, tx, why == Ended::Lost) || self.handle_refer_failure(tx) {
            return;
        }
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Inviting { tx: own, .. } if own == tx => self.end(why),
            State::Cancelling { tx: own, .. } if own == tx => self.end(Ended::LeftUnanswered),
            State::Leaving { tx: own, why } if own == tx => {
                self.end(if why == Ended::Left { Ended::LeftUnanswered } else { why });
            }
            State::Established(mut call) if call.refresh == Some(tx) => {
                call.refresh = None;
                match why {
                    // RFC 4028 §10: an unanswered refresh ends the session; a lost connection is another matter.
                    Ended::Lost => {
                        self.state = State::Established(call);
                        self.postpone_refresh(now);
                    }
                    Ended::Unanswered | Ended::Left | Ended::LeftUnanswered | Ended::Removed | Ended::Expired => {
                        self.say_bye(now, *call, Ended::Expired);
                    }
                }
            }
            state @ (State::Idle
            | State::Inviting { .. }
            | State::Cancelling { .. }
            | State::Established(_)
            | State::Leaving { .. }
            | State::Ended) => self.state = state,
        }
    }

    fn invited(&mut self, now: Instant, tx: ClientTransactionId, invite: &Request, response: &Response) {
        if !response.is_success() {
            let mut invite = invite.clone();
            if let Some(tx) = self.core.send_again(now, &mut invite, response) {
                self.state = State::Inviting { tx, invite: Box::new(invite) };
                return;
            }
            self.outputs.push_back(Output::Rejected(rejection(response)));
            return;
        }
        let Some(mut call) = self.call(now, invite, response) else {
            // RFC 3261 §12.1.2: without Contact and tag there is nothing to be in.
            self.outputs.push_back(Output::Rejected(Rejection {
                reason: "a 200 that forms no dialog".to_owned(),
                ..rejection(response)
            }));
            return;
        };
        self.acknowledge(&call);
        call.answer = Answer::read(&response.body, &self.profile.offer.path).ok();
        let conference = call.conference.clone();
        self.state = State::Established(Box::new(call));
        self.outputs.push_back(Output::Admitted { conference, body: response.body.clone() });
        self.follow_roster(now);
        tracing::debug!(?tx, "admitted");
    }

    /// We cancelled, but the room may have admitted us before it knew (RFC 3261 §9.1).
    fn cancelled(&mut self, now: Instant, invite: &Request, response: &Response) {
        match self.call(now, invite, response).filter(|_| response.is_success()) {
            Some(call) => {
                self.acknowledge(&call);
                self.say_bye(now, call, Ended::Left);
            }
            None => self.end(Ended::Left),
        }
    }

    fn established(&mut self, now: Instant, mut call: Box<Call>, tx: ClientTransactionId, response: &Response) {
        let method = response.headers.cseq().map(|cseq| cseq.method);
        if call.refresh == Some(tx) && !is_repeated_invite(&call, response) {
            call.refresh = None;
            return self.refreshed(now, call, response);
        }
        if response.is_success() && method == Ok(Method::Invite) {
            self.repeated_2xx(now, &call, response);
        }
        if matches!(self.state, State::Ended) {
            self.state = State::Established(call);
        }
    }

    /// The 2xx came again, so its ACK was lost; or the INVITE was forked and we are in another room too (SIP-50).
    fn repeated_2xx(&mut self, now: Instant, call: &Call, response: &Response) {
        if DialogId::of_response(response).is_ok_and(|id| id.as_ref() == Some(call.dialog.id())) {
            return self.acknowledge(call);
        }
        let mut invite = Request::new(Method::Invite, self.profile.room.clone());
        for name in [HeaderName::From, HeaderName::CSeq] {
            invite.headers.copy(&response.headers, &name);
        }
        if let Some(mut other) = self.call(now, &invite, response) {
            self.acknowledge(&other);
            let mut bye = other.dialog.request(Method::Bye);
            self.core.send(now, &mut bye);
        }
    }

    pub(super) fn acknowledge(&mut self, call: &Call) {
        let mut ack = call.dialog.ack_for(call.invite_seq);
        // RFC 3261 §13.2.2.4: it proves the same as the INVITE.
        for name in PROOFS {
            ack.headers.copy(&call.proof, &name);
        }
        self.core.endpoint.send_ack(self.core.flow, &SentBy::from(self.core.flow.local), ack);
    }

    fn call(&self, now: Instant, invite: &Request, response: &Response) -> Option<Call> {
        let dialog = Dialog::uac(invite, response, self.core.flow.transport).ok()?;
        let allowed = response.headers.allow();
        Some(Call {
            conference: conference(&self.profile.room, response),
            invite_seq: dialog.local_seq(),
            dialog,
            answer: None,
            timer: SessionTimer::agreed(now, &response.headers),
            refresh: None,
            refresh_asked: false,
            proof: proof(invite),
            update_allowed: allowed.is_some_and(|methods| methods.contains(&Method::Update)),
            unacknowledged: None,
        })
    }
}

/// RFC 4579 §5.12: a factory answers with the Contact of the room that it has made. Any other room is the one we called.
fn conference(called: &Uri, response: &Response) -> Uri {
    let focus = response.headers.contact().ok().filter(|contact| contact.params.has("isfocus"));
    match focus {
        Some(focus) if focus.uri.user_decoded() != called.user_decoded() => focus.uri,
        Some(_) | None => called.clone(),
    }
}

/// What proves who we are in a request.
pub(super) fn proof(request: &Request) -> Headers {
    let mut proof = Headers::new();
    for name in PROOFS {
        proof.copy(&request.headers, &name);
    }
    proof
}

const PROOFS: [HeaderName; 2] = [HeaderName::Authorization, HeaderName::ProxyAuthorization];

/// A 2xx to the INVITE before the refresh.
fn is_repeated_invite(call: &Call, response: &Response) -> bool {
    response.headers.cseq().is_ok_and(|cseq| cseq.method == Method::Invite && cseq.seq == call.invite_seq)
        && call.dialog.local_seq() != call.invite_seq
}

pub(super) fn rejection(response: &Response) -> Rejection {
    Rejection {
        code: response.code,
        reason: response.reason.to_string(),
        warnings: response.headers.warning().into_iter().map(|warning| warning.text.into()).collect(),
        retry_after: response.headers.retry_after(),
    }
}
