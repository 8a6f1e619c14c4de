//! The outbox under its lock.

use super::lanes::{Item, Lanes};
use super::seats::Seats;
use super::speed::Speed;
use super::{OutboxEvent, OutboxLimits, Pace, Poll, Pushed, Slot, StalledMemory, Turn, Written};
use crate::frame::{Frame, Lines, MessageKey, Place};
use bytes::Bytes;
use parlor_msrp::{FailureReport, Flag};
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

/// How a recipient stands.
///
/// ```text
///   Good --- takes less than the floor for longer than the patience, data waiting ---> Stalled
///   Stalled --- everything written ---> Good
///   Stalled --- takes nothing for the time to give up ---> GivenUp
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Its copies hold shares of the senders' credits.
    Good,
    /// Its copies hold none; what does not fit is skipped. The writer notes when the kernel last took something.
    Stalled { progress_at: Option<Instant> },
    /// Its sessions are being closed.
    GivenUp,
}

/// Whether more may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Finishing,
    Closed,
}

#[derive(Debug)]
pub(super) struct State {
    limits: OutboxLimits,
    stalled_memory: StalledMemory,
    lanes: Lanes,
    seats: Seats,
    queued: usize,
    control: usize,
    standing: Standing,
    pace: Pace,
    speed: Speed,
    phase: Phase,
    waker: Option<Waker>,
    reader: Option<Waker>,
}

impl State {
    pub(super) fn new(limits: OutboxLimits, stalled_memory: StalledMemory) -> Self {
        Self {
            limits,
            stalled_memory,
            lanes: Lanes::default(),
            seats: Seats::default(),
            queued: 0,
            control: 0,
            standing: Standing::Good,
            pace: Pace::new(limits.floor, limits.patience),
            speed: Speed::default(),
            phase: Phase::Open,
            waker: None,
            reader: None,
        }
    }

    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    /// Whether the peer may cause more control traffic; if not, `reader` is woken once it may.
    pub(super) fn poll_control(&mut self, reader: &Waker) -> bool {
        let takes = self.control < self.limits.control() || self.phase == Phase::Closed;
        self.reader = (!takes).then(|| reader.clone());
        takes
    }

    pub(super) fn is_vacant(&self) -> bool {
        self.seats.is_empty()
    }

    /// The same; `waker` is woken when that changes.
    pub(super) fn poll_vacant(&mut self, waker: &Waker) -> bool {
        self.seats.poll_empty(waker)
    }

    pub(super) fn is_stalled(&self) -> bool {
        self.standing != Standing::Good
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.standing == Standing::GivenUp
    }

    pub(super) fn take_waker(&mut self) -> Option<Waker> {
        self.waker.take()
    }

    pub(super) fn attach(&mut self, lines: impl FnOnce(&str) -> Lines) -> Slot {
        let slot = self.seats.add(lines);
        self.seats_changed();
        slot
    }

    pub(super) fn is_attached(&self, slot: Slot) -> bool {
        self.seats.of(slot).is_some()
    }

    pub(super) fn detach(&mut self, slot: Slot) -> u32 {
        let removed = self.lanes.remove_slot(slot);
        for frame in &removed.frames {
            self.forget(slot, frame);
        }
        self.wait_no_more(removed.aborts);
        self.seats.remove(slot);
        self.seats_changed();
        removed.messages
    }

    pub(super) fn push_control(&mut self, bytes: Bytes) {
        if self.phase != Phase::Open {
            return;
        }
        self.wait(bytes.len());
        self.control += bytes.len();
        self.lanes.push_control(Item::Encoded(bytes));
    }

    /// A notice holds no share of any credit, as its frame's credit holds nothing.
    pub(super) fn push_notice(&mut self, slot: Slot, frame: Arc<Frame>) -> Pushed {
        let Some(len) = self.len_for(slot, &frame) else { return Pushed::default() };
        if !self.has_space(len) {
            return Pushed { stalled: 1, memory: 0 };
        }
        frame.credit.take(1);
        if self.is_stalled() {
            frame.credit.settle(1);
        }
        self.wait(len);
        self.lanes.push_head(slot, frame);
        Pushed::default()
    }

    pub(super) fn push(&mut self, slot: Slot, frame: &Arc<Frame>, pushed: &mut Pushed) {
        let Some(len) = self.len_for(slot, frame) else { return frame.credit.settle(1) };
        let expected = match frame.place {
            Place::First => true,
            Place::Later => self.lanes.expects(slot, frame.message),
        };
        if !expected {
            return frame.credit.settle(1);
        }
        if !self.has_space(len) {
            // In good standing, only the sessions of several rooms on one connection can fill it.
            self.stall();
            frame.credit.settle(1);
            match self.queued + len > self.limit() {
                true => pushed.stalled += 1,
                false => pushed.memory += 1,
            }
            self.skip(slot, frame);
            return;
        }
        if self.is_stalled() {
            frame.credit.settle(1);
        }
        self.wait(len);
        match frame.place {
            Place::First => self.lanes.push_head(slot, Arc::clone(frame)),
            Place::Later => self.lanes.push_bulk(slot, Arc::clone(frame)),
        }
    }

