//! What waits to be written to one connection, and what happens when its peer does not read.
//!
//! An outbox has three lanes. *Control* holds responses, reports, aborts and notices; *heads* the first frame of each
//! message, in the room's order; *bulk* the later frames, which take turns by message. A [`Turn`] is what the writer
//! takes at once: control, then heads, then bulk, of which at least one frame; together about 256 KiB for a fast peer and
//! 64 KiB for another one.
//!
//! A recipient in good standing holds shares of the senders' [`Credit`](crate::Credit)s, so that TCP slows a sender down to what its
//! recipients take. When the kernel takes less than the floor for a while although data waits, the recipient has
//! *stalled*: it gives all credits back, its queue counts on its own limit, and what does not fit is skipped. Once
//! everything has been written it is in good standing again, and is told how much it missed.

mod answers;
mod lanes;
mod pace;
mod reading;
mod seats;
mod speed;
mod state;
#[cfg(test)]
mod tests;
mod turn;

pub use pace::Pace;
pub use turn::{Scratch, Turn};

use crate::frame::{Frame, Lines, MessageKey};
use bytes::Bytes;
use reading::Reading;
use state::State;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

/// The limits of one outbox.
#[derive(Clone, Copy, Debug)]
pub struct OutboxLimits {
    /// The most octets that may wait for one session (L).
    pub bytes: usize,
    /// The octets a second that a recipient must take to be in good standing.
    pub floor: u64,
    /// For how long it may take less.
    pub patience: Duration,
    /// How long a stalled recipient may take nothing at all before it is given up.
    pub give_up: Duration,
}

impl Default for OutboxLimits {
    fn default() -> Self {
        Self {
            bytes: 1024 * 1024,
            floor: 64 * 1024,
            patience: Duration::from_secs(1),
            give_up: Duration::from_secs(60),
        }
    }
}

impl OutboxLimits {
    /// The octets of responses and reports above which a connection is not read any further.
    pub fn control(&self) -> usize {
        self.bytes / 16
    }

    /// What a connection may have under way to recipients in good standing.
    pub fn window(&self) -> usize {
        self.bytes / 4
    }

    /// What one room may hold back of its senders' messages without their credit.
    pub fn held(&self) -> usize {
        self.bytes / 8
    }

    /// What the first frames of one connection's messages may have under way, in all rooms.
    pub(crate) fn heads_of_one(&self) -> usize {
        self.bytes / 16
    }

    /// What the first frames of one room's messages may have under way.
    pub fn heads(&self) -> usize {
        self.bytes / 4
    }

    /// What the later frames of one room's messages may have under way.
    pub fn bulk(&self) -> usize {
        self.bytes / 2
    }
}

/// The octets that wait for all recipients together that have stalled, and how many may; shared by all outboxes.
#[derive(Clone, Debug)]
pub struct StalledMemory(Arc<(AtomicUsize, usize)>);

impl StalledMemory {
    /// At most `limit` octets.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new((AtomicUsize::new(0), limit)))
    }

    /// The octets that wait now.
    pub fn octets(&self) -> usize {
        self.0.0.load(Ordering::Relaxed)
    }

    fn add(&self, octets: usize) {
        self.0.0.fetch_add(octets, Ordering::Relaxed);
    }

    fn sub(&self, octets: usize) {
        self.0.0.fetch_sub(octets, Ordering::Relaxed);
    }

    fn is_full_with(&self, octets: usize) -> bool {
        self.octets().saturating_add(octets) > self.0.1
    }
}

/// Names the place of one session in its connection's outbox; a later session gets another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub(crate) u32);

/// What an outbox has to tell the room of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboxEvent {
    /// Everything has been written again; so many messages were skipped.
    Recovered {
        /// The session that missed them.
        slot: Slot,
        /// How many messages it did not get, or not to the end.
        missed: u32,
    },
    /// It took nothing for as long as it may; its session is to be closed.
    GivenUp {
        /// The session.
        slot: Slot,
    },
}

/// What writing did, for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Copies of messages of which the kernel now has the last frame.
    pub copies: u64,
    /// Octets of messages in the frames that the kernel now has whole.
    pub body_bytes: u64,
    /// Octets that the kernel took, of whatever.
    pub taken: u64,
    /// Whether [`Outbox::poll_event`] has something.
    pub events: bool,
}

/// How a push went, for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Messages that were skipped, or broken off, because the recipient has stalled and its outbox is full.
    pub stalled: u32,
    /// The same because all outboxes of stalled recipients together are full.
    pub memory: u32,
}

/// What waits to be written to one connection; shared by its writer and the rooms of its sessions.
#[derive(Debug)]
pub struct Outbox {
    state: Mutex<State>,
    reading: Reading,
    limits: OutboxLimits,
}

impl Outbox {
    /// An empty outbox.
    pub fn new(limits: OutboxLimits, stalled_memory: StalledMemory) -> Arc<Self> {
        let state = Mutex::new(State::new(limits, stalled_memory));
        Arc::new(Self { state, reading: Reading::default(), limits })
    }

    /// Its limits.
    pub fn limits(&self) -> &OutboxLimits {
        &self.limits
    }

    /// Octets that wait, those in the writer's hands included.
    pub fn queued(&self) -> usize {
        self.lock().queued()
    }

    /// Whether the peer has stalled.
    pub fn is_stalled(&self) -> bool {
        self.lock().is_stalled()
    }

    /// Whether more responses and reports may be caused: a connection is read only while this holds, so that a peer
    /// that asks and does not read the answers is stopped by TCP. If it does not hold, `reader` is woken once it does.
    pub fn poll_control(&self, reader: &Waker) -> bool {
        self.lock().poll_control(reader)
    }

