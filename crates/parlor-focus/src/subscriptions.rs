//! All subscriptions to one room: who is to be told next, and when something is due.

use crate::RequestId;
use crate::leg::LegId;
use crate::subscription::{Delivery, Subscription, SubscriptionId};
use parlor_room::Revision;
use parlor_sip::subscription::{Agenda, SubscriptionEnd};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// The subscriptions of a room.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    all: BTreeMap<SubscriptionId, Subscription>,
    by_dialog: BTreeSet<(LegId, SubscriptionId)>,
    by_user: BTreeMap<Box<str>, usize>,
    by_request: BTreeMap<RequestId, SubscriptionId>,
    agenda: Agenda<SubscriptionId>,
    next: u64,
    /// Everybody is told of changes up to here.
    flushed: Revision,
    /// Until then nobody is told of changes, as many are told at once and were told just now (EVT-33).
    quiet_until: Option<Instant>,
    /// There are changes to tell then.
    changed: bool,
    /// The octets of documents under way.
    under_way: usize,
}

impl Subscriptions {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// How many of them a user has.
    pub(crate) fn of_user(&self, user: &str) -> usize {
        self.by_user.get(user).copied().unwrap_or(0)
    }

    /// The octets of documents under way.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way
    }

    /// The subscription of that Event in a dialog, unless it has ended.
    pub(crate) fn find(&self, dialog: LegId, event_id: Option<&str>) -> Option<SubscriptionId> {
        let mut found = self.in_dialog(dialog).filter_map(|id| Some((id, self.all.get(&id)?)));
        let found = found.find(|(_, known)| known.event_id.as_deref() == event_id && known.ending.is_none());
        found.map(|(id, _)| id)
    }

    /// Whether a dialog has any.
    pub(crate) fn hold(&self, dialog: LegId) -> bool {
        self.in_dialog(dialog).next().is_some()
    }

    /// Whose NOTIFY this was.
    pub(crate) fn requester(&self, request: RequestId) -> Option<SubscriptionId> {
        self.by_request.get(&request).copied()
    }

    pub(crate) fn get(&self, id: SubscriptionId) -> Option<&Subscription> {
        self.all.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: SubscriptionId) -> Option<&mut Subscription> {
        self.all.get_mut(&id)
    }

    /// A subscription begins, and its subscriber is to be told everything at once.
    pub(crate) fn add(&mut self, subscription: Subscription) -> SubscriptionId {
        let id = SubscriptionId(self.next);
        self.next += 1;
        self.by_dialog.insert((subscription.dialog, id));
        *self.by_user.entry(subscription.subscriber.key()).or_default() += 1;
        self.all.insert(id, subscription);
        self.agenda.push_ready(id);
        self.schedule(id);
        id
    }

    /// A subscription is gone.
    pub(crate) fn remove(&mut self, id: SubscriptionId) -> Option<Subscription> {
        self.settle_notice(id);
        let gone = self.all.remove(&id)?;
        self.by_dialog.remove(&(gone.dialog, id));
        let user = gone.subscriber.key();
        if let Some(count) = self.by_user.get_mut(&user) {
            *count -= 1;
            if *count == 0 {
                self.by_user.remove(&user);
            }
        }
        self.agenda.schedule(id, None);
        Some(gone)
    }

    fn in_dialog(&self, dialog: LegId) -> impl Iterator<Item = SubscriptionId> {
        let all = (dialog, SubscriptionId(0))..=(dialog, SubscriptionId(u64::MAX));
        self.by_dialog.range(all).map(|(_, id)| *id)
    }
}

/// Telling.
impl Subscriptions {
    /// The next to which a NOTIFY is to go out.
    pub(crate) fn next_ready(&mut self) -> Option<SubscriptionId> {
        loop {
            let id = self.agenda.pop_ready()?;
            if self.all.get(&id).is_some_and(|known| matches!(known.delivery, Delivery::Ready)) {
                return Some(id);
            }
        }
    }

