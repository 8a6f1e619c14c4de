//! REFER: a participant has the focus call or remove somebody (RFC 3515, RFC 4579 §§5.5, 5.11).

use crate::dial_out::Invitation;
use crate::focus::Answer;
use crate::invite::contact;
use crate::leg::LegId;
use crate::referral::{Referral, Usage};
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
}

/// Who sends a REFER, and in what dialog if it is in one.
#[derive(Clone, Copy, Debug)]
struct Referrer {
    participant: ParticipantId,
    leg: Option<LegId>,
}

impl Focus {
    /// A REFER outside of any dialog. Who has proven nothing is believed to be a participant only where that participant's
    /// own requests come from, so that nobody outside of the room can control it.
    pub(crate) fn refer(
        &mut self,
        now: Instant,
        room: &mut Room,
        request: &Request,
        flow: Flow,
        caller: &Caller,
    ) -> Result<Answer, Reject> {
        uas::admissible(request)?;
        contact(&request.headers)?;
        let identity = identity::identify(request, caller, &self.settings.limits)?;
        let participant = room.participant_who_is(&identity).ok_or(Reject::Forbidden)?;
        if caller.verified.is_none() && !self.is_heard_from(room, participant, flow) {
            return Err(Reject::Forbidden);
        }
        self.run_errand(now, room, request, flow, Referrer { participant, leg: None })
    }

    /// A REFER within a participant's dialog.
    pub(crate) fn refer_in_dialog(
        &mut self,
        now: Instant,
        room: &mut Room,
        id: LegId,
        request: &Request,
        flow: Flow,
    ) -> Result<Answer, Reject> {
        uas::admissible(request)?;
        contact(&request.headers)?;
        let session = self.legs.get(&id).and_then(|leg| leg.session()).ok_or(Reject::Forbidden)?;
        let participant = room.session(session).ok_or(Reject::Forbidden)?.participant();
        let answer = self.run_errand(now, room, request, flow, Referrer { participant, leg: Some(id) })?;
        // It may have removed itself.
        if self.legs.contains_key(&id) {
            self.follow(id, request, flow)?;
        }
        Ok(answer)
    }

    fn run_errand(
        &mut self,
        now: Instant,
        room: &mut Room,
        request: &Request,
        flow: Flow,
        by: Referrer,
    ) -> Result<Answer, Reject> {
        let errand = self.errand(room, by.participant, request)?;
        // RFC 4488 §4: a REFER may do without word of what comes of it.
        let referral = match request.headers.refer_sub() {
            true => Some(self.begin_referral(room, request, flow, by)?),
            false => None,
        };
        match errand {
            Errand::Invite(invitation) => {
                let called = self.call_out(room, *invitation, referral);
                if let (Err(_), Some(referral)) = (&called, referral) {
                    self.end_referral(referral);
                }
                called?;
            }
            Errand::AlreadyIn => self.tell_referrer(referral, 200),
            Errand::Remove(who) => {
                self.eject(now, room, who);
                self.tell_referrer(referral, 200);
            }
        }
        Ok(Answer { referral, ..self.accepted(room, request, flow, referral).into() })
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
                if room.participant_who_is(&callee).is_some() {
                    return Ok(Errand::AlreadyIn);
                }
                let referred_by = referred_by(request, referrer.identity());
                Ok(Errand::Invite(Box::new(Invitation { callee: target, referred_by, history: None })))
            }
            Method::Bye => {
                let who = room.participant_at(&target.uri);
                let role = who.and_then(|who| room.participant(who)).map(|who| who.role());
                match (who, role) {
                    (Some(who), _) if who == by => Ok(Errand::Remove(who)),
                    _ if !may(Action::Remove) => Err(Reject::Forbidden),
                    (Some(who), Some(role)) if role <= referrer.role() => Ok(Errand::Remove(who)),
                    (Some(_), _) => Err(Reject::Forbidden),
                    (None, _) => Err(Reject::NotFound),
                }
            }
            // SIP-79: no other method is sent to anybody.
            _ => Err(Reject::Forbidden),
        }
    }

    /// The implicit subscription of a REFER (SIP-80).
    fn begin_referral(&mut self, room: &Room, request: &Request, flow: Flow, by: Referrer) -> Result<LegId, Reject> {
        let of_one = self.referrals.values().filter(|known| known.by == by.participant).count();
        let limits = &self.settings.limits;
        if of_one >= limits.referrals_of_one || self.referrals.len() >= limits.referrals {
            return Err(Reject::Overload);
        }
        let id = self.name_dialog();
        let (usage, event_id) = match by.leg {
            Some(leg) => (Usage::Leg(leg), self.next_event_id(leg, request)),
            None => {
                self.check_size(request)?;
                let dialog = Dialog::uas(request, &self.tag(id), flow.transport)?;
                (Usage::Own(Box::new(dialog), flow), None)
            }
        };
        let contact = message::contact(room, &flow, false, &self.settings);
        self.referrals.insert(id, Referral::new(by.participant, usage, event_id, contact));
        Ok(id)
    }

    /// RFC 3515 §2.4.6: every REFER in a dialog but the first is told by its CSeq.
    fn next_event_id(&mut self, leg: LegId, request: &Request) -> Option<u32> {
        let leg = self.legs.get_mut(&leg)?;
        let is_first = !std::mem::replace(&mut leg.referred, true);
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

    /// Whether one of a participant's dialogs is with this address.
    fn is_heard_from(&self, room: &Room, participant: ParticipantId, flow: Flow) -> bool {
        let is_theirs = |session| room.session(session).is_some_and(|own| own.participant() == participant);
        let here = flow.remote.ip().to_canonical();
        let mut theirs = self.legs.values().filter(|leg| leg.session().is_some_and(is_theirs));
        theirs.any(|leg| leg.flow.remote.ip().to_canonical() == here)
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
