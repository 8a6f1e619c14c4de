//! Requests of ours that wait for a response (RFC 4975 §7.1.1).

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::ident::TransactionId;

/// Our open transactions, each with what its caller wants to remember of it.
///
/// MSRP-59: a request that got no response 30 seconds after its last octet was written has probably failed. Only
/// requests that ask for a 200 belong here.
#[derive(Debug)]
pub struct OutgoingTransactions<T> {
    open: HashMap<TransactionId, T>,
    /// In the order of the deadlines; those that are answered stay until theirs.
    deadlines: VecDeque<(Instant, TransactionId)>,
}

impl<T> Default for OutgoingTransactions<T> {
    fn default() -> Self {
        Self { open: HashMap::new(), deadlines: VecDeque::new() }
    }
}

impl<T> OutgoingTransactions<T> {
    /// How long a response may take.
    pub const TIMEOUT: Duration = Duration::from_secs(30);

    /// How many wait for a response.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The last octet of a request has been written.
    pub fn handle_sent(&mut self, now: Instant, tid: TransactionId, request: T) {
        self.open.insert(tid, request);
        self.deadlines.push_back((now + Self::TIMEOUT, tid));
    }

    /// A response has come: what it answers; `None` when nothing waits for it (MSRP-E5).
    pub fn handle_response(&mut self, tid: &TransactionId) -> Option<T> {
        let request = self.open.remove(tid);
        self.forget_answered();
        request
    }

    /// Takes all that wait, in no order: the connection is lost (MSRP-97).
    pub fn handle_connection_lost(&mut self) -> impl Iterator<Item = (TransactionId, T)> {
        self.deadlines.clear();
        self.open.drain()
    }

    /// When to ask [`poll_expired`](Self::poll_expired) again.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.front().map(|(deadline, _)| *deadline)
    }

    /// A request whose time is over, taken out.
    pub fn poll_expired(&mut self, now: Instant) -> Option<(TransactionId, T)> {
        while let Some((_, tid)) = self.deadlines.pop_front_if(|(deadline, _)| *deadline <= now) {
            if let Some(request) = self.open.remove(&tid) {
                self.forget_answered();
                return Some((tid, request));
            }
        }
        None
    }

    fn forget_answered(&mut self) {
        while self.deadlines.pop_front_if(|(_, tid)| !self.open.contains_key(tid)).is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::disallowed_methods)] // any point in time will do
    fn some_time() -> Instant {
        Instant::now()
    }

    fn tid(number: u64) -> TransactionId {
        TransactionId::from_random(0, number)
    }

    #[test]
    fn request_without_response_expires_after_30_seconds_msrp_59() {
        let start = some_time();
        let mut transactions = OutgoingTransactions::default();
        transactions.handle_sent(start, tid(1), "one");
        transactions.handle_sent(start + Duration::from_secs(1), tid(2), "two");
        let deadline = start + Duration::from_secs(30);
        assert_eq!(transactions.poll_timeout(), Some(deadline));
        assert_eq!(transactions.poll_expired(deadline - Duration::from_nanos(1)), None);
        assert_eq!(transactions.poll_expired(deadline), Some((tid(1), "one")));
        assert_eq!(transactions.poll_expired(deadline), None);
        assert_eq!(transactions.len(), 1);
    }

    #[test]
    fn answered_request_does_not_expire() {
        let start = some_time();
        let mut transactions = OutgoingTransactions::default();
        for number in 0..3 {
            transactions.handle_sent(start, tid(number), number);
        }
        assert_eq!(transactions.handle_response(&tid(1)), Some(1));
        assert_eq!(transactions.handle_response(&tid(1)), None, "MSRP-E5");
        assert_eq!(transactions.handle_response(&tid(0)), Some(0));
        let late = start + Duration::from_secs(60);
        assert_eq!(transactions.poll_expired(late), Some((tid(2), 2)));
        assert_eq!(transactions.poll_expired(late), None);
        assert_eq!((transactions.poll_timeout(), transactions.is_empty()), (None, true));
    }

    #[test]
    fn lost_connection_gives_all_back_msrp_97() {
        let mut transactions = OutgoingTransactions::default();
        transactions.handle_sent(some_time(), tid(1), "one");
        assert_eq!(transactions.handle_connection_lost().collect::<Vec<_>>(), [(tid(1), "one")]);
        assert_eq!(transactions.poll_timeout(), None);
    }
}
