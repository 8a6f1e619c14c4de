//! Our own requests in dialogs: BYE, and UPDATE or re-INVITE to refresh the session.

use crate::leg::{LegId, Media, Phase, Refresh, RefreshMethod};
use crate::session_timer::SessionTimer;
use crate::timers::Timer;
use crate::{EndReason, Focus, Output, RequestId, body, message};
use parlor_room::Room;
use parlor_sip::{Method, Response, reason_phrase};
use rand::RngExt;
use std::time::{Duration, Instant};

/// What comes back.
impl Focus {
    /// A response to a request of ours.
    pub fn handle_response(&mut self, now: Instant, room: &mut Room, id: RequestId, response: &Response) {
        if self.page_answered(now, room, id, response.code) {
            return;
        }
        if let Some(subscription) = self.subscriptions.requester(id) {
            if !response.is_provisional() {
                self.notify_answered(now, subscription, response);
            }
            return;
        }
        let Some(leg_id) = self.requester(id) else { return };
        if self.calls.contains_key(&leg_id) {
            return self.call_answered(now, room, leg_id, response);
        }
        if self.referrals.contains_key(&leg_id) {
            return self.referrer_answered(leg_id, id, response);
        }
        if response.is_provisional() {
            return;
        }
        let Some(leg) = self.legs.get_mut(&leg_id) else { return self.forget_request(id) };
        if let Some(acked) = leg.acked.as_ref().filter(|acked| acked.0 == id) {
            let (request, next_hop, flow) = (acked.1.clone(), leg.next_hop(), leg.flow);
            if response.headers.to_tag().is_ok_and(|tag| tag.as_ref() == Some(&leg.dialog.id().remote_tag)) {
                // SIP-3: the 2xx came again, so our ACK was lost.
                return self.emit(Output::SendAck { request, next_hop });
            }
            // SIP-50: another device has answered the same call. Its ACK has the From and CSeq of the INVITE.
            return self.release(&request, response, flow);
        }
        let refresh = leg.refresh.filter(|refresh| refresh.id == id);
        match (&leg.phase, refresh) {
            (Phase::Leaving, None) => {
                self.forget_request(id);
                self.remove(leg_id);
            }
            (Phase::Unacked(_) | Phase::Confirmed, Some(refresh)) => {
                leg.refresh = None;
                self.forget_request(id);
                self.refresh_answered(now, room, leg_id, refresh, response);
            }
            (Phase::Leaving, Some(_)) | (Phase::Unacked(_) | Phase::Confirmed, None) => {
                self.forget_request(id);
            }
        }
    }

    /// A request of ours got no answer in time, or could not be sent: as if it had been answered
    /// 408 (RFC 3261 §8.1.3.1).
    pub fn handle_request_failed(&mut self, now: Instant, room: &mut Room, id: RequestId) {
        self.handle_response(now, room, id, &Response::new(408, reason_phrase(408)));
    }
}

/// Ending.
impl Focus {
    /// Ends a dialog from our side.
    pub(crate) fn end(&mut self, now: Instant, room: &mut Room, id: LegId, reason: EndReason) {
        self.close_media(now, room, id, reason);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        match &mut leg.phase {
            // RFC 3261 §15: no BYE before the ACK, or before it can no longer come.
            Phase::Unacked(unacked) => {
                unacked.bye_due = Some(reason);
                for timer in [Timer::Rejoin, Timer::Refresh, Timer::Expire] {
                    self.timers.disarm(id, timer);
                }
            }
            Phase::Confirmed => self.bye(room, id, reason),
            Phase::Leaving => {}
        }
    }

    /// Sends BYE. The session is over already.
    pub(crate) fn bye(&mut self, room: &Room, id: LegId, reason: EndReason) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        self.timers.disarm_all(id);
        leg.phase = Phase::Leaving;
        let under_way = leg.refresh.take().map(|refresh| refresh.id);
        let acked = leg.acked.take().map(|acked| acked.0);
        let mut request = message::request(leg, Method::Bye, room, &self.settings);
        message::explain(&mut request.headers, reason);
        for request in under_way.into_iter().chain(acked) {
            self.forget_request(request);
        }
        self.send(id, request);
    }
}

