//! Permits for octets that may be under way, waited for.

use std::collections::{BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// So many permits. Of those who wait for some, who holds least goes first; of several, who came first.
#[derive(Clone, Debug)]
pub(crate) struct Share(Arc<Mutex<State>>);

/// How many permits of shares one sender holds; those that nobody holds count for nobody.
#[derive(Clone, Debug)]
pub(crate) struct Holder(Option<Arc<AtomicUsize>>);

impl Holder {
    pub(crate) const NOBODY: Self = Self(None);

    /// One who holds none yet.
    pub(crate) fn new() -> Self {
        Self(Some(Arc::default()))
    }

    fn held(&self) -> usize {
        self.0.as_ref().map_or(0, |held| held.load(Ordering::Relaxed))
    }

    fn add(&self, octets: usize) {
        if let Some(held) = &self.0 {
            held.fetch_add(octets, Ordering::Relaxed);
        }
    }

    fn remove(&self, octets: usize) {
        if let Some(held) = &self.0 {
            held.fetch_sub(octets, Ordering::Relaxed);
        }
    }
}

#[derive(Debug)]
struct State {
    total: usize,
    free: usize,
    next: u64,
    waiting: VecDeque<Waiting>,
    /// Those that have been granted what they wait for and do not know it yet.
    granted: BTreeSet<u64>,
}

#[derive(Debug)]
struct Waiting {
    ticket: u64,
    octets: usize,
    holder: Holder,
    waker: Waker,
}

impl Share {
    /// All of `total` is free.
    pub(crate) fn new(total: usize) -> Self {
        let (waiting, granted) = (VecDeque::new(), BTreeSet::new());
        Self(Arc::new(Mutex::new(State { total, free: total, next: 0, waiting, granted })))
    }

    /// How many permits there are.
    pub(crate) fn total(&self) -> usize {
        self.lock().total
    }

    /// Whether nobody holds any or waits.
    pub(crate) fn is_full(&self) -> bool {
        let state = self.lock();
        state.free == state.total && state.waiting.is_empty()
    }

    /// Waits for so many; more than there are counts as all there are.
    pub(crate) fn take(&self, octets: usize, holder: &Holder) -> Claim {
        Claim { share: self.clone(), octets, holder: holder.clone(), ticket: None, done: false }
    }

    /// So many, if they are free now and nobody waits.
    pub(crate) fn try_take(&self, octets: usize) -> Option<Permits> {
        let mut state = self.lock();
        (state.waiting.is_empty() && octets <= state.free).then(|| {
            state.free -= octets;
            Permits { share: self.clone(), octets, holder: Holder::NOBODY }
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, octets: usize) {
        let mut state = self.lock();
        state.free += octets;
        let woken = state.grant();
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }
}

impl State {
    /// Grants what it can, one after another; gives who is to be told.
    fn grant(&mut self) -> Vec<Waker> {
        let mut woken = Vec::new();
        while let Some(index) = self.next_in_turn()
            && self.waiting[index].octets <= self.free
            && let Some(waiting) = self.waiting.remove(index)
        {
            self.free -= waiting.octets;
            waiting.holder.add(waiting.octets);
            self.granted.insert(waiting.ticket);
            woken.push(waiting.waker);
        }
        woken
    }

    fn next_in_turn(&self) -> Option<usize> {
        self.waiting.iter().enumerate().min_by_key(|(_, waiting)| waiting.holder.held()).map(|(index, _)| index)
    }
}

/// Somebody who waits for permits; whoever drops it waits no longer.
#[derive(Debug)]
pub(crate) struct Claim {
    share: Share,
    octets: usize,
    holder: Holder,
    ticket: Option<u64>,
    done: bool,
}

impl Future for Claim {
    type Output = Permits;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Permits> {
        let this = &mut *self;
        let mut state = this.share.lock();
        match this.ticket {
            Some(ticket) if state.granted.remove(&ticket) => {}
            Some(ticket) => {
                if let Some(waiting) = state.waiting.iter_mut().find(|waiting| waiting.ticket == ticket) {
                    waiting.waker.clone_from(cx.waker());
                }
                return Poll::Pending;
            }
            None => {
                this.octets = this.octets.min(state.total);
                if !state.waiting.is_empty() || this.octets > state.free {
                    let ticket = state.next;
                    state.next += 1;
                    this.ticket = Some(ticket);
                    let (octets, holder, waker) = (this.octets, this.holder.clone(), cx.waker().clone());
                    state.waiting.push_back(Waiting { ticket, octets, holder, waker });
                    return Poll::Pending;
                }
                state.free -= this.octets;
                this.holder.add(this.octets);
            }
        }
        drop(state);
        this.done = true;
        Poll::Ready(Permits { share: this.share.clone(), octets: this.octets, holder: this.holder.clone() })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket.filter(|_| !self.done) else { return };
        let mut state = self.share.lock();
        let granted = state.granted.remove(&ticket);
        state.waiting.retain(|waiting| waiting.ticket != ticket);
        drop(state);
        if granted {
            self.holder.remove(self.octets);
        }
        // Who stood behind it may have its turn now.
        self.share.give_back(if granted { self.octets } else { 0 });
    }
}

/// Permits that are held; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permits {
    share: Share,
    octets: usize,
    holder: Holder,
}

impl Drop for Permits {
    fn drop(&mut self) {
        self.holder.remove(self.octets);
        self.share.give_back(self.octets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;

    fn poll(claim: Pin<&mut Claim>) -> Option<Permits> {
        match claim.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(permits) => Some(permits),
            Poll::Pending => None,
        }
    }

    #[test]
    fn who_has_least_under_way_goes_first() {
        let share = Share::new(100);
        let (flooder, talker) = (Holder::new(), Holder::new());
        let said = poll(pin!(share.take(10, &talker))).expect("free");
        let first = poll(pin!(share.take(50, &flooder))).expect("free");
        let second = poll(pin!(share.take(40, &flooder))).expect("free");
        let mut more = pin!(share.take(40, &flooder));
        let mut word = pin!(share.take(10, &talker));
        assert!(poll(more.as_mut()).is_none() && poll(word.as_mut()).is_none());
        drop(second);
        let word = poll(word.as_mut()).expect("its turn");
        assert!(poll(more.as_mut()).is_none());
        drop(first);
        let more = poll(more.as_mut()).expect("its turn");
        drop((said, word, more));
        assert!(share.is_full());
    }

    #[test]
    fn who_waits_no_longer_stands_in_nobodys_way() {
        let share = Share::new(100);
        let holders = [Holder::new(), Holder::new()];
        let held = poll(pin!(share.take(50, &Holder::NOBODY))).expect("free");
        {
            let mut large = pin!(share.take(1000, &holders[0]));
            assert!(poll(large.as_mut()).is_none());
            let mut small = pin!(share.take(10, &holders[1]));
            assert!(poll(small.as_mut()).is_none(), "in the order of coming");
            assert!(share.try_take(10).is_none());
        }
        assert!(share.try_take(50).is_some());
        drop(held);
        let mut granted = pin!(share.take(100, &holders[0]));
        let before = share.try_take(100).expect("free");
        assert!(poll(granted.as_mut()).is_none());
        drop(before);
        assert!(!share.is_full(), "granted, though not fetched");
    }
}
