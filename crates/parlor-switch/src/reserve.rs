//! What a room holds back of what its senders sent, without holding up who sent it.
//!
//! CPIM headers that are not complete, chunks that came too early, and pieces too small for a frame wait for what
//! their sender sends next. Did they keep their sender's [`Credit`](crate::Credit), it might never be read again. They are
//! counted here instead. When they go out they are taken from the room's budget; if it is used up they count here until
//! the last recipient in good standing has them. So what is under way in a room still fits into an outbox.

use crate::{Credit, RoomBudget};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A piece counts for at least so much, however small it is: it goes out with headers of its own.
pub(crate) const SMALLEST_HELD: usize = 512;

/// How many octets may be held back in one room, and how many are.
#[derive(Debug)]
pub(crate) struct Reserve {
    account: Arc<Account>,
    budget: RoomBudget,
}

#[derive(Debug)]
struct Account {
    used: AtomicUsize,
    limit: usize,
}

/// Octets that are held back; given back when dropped.
#[derive(Debug)]
pub(crate) struct Reserved {
    account: Arc<Account>,
    octets: usize,
}

impl Reserve {
    /// At most `limit` octets, which go out on `budget`.
    pub(crate) fn new(limit: usize, budget: RoomBudget) -> Self {
        Self { account: Arc::new(Account { used: AtomicUsize::new(0), limit }), budget }
    }

    /// So many octets more; `None` when they are too many.
    pub(crate) fn take(&self, octets: usize) -> Option<Reserved> {
        // Only the room's own task takes; others give back.
        if self.account.used.load(Ordering::Relaxed).saturating_add(octets) > self.account.limit {
            return None;
        }
        self.account.used.fetch_add(octets, Ordering::Relaxed);
        Some(Reserved { account: Arc::clone(&self.account), octets })
    }

    /// A message that nobody waited to send goes out, of it so much in its first frame: the credit that covers it; `None` when
    /// there is no space for it.
    pub(crate) fn cover(&self, octets: usize, first: usize) -> Option<Credit> {
        let heads = octets.min(first);
        match self.budget.try_message(heads, octets - heads) {
            Some(taken) => Some(Credit::of(taken)),
            None => self.take(octets.max(SMALLEST_HELD)).map(Credit::of),
        }
    }

    /// What was held back goes out: the credit that covers it from now on.
    pub(crate) fn release(&self, held: Reserved) -> Credit {
        match self.budget.try_bulk(held.octets) {
            Some(taken) => Credit::of(taken),
            None => Credit::of(held),
        }
    }
}

impl Reserved {
    /// How many.
    pub(crate) fn octets(&self) -> usize {
        self.octets
    }

    /// Both as one.
    pub(crate) fn join(&mut self, mut other: Self) {
        self.octets += std::mem::take(&mut other.octets);
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.account.used.fetch_sub(self.octets, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OutboxLimits;

    #[test]
    fn what_is_held_back_is_limited_and_comes_back() {
        let reserve = Reserve::new(1000, RoomBudget::new(&OutboxLimits::default()));
        let mut held = reserve.take(600).expect("there is enough");
        held.join(reserve.take(300).expect("there is enough"));
        assert!(reserve.take(101).is_none());
        assert_eq!(held.octets(), 900);
        drop(held);
        assert!(reserve.take(1000).is_some());
    }

    #[test]
    fn what_goes_out_counts_on_the_budget_or_until_it_is_written() {
        let limits = OutboxLimits::default();
        let budget = RoomBudget::new(&limits);
        let reserve = Reserve::new(1000, budget.clone());
        let under_way = reserve.release(reserve.take(1000).expect("there is enough"));
        assert!(reserve.take(1000).is_some(), "the budget covers it");
        drop(under_way);
        let used_up = budget.try_bulk(limits.bulk());
        let under_way = reserve.release(reserve.take(1000).expect("there is enough"));
        under_way.take(2);
        under_way.settle(1);
        assert!(reserve.take(1).is_none());
        under_way.settle(1);
        assert!(reserve.take(1000).is_some());
        drop(used_up);
        assert!(budget.is_full());
    }
}
