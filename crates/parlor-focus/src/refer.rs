//! REFER: a participant has the focus call or remove somebody (RFC 3515, RFC 4579 §§5.5, 5.11).

use crate::dial_out::Invitation;
use crate::focus::Answer;
use crate::invite::contact;
use crate::leg::{Leg, LegId};
use crate::referral::Referral;
use crate::{Caller, Focus, Reject, identity, message, uas};
use parlor_room::{Action, Identity, ParticipantId, Room};
use parlor_sip::{Dialog, Flow, HeaderName, Method, NameAddr, ReferTo, Request, Response, reason_phrase};
use std::time::Instant;

/// What a REFER asks for.
#[derive(Debug)]
enum Errand {
    /// To call somebody.
    Invite(Box<Invitation>),
    /// Nothing, as whoever is to be called is in the room.
    AlreadyIn,
    /// To remove somebody.
    Remove(ParticipantId),
    /// To call somebody no longer.
    CallOff(LegId),
}

/// Who sends a REFER, and in what dialog if it is in one.
#[derive(Clone, Copy, Debug)]
struct Referrer {
    participant: ParticipantId,
    dialog: Option<LegId>,
}

impl Focus {
    /// A REFER, perhaps in a dialog.
    pub(crate) fn refer(
        &mut self,
        now: Instant,
        room: &mut Room,
        dialog: Option<LegId>,
        request: &Request,
        flow: Flow,
        caller: &Caller,
    ) -> Result<Answer, Reject> {
        uas::admissible(request)?;
        contact(&request.headers)?;
        let participant = self.referrer(room, dialog, request, flow, caller)?;
        let by = Referrer { participant, dialog };
        let errand = self.errand(room, participant, request)?;
        // RFC 4488 §4: a REFER may do without word of what comes of it.
        let referral = match request.headers.refer_sub() {
            true => Some(self.begin_referral(room, request, flow, caller, by)?),
            false => None,
        };
        if let Some(dialog) = dialog {
            self.move_peer(dialog, request, flow)?;
        }
        self.run(now, room, participant, errand, referral)?;
        Ok(Answer { referral, ..self.accepted(room, request, flow, referral).into() })
    }

    /// The participant that sends a REFER: whose dialog it is in, else who is proven to send it. Who has proven nothing is
    /// believed to be a participant only where that participant's own requests come from, so that nobody outside of the room
    /// can control it.
    pub(crate) fn referrer(
        &self,
        room: &Room,
        dialog: Option<LegId>,
        request: &Request,
        flow: Flow,
        caller: &Caller,
    ) -> Result<ParticipantId, Reject> {
        let leg = dialog.and_then(|id| self.legs.get(&id));
        if let Some(participant) = leg.and_then(|leg| self.participant_on(room, leg)) {
            return Ok(participant);
        }
        let identity = identity::identify(request, caller, &self.settings.limits)?;
        let participant = room.participant_who_is(&identity).ok_or(Reject::Forbidden)?;
        match caller.verified.is_some() || self.is_heard_from(room, participant, flow) {
            true => Ok(participant),
            false => Err(Reject::Forbidden),
        }
    }

    fn run(
        &mut self,
        now: Instant,
        room: &mut Room,
        by: ParticipantId,
        errand: Errand,
        referral: Option<LegId>,
    ) -> Result<(), Reject> {
        match errand {
            Errand::Invite(invitation) => {
                let called = self.call_out(room, *invitation, Some(by), referral);
                if let (Err(_), Some(referral)) = (&called, referral) {
                    self.end_referral(referral);
                }
                return called;
            }
            Errand::AlreadyIn => self.tell_referrer(referral, 200),
            Errand::Remove(who) => {
                self.eject(now, room, who);
                self.tell_referrer(referral, 200);
            }
            Errand::CallOff(call) => {
                self.give_up_call(call, 487);
                self.tell_referrer(referral, 200);
            }
        }
        Ok(())
    }

