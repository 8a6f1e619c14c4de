//! Messages that come whole, and not by MSRP: SIP MESSAGE to the room (MSG-40).

use crate::deliver::Outgoing;
use crate::refusal::Refusal;
use crate::route::{Voice, is_to_room};
use crate::switch::Switch;
use bytes::Bytes;
use parlor_cpim::Scanner;
use parlor_room::{ParticipantId, Room, SessionId};
use std::time::Instant;

/// Who says something otherwise than on a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speaker {
    /// Who.
    pub participant: ParticipantId,
    /// The session of the device that says it, which gets no copy; `None` if that has none in the room.
    pub device: Option<SessionId>,
}

impl Switch {
    /// Takes a whole `message/cpim`, checks it as one that came by MSRP, and copies it to the same recipients.
    ///
    /// # Errors
    /// Nothing is copied then. Beside what a SEND may be refused for, [`Refusal::HeldBack`]: so much is under way in the room
    /// that it would have to wait, which nobody here can.
    pub fn post(&mut self, now: Instant, room: &mut Room, speaker: Speaker, message: &Bytes) -> Result<(), Refusal> {
        let posted = self.try_post(now, room, speaker, message);
        if let Err(refusal) = posted {
            self.count_refused(refusal);
        }
        posted
    }

    fn try_post(&mut self, now: Instant, room: &mut Room, speaker: Speaker, message: &Bytes) -> Result<(), Refusal> {
        let size = message.len() as u64;
        if size > room.rules().max_message_bytes {
            return Err(Refusal::TooLarge);
        }
        let mut scanner = Scanner::new(self.settings.cpim_header_bytes);
        let envelope = scanner.scan(message).ok().flatten().ok_or(Refusal::MalformedCpim)?;
        let holder = room.participant(speaker.participant).ok_or(Refusal::NotAllowed)?;
        let session = holder.sessions().first().copied().ok_or(Refusal::NotAllowed)?;
        let to_room = is_to_room(room, session, &envelope)?;
        let voice = Voice { session, device: speaker.device };
        let route = self.route_to(room, voice, &envelope, to_room, size)?;
        let first = self.settings.frame_bytes;
        let credit = self.fanout.reserve.cover(message.len(), first).ok_or(Refusal::HeldBack)?;
        let key = self.next_key();
        let mut outgoing = Outgoing::new(key, &mut self.fanout.rng, route, Some(size));
        self.note_written(room, session, &outgoing);
        outgoing.push(&mut self.fanout, message.clone(), &credit);
        self.finish(now, room, session, &mut outgoing);
        self.end_turn();
        Ok(())
    }
}
