//! What only the end of a run shows.

use crate::link::UNSENT;
use crate::member::{Member, Status};
use crate::message::Kind;
use crate::model::{State, Tracked};
use crate::world::World;
use parlor_msrp::Flag;
use std::collections::BTreeSet;
use std::time::Duration;

impl World {
    /// Checks everything, once nothing is left to happen.
    pub fn conclude(&mut self) {
        self.concede_held_back();
        self.check_credits();
        for (number, tracked) in self.model.messages.iter().enumerate() {
            self.check_copies(number, tracked);
        }
        self.check_orders();
        self.check_delays();
        for own in 0..self.members.len() {
            if self.is_still_there(own) {
                self.check_missed(own);
                self.check_answers(own);
            }
        }
    }

    /// How much may be held back depends on how far its recipients are, which the model does not know: where a room held
    /// back too much, messages whose chunks came in the wrong order may have been given up, and their senders told so.
    fn concede_held_back(&mut self) {
        let there: Vec<bool> = (0..self.members.len()).map(|own| self.is_still_there(own)).collect();
        for room in (0..self.rooms.len()).filter(|room| self.rooms[*room].held_back) {
            let messages = self.model.messages.iter_mut().enumerate();
            let swapped = |tracked: &Tracked| tracked.room == room && tracked.message.draft.kind == Kind::Swapped;
            for (number, tracked) in messages.filter(|(_, tracked)| swapped(tracked)) {
                let sender = &self.members[tracked.message.sender];
                let mut answers = sender.sent.values().filter(|(of, _)| *of == number).flat_map(|(_, codes)| codes);
                let told = sender.reports.get(&number).is_some_and(|codes| codes.contains(&413));
                tracked.held_back = told && tracked.state != State::Open;
                let copies = self.members.iter().filter_map(|member| member.copies.get(&number)?.ended);
                // Who has gone meanwhile cannot be told.
                let gone = !there[tracked.message.sender] && !copies.into_iter().any(|(f, _)| f == Flag::Complete);
                if tracked.held_back || gone || answers.any(|code| *code == 413) {
                    tracked.state = State::Refused;
                }
            }
        }
    }

    /// Flow control (a), (b): whatever was under way has been given back, and nothing is held for anybody.
    fn check_credits(&self) {
        for room in &self.rooms {
            assert!(room.budget.is_full(), "a room's budget did not come back: {:?}", room.budget);
            assert_eq!(room.open_messages(), 0, "open messages");
        }
        for (connection, _) in self.connections.iter().flatten() {
            assert!(connection.window.is_full(), "a window did not come back");
            assert_eq!(connection.outbox.queued(), 0, "something is never written");
        }
        assert_eq!(self.stalled.octets(), 0, "memory of stalled recipients");
    }

    fn is_still_there(&self, own: usize) -> bool {
        let member = &self.members[own];
        let connection = self.connections[member.connection].as_ref();
        member.status == Status::Inside && connection.is_some_and(|(connection, peer)| connection.alive && peer.reading)
    }

    /// Whether `own` is to have all of a message.
    fn is_due(&self, own: usize, tracked: &Tracked) -> bool {
        tracked.state == State::Complete && tracked.recipients.contains(&own) && self.may_have(own, tracked)
    }

    fn may_have(&self, own: usize, tracked: &Tracked) -> bool {
        let fits = self.members[own].max_size.is_none_or(|max| tracked.message.content.len() as u64 <= max);
        fits && !tracked.stopped.contains(&own)
    }

    fn check_copies(&self, number: usize, tracked: &Tracked) {
        let forged = tracked.message.draft.kind == Kind::Forged;
        assert!(!forged || tracked.started.is_none(), "CHAT-32: m{number}");
        for own in (0..self.members.len()).filter(|own| self.is_still_there(*own)) {
            let ended = self.members[own].copies.get(&number).map(|copy| copy.ended.map(|(flag, _)| flag));
            let whole = ended == Some(Some(Flag::Complete));
            let what = || {
                let (draft, most) = (tracked.message.draft, self.members[own].max_size);
                format!("m{number} ({:?}, {draft:?}) at user{own} (max-size {most:?}): {ended:?}", tracked.state)
            };
            assert!(!whole || tracked.state == State::Complete || tracked.uncertain, "CHAT-65: {}", what());
            if self.is_due(own, tracked) && self.keeps_the_floor(own) {
                assert!(whole, "nothing is lost to those who stay and keep the floor: {}", what());
            }
            let fits = self.members[own].max_size.is_none_or(|max| tracked.message.content.len() as u64 <= max);
            assert!(fits || !whole, "CHAT-43: {}", what());
            // Who answers 413 need not be told where the copy ended.
            assert!(ended != Some(None) || tracked.stopped.contains(&own), "CHAT-65: never ended, {}", what());
        }
    }

    /// The same order of first frames for all; one sender's messages in its order (CHAT-49).
    fn check_orders(&self) {
        for (one, member) in self.members.iter().enumerate() {
            let got: BTreeSet<usize> = member.order.iter().copied().collect();
            for (other, further) in self.members.iter().enumerate().skip(one + 1) {
                let theirs: BTreeSet<usize> = further.order.iter().copied().collect();
                let ours = member.order.iter().filter(|number| theirs.contains(number));
                let same = ours.eq(further.order.iter().filter(|number| got.contains(number)));
                assert!(same, "user{one} and user{other}: {:?}, {:?}", member.order, further.order);
            }
            self.check_order_of_senders(one, member);
        }
    }

