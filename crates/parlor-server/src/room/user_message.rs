//! MESSAGE to a user's own address becomes a private message of a room (MSG-48).

use super::task::RoomTask;
use crate::metrics::PagerFate;
use crate::sip::SipOutput;
use parlor_focus::{Caller, PrivatePost};
use parlor_proxy::Mark;
use parlor_room::Identity;
use parlor_sip::{Flow, Request, ServerTransactionId, Uri};
use parlor_switch::Speaker;
use std::time::Instant;

/// A MESSAGE to the address of a user.
#[derive(Debug)]
pub(crate) struct UserMessage {
    /// Its transaction.
    pub(crate) tx: ServerTransactionId,
    /// The request.
    pub(crate) request: Box<Request>,
    /// How it came.
    pub(crate) flow: Flow,
    /// Who sends it.
    pub(crate) caller: Caller,
    /// That it may be passed on.
    pub(crate) mark: Mark,
}

impl RoomTask {
    /// Says it and answers it, or gives it back unanswered.
    pub(super) fn take_user_message(&mut self, message: Box<UserMessage>, to: Uri) {
        if self.say_to_user(&message, to).is_some() {
            self.shared.metrics.pager_messages.of(PagerFate::InRoom).inc();
            self.focus.handle_posted(message.tx, &message.request, Ok(()));
        } else {
            self.for_users.push_back(SipOutput::NotSaid(message));
        }
    }

    /// `None` if nobody gets it so.
    fn say_to_user(&mut self, message: &UserMessage, to: Uri) -> Option<()> {
        let UserMessage { request, flow, caller, .. } = message;
        let recipient = Identity::of(to).proven();
        let post = self.focus.read_private(&self.room, request, flow, caller, &recipient)?;
        let PrivatePost { from, device, to, content } = post;
        let address = &self.room.participant(to)?.identity().aor;
        let is_its_own = self.room.participant_at(address) == Some(to);
        if !is_its_own || !self.is_open() || !self.is_in_tempo(from) {
            return None;
        }
        let cpim = self.wrap(from, address, &content);
        let speaker = Speaker { participant: from, device };
        self.switch.post(Instant::now(), &mut self.room, speaker, &cpim).ok()
    }
}