    /// Breaks a message off at the first of its frames that still waits, or behind all that were written.
    pub(super) fn abort(&mut self, slot: Slot, message: MessageKey) {
        let Some(stream) = self.lanes.remove_stream(slot, message) else { return };
        for frame in &stream.frames {
            self.forget(slot, frame);
        }
        if let Some(lines) = self.lines(slot) {
            let abort = match stream.frames.front() {
                Some(first) => lines.abort_before(first),
                None => lines.abort_at(stream.end, message, &stream.message_id, stream.failure_report, &stream.content),
            };
            self.push_abort(slot, abort);
        }
    }

    pub(super) fn close(&mut self) -> u32 {
        let messages = self.lanes.messages();
        self.phase = Phase::Closed;
        if self.standing == Standing::Good {
            for frame in self.lanes.frames() {
                frame.credit.settle(1);
            }
        }
        self.lanes = Lanes::default();
        self.seats.clear();
        self.wait_no_more(self.queued);
        self.control = 0;
        self.wake_reader();
        messages
    }

    pub(super) fn finish(&mut self) {
        if self.phase == Phase::Open {
            self.phase = Phase::Finishing;
        }
    }

    pub(super) fn take_turn(&mut self, turn: &mut Turn, waker: &Waker) -> Poll {
        if self.is_stalled() {
            turn.settle_all();
        }
        if self.phase == Phase::Closed {
            return Poll::Finished;
        }
        if turn.is_empty() {
            self.fill(turn);
        }
        if !turn.is_empty() {
            return Poll::Ready;
        }
        if self.phase == Phase::Finishing {
            return Poll::Finished;
        }
        if self.waker.as_ref().is_none_or(|known| !known.will_wake(waker)) {
            self.waker = Some(waker.clone());
        }
        Poll::Idle
    }

    pub(super) fn wrote(
        &mut self,
        now: Instant,
        turn: &mut Turn,
        taken: usize,
        passed: usize,
        blocked: bool,
    ) -> Written {
        let mut written = Written { taken: taken as u64, ..Written::default() };
        turn.offset += taken;
        self.wait_no_more(taken);
        while let Some((_, len)) = turn.items.front()
            && *len <= turn.offset
        {
            let Some((item, len)) = turn.items.pop_front() else { break };
            turn.offset -= len;
            match item {
                Item::Encoded(bytes) => self.control = self.control.saturating_sub(bytes.len()),
                Item::Abort { .. } => {}
                Item::Copy { slot, frame } => {
                    if frame.failure_report == FailureReport::Yes.as_str()
                        && let Some(seat) = self.seats.of_mut(slot)
                    {
                        seat.answers.ask(now);
                    }
                    written.copies += u64::from(frame.flag == Flag::Complete);
                    written.body_bytes += frame.body.len() as u64;
                    if !turn.settled {
                        frame.credit.settle(1);
                    }
                }
            }
        }
        self.account(now, turn, passed, blocked);
        self.wake_reader();
        written.events = self.has_events();
        written
    }

    pub(super) fn answered(&mut self, now: Instant, slot: Slot) {
        if let Some(seat) = self.seats.of_mut(slot) {
            seat.answers.give(now);
        }
    }

    pub(super) fn is_answer_overdue(&self, now: Instant, slot: Slot) -> bool {
        self.seats.of(slot).is_some_and(|seat| seat.answers.is_overdue(now))
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self.standing {
            Standing::Good => self.pace.empty_at(),
            Standing::Stalled { progress_at: Some(at) } => Some(at + self.limits.give_up),
            Standing::Stalled { progress_at: None } => self.pace.empty_at(),
            Standing::GivenUp => None,
        }
    }

    pub(super) fn check(&mut self, now: Instant, turn: &mut Turn) {
        match self.standing {
            Standing::Good if self.pace.is_empty(now) => {
                self.stall();
                self.standing = Standing::Stalled { progress_at: Some(now) };
                turn.settle_all();
            }
            Standing::Stalled { progress_at: None } => {
                self.standing = Standing::Stalled { progress_at: Some(now) };
                turn.settle_all();
            }
            Standing::Stalled { progress_at: Some(at) } if at + self.limits.give_up <= now => {
                self.standing = Standing::GivenUp;
            }
            Standing::Good | Standing::Stalled { .. } | Standing::GivenUp => {}
        }
    }

    pub(super) fn has_events(&self) -> bool {
        match self.standing {
            Standing::Good => self.seats.any_missed(),
            Standing::Stalled { .. } => false,
            Standing::GivenUp => self.seats.any_to_give_up(),
        }
    }

    pub(super) fn poll_event(&mut self) -> Option<OutboxEvent> {
        match self.standing {
            Standing::Good => self.seats.take_missed(),
            Standing::Stalled { .. } => None,
            Standing::GivenUp => self.seats.take_given_up(),
        }
    }

