//! All bindings there are, found by user, by time and by stream.

use super::binding::{Binding, BindingId};
use parlor_sip::ConnectionId;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

/// The location service (RFC 3261 §10.1).
#[derive(Debug, Default)]
pub(crate) struct Bindings {
    /// In the order in which they were registered first.
    of_user: HashMap<Arc<str>, Vec<Binding>>,
    count: usize,
    expiries: BTreeSet<(Instant, BindingId, Arc<str>)>,
    /// Those that came by streams.
    on_stream: BTreeMap<(ConnectionId, BindingId), Arc<str>>,
    /// The users of whom there is something new, but for how long it lasts.
    changed: BTreeSet<Arc<str>>,
}

impl Bindings {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The bindings of a user.
    pub(crate) fn of(&self, user: &str) -> &[Binding] {
        self.of_user.get(user).map_or(&[], Vec::as_slice)
    }

    /// One binding.
    pub(crate) fn find(&self, user: &str, id: BindingId) -> Option<&Binding> {
        self.of(user).iter().find(|binding| binding.id == id)
    }

    /// The name under which a user's bindings are kept, shared if there are any.
    pub(crate) fn share(&self, user: &str) -> Arc<str> {
        self.of_user.get_key_value(user).map_or_else(|| user.into(), |(own, _)| Arc::clone(own))
    }

    /// Adds a binding, or puts it in the place of the one of that name, which it gives back.
    pub(crate) fn put(&mut self, user: &Arc<str>, binding: Binding) -> Option<Binding> {
        self.expiries.insert((binding.expires, binding.id, Arc::clone(user)));
        if let Some(stream) = stream_of(&binding) {
            self.on_stream.insert((stream, binding.id), Arc::clone(user));
        }
        let own = self.of_user.entry(Arc::clone(user)).or_default();
        match own.iter_mut().find(|other| other.id == binding.id) {
            Some(other) => {
                let (expires, stream) = (binding.expires, stream_of(&binding));
                let is_news = !other.shows_as(&binding);
                let old = std::mem::replace(other, binding);
                if is_news {
                    self.changed.insert(Arc::clone(user));
                }
                if old.expires != expires {
                    self.expiries.remove(&(old.expires, old.id, Arc::clone(user)));
                }
                if let Some(former) = stream_of(&old).filter(|former| Some(*former) != stream) {
                    self.on_stream.remove(&(former, old.id));
                }
                Some(old)
            }
            None => {
                own.push(binding);
                self.changed.insert(Arc::clone(user));
                self.count += 1;
                None
            }
        }
    }

    /// Takes a binding away.
    pub(crate) fn remove(&mut self, user: &Arc<str>, id: BindingId) -> Option<Binding> {
        let own = self.of_user.get_mut(user)?;
        let at = own.iter().position(|binding| binding.id == id)?;
        let binding = own.remove(at);
        self.changed.insert(Arc::clone(user));
        if own.is_empty() {
            self.of_user.remove(user);
        }
        self.count -= 1;
        self.expiries.remove(&(binding.expires, id, Arc::clone(user)));
        if let Some(stream) = stream_of(&binding) {
            self.on_stream.remove(&(stream, id));
        }
        Some(binding)
    }

    /// Takes all of a user's away.
    pub(crate) fn remove_all(&mut self, user: &str) -> Vec<BindingId> {
        let user = self.share(user);
        let all: Vec<BindingId> = self.of(&user).iter().map(|binding| binding.id).collect();
        all.iter().for_each(|id| drop(self.remove(&user, *id)));
        all
    }

    /// The users of whom there is something new since this was asked last.
    pub(crate) fn take_changed(&mut self) -> BTreeSet<Arc<str>> {
        std::mem::take(&mut self.changed)
    }

    /// When the next one ends.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.expiries.first().map(|(at, _, _)| *at)
    }

    /// Takes one away whose time is over.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<(Arc<str>, BindingId)> {
        let (_, id, user) = self.expiries.first().filter(|(at, _, _)| *at <= now)?.clone();
        self.remove(&user, id);
        Some((user, id))
    }

    /// A stream is gone: takes away those that end with it.
    pub(crate) fn lose_stream(&mut self, stream: ConnectionId) -> Vec<BindingId> {
        let all = (stream, BindingId(0))..=(stream, BindingId(u64::MAX));
        let on_it: Vec<_> = self.on_stream.range(all).map(|((_, id), user)| (Arc::clone(user), *id)).collect();
        let mut gone = Vec::new();
        for (user, id) in on_it {
            self.on_stream.remove(&(stream, id));
            let own = self.of_user.get_mut(&user).into_iter().flatten();
            let Some(binding) = own.into_iter().find(|binding| binding.id == id) else { continue };
            let ends = binding.lives_on_its_stream();
            binding.flow.connection = None;
            if ends && self.remove(&user, id).is_some() {
                gone.push(id);
            }
        }
        gone
    }
}

fn stream_of(binding: &Binding) -> Option<ConnectionId> {
    binding.flow.connection
}
