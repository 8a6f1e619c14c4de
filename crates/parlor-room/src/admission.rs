//! Who comes and goes.

use crate::identity::{ANONYMOUS_HOST, key_of};
use crate::{
    Capabilities, Departure, Endpoint, EndpointId, Gone, Identity, Participant, ParticipantId, Reject, Room, Session,
    SessionId, Surplus, Watchers,
};
use parlor_sip::Uri;
use std::collections::BTreeSet;
use std::time::Instant;

/// By how many further addresses one user may go.
const MOST_ALIASES: usize = 16;
/// How many pseudonyms that callers chose are remembered; after that they get ours.
const MOST_WANTED: usize = 4096;

impl Room {
    /// Whether a user would be let in with one more session.
    ///
    /// # Errors
    /// A [`Reject`] says which rule refuses.
    pub fn would_admit(&self, identity: &Identity) -> Result<(), Reject> {
        let rules = self.rules();
        self.would_allow(identity)?;
        let known = self.participant_who_is(identity).and_then(|id| self.participants.get(&id));
        match known.map(|known| self.endpoints_of(known).len()) {
            None if self.participants.len() >= rules.max_participants => Err(Reject::Full),
            Some(n) if n >= rules.max_sessions_per_participant && self.surplus_session(identity).is_none() => {
                Err(Reject::TooManySessions)
            }
            None | Some(_) => Ok(()),
        }
    }

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
    fn endpoints_of(&self, participant: &Participant) -> BTreeSet<EndpointId> {
        let sessions = participant.sessions.iter().filter_map(|id| self.sessions.get(id));
        sessions.filter(|session| !session.gives_way).map(|session| session.on).collect()
    }

    /// The sessions of a participant on one of its endpoints.
    fn on_endpoint<'a>(
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

    /// Whether a user may know who is in (EVT-31).
    ///
    /// # Errors
    /// A [`Reject`] says which rule refuses.
    pub fn would_show_roster(&self, identity: &Identity) -> Result<(), Reject> {
        match self.rules().roster {
            _ if self.participant_who_is(identity).is_some() => Ok(()),
            Watchers::Anyone => self.would_allow(identity),
            Watchers::Participants => Err(Reject::Forbidden),
        }
    }

    /// Whether the rules would let a user in at all, if there is a place.
    fn would_allow(&self, identity: &Identity) -> Result<(), Reject> {
        let rules = self.rules();
        if self.closing {
            return Err(Reject::Closing);
        }
        if identity.is_anonymous() && !rules.anonymous {
            return Err(Reject::Anonymous);
        }
        // Who has proven nothing does not take the place of one who has.
        let impersonates = !identity.is_proven() && self.holders(&identity.aor).any(|held| held.identity.is_proven());
        if impersonates || !rules.allow.has(identity) || rules.deny.has(identity) {
            return Err(Reject::Forbidden);
        }
        Ok(())
    }

    /// The endpoint of this session is about to be replaced by another one of the user, which has its place; or it is not
    /// after all.
    pub fn give_way(&mut self, session: SessionId, gives_way: bool) {
        let Some(on) = self.sessions.get(&session).map(|session| session.on) else { return };
        self.sessions.values_mut().filter(|session| session.on == on).for_each(|session| session.gives_way = gives_way);
    }

    /// Lets a user in with one more session: a new participant, or a further session of one who is in. One who wants to be
    /// anonymous gets a pseudonym (CHAT-101).
    ///
    /// # Errors
    /// A [`Reject`] says which rule refuses; nothing has changed then.
    pub fn admit(
        &mut self,
        identity: Identity,
        capabilities: Capabilities,
        endpoint: Endpoint,
    ) -> Result<SessionId, Reject> {
        self.would_admit(&identity)?;
        let session = self.name_session();
        self.admit_as(session, identity, capabilities, endpoint)?;
        Ok(session)
    }

    /// A name for a session that may begin later, by [`Room::admit_as`]: somebody is called and has not answered.
    pub fn name_session(&mut self) -> SessionId {
        SessionId(self.fresh_id())
    }

    /// The same as [`Room::admit`], for a session that was named before.
    ///
    /// # Errors
    /// A [`Reject`] says which rule refuses; nothing has changed then.
    pub fn admit_as(
        &mut self,
        session: SessionId,
        identity: Identity,
        capabilities: Capabilities,
        endpoint: Endpoint,
    ) -> Result<(), Reject> {
        self.would_admit(&identity)?;
        let participant = match self.participant_who_is(&identity) {
            Some(known) => {
                self.add_aliases(known, &identity);
                known
            }
            None => self.add_participant(identity),
        };
        let endpoint = self.shown_endpoint(participant, session, endpoint);
        let on = EndpointId(self.fresh_id());
        self.add_session(
            session,
            Session { participant, capabilities, on, endpoint, nickname: None, lost: false, gives_way: false },
        );
        Ok(())
    }