    /// What is asked for, if whoever asks may have it.
    fn errand(&self, room: &Room, by: ParticipantId, request: &Request) -> Result<Errand, Reject> {
        let ReferTo(target) = request.headers.refer_to()?; // SIP-80: exactly one
        if !target.uri.is_sip() {
            return Err(Reject::Scheme); // SIP-79
        }
        let referrer = room.participant(by).ok_or(Reject::Forbidden)?;
        let may = |action| room.rules().permits(referrer.role(), action);
        match ReferTo(target.clone()).method() {
            Method::Invite if may(Action::Invite) && !room.is_named_by(&target.uri) => {
                let callee = identity::of_callee(&target, &self.settings.limits)?;
                if room.participant_at(&callee.aor).is_some() {
                    return Ok(Errand::AlreadyIn);
                }
                let referred_by = referred_by(request, referrer.identity());
                Ok(Errand::Invite(Box::new(Invitation { callee: target, referred_by, history: None })))
            }
            Method::Bye => {
                let who = room.participant_at(&target.uri);
                let role = who.and_then(|who| room.participant(who)).map(|who| who.role());
                let called = self.call_to(&identity::of_callee(&target, &self.settings.limits)?);
                match (who, role, called) {
                    (Some(who), _, _) if who == by => Ok(Errand::Remove(who)),
                    _ if !may(Action::Remove) => Err(Reject::Forbidden),
                    (Some(who), Some(role), _) if role <= referrer.role() => Ok(Errand::Remove(who)),
                    (Some(_), _, _) => Err(Reject::Forbidden),
                    (None, _, Some(call)) => Ok(Errand::CallOff(call)),
                    (None, _, None) => Err(Reject::NotFound),
                }
            }
            // SIP-79: no other method is sent to anybody.
            _ => Err(Reject::Forbidden),
        }
    }

    /// The implicit subscription of a REFER (SIP-80).
    fn begin_referral(
        &mut self,
        room: &Room,
        request: &Request,
        flow: Flow,
        caller: &Caller,
        by: Referrer,
    ) -> Result<LegId, Reject> {
        let of_one = self.referrals.values().filter(|known| known.by == by.participant).count();
        let limits = &self.settings.limits;
        if of_one >= limits.referrals_of_one || self.referrals.len() >= limits.referrals {
            return Err(Reject::Overload);
        }
        let id = self.name_dialog();
        let (dialog, event_id) = match by.dialog {
            Some(dialog) => (dialog, self.event_id(dialog, request)),
            None => {
                self.check_size(request)?;
                let dialog = Dialog::uas(request, &self.tag(id), flow.transport)?;
                self.begin_bare(id, dialog, flow, caller);
                (id, None)
            }
        };
        let contact = message::contact(room, &flow, false, &self.settings);
        self.referrals.insert(id, Referral::new(by.participant, dialog, event_id, contact));
        Ok(id)
    }

    /// RFC 3515 §2.4.6: every REFER in a dialog but the first is told by its CSeq, which the first may be.
    fn event_id(&mut self, dialog: LegId, request: &Request) -> Option<u32> {
        let is_first = self.legs.get_mut(&dialog).is_some_and(|leg| !std::mem::replace(&mut leg.referred, true));
        request.headers.cseq().ok().map(|cseq| cseq.seq).filter(|_| !is_first)
    }

    fn accepted(&mut self, room: &Room, request: &Request, flow: Flow, referral: Option<LegId>) -> Response {
        let contact = message::contact(room, &flow, false, &self.settings);
        let mut response = message::ok(request, &contact, &self.settings);
        match referral {
            Some(_) => (response.code, response.reason) = (202, reason_phrase(202).into()),
            None => response.headers.push(HeaderName::ReferSub, "false"),
        }
        if request.headers.to_tag().is_ok_and(|tag| tag.is_none()) {
            let id = referral.unwrap_or_else(|| self.name_dialog());
            let tag = self.tag(id);
            response.copy_record_route(request);
            response.set_to_tag(&tag);
        }
        response
    }

    /// Whose dialog that is.
    fn participant_on(&self, room: &Room, leg: &Leg) -> Option<ParticipantId> {
        Some(room.session(leg.session()?)?.participant())
    }

    /// Whether one of a participant's dialogs is with this address.
    fn is_heard_from(&self, room: &Room, participant: ParticipantId, flow: Flow) -> bool {
        let here = flow.remote.ip().to_canonical();
        let sessions = room.participant(participant).map(|holder| holder.sessions()).unwrap_or_default();
        let mut theirs = sessions.iter().filter_map(|session| self.flow_of(*session));
        theirs.any(|own| own.remote.ip().to_canonical() == here)
    }
}

/// Who is told to have referred: whoever says so of itself, but nobody who hides (SIP-81).
fn referred_by(request: &Request, referrer: &Identity) -> Option<NameAddr> {
    // SIP-32: a malformed one is none.
    let said = request.headers.referred_by().ok().flatten()?;
    if referrer.is_anonymous() {
        return None;
    }
    let uri = if referrer.owns(&said.uri) { said.uri } else { referrer.aor.clone() };
    Some(NameAddr::new(uri.into_request_uri()))
}
