//! The endpoints of a user: each is a device with one session or more.

use crate::{Endpoint, EndpointId, Identity, Participant, ParticipantId, Room, Session, SessionId, Surplus};
use std::collections::BTreeSet;
use std::time::Instant;

/// The longest name that a device is shown by, in octets.
const LONGEST_ENTITY: usize = 255;

impl Room {
    /// A session on that endpoint of this user that is to end when it gets one more: one that has lost its connection, else
    /// by the rules the oldest one (CHAT-154).
    pub fn surplus_session(&self, identity: &Identity) -> Option<SessionId> {
        let known = self.participants.get(&self.participant_who_is(identity)?)?;
        let endpoints = self.endpoints_of(known);
        if endpoints.len() < self.rules().max_sessions_per_participant {
            return None;
        }
        let is_lost = |on: &&EndpointId| self.on_endpoint(known, **on).all(|(_, session)| session.lost);
        let oldest = endpoints.first().filter(|_| self.rules().surplus == Surplus::Replace);
        let surplus = endpoints.iter().find(is_lost).or(oldest)?;
        self.on_endpoint(known, *surplus).next().map(|(id, _)| id)
    }

    /// The endpoints of a participant in the order in which they came, but for one that is being replaced.
    pub(crate) fn endpoints_of(&self, participant: &Participant) -> BTreeSet<EndpointId> {
        let sessions = participant.sessions.iter().filter_map(|id| self.sessions.get(id));
        sessions.filter(|session| !session.gives_way).map(|session| session.on).collect()
    }

