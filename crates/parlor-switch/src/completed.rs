//! Which messages were completed before, so that a resend is not copied again (MSRP-45).

use parlor_msrp::MessageId;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::time::{Duration, Instant};

/// How many messages of one participant are remembered, and for how long.
const IDS: usize = 64;
const TIME: Duration = Duration::from_secs(600);
/// How many participants are remembered; those who left first are forgotten first.
const PARTICIPANTS: usize = 1024;

/// Names a participant by its address of record, also after it has left: resends come on the session that replaced
/// the failed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner(u64);

impl Owner {
    pub(crate) fn new(address: &str) -> Self {
        Self(digest(address))
    }
}

/// The messages that were completed in one room.
#[derive(Debug, Default)]
pub(crate) struct Completed(BTreeMap<Owner, VecDeque<(u64, Instant)>>);

impl Completed {
    pub(crate) fn remember(&mut self, now: Instant, owner: Owner, id: &MessageId) {
        if self.0.len() >= PARTICIPANTS && !self.0.contains_key(&owner) {
            self.make_space(now);
        }
        let ids = self.0.entry(owner).or_default();
        if ids.len() == IDS {
            ids.pop_front();
        }
        ids.push_back((digest(id.as_bytes()), now));
    }

    pub(crate) fn contains(&self, now: Instant, owner: Owner, id: &MessageId) -> bool {
        let id = digest(id.as_bytes());
        let ids = self.0.get(&owner);
        ids.is_some_and(|ids| ids.iter().any(|(known, at)| *known == id && now.duration_since(*at) < TIME))
    }

    /// Forgets who has not completed anything for long, or who has not for longest.
    fn make_space(&mut self, now: Instant) {
        let last = |ids: &VecDeque<(u64, Instant)>| ids.back().map(|(_, at)| *at);
        self.0.retain(|_, ids| last(ids).is_some_and(|at| now.duration_since(at) < TIME));
        if self.0.len() >= PARTICIPANTS
            && let Some(owner) = self.0.iter().min_by_key(|(_, ids)| last(ids)).map(|(owner, _)| *owner)
        {
            self.0.remove(&owner);
        }
    }
}

/// Ids are remembered by their hash; whoever makes two collide deceives only himself.
pub(crate) fn digest(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> MessageId {
        MessageId::parse(text).expect("an id")
    }

    #[test]
    fn a_message_is_remembered_by_its_sender_for_ten_minutes() {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
        let now = Instant::now();
        let (alice, bob) = (Owner::new("alice@example.org"), Owner::new("bob@example.org"));
        let mut completed = Completed::default();
        completed.remember(now, alice, &id("first"));
        assert!(completed.contains(now, alice, &id("first")));
        assert!(!completed.contains(now, bob, &id("first")));
        assert!(!completed.contains(now + TIME, alice, &id("first")));
        for number in 0..IDS {
            completed.remember(now, alice, &id(&format!("later{number}")));
        }
        assert!(!completed.contains(now, alice, &id("first")));
    }

    #[test]
    fn not_everybody_is_remembered_for_ever() {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
        let now = Instant::now();
        let mut completed = Completed::default();
        for number in 0..=PARTICIPANTS {
            let at = now + Duration::from_millis(number as u64);
            completed.remember(at, Owner::new(&format!("{number}@example.org")), &id("abcd"));
        }
        assert_eq!(completed.0.len(), PARTICIPANTS);
        assert!(!completed.contains(now, Owner::new("0@example.org"), &id("abcd")));
        assert!(completed.contains(now, Owner::new("1@example.org"), &id("abcd")));
    }
}
