//! What a sender has under way, given back when the last recipient in good standing has it.

use std::any::Any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Stands for the bytes of one read of one connection, shared by all copies of what was in it.
///
/// Whoever reads puts in what is to be released (permits of a window and of a budget); it is dropped once every
/// outbox that counts has written or dropped its copy. A copy costs one atomic decrement. A recipient that has
/// stalled counts no more: its outbox settles what it holds at once.
#[derive(Clone, Debug)]
pub struct Credit(Arc<Shared>);

struct Shared {
    outstanding: AtomicUsize,
    held: Mutex<Option<Box<dyn Any + Send>>>,
}

/// One share of a credit.
struct Share(Credit);

impl Drop for Share {
    fn drop(&mut self) {
        self.0.settle(1);
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("outstanding", &self.outstanding).finish_non_exhaustive()
    }
}

impl Credit {
    /// A credit with one share, its maker's own, which [`Credit::settle`] gives back.
    pub fn new(held: impl Any + Send) -> Self {
        Self(Arc::new(Shared { outstanding: AtomicUsize::new(1), held: Mutex::new(Some(Box::new(held))) }))
    }

    /// A credit for `held`, without a share of its maker's.
    pub(crate) fn of(held: impl Any + Send) -> Self {
        Self(Arc::new(Shared { outstanding: AtomicUsize::new(0), held: Mutex::new(Some(Box::new(held))) }))
    }

    /// A credit for what all of these stand for.
    pub(crate) fn joint<'a>(credits: impl IntoIterator<Item = &'a Self>) -> Self {
        Self::of(credits.into_iter().map(Self::share).collect::<Vec<Share>>())
    }

    /// One more share, given back when dropped.
    fn share(&self) -> Share {
        self.take(1);
        Share(self.clone())
    }

    /// Whether both are one.
    pub(crate) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A credit that holds nothing, for what the server itself says.
    pub fn none() -> Self {
        Self(Arc::new(Shared { outstanding: AtomicUsize::new(1), held: Mutex::new(None) }))
    }

    /// Adds shares; done once for a frame, before its copies are handed out.
    pub(crate) fn take(&self, shares: usize) {
        self.0.outstanding.fetch_add(shares, Ordering::Relaxed);
    }

    /// Gives back shares; with the last one what is held is released.
    pub fn settle(&self, shares: usize) {
        // The last share must see everything that was done under the others before it lets go of what they shared.
        if shares > 0 && self.0.outstanding.fetch_sub(shares, Ordering::AcqRel) == shares {
            drop(self.0.held.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    }

    /// Whether the last share has been given back.
    pub fn is_settled(&self) -> bool {
        self.0.outstanding.load(Ordering::Acquire) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_share_releases_what_is_held() {
        let probe = Arc::new(());
        let credit = Credit::new(Arc::clone(&probe));
        credit.take(2);
        credit.settle(1);
        credit.settle(1);
        assert_eq!(Arc::strong_count(&probe), 2);
        credit.settle(1);
        assert_eq!(Arc::strong_count(&probe), 1);
        assert!(credit.is_settled());
    }

    #[test]
    fn a_joint_credit_holds_both_until_its_last_copy_is_settled_or_it_goes_unused() {
        let (held, read) = (Arc::new(()), Arc::new(()));
        let of_read = Credit::new(Arc::clone(&read));
        let joint = Credit::joint([&Credit::of(Arc::clone(&held)), &of_read]);
        joint.take(1);
        of_read.settle(1);
        assert_eq!((Arc::strong_count(&held), Arc::strong_count(&read)), (2, 2));
        joint.settle(1);
        assert_eq!((Arc::strong_count(&held), Arc::strong_count(&read)), (1, 1));
        drop(Credit::of(Arc::clone(&held)));
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
