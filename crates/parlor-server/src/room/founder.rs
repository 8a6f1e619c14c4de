//! Rooms that the factory made: who made them, and when they end (RFC 4579 §5.4, SIP-76, CHAT-153).

use super::task::RoomTask;
use parlor_focus::EndReason;
use parlor_room::ParticipantId;
use std::time::Instant;

/// Who made a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Founder {
    /// Nobody: the configuration has it, or somebody joined it by its name.
    Nobody,
    /// The factory did, for somebody who is not in yet.
    Awaited,
    /// This participant, who owns it. It may leave before others do.
    Is(ParticipantId),
}

impl RoomTask {
    /// The first who comes into a room of the factory has made it. The room may end when its founder leaves.
    pub(super) fn follow_founder(&mut self) {
        match self.founder {
            Founder::Nobody => {}
            Founder::Awaited => {
                let first = self.room.participants().next().map(|(id, _)| id);
                if let Some(first) = first {
                    self.room.founded_by(first);
                    self.founder = Founder::Is(first);
                }
            }
            Founder::Is(founder) => {
                if self.room.participant(founder).is_none() && self.rooms.policy().end_with_founder {
                    self.founder = Founder::Nobody;
                    self.close_room(Instant::now());
                }
            }
        }
    }

    /// Nobody comes in any more, and everybody is sent away (CHAT-152).
    pub(super) fn close_room(&mut self, now: Instant) {
        self.rooms.retire(&self.handle);
        self.handle.family.end();
        self.room.close();
        self.say_goodbye(now, EndReason::RoomClosed);
    }
}
