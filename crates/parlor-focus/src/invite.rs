//! INVITE: joining, changing a session, and what follows until the ACK (RFC 3261 §§13.3, 14.2,
//! RFC 4579 §5.1).

use crate::focus::Answer;
use crate::leg::{Leg, LegId, Media, Phase, Unacked};
use crate::pager::may_by_message;
use crate::sdp::{self, LocalSdp, Offered, SdpReject, Unacceptable};
use crate::session_timer::Granted;
use crate::timers::Timer;
use crate::{Caller, EndReason, Focus, Output, Reject, identity, message, uas};
use parlor_room::{Capabilities, Direction, Endpoint, Identity, JoiningMethod, Room, SessionId, TypeList};
use parlor_sip::{Dialog, Flow, HeaderError, HeaderName, Headers, Method, Request, Response, ServerTransactionId};
use rand::RngExt;
use std::time::Instant;

/// How an INVITE is accepted. The 2xx carries what was last said in SDP.
struct Acceptance {
    tx: ServerTransactionId,
    granted: Option<Granted>,
    /// Our offer, if that is what the SDP is.
    offered: Option<Offered>,
}

impl Focus {
    /// An INVITE outside of any dialog: somebody wants to join (CHAT-10).
    pub(crate) fn join(
        &mut self,
        now: Instant,
        room: &mut Room,
        tx: ServerTransactionId,
        request: &Request,
        flow: Flow,
        caller: &Caller,
    ) -> Result<Answer, Reject> {
        let (body, invited) = self.content(request)?;
        self.check_space(request)?;
        let granted = Granted::answering(&request.headers, &self.settings)?;
        let identity = identity::identify(request, caller, &self.settings.limits)?;
        let id = self.name_dialog();
        let dialog = Dialog::uas(request, &self.tag(id), flow.transport)?;
        let sdp = LocalSdp::new(self.rng.random_range(1..1 << 53));
        let replaced = self.replaced(room, request, &identity)?;
        let file = body.as_deref().map_or(Ok(None), |offer| self.file_offer(room, offer))?;
        let (media, sdp, offered) = match file {
            Some(file) => {
                let (media, sdp) = self.begin_transfer(room, &identity, file, &sdp)?;
                (media, sdp, None)
            }
            None => {
                let guest = Guest { identity, endpoint: dialed_in(now, request)? };
                self.give_way(room, replaced, true);
                let admitted = self.admit(now, room, guest, body.as_deref(), &flow, &sdp);
                self.give_way(room, replaced, false);
                admitted.map_err(|reject| hinting(room, reject))?
            }
        };
        let heir = media.first_session();
        let leg = Leg {
            dialog,
            flow,
            phase: Phase::Confirmed,
            media,
            sdp,
            session_timer: None,
            updates: allows_update(&request.headers),
            refresh: None,
            acked: None,
            referred: false,
            account: caller.verified.as_ref().map(|account| account.aor.clone()),
        };
        self.add(id, leg);
        self.tell_location(room, id);
        if let Some(replaced) = replaced {
            self.end_replaced(now, room, replaced, heir);
        }
        self.invite_listed(room, &invited);
        Ok(self.accept(now, room, id, request, Acceptance { tx, granted, offered }))
    }

    /// CHAT-154: a session takes the place of another one of its user.
    pub(crate) fn replace(&mut self, now: Instant, room: &mut Room, session: SessionId, heir: SessionId) {
        room.hand_over(now, session, heir);
        self.end_session(now, room, session, EndReason::Replaced);
    }

    /// An INVITE within a dialog.
    pub(crate) fn reinvite(
        &mut self,
        now: Instant,
        room: &mut Room,
        id: LegId,
        tx: ServerTransactionId,
        request: &Request,
        flow: Flow,
    ) -> Result<Answer, Reject> {
        let leg = self.legs.get(&id).ok_or(Reject::NoDialog)?;
        if leg.offer_is_open() {
            return Err(Reject::Glare); // SIP-44
        }
        if matches!(leg.phase, Phase::Unacked(_)) {
            return Err(Reject::Unfinished(self.rng.random_range(0..=10))); // SIP-44
        }
        uas::admissible(request)?;
        contact(&request.headers)?;
        let granted = Granted::answering(&request.headers, &self.settings)?;
        let offered = match uas::readable_body(request)? {
            Some(offer) => {
                self.renegotiate(now, room, id, &offer)?;
                None
            }
            None => Some(self.offer_again(id)?),
        };
        self.follow(id, request, flow)?;
        Ok(self.accept(now, room, id, request, Acceptance { tx, granted, offered }))
    }

