//! The room itself, and what may be asked of it. Who comes and goes is in `admission.rs`, on which devices in `devices.rs`, who
//! goes by which address in `ownership.rs`, who is called what in `naming.rs`.

use crate::identity::key_of;
use crate::journal::Journal;
use crate::mention::Mentions;
use crate::nickname::Nicknames;
use crate::{
    Action, Changes, FileId, Hosts, Identity, JoiningMethod, Nickname, Participant, ParticipantId, Revision, Role,
    Rules, Session, SessionId, SharedFile, one_line,
};
use parlor_sip::{Uri, UriError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

/// The longest topic that participants may set, in characters.
const LONGEST_TOPIC: usize = 256;

/// A chat room: its participants, their sessions and its rules.
#[derive(Debug)]
pub struct Room {
    name: Box<str>,
    uri: Uri,
    hosts: Arc<Hosts>,
    rules: Rules,
    topic: Box<str>,
    pub(crate) participants: BTreeMap<ParticipantId, Participant>,
    /// Who a URI belongs to.
    pub(crate) owners: BTreeMap<Box<str>, ParticipantId>,
    /// Who a user is, by the key of its identity.
    pub(crate) users: BTreeMap<Box<str>, ParticipantId>,
    pub(crate) sessions: BTreeMap<SessionId, Session>,
    pub(crate) nicknames: Nicknames,
    pub(crate) files: BTreeMap<FileId, SharedFile>,
    /// When they go, the first first: asked for on every turn of the room.
    pub(crate) file_expiries: BTreeSet<(Instant, FileId)>,
    sidebars: BTreeSet<Box<str>>,
    pub(crate) journal: Journal,
    pub(crate) mentions: Mentions,
    pub(crate) next_id: u64,
    pub(crate) next_pseudonym: u64,
    /// The pseudonyms that callers chose: nobody gets one that was another's.
    pub(crate) wanted: BTreeSet<Box<str>>,
    /// Addresses that more than one participant goes by, or did.
    pub(crate) contested: BTreeSet<Box<str>>,
    pub(crate) closing: bool,
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
            topic: rules.topic.clone(),
            rules,
            participants: BTreeMap::new(),
            owners: BTreeMap::new(),
            users: BTreeMap::new(),
            sessions: BTreeMap::new(),
            nicknames: Nicknames::default(),
            files: BTreeMap::new(),
            file_expiries: BTreeSet::new(),
            sidebars: BTreeSet::new(),
            journal: Journal::default(),
            mentions: Mentions::default(),
            next_id: 1,
            next_pseudonym: 1,
            wanted: BTreeSet::new(),
            contested: BTreeSet::new(),
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

    /// What the room is about; empty if nobody said (CHAT-140).
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Says what the room is about, in one line of at most 256 characters; an empty one means nothing. Whether that has
    /// changed.
    pub fn set_topic(&mut self, topic: &str) -> bool {
        let topic = one_line(topic, LONGEST_TOPIC);
        if *self.topic == *topic {
            return false;
        }
        self.topic = topic.into();
        self.journal.described();
        true
    }

    /// These rooms beside this one belong to it now, or are shown otherwise (CHAT-131).
    pub fn set_sidebars(&mut self, names: impl IntoIterator<Item = Box<str>>) {
        self.sidebars = names.into_iter().collect();
        self.journal.sidebars_changed();
    }

    /// Whether `uri`, as the sender of a message wrote it, names a room that belongs to this one.
    pub fn has_sidebar(&self, uri: &str) -> bool {
        let is_its = |uri: Uri| self.hosts.local_user(&uri).is_some_and(|name| self.sidebars.contains(name));
        !self.sidebars.is_empty() && uri.parse().is_ok_and(is_its)
    }

    /// Whether it can be joined, if there is a place.
    pub fn is_open(&self) -> bool {
        !self.closing
    }

    /// Whether nobody is in.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// The participants in the order in which they came.
    pub fn participants(&self) -> impl ExactSizeIterator<Item = (ParticipantId, &Participant)> {
        self.participants.iter().map(|(id, participant)| (*id, participant))
    }

    /// One participant.
    pub fn participant(&self, id: ParticipantId) -> Option<&Participant> {
        self.participants.get(&id)
    }

    /// The sessions in the order in which they came.
    pub fn sessions(&self) -> impl ExactSizeIterator<Item = (SessionId, &Session)> {
        self.sessions.iter().map(|(id, session)| (*id, session))
    }

    /// One session.
    pub fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(&id)
    }

    /// Whether one of a participant's devices takes part by SIP MESSAGE alone (MSG-52).
    pub fn is_by_message(&self, participant: ParticipantId) -> bool {
        let held = self.participants.get(&participant).map(|holder| holder.sessions.as_slice()).unwrap_or_default();
        held.iter().any(|id| self.sessions.get(id).is_some_and(|session| session.by_message))
    }

    /// Who holds this session.
    pub fn participant_of(&self, session: SessionId) -> Option<&Participant> {
        self.participants.get(&self.sessions.get(&session)?.participant)
    }

    /// Who a URI belongs to (CHAT-51).
    pub fn participant_at(&self, uri: &Uri) -> Option<ParticipantId> {
        self.owners.get(&key_of(uri)).copied()
    }

    /// Who this user is here, if it is in.
    pub fn participant_who_is(&self, identity: &Identity) -> Option<ParticipantId> {
        if identity.is_nobody() {
            return None;
        }
        self.users.get(&identity.key()).copied()
    }

    /// The nickname that a participant set last, on whichever session it still holds.
    pub fn nickname_of(&self, participant: ParticipantId) -> Option<&Nickname> {
        let holder = self.participants.get(&participant)?;
        let last = holder.named_by.and_then(|session| self.sessions.get(&session)?.nickname.as_ref());
        let any = || holder.sessions.iter().rev().find_map(|session| self.sessions.get(session)?.nickname.as_ref());
        last.or_else(any)
    }

    /// Gives a participant another role.
    pub fn set_role(&mut self, participant: ParticipantId, role: Role) {
        if let Some(holder) = self.participants.get_mut(&participant)
            && holder.role != role
        {
            holder.role = role;
            self.journal.changed(participant);
        }
    }

    /// This participant has made the room: it owns it, and that is how it joined.
    pub fn founded_by(&mut self, participant: ParticipantId) {
        let theirs = self.sessions.values_mut().filter(|session| session.participant == participant);
        theirs.for_each(|session| session.endpoint.method = JoiningMethod::FocusOwner);
        self.set_role(participant, Role::Owner);
    }

    /// Whether whoever holds this session may do that.
    pub fn may(&self, session: SessionId, action: Action) -> bool {
        self.participant_of(session).is_some_and(|holder| self.rules.permits(holder.role, action))
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
        uri.parse().is_ok_and(|uri| holder.is_some_and(|holder| holder.identity.sends_as(&uri)))
    }

    /// How often something of what the roster shows has changed.
    pub fn revision(&self) -> Revision {
        self.journal.revision()
    }

    /// Whether somebody is in the roster under that entity.
    fn is_shown(&self, entity: &str) -> bool {
        let is_its = |held: &Participant| held.identity.aor.to_string() == entity;
        entity.parse().is_ok_and(|uri| self.holders(&uri).any(is_its))
    }

    /// What has changed after `revision`; `None` when that is too long ago to tell.
    pub fn changes_since(&self, revision: Revision) -> Option<Changes> {
        self.journal.since(revision, |entity| self.is_shown(entity))
    }
}

#[cfg(test)]
mod tests {
    use crate::admission::tests::room;
    use crate::{Action, Role, Roles, Rules, UserList};
    use parlor_sip::Uri;

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

    #[test]
    fn who_may_do_something_may_do_what_lower_roles_may() {
        let moderators = UserList::parse(["sip:carol@example.org"]).expect("patterns");
        let roles = Roles { moderators, everybody: Role::Visitor, ..Roles::default() };
        let rules = Rules { roles, moderated: true, ..Rules::default() };
        for action in [Action::Speak, Action::SetTopic, Action::Invite, Action::Remove] {
            assert!(!rules.permits(Role::Visitor, action) && rules.permits(Role::Moderator, action), "{action:?}");
        }
        assert!(Rules::default().permits(Role::Visitor, Action::Speak));
    }
}
