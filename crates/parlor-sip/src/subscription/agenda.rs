//! Who is to be told next, and when something is due.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

/// What is to be done about subscriptions that go by `Id`.
#[derive(Debug)]
pub struct Agenda<Id> {
    ready: VecDeque<Id>,
    due: BTreeSet<(Instant, Id)>,
    wakes: BTreeMap<Id, Instant>,
}

impl<Id> Default for Agenda<Id> {
    fn default() -> Self {
        Self { ready: VecDeque::new(), due: BTreeSet::new(), wakes: BTreeMap::new() }
    }
}

impl<Id: Copy + Ord> Agenda<Id> {
    /// How many are to be told, those among them that need it no more.
    pub fn ready(&self) -> usize {
        self.ready.len()
    }

    /// When something is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// This one is to be told, after those that are to be told already.
    pub fn push_ready(&mut self, id: Id) {
        self.ready.push_back(id);
    }

    /// The next that is to be told.
    pub fn pop_ready(&mut self) -> Option<Id> {
        self.ready.pop_front()
    }

    /// Notes when something is due for this one, in place of what was noted before.
    pub fn schedule(&mut self, id: Id, wake: Option<Instant>) {
        let before = match wake {
            Some(at) => self.wakes.insert(id, at),
            None => self.wakes.remove(&id),
        };
        if before == wake {
            return;
        }
        if let Some(before) = before {
            self.due.remove(&(before, id));
        }
        if let Some(wake) = wake {
            self.due.insert((wake, id));
        }
    }

    /// The next for which something is due; nothing is noted for it any more.
    pub fn pop_due(&mut self, now: Instant) -> Option<Id> {
        let &(_, id) = self.due.first().filter(|(at, _)| *at <= now)?;
        self.due.pop_first();
        self.wakes.remove(&id);
        Some(id)
    }
}
