//! What all rooms together may take of something.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts what is taken, up to a limit. Cloning shares the count.
#[derive(Clone, Debug)]
pub struct Quota(Arc<Counted>);

#[derive(Debug)]
struct Counted {
    limit: usize,
    taken: AtomicUsize,
}

/// A part of a quota, given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    quota: Quota,
    amount: usize,
}

impl Quota {
    /// Nothing is taken yet.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Counted { limit, taken: AtomicUsize::new(0) }))
    }

    /// The most that may be taken.
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// Takes a part, if so much is left.
    pub(crate) fn take(&self, amount: usize) -> Option<Share> {
        let before = self.0.taken.fetch_add(amount, Ordering::Relaxed);
        let share = Share { quota: self.clone(), amount };
        // Dropped, it is given back.
        (before + amount <= self.0.limit).then_some(share)
    }
}

impl Share {
    /// How much it is.
    pub(crate) fn amount(&self) -> usize {
        self.amount
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.quota.0.taken.fetch_sub(self.amount, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_comes_back() {
        let quota = Quota::new(10);
        let other = quota.clone();
        let first = quota.take(6).expect("there is enough");
        assert!(other.take(5).is_none());
        let second = other.take(4).expect("there is just enough");
        drop(first);
        assert_eq!(quota.take(6).map(|share| share.amount()), Some(6));
        drop(second);
        assert!(quota.take(10).is_some() && quota.take(11).is_none());
    }
}
