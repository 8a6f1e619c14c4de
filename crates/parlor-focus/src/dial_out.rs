//! Dialling out: an INVITE of ours brings somebody into the room (RFC 4579 §5.2, SIP-78).

mod elsewhere;
mod giving_up;

use crate::invite::{allows_update, nothing_known};
use crate::leg::{Leg, LegId, Media, Phase};
use crate::quota::Share;
use crate::sdp::{self, LocalSdp, Offered};
use crate::session_timer::SessionTimer;
use crate::timers::Timer;
use crate::{
    EndReason, Focus, Found, Location, NextHop, Output, Refusal, Reject, RequestId, body, features, identity, message,
};
use bytes::Bytes;
use parlor_room::{Endpoint, Identity, JoiningMethod, ParticipantId, Room, SessionId};
use parlor_sip::{CSeq, Dialog, HeaderName, Method, NameAddr, Request, Response, Scheme, Transport, Uri};
use rand::RngExt as _;
use std::collections::VecDeque;
use std::time::Instant;

/// Whom to call, and what the INVITE tells of it.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// The URI to call, with the name that goes with it.
    pub callee: NameAddr,
    /// Who wants it (SIP-81).
    pub referred_by: Option<NameAddr>,
    /// Who else is invited, as a document (SIP-89).
    pub history: Option<Bytes>,
}

/// Somebody who is being called. An answer makes a dialog of it.
///
/// ```text
///            found          2xx: ACK                   re-INVITE, BYE…
///  Locating ───────▶ Inviting ───────▶ a Leg, Confirmed ──────────▶ (leg.rs)
///     │ ▲ 3xx, once     │ ▲ │ 503, or silence: the next server
///     │ └───────────────┤ └─┘
///     │                 │ nobody answers in time, or is wanted any more: CANCEL
///     │                 ▼                2xx: ACK and BYE
///     │               GivenUp ──────────────────▶ Released
///     │ not found       │ failure                    │ no 2xx can come again
///     └─────────────────┴───────▶ gone ◀─────────────┘
/// ```
#[derive(Debug)]
pub(crate) struct DialOut {
    callee: Identity,
    uri: Uri,
    referred_by: Option<NameAddr>,
    history: Option<Bytes>,
    request: RequestId,
    /// The participant that wants it.
    wanted_by: Option<ParticipantId>,
    /// Its REFER, if it is to hear of it.
    referral: Option<LegId>,
    /// Whether whoever was called first has named another place.
    redirected: bool,
    stage: Stage,
    /// Its part of the calls that all rooms may have under way.
    _share: Share,
}

#[derive(Debug)]
enum Stage {
    /// The server finds out where to call.
    Locating,
    /// The INVITE is under way.
    Inviting(Box<Inviting>),
    /// It is cancelled, and may be answered all the same.
    GivenUp(Box<Inviting>),
    /// It was answered when it was not wanted any more. The 2xx may come again.
    Released(Box<Inviting>),
}

/// An INVITE that is under way.
#[derive(Debug)]
struct Inviting {
    invite: Request,
    next_hop: NextHop,
    /// Further servers that may know the callee, for when this one is not there.
    others: VecDeque<NextHop>,
    /// Whether it rings, or something of the kind.
    rings: bool,
    offered: Offered,
    session: SessionId,
    timer: SessionTimer,
    /// Whether the interval of the session timer was raised, as the callee asked.
    raised: bool,
}

impl DialOut {
    fn is_wanted(&self) -> bool {
        match self.stage {
            Stage::Locating | Stage::Inviting(_) => true,
            Stage::GivenUp(_) | Stage::Released(_) => false,
        }
    }

    fn inviting(&self) -> Option<&Inviting> {
        match &self.stage {
            Stage::Inviting(inviting) | Stage::GivenUp(inviting) | Stage::Released(inviting) => Some(inviting),
            Stage::Locating => None,
        }
    }
}

/// Beginning.
impl Focus {
    /// Calls somebody, unless the room would not let them in.
    ///
    /// # Errors
    /// [`Reject::Scheme`], [`Reject::Room`], [`Reject::Calling`], [`Reject::Overload`]
    pub fn dial_out(&mut self, room: &Room, invitation: Invitation) -> Result<(), Reject> {
        self.call_out(room, invitation, None, None)
    }

