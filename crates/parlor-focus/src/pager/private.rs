//! MESSAGE to a user's own address, said to it in a room (MSG-48).

use super::{Plain, PostContent, content};
use crate::{Caller, Focus, identity, uas};
use parlor_room::{Identity, ParticipantId, Room, SessionId};
use parlor_sip::{Flow, Request};

/// What a MESSAGE says to one participant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivatePost {
    /// Who says it.
    pub from: ParticipantId,
    /// The session of the device that says it, if it has one here.
    pub device: Option<SessionId>,
    /// Who is to hear it.
    pub to: ParticipantId,
    /// What.
    pub content: Plain,
}

impl Focus {
    /// What a MESSAGE to a user says to it here. `None` unless sender and recipient are in the room, neither of them anonymous,
    /// and the room takes its content, which must not say itself from whom it is.
    pub fn read_private(
        &self,
        room: &Room,
        request: &Request,
        flow: &Flow,
        caller: &Caller,
        recipient: &Identity,
    ) -> Option<PrivatePost> {
        let sender = identity::identify(request, caller, &self.settings.limits).ok()?;
        if sender.is_anonymous() || recipient.is_anonymous() {
            return None;
        }
        uas::understood(request).ok()?;
        let from = room.participant_who_is(&sender)?;
        let to = room.participant_who_is(recipient)?;
        let PostContent::Plain(content) = content(room, request).ok()? else { return None };
        let device = self.device_at(room, from, flow);
        (!content.body.is_empty()).then_some(PrivatePost { from, device, to, content })
    }
}
