//! Who is called what (RFC 7701 §7).

use crate::nickname::Owner;
use crate::{Identity, Nickname, NicknameReject, ParticipantId, Room, SessionId, one_line};
use parlor_sip::Uri;
use std::time::Instant;

/// The longest name that people are shown, in characters; an address may have twice as many.
const LONGEST_SHOWN: usize = 64;

impl Room {
    /// Gives a session a nickname, or takes the one it has away.
    ///
    /// # Errors
    /// A [`NicknameReject`]; the session keeps what it has (CHAT-87).
    pub fn set_nickname(
        &mut self,
        now: Instant,
        session: SessionId,
        wanted: Option<&str>,
    ) -> Result<(), NicknameReject> {
        if !self.rules().nicknames {
            return Err(NicknameReject::NotAllowed);
        }
        let wanted = wanted.map(Nickname::new).transpose()?;
        let participant = self.sessions.get(&session).ok_or(NicknameReject::NotAllowed)?.participant;
        if self.is_called(participant, session, wanted.as_ref()) {
            return Ok(());
        }
        let owner = self.owner(participant);
        if let Some(wanted) = &wanted {
            let is_reserved = self.rules().reserves(wanted) || self.is_anothers_address(participant, wanted);
            if is_reserved || !self.nicknames.is_free_for(now, wanted, &owner) {
                return Err(NicknameReject::Taken);
            }
            self.nicknames.take(wanted, &owner, session);
        }
        self.rename(now, session, wanted);
        if let Some(holder) = self.participants.get_mut(&participant) {
            holder.named_by = Some(session);
        }
        self.journal.changed(participant);
        Ok(())
    }

    /// Whom a participant is known as where nothing else tells who it is, in one line: its nickname, which nobody else has, or its
    /// address. Anybody may choose any display name; what looks like an address, or is to end the brackets around it, is none as a
    /// nickname (CHAT-172).
    pub fn known_as(&self, participant: ParticipantId) -> Option<String> {
        let holder = self.participants.get(&participant)?;
        let nickname = self.nickname_of(participant).map(|nickname| one_line(nickname.as_str(), LONGEST_SHOWN));
        let nickname = nickname.filter(|name| !name.is_empty() && !name.contains(['@', ':', '<', '>']));
        Some(nickname.unwrap_or_else(|| one_line(&holder.identity.aor.to_string(), 2 * LONGEST_SHOWN)))
    }

    /// CHAT-172: whether a nickname looks like an address, and not like one of one's own.
    fn is_anothers_address(&self, participant: ParticipantId, wanted: &Nickname) -> bool {
        let text = wanted.as_str().trim_matches(['<', '>', '"', ' ']);
        let uri = text.parse::<Uri>().or_else(|_| format!("sip:{text}").parse()).ok().filter(|_| text.contains('@'));
        let own = self.participants.get(&participant).map(|holder| &holder.identity);
        uri.is_some_and(|uri| own.is_none_or(|own| !own.owns(&uri)))
    }

    /// Whether nothing would change: who asks for the same again and again makes nobody's roster change.
    fn is_called(&self, participant: ParticipantId, session: SessionId, wanted: Option<&Nickname>) -> bool {
        let last = self.participants.get(&participant).and_then(|holder| holder.named_by);
        let has = self.sessions.get(&session).and_then(|state| state.nickname.as_ref());
        has == wanted && (last == Some(session) || wanted.is_none())
    }