    pub(crate) fn call_out(
        &mut self,
        room: &Room,
        invitation: Invitation,
        wanted_by: Option<ParticipantId>,
        referral: Option<LegId>,
    ) -> Result<(), Reject> {
        let Invitation { callee, referred_by, history } = invitation;
        if !callee.uri.is_sip() {
            return Err(Reject::Scheme); // SIP-79
        }
        let identity = identity::of_callee(&callee, &self.settings.limits)?;
        room.would_admit(&identity)?;
        if self.call_to(&identity).is_some() {
            return Err(Reject::Calling);
        }
        // SIP-90: one participant does not take all calls, nor ring others without end.
        let limits = &self.settings.limits;
        let of_one = self.calls.values().filter(|call| call.wanted_by.is_some() && call.wanted_by == wanted_by).count();
        if self.calls.len() >= limits.dial_outs || of_one >= limits.dial_outs_of_one {
            return Err(Reject::Overload);
        }
        let share = self.settings.calls.take(1).ok_or(Reject::Overload)?;
        let (id, request) = (self.name_dialog(), self.name_request());
        let uri = callee.uri.into_request_uri();
        self.remember_request(request, id);
        self.emit(Output::Locate { id: request, uri: uri.clone() });
        let stage = Stage::Locating;
        let (callee, redirected) = (identity, false);
        let call = DialOut {
            callee,
            uri,
            referred_by,
            history,
            request,
            wanted_by,
            referral,
            redirected,
            stage,
            _share: share,
        };
        self.calls.insert(id, call);
        Ok(())
    }

    /// The call that somebody is wanted by.
    pub(crate) fn call_to(&self, callee: &Identity) -> Option<LegId> {
        let key = callee.key();
        let wanted = self.calls.iter().find(|(_, call)| call.is_wanted() && call.callee.key() == key);
        wanted.map(|(id, _)| *id)
    }

    /// Where somebody is who is to be called, or with what status to give up.
    pub fn handle_located(&mut self, now: Instant, room: &mut Room, id: RequestId, found: Result<Found, u16>) {
        let Some(leg) = self.requester(id) else { return };
        let Some(call) = self.calls.get_mut(&leg).filter(|call| matches!(call.stage, Stage::Locating)) else { return };
        match found {
            Ok(Found { location, others, user }) => {
                if let Some(user) = user {
                    let display = call.callee.display.take().or(user.display.clone());
                    let aliases = user.aliases.clone();
                    call.callee = user.with(display, aliases);
                }
                self.call(now, room, leg, location, others);
            }
            Err(code) => self.fail_call(leg, code),
        }
    }

    fn call(&mut self, now: Instant, room: &mut Room, id: LegId, location: Location, others: Vec<NextHop>) {
        let name = Self::session_id(&self.settings.session_mark, &mut self.rng);
        let sdp = LocalSdp::new(self.rng.random_range(1..1 << 53));
        let over_tls = location.next_hop.flow.transport == Transport::Tls;
        let local = Self::local_media(&self.settings, room);
        let Ok(offered) = sdp::offer(&local, over_tls, &sdp, &name) else { return self.fail_call(id, 488) };
        let session = room.name_session();
        self.emit(Output::OfferSession { session, local: offered.uri().clone() });
        let seconds = u32::try_from(self.settings.session_expires.as_secs()).unwrap_or(u32::MAX);
        let timer = SessionTimer { seconds, ours: true };
        let invite = self.invite_of(room, id, &location);
        let (next_hop, others) = (location.next_hop, others.into());
        let inviting = Inviting { invite, next_hop, others, rings: false, offered, session, timer, raised: false };
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.stage = Stage::Inviting(Box::new(inviting));
        // A redirection takes of the time of the first call.
        if !call.redirected {
            self.timers.arm(id, Timer::Ring, now + self.settings.ring_timeout);
        }
        self.send_invite(id);
    }

    /// The INVITE without what changes when it is sent again: CSeq, session timer, body.
    fn invite_of(&mut self, room: &Room, id: LegId, location: &Location) -> Request {
        let (flow, target) = (location.next_hop.flow, location.target.clone().into_request_uri());
        let secure = flow.transport == Transport::Tls && *target.scheme() == Scheme::Sips;
        let mut request = Request::new(Method::Invite, target);
        let headers = &mut request.headers;
        headers.push(HeaderName::From, NameAddr::new(room.uri().clone()).with_tag(&self.tag(id)));
        headers.push(HeaderName::CallId, format!("{:032x}", self.rng.random::<u128>()));
        headers.push(HeaderName::MaxForwards, 70);
        headers.push(HeaderName::Contact, message::contact(room, &flow, secure, &self.settings));
        features::declare(headers);
        headers.push(HeaderName::UserAgent, &self.settings.product);
        if !room.topic().is_empty() {
            headers.push(HeaderName::Subject, room.topic());
        }
        if let Some(call) = self.calls.get(&id) {
            headers.push(HeaderName::To, NameAddr::new(call.uri.clone()));
            call.referred_by.iter().for_each(|by| headers.push(HeaderName::ReferredBy, by));
        }
        request
    }

    fn send_invite(&mut self, id: LegId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Stage::Inviting(inviting) = &mut call.stage else { return };
        let seq = inviting.invite.headers.cseq().map_or(1, |before| before.seq + 1);
        let headers = &mut inviting.invite.headers;
        headers.set(HeaderName::CSeq, CSeq { seq, method: Method::Invite });
        let mut request = inviting.invite.clone();
        inviting.timer.declare(&mut request.headers);
        if inviting.raised {
            request.headers.push(HeaderName::MinSe, inviting.timer.seconds); // RFC 4028 §7.3
        }
        match &call.history {
            None => message::sdp(&mut request.headers, &mut request.body, inviting.offered.sdp.text()),
            Some(history) => {
                let boundary = format!("{:016x}", self.rng.random::<u64>());
                message::sdp_and_history(&mut request, inviting.offered.sdp.text(), history, &boundary);
            }
        }
        let (id, next_hop) = (call.request, inviting.next_hop.clone());
        self.emit(Output::Request { id, request, next_hop });
    }
}

