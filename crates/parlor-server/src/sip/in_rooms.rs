//! Messages to users who have no device registered, but are in a room that the sender is in too (MSG-48).

use super::task::SipTask;
use crate::room::{Dispatch, SipInput, UserMessage};
use parlor_proxy::Recipient;
use parlor_sip::{Scheme, Uri};
use std::time::Instant;

impl SipTask {
    /// Hands a message to the room that may say it to its recipient; gives it back if there is none. The room answers it, or
    /// gives it back later: [`SipTask::handle_not_said`].
    pub(super) fn offer_to_room(&self, message: Box<UserMessage>, to: &Recipient) -> Option<Box<UserMessage>> {
        let Some((room, user)) = self.room_for(&message, to) else { return Some(message) };
        match self.rooms.dispatch_by_id(room, SipInput::UserMessage(message, user)) {
            Dispatch::NoRoom(SipInput::UserMessage(message, _))
            | Dispatch::Overloaded(SipInput::UserMessage(message, _)) => Some(message),
            Dispatch::Taken | Dispatch::NoRoom(_) | Dispatch::Overloaded(_) => None,
        }
    }

    /// It goes on as if there were no room.
    pub(super) fn handle_not_said(&mut self, now: Instant, message: &UserMessage) {
        // Meanwhile it may be nobody's address any more.
        let recipient = self.recipient(&message.request.uri).unwrap_or(Recipient::Nobody);
        self.relay_message(now, message, &recipient);
    }

    fn room_for(&self, message: &UserMessage, to: &Recipient) -> Option<(u64, Uri)> {
        let Recipient::User { name, has_account: true } = to else { return None };
        let uri = &message.request.uri;
        // RFC 3261 §26.2.2: that all of the way is in TLS a room does not promise.
        if *uri.scheme() == Scheme::Sips || self.proxying.as_ref()?.proxy.is_registered(name) {
            return None;
        }
        let user = self.gate.owner(uri)?.aor;
        let from = || Some(message.request.headers.from().ok()?.uri);
        let sender = message.caller.verified.as_ref().map(|account| account.aor.clone()).or_else(from)?;
        let rooms = self.rooms.directory().rooms_of_both(&sender, &user);
        let room = rooms.into_iter().find(|room| self.rooms.takes_user_messages(*room))?;
        Some((room, user))
    }
}