    /// An ACK to a 2xx. It is matched by its dialog and CSeq alone (SIP-E3).
    pub fn handle_ack(&mut self, now: Instant, room: &mut Room, request: &Request) {
        let Ok(id) = self.find(request) else { return };
        let Some(unacked) = self.take_unacked(id, request) else { return };
        self.timers.disarm(id, Timer::Retransmit);
        self.timers.disarm(id, Timer::NoAck);
        if let Some(reason) = unacked.bye_due {
            return self.bye(room, id, reason);
        }
        let concluded = match unacked.offered {
            None => Ok(()),
            Some(offered) => {
                let body = uas::readable_body(request);
                body.and_then(|body| self.conclude(now, room, id, offered, body.as_deref()))
            }
        };
        match concluded {
            Ok(()) => self.settle(now, id),
            // SIP-41, SIP-68
            Err(_) => self.end(now, room, id, EndReason::BadAnswer),
        }
    }

    fn take_unacked(&mut self, id: LegId, ack: &Request) -> Option<Unacked> {
        let leg = self.legs.get_mut(&id)?;
        let seq = ack.headers.cseq().ok()?.seq;
        match &leg.phase {
            Phase::Unacked(unacked) if unacked.seq == seq => {
                match std::mem::replace(&mut leg.phase, Phase::Confirmed) {
                    Phase::Unacked(unacked) => Some(*unacked),
                    Phase::Confirmed | Phase::Leaving => None,
                }
            }
            Phase::Unacked(_) | Phase::Confirmed | Phase::Leaving => None,
        }
    }

    /// SIP-3: no ACK in 64*T1.
    pub(crate) fn give_up_ack(&mut self, now: Instant, room: &mut Room, id: LegId) {
        self.timers.disarm(id, Timer::Retransmit);
        self.close_media(now, room, id, EndReason::NoAck);
        self.bye(room, id, EndReason::NoAck);
    }

    /// The 200 to an INVITE, which stays to be sent again until the ACK arrives.
    fn accept(&mut self, now: Instant, room: &Room, id: LegId, request: &Request, with: Acceptance) -> Answer {
        let tag = self.tag(id);
        let mut response = self.ok(room, id, request, with.granted);
        if request.headers.to_tag().is_ok_and(|tag| tag.is_none()) {
            response.copy_record_route(request); // SIP-29
            response.set_to_tag(&tag);
        }
        if let Some(leg) = self.legs.get(&id) {
            message::sdp(&mut response.headers, &mut response.body, leg.sdp.text());
        }
        self.run_session_timer(now, id, with.granted.map(Granted::timer));
        let unacked = Unacked {
            tx: with.tx,
            response: response.clone(),
            seq: request.headers.cseq().map_or(0, |cseq| cseq.seq),
            interval: self.settings.sip_timers.t1,
            offered: with.offered,
            bye_due: None,
        };
        self.await_ack(now, id, unacked);
        response.into()
    }

    /// A 200 within a dialog.
    pub(crate) fn ok(&self, room: &Room, id: LegId, request: &Request, granted: Option<Granted>) -> Response {
        let leg = self.legs.get(&id).expect("the caller has found it");
        let contact = message::contact(room, &leg.flow, leg.dialog.is_secure(), &self.settings);
        let mut response = message::ok(request, &contact, &self.settings);
        if let Some(granted) = granted {
            granted.declare(&mut response.headers);
        }
        response
    }

    /// Whether there is room for one more dialog.
    fn check_space(&self, request: &Request) -> Result<(), Reject> {
        if self.legs.len() >= self.settings.limits.dialogs {
            return Err(Reject::Overload);
        }
        contact(&request.headers)?;
        self.check_size(request)
    }

    /// Whether what a dialog keeps of a request is not too much.
    pub(crate) fn check_size(&self, request: &Request) -> Result<(), Reject> {
        let kept = |name: &HeaderName| KEPT.contains(name);
        let size: usize = request.headers.iter().filter(|(name, _)| kept(name)).map(|(_, v)| v.len()).sum();
        if size > self.settings.limits.dialog_bytes { Err(Reject::TooLarge) } else { Ok(()) }
    }