    /// A NOTIFY has gone out, or is put off.
    pub(crate) fn set_delivery(&mut self, id: SubscriptionId, delivery: Delivery) {
        self.settle_notice(id);
        let Some(subscription) = self.all.get_mut(&id) else { return };
        match &delivery {
            Delivery::Notifying(notice) => {
                self.by_request.insert(notice.request, id);
                self.under_way += notice.octets.as_ref().map_or(0, |share| share.amount());
            }
            Delivery::Ready => self.agenda.push_ready(id),
            Delivery::Idle | Delivery::Waiting(_) => {}
        }
        subscription.delivery = delivery;
        self.schedule(id);
    }

    /// Lets a subscription without an unanswered NOTIFY go on: at once if there is something to tell, but not before `next`.
    pub(crate) fn go_on(&mut self, now: Instant, id: SubscriptionId, next: Instant) {
        let Some(subscription) = self.all.get(&id) else { return };
        let delivery = if next > now {
            Delivery::Waiting(next)
        } else if subscription.has_news(self.flushed) {
            Delivery::Ready
        } else {
            Delivery::Idle
        };
        self.set_delivery(id, delivery);
    }

    /// The subscriber is to be told now, or if a NOTIFY is unanswered, when it is answered.
    pub(crate) fn hasten(&mut self, id: SubscriptionId) {
        let Some(subscription) = self.all.get_mut(&id) else { return };
        match &mut subscription.delivery {
            Delivery::Notifying(notice) => notice.renewed = true,
            Delivery::Ready => {}
            Delivery::Idle | Delivery::Waiting(_) => self.set_delivery(id, Delivery::Ready),
        }
        self.schedule(id);
    }

    /// The subscription ends with its next NOTIFY.
    pub(crate) fn end(&mut self, id: SubscriptionId, why: SubscriptionEnd) {
        if let Some(subscription) = self.all.get_mut(&id).filter(|subscription| subscription.ending.is_none()) {
            subscription.ending = Some(why);
            self.hasten(id);
        }
    }

    /// All of them end with their next NOTIFY.
    pub(crate) fn end_all(&mut self, why: SubscriptionEnd) {
        let all: Vec<_> = self.all.keys().copied().collect();
        all.into_iter().for_each(|id| self.end(id, why));
    }

    /// Looks whether the room has changed. If so, all who have nothing under way are told at once, so that they share what is
    /// written for them; then nobody is told for a while (EVT-33).
    pub(crate) fn flush(&mut self, now: Instant, room: Revision, interval: Duration) {
        self.changed = room > self.flushed;
        if !self.changed || self.quiet_until.is_some_and(|until| now < until) {
            return;
        }
        self.changed = false;
        self.flushed = room;
        let before = self.agenda.ready();
        for (id, subscription) in &mut self.all {
            if matches!(subscription.delivery, Delivery::Idle) && subscription.has_news(room) {
                subscription.delivery = Delivery::Ready;
                self.agenda.push_ready(*id);
            }
        }
        self.quiet_until = (self.agenda.ready() > before).then(|| now + interval);
    }

    fn settle_notice(&mut self, id: SubscriptionId) {
        if let Some(notice) = self.all.get_mut(&id).and_then(Subscription::notice) {
            self.by_request.remove(&notice.request);
            self.under_way -= notice.octets.take().map_or(0, |share| share.amount());
        }
    }
}

/// Time.
impl Subscriptions {
    /// When something is due.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let changes = self.quiet_until.filter(|_| self.changed);
        [self.agenda.next_due(), changes].into_iter().flatten().min()
    }

    /// The next for which something is due.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<SubscriptionId> {
        self.agenda.pop_due(now)
    }

    /// Notes when something is due for this one, after it has changed.
    pub(crate) fn schedule(&mut self, id: SubscriptionId) {
        if let Some(subscription) = self.all.get(&id) {
            self.agenda.schedule(id, subscription.next_wake());
        }
    }
}
