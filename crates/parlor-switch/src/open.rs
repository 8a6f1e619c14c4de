//! The messages that are open: how many there may be, what they hold back, and until when they may wait.

use crate::frame::MessageKey;
use crate::message::{Incoming, Phase};
use crate::refusal::Refusal;
use crate::reserve::Reserved;
use crate::session::Session;
use crate::switch::{Dropped, RECENT, Switch};
use parlor_cpim::Scanner;
use parlor_msrp::{Flag, MessageId, Request};
use parlor_room::SessionId;
use std::time::{Duration, Instant};

/// An open message may be given up for another one when nothing of it came for so long.
const IDLE: Duration = Duration::from_secs(10);

impl Switch {
    pub(crate) fn open_message(
        &mut self,
        now: Instant,
        session: SessionId,
        request: &Request,
        id: MessageId,
    ) -> Result<MessageKey, Refusal> {
        if self.open >= self.settings.open_messages {
            self.make_space(now, session)?;
        }
        let key = self.next_key();
        let scanner = Scanner::new(self.settings.cpim_header_bytes);
        let state = self.sessions.get_mut(&session).ok_or(Refusal::NotAllowed)?;
        if state.messages.len() >= self.settings.open_messages_per_session {
            return Err(Refusal::TooManyOpen);
        }
        let total = request.byte_range.and_then(|range| range.total);
        self.open += 1;
        self.put_back(session, Incoming::new(now, key, id, total, request.failure_report, scanner));
        Ok(key)
    }

    /// Gives up an open message for one more of `session`: of the session that has most open, if that is more than this
    /// one would have; else the one that has been idle longest, if it is idle at all.
    fn make_space(&mut self, now: Instant, session: SessionId) -> Result<(), Refusal> {
        let own = self.sessions.get(&session).map_or(0, |state| state.messages.len());
        let busiest = self.sessions.iter().max_by_key(|(_, state)| state.messages.len());
        if let Some((busiest, state)) = busiest.filter(|(_, state)| state.messages.len() > own + 1)
            && let Some(message) = state.messages.iter().min_by_key(|message| message.progress)
        {
            let (busiest, key) = (*busiest, message.key);
            self.give_up(busiest, key, Refusal::TooManyOpen);
            return Ok(());
        }
        let silences = self.sessions.iter().flat_map(|(session, state)| {
            state.messages.iter().map(|message| (silent_since(state, now, message.progress), *session, message.key))
        });
        let idlest = silences.min().filter(|(since, _, _)| now.saturating_duration_since(*since) >= IDLE);
        let (_, session, key) = idlest.ok_or(Refusal::TooManyOpen)?;
        self.give_up(session, key, Refusal::TooManyOpen);
        Ok(())
    }

    /// Lets so many octets more of a message of `session` be held back, of which `own` are already while it is worked on. If
    /// they are too many in all, what waits only to make a frame goes out as it is; then the session that has most held back
    /// gives up a message, unless it is the one that asks.
    pub(crate) fn reserve(&mut self, session: SessionId, own: usize, octets: usize) -> Result<Reserved, Refusal> {
        if let Some(reserved) = self.fanout.reserve.take(octets) {
            return Ok(reserved);
        }
        self.send_pending();
        if let Some(reserved) = self.fanout.reserve.take(octets) {
            return Ok(reserved);
        }
        let asks = own + octets + self.sessions.get(&session).map_or(0, Session::held);
        let others = self.sessions.iter().filter(|(other, _)| **other != session);
        let (greediest, most) = others.max_by_key(|(_, state)| state.held()).ok_or(Refusal::HeldBack)?;
        let largest = most.messages.iter().max_by_key(|message| message.held()).filter(|_| most.held() > asks);
        let (greediest, key) = (*greediest, largest.ok_or(Refusal::HeldBack)?.key);
        self.give_up(greediest, key, Refusal::HeldBack);
        self.fanout.reserve.take(octets).ok_or(Refusal::HeldBack)
    }

