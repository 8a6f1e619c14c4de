//! Transactions that are answered and stay only for what may come again. They give way when the table is full, so that
//! what strangers ask for shuts nobody out.

use super::Endpoint;

/// What is lost with a transaction that lingers; the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Loss {
    /// A request that comes again is answered again, much as an element without state would (RFC 3261 §8.2.7).
    Answer,
    /// A request that comes again acts again.
    Deed,
}

impl Endpoint {
    /// Notes that the transaction lingers from now on.
    pub(super) fn linger(&mut self, index: usize, loss: Loss) {
        let server = &mut self.servers[index];
        server.lingers = Some(loss);
        self.lingering.insert((loss, server.serial, index));
    }

    /// Ends the transaction that lingers and would be missed least: the oldest of those that lose least. Whether there
    /// was one.
    pub(super) fn end_lingering(&mut self) -> bool {
        let Some((_, _, index)) = self.lingering.first().copied() else { return false };
        self.close_server(index);
        self.stats.transactions_cut_short += 1;
        true
    }
}