    /// The reader waits, but not for its peer: until it goes on, the peer cannot be blamed for saying nothing (CHAT-62).
    pub fn hold_reader(&self) {
        self.reading.hold();
    }

    /// The reader goes on, if it was held.
    pub fn release_reader(&self, now: Instant) {
        self.reading.go_on(now);
    }

    /// Since when a peer has been silent that was heard at some time.
    pub(crate) fn silent_since(&self, now: Instant, heard: Instant) -> Instant {
        self.reading.silent_since(now, heard)
    }

    /// Whether the peer took nothing for as long as it may.
    pub fn is_given_up(&self) -> bool {
        self.lock().is_given_up()
    }

    /// Whether no session has its place here.
    pub fn is_vacant(&self) -> bool {
        self.lock().is_vacant()
    }

    /// Whether no session has its place here; `waker` is woken when one takes or leaves its place.
    pub fn poll_vacant(&self, waker: &Waker) -> bool {
        self.lock().poll_vacant(waker)
    }

    /// Gives a session its place. The suffix of its transaction ids follows from the place.
    pub fn attach(&self, to: &parlor_msrp::Path, from: &parlor_msrp::Uri) -> Slot {
        self.lock().attach(|suffix| Lines::new(suffix, to, from))
    }

    /// Whether a session still has this place.
    pub fn is_attached(&self, slot: Slot) -> bool {
        self.lock().is_attached(slot)
    }

    /// Takes a session's place away: what waits for it is dropped, but a frame that was begun is finished. Gives how many
    /// messages it does not get, or not to the end.
    pub fn detach(&self, slot: Slot) -> (u32, Option<Waker>) {
        let mut state = self.lock();
        let dropped = state.detach(slot);
        (dropped, state.take_waker())
    }

    /// Queues something encoded that goes before any message: a response, a report.
    ///
    /// Gives the writer's waker, to be woken once the caller holds no lock.
    pub fn push_control(&self, bytes: Bytes) -> Option<Waker> {
        let mut state = self.lock();
        state.push_control(bytes);
        state.take_waker()
    }

    /// Queues a frame from the server itself for one session, before any message.
    pub fn push_notice(&self, slot: Slot, frame: Arc<Frame>) -> (Pushed, Option<Waker>) {
        let mut state = self.lock();
        let pushed = state.push_notice(slot, frame);
        (pushed, state.take_waker())
    }

    /// Queues copies of `frames` for one session, in order, and adds to `pushed`. The caller has taken a share of each frame's credit for it.
    pub fn push<'a>(
        &self,
        slot: Slot,
        frames: impl Iterator<Item = &'a Arc<Frame>>,
        pushed: &mut Pushed,
    ) -> Option<Waker> {
        let mut state = self.lock();
        for frame in frames {
            state.push(slot, frame, pushed);
        }
        state.take_waker()
    }

    /// Breaks a message off for one session: what of it waits is dropped, and `#` is sent if it was begun (CHAT-68).
    pub fn abort(&self, slot: Slot, message: MessageKey) -> Option<Waker> {
        let mut state = self.lock();
        state.abort(slot, message);
        state.take_waker()
    }

    /// No more is taken; what waits is dropped and all credits return. Gives how many messages were not written to the end.
    pub fn close(&self) -> (u32, Option<Waker>) {
        let mut state = self.lock();
        let dropped = state.close();
        (dropped, state.take_waker())
    }

    /// From now on nothing new is taken; the writer ends once what waits is written.
    pub fn finish(&self) -> Option<Waker> {
        let mut state = self.lock();
        state.finish();
        state.take_waker()
    }

    /// Moves what is to be written next into `turn`, which still holds what the kernel did not take.
    ///
    /// `Idle` means that nothing waits; `waker` is woken by the next push.
    pub fn take_turn(&self, turn: &mut Turn, waker: &Waker) -> Poll {
        self.lock().take_turn(turn, waker)
    }

    /// Accounts for an attempt to write: `taken` octets of `turn` went out; `blocked` says that the kernel wants no more,
    /// of `turn` or of what TLS still holds.
    pub fn wrote(&self, now: Instant, turn: &mut Turn, taken: usize, blocked: bool) -> Written {
        self.wrote_through(now, turn, taken, taken, blocked)
    }

    /// The same where something between holds back octets, such as TLS: `passed` of them went on to the kernel, and tell how
    /// fast the peer is.
    pub fn wrote_through(&self, now: Instant, turn: &mut Turn, taken: usize, passed: usize, blocked: bool) -> Written {
        self.lock().wrote(now, turn, taken, passed, blocked)
    }

    /// The session's peer answered a copy that asked for it (MSRP-59).
    pub fn answered(&self, now: Instant, slot: Slot) {
        self.lock().answered(now, slot);
    }

    /// Whether the session's peer has left a copy unanswered for too long (MSRP-59).
    pub fn is_answer_overdue(&self, now: Instant, slot: Slot) -> bool {
        self.lock().is_answer_overdue(now, slot)
    }

    /// When the writer, blocked, is to call [`Outbox::check`] at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.lock().poll_timeout()
    }

    /// Looks, while the kernel takes nothing, whether the peer has stalled. Gives whether there are events.
    pub fn check(&self, now: Instant, turn: &mut Turn) -> bool {
        let mut state = self.lock();
        state.check(now, turn);
        state.has_events()
    }

    /// The next event for a room.
    pub fn poll_event(&self) -> Option<OutboxEvent> {
        self.lock().poll_event()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a writer finds when it asks for its next turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    /// There is something to write.
    Ready,
    /// Nothing waits.
    Idle,
    /// Nothing waits, and nothing will come: the connection is to be closed.
    Finished,
}
