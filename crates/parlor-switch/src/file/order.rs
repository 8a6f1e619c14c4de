//! Octets of a file in their order, however their chunks come (MSRP-38).

use bytes::Bytes;
use std::collections::BTreeMap;

/// How much of what came too early is held; a piece counts for at least so much.
const HELD: usize = 64 * 1024;
const SMALLEST_HELD: usize = 512;

/// How far a file has come.
#[derive(Debug, Default)]
pub(super) struct Order {
    position: u64,
    early: BTreeMap<u64, Bytes>,
    held: usize,
}

/// Too much came before what is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooEarly;

impl Order {
    /// Octets that came in order.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Takes octets that stand at `offset`, and gives what is in order now. Where chunks overlap the octets that came first are
    /// kept (MSRP-42).
    pub(super) fn take(&mut self, offset: u64, body: Bytes) -> Result<Vec<Bytes>, TooEarly> {
        if offset > self.position {
            self.hold(offset, &body)?;
            return Ok(Vec::new());
        }
        let mut in_order = Vec::with_capacity(1);
        self.advance(offset, body, &mut in_order);
        while let Some(entry) = self.early.first_entry()
            && *entry.key() <= self.position
        {
            let (offset, body) = entry.remove_entry();
            self.held -= body.len().max(SMALLEST_HELD);
            self.advance(offset, body, &mut in_order);
        }
        Ok(in_order)
    }

    fn advance(&mut self, offset: u64, mut body: Bytes, in_order: &mut Vec<Bytes>) {
        let known = usize::try_from(self.position - offset).unwrap_or(usize::MAX).min(body.len());
        let fresh = body.split_off(known);
        if !fresh.is_empty() {
            self.position += fresh.len() as u64;
            in_order.push(fresh);
        }
    }

    /// Copied, so that what it was read with is not kept for as long as the gap stays open.
    fn hold(&mut self, offset: u64, body: &[u8]) -> Result<(), TooEarly> {
        let known = self.early.get(&offset).map(|known| known.len());
        if body.is_empty() || known.is_some_and(|known| known >= body.len()) {
            return Ok(());
        }
        let held = self.held - known.map_or(0, |known| known.max(SMALLEST_HELD)) + body.len().max(SMALLEST_HELD);
        if held > HELD {
            return Err(TooEarly);
        }
        self.held = held;
        self.early.insert(offset, Bytes::copy_from_slice(body));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(order: &mut Order, offset: u64, body: &[u8]) -> Result<Vec<u8>, TooEarly> {
        order.take(offset, Bytes::copy_from_slice(body)).map(|pieces| pieces.concat())
    }

    /// MSRP-38, MSRP-42: any order, overlaps, and what comes again.
    #[test]
    fn chunks_come_out_in_order_and_once() {
        let mut order = Order::default();
        assert_eq!(take(&mut order, 4, b"efgh"), Ok(vec![]));
        assert_eq!(take(&mut order, 4, b"efghij"), Ok(vec![]));
        assert_eq!(take(&mut order, 2, b"cd"), Ok(vec![]));
        assert_eq!(take(&mut order, 0, b"abcD"), Ok(b"abcDefghij".to_vec()));
        assert_eq!(take(&mut order, 0, b"abcd"), Ok(vec![]));
        assert_eq!((order.position(), order.held), (10, 0));
    }

    #[test]
    fn a_gap_is_held_up_to_a_limit() {
        let mut order = Order::default();
        let held = (0..1000).take_while(|n| take(&mut order, 2 + 2 * n, b"x").is_ok()).count();
        assert_eq!(held, HELD / SMALLEST_HELD);
        assert_eq!(take(&mut Order::default(), 1, &vec![0; HELD + 1]), Err(TooEarly));
    }
}
