//! All subscriptions to presence: whose, of whom, who is to be told next.

use super::watcher::{Notice, Revision, Watcher, WatcherId};
use crate::SendId;
use parlor_sip::subscription::{Agenda, Delivery, SubscriptionEnd};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The subscriptions to the presence of all users.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    all: BTreeMap<WatcherId, Watcher>,
    of_user: HashMap<Arc<str>, Watched>,
    by_subscriber: HashMap<Box<str>, usize>,
    by_send: BTreeMap<SendId, WatcherId>,
    /// Octets of what is unanswered.
    under_way: usize,
    agenda: Agenda<WatcherId>,
    last: u64,
    last_state: u64,
}

/// A user who is watched.
#[derive(Debug)]
struct Watched {
    by: BTreeSet<WatcherId>,
    state: Revision,
}

impl Watchers {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// How many of them somebody has.
    pub(crate) fn of_subscriber(&self, subscriber: &str) -> usize {
        self.by_subscriber.get(subscriber).copied().unwrap_or(0)
    }

    /// How many somebody has of one user.
    pub(crate) fn of_both(&self, subscriber: &str, user: &str) -> usize {
        let watching = self.of_user.get(user).into_iter().flat_map(|watched| &watched.by);
        let is_theirs = |id: &&WatcherId| self.all.get(id).is_some_and(|watcher| *watcher.subscriber == *subscriber);
        watching.filter(is_theirs).count()
    }

    /// How many watch a user.
    pub(crate) fn of_user(&self, user: &str) -> usize {
        self.of_user.get(user).map_or(0, |watched| watched.by.len())
    }

    /// How many NOTIFYs are unanswered.
    pub(crate) fn unanswered(&self) -> usize {
        self.by_send.len()
    }

    /// How many octets count of them.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way
    }

    /// In which state a user is.
    pub(crate) fn state_of(&self, user: &str) -> Revision {
        self.of_user.get(user).map_or(Revision::default(), |watched| watched.state)
    }

    pub(crate) fn get(&self, id: WatcherId) -> Option<&Watcher> {
        self.all.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: WatcherId) -> Option<&mut Watcher> {
        self.all.get_mut(&id)
    }

    /// A name for another one.
    pub(crate) fn name(&mut self) -> WatcherId {
        self.last += 1;
        WatcherId(self.last)
    }

    /// A subscription begins, and its watcher is to be told at once.
    pub(crate) fn add(&mut self, id: WatcherId, watcher: Watcher) {
        let state = self.next_state();
        let watched = self.of_user.entry(Arc::clone(&watcher.user));
        watched.or_insert_with(|| Watched { by: BTreeSet::new(), state }).by.insert(id);
        *self.by_subscriber.entry(watcher.subscriber.clone()).or_default() += 1;
        self.all.insert(id, watcher);
        self.agenda.push_ready(id);
        self.schedule(id);
    }

    /// A subscription is gone.
    pub(crate) fn remove(&mut self, id: WatcherId) -> Option<Watcher> {
        let mut gone = self.all.remove(&id)?;
        if let Some(notice) = gone.delivery.notice() {
            self.by_send.remove(&notice.send);
            self.under_way -= notice.octets;
        }
        self.agenda.schedule(id, None);
        if let Some(watched) = self.of_user.get_mut(&gone.user) {
            watched.by.remove(&id);
            if watched.by.is_empty() {
                self.of_user.remove(&gone.user);
            }
        }
        if let Some(count) = self.by_subscriber.get_mut(&gone.subscriber) {
            *count -= 1;
            if *count == 0 {
                self.by_subscriber.remove(&gone.subscriber);
            }
        }
        Some(gone)
    }
}

/// Telling.
impl Watchers {
    /// The presence of a user has changed: those who have nothing under way are told at once.
    pub(crate) fn note_change(&mut self, user: &str) {
        let state = self.next_state();
        let Some(watched) = self.of_user.get_mut(user) else { return };
        watched.state = state;
        for id in &watched.by {
            if let Some(watcher) = self.all.get_mut(id)
                && matches!(watcher.delivery, Delivery::Idle)
                && watcher.has_news(watched.state)
            {
                watcher.delivery = Delivery::Ready;
                self.agenda.push_ready(*id);
            }
        }
    }

    fn next_state(&mut self) -> Revision {
        self.last_state += 1;
        Revision(self.last_state)
    }