    /// Lets who has a session have another one on the same endpoint: a further media line of its dialog (REQ-1).
    pub fn admit_beside(&mut self, beside: SessionId, capabilities: Capabilities) -> Option<SessionId> {
        let known = self.sessions.get(&beside)?;
        let (participant, on, endpoint) = (known.participant, known.on, known.endpoint.clone());
        let session = self.name_session();
        self.add_session(
            session,
            Session { participant, capabilities, on, endpoint, nickname: None, lost: false, gives_way: false },
        );
        Some(session)
    }

    fn add_session(&mut self, id: SessionId, session: Session) {
        let participant = session.participant;
        if let Some(holder) = self.participants.get_mut(&participant) {
            holder.sessions.push(id);
        }
        self.sessions.insert(id, session);
        self.journal.changed(participant);
    }

    /// Replaces what a session can take after a new offer or answer (CHAT-18).
    pub fn update(&mut self, session: SessionId, capabilities: Capabilities) {
        if let Some(session) = self.sessions.get_mut(&session)
            && session.capabilities != capabilities
        {
            session.capabilities = capabilities;
            self.journal.changed(session.participant);
        }
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

    /// Ends a session, and with its last one a participant's stay. The nickname of one that others on its endpoint outlive
    /// is theirs.
    pub fn leave(&mut self, now: Instant, session: SessionId, how: Departure) {
        let heir = self.beside(session).next();
        if let Some(heir) = heir {
            self.hand_over(now, session, heir);
        }
        let Some(Session { participant, nickname, .. }) = self.sessions.remove(&session) else { return };
        if let Some(nickname) = nickname {
            let quarantine = self.rules().nickname_quarantine;
            self.nicknames.release(now, &nickname, session, quarantine);
        }
        let Some(holder) = self.participants.get_mut(&participant) else { return };
        holder.sessions.retain(|held| *held != session);
        if !holder.sessions.is_empty() {
            return self.journal.changed(participant);
        }
        if let Some(gone) = self.participants.remove(&participant) {
            for uri in gone.identity.uris() {
                self.disown(uri, participant);
            }
            self.users.remove_entry_of(&gone.identity.key(), participant);
            self.journal.left(participant, Gone { entity: gone.identity.aor.to_string().into(), how });
        }
    }

    /// The other sessions on the same endpoint, in the order in which they came.
    pub fn beside(&self, session: SessionId) -> impl Iterator<Item = SessionId> {
        let known = self.sessions.get(&session);
        let holder = known.and_then(|known| Some((self.participants.get(&known.participant)?, known.on)));
        let all = holder.into_iter().flat_map(|(holder, on)| self.on_endpoint(holder, on));
        all.map(|(id, _)| id).filter(move |id| *id != session)
    }

    /// From now on nobody is let in.
    pub fn close(&mut self) {
        self.closing = true;
        self.journal.described();
    }

    fn add_participant(&mut self, mut identity: Identity) -> ParticipantId {
        if identity.is_anonymous() && !identity.is_named() {
            let pseudonym = self.pseudonym(identity.aor.clone());
            identity.name(pseudonym);
        }
        let id = ParticipantId(self.fresh_id());
        for uri in identity.uris() {
            self.own(uri, id);
        }
        self.users.insert(identity.key(), id);
        let role = self.rules().roles.of(&identity);
        self.participants.insert(id, Participant { identity, role, sessions: Vec::new(), named_by: None });
        id
    }

    /// A user goes by further addresses on another device.
    fn add_aliases(&mut self, participant: ParticipantId, identity: &Identity) {
        let Some(holder) = self.participants.get_mut(&participant).filter(|_| !identity.is_anonymous()) else { return };
        let fresh: Vec<Uri> = identity.uris().filter(|uri| !holder.identity.owns(uri)).cloned().collect();
        let all = std::mem::take(&mut holder.identity.aliases).into_iter().chain(fresh.iter().cloned());
        holder.identity.aliases = all.take(MOST_ALIASES).collect();
        for uri in fresh {
            self.own(&uri, participant);
        }
    }

    /// The first who has an address keeps it while it is here.
    fn own(&mut self, uri: &Uri, participant: ParticipantId) {
        let key = key_of(uri);
        if *self.owners.entry(key.clone()).or_insert(participant) != participant {
            self.contested.insert(key);
        }
    }

    /// An address that others have too is theirs now.
    fn disown(&mut self, uri: &Uri, participant: ParticipantId) {
        let key = key_of(uri);
        self.owners.remove_entry_of(&key, participant);
        if self.owners.contains_key(&key) || !self.contested.remove(&key) {
            return;
        }
        let others = self.participants.iter().filter(|(_, other)| other.identity.owns(uri)).map(|(id, _)| *id);
        let others: Vec<_> = others.collect();
        others.into_iter().for_each(|id| self.own(uri, id));
    }

    /// Those that go by this address.
    pub(crate) fn holders<'a>(&'a self, uri: &'a Uri) -> impl Iterator<Item = &'a Participant> {
        let key = key_of(uri);
        let first = self.owners.get(&key).and_then(|id| self.participants.get(id));
        let is_contested = self.contested.contains(&key);
        let others = is_contested.then(|| self.participants.values().filter(move |held| held.identity.owns(uri)));
        first.into_iter().chain(others.into_iter().flatten())
    }

    /// The sessions of those who have taken the address of this user, who has proven that it is its own.
    pub fn impostors_of(&self, identity: &Identity) -> Vec<SessionId> {
        if !identity.is_proven() {
            return Vec::new();
        }
        let impostors = self.holders(&identity.aor).filter(|held| !held.identity.is_proven());
        impostors.flat_map(|held| held.sessions.iter().copied()).collect()
    }

    /// The pseudonym that was wanted, unless somebody has or had it here, else the next one (RFC 4575 §5.6). Those of the
    /// usual host are ours to give.
    fn pseudonym(&mut self, wanted: Uri) -> Uri {
        let is_usual = wanted.host().is_none_or(|host| host.eq_ignore_ascii_case(ANONYMOUS_HOST));
        let may_be_had = !is_usual && crate::is_anonymous(&wanted) && self.wanted.len() < MOST_WANTED;
        if may_be_had && self.wanted.insert(key_of(&wanted)) {
            return wanted;
        }
        let user = format!("anonymous{}", self.next_pseudonym);
        self.next_pseudonym += 1;
        Uri::sip(Some(&user), ANONYMOUS_HOST, None).expect("a URI")
    }

    /// EVT-55, EVT-56: unlike those of the user's other sessions, and no word of who or where an anonymous one is.
    fn shown_endpoint(&self, participant: ParticipantId, session: SessionId, endpoint: Endpoint) -> Endpoint {
        let Some(holder) = self.participants.get(&participant) else { return endpoint };
        let opaque = || format!("{};session={}", holder.identity.aor, session.0).into();
        if holder.identity.is_anonymous() {
            return Endpoint { entity: opaque(), referred_by: None, ..endpoint };
        }
        let mut others = holder.sessions.iter().filter_map(|id| self.sessions.get(id));
        if endpoint.entity.is_empty() || others.any(|other| other.endpoint.entity == endpoint.entity) {
            return Endpoint { entity: opaque(), ..endpoint };
        }
        endpoint
    }

    pub(crate) fn fresh_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }
}

