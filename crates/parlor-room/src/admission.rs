//! Who comes and goes.

use crate::{
    Capabilities, Departure, Direction, Endpoint, EndpointId, Gone, Identity, Nickname, Participant, ParticipantId,
    Reject, Room, Session, SessionId, TypeList, Watchers,
};
use std::time::Instant;

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
        self.add_session(session, Session::new(participant, capabilities, on, endpoint));
        Ok(())
    }

    /// Lets a user in with a device that takes part by SIP MESSAGE alone (MSG-52).
    ///
    /// # Errors
    /// As of [`Room::admit`].
    pub fn admit_by_message(&mut self, identity: Identity, endpoint: Endpoint) -> Result<SessionId, Reject> {
        let capabilities = Capabilities {
            direction: Direction::SendRecv,
            wrapped_types: TypeList::any(),
            max_size: None,
            chatroom: true,
            nickname: true,
            private_messages: true,
        };
        let session = self.admit(identity, capabilities, endpoint)?;
        if let Some(own) = self.sessions.get_mut(&session) {
            own.by_message = true;
        }
        Ok(session)
    }

    /// Lets who has a session have another one on the same endpoint: a further media line of its dialog (REQ-1).
    pub fn admit_beside(&mut self, beside: SessionId, capabilities: Capabilities) -> Option<SessionId> {
        let known = self.sessions.get(&beside)?;
        let (participant, on, endpoint) = (known.participant, known.on, known.endpoint.clone());
        let session = self.name_session();
        self.add_session(session, Session::new(participant, capabilities, on, endpoint));
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

    /// Ends a session, and with its last one a participant's stay. The nickname of one that others on its endpoint outlive
    /// is theirs.
    pub fn leave(&mut self, now: Instant, session: SessionId, how: Departure) {
        let heir = self.beside(session).next();
        if let Some(heir) = heir {
            self.hand_over(now, session, heir);
        }
        let Some(Session { participant, nickname, .. }) = self.sessions.remove(&session) else { return };
        if let Some(nickname) = &nickname {
            let quarantine = self.rules().nickname_quarantine;
            self.nicknames.release(now, nickname, session, quarantine);
        }
        let Some(holder) = self.participants.get_mut(&participant) else { return };
        holder.sessions.retain(|held| *held != session);
        if !holder.sessions.is_empty() {
            return self.journal.changed(participant);
        }
        if let Some(gone) = self.participants.remove(&participant) {
            if self.rules().keep_mentions {
                self.mentions.note(now, &gone.identity, nickname.as_ref().map(Nickname::as_str));
            }
            for uri in gone.identity.uris() {
                self.disown(uri, participant);
            }
            self.users.remove(&gone.identity.key());
            self.journal.left(participant, Gone { entity: gone.identity.aor.to_string().into(), how });
        }
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

    pub(crate) fn fresh_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{Hosts, JoiningMethod, Rules, UserList};
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
}
