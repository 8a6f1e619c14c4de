//! What a reader hands on to a room, and what it waits for before it does.

use super::connection::{Connection, Seat};
use crate::pace::Tempo;
use crate::room::{Brought, Inbox};
use parlor_room::SessionId;
use parlor_switch::{Input, Slot};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

/// A chunk counts for this much beside its octets: its headers in each copy.
pub(super) const CHUNK_OVERHEAD: usize = 512;

/// What one read brought for one room, in order.
#[derive(Debug)]
pub(super) struct Run {
    inbox: Arc<Inbox>,
    pub(super) bound: Vec<Seat>,
    inputs: Vec<(SessionId, Slot, Input)>,
    /// Octets of the read that no run has counted, in the last one: it is kept until its room has looked at it.
    pub(super) rest: usize,
    pub(super) heads: usize,
    pub(super) bulk: usize,
    /// What is there of requests without a body, and responses.
    bare: usize,
    pub(super) whole: bool,
    /// Until then nothing more is read, as a participant sends more than it may (CHAT-170).
    pub(super) too_early: Option<Instant>,
}

impl Run {
    pub(super) fn new(inbox: &Arc<Inbox>) -> Self {
        let inbox = Arc::clone(inbox);
        let (bound, inputs) = (Vec::new(), Vec::new());
        Self { inbox, bound, inputs, rest: 0, heads: 0, bulk: 0, bare: 0, whole: false, too_early: None }
    }

    /// What it counts for in the connection's window.
    pub(super) fn octets(&self) -> usize {
        self.rest + self.heads + self.bulk + self.bare
    }

    pub(super) async fn hand_on(self, connection: &Connection, read_at: Instant) {
        let window = connection.window.take(self.octets(), self.heads).await;
        // Once more, as what was handed on before has drawn answers meanwhile; and before the room's budget is taken, which
        // is not to wait for a peer.
        answers_taken(connection).await;
        let credit = self.inbox.budget().acquire(window, self.heads, self.bulk).await;
        for Seat { slot, entry } in self.bound {
            self.inbox.bound(entry, Arc::clone(&connection.outbox), slot, None).await;
        }
        let read_at = self.whole.then_some(read_at);
        let outbox = Arc::clone(&connection.outbox);
        self.inbox.brought(Brought { outbox, inputs: self.inputs, credit, read_at }).await;
    }

    /// A session begins a message.
    pub(super) fn count_message(&mut self, seat: &Seat) {
        self.step(seat.entry.tempos().and_then(|tempos| tempos.messages.as_ref()));
    }

    /// A session asks for a nickname.
    pub(super) fn count_nickname(&mut self, seat: &Seat) {
        self.step(seat.entry.tempos().map(|tempos| &tempos.nicknames));
    }

    fn step(&mut self, tempo: Option<&Tempo>) {
        let Some(tempo) = tempo else { return };
        let now = Instant::now();
        let due = tempo.step(now);
        self.too_early = self.too_early.max((due > now).then_some(due));
    }

    pub(super) fn push(&mut self, seat: &Seat, input: Input) {
        let is_bare = match &input {
            Input::Request(request) => !request.has_body,
            Input::Response(_) => true,
            Input::Body(_) | Input::End(_) => false,
        };
        self.bare += if is_bare { CHUNK_OVERHEAD } else { 0 };
        self.inputs.push((seat.entry.session, seat.slot, input));
    }
}

pub(super) fn run_of<'a>(runs: &'a mut Vec<Run>, inbox: &Arc<Inbox>) -> &'a mut Run {
    if runs.last().is_none_or(|run| !Arc::ptr_eq(&run.inbox, inbox)) {
        runs.push(Run::new(inbox));
    }
    runs.last_mut().expect("one was just pushed if there was none")
}

/// Waits while too many answers to the peer are not taken by it.
pub(super) async fn answers_taken(connection: &Connection) {
    poll_fn(|cx| match connection.outbox.poll_control(cx.waker()) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}
