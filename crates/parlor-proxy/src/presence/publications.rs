//! All publications there are, found by user and by time.

use super::publication::{Publication, PublicationId};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

/// The event state of all users.
#[derive(Debug, Default)]
pub(crate) struct Publications {
    /// In the order in which they were published first.
    of_user: HashMap<Arc<str>, Vec<Publication>>,
    count: usize,
    octets: usize,
    expiries: BTreeSet<(Instant, PublicationId, Arc<str>)>,
    last: u64,
}

impl Publications {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// How many octets they have.
    pub(crate) fn octets(&self) -> usize {
        self.octets
    }

    /// Those of a user.
    pub(crate) fn of(&self, user: &str) -> &[Publication] {
        self.of_user.get(user).map_or(&[], Vec::as_slice)
    }

    /// What those of a user take in a document.
    pub(crate) fn octets_of(&self, user: &str) -> usize {
        self.of(user).iter().map(|publication| publication.content.octets()).sum()
    }

    /// That name is taken, also if it is not here.
    pub(crate) fn reserve(&mut self, id: PublicationId) {
        self.last = self.last.max(id.0);
    }

    /// A name for another one.
    pub(crate) fn name(&mut self) -> PublicationId {
        self.last += 1;
        PublicationId(self.last)
    }

    /// Adds a publication, or puts it in the place of the one of that name, which it gives back.
    pub(crate) fn put(&mut self, user: &Arc<str>, publication: Publication) -> Option<Publication> {
        self.reserve(publication.id);
        self.count += 1;
        self.octets += publication.content.octets();
        self.expiries.insert((publication.lease.end(), publication.id, Arc::clone(user)));
        let own = self.of_user.entry(Arc::clone(user)).or_default();
        let Some(other) = own.iter_mut().find(|other| other.id == publication.id) else {
            own.push(publication);
            return None;
        };
        let kept = publication.lease;
        let before = std::mem::replace(other, publication);
        self.forget(user, &before, before.lease != kept);
        Some(before)
    }

    /// Takes a publication away.
    pub(crate) fn remove(&mut self, user: &Arc<str>, id: PublicationId) -> Option<Publication> {
        let own = self.of_user.get_mut(user)?;
        let at = own.iter().position(|publication| publication.id == id)?;
        let gone = own.remove(at);
        if own.is_empty() {
            self.of_user.remove(user);
        }
        self.forget(user, &gone, true);
        Some(gone)
    }

    /// Takes all of a user's away.
    pub(crate) fn remove_all(&mut self, user: &str) -> Vec<PublicationId> {
        let Some((user, own)) = self.of_user.get_key_value(user) else { return Vec::new() };
        let (user, all): (_, Vec<_>) = (Arc::clone(user), own.iter().map(|publication| publication.id).collect());
        all.iter().for_each(|id| drop(self.remove(&user, *id)));
        all
    }

    /// When the next one ends.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.expiries.first().map(|(at, _, _)| *at)
    }

    /// Takes one away whose time is over.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<(Arc<str>, PublicationId)> {
        let (_, id, user) = self.expiries.first().filter(|(at, _, _)| *at <= now)?.clone();
        self.remove(&user, id);
        Some((user, id))
    }

    fn forget(&mut self, user: &Arc<str>, gone: &Publication, expiry: bool) {
        self.count -= 1;
        self.octets -= gone.content.octets();
        if expiry {
            self.expiries.remove(&(gone.lease.end(), gone.id, Arc::clone(user)));
        }
    }
}
