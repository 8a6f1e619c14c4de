//! Users in a room and their sessions.

use crate::{Capabilities, Endpoint, Identity, Nickname, Role};

/// Names one participant of one room; never used again in that room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParticipantId(pub u64);

/// Names one session of one room; never used again in that room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// Names one endpoint of one room: a dialog, with all the sessions that are on it. Never used again in that room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointId(pub u64);

/// A user in a room, perhaps with several sessions.
#[derive(Debug)]
pub struct Participant {
    pub(crate) identity: Identity,
    pub(crate) role: Role,
    pub(crate) sessions: Vec<SessionId>,
    /// The session whose nickname was set last.
    pub(crate) named_by: Option<SessionId>,
}

impl Participant {
    /// Who this is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Its standing in the room.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The sessions it holds, in the order of joining; never empty while it is in the room.
    pub fn sessions(&self) -> &[SessionId] {
        &self.sessions
    }
}

/// One MSRP session of a participant: one media line of a dialog; or a device of it that takes part by SIP MESSAGE.
#[derive(Debug)]
pub struct Session {
    pub(crate) participant: ParticipantId,
    pub(crate) capabilities: Capabilities,
    pub(crate) on: EndpointId,
    pub(crate) endpoint: Endpoint,
    pub(crate) nickname: Option<Nickname>,
    /// Whether it had a connection and has none now.
    pub(crate) lost: bool,
    /// Another one takes its place.
    pub(crate) gives_way: bool,
    pub(crate) by_message: bool,
}

impl Session {
    pub(crate) fn new(
        participant: ParticipantId,
        capabilities: Capabilities,
        on: EndpointId,
        endpoint: Endpoint,
    ) -> Self {
        Self {
            participant,
            capabilities,
            on,
            endpoint,
            nickname: None,
            lost: false,
            gives_way: false,
            by_message: false,
        }
    }

    /// Whose session this is.
    pub fn participant(&self) -> ParticipantId {
        self.participant
    }

    /// What it can take and may do.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Which endpoint it is on: sessions of one dialog are on the same (REQ-1).
    pub fn on(&self) -> EndpointId {
        self.on
    }

    /// Where it takes part from.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether it takes part by SIP MESSAGE alone (MSG-52).
    pub fn is_by_message(&self) -> bool {
        self.by_message
    }

    /// The nickname that was set on it.
    pub fn nickname(&self) -> Option<&Nickname> {
        self.nickname.as_ref()
    }
}