    /// The session has the new nickname already.
    fn rename(&mut self, now: Instant, session: SessionId, wanted: Option<Nickname>) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let same = |before: &Nickname| wanted.as_ref().is_some_and(|wanted| wanted.key() == before.key());
        let released = state.nickname.take().filter(|before| !same(before));
        state.nickname = wanted;
        if let Some(released) = released {
            let quarantine = self.rules().nickname_quarantine;
            self.nicknames.release(now, &released, session, quarantine);
        }
    }

    /// The nickname of one session of a participant becomes that of another one, which has none.
    pub(crate) fn pass_nickname(&mut self, now: Instant, from: SessionId, to: SessionId) {
        let Some(source) = self.sessions.get_mut(&from) else { return };
        let (participant, nickname) = (source.participant, source.nickname.take());
        let Some(nickname) = nickname else { return };
        let owner = self.owner(participant);
        self.nicknames.take(&nickname, &owner, to);
        let quarantine = self.rules().nickname_quarantine;
        self.nicknames.release(now, &nickname, from, quarantine);
        if let Some(target) = self.sessions.get_mut(&to) {
            target.nickname = Some(nickname);
        }
        if let Some(holder) = self.participants.get_mut(&participant).filter(|holder| holder.named_by == Some(from)) {
            holder.named_by = Some(to);
        }
        self.journal.changed(participant);
    }

    /// CHAT-106: of who is anonymous it is the account that holds a nickname, inside.
    fn owner(&self, participant: ParticipantId) -> Owner {
        let identity = self.participants.get(&participant).map(|holder| &holder.identity);
        Owner {
            key: identity.map(Identity::key).unwrap_or_default(),
            proven: identity.is_some_and(Identity::is_proven),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::admission::tests::{identity, now, room};
    use crate::{Nickname, NicknameReject, Rules};
    use std::time::Duration;

    /// CHAT-83, CHAT-86, CHAT-87: one user has a nickname, on several sessions if it likes; a refusal changes nothing.
    #[test]
    fn a_nickname_is_one_users() {
        let mut room = room(Rules::default());
        let alice = room.join(identity("sip:alice@example.org")).expect("admitted");
        let phone = room.join(identity("sip:alice@example.org")).expect("admitted");
        let bob = room.join(identity("sip:bob@example.org")).expect("admitted");
        let t = now();
        assert_eq!(room.set_nickname(t, alice, Some("Ally")), Ok(()));
        assert_eq!(room.set_nickname(t, phone, Some("ALLY")), Ok(()));
        let seen = room.revision();
        assert_eq!(room.set_nickname(t, phone, Some("ALLY")), Ok(()));
        assert_eq!(room.revision(), seen, "nothing has changed");
        assert_eq!(room.set_nickname(t, bob, Some("Bobby")), Ok(()));
        assert_eq!(room.set_nickname(t, bob, Some("ally")), Err(NicknameReject::Taken));
        assert_eq!(room.set_nickname(t, bob, Some("\u{7}")), Err(NicknameReject::Malformed));
        for address in ["sip:alice@example.org", "<sip:dave@example.org>", "dave@example.org"] {
            assert_eq!(room.set_nickname(t, bob, Some(address)), Err(NicknameReject::Taken), "{address}");
        }
        assert_eq!(room.set_nickname(t, bob, Some("bob@example.org")), Ok(()), "it is his");
        assert_eq!(room.set_nickname(t, bob, Some("Bobby")), Ok(()));
        assert_eq!(room.set_nickname(t, bob, Some(&"x".repeat(257))), Err(NicknameReject::Taken), "nobody gets it");
        let name = |room: &crate::Room, session| {
            let id = room.session(session).expect("a session").participant();
            room.nickname_of(id).map(|nickname| nickname.as_str().to_owned())
        };
        assert_eq!(name(&room, bob).as_deref(), Some("Bobby"));
        assert_eq!(name(&room, alice).as_deref(), Some("ALLY"), "CHAT-112: the latest");
        assert_eq!(room.set_nickname(t, phone, None), Ok(()));
        assert_eq!(name(&room, alice).as_deref(), Some("Ally"));
        room.part(alice);
        assert_eq!(room.set_nickname(t, bob, Some("ally")), Err(NicknameReject::Taken), "CHAT-89");
        let later = t + Rules::default().nickname_quarantine + Duration::from_secs(5);
        assert_eq!(room.set_nickname(later, bob, Some("ally")), Ok(()));
    }

    /// CHAT-81, CHAT-90.
    #[test]
    fn rules_may_reserve_or_forbid() {
        let reserved = [Nickname::new("Admin").expect("a nickname").key().into()].into();
        let mut room = room(Rules { reserved_nicknames: reserved, ..Rules::default() });
        let alice = room.join(identity("sip:alice@example.org")).expect("admitted");
        assert_eq!(room.set_nickname(now(), alice, Some("ADMIN")), Err(NicknameReject::Taken));
        let mut quiet = super::super::admission::tests::room(Rules { nicknames: false, ..Rules::default() });
        let alice = quiet.join(identity("sip:alice@example.org")).expect("admitted");
        assert_eq!(quiet.set_nickname(now(), alice, Some("Ally")), Err(NicknameReject::NotAllowed));
    }
}