    /// The sessions of a participant on one of its endpoints.
    pub(crate) fn on_endpoint<'a>(
        &'a self,
        participant: &'a Participant,
        on: EndpointId,
    ) -> impl Iterator<Item = (SessionId, &'a Session)> {
        let known = participant.sessions.iter().filter_map(|id| Some((*id, self.sessions.get(id)?)));
        known.filter(move |(_, session)| session.on == on)
    }

    /// A session has lost its connection, or has one again.
    pub fn set_lost(&mut self, session: SessionId, lost: bool) {
        if let Some(session) = self.sessions.get_mut(&session) {
            session.lost = lost;
        }
    }

    /// The endpoint of this session is about to be replaced by another one of the user, which has its place; or it is not
    /// after all.
    pub fn give_way(&mut self, session: SessionId, gives_way: bool) {
        let Some(on) = self.sessions.get(&session).map(|session| session.on) else { return };
        self.sessions.values_mut().filter(|session| session.on == on).for_each(|session| session.gives_way = gives_way);
    }

    /// `heir`, a session of the same participant, takes the place of an endpoint that is about to end: it goes on under the
    /// nickname of its sessions, unless it has one of its own (SIP-84).
    pub fn hand_over(&mut self, now: Instant, session: SessionId, heir: SessionId) {
        let Some((from, to)) = self.sessions.get(&session).zip(self.sessions.get(&heir)) else { return };
        let Some(holder) = self.participants.get(&from.participant) else { return };
        let may_have_it = from.participant == to.participant && to.nickname.is_none();
        let named = self.on_endpoint(holder, from.on).find(|(_, session)| session.nickname.is_some()).map(|(id, _)| id);
        if let Some(named) = named.filter(|_| may_have_it) {
            self.pass_nickname(now, named, heir);
        }
    }

    /// The other sessions on the same endpoint, in the order in which they came.
    pub fn beside(&self, session: SessionId) -> impl Iterator<Item = SessionId> {
        let known = self.sessions.get(&session);
        let holder = known.and_then(|known| Some((self.participants.get(&known.participant)?, known.on)));
        let all = holder.into_iter().flat_map(|(holder, on)| self.on_endpoint(holder, on));
        all.map(|(id, _)| id).filter(move |id| *id != session)
    }

    /// EVT-55, EVT-56: unlike those of the user's other sessions, and no word of who or where an anonymous one is.
    pub(crate) fn shown_endpoint(
        &self,
        participant: ParticipantId,
        session: SessionId,
        endpoint: Endpoint,
    ) -> Endpoint {
        let Some(holder) = self.participants.get(&participant) else { return endpoint };
        let opaque = || format!("{};session={}", holder.identity.aor, session.0).into();
        if holder.identity.is_anonymous() {
            return Endpoint { entity: opaque(), referred_by: None, ..endpoint };
        }
        let mut others = holder.sessions.iter().filter_map(|id| self.sessions.get(id));
        let is_short = (1..=LONGEST_ENTITY).contains(&endpoint.entity.len());
        if !is_short || others.any(|other| other.endpoint.entity == endpoint.entity) {
            return Endpoint { entity: opaque(), ..endpoint };
        }
        endpoint
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::tests::{capabilities, identity, now, room};
    use crate::{Reject, Rules};

    /// CHAT-154: by the rules the oldest session ends, but before it one that has lost its connection; its place is taken
    /// under the nickname it had.
    #[test]
    fn a_surplus_session_takes_the_place_of_another() {
        let alice = || identity("sip:alice@example.org");
        let rules = Rules { max_sessions_per_participant: 2, surplus: Surplus::Replace, ..Rules::default() };
        let mut room = room(rules);
        let first = room.join(alice()).expect("admitted");
        assert_eq!(room.surplus_session(&alice()), None);
        let second = room.join(alice()).expect("admitted");
        assert_eq!(room.surplus_session(&alice()), Some(first));
        room.set_lost(second, true);
        assert_eq!(room.surplus_session(&alice()), Some(second));
        room.set_nickname(now(), second, Some("Ally")).expect("free");
        let third = room.join(alice()).expect("admitted");
        room.hand_over(now(), second, third);
        room.part(second);
        let id = room.session(third).expect("a session").participant();
        assert_eq!(room.nickname_of(id).map(|nickname| nickname.as_str()), Some("Ally"));
        let bob = room.join(identity("sip:bob@example.org")).expect("admitted");
        assert!(room.set_nickname(now(), bob, Some("ally")).is_err(), "it is still hers");
        room.hand_over(now(), third, bob);
        assert!(room.session(bob).expect("a session").nickname().is_none(), "to nobody else");
    }

    /// EVT-55: however long a Contact is, what the roster shows of a device is short.
    #[test]
    fn what_a_device_calls_itself_is_shown_unless_it_is_long() {
        let mut room = room(Rules::default());
        let shown = |room: &mut Room, entity: &str| {
            let first = room.join(identity("sip:alice@example.org")).expect("admitted");
            let id = room.session(first).expect("a session").participant();
            let endpoint = room.session(first).expect("a session").endpoint().clone();
            room.shown_endpoint(id, first, Endpoint { entity: entity.into(), ..endpoint }).entity
        };
        let contact = "sip:alice@192.0.2.1:5060;transport=tcp";
        assert_eq!(&*shown(&mut room, contact), contact);
        assert!(shown(&mut room, &format!("{contact};x={}", "&".repeat(300))).len() < 100);
    }

    /// REQ-1, CHAT-5: all sessions on one endpoint count as one; they end by themselves, and their nickname is not lost with
    /// one of them.
    #[test]
    fn sessions_on_one_endpoint_are_one_to_others() {
        let alice = || identity("sip:alice@example.org");
        let mut room = room(Rules { max_sessions_per_participant: 2, ..Rules::default() });
        let first = room.join(alice()).expect("admitted");
        let beside = room.admit_beside(first, capabilities()).expect("a further line");
        let on = |room: &Room, id| room.session(id).expect("a session").on();
        assert_eq!(on(&room, first), on(&room, beside));
        let phone = room.join(alice()).expect("a second endpoint");
        assert_ne!(on(&room, first), on(&room, phone));
        assert_eq!(room.join(alice()), Err(Reject::TooManySessions));
        room.set_lost(first, true);
        assert_eq!(room.surplus_session(&alice()), None, "one line has its connection");
        room.set_lost(beside, true);
        assert_eq!(room.surplus_session(&alice()), Some(first));
        room.set_nickname(now(), first, Some("Ally")).expect("free");
        room.part(first);
        let nickname = room.session(beside).expect("a session").nickname().map(|nickname| nickname.as_str());
        assert_eq!(nickname, Some("Ally"));
        room.part(beside);
        assert_eq!(room.participants().len(), 1);
        assert_eq!(room.admit_beside(beside, capabilities()), None);
    }
}
