//! Whom a message is for: the decisions of spec/chatroom.md §4 that need its CPIM headers, in their order.

use crate::heard::Heard;
use crate::message::Incoming;
use crate::private::{Private, Wrapper};
use crate::recipients::{Except, Recipients};
use crate::refusal::Refusal;
use crate::switch::{Counted, Dropped, Kind, Switch, Withheld};
use parlor_cpim::Envelope;
use parlor_events::iscomposing;
use parlor_room::{Action, Room, SessionId};

/// What a message is, and who gets it.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) kind: Kind,
    pub(crate) recipients: Recipients,
    pub(crate) except: Except,
    /// If it is for one participant.
    pub(crate) private: Option<Private>,
    /// Of a message to the room: what it is to be about, if its sender may say so (CHAT-141).
    pub(crate) subject: Option<Box<str>>,
    /// Where its content begins.
    pub(crate) headers_len: usize,
    /// What is to be gathered of it.
    pub(crate) heard: Option<Box<Heard>>,
}

/// As whom and from where a message is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Voice {
    /// A session of its sender.
    pub(crate) session: SessionId,
    /// The one that sends it; `None` if it did not come by a session.
    pub(crate) device: Option<SessionId>,
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
        let size = message.declared_total.unwrap_or(0).max(message.position());
        self.route_to(room, Voice { session, device: Some(session) }, envelope, to_room, size)
    }

    /// The same once From and To are known to be right.
    pub(crate) fn route_to(
        &mut self,
        room: &Room,
        voice: Voice,
        envelope: &Envelope,
        to_room: bool,
        size: u64,
    ) -> Result<Route, Refusal> {
        if envelope.requires_unknown() {
            return Err(Refusal::UnknownRequirement);
        }
        let essence = envelope.essence().ok_or(Refusal::MalformedCpim)?;
        if !room.rules().wrapped_types.accepts(essence) {
            return Err(Refusal::WrappedType);
        }
        // CHAT-36: in a moderated room visitors write neither to all nor to one.
        if !room.may(voice.session, Action::Speak) {
            return Err(Refusal::NotAllowed);
        }
        if to_room {
            return Ok(self.regular(room, voice, envelope, essence, size));
        }
        let to = &envelope.to.first().ok_or(Refusal::MalformedCpim)?.uri;
        // CHAT-133 leaves it open. Its members have sessions there; and what streams to them counts on that room's budget,
        // not on this one's.
        if room.has_sidebar(to) {
            return Err(Refusal::ForSidebar);
        }
        let (to, recipients) = self.private_recipients(room, voice, to, essence, size)?;
        let kind = kind_of(essence, Kind::Private);
        let private = Some(Private { wrapper: Box::new(Wrapper::of(envelope)), to });
        let headers_len = envelope.headers_len;
        let except = voice.device.map_or(Except::Nobody, Except::Session);
        let heard = self.hearing(room, voice, envelope, kind, except).filter(|_| room.is_by_message(to));
        let heard = heard.map(|heard| heard.for_one(to));
        Ok(Route { kind, recipients, except, private, subject: None, headers_len, heard })
    }

    /// CHAT-40: a message to the room.
    fn regular(&mut self, room: &Room, voice: Voice, envelope: &Envelope, essence: &str, size: u64) -> Route {
        let (kind, headers_len) = (kind_of(essence, Kind::Room), envelope.headers_len);
        let taking = self.recipients(room, essence);
        let except = match (room.session(voice.session).filter(|_| !room.rules().own_copies), voice.device) {
            (Some(own), _) => Except::Participant(own.participant()),
            (None, Some(device)) => Except::Session(self.own_line(room, device)),
            (None, None) => Except::Nobody,
        };
        if let Some(withheld) = withheld(room, kind) {
            self.count(Counted::Withheld(withheld));
            let recipients = Recipients::new([]);
            return Route { kind, recipients, except, private: None, subject: None, headers_len, heard: None };
        }
        self.count_dropped(Dropped::Unaccepted, self.audience.left_out_of(&taking, except));
        let recipients = taking.taking_size(size);
        self.count_dropped(Dropped::Oversized, taking.left_out_of(&recipients, except));
        let subject =
            envelope.subject.as_deref().filter(|_| kind == Kind::Room && room.may(voice.session, Action::SetTopic));
        let subject = subject.map(Into::into);
        let heard = self.hearing(room, voice, envelope, kind, except);
        Route { kind, recipients, except, private: None, subject, headers_len, heard }
    }

    /// What is gathered of a message that people wrote, if anybody listens.
    fn hearing(
        &self,
        room: &Room,
        voice: Voice,
        envelope: &Envelope,
        kind: Kind,
        except: Except,
    ) -> Option<Box<Heard>> {
        let is_written = matches!(kind, Kind::Room | Kind::Private);
        let from = room.session(voice.session).filter(|_| self.hears && is_written)?.participant();
        Some(Box::new(Heard::new(from, envelope, except)))
    }

    /// The same as [`is_to_room`], which it remembers of those who write to the room.
    fn check_addresses(&mut self, room: &Room, session: SessionId, envelope: &Envelope) -> Result<bool, Refusal> {
        let state = self.sessions.get_mut(&session).ok_or(Refusal::NotAllowed)?;
        let (from, to) = (&envelope.from.uri, envelope.to.first().map_or("", |to| &to.uri));
        let is_known = state.known_addresses.as_ref().is_some_and(|(f, t)| **f == **from && **t == *to);
        if is_known && envelope.to.len() == 1 {
            return Ok(true);
        }
        let to_room = is_to_room(room, session, envelope)?;
        if to_room {
            state.known_addresses = Some((from.as_str().into(), to.into()));
        }
        Ok(to_room)
    }
}

/// CHAT-32, CHAT-33: From is the sender's own, and there is one To. Gives whether that is the room.
pub(crate) fn is_to_room(room: &Room, session: SessionId, envelope: &Envelope) -> Result<bool, Refusal> {
    let [to] = envelope.to.as_slice() else { return Err(Refusal::SeveralRecipients) };
    if !room.is_sender(session, &envelope.from.uri) {
        return Err(Refusal::ForeignSender);
    }
    Ok(room.is_addressed_by(&to.uri))
}

/// The type of receipts (CPIM-51).
const IMDN: &str = "message/imdn+xml";

/// What a message of this type is; `written` is what it is if a person wrote it.
pub(crate) fn kind_of(essence: &str, written: Kind) -> Kind {
    match essence {
        iscomposing::CONTENT_TYPE => Kind::Composing,
        IMDN => Kind::Imdn,
        _ => written,
    }
}

/// Whether the room takes messages of this kind for itself and passes them on to nobody.
fn withheld(room: &Room, kind: Kind) -> Option<Withheld> {
    let rules = room.rules();
    match kind {
        // CHAT-161: everybody's receipt to everybody would be a storm.
        Kind::Imdn => (!rules.pass_imdn).then_some(Withheld::Imdn),
        // EVT-107
        Kind::Composing => (room.participants().len() > rules.composing_up_to).then_some(Withheld::Composing),
        Kind::Room | Kind::Private => None,
    }
}
