//! Nicknames that nobody uses now, kept for those who had them (CHAT-89).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// How many are kept, of one user and of all.
pub(crate) const KEPT_OF_ONE: usize = 4;
pub(crate) const KEPT: usize = 16 * 1024;

/// When a nickname becomes free, and the form by which it is compared.
type Entry = (Instant, Box<str>);

/// What is kept for how long, in bounded memory.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// With whose it is.
    all: BTreeMap<Entry, Box<str>>,
    by_owner: BTreeMap<Box<str>, BTreeSet<Entry>>,
}

impl Kept {
    /// How many there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Keeps one more. Gives those that are free in its stead: who changes nicknames all the time keeps the latest few from
    /// others, not all.
    pub(crate) fn insert(&mut self, entry: Entry, owner: &str) -> Vec<Box<str>> {
        self.all.insert(entry.clone(), owner.into());
        let own = self.by_owner.entry(owner.into()).or_default();
        own.insert(entry);
        let own_oldest = own.first().filter(|_| own.len() > KEPT_OF_ONE).cloned();
        let mut freed: Vec<_> = own_oldest.map(|oldest| self.free(oldest)).into_iter().collect();
        let oldest = self.all.keys().next().filter(|_| self.all.len() > KEPT).cloned();
        freed.extend(oldest.map(|oldest| self.free(oldest)));
        freed
    }

    /// Its owner uses it again.
    pub(crate) fn remove(&mut self, entry: &Entry) {
        let Some(owner) = self.all.remove(entry) else { return };
        if let Some(own) = self.by_owner.get_mut(&owner) {
            own.remove(entry);
            if own.is_empty() {
                self.by_owner.remove(&owner);
            }
        }
    }

    /// One whose time is over.
    pub(crate) fn take_free(&mut self, now: Instant) -> Option<Box<str>> {
        let oldest = self.all.keys().next().filter(|(at, _)| *at <= now).cloned();
        oldest.map(|oldest| self.free(oldest))
    }

    fn free(&mut self, entry: Entry) -> Box<str> {
        self.remove(&entry);
        entry.1
    }
}