/// Refreshing (SIP-103).
impl Focus {
    /// Starts the session timer anew, or stops it.
    pub(crate) fn run_session_timer(&mut self, now: Instant, id: LegId, timer: Option<SessionTimer>) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.session_timer = timer;
        self.timers.disarm(id, Timer::Refresh);
        self.timers.disarm(id, Timer::Expire);
        if let Some(timer) = timer {
            self.timers.arm(id, Timer::Expire, now + timer.expires_after());
            if timer.ours {
                self.timers.arm(id, Timer::Refresh, now + timer.refresh_after());
            }
        }
    }

    /// It is time to refresh.
    pub(crate) fn refresh(&mut self, now: Instant, room: &Room, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(timer) = leg.session_timer else { return };
        match (&leg.phase, &leg.refresh) {
            (Phase::Confirmed, None) => {}
            // SIP-44: not before the peer's INVITE is finished.
            (Phase::Unacked(_), None) => {
                return self.timers.arm(id, Timer::Refresh, now + UNFINISHED);
            }
            (Phase::Leaving, _) | (Phase::Unacked(_) | Phase::Confirmed, Some(_)) => return,
        }
        let method = if leg.updates { RefreshMethod::Update } else { RefreshMethod::Invite };
        let sip_method = match method {
            RefreshMethod::Update => Method::Update,
            RefreshMethod::Invite => Method::Invite,
        };
        let mut request = message::request(leg, sip_method, room, &self.settings);
        timer.declare(&mut request.headers);
        if method == RefreshMethod::Invite {
            // Without a session the description refuses all lines as it stands.
            let _ = self.offer_again(id);
            let said = self.legs.get(&id).map_or("", |leg| leg.sdp.text());
            message::sdp(&mut request.headers, &mut request.body, said);
        }
        let sent = self.send(id, request);
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.refresh = Some(Refresh { id: sent, method });
        }
    }

    fn refresh_answered(&mut self, now: Instant, room: &mut Room, id: LegId, refresh: Refresh, response: &Response) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        match (response.code, refresh.method) {
            (200..=299, RefreshMethod::Update) => self.refreshed(now, id, response),
            (200..=299, RefreshMethod::Invite) => self.reinvite_answered(now, room, id, refresh.id, response),
            // RFC 3261 §12.2.1.2: the dialog is gone over there.
            (408 | 481, _) => self.end(now, room, id, EndReason::Unreachable),
            (405 | 501, RefreshMethod::Update) => {
                leg.updates = false;
                self.refresh(now, room, id);
            }
            (422, _) => self.refresh_longer(now, room, id, response),
            // SIP-44: we do not own the Call-ID: 0 to 2 s in steps of 10 ms.
            (491, _) => {
                let wait = Duration::from_millis(10) * self.rng.random_range(0..=200);
                self.timers.arm(id, Timer::Refresh, now + wait);
            }
            (_, _) => self.timers.arm(id, Timer::Refresh, now + RETRY),
        }
    }

    /// Takes over what a 2xx of the peer says about the session timer and where the peer is.
    pub(crate) fn refreshed(&mut self, now: Instant, id: LegId, response: &Response) {
        let timer = self.legs.get(&id).and_then(|leg| leg.session_timer);
        if let Some(timer) = timer {
            let timer = timer.refreshed(&response.headers, &self.settings);
            self.run_session_timer(now, id, Some(timer));
        }
        if let Some(leg) = self.legs.get_mut(&id) {
            // SIP-42. A 2xx without a usable Contact leaves the target as it is.
            let _ = leg.dialog.accept_response(response);
        }
    }

    /// RFC 4028 §7.3.
    fn refresh_longer(&mut self, now: Instant, room: &Room, id: LegId, response: &Response) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let raised = leg.session_timer.and_then(|timer| timer.raised(&response.headers, &self.settings));
        match raised {
            Some(timer) => {
                leg.session_timer = Some(timer);
                self.refresh(now, room, id);
            }
            None => self.timers.arm(id, Timer::Refresh, now + RETRY),
        }
    }

    /// The 2xx to our re-INVITE, whose SDP answers ours.
    fn reinvite_answered(&mut self, now: Instant, room: &mut Room, id: LegId, request: RequestId, response: &Response) {
        self.refreshed(now, id, response);
        self.acknowledge(now, id, request, response);
        let body = body::sdp(&response.headers, &response.body).ok().flatten();
        let open = self.legs.get(&id).is_some_and(|leg| matches!(leg.media, Media::Open(_)));
        if !open {
            return;
        }
        let concluded = self.last_offer(id);
        let concluded = concluded.and_then(|offered| self.conclude(now, room, id, offered, body.as_deref()));
        match concluded {
            Ok(()) => self.settle(now, id),
            Err(_) => self.end(now, room, id, EndReason::BadAnswer), // SIP-68
        }
    }

    /// Acknowledges the 2xx to an INVITE of ours.
    pub(crate) fn acknowledge(&mut self, now: Instant, id: LegId, request: RequestId, response: &Response) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Ok(cseq) = response.headers.cseq() else { return };
        let ack = leg.dialog.ack_for(cseq.seq);
        let next_hop = leg.next_hop();
        let before = leg.acked.replace(Box::new((request, ack.clone())));
        if let Some(before) = before {
            self.forget_request(before.0);
        }
        self.remember_request(request, id);
        self.timers.arm(id, Timer::ForgetAck, now + self.settings.sip_timers.t1x64());
        self.emit(Output::SendAck { request: ack, next_hop });
    }

    pub(crate) fn forget_ack(&mut self, id: LegId) {
        match self.legs.get_mut(&id) {
            Some(leg) => {
                if let Some((request, _)) = leg.acked.take().map(|acked| *acked) {
                    self.forget_request(request);
                }
            }
            None => self.forget_call(id),
        }
    }
}

/// How long to wait with a refresh while an INVITE of the peer is unfinished.
const UNFINISHED: Duration = Duration::from_secs(2);
/// How long to wait with another refresh after one that was refused.
const RETRY: Duration = Duration::from_secs(10);
