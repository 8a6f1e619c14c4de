//! What senders may have under way, as the server counts it: a window for each connection, budgets for each room.

use parlor_switch::{Credit, OutboxLimits};
use std::any::Any;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Permits given first come, first served.
#[derive(Clone, Debug)]
pub struct Share(Arc<Mutex<Permits>>);

#[derive(Debug)]
struct Permits {
    total: usize,
    free: usize,
    next: u64,
    waiting: VecDeque<(u64, usize)>,
}

/// So many permits of a share: waited for, then held, and given back when dropped.
#[derive(Debug)]
struct Claim {
    share: Share,
    ticket: u64,
    permits: usize,
    granted: bool,
}

impl Share {
    /// All of `total` is free.
    pub fn new(total: usize) -> Self {
        Self(Arc::new(Mutex::new(Permits { total, free: total, next: 0, waiting: VecDeque::new() })))
    }

    /// Whether nobody holds anything or waits.
    pub fn is_full(&self) -> bool {
        let permits = self.lock();
        permits.free == permits.total && permits.waiting.is_empty()
    }

    /// More than there is counts as all there is.
    fn claim(&self, octets: usize) -> Claim {
        let mut permits = self.lock();
        let ticket = permits.next;
        permits.next += 1;
        let wanted = octets.min(permits.total);
        permits.waiting.push_back((ticket, wanted));
        drop(permits);
        Claim { share: self.clone(), ticket, permits: wanted, granted: false }
    }

    fn lock(&self) -> MutexGuard<'_, Permits> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    fn is_grantable(&self) -> bool {
        let permits = self.share.lock();
        permits.waiting.front().is_some_and(|(ticket, wanted)| *ticket == self.ticket && *wanted <= permits.free)
    }

    fn grant(&mut self) {
        let mut permits = self.share.lock();
        permits.waiting.pop_front();
        permits.free -= self.permits;
        self.granted = true;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut permits = self.share.lock();
        if self.granted {
            permits.free += self.permits;
        } else {
            permits.waiting.retain(|(ticket, _)| *ticket != self.ticket);
        }
    }
}

/// What the messages of one room may have under way, first frames and later frames apart.
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
}

impl parlor_switch::Budget for RoomBudget {
    fn try_take(&self, octets: usize) -> Option<Box<dyn Any + Send>> {
        let mut claim = self.bulk.claim(octets);
        claim.is_grantable().then(|| {
            claim.grant();
            Box::new(claim) as Box<dyn Any + Send>
        })
    }
}

/// A reader on its way to a credit: window, then bulk, then heads.
#[derive(Debug)]
pub struct Acquiring {
    to_claim: Vec<(Share, usize)>,
    claims: Vec<Claim>,
}

impl Acquiring {
    /// Begins to wait for so much of first and of later frames.
    pub fn new(window: &Share, room: &RoomBudget, heads: usize, bulk: usize) -> Self {
        let mut to_claim = vec![(room.heads.clone(), heads), (room.bulk.clone(), bulk), (window.clone(), heads + bulk)];
        to_claim.retain(|(_, octets)| *octets > 0);
        let mut acquiring = Self { to_claim, claims: Vec::new() };
        acquiring.claim_next();
        acquiring
    }

    /// Whether [`Acquiring::go_on`] would come further.
    pub fn is_ready(&self) -> bool {
        self.claims.last().is_none_or(|claim| claim.granted || claim.is_grantable())
    }

    /// Takes what is granted; gives whether that is all.
    pub fn go_on(&mut self) -> bool {
        while let Some(claim) = self.claims.last_mut() {
            if !claim.granted {
                if !claim.is_grantable() {
                    return false;
                }
                claim.grant();
            }
            if !self.claim_next() {
                break;
            }
        }
        true
    }

    /// The credit that gives everything back.
    pub fn into_credit(self) -> Credit {
        if self.claims.is_empty() { Credit::none() } else { Credit::new(self.claims) }
    }

    fn claim_next(&mut self) -> bool {
        let next = self.to_claim.pop().map(|(share, octets)| share.claim(octets));
        let any = next.is_some();
        self.claims.extend(next);
        any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_are_given_in_order_and_come_back() {
        let (window, room) = (Share::new(100), RoomBudget { heads: Share::new(10), bulk: Share::new(10) });
        let mut first = Acquiring::new(&window, &room, 4, 8);
        assert!(first.go_on());
        let mut second = Acquiring::new(&window, &room, 1, 3);
        assert!(!second.go_on(), "the bulk is used up");
        let mut third = Acquiring::new(&window, &room, 0, 1);
        assert!(!third.go_on(), "whoever waited longer goes first");
        let credit = first.into_credit();
        credit.settle(1);
        assert!(!third.go_on() && second.go_on() && third.go_on());
        drop((second, third));
        assert!(window.is_full() && room.is_full());
    }
}
