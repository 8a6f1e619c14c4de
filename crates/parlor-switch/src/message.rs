//! A message on its way in: its chunks put in order, its CPIM headers gathered.

use crate::deliver::Outgoing;
use crate::frame::MessageKey;
use crate::refusal::Refusal;
use bytes::Bytes;
use parlor_cpim::Scanner;
use parlor_msrp::{FailureReport, MessageId};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How much of what came too early is held (CHAT-64).
const EARLY_BYTES: usize = 64 * 1024;
/// For how long it is held.
const EARLY_TIME: Duration = Duration::from_secs(10);

/// What has become of a message so far.
#[derive(Debug)]
pub(crate) enum Phase {
    /// The CPIM headers are not complete.
    Gathering { scanner: Scanner, gathered: Vec<u8> },
    /// They are, and it is being copied to its recipients.
    Streaming(Outgoing),
}

/// A message of which not everything has come.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) key: MessageKey,
    pub(crate) id: MessageId,
    pub(crate) phase: Phase,
    pub(crate) declared_total: Option<u64>,
    pub(crate) failure_report: FailureReport,
    /// When something of it came last.
    pub(crate) progress: Instant,
    /// Octets that came in order.
    position: u64,
    /// The length of the whole, once the chunk that ends it has come.
    length: Option<u64>,
    early: BTreeMap<u64, Bytes>,
    early_since: Option<Instant>,
}

impl Incoming {
    pub(crate) fn new(
        now: Instant,
        key: MessageKey,
        id: MessageId,
        declared_total: Option<u64>,
        failure_report: FailureReport,
        scanner: Scanner,
    ) -> Self {
        Self {
            key,
            id,
            phase: Phase::Gathering { scanner, gathered: Vec::new() },
            declared_total,
            failure_report,
            progress: now,
            position: 0,
            length: None,
            early: BTreeMap::new(),
            early_since: None,
        }
    }

    /// Octets that came in order.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Whether everything has come.
    pub(crate) fn is_complete(&self) -> bool {
        self.length == Some(self.position)
    }

    /// When it is to be given up unless more comes. `silent_since` says from when on a silence counts.
    pub(crate) fn deadline(&self, chunk_timeout: Duration, silent_since: impl Fn(Instant) -> Instant) -> Instant {
        let silent = silent_since(self.progress) + chunk_timeout;
        self.early_since.map_or(silent, |since| silent.min(silent_since(since) + EARLY_TIME))
    }

    /// Whether it waits for something that is missing before what has come.
    pub(crate) fn has_gap(&self) -> bool {
        self.early_since.is_some()
    }

    /// Notes that the message ends at `offset`.
    pub(crate) fn ends_at(&mut self, now: Instant, offset: u64) -> Result<(), Refusal> {
        if offset < self.position {
            return Err(Refusal::MalformedRequest);
        }
        if offset > self.position {
            self.early_since.get_or_insert(now);
        }
        self.length = Some(offset);
        Ok(())
    }

    /// Takes octets that stand at `offset` of the message, and gives what is now in order.
    ///
    /// Where chunks overlap the octets that came first are kept (MSRP-42).
    pub(crate) fn take(&mut self, now: Instant, offset: u64, body: Bytes) -> Result<Vec<Bytes>, Refusal> {
        self.progress = now;
        if offset > self.position {
            self.hold(now, offset, &body)?;
            return Ok(Vec::new());
        }
        let mut in_order = Vec::with_capacity(1);
        self.advance(offset, body, &mut in_order);
        while let Some(entry) = self.early.first_entry()
            && *entry.key() <= self.position
        {
            let (offset, body) = entry.remove_entry();
            self.advance(offset, body, &mut in_order);
        }
        if self.early.is_empty() && self.length.is_none_or(|length| length <= self.position) {
            self.early_since = None;
        }
        Ok(in_order)
    }

    fn advance(&mut self, offset: u64, mut body: Bytes, in_order: &mut Vec<Bytes>) {
        let known = usize::try_from(self.position - offset).unwrap_or(usize::MAX).min(body.len());
        let mut fresh = body.split_off(known);
        if let Some(length) = self.length {
            fresh.truncate(usize::try_from(length - self.position).unwrap_or(usize::MAX));
        }
        if !fresh.is_empty() {
            self.position += fresh.len() as u64;
            in_order.push(fresh);
        }
    }

    fn hold(&mut self, now: Instant, offset: u64, body: &[u8]) -> Result<(), Refusal> {
        let held: usize = self.early.values().map(Bytes::len).sum();
        if held + body.len() > EARLY_BYTES {
            return Err(Refusal::OutOfOrder);
        }
        self.early_since.get_or_insert(now);
        // Copied, so that the sender's window is not held for as long as the gap stays open.
        self.early.entry(offset).or_insert_with(|| Bytes::copy_from_slice(body));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incoming(now: Instant) -> Incoming {
        let id = MessageId::parse("abcd").expect("an id");
        Incoming::new(now, MessageKey(1), id, None, FailureReport::Yes, Scanner::new(1024))
    }

    fn now() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
        Instant::now()
    }

    #[test]
    fn chunks_out_of_order_come_out_in_order() {
        let t = now();
        let mut message = incoming(t);
        assert_eq!(message.take(t, 4, Bytes::from_static(b"efgh")), Ok(vec![]));
        message.ends_at(t, 8).expect("a length");
        assert!(message.has_gap() && !message.is_complete());
        let in_order = message.take(t, 0, Bytes::from_static(b"abcd")).expect("in order");
        assert_eq!(in_order.concat(), b"abcdefgh");
        assert!(message.is_complete() && !message.has_gap());
    }

    #[test]
    fn overlapping_octets_are_taken_once() {
        let t = now();
        let mut message = incoming(t);
        message.take(t, 0, Bytes::from_static(b"abcd")).expect("in order");
        let rest = message.take(t, 2, Bytes::from_static(b"CDef")).expect("in order");
        assert_eq!(rest.concat(), b"ef");
        assert_eq!(message.take(t, 0, Bytes::from_static(b"ab")), Ok(vec![]));
        assert_eq!(message.position(), 6);
    }

    #[test]
    fn a_gap_is_held_up_to_a_limit_and_for_a_while() {
        let t = now();
        let mut message = incoming(t);
        message.take(t, 1, Bytes::from(vec![0; EARLY_BYTES])).expect("held");
        assert_eq!(message.deadline(Duration::from_secs(540), |heard| heard), t + EARLY_TIME);
        assert_eq!(message.take(t, 1 + EARLY_BYTES as u64, Bytes::from_static(b"x")), Err(Refusal::OutOfOrder));
    }

    #[test]
    fn a_message_cannot_end_before_what_has_come() {
        let t = now();
        let mut message = incoming(t);
        message.take(t, 0, Bytes::from_static(b"abcd")).expect("in order");
        assert_eq!(message.ends_at(t, 3), Err(Refusal::MalformedRequest));
    }
}