    fn check_order_of_senders(&self, own: usize, member: &Member) {
        for sender in 0..self.members.len() {
            let from = member.order.iter().map(|number| &self.model.messages[*number]);
            let started = from.filter(|tracked| tracked.message.sender == sender).map(|tracked| tracked.started);
            assert!(started.is_sorted(), "user{own} got what user{sender} said in another order");
        }
    }

    /// Flow control (b), (c): short messages between fast peers pass at once, but that each slow one may hold them up
    /// for the patience, and that the heads budget may be waiting for one that is slow and keeps the floor.
    fn check_delays(&self) {
        let is_fast = |own: usize| self.keeps_the_floor(own) && self.rate_to(own) >= 1 << 20;
        let is_short = |tracked: &Tracked| tracked.message.content.len() < 5000;
        for sender in (0..self.members.len()).filter(|own| is_fast(*own)) {
            let neighbours = |of: usize| self.members[of].connection == self.members[sender].connection;
            let only_short = self.model.messages.iter().all(|t| !neighbours(t.message.sender) || is_short(t));
            if !only_short {
                continue;
            }
            let most = self.longest_delay();
            for recipient in (0..self.members.len()).filter(|own| is_fast(*own)) {
                for delay in self.delays(sender, recipient) {
                    assert!(delay <= most, "from user{sender} to user{recipient} in {delay:?}, more than {most:?}");
                }
            }
        }
    }

    fn longest_delay(&self) -> Duration {
        let connections = self.connections.iter().enumerate();
        let connections = connections.filter_map(|(index, it)| Some((index, it.as_ref()?.0.down.rate())));
        let (keeping, slow): (Vec<_>, Vec<_>) = connections.partition(|(index, _)| self.is_fast_enough(*index));
        let rate = keeping.iter().map(|(_, rate)| *rate).min().unwrap_or(u64::MAX);
        // What may be before a head on its way to the slowest that keeps the floor: a large turn, and the kernel's buffer.
        let behind_heads = Duration::from_secs_f64((256 * 1024 + UNSENT) as f64 / rate as f64);
        Duration::from_millis(500) + behind_heads + self.limits.patience * slow.len() as u32
    }

    fn rate_to(&self, own: usize) -> u64 {
        self.connections[self.members[own].connection].as_ref().map_or(0, |(connection, _)| connection.down.rate())
    }

    /// The room told how many messages were missed.
    fn check_missed(&self, own: usize) {
        let member = &self.members[own];
        let is_whole = |number: &usize| {
            member.copies.get(number).and_then(|copy| copy.ended).is_some_and(|(flag, _)| flag == Flag::Complete)
        };
        let messages = self.model.messages.iter().enumerate();
        let not_whole = messages.filter(|(number, t)| t.recipients.contains(&own) && !is_whole(number));
        let (due, others): (Vec<_>, Vec<_>) = not_whole.partition(|(_, tracked)| self.is_due(own, tracked));
        // A message that was broken off anyhow may have been missed before.
        let told = member.missed as usize;
        let range = due.len()..=due.len() + others.len();
        assert!(range.contains(&told), "user{own} missed {range:?} messages and was told of {told}");
    }

    /// Every chunk is answered once: 200 if its message came in, something else for at least one if not.
    fn check_answers(&self, own: usize) {
        let member = &self.members[own];
        for (tid, (number, codes)) in &member.sent {
            assert_eq!(codes.len(), 1, "MSRP-60: {tid} of m{number}");
            let tracked = self.model.messages.get(*number);
            let complete = tracked.is_none_or(|tracked| tracked.state == State::Complete && !tracked.uncertain);
            assert!(!complete || codes[0] == 200, "{tid} of m{number}: {codes:?}");
        }
        for (tid, codes) in &member.named {
            let expected: Vec<u16> = self.model.names.answer(tid).into_iter().collect();
            assert_eq!(*codes, expected, "CHAT-83 … 89: {tid} of member {own}");
        }
        let messages = self.model.messages.iter().enumerate();
        for (number, tracked) in messages.filter(|(_, t)| t.message.sender == own && !t.uncertain) {
            let chunks = member.sent.values().filter(|(of, _)| *of == number);
            let refused = chunks.flat_map(|(_, codes)| codes).any(|code| *code != 200);
            assert!(
                refused == (tracked.state == State::Refused) || tracked.held_back || tracked.forsaken,
                "m{number} is {:?}",
                tracked.state
            );
            let reports = member.reports.get(&number).map_or(&[][..], Vec::as_slice);
            let expected: &[u16] = match tracked.state {
                State::Refused if tracked.held_back => &[413],
                State::Refused if tracked.forsaken => &[404],
                State::Complete if tracked.message.success_report => &[200],
                State::Complete | State::Refused | State::Aborted => &[],
                // It fell silent, and was told so (CHAT-62).
                State::Open => &[413],
            };
            assert_eq!(reports, expected, "CHAT-47: reports on m{number} ({:?})", tracked.state);
        }
    }
}
