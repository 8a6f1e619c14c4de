//! What senders may have under way: a window for each connection, a budget for each room.
//!
//! A reader takes permits for what it has read before it hands it on; they come back when the last recipient in good
//! standing has it (`parlor_switch::Credit`). Permits are given first come, first served.

use parlor_switch::{Credit, OutboxLimits};
use std::any::Any;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A chunk counts for this much beside its octets: its headers in each copy.
pub(super) const CHUNK_OVERHEAD: usize = 512;

/// What the messages of one room may have under way, first frames and later frames apart.
///
/// Short messages have only a first frame, so they pass even when large ones have used up their budget.
#[derive(Clone, Debug)]
pub(crate) struct RoomBudget {
    heads: Share,
    bulk: Share,
}

impl RoomBudget {
    /// The budgets that fit these outboxes.
    pub(crate) fn new(limits: &OutboxLimits) -> Self {
        Self { heads: Share::new(limits.heads()), bulk: Share::new(limits.bulk()) }
    }

    /// Waits until so much of first and of later frames may be under way in the room too.
    pub(super) async fn acquire(&self, window: InWindow, heads: usize, bulk: usize) -> Credit {
        // Bulk first: whoever waits for it must not sit on permits that short messages need.
        let bulk = self.bulk.take(bulk).await;
        let heads = self.heads.take(heads).await;
        Credit::new((window, bulk, heads))
    }
}

impl parlor_switch::Budget for RoomBudget {
    fn try_take(&self, octets: usize) -> Option<Box<dyn Any + Send>> {
        let permits = Arc::clone(&self.bulk.permits).try_acquire_many_owned(u32::try_from(octets).ok()?);
        permits.ok().map(|permits| Box::new(permits) as Box<dyn Any + Send>)
    }
}

/// What one connection may have under way.
#[derive(Debug)]
pub(super) struct Window(Share);

impl Window {
    pub(super) fn new(limits: &OutboxLimits) -> Self {
        Self(Share::new(limits.window()))
    }

    /// All that may be under way.
    pub(super) fn octets(&self) -> usize {
        self.0.total
    }

    /// Waits until so much may be under way. What was read counts in any case: it is kept until its room has looked at it.
    pub(super) async fn take(&self, octets: usize) -> InWindow {
        InWindow(self.0.take(octets).await)
    }
}

/// What is under way from one connection, until this is dropped.
#[derive(Debug)]
pub(super) struct InWindow(#[expect(dead_code, reason = "held while it is under way")] Option<OwnedSemaphorePermit>);

#[derive(Clone, Debug)]
struct Share {
    permits: Arc<Semaphore>,
    total: usize,
}

impl Share {
    fn new(total: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(total)), total }
    }

    /// More than there is counts as all there is.
    async fn take(&self, octets: usize) -> Option<OwnedSemaphorePermit> {
        let permits = u32::try_from(octets.min(self.total)).unwrap_or(u32::MAX);
        if permits == 0 {
            return None;
        }
        Arc::clone(&self.permits).acquire_many_owned(permits).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_short_message_passes_while_bulk_is_used_up() {
        let limits = OutboxLimits { bytes: 1024 * 1024, ..OutboxLimits::default() };
        let room = RoomBudget::new(&limits);
        let fill = limits.bulk() / limits.window();
        let windows: Vec<Window> = (0..=fill).map(|_| Window::new(&limits)).collect();
        let mut held = Vec::new();
        for window in &windows[..fill] {
            held.push(room.acquire(window.take(limits.window()).await, 0, limits.window()).await);
        }
        let starved =
            async { room.acquire(windows[fill].take(limits.window()).await, 8192, limits.window() - 8192).await };
        tokio::pin!(starved);
        assert!(futures_now(&mut starved).is_none(), "the bulk is used up");
        let other = Window::new(&limits);
        let short = async { room.acquire(other.take(700).await, 700, 0).await };
        assert!(futures_now(&mut Box::pin(short)).is_some());
        held.pop().expect("some are held").settle(1);
        starved.await.settle(1);
    }

    fn futures_now<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::Pin::new(future).poll(&mut cx) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }
}
