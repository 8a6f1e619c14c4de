//! Private messages (RFC 7701 §6.2): a message whose CPIM To is one participant goes to that one's sessions alone.

use crate::frame::MessageKey;
use crate::heard::LARGEST_HEARD;
use crate::message::{Incoming, Phase};
use crate::recipients::{Recipient, Recipients};
use crate::refusal::Refusal;
use crate::route::{Voice, kind_of};
use crate::switch::{Kind, Switch};
use parlor_cpim::{Address, Builder, Envelope};
use parlor_msrp::reason;
use parlor_room::{ParticipantId, Room, SessionId};
use std::collections::HashSet;

/// The most octets of what a REPORT carries (RFC 4975 §7.1.2: at most 10,240 outside of SEND).
const LARGEST_CONTENT: usize = 10_240;

/// From and To of a private message, which a REPORT about it repeats (CHAT-53).
#[derive(Debug)]
pub(crate) struct Wrapper {
    from: Address,
    to: Address,
}

/// What a message is beside its octets if it is for one participant.
#[derive(Debug)]
pub(crate) struct Private {
    pub(crate) wrapper: Box<Wrapper>,
    /// Whom it is for; others who get it are its sender's own devices.
    pub(crate) to: ParticipantId,
}

impl Wrapper {
    /// Those of a message that has one To.
    pub(crate) fn of(envelope: &Envelope) -> Self {
        let to = envelope.to.first().unwrap_or(&envelope.from);
        Self { from: envelope.from.clone(), to: to.clone() }
    }

    /// What goes along with a REPORT that says `code`; nothing if the addresses are too long for that.
    pub(crate) fn content(&self, code: u16) -> Option<Vec<u8>> {
        let content = Builder::undated(&self.from, &self.to).content("text/plain", reason(code).as_bytes());
        (content.len() <= LARGEST_CONTENT).then_some(content)
    }
}

impl Switch {
    /// CHAT-37 … 39, CHAT-50 … 57: who `to` names, and its sessions. Unlike for the room, who cannot get it is no recipient
    /// that goes without: if nobody is left, the sender is told why.
    pub(crate) fn private_recipients(
        &self,
        room: &Room,
        voice: Voice,
        to: &str,
        essence: &str,
        size: u64,
    ) -> Result<(ParticipantId, Recipients), Refusal> {
        if !room.rules().private_messages {
            return Err(Refusal::PrivateNotAllowed);
        }
        let uri = to.parse().map_err(|_| Refusal::UnknownRecipient)?;
        let to = room.participant_at(&uri).ok_or(Refusal::UnknownRecipient)?;
        let theirs: Vec<SessionId> = some(elsewhere(room, voice, to), Refusal::UnknownRecipient)?;
        // MSG-52: what can be put into a MESSAGE reaches who is in by MESSAGE alone too.
        let by_message = |id: &SessionId| room.session(*id).is_some_and(|own| own.is_by_message());
        let in_message = match self.hears && theirs.iter().any(by_message) {
            false => Err(Refusal::PrivateUnsupported),
            true if !is_text(essence) => Err(Refusal::WrappedType),
            true if size > LARGEST_HEARD as u64 => Err(Refusal::TooLarge),
            true => Ok(()),
        };
        let is_heard = in_message.is_ok();
        let supporting: Vec<SessionId> =
            theirs.into_iter().filter(|id| takes_private(room, *id) && !by_message(id)).collect();
        let supporting = match in_message {
            Ok(()) => supporting,
            Err(refusal) => some(supporting, refusal)?,
        };
        let some = |left, refusal| if is_heard { Ok(left) } else { some(left, refusal) };
        // Who has no connection now, or takes no deliveries, cannot be reached; nothing is kept for later.
        let reached = supporting.into_iter().filter_map(|id| self.recipient(room, id)).collect();
        let mut reached = some(reached, Refusal::UnknownRecipient)?;
        reached.retain(|recipient| recipient.wrapped_types.accepts(essence));
        let mut taking = some(reached, Refusal::WrappedType)?;
        taking.retain(|recipient| recipient.max_size.is_none_or(|max| size <= max));
        let mut taking: Vec<Recipient> = some(taking, Refusal::TooLarge)?;
        taking.extend(self.own_private_copies(room, voice, to, essence, size));
        taking.sort_by_key(|recipient| recipient.session);
        // Of several lines of one endpoint the first.
        let mut endpoints = HashSet::new();
        taking.retain(|recipient| endpoints.insert(recipient.endpoint));
        Ok((to, Recipients::new(taking)))
    }