    fn send_pending(&mut self) {
        for message in self.sessions.values_mut().flat_map(|state| &mut state.messages) {
            if let Phase::Streaming(outgoing) = &mut message.phase
                && outgoing.held() > 0
            {
                outgoing.end(&mut self.fanout, Flag::More);
            }
        }
    }

    /// A message that was worked on, or is new, is among the open ones (again).
    pub(crate) fn put_back(&mut self, session: SessionId, message: Incoming) {
        if let Some(state) = self.sessions.get_mut(&session) {
            if !self.touched.contains(&(session, message.key)) {
                self.touched.push((session, message.key));
            }
            state.messages.push(message);
        }
    }

    /// Sees to it that the deadline of an open message is looked at in time. It is looked at once for all that came since.
    pub(crate) fn schedule(&mut self, session: SessionId, index: usize) {
        let timeout = self.settings.chunk_timeout;
        let state = self.sessions.get_mut(&session);
        let Some(message) = state.and_then(|state| state.messages.get_mut(index)) else { return };
        let deadline = message.deadline(timeout, |heard| heard);
        if message.due.is_some_and(|due| due <= deadline) {
            return;
        }
        let former = message.due.replace(deadline);
        if let Some(former) = former {
            self.timers.remove(&(former, session, message.key));
        }
        self.timers.insert((deadline, session, message.key));
    }

    /// Gives up the open messages whose time is over.
    pub(crate) fn give_up_silent(&mut self, now: Instant) {
        while let Some(&(at, session, key)) = self.timers.first()
            && at <= now
        {
            self.timers.pop_first();
            let timeout = self.settings.chunk_timeout;
            let Some(state) = self.sessions.get_mut(&session) else { continue };
            let Some(index) = state.message_index(key) else { continue };
            let deadline = state.messages[index].deadline(timeout, |heard| silent_since(state, now, heard));
            let message = &mut state.messages[index];
            message.due = (deadline > now).then_some(deadline);
            if message.due.is_some() {
                self.timers.insert((deadline, session, key));
                continue;
            }
            let refusal = if message.has_gap() { Refusal::OutOfOrder } else { Refusal::TimedOut };
            self.give_up(session, key, refusal);
        }
    }

    /// A message is no longer open.
    pub(crate) fn end_message(&mut self, session: SessionId, message: &Incoming) {
        self.open = self.open.saturating_sub(1);
        if let Some(due) = message.due {
            self.timers.remove(&(due, session, message.key));
        }
        let Phase::Streaming(outgoing) = &message.phase else { return };
        self.streaming.remove(&outgoing.random);
        // A late 413 of a recipient must still find what waits of it.
        if outgoing.has_several_frames() {
            if self.recent.len() == RECENT {
                self.recent.pop_front();
            }
            self.recent.push_back((outgoing.random, message.key));
        }
    }

    /// Breaks off a message that is already out of its session's list; its recipients get `#` if they got anything.
    pub(crate) fn abort(&mut self, session: SessionId, mut message: Incoming) {
        self.end_message(session, &message);
        if let Phase::Streaming(outgoing) = &mut message.phase
            && outgoing.has_begun()
        {
            outgoing.end(&mut self.fanout, Flag::Abort);
            let recipients = outgoing.audience();
            self.count_dropped(Dropped::Aborted, recipients);
        }
    }

    /// Gives up an open message of which the sender may know nothing: it is told by a REPORT.
    pub(crate) fn give_up(&mut self, session: SessionId, key: MessageKey, refusal: Refusal) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let Some(index) = state.message_index(key) else { return };
        let message = state.messages.swap_remove(index);
        state.remember_refused(&message.id, refusal);
        let private = match &message.phase {
            Phase::Streaming(outgoing) => outgoing.private.as_ref().map(|private| &*private.wrapper),
            Phase::Gathering { .. } => None,
        };
        self.report_failure(session, &message, refusal, private);
        self.count_refused(refusal);
        self.abort(session, message);
    }
}

/// Since when a session has said nothing, its timers standing still while it is we who do not read (CHAT-62).
fn silent_since(session: &Session, now: Instant, heard: Instant) -> Instant {
    session.attached.as_ref().map_or(heard, |attached| attached.outbox.silent_since(now, heard))
}
