//! A message on its way in: its chunks put in order, its CPIM headers gathered.

use crate::deliver::Outgoing;
use crate::frame::MessageKey;
use crate::refusal::Refusal;
use crate::reserve::{Reserved, SMALLEST_HELD};
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
    Gathering { scanner: Scanner, gathered: Vec<u8>, held: Option<Reserved> },
    /// They are, and it is being copied to its recipients.
    Streaming(Outgoing),
}

/// Octets of a message in their order, and what was reserved for them if they were held back.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) body: Bytes,
    pub(crate) held: Option<Reserved>,
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
    /// When its deadline is looked at.
    pub(crate) due: Option<Instant>,
    /// Octets that came in order.
    position: u64,
    /// The length of the whole, once the chunk that ends it has come.
    length: Option<u64>,
    early: BTreeMap<u64, (Bytes, Reserved)>,
    early_since: Option<Instant>,
    /// Whether a chunk of it was answered with 200 although there is more to come.
    pub(crate) acknowledged: bool,
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
            phase: Phase::Gathering { scanner, gathered: Vec::new(), held: None },
            declared_total,
            failure_report,
            progress: now,
            due: None,
            position: 0,
            length: None,
            early: BTreeMap::new(),
            early_since: None,
            acknowledged: false,
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

    /// Octets of it that are held back.
    pub(crate) fn held(&self) -> usize {
        let begun = match &self.phase {
            Phase::Gathering { held, .. } => held.as_ref().map_or(0, Reserved::octets),
            Phase::Streaming(outgoing) => outgoing.held(),
        };
        begun + self.held_early()
    }

    fn held_early(&self) -> usize {
        self.early.values().map(|(_, held)| held.octets()).sum()
    }

    /// How many octets are to be reserved before so many that stand at `offset` can be taken.
    pub(crate) fn to_reserve(&self, offset: u64, len: usize) -> Result<Option<usize>, Refusal> {
        if offset <= self.position {
            return Ok(None);
        }
        let octets = len.max(SMALLEST_HELD);
        match self.held_early() + octets > EARLY_BYTES {
            true => Err(Refusal::OutOfOrder),
            false => Ok(Some(octets)),
        }
    }

    /// Takes octets that stand at `offset` of the message, and gives what is now in order. `reserved` is for those that
    /// come too early.
    ///
    /// Where chunks overlap the octets that came first are kept (MSRP-42).
    pub(crate) fn take(&mut self, now: Instant, offset: u64, body: Bytes, reserved: Option<Reserved>) -> Vec<Piece> {
        if let Some(reserved) = reserved {
            self.hold(now, offset, &body, reserved);
            return Vec::new();
        }
        let mut in_order = Vec::with_capacity(1);
        self.advance(now, offset, body, None, &mut in_order);
        while let Some(entry) = self.early.first_entry()
            && *entry.key() <= self.position
        {
            let (offset, (body, held)) = entry.remove_entry();
            self.advance(now, offset, body, Some(held), &mut in_order);
        }
        if self.early.is_empty() && self.length.is_none_or(|length| length <= self.position) {
            self.early_since = None;
        }
        in_order
    }

    fn advance(
        &mut self,
        now: Instant,
        offset: u64,
        mut body: Bytes,
        held: Option<Reserved>,
        in_order: &mut Vec<Piece>,
    ) {
        let known = usize::try_from(self.position - offset).unwrap_or(usize::MAX).min(body.len());
        let mut fresh = body.split_off(known);
        if let Some(length) = self.length {
            fresh.truncate(usize::try_from(length - self.position).unwrap_or(usize::MAX));
        }
        if !fresh.is_empty() {
            self.progress = now;
            self.position += fresh.len() as u64;
            in_order.push(Piece { body: fresh, held });
        }
    }

    /// Copied, so that neither the sender's window nor what it was read with is held for as long as the gap stays open.
    fn hold(&mut self, now: Instant, offset: u64, body: &[u8], reserved: Reserved) {
        self.early_since.get_or_insert(now);
        if self.early.get(&offset).is_none_or(|(known, _)| known.len() < body.len()) {
            self.progress = now;
            self.early.insert(offset, (Bytes::copy_from_slice(body), reserved));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reserve::Reserve;
    use crate::{OutboxLimits, RoomBudget};

    fn incoming(now: Instant) -> Incoming {
        let id = MessageId::parse("abcd").expect("an id");
        Incoming::new(now, MessageKey(1), id, None, FailureReport::Yes, Scanner::new(1024))
    }

    fn now() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
        Instant::now()
    }

    fn take(message: &mut Incoming, t: Instant, offset: u64, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        let reserve = Reserve::new(usize::MAX, RoomBudget::new(&OutboxLimits::default()));
        let reserved = message.to_reserve(offset, body.len())?.and_then(|octets| reserve.take(octets));
        let pieces = message.take(t, offset, Bytes::copy_from_slice(body), reserved);
        Ok(pieces.iter().flat_map(|piece| piece.body.to_vec()).collect())
    }

    #[test]
    fn chunks_out_of_order_come_out_in_order() {
        let t = now();
        let mut message = incoming(t);
        assert_eq!(take(&mut message, t, 4, b"efgh"), Ok(vec![]));
        message.ends_at(t, 8).expect("a length");
        assert!(message.has_gap() && !message.is_complete());
        assert_eq!(take(&mut message, t, 0, b"abcd"), Ok(b"abcdefgh".to_vec()));
        assert!(message.is_complete() && !message.has_gap());
        assert_eq!(message.held(), 0);
    }

    #[test]
    fn overlapping_octets_are_taken_once() {
        let t = now();
        let mut message = incoming(t);
        take(&mut message, t, 0, b"abcd").expect("in order");
        assert_eq!(take(&mut message, t, 2, b"CDef"), Ok(b"ef".to_vec()));
        assert_eq!(take(&mut message, t, 0, b"ab"), Ok(vec![]));
        assert_eq!(message.position(), 6);
    }

    #[test]
    fn of_two_early_pieces_at_one_place_the_longer_is_held() {
        let t = now();
        let mut message = incoming(t);
        for early in [b"ef".as_slice(), b"efgh", b"e"] {
            assert_eq!(take(&mut message, t, 4, early), Ok(vec![]));
        }
        assert_eq!(message.held(), SMALLEST_HELD);
        assert_eq!(take(&mut message, t, 0, b"abcd"), Ok(b"abcdefgh".to_vec()));
    }

    #[test]
    fn a_gap_is_held_up_to_a_limit_and_for_a_while() {
        let t = now();
        let mut message = incoming(t);
        take(&mut message, t, 1, &vec![0; EARLY_BYTES]).expect("held");
        assert_eq!(message.deadline(Duration::from_secs(540), |heard| heard), t + EARLY_TIME);
        assert_eq!(take(&mut message, t, 1 + EARLY_BYTES as u64, b"x"), Err(Refusal::OutOfOrder));
    }

    #[test]
    fn tiny_pieces_are_not_held_without_end() {
        let t = now();
        let mut message = incoming(t);
        let taken = (0..1000).take_while(|n| take(&mut message, t, 2 + 2 * n, b"x").is_ok()).count();
        assert_eq!(taken, EARLY_BYTES / SMALLEST_HELD);
    }

    #[test]
    fn a_message_cannot_end_before_what_has_come() {
        let t = now();
        let mut message = incoming(t);
        take(&mut message, t, 0, b"abcd").expect("in order");
        assert_eq!(message.ends_at(t, 3), Err(Refusal::MalformedRequest));
    }
}
