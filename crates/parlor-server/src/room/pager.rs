//! MESSAGE to the room becomes a message of the room (MSG-40).

use super::task::{RoomTask, date_time};
use bytes::Bytes;
use parlor_cpim::{Address, Builder, utc_date_time};
use parlor_focus::{Plain, Post, PostContent, Reject};
use parlor_room::{Participant, ParticipantId};
use parlor_sip::{Request, ServerTransactionId, Uri};
use parlor_switch::{Refusal, Speaker};
use std::time::Instant;

impl RoomTask {
    pub(super) fn post(&mut self, tx: ServerTransactionId, request: &Request, post: Post) {
        let Post { participant, device, content } = post;
        if !self.is_in_tempo(participant) {
            return self.focus.handle_posted(tx, request, Err(Reject::Overload));
        }
        let message = match content {
            PostContent::Cpim(message) => message,
            PostContent::Plain(plain) => self.wrap(participant, self.room.uri(), &plain),
        };
        let posted = self.switch.post(Instant::now(), &mut self.room, Speaker { participant, device }, &message);
        let accept = || parlor_focus::accept_of_messages(&self.room.rules().wrapped_types);
        let posted = posted.map_err(|refusal| reject_of(refusal, accept));
        self.focus.handle_posted(tx, request, posted);
    }
}

impl RoomTask {
    /// What a participant says, as the room passes it on.
    pub(super) fn wrap(&self, from: ParticipantId, to: &Uri, content: &Plain) -> Bytes {
        let Plain { content_type, body, sent } = content;
        let at = sent.map_or_else(date_time, |at| utc_date_time(at.as_secs(), 0));
        let from = self.room.participant(from).map(address).unwrap_or_else(|| Address::new(""));
        let to = Address::new(to.to_string());
        Builder::new(&from, &to, &at).content(content_type, body).into()
    }

    /// CHAT-170: however it sends them, a participant sends no more messages than it may.
    pub(super) fn is_in_tempo(&self, participant: ParticipantId) -> bool {
        let session = self.room.participant(participant).and_then(|holder| holder.sessions().first());
        session.and_then(|session| self.tempos(*session).messages).is_none_or(|tempo| tempo.try_step(Instant::now()))
    }
}

/// Whom the room knows the sender as (MSG-40, MSG-44).
fn address(sender: &Participant) -> Address {
    let identity = sender.identity();
    let address = Address::new(identity.aor.to_string());
    match &identity.display {
        Some(name) => address.named(&**name),
        None => address,
    }
}

/// MSG-42, MSG-43: the same reasons in the words of SIP.
fn reject_of(refusal: Refusal, accept: impl FnOnce() -> Box<str>) -> Reject {
    match refusal {
        Refusal::WrappedType | Refusal::NotCpim => Reject::MessageType(accept()),
        Refusal::MalformedRequest | Refusal::MalformedCpim => Reject::MessageForm("malformed message/cpim"),
        Refusal::UnknownRequirement => Reject::MessageForm("required CPIM header not understood"),
        Refusal::SeveralRecipients => Reject::MessageForm("more than one To"),
        Refusal::ForeignSender
        | Refusal::NotAllowed
        | Refusal::PrivateNotAllowed
        | Refusal::PrivateUnsupported
        | Refusal::ForSidebar
        | Refusal::Nickname(_)
        | Refusal::Again { .. } => Reject::Forbidden,
        Refusal::UnknownRecipient => Reject::NotFound,
        Refusal::TooLarge => Reject::MessageSize,
        Refusal::OutOfOrder | Refusal::TooManyOpen | Refusal::HeldBack | Refusal::TimedOut => Reject::Overload,
    }
}
