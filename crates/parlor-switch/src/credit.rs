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
}
