//! The sessions of one connection.

use super::answers::Answers;
use super::{OutboxEvent, Slot};
use crate::frame::{BASE62, Lines};
use std::sync::Arc;
use std::task::Waker;

/// The place of one session.
#[derive(Debug)]
pub(super) struct Seat {
    slot: Slot,
    pub(super) lines: Arc<Lines>,
    /// How many messages were skipped since it was told last.
    pub(super) missed: u32,
    told_given_up: bool,
    pub(super) answers: Answers,
}

/// The places of all sessions.
#[derive(Debug, Default)]
pub(super) struct Seats {
    seats: Vec<Seat>,
    next: u32,
    /// Woken when somebody comes or goes.
    vacancy: Option<Waker>,
}

impl Seats {
    pub(super) fn len(&self) -> usize {
        self.seats.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// Whether nobody is there; `waker` is woken when that changes.
    pub(super) fn poll_empty(&mut self, waker: &Waker) -> bool {
        if self.vacancy.as_ref().is_none_or(|known| !known.will_wake(waker)) {
            self.vacancy = Some(waker.clone());
        }
        self.is_empty()
    }

    pub(super) fn add(&mut self, lines: impl FnOnce(&str) -> Lines) -> Slot {
        let slot = Slot(self.next);
        self.next = self.next.wrapping_add(1);
        let lines = Arc::new(lines(&suffix_of(slot)));
        self.seats.push(Seat { slot, lines, missed: 0, told_given_up: false, answers: Answers::default() });
        self.changed();
        slot
    }

    pub(super) fn remove(&mut self, slot: Slot) {
        self.seats.retain(|seat| seat.slot != slot);
        self.changed();
    }

    pub(super) fn clear(&mut self) {
        self.seats.clear();
        self.changed();
    }

    pub(super) fn of(&self, slot: Slot) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.slot == slot)
    }

    pub(super) fn of_mut(&mut self, slot: Slot) -> Option<&mut Seat> {
        self.seats.iter_mut().find(|seat| seat.slot == slot)
    }

    pub(super) fn any_missed(&self) -> bool {
        self.seats.iter().any(|seat| seat.missed > 0)
    }

    /// What the next one that missed something is to be told.
    pub(super) fn take_missed(&mut self) -> Option<OutboxEvent> {
        let seat = self.seats.iter_mut().find(|seat| seat.missed > 0)?;
        Some(OutboxEvent::Recovered { slot: seat.slot, missed: std::mem::take(&mut seat.missed) })
    }

    pub(super) fn any_to_give_up(&self) -> bool {
        self.seats.iter().any(|seat| !seat.told_given_up)
    }

    /// That the next one is given up, each once.
    pub(super) fn take_given_up(&mut self) -> Option<OutboxEvent> {
        let seat = self.seats.iter_mut().find(|seat| !seat.told_given_up)?;
        seat.told_given_up = true;
        Some(OutboxEvent::GivenUp { slot: seat.slot })
    }

    fn changed(&mut self) {
        if let Some(waker) = self.vacancy.take() {
            waker.wake();
        }
    }
}

/// Letters and digits that no other session of the connection has.
fn suffix_of(slot: Slot) -> String {
    let mut rest = slot.0 as usize % (62 * 62 * 62);
    let mut suffix = String::new();
    loop {
        suffix.push(char::from(BASE62[rest % 62]));
        rest /= 62;
        if rest == 0 {
            return suffix;
        }
    }
}