    /// The next to which a NOTIFY is to go out.
    pub(crate) fn next_ready(&mut self) -> Option<WatcherId> {
        loop {
            let id = self.agenda.pop_ready()?;
            if self.all.get(&id).is_some_and(|known| matches!(known.delivery, Delivery::Ready)) {
                return Some(id);
            }
        }
    }

    /// Whose NOTIFY this was.
    pub(crate) fn notified(&self, send: SendId) -> Option<WatcherId> {
        self.by_send.get(&send).copied()
    }

    /// A NOTIFY has gone out, or is put off.
    pub(crate) fn set_delivery(&mut self, id: WatcherId, delivery: Delivery<Notice>) {
        let Some(watcher) = self.all.get_mut(&id) else { return };
        if let Some(before) = watcher.delivery.notice() {
            self.by_send.remove(&before.send);
            self.under_way -= before.octets;
        }
        match &delivery {
            Delivery::Notifying(notice) => {
                self.by_send.insert(notice.send, id);
                self.under_way += notice.octets;
            }
            Delivery::Ready => self.agenda.push_ready(id),
            Delivery::Idle | Delivery::Waiting(_) => {}
        }
        watcher.delivery = delivery;
        self.schedule(id);
    }

    /// Lets one without an unanswered NOTIFY go on: at once if there is something to tell, but not before `next`.
    pub(crate) fn go_on(&mut self, now: Instant, id: WatcherId, next: Instant) {
        let Some(watcher) = self.all.get(&id) else { return };
        let delivery = if next > now {
            Delivery::Waiting(next)
        } else if watcher.has_news(self.state_of(&watcher.user)) {
            Delivery::Ready
        } else {
            Delivery::Idle
        };
        self.set_delivery(id, delivery);
    }

    /// The watcher is to be told once more, as soon as its pace lets it, or if a NOTIFY is unanswered, when it is answered.
    pub(crate) fn renew(&mut self, now: Instant, id: WatcherId) {
        let Some(watcher) = self.all.get_mut(&id) else { return };
        watcher.known = None;
        let next = watcher.notified.map_or(now, |notified| notified + RENEWED);
        match &mut watcher.delivery {
            Delivery::Notifying(notice) => (notice.told, notice.next) = (None, next),
            Delivery::Ready => {}
            Delivery::Idle | Delivery::Waiting(_) => self.go_on(now, id, next),
        }
        self.schedule(id);
    }

    /// The subscription ends with its next NOTIFY, which goes out at once, or if one is unanswered, when it is answered.
    pub(crate) fn end(&mut self, now: Instant, id: WatcherId, why: SubscriptionEnd) {
        let Some(watcher) = self.all.get_mut(&id).filter(|watcher| watcher.ending.is_none()) else { return };
        watcher.ending = Some(why);
        match &mut watcher.delivery {
            Delivery::Notifying(notice) => notice.next = now,
            Delivery::Ready => {}
            Delivery::Idle | Delivery::Waiting(_) => self.set_delivery(id, Delivery::Ready),
        }
        self.schedule(id);
    }

    /// All end that watch a user, and all that are its own.
    pub(crate) fn end_all_of(&mut self, now: Instant, user: &str, own: Option<&str>) {
        let why = |watcher: &Watcher| match &*watcher.user {
            watched if watched == user => Some(SubscriptionEnd::Gone),
            _ if Some(&*watcher.subscriber) == own => Some(SubscriptionEnd::Forbidden),
            _ => None,
        };
        let all: Vec<_> = self.all.iter().filter_map(|(id, watcher)| Some((*id, why(watcher)?))).collect();
        all.into_iter().for_each(|(id, why)| self.end(now, id, why));
    }

    /// All end.
    pub(crate) fn end_all(&mut self, now: Instant, why: SubscriptionEnd) {
        let all: Vec<_> = self.all.keys().copied().collect();
        all.into_iter().for_each(|id| self.end(now, id, why));
    }

    /// When something is due.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.agenda.next_due()
    }

    /// The next for which something is due.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<WatcherId> {
        self.agenda.pop_due(now)
    }

    /// Notes when something is due for this one, after it has changed.
    pub(crate) fn schedule(&mut self, id: WatcherId) {
        if let Some(watcher) = self.all.get(&id) {
            self.agenda.schedule(id, watcher.next_wake());
        }
    }
}

/// How soon a watcher that asks once more is told once more.
const RENEWED: Duration = Duration::from_secs(1);