    fn account(&mut self, now: Instant, turn: &mut Turn, taken: usize, blocked: bool) {
        self.pace.took(now, taken, blocked);
        self.speed.took(now, taken, blocked, self.limits.patience);
        match self.standing {
            Standing::Good => self.check(now, turn),
            Standing::Stalled { .. } if !blocked && turn.is_empty() && self.lanes.is_empty() => self.recover(),
            Standing::Stalled { progress_at } => {
                let progress_at = if taken > 0 { Some(now) } else { progress_at };
                self.standing = Standing::Stalled { progress_at };
                self.check(now, turn);
            }
            Standing::GivenUp => {}
        }
    }

    fn fill(&mut self, turn: &mut Turn) {
        turn.offset = 0;
        turn.settled = self.is_stalled();
        turn.lines.retain(|(slot, _)| self.seats.of(*slot).is_some());
        let turn_bytes = self.speed.turn_bytes();
        let Self { lanes, seats, .. } = self;
        let Turn { items, lines, .. } = turn;
        lanes.take(
            turn_bytes,
            |item| match item {
                Item::Encoded(bytes) | Item::Abort { encoded: bytes, .. } => bytes.len(),
                Item::Copy { slot, frame } => seats.of(*slot).map_or(0, |seat| seat.lines.encoded_len(frame)),
            },
            |item, len| {
                if let Item::Copy { slot, .. } = &item
                    && !lines.iter().any(|(known, _)| known == slot)
                    && let Some(seat) = seats.of(*slot)
                {
                    lines.push((*slot, Arc::clone(&seat.lines)));
                }
                items.push_back((item, len));
            },
        );
    }

    /// Each session has its own space, and its own floor.
    fn seats_changed(&mut self) {
        self.pace.set_floor(self.limits.floor.saturating_mul(self.seats.len().max(1) as u64));
    }

    fn limit(&self) -> usize {
        self.limits.bytes * self.seats.len().max(1)
    }

    fn lines(&self, slot: Slot) -> Option<&Arc<Lines>> {
        self.seats.of(slot).map(|seat| &seat.lines)
    }

    /// The octets of a copy; none when the session is gone or the connection takes no more.
    fn len_for(&self, slot: Slot, frame: &Frame) -> Option<usize> {
        let lines = self.lines(slot)?;
        (self.phase == Phase::Open).then(|| lines.encoded_len(frame))
    }

    /// From good standing to stalled: the shares of everything that waits are given back.
    fn stall(&mut self) {
        if self.standing == Standing::Good {
            for frame in self.lanes.frames() {
                frame.credit.settle(1);
            }
            self.standing = Standing::Stalled { progress_at: None };
            self.stalled_memory.add(self.queued);
        }
    }

    fn recover(&mut self) {
        if self.is_stalled() {
            self.stalled_memory.sub(self.queued);
            self.standing = Standing::Good;
        }
    }

    fn wait(&mut self, len: usize) {
        self.queued += len;
        if self.is_stalled() {
            self.stalled_memory.add(len);
        }
    }

    fn wait_no_more(&mut self, len: usize) {
        let len = len.min(self.queued);
        self.queued -= len;
        if self.is_stalled() {
            self.stalled_memory.sub(len);
        }
    }

    fn has_space(&self, len: usize) -> bool {
        self.queued + len <= self.limit() && !(self.is_stalled() && self.stalled_memory.is_full_with(len))
    }

    fn wake_reader(&mut self) {
        if self.control < self.limits.control() / 2
            && let Some(reader) = self.reader.take()
        {
            reader.wake();
        }
    }

    /// A message of which this frame does not fit: it is counted, and broken off if it was begun.
    fn skip(&mut self, slot: Slot, frame: &Arc<Frame>) {
        if let Some(seat) = self.seats.of_mut(slot) {
            seat.missed = seat.missed.saturating_add(1);
        }
        if frame.place == Place::First {
            return;
        }
        let waiting = self.lanes.remove_stream(slot, frame.message).map(|stream| stream.frames).unwrap_or_default();
        for dropped in &waiting {
            self.forget(slot, dropped);
        }
        let broken_at = waiting.front().unwrap_or(frame);
        if let Some(lines) = self.lines(slot) {
            let abort = lines.abort_before(broken_at);
            self.push_abort(slot, abort);
        }
    }

    fn push_abort(&mut self, slot: Slot, encoded: Bytes) {
        self.wait(encoded.len());
        self.lanes.push_abort(slot, encoded);
    }

    /// Accounts for a copy that was taken out of a lane unwritten.
    fn forget(&mut self, slot: Slot, frame: &Arc<Frame>) {
        if let Some(lines) = self.lines(slot) {
            let len = lines.encoded_len(frame);
            self.wait_no_more(len);
        }
        if self.standing == Standing::Good {
            frame.credit.settle(1);
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.close();
    }
}