/// Removing what is still somebody's.
trait RemoveEntryOf {
    fn remove_entry_of(&mut self, key: &str, participant: ParticipantId);
}

impl RemoveEntryOf for std::collections::BTreeMap<Box<str>, ParticipantId> {
    fn remove_entry_of(&mut self, key: &str, participant: ParticipantId) {
        if self.get(key) == Some(&participant) {
            self.remove(key);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{Direction, Hosts, JoiningMethod, Rules, TypeList, UserList};
    use std::sync::Arc;

    pub(crate) fn room(rules: Rules) -> Room {
        Room::new("lobby", Arc::new(Hosts::new("example.test", ["127.0.0.1".to_owned()])), rules).expect("a room")
    }

    pub(crate) fn identity(uri: &str) -> Identity {
        Identity::of(uri.parse().expect("a URI"))
    }

    pub(crate) fn now() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
        Instant::now()
    }

    pub(crate) fn capabilities() -> Capabilities {
        Capabilities {
            direction: Direction::SendRecv,
            wrapped_types: TypeList::any(),
            max_size: None,
            chatroom: true,
            nickname: false,
            private_messages: false,
        }
    }

    impl Room {
        pub(crate) fn join(&mut self, identity: Identity) -> Result<SessionId, Reject> {
            let endpoint = Endpoint {
                entity: "sip:device@192.0.2.1".into(),
                joined: now(),
                method: JoiningMethod::DialedIn,
                referred_by: None,
            };
            self.admit(identity, capabilities(), endpoint)
        }

        pub(crate) fn part(&mut self, session: SessionId) {
            self.leave(now(), session, Departure::Departed);
        }
    }

    #[test]
    fn one_user_with_two_sessions_is_one_participant() {
        let mut room = room(Rules::default());
        let first = room.join(identity("sip:alice@example.org")).expect("admitted");
        let second = room.join(identity("sip:alice@EXAMPLE.org:5070;transport=tcp")).expect("admitted");
        assert_eq!(room.participants().len(), 1);
        let entity = |id| room.session(id).expect("a session").endpoint().entity.clone();
        assert_ne!(entity(first), entity(second), "EVT-55");
        room.part(first);
        room.part(first);
        assert_eq!(room.participants().len(), 1);
        room.part(second);
        assert!(room.is_empty() && room.participants().len() == 0);
        room.join(identity("sip:alice@example.org")).expect("the URI is free again");
    }

    #[test]
    fn a_full_room_still_takes_further_sessions_of_those_who_are_in() {
        let mut room = room(Rules { max_participants: 1, max_sessions_per_participant: 2, ..Rules::default() });
        let first = room.join(identity("sip:alice@example.org")).expect("admitted");
        assert_eq!(room.join(identity("sip:bob@example.org")), Err(Reject::Full));
        room.join(identity("sip:alice@example.org")).expect("a second session");
        assert_eq!(room.join(identity("sip:alice@example.org")), Err(Reject::TooManySessions));
        room.set_lost(first, true);
        assert_eq!(room.surplus_session(&identity("sip:alice@example.org")), Some(first));
        room.join(identity("sip:alice@example.org")).expect("one gives way, as it has no connection");
    }

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

    /// Who may join: those of one list who are not in the other.
    #[test]
    fn rules_say_who_may_join() {
        let list = |pattern| UserList::parse([pattern]).expect("a pattern");
        let (allow, deny) = (list("example.org"), list("sip:mallory@example.org"));
        let mut room = room(Rules { allow, deny, anonymous: false, ..Rules::default() });
        assert!(room.join(identity("sip:alice@example.org")).is_ok());
        for refused in ["sip:mallory@example.org", "sip:bob@example.com"] {
            assert_eq!(room.join(identity(refused)), Err(Reject::Forbidden), "{refused}");
        }
        assert_eq!(room.join(identity("sip:bob@example.org").hidden(None)), Err(Reject::Anonymous));
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

    /// EVT-31: who may join may watch, unless the rules keep the roster for those who are in.
    #[test]
    fn rules_say_who_may_watch() {
        let allow = UserList::parse(["example.org"]).expect("a pattern");
        for (roster, outside) in [(Watchers::Anyone, Ok(())), (Watchers::Participants, Err(Reject::Forbidden))] {
            let mut room = room(Rules { allow: allow.clone(), roster, max_participants: 1, ..Rules::default() });
            room.join(identity("sip:alice@example.org")).expect("admitted");
            assert_eq!(room.would_show_roster(&identity("sip:alice@example.org")), Ok(()));
            assert_eq!(room.would_show_roster(&identity("sip:bob@example.org")), outside, "though the room is full");
            assert_eq!(room.would_show_roster(&identity("sip:carol@example.com")), Err(Reject::Forbidden));
        }
    }

    /// CHAT-101, EVT-56: each anonymous participant is somebody else, and none tells who it is.
    #[test]
    fn anonymous_participants_have_pseudonyms() {
        let mut room = room(Rules::default());
        let open = room.join(identity("sip:alice@example.org")).expect("admitted");
        let hidden = room.join(identity("sip:alice@example.org").hidden(None)).expect("admitted");
        let again = room.join(identity("sip:alice@example.org").hidden(None)).expect("admitted");
        let nobody = room.join(identity("sip:anonymous@anonymous.invalid").hidden(None)).expect("admitted");
        let nobody_else = room.join(identity("sip:anonymous@anonymous.invalid").hidden(None)).expect("admitted");
        let wanted: Uri = "sip:x7@privacy.invalid".parse().expect("a URI");
        let own = room.join(identity("sip:x7@privacy.invalid").hidden(Some(wanted))).expect("admitted");
        let aor = |id| room.participant_of(id).expect("a participant").identity().aor.to_string();
        assert_eq!(aor(open), "sip:alice@example.org");
        assert_eq!(aor(hidden), "sip:anonymous1@anonymous.invalid");
        assert_eq!(aor(again), aor(hidden));
        assert_eq!(aor(nobody), "sip:anonymous2@anonymous.invalid");
        assert_eq!(aor(nobody_else), "sip:anonymous3@anonymous.invalid");
        assert_eq!(aor(own), "sip:x7@privacy.invalid");
        for id in [hidden, again, nobody, own] {
            let shown = &room.session(id).expect("a session").endpoint().entity;
            assert!(shown.contains(".invalid"), "{shown}");
        }
    }

    /// The roster is told of those who came and went, each once.
    #[test]
    fn changes_are_those_since() {
        let mut room = room(Rules::default());
        let alice = room.join(identity("sip:alice@example.org")).expect("admitted");
        let seen = room.revision();
        let bob = room.join(identity("sip:bob@example.org")).expect("admitted");
        room.part(alice);
        room.set_topic("Beta");
        let changes = room.changes_since(seen).expect("known");
        assert_eq!(changes.present, [room.session(bob).expect("a session").participant()]);
        assert_eq!(changes.gone.iter().map(|gone| &*gone.entity).collect::<Vec<_>>(), ["sip:alice@example.org"]);
        assert!(changes.description);
        room.join(identity("sip:alice@example.org")).expect("admitted");
        assert!(room.changes_since(seen).expect("known").gone.is_empty(), "she is back");
    }

    /// CHAT-22: the addresses of all of a user's devices are its own.
    #[test]
    fn a_later_device_brings_its_addresses() {
        let mut room = room(Rules::default());
        let first = room.join(identity("sip:alice@example.org")).expect("admitted");
        let tel = "tel:+15551234".parse::<Uri>().expect("a URI");
        let other = identity("sip:alice@example.org").with(None, [tel.clone()].into());
        room.join(other).expect("admitted");
        assert!(room.is_sender(first, "tel:+15551234"));
        assert_eq!(room.participant_at(&tel), room.session(first).map(Session::participant));
    }

    /// CHAT-172: nobody gets a pseudonym that was another's, nor is anybody's device by it.
    #[test]
    fn a_pseudonym_is_given_once() {
        let mut room = room(Rules::default());
        let hidden = |uri: &str| identity(uri).hidden(Some(uri.parse().expect("a URI")));
        let aor = |room: &Room, id| room.participant_of(id).expect("a participant").identity().aor.to_string();
        let first = room.join(hidden("sip:anonymous@anonymous.invalid")).expect("admitted");
        let taken = aor(&room, first);
        let other = room.join(hidden(&taken)).expect("admitted");
        assert_ne!(aor(&room, other), taken);
        assert_eq!(room.participants().len(), 2);
        room.part(first);
        let later = room.join(hidden(&taken)).expect("admitted");
        assert_ne!(aor(&room, later), taken);
        let own = room.join(hidden("sip:x7@privacy.invalid")).expect("admitted");
        assert_eq!(aor(&room, own), "sip:x7@privacy.invalid");
        room.part(own);
        let later = room.join(hidden("sip:x7@privacy.invalid")).expect("admitted");
        assert_ne!(aor(&room, later), "sip:x7@privacy.invalid");
    }

    /// SIP-110: who has proven nothing is nobody's device, and gives way to who has.
    #[test]
    fn an_address_is_whose_it_is_proven_to_be() {
        let mut room = room(Rules::default());
        let guest = room.join(identity("sip:bob@example.org")).expect("admitted");
        let bob = identity("sip:bob@example.org").proven();
        assert_eq!(room.participant_who_is(&bob), None);
        assert_eq!(room.impostors_of(&bob), [guest]);
        room.part(guest);
        room.join(bob).expect("admitted");
        assert_eq!(room.join(identity("sip:bob@example.org")), Err(Reject::Forbidden));
    }

    /// An address of two is the other's when one leaves, and who left is told of.
    #[test]
    fn an_address_of_two_outlives_one() {
        let mut room = room(Rules::default());
        let tel = "tel:+15551234".parse::<Uri>().expect("a URI");
        let alice = room.join(identity("sip:alice@example.org").with(None, [tel.clone()].into())).expect("admitted");
        let desk = room.join(identity("tel:+15551234")).expect("admitted");
        let seen = room.revision();
        room.part(alice);
        assert_eq!(room.participant_at(&tel), room.session(desk).map(Session::participant));
        let back = room.join(identity("sip:alice@example.org").with(None, [tel.clone()].into())).expect("admitted");
        room.part(desk);
        let gone = room.changes_since(seen).expect("known").gone;
        assert_eq!(gone.iter().map(|gone| &*gone.entity).collect::<Vec<_>>(), ["tel:+15551234"]);
        assert_eq!(room.participant_at(&tel), room.session(back).map(Session::participant));
    }
}
