//! Calls that nobody wants any more.

use super::Stage;
use crate::leg::{LegId, next_hop};
use crate::timers::Timer;
use crate::{EndReason, Focus, Output};
use parlor_room::SessionId;
use parlor_sip::{Dialog, Flow, HeaderName, Method, Request, Response};
use std::time::Instant;

impl Focus {
    /// Whom we call is not wanted any more, or does not answer.
    pub(crate) fn give_up_call(&mut self, id: LegId, code: u16) {
        self.timers.disarm(id, Timer::Ring);
        let Some(call) = self.calls.get_mut(&id) else { return };
        match std::mem::replace(&mut call.stage, Stage::Locating) {
            Stage::Locating => self.fail_call(id, code),
            Stage::Inviting(inviting) => {
                let (request, session, referral) = (call.request, inviting.session, call.referral);
                call.stage = Stage::GivenUp(inviting);
                self.emit(Output::Cancel { id: request });
                self.close_offer(session);
                self.report(referral, code);
            }
            stage @ (Stage::GivenUp(_) | Stage::Released(_)) => call.stage = stage,
        }
    }

    /// A 2xx to a call that was given up: the device that answered is told at once (RFC 3261 §9.1).
    pub(super) fn release_call(&mut self, now: Instant, id: LegId, response: &Response) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some((invite, flow)) = call.inviting().map(|own| (own.invite.clone(), own.next_hop.flow)) else { return };
        if let Stage::GivenUp(inviting) = std::mem::replace(&mut call.stage, Stage::Locating) {
            call.stage = Stage::Released(inviting);
        }
        self.release(&invite, response, flow);
        self.timers.arm(id, Timer::ForgetAck, now + self.settings.sip_timers.t1x64());
    }

    /// SIP-50: a 2xx that nobody waits for is acknowledged, and its dialog ended.
    pub(crate) fn release(&mut self, invite: &Request, response: &Response, flow: Flow) {
        let Ok(mut dialog) = Dialog::uac(invite, response, flow.transport) else { return };
        let Ok(cseq) = response.headers.cseq() else { return };
        let hop = next_hop(&dialog, flow);
        self.emit(Output::SendAck { request: dialog.ack_for(cseq.seq), next_hop: hop.clone() });
        let mut bye = dialog.request(Method::Bye);
        bye.headers.push(HeaderName::UserAgent, &self.settings.product);
        // Nobody waits for the answer.
        let id = self.name_request();
        self.emit(Output::Request { id, request: bye, next_hop: hop });
    }

    /// Whoever is called is not wanted any more.
    pub(crate) fn give_up_all_calls(&mut self, code: u16) {
        let all: Vec<LegId> = self.calls.keys().copied().collect();
        for id in all {
            self.give_up_call(id, code);
        }
    }

    /// The call is over and left nothing.
    pub(crate) fn forget_call(&mut self, id: LegId) {
        let Some(call) = self.calls.remove(&id) else { return };
        self.timers.disarm_all(id);
        self.forget_request(call.request);
        if let Stage::Inviting(inviting) = &call.stage {
            self.close_offer(inviting.session);
        }
    }

    pub(super) fn close_offer(&mut self, session: SessionId) {
        self.emit(Output::CloseSession { session, reason: EndReason::Unanswered });
    }
}