    /// CHAT-59: the sender's other devices, if the room has them get what it writes to others.
    fn own_private_copies(
        &self,
        room: &Room,
        voice: Voice,
        to: ParticipantId,
        essence: &str,
        size: u64,
    ) -> Vec<Recipient> {
        let own = room.session(voice.session).map(|own| own.participant()).filter(|own| *own != to);
        let own = own.filter(|_| room.rules().own_private_copies && kind_of(essence, Kind::Private) == Kind::Private);
        let devices = own.map(|own| elsewhere(room, voice, own)).unwrap_or_default();
        let taking = devices.into_iter().filter(|id| takes_private(room, *id));
        let taking = taking.filter_map(|id| self.recipient(room, id));
        let fits = |own: &Recipient| own.wrapped_types.accepts(essence) && own.max_size.is_none_or(|max| size <= max);
        taking.filter(fits).collect()
    }

    /// A private message is refused. If its sender got a 200 for an earlier chunk it is told by a REPORT as well (CHAT-53).
    pub(crate) fn report_refused(
        &mut self,
        session: SessionId,
        message: &Incoming,
        envelope: &Envelope,
        refusal: Refusal,
    ) {
        let is_private = match refusal {
            Refusal::PrivateUnsupported | Refusal::PrivateNotAllowed | Refusal::UnknownRecipient => true,
            Refusal::MalformedRequest
            | Refusal::NotCpim
            | Refusal::MalformedCpim
            | Refusal::UnknownRequirement
            | Refusal::ForeignSender
            | Refusal::SeveralRecipients
            | Refusal::WrappedType
            | Refusal::NotAllowed
            | Refusal::ForSidebar
            | Refusal::TooLarge
            | Refusal::OutOfOrder
            | Refusal::TooManyOpen
            | Refusal::HeldBack
            | Refusal::TimedOut
            | Refusal::Again { .. }
            | Refusal::Nickname(_) => false,
        };
        if is_private && message.acknowledged {
            self.report_failure(session, message, refusal, Some(&Wrapper::of(envelope)));
        }
    }

    /// A session can no longer be written to: what somebody is sending to it alone is refused from now on.
    pub(crate) fn forsake(&mut self, gone: SessionId) {
        let streaming: Vec<(SessionId, MessageKey)> = self.streaming.values().copied().collect();
        for (sender, key) in streaming {
            let Some(state) = self.sessions.get_mut(&sender) else { continue };
            let Some(index) = state.message_index(key) else { continue };
            let Phase::Streaming(outgoing) = &mut state.messages[index].phase else { continue };
            if outgoing.private.is_some() && outgoing.recipients.drop_session(gone) && outgoing.is_for_nobody() {
                self.give_up(sender, key, Refusal::UnknownRecipient);
            }
        }
    }
}

fn is_text(essence: &str) -> bool {
    essence.get(..5).is_some_and(|top| top.eq_ignore_ascii_case("text/"))
}

/// CHAT-57: the sessions of somebody but those on the device that speaks: to oneself is to one's other devices.
fn elsewhere(room: &Room, voice: Voice, who: ParticipantId) -> Vec<SessionId> {
    let own: Vec<SessionId> = voice.device.into_iter().flat_map(|device| room.beside(device).chain([device])).collect();
    let sessions = room.participant(who).map(|holder| holder.sessions()).unwrap_or_default();
    sessions.iter().copied().filter(|session| !own.contains(session)).collect()
}

/// CHAT-55
fn takes_private(room: &Room, session: SessionId) -> bool {
    room.session(session).is_some_and(|own| own.capabilities().private_messages)
}

/// What is left, or why nothing is.
fn some<T>(left: Vec<T>, refusal: Refusal) -> Result<Vec<T>, Refusal> {
    if left.is_empty() { Err(refusal) } else { Ok(left) }
}
