//! What has changed in a room since when, for those who tell others of it.

use crate::{Departure, ParticipantId};
use std::collections::BTreeMap;

/// How many of those who left are remembered; who has not been told of more gets to know everything anew.
const GONE_KEPT: usize = 4096;

/// Counts a room's changes. A later state has a higher number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// Somebody who has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Who: the entity in the roster.
    pub entity: Box<str>,
    /// How its last session ended.
    pub how: Departure,
}

/// What has changed after a revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Those who came or changed and are in the room, each once.
    pub present: Vec<ParticipantId>,
    /// Those who left and are not in the room, each once.
    pub gone: Vec<Gone>,
    /// Whether what describes the room has changed: its topic, whether it is locked, its files.
    pub description: bool,
    /// Whether its sidebars have changed.
    pub sidebars: bool,
}

/// The journal of one room.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    now: u64,
    changed: BTreeMap<u64, ParticipantId>,
    last_change: BTreeMap<ParticipantId, u64>,
    gone: BTreeMap<u64, Gone>,
    /// What happened up to here is no longer known.
    forgotten: u64,
    description: u64,
    sidebars: u64,
}

impl Journal {
    pub(crate) fn revision(&self) -> Revision {
        Revision(self.now)
    }

    pub(crate) fn changed(&mut self, participant: ParticipantId) {
        self.now += 1;
        if let Some(before) = self.last_change.insert(participant, self.now) {
            self.changed.remove(&before);
        }
        self.changed.insert(self.now, participant);
    }

    pub(crate) fn left(&mut self, participant: ParticipantId, gone: Gone) {
        self.now += 1;
        if let Some(before) = self.last_change.remove(&participant) {
            self.changed.remove(&before);
        }
        self.gone.insert(self.now, gone);
        if self.gone.len() > GONE_KEPT
            && let Some((at, _)) = self.gone.pop_first()
        {
            self.forgotten = at;
        }
    }

    pub(crate) fn described(&mut self) {
        self.now += 1;
        self.description = self.now;
    }

    pub(crate) fn sidebars_changed(&mut self) {
        self.now += 1;
        self.sidebars = self.now;
    }

    /// `None` when that was too long ago. `is_present` says whether an entity is in the room now.
    pub(crate) fn since(&self, revision: Revision, is_present: impl Fn(&str) -> bool) -> Option<Changes> {
        if revision.0 < self.forgotten {
            return None;
        }
        let after = revision.0 + 1;
        let mut gone: Vec<Gone> = Vec::new();
        let mut told = std::collections::BTreeSet::new();
        for (_, left) in self.gone.range(after..).rev() {
            if !is_present(&left.entity) && told.insert(&*left.entity) {
                gone.push(left.clone());
            }
        }
        gone.reverse();
        Some(Changes {
            present: self.changed.range(after..).map(|(_, participant)| *participant).collect(),
            gone,
            description: self.description > revision.0,
            sidebars: self.sidebars > revision.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gone(entity: &str) -> Gone {
        Gone { entity: entity.into(), how: Departure::Departed }
    }

    #[test]
    fn each_is_told_once_and_as_it_is_now() {
        let mut journal = Journal::default();
        let (alice, bob) = (ParticipantId(1), ParticipantId(2));
        journal.changed(alice);
        journal.changed(bob);
        let seen = journal.revision();
        journal.changed(alice);
        journal.changed(alice);
        journal.left(bob, gone("bob"));
        journal.left(ParticipantId(3), gone("bob"));
        let changes = journal.since(seen, |_| false).expect("known");
        assert_eq!(changes, Changes { present: vec![alice], gone: vec![gone("bob")], ..Changes::default() });
        let back = journal.since(seen, |entity| entity == "bob").expect("known");
        assert!(back.gone.is_empty());
        assert_eq!(journal.since(journal.revision(), |_| false), Some(Changes::default()));
        journal.described();
        assert!(journal.since(seen, |_| false).is_some_and(|changes| changes.description));
    }

    #[test]
    fn what_is_long_ago_is_forgotten() {
        let mut journal = Journal::default();
        let seen = journal.revision();
        for n in 0..=GONE_KEPT as u64 {
            journal.left(ParticipantId(n), gone("x"));
        }
        assert_eq!(journal.since(seen, |_| false), None);
        assert!(journal.since(Revision(1), |_| false).is_some());
    }
}
