//! What senders may have under way: a window for each connection, a budget for each room.
//!
//! A reader takes permits for what it has read before it hands it on; they come back when the last recipient in good
//! standing has it ([`Credit`]).

use crate::share::{Holder, Permits, Share};
use crate::{Credit, OutboxLimits};

/// What the messages of one room may have under way, first frames and later frames apart.
///
/// Short messages have only a first frame, so they pass even when large ones have used up their budget.
#[derive(Clone, Debug)]
pub struct RoomBudget {
    heads: Share,
    bulk: Share,
}

impl RoomBudget {
    /// The budgets that fit these outboxes.
    pub fn new(limits: &OutboxLimits) -> Self {
        Self { heads: Share::new(limits.heads()), bulk: Share::new(limits.bulk()) }
    }

    /// Whether nothing is under way.
    pub fn is_full(&self) -> bool {
        self.heads.is_full() && self.bulk.is_full()
    }

    /// Waits until so much of first and of later frames may be under way in the room too.
    pub fn acquire(&self, window: InWindow, heads: usize, bulk: usize) -> impl Future<Output = Credit> + Send + use<> {
        let room = self.clone();
        async move {
            // Bulk first: whoever waits for it must not sit on permits that short messages need.
            let bulk = take(&room.bulk, bulk, &Holder::NOBODY).await;
            let heads = take(&room.heads, heads, &window.holder).await;
            Credit::new((window, bulk, heads))
        }
    }

    /// So much of first and of later frames, if it is free now.
    pub(crate) fn try_message(&self, heads: usize, bulk: usize) -> Option<(Permits, Permits)> {
        Some((self.heads.try_take(heads)?, self.bulk.try_take(bulk)?))
    }

    /// So much of later frames, if it is free now.
    pub(crate) fn try_bulk(&self, octets: usize) -> Option<Permits> {
        self.bulk.try_take(octets)
    }
}

/// What one connection may have under way, of first frames little at once: who says much waits for its own, not others
/// for it.
#[derive(Clone, Debug)]
pub struct Window {
    all: Share,
    heads: Share,
    holder: Holder,
    piece: usize,
}

impl Window {
    /// The window that fits these outboxes.
    pub fn new(limits: &OutboxLimits) -> Self {
        let (all, heads) = (Share::new(limits.window()), Share::new(limits.heads_of_one()));
        Self { all, heads, holder: Holder::new(), piece: limits.heads_of_one() / 4 }
    }

    /// All that may be under way.
    pub fn octets(&self) -> usize {
        self.all.total()
    }

    /// When so much of first frames has gathered it is worth handing on: it comes back as one.
    pub fn piece(&self) -> usize {
        self.piece
    }

    /// Whether nothing is under way.
    pub fn is_full(&self) -> bool {
        self.all.is_full() && self.heads.is_full()
    }

    /// Waits until so much may be under way, of it so much of first frames. What was read counts in any case: it is kept
    /// until its room has looked at it.
    pub fn take(&self, octets: usize, heads: usize) -> impl Future<Output = InWindow> + Send + use<> {
        let window = self.clone();
        async move {
            let all = window.all.take(octets.max(heads), &Holder::NOBODY).await;
            let heads = take(&window.heads, heads, &Holder::NOBODY).await;
            InWindow { _all: all, _heads: heads, holder: window.holder }
        }
    }
}

/// What is under way from one connection, until this is dropped.
#[derive(Debug)]
pub struct InWindow {
    _all: Permits,
    _heads: Option<Permits>,
    holder: Holder,
}

async fn take(share: &Share, octets: usize, holder: &Holder) -> Option<Permits> {
    if octets == 0 { None } else { Some(share.take(octets, holder).await) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    fn now<F: Future>(future: Pin<&mut F>) -> Option<F::Output> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    async fn acquire(window: &Window, room: &RoomBudget, heads: usize, bulk: usize) -> Credit {
        room.acquire(window.take(heads + bulk, heads).await, heads, bulk).await
    }

    #[test]
    fn a_short_message_passes_while_bulk_is_used_up() {
        let limits = OutboxLimits::default();
        let room = RoomBudget::new(&limits);
        let window = || Window::new(&limits);
        let fill = limits.bulk() / limits.window();
        let mut held: Vec<Credit> =
            (0..fill).map(|_| now(pin!(acquire(&window(), &room, 0, limits.window()))).expect("free")).collect();
        let late = window();
        let mut starved = pin!(acquire(&late, &room, 8192, limits.window() - 8192));
        assert!(now(starved.as_mut()).is_none(), "the bulk is used up");
        let talker = window();
        now(pin!(acquire(&talker, &room, 700, 0))).expect("it passes").settle(1);
        held.pop().expect("some are held").settle(1);
        now(starved.as_mut()).expect("its turn").settle(1);
        held.into_iter().for_each(|credit| credit.settle(1));
        assert!(room.is_full() && talker.is_full());
    }

    #[test]
    fn who_floods_leaves_others_room_for_a_word() {
        let limits = OutboxLimits::default();
        let room = RoomBudget::new(&limits);
        let flooder = Window::new(&limits);
        let held: Vec<Credit> =
            std::iter::from_fn(|| now(pin!(acquire(&flooder, &room, flooder.piece(), 0)))).collect();
        assert!(!held.is_empty(), "it says something");
        let talker = Window::new(&limits);
        now(pin!(acquire(&talker, &room, 700, 0))).expect("nobody waits for the flooder").settle(1);
        held.into_iter().for_each(|credit| credit.settle(1));
        assert!(room.is_full() && flooder.is_full());
    }
}