/// What comes back.
impl Focus {
    /// A response to an INVITE that calls somebody.
    pub(crate) fn call_answered(&mut self, now: Instant, room: &mut Room, id: LegId, response: &Response) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        match (&mut call.stage, response.code) {
            (Stage::Inviting(inviting), 101..=199) => {
                inviting.rings = true;
                let referral = call.referral;
                self.tell_referrer(referral, response.code);
            }
            (Stage::Locating, _) | (_, ..200) => {}
            (Stage::Inviting(_), 200..=299) => self.called_in(now, room, id, response),
            (Stage::Inviting(inviting), 422) if !inviting.raised => self.call_with_longer_interval(id, response),
            (Stage::Inviting(inviting), 408 | 503) if inviting.may_be_elsewhere() => self.call_next_server(room, id),
            (Stage::Inviting(_), 300..=302) if !call.redirected => self.call_redirected(id, response),
            (Stage::Inviting(_), code) => self.fail_call(id, code),
            (Stage::GivenUp(_) | Stage::Released(_), 200..=299) => self.release_call(now, id, response),
            // It ends with its timer.
            (Stage::Released(_), 300..) => {}
            (Stage::GivenUp(_), 300..) => self.forget_call(id),
        }
    }

    /// RFC 4028 §7.3.
    fn call_with_longer_interval(&mut self, id: LegId, response: &Response) {
        let settings = self.settings.clone();
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Stage::Inviting(inviting) = &mut call.stage else { return };
        let Some(timer) = inviting.timer.raised(&response.headers, &settings) else { return self.fail_call(id, 422) };
        (inviting.timer, inviting.raised) = (timer, true);
        self.name_call_anew(id);
        self.send_invite(id);
    }

    /// A request that is sent again is another one.
    fn name_call_anew(&mut self, id: LegId) -> RequestId {
        let request = self.name_request();
        if let Some(call) = self.calls.get_mut(&id) {
            let before = std::mem::replace(&mut call.request, request);
            self.forget_request(before);
            self.remember_request(request, id);
        }
        request
    }

    /// A 2xx: the call becomes a dialog, and who was called a participant.
    fn called_in(&mut self, now: Instant, room: &mut Room, id: LegId, response: &Response) {
        let Some(call) = self.calls.remove(&id) else { return };
        let Stage::Inviting(inviting) = call.stage else { return };
        self.timers.disarm(id, Timer::Ring);
        let flow = inviting.next_hop.flow;
        let Ok(dialog) = Dialog::uac(&inviting.invite, response, flow.transport) else {
            // Without Contact or tag there is nowhere to send the ACK to.
            self.forget_request(call.request);
            self.close_offer(inviting.session);
            return self.report(call.referral, 500);
        };
        let contact = dialog.remote_target().to_string();
        let leg = Leg {
            dialog,
            flow,
            phase: Phase::Confirmed,
            media: Media::Offered(inviting.session),
            sdp: inviting.offered.sdp.clone(),
            session_timer: Some(inviting.timer),
            updates: allows_update(&response.headers),
            refresh: None,
            acked: None,
            referred: false,
            account: None,
        };
        self.add(id, leg);
        self.acknowledge(now, id, call.request, response);
        self.refreshed(now, id, response);
        let endpoint = Endpoint {
            entity: contact.into(),
            joined: now,
            method: JoiningMethod::DialedOut,
            referred_by: call.referred_by.map(|by| by.uri.to_string().into()),
        };
        let callee = if identity::hides(response) { call.callee.hidden(None) } else { call.callee };
        let surplus = room.surplus_session(&callee);
        let admitted = room.admit_as(inviting.session, callee, nothing_known(), endpoint).map_err(Reject::from);
        if let (Ok(()), Some(surplus)) = (&admitted, surplus) {
            self.replace(now, room, surplus, inviting.session);
        }
        let body = admitted.and_then(|()| body::sdp(&response.headers, &response.body));
        match body.and_then(|body| self.conclude(now, room, id, inviting.offered, body.as_deref())) {
            Ok(()) => {
                self.tell_location(room, id);
                self.settle(now, id);
                self.report(call.referral, response.code);
            }
            Err(reject) => {
                self.end(now, room, id, EndReason::BadAnswer); // SIP-68
                self.report(call.referral, Refusal::from(&reject).code);
            }
        }
    }

    fn fail_call(&mut self, id: LegId, code: u16) {
        let referral = self.calls.get(&id).and_then(|call| call.referral);
        self.forget_call(id);
        self.report(referral, code);
    }

    /// The call is over, one way or the other.
    fn report(&mut self, referral: Option<LegId>, code: u16) {
        self.emit(Output::Called { code });
        self.tell_referrer(referral, code);
    }
}
