//! The room itself.

use crate::{Capabilities, Hosts, Identity, Participant, ParticipantId, Reject, Rules, Session, SessionId};
use parlor_sip::Uri;
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
    sessions: BTreeMap<SessionId, Session>,
    next_id: u64,
    version: u64,
    closing: bool,
}

/// What changed when a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departed {
    /// Whose session it was.
    pub participant: ParticipantId,
    /// Whether it was the last one, so that the participant has left the room.
    pub left: bool,
}

impl Room {
    /// An empty room. `name` is the user part of its URI at the domain of `hosts`.
    pub fn new(name: &str, hosts: Arc<Hosts>, rules: Rules) -> Self {
        let uri = Uri::sip(Some(name), hosts.domain(), None);
        Self {
            name: name.into(),
            uri,
            hosts,
            rules,
            participants: BTreeMap::new(),
            sessions: BTreeMap::new(),
            next_id: 1,
            version: 0,
            closing: false,
        }
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

    /// Grows with every change of the roster.
    pub fn version(&self) -> u64 {
        self.version
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

    /// One participant.
    pub fn participant(&self, id: ParticipantId) -> Option<&Participant> {
        self.participants.get(&id)
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
        self.hosts.local_user(uri).is_some_and(|user| user == &*self.name)
    }

    /// Lets a user in with one more session: a new participant, or a further session of one who is in.
    ///
    /// # Errors
    /// A [`Reject`] says which rule refuses; nothing has changed then.
    pub fn admit(&mut self, identity: Identity, capabilities: Capabilities) -> Result<SessionId, Reject> {
        if self.closing {
            return Err(Reject::Closing);
        }
        let known = self.participants.iter().find(|(_, p)| p.identity.owns(&identity.aor)).map(|(id, _)| *id);
        let participant = match known {
            Some(id) => id,
            None if self.participants.len() >= self.rules.max_participants => return Err(Reject::Full),
            None => ParticipantId(self.fresh_id()),
        };
        let session = SessionId(self.next_id);
        let holder = self.participants.entry(participant).or_insert(Participant { identity, sessions: Vec::new() });
        if holder.sessions.len() >= self.rules.max_sessions_per_participant {
            return Err(Reject::TooManySessions);
        }
        holder.sessions.push(session);
        self.next_id += 1;
        self.sessions.insert(session, Session { participant, capabilities });
        self.version += 1;
        Ok(session)
    }

    /// Replaces what a session can take after a new offer or answer (CHAT-18).
    pub fn update(&mut self, session: SessionId, capabilities: Capabilities) {
        if let Some(session) = self.sessions.get_mut(&session) {
            session.capabilities = capabilities;
            self.version += 1;
        }
    }

    /// Ends a session; `None` when it had ended before.
    pub fn leave(&mut self, session: SessionId) -> Option<Departed> {
        let participant = self.sessions.remove(&session)?.participant;
        self.version += 1;
        let holder = self.participants.get_mut(&participant)?;
        holder.sessions.retain(|held| *held != session);
        let left = holder.sessions.is_empty();
        if left {
            self.participants.remove(&participant);
        }
        Some(Departed { participant, left })
    }

    /// From now on nobody is let in.
    pub fn close(&mut self) {
        self.closing = true;
    }

    fn fresh_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }
}
