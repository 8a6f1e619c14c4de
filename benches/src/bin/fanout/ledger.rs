//! What was sent, and who has received it: every delivery is accounted for once.

use std::{collections::VecDeque, time::Instant};

use anyhow::{Context, ensure};

use crate::{histogram::Histogram, marker::Marker};

/// The account of one slice of the run.
pub(crate) struct Ledger {
    slice: u16,
    recipients: usize,
    window: u32,
    senders: Vec<Sender>,
    /// By recipient and sender.
    seen: Vec<Seen>,
    pub(crate) deliveries: u64,
    pub(crate) bytes: u64,
    /// Deliveries that overtook an earlier message of the same sender.
    pub(crate) overtaken: u64,
    pub(crate) latency: Histogram,
}

struct Sender {
    peer: usize,
    /// Number of the next message.
    next: u32,
    /// Those that some recipient has not got yet, oldest first: when sent, copies outstanding.
    flight: VecDeque<(Instant, usize)>,
}

/// The messages of one sender that one recipient has: all below `base`, and those of `mask` from there.
#[derive(Clone, Default)]
struct Seen {
    base: u32,
    mask: u64,
}

impl Ledger {
    /// For messages between `recipients` participants, of whom those in `senders` send up to `window` (≤ 64) at once.
    pub(crate) fn new(slice: u16, recipients: usize, senders: &[usize], window: u32) -> Ledger {
        let sender = |peer: &usize| Sender { peer: *peer, next: 0, flight: VecDeque::new() };
        Ledger {
            slice,
            recipients,
            window: window.min(u64::BITS),
            senders: senders.iter().map(sender).collect(),
            seen: vec![Seen::default(); recipients * senders.len()],
            deliveries: 0,
            bytes: 0,
            overtaken: 0,
            latency: Histogram::default(),
        }
    }

    /// True if this sender may send another message now.
    pub(crate) fn open(&self, sender: usize) -> bool {
        self.senders[sender].flight.len() < self.window as usize
    }

    /// Counts a message as sent now and says how it is marked.
    pub(crate) fn send(&mut self, sender: usize, now: Instant) -> Marker {
        let state = &mut self.senders[sender];
        let marker = Marker { slice: self.slice, sender: sender as u16, number: state.next };
        state.next += 1;
        state.flight.push_back((now, self.recipients - 1));
        marker
    }

    /// Counts a delivery and moves the window of its sender.
    pub(crate) fn deliver(&mut self, peer: usize, marker: Marker, bytes: usize, now: Instant) -> anyhow::Result<()> {
        ensure!(marker.slice == self.slice, "participant {peer} got a message of an earlier slice again");
        let index = usize::from(marker.sender);
        let senders = self.senders.len();
        let sender = self.senders.get_mut(index).context("a marker with an unknown sender")?;
        ensure!(sender.peer != peer, "participant {peer} got its own message");
        let oldest = sender.next - sender.flight.len() as u32;
        let duplicate = || format!("participant {peer} got message {} of sender {index} twice", marker.number);
        ensure!(marker.number < sender.next, "participant {peer} got a message never sent");
        ensure!(marker.number >= oldest, duplicate());
        let overtook = self.seen[peer * senders + index].note(marker.number).with_context(duplicate)?;
        self.overtaken += u64::from(overtook);
        let (sent, outstanding) = &mut sender.flight[(marker.number - oldest) as usize];
        *outstanding -= 1;
        self.latency.record(now.saturating_duration_since(*sent));
        self.deliveries += 1;
        self.bytes += bytes as u64;
        while sender.flight.front().is_some_and(|(_, outstanding)| *outstanding == 0) {
            sender.flight.pop_front();
        }
        Ok(())
    }

    /// Messages sent.
    pub(crate) fn messages(&self) -> u64 {
        self.senders.iter().map(|sender| u64::from(sender.next)).sum()
    }

    /// Copies that have not arrived.
    pub(crate) fn outstanding(&self) -> u64 {
        self.messages() * (self.recipients as u64 - 1) - self.deliveries
    }
}

impl Seen {
    /// Notes a message; `None` if it was noted before, else whether an earlier one is still missing.
    fn note(&mut self, number: u32) -> Option<bool> {
        let offset = number.checked_sub(self.base)?;
        let bit = 1_u64.checked_shl(offset)?;
        if self.mask & bit != 0 {
            return None;
        }
        self.mask |= bit;
        let complete = self.mask.trailing_ones();
        self.base += complete;
        self.mask = self.mask.checked_shr(complete).unwrap_or(0);
        Some(offset > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The window opens when all others have the oldest message, and a second copy is an error.
    #[test]
    fn window_and_duplicates() {
        let now = Instant::now();
        let mut ledger = Ledger::new(1, 3, &[0], 2);
        let (first, second) = (ledger.send(0, now), ledger.send(0, now));
        assert!(!ledger.open(0));
        ledger.deliver(1, second, 9, now).expect("new");
        assert!(ledger.deliver(1, second, 9, now).is_err());
        ledger.deliver(1, first, 9, now).expect("new");
        assert!(!ledger.open(0));
        ledger.deliver(2, first, 9, now).expect("new");
        assert!(ledger.open(0));
        assert!(ledger.deliver(2, first, 9, now).is_err());
        assert!(ledger.deliver(0, second, 9, now).is_err());
        assert_eq!((ledger.overtaken, ledger.outstanding()), (1, 1));
    }
}
