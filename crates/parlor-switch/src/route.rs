//! Whom a message is for: the decisions of spec/chatroom.md §4 that need its CPIM headers, in their order.

use crate::message::Incoming;
use crate::private::Wrapper;
use crate::recipients::{Except, Recipients};
use crate::refusal::Refusal;
use crate::switch::{Dropped, Kind, Switch};
use parlor_cpim::Envelope;
use parlor_room::{Action, Room, SessionId};

/// What a message is, and who gets it.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) kind: Kind,
    pub(crate) recipients: Recipients,
    pub(crate) except: Except,
    /// Of a private message: who it is from and to, for a REPORT.
    pub(crate) private: Option<Box<Wrapper>>,
    /// Of a message to the room: what it is to be about, if its sender may say so (CHAT-141).
    pub(crate) subject: Option<Box<str>>,
}

impl Switch {
    /// The headers are known: may it be sent, and to whom.
    pub(crate) fn route(
        &mut self,
        room: &Room,
        session: SessionId,
        message: &Incoming,
        envelope: &Envelope,
    ) -> Result<Route, Refusal> {
        let to_room = self.check_addresses(room, session, envelope)?;
        if envelope.requires_unknown() {
            return Err(Refusal::UnknownRequirement);
        }
        let essence = envelope.essence().ok_or(Refusal::MalformedCpim)?;
        if !room.rules().wrapped_types.accepts(essence) {
            return Err(Refusal::WrappedType);
        }
        // CHAT-36: in a moderated room visitors write neither to all nor to one.
        if !room.may(session, Action::Speak) {
            return Err(Refusal::NotAllowed);
        }
        let size = message.declared_total.unwrap_or(0).max(message.position());
        if to_room {
            let subject = envelope.subject.as_deref().filter(|_| room.may(session, Action::SetTopic));
            return Ok(Route { subject: subject.map(Into::into), ..self.regular(room, session, essence, size) });
        }
        let recipients = self.private_recipients(room, session, &envelope.to[0].uri, essence, size)?;
        let private = Some(Box::new(Wrapper::of(envelope)));
        Ok(Route { kind: Kind::Private, recipients, except: Except::Session(session), private, subject: None })
    }

    /// CHAT-40: a message to the room.
    fn regular(&mut self, room: &Room, session: SessionId, essence: &str, size: u64) -> Route {
        let taking = self.recipients(room, essence);
        let except = match room.session(session).filter(|_| !room.rules().own_copies) {
            Some(own) => Except::Participant(own.participant()),
            None => Except::Session(self.own_line(room, session)),
        };
        self.count_dropped(Dropped::Unaccepted, self.audience.left_out_of(&taking, except));
        let recipients = taking.taking_size(size);
        self.count_dropped(Dropped::Oversized, taking.left_out_of(&recipients, except));
        Route { kind: Kind::Room, recipients, except, private: None, subject: None }
    }

    /// CHAT-32, CHAT-33: From is the sender's own, and there is one To. Gives whether that is the room.
    fn check_addresses(&mut self, room: &Room, session: SessionId, envelope: &Envelope) -> Result<bool, Refusal> {
        let state = self.sessions.get_mut(&session).ok_or(Refusal::NotAllowed)?;
        let from = &envelope.from;
        let [to] = envelope.to.as_slice() else { return Err(Refusal::SeveralRecipients) };
        if state.known_addresses.as_ref().is_some_and(|(f, t)| **f == *from.uri && **t == *to.uri) {
            return Ok(true);
        }
        if !room.is_sender(session, &from.uri) {
            return Err(Refusal::ForeignSender);
        }
        let to_room = room.is_addressed_by(&to.uri);
        if to_room {
            state.known_addresses = Some((from.uri.as_str().into(), to.uri.as_str().into()));
        }
        Ok(to_room)
    }
}
