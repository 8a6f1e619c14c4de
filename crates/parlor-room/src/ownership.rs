//! Who goes by which address, and under which pseudonym.

use crate::identity::{ANONYMOUS_HOST, key_of};
use crate::{Identity, Participant, ParticipantId, Room, SessionId};
use parlor_sip::Uri;

/// By how many further addresses one user may go.
const MOST_ALIASES: usize = 16;
/// How many pseudonyms that callers chose are remembered; after that they get ours.
const MOST_WANTED: usize = 4096;

impl Room {
    /// A user goes by further addresses on another device.
    pub(crate) fn add_aliases(&mut self, participant: ParticipantId, identity: &Identity) {
        let Some(holder) = self.participants.get_mut(&participant).filter(|_| !identity.is_anonymous()) else { return };
        let space = MOST_ALIASES.saturating_sub(holder.identity.aliases.len());
        let fresh = identity.uris().filter(|uri| !holder.identity.owns(uri)).take(space);
        let fresh: Vec<Uri> = fresh.cloned().collect();
        let known = std::mem::take(&mut holder.identity.aliases);
        holder.identity.aliases = known.into_iter().chain(fresh.iter().cloned()).collect();
        for uri in fresh {
            self.own(&uri, participant);
        }
    }

    /// The first who has an address keeps it while it is here.
    pub(crate) fn own(&mut self, uri: &Uri, participant: ParticipantId) {
        let key = key_of(uri);
        if *self.owners.entry(key.clone()).or_insert(participant) != participant {
            self.contested.insert(key);
        }
    }

    /// An address that others have too is theirs now.
    pub(crate) fn disown(&mut self, uri: &Uri, participant: ParticipantId) {
        let key = key_of(uri);
        if self.owners.get(&key) != Some(&participant) {
            return;
        }
        self.owners.remove(&key);
        if !self.contested.remove(&key) {
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

    /// The pseudonym that was wanted, unless somebody has or had it here, or left a file by it, else the next one (RFC 4575 §5.6). Those of the
    /// usual host are ours to give.
    pub(crate) fn pseudonym(&mut self, wanted: Uri) -> Uri {
        let is_usual = wanted.host().is_none_or(|host| host.eq_ignore_ascii_case(ANONYMOUS_HOST));
        let may_be_had = !is_usual && crate::is_anonymous(&wanted) && self.wanted.len() < MOST_WANTED;
        if may_be_had && !self.has_file_of(&wanted) && self.wanted.insert(key_of(&wanted)) {
            return wanted;
        }
        loop {
            let user = format!("anonymous{}", self.next_pseudonym);
            self.next_pseudonym += 1;
            let pseudonym = Uri::sip(Some(&user), ANONYMOUS_HOST, None).expect("a URI");
            if !self.has_file_of(&pseudonym) {
                return pseudonym;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::tests::{identity, room};
    use crate::{Reject, Rules, Session};

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

    /// CHAT-22: nobody has more addresses than are remembered, and none of them outlives its stay.
    #[test]
    fn addresses_beyond_the_bound_are_free() {
        let mut room = room(Rules::default());
        let tel = |n: usize| format!("tel:+1555{n:04}").parse::<Uri>().expect("a URI");
        let sessions = [&[][..], &(0..=MOST_ALIASES).map(tel).collect::<Vec<_>>()].map(|aliases| {
            let alice = identity("sip:alice@example.org").with(None, aliases.into());
            room.join(alice).expect("admitted")
        });
        let alice = room.session(sessions[0]).map(Session::participant);
        assert_eq!(room.participant_at(&tel(MOST_ALIASES - 1)), alice);
        assert_eq!(room.participant_at(&tel(MOST_ALIASES)), None);
        sessions.into_iter().for_each(|session| room.part(session));
        for n in [0, MOST_ALIASES] {
            assert_eq!(room.participant_at(&tel(n)), None);
            let other = room.join(identity(&tel(n).to_string())).expect("admitted");
            assert_eq!(room.participant_at(&tel(n)), room.session(other).map(Session::participant));
        }
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

    /// CHAT-172: what outlived its room under a pseudonym is nobody's later.
    #[test]
    fn a_pseudonym_with_files_is_not_given() {
        let mut room = room(Rules::default());
        room.add_file(crate::SharedFile {
            name: "test.bin".into(),
            kind: "text/plain".into(),
            size: Some(1),
            hashes: crate::FileHashes::default(),
            sender: "sip:anonymous1@anonymous.invalid".into(),
            sender_name: None,
            state: crate::FileState::Complete,
            expires: None,
        });
        let nobody = room.join(identity("sip:anonymous@anonymous.invalid").hidden(None)).expect("admitted");
        let aor = room.participant_of(nobody).expect("a participant").identity().aor.to_string();
        assert_eq!(aor, "sip:anonymous2@anonymous.invalid");
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
