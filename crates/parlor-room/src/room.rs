//! The room itself.

use crate::participant::key_of;
use crate::{Capabilities, Hosts, Identity, Participant, ParticipantId, Reject, Rules, Session, SessionId};
use parlor_sip::{Uri, UriError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A chat room: its participants, their sessions and its rules.
#[derive(Debug)]
pub struct Room {
    name: Box<str>,
    uri: Uri,
    hosts: Arc<Hosts>,
    rules: Rules,
    participants: BTreeMap<ParticipantId, Participant>,
    /// Who a URI belongs to.
    owners: BTreeMap<Box<str>, ParticipantId>,
    sessions: BTreeMap<SessionId, Session>,
    next_id: u64,
    closing: bool,
}

impl Room {
    /// An empty room. `name` is the user part of its URI at the domain of `hosts`.
    ///
    /// # Errors
    /// When no URI can be made of the name.
    pub fn new(name: &str, hosts: Arc<Hosts>, rules: Rules) -> Result<Self, UriError> {
        let uri = Uri::sip(Some(name), hosts.domain(), None)?;
        Ok(Self {
            name: name.into(),
            uri,
            hosts,
            rules,
            participants: BTreeMap::new(),
            owners: BTreeMap::new(),
            sessions: BTreeMap::new(),
            next_id: 1,
            closing: false,
        })
    }

    /// The user part of the room's URI.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The room's URI in the one spelling that the server writes.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The hosts under which the room is known.
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// The room's rules.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Whether nobody is in.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// The participants in the order in which they came.
    pub fn participants(&self) -> impl ExactSizeIterator<Item = (ParticipantId, &Participant)> {
        self.participants.iter().map(|(id, participant)| (*id, participant))
    }

    /// The sessions in the order in which they came.
    pub fn sessions(&self) -> impl ExactSizeIterator<Item = (SessionId, &Session)> {
        self.sessions.iter().map(|(id, session)| (*id, session))
    }

    /// One session.
    pub fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(&id)
    }

    /// Who holds this session.
    pub fn participant_of(&self, session: SessionId) -> Option<&Participant> {
        self.participants.get(&self.sessions.get(&session)?.participant)
    }

    /// Whether `uri` names this room, at any address of the server (CHAT-51).
    pub fn is_named_by(&self, uri: &Uri) -> bool {
        self.hosts.local_user(uri).is_some_and(|user| Some(user) == self.uri.user())
    }

    /// Whether `uri`, as the sender of a message wrote it, names this room.
    pub fn is_addressed_by(&self, uri: &str) -> bool {
        uri.parse().is_ok_and(|uri| self.is_named_by(&uri))
    }

    /// Whether `uri`, as the sender of a message wrote it, is one of the URIs of whoever holds this session (CHAT-22).
    pub fn is_sender(&self, session: SessionId, uri: &str) -> bool {
        let holder = self.participant_of(session);
        uri.parse().is_ok_and(|uri| holder.is_some_and(|holder| holder.identity.owns(&uri)))
    }

    /// Whether a user would be let in with one more session.
    ///
    /// # Errors
    /// A [`Reject`] says which rule refuses.
    pub fn would_admit(&self, identity: &Identity) -> Result<(), Reject> {
        let sessions = self.owner(identity).map(|(_, known)| known.sessions.len());
        match sessions {
            _ if self.closing => Err(Reject::Closing),
            None if self.participants.len() >= self.rules.max_participants => Err(Reject::Full),
            Some(n) if n >= self.rules.max_sessions_per_participant => Err(Reject::TooManySessions),
            None | Some(_) => Ok(()),
        }
    }

    /// Lets a user in with one more session: a new participant, or a further session of one who is in.
    ///
    /// # Errors
    /// A [`Reject`] says which rule refuses; nothing has changed then.
    pub fn admit(&mut self, identity: Identity, capabilities: Capabilities) -> Result<SessionId, Reject> {
        self.would_admit(&identity)?;
        let known = self.owner(&identity).map(|(id, _)| id);
        let participant = known.unwrap_or_else(|| ParticipantId(self.fresh_id()));
        if known.is_none() {
            for uri in identity.uris() {
                self.owners.entry(key_of(uri)).or_insert(participant);
            }
        }
        let session = SessionId(self.next_id);
        let holder = self.participants.entry(participant).or_insert(Participant { identity, sessions: Vec::new() });
        holder.sessions.push(session);
        self.next_id += 1;
        self.sessions.insert(session, Session { participant, capabilities });
        Ok(session)
    }

    /// Replaces what a session can take after a new offer or answer (CHAT-18).
    pub fn update(&mut self, session: SessionId, capabilities: Capabilities) {
        if let Some(session) = self.sessions.get_mut(&session) {
            session.capabilities = capabilities;
        }
    }

    /// Ends a session, and with its last one a participant's stay.
    pub fn leave(&mut self, session: SessionId) {
        let Some(Session { participant, .. }) = self.sessions.remove(&session) else { return };
        let Some(holder) = self.participants.get_mut(&participant) else { return };
        holder.sessions.retain(|held| *held != session);
        if holder.sessions.is_empty()
            && let Some(gone) = self.participants.remove(&participant)
        {
            for key in gone.identity.uris().map(key_of) {
                if self.owners.get(&key) == Some(&participant) {
                    self.owners.remove(&key);
                }
            }
        }
    }

    /// From now on nobody is let in.
    pub fn close(&mut self) {
        self.closing = true;
    }

    fn owner(&self, identity: &Identity) -> Option<(ParticipantId, &Participant)> {
        let id = *self.owners.get(&identity.key())?;
        Some((id, self.participants.get(&id)?))
    }

    fn fresh_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Direction, TypeList};

    fn room(rules: Rules) -> Room {
        Room::new("lobby", Arc::new(Hosts::new("example.test", ["127.0.0.1".to_owned()])), rules).expect("a room")
    }

    fn identity(uri: &str) -> Identity {
        Identity { aor: uri.parse::<Uri>().expect("a URI"), display: None, aliases: Box::new([]) }
    }

    fn capabilities() -> Capabilities {
        Capabilities {
            direction: Direction::SendRecv,
            wrapped_types: TypeList::any(),
            max_size: None,
            nickname: false,
            private_messages: false,
        }
    }

    #[test]
    fn one_user_with_two_sessions_is_one_participant() {
        let mut room = room(Rules::default());
        let first = room.admit(identity("sip:alice@example.org"), capabilities()).expect("admitted");
        let second =
            room.admit(identity("sip:alice@EXAMPLE.org:5070;transport=tcp"), capabilities()).expect("admitted");
        assert_eq!(room.participants().len(), 1);
        room.leave(first);
        room.leave(first);
        assert_eq!(room.participants().len(), 1);
        room.leave(second);
        assert!(room.is_empty() && room.participants().len() == 0);
        room.admit(identity("sip:alice@example.org"), capabilities()).expect("the URI is free again");
    }

    #[test]
    fn a_full_room_still_takes_further_sessions_of_those_who_are_in() {
        let mut room = room(Rules { max_participants: 1, max_sessions_per_participant: 2, ..Rules::default() });
        room.admit(identity("sip:alice@example.org"), capabilities()).expect("admitted");
        assert_eq!(room.admit(identity("sip:bob@example.org"), capabilities()), Err(Reject::Full));
        room.admit(identity("sip:alice@example.org"), capabilities()).expect("a second session");
        let third = room.admit(identity("sip:alice@example.org"), capabilities());
        assert_eq!(third, Err(Reject::TooManySessions));
    }

    #[test]
    fn the_room_is_its_user_part_at_any_of_our_hosts() {
        let room = room(Rules::default());
        for ours in ["sip:lobby@example.test", "sip:lobby@127.0.0.1:5060;transport=tcp", "sips:lobby@Example.Test"] {
            assert!(room.is_named_by(&ours.parse::<Uri>().expect("a URI")), "{ours}");
        }
        for other in ["sip:lobby@example.org", "sip:den@example.test", "tel:+15551234"] {
            assert!(!room.is_named_by(&other.parse::<Uri>().expect("a URI")), "{other}");
        }
    }
}
