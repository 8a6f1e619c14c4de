//! Users in a room and their sessions.

use crate::Capabilities;
use parlor_sip::Uri;

/// Names one participant of one room; never used again in that room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParticipantId(pub u64);

/// Names one session of one room; never used again in that room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// Who somebody is, as the focus established it (CHAT-22).
#[derive(Clone, Debug)]
pub struct Identity {
    /// The address of record.
    pub aor: Uri,
    /// The display name that came with it.
    pub display: Option<Box<str>>,
    /// Further URIs that are this user's own: tel, im and other aliases.
    pub aliases: Box<[Uri]>,
}

impl Identity {
    /// Whether `uri` is one of this user's own (CHAT-51: transport, port, parameters and display name do not count).
    pub fn owns(&self, uri: &Uri) -> bool {
        self.uris().any(|own| own.same_user_and_host(uri))
    }

    /// The same for all spellings of the address of record.
    pub fn key(&self) -> Box<str> {
        key_of(&self.aor)
    }

    /// The address of record and the aliases.
    pub fn uris(&self) -> impl Iterator<Item = &Uri> {
        std::iter::once(&self.aor).chain(&self.aliases)
    }
}

/// A user in a room, perhaps with several sessions.
#[derive(Debug)]
pub struct Participant {
    pub(crate) identity: Identity,
    pub(crate) sessions: Vec<SessionId>,
}

impl Participant {
    /// Who this is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The sessions it holds, in the order of joining; never empty while it is in the room.
    pub fn sessions(&self) -> &[SessionId] {
        &self.sessions
    }
}

/// One MSRP session of a participant.
#[derive(Debug)]
pub struct Session {
    pub(crate) participant: ParticipantId,
    pub(crate) capabilities: Capabilities,
}

impl Session {
    /// Whose session this is.
    pub fn participant(&self) -> ParticipantId {
        self.participant
    }

    /// What it can take and may do.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }
}

/// The same for all spellings of a URI that differ only in what does not tell users apart (CHAT-51).
pub(crate) fn key_of(uri: &Uri) -> Box<str> {
    match (uri.user(), uri.host()) {
        (Some(user), Some(host)) => format!("{user}@{}", host.to_ascii_lowercase()).into_boxed_str(),
        (None, _) | (_, None) => uri.to_string().to_ascii_lowercase().into_boxed_str(),
    }
}
