//! The outbox under its lock.

use super::answers::Answers;
use super::lanes::{Item, Lanes};
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

#[derive(Debug)]
struct Seat {
    slot: Slot,
    lines: Arc<Lines>,
    missed: u32,
    told_given_up: bool,
    answers: Answers,
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
    seats: Vec<Seat>,
    next_slot: u32,
    queued: usize,
    control: usize,
    standing: Standing,
    pace: Pace,
    /// Since when something waits for the kernel.
    waits_since: Option<Instant>,
    /// When the peer was last found not to be fast.
    slow_at: Option<Instant>,
    phase: Phase,
    waker: Option<Waker>,
    reader: Option<Waker>,
    vacancy: Option<Waker>,
}

impl State {
    pub(super) fn new(limits: OutboxLimits, stalled_memory: StalledMemory) -> Self {
        Self {
            limits,
            stalled_memory,
            lanes: Lanes::default(),
            seats: Vec::new(),
            next_slot: 0,
            queued: 0,
            control: 0,
            standing: Standing::Good,
            pace: Pace::new(limits.floor, limits.patience),
            waits_since: None,
            slow_at: None,
            phase: Phase::Open,
            waker: None,
            reader: None,
            vacancy: None,
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
        if self.vacancy.as_ref().is_none_or(|known| !known.will_wake(waker)) {
            self.vacancy = Some(waker.clone());
        }
        self.seats.is_empty()
    }

    fn vacancy_changed(&mut self) {
        if let Some(waker) = self.vacancy.take() {
            waker.wake();
        }
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
        let slot = Slot(self.next_slot);
        self.next_slot = self.next_slot.wrapping_add(1);
        let suffix = suffix_of(slot);
        let lines = Arc::new(lines(&suffix));
        self.seats.push(Seat { slot, lines, missed: 0, told_given_up: false, answers: Answers::default() });
        self.vacancy_changed();
        slot
    }

    pub(super) fn detach(&mut self, slot: Slot) -> u32 {
        let removed = self.lanes.remove_slot(slot);
        for frame in &removed.frames {
            self.forget(slot, frame);
        }
        self.wait_no_more(removed.aborts);
        self.seats.retain(|seat| seat.slot != slot);
        self.vacancy_changed();
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
                None => lines.abort_at(stream.end, message, &stream.message_id, stream.failure_report),
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

    pub(super) fn wrote(&mut self, now: Instant, turn: &mut Turn, taken: usize, blocked: bool) -> Written {
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
                        && let Some(seat) = self.seats.iter_mut().find(|seat| seat.slot == slot)
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
        self.account(now, turn, taken, blocked);
        self.wake_reader();
        written.events = self.has_events();
        written
    }

    pub(super) fn answered(&mut self, now: Instant, slot: Slot) {
        if let Some(seat) = self.seats.iter_mut().find(|seat| seat.slot == slot) {
            seat.answers.give(now);
        }
    }

    pub(super) fn is_answer_overdue(&self, now: Instant, slot: Slot) -> bool {
        self.seats.iter().any(|seat| seat.slot == slot && seat.answers.is_overdue(now))
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
            Standing::Good => self.seats.iter().any(|seat| seat.missed > 0),
            Standing::Stalled { .. } => false,
            Standing::GivenUp => self.seats.iter().any(|seat| !seat.told_given_up),
        }
    }

    pub(super) fn poll_event(&mut self) -> Option<OutboxEvent> {
        match self.standing {
            Standing::Good => self
                .seats
                .iter_mut()
                .find(|seat| seat.missed > 0)
                .map(|seat| OutboxEvent::Recovered { slot: seat.slot, missed: std::mem::take(&mut seat.missed) }),
            Standing::Stalled { .. } => None,
            Standing::GivenUp => self.seats.iter_mut().find(|seat| !seat.told_given_up).map(|seat| {
                seat.told_given_up = true;
                OutboxEvent::GivenUp { slot: seat.slot }
            }),
        }
    }

    fn account(&mut self, now: Instant, turn: &mut Turn, taken: usize, blocked: bool) {
        self.pace.took(now, taken, blocked);
        self.measure(now, taken, blocked);
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

    /// Tells fast peers from others by what the kernel takes after it took nothing for a while.
    fn measure(&mut self, now: Instant, taken: usize, blocked: bool) {
        if taken > 0
            && let Some(since) = self.waits_since.take()
        {
            let fast = FAST.saturating_mul(now.saturating_duration_since(since).as_micros());
            self.slow_at = ((taken as u128) * 1_000_000 < fast).then_some(now);
        }
        if blocked {
            self.waits_since.get_or_insert(now);
        } else if self.slow_at.is_some_and(|at| at + self.limits.patience <= now) {
            self.slow_at = None;
        }
    }

    fn fill(&mut self, turn: &mut Turn) {
        turn.offset = 0;
        turn.settled = self.is_stalled();
        turn.lines.retain(|(slot, _)| self.seats.iter().any(|seat| seat.slot == *slot));
        let turn_bytes = if self.slow_at.is_none() { FAST_TURN } else { SLOW_TURN };
        let Self { lanes, seats, .. } = self;
        let Turn { items, lines, .. } = turn;
        lanes.take(
            turn_bytes,
            |item| match item {
                Item::Encoded(bytes) | Item::Abort { encoded: bytes, .. } => bytes.len(),
                Item::Copy { slot, frame } => {
                    seats.iter().find(|seat| seat.slot == *slot).map_or(0, |seat| seat.lines.encoded_len(frame))
                }
            },
            |item, len| {
                if let Item::Copy { slot, .. } = &item
                    && !lines.iter().any(|(known, _)| known == slot)
                    && let Some(seat) = seats.iter().find(|seat| seat.slot == *slot)
                {
                    lines.push((*slot, Arc::clone(&seat.lines)));
                }
                items.push_back((item, len));
            },
        );
    }

    fn limit(&self) -> usize {
        self.limits.bytes * self.seats.len().max(1)
    }

    fn lines(&self, slot: Slot) -> Option<&Arc<Lines>> {
        self.seats.iter().find(|seat| seat.slot == slot).map(|seat| &seat.lines)
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
        if let Some(seat) = self.seats.iter_mut().find(|seat| seat.slot == slot) {
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

/// The octets a second from which on a peer counts as fast: a turn of the larger kind is with it in a quarter of a second.
const FAST: u128 = 4 * FAST_TURN as u128;
/// About how many octets are taken for one write to a fast peer: fewer writes cost less.
const FAST_TURN: usize = 256 * 1024;
/// The same for one that is not: what comes meanwhile and goes first waits for less.
const SLOW_TURN: usize = 64 * 1024;

/// Letters and digits that no other session of the connection has.
fn suffix_of(slot: Slot) -> String {
    let mut rest = slot.0 as usize % (62 * 62 * 62);
    let mut suffix = String::new();
    loop {
        suffix.push(char::from(crate::frame::BASE62[rest % 62]));
        rest /= 62;
        if rest == 0 {
            return suffix;
        }
    }
}