    /// Somebody takes part from now on, as soon as what was agreed on is bound.
    fn admit(
        &mut self,
        now: Instant,
        room: &mut Room,
        guest: Guest,
        body: Option<&[u8]>,
        flow: &Flow,
        sdp: &LocalSdp,
    ) -> Result<(Media, LocalSdp, Option<Offered>), Reject> {
        for impostor in room.impostors_of(&guest.identity) {
            self.end_session(now, room, impostor, EndReason::Removed);
        }
        let surplus = room.surplus_session(&guest.identity);
        let admitted = match body {
            Some(offer) => self.admit_offerer(room, guest, offer, sdp)?,
            None => self.admit_answerer(room, guest, flow, sdp)?,
        };
        if let Some((surplus, heir)) = surplus.zip(admitted.0.sessions().first().copied()) {
            self.replace(now, room, surplus, heir);
        }
        Ok(admitted)
    }

    fn admit_offerer(
        &mut self,
        room: &mut Room,
        guest: Guest,
        offer: &[u8],
        sdp: &LocalSdp,
    ) -> Result<(Media, LocalSdp, Option<Offered>), Reject> {
        let settings = self.settings.clone();
        let local = Self::local_media(&settings, room);
        let fresh = || Self::session_id(&settings.session_mark, &mut self.rng);
        let agreed = sdp::answer(offer, &local, &[], sdp, &settings.limits, fresh)?;
        let (media, sdp) = self.open(room, guest, agreed)?;
        Ok((media, sdp, None))
    }

    /// SIP-41. The place in the room is taken now, so that a full room says so to the INVITE. The session opens with the
    /// answer, as nothing could be checked against a path that is not known.
    fn admit_answerer(
        &mut self,
        room: &mut Room,
        guest: Guest,
        flow: &Flow,
        sdp: &LocalSdp,
    ) -> Result<(Media, LocalSdp, Option<Offered>), Reject> {
        let name = Self::session_id(&self.settings.session_mark, &mut self.rng);
        let local = Self::local_media(&self.settings, room);
        let over_tls = flow.transport == parlor_sip::Transport::Tls;
        let offered = sdp::offer(&local, over_tls, sdp, &name).map_err(SdpReject::NotAcceptable)?;
        let session = room.admit(guest.identity, nothing_known(), guest.endpoint)?;
        self.emit(Output::OfferSession { session, local: offered.uri().clone() });
        Ok((Media::Offered(session), offered.sdp.clone(), Some(offered)))
    }
}

/// Who brings no MSRP is told how else one can take part, where one can.
fn hinting(room: &Room, reject: Reject) -> Reject {
    match reject {
        Reject::Sdp(SdpReject::NotAcceptable(Unacceptable::NoMessage)) if may_by_message(room) => Reject::NoMedia,
        other => other,
    }
}

/// Somebody at the door.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    pub(crate) identity: Identity,
    pub(crate) endpoint: Endpoint,
}

/// The endpoint of somebody who calls.
fn dialed_in(now: Instant, request: &Request) -> Result<Endpoint, Reject> {
    let contact = request.headers.contact()?;
    let entity = if identity::hides_address(request) { "".into() } else { contact.uri.to_string().into() };
    Ok(Endpoint { entity, joined: now, method: JoiningMethod::DialedIn, referred_by: None })
}

/// What is kept of an INVITE or SUBSCRIBE while its dialog lives.
const KEPT: [HeaderName; 6] = [
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::Contact,
    HeaderName::RecordRoute,
    HeaderName::Event,
];

/// A participant whose answer has not come gets nothing.
pub(crate) fn nothing_known() -> Capabilities {
    Capabilities {
        direction: Direction::Inactive,
        wrapped_types: TypeList::from_entries([]),
        max_size: None,
        chatroom: false,
        nickname: false,
        private_messages: false,
    }
}

/// SIP-22, SIP-42: the one Contact, a URI that we can send to.
pub(crate) fn contact(headers: &Headers) -> Result<(), Reject> {
    let contact = headers.contact()?;
    if contact.uri.is_sip() { Ok(()) } else { Err(HeaderError::Malformed(HeaderName::Contact).into()) }
}

/// SIP-103: UPDATE may be sent to those who say that they take it.
pub(crate) fn allows_update(headers: &Headers) -> bool {
    headers.allow().is_some_and(|methods| methods.contains(&Method::Update))
}
