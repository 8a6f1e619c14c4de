//! The factory: an INVITE to its URI makes a room, and may bring a list of those to invite (RFC 4579 §5.4, RFC 5366).
//!
//! The server makes the room; to its focus the INVITE is one like others, but for the list.

use crate::{Caller, Focus, Invitation, Output, Refusal, Reject, uas};
use bytes::Bytes;
use parlor_events::resource_lists::ResourceList;
use parlor_events::{Limits, XmlError};
use parlor_room::{Action, ParticipantId, Room};
use parlor_sip::{Flow, NameAddr, Request};

impl Focus {
    /// What the INVITE of somebody who joins holds: its SDP, and those to invite if it came to the factory.
    pub(crate) fn content(&self, request: &Request) -> Result<(Option<Bytes>, ResourceList), Reject> {
        if !uas::is_for_factory(request, &self.settings) {
            uas::admissible(request)?;
            return Ok((uas::readable_body(request)?, ResourceList::default()));
        }
        let content = uas::admissible_at_factory(request)?;
        let most = self.settings.limits.invited;
        let read = |list: Bytes| ResourceList::read(&list, &Limits::default(), most);
        let list = content.list.map(read).transpose().map_err(|error| match error {
            XmlError::TooLarge => Reject::TooLarge, // SIP-90
            error => Reject::List(error),
        })?;
        Ok((content.sdp, list.unwrap_or_default()))
    }

    /// Whether somebody may make a sidebar of this room: a participant who may invite others (CHAT-130).
    ///
    /// # Errors
    /// [`Reject::Forbidden`], [`Reject::Header`]
    pub fn may_found_sidebar(
        &self,
        room: &Room,
        request: &Request,
        flow: Flow,
        caller: &Caller,
    ) -> Result<ParticipantId, Reject> {
        let who = self.referrer(room, None, request, flow, caller)?;
        let role = room.participant(who).map(|participant| participant.role());
        match role.is_some_and(|role| room.rules().permits(role, Action::Invite)) {
            true => Ok(who),
            false => Err(Reject::Forbidden),
        }
    }

    /// Calls everybody on a list. Who cannot be called is left out.
    pub(crate) fn invite_listed(&mut self, room: &Room, list: &ResourceList) {
        let history = list.history().map(|told| Bytes::from(told.to_xml()));
        for entry in &list.entries {
            let invitation =
                |uri| Invitation { callee: NameAddr::new(uri), referred_by: None, history: history.clone() };
            let uri = entry.uri.parse().map_err(|_| Reject::Scheme);
            if let Err(reject) = uri.and_then(|uri| self.dial_out(room, invitation(uri))) {
                self.emit(Output::Called { code: Refusal::from(&reject).code });
            }
        }
    }
}
