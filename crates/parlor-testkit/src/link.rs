//! One direction of a connection: what the kernel holds unsent, a wire of some rate, what the peer has not read.

use bytes::Bytes;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::time::{Duration, Instant};

/// What the sending kernel holds before it wants no more; it asks for more below half of it (`TCP_NOTSENT_LOWAT`).
pub const UNSENT: usize = 64 * 1024;
/// What the receiving kernel holds unread.
pub const UNREAD: usize = 256 * 1024;

/// A pipe with a rate and bounded buffers at both ends.
#[derive(Debug)]
pub struct Link {
    rate: u64,
    unsent: Queue,
    unread: Queue,
    /// The octets on the wire and when they arrive.
    moving: Option<(Instant, usize)>,
    full: bool,
}

impl Link {
    /// An empty link that carries `rate` octets a second.
    pub fn new(rate: u64) -> Self {
        Self { rate: rate.max(1), unsent: Queue::default(), unread: Queue::default(), moving: None, full: false }
    }

    /// Octets a second.
    pub fn rate(&self) -> u64 {
        self.rate
    }

    /// Whether a write would be taken, in part at least.
    pub fn is_writable(&self) -> bool {
        !self.full
    }

    /// Whether there is something to read.
    pub fn is_readable(&self) -> bool {
        self.unread.len > 0
    }

    /// Takes what fits and gives how much that was; nothing if the link is not writable.
    pub fn write(&mut self, now: Instant, slices: &[IoSlice<'_>]) -> usize {
        let mut taken = 0;
        if self.full {
            return 0;
        }
        for slice in slices {
            let part = slice.len().min(UNSENT - self.unsent.len);
            self.unsent.push(Bytes::copy_from_slice(&slice[..part]));
            taken += part;
        }
        self.full = self.unsent.len == UNSENT;
        self.start(now);
        taken
    }

    /// Takes out at most `most` octets that have arrived.
    pub fn read(&mut self, now: Instant, most: usize) -> Bytes {
        let octets = self.unread.take(most);
        self.start(now);
        octets
    }

    /// Lets arrive what has arrived by `now`.
    pub fn advance(&mut self, now: Instant) {
        while let Some((at, octets)) = self.moving
            && at <= now
        {
            self.moving = None;
            let arrived = self.unsent.take(octets);
            self.unread.push(arrived);
            self.full &= self.unsent.len > UNSENT / 2;
            self.start(at);
        }
    }

    /// When something arrives next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.moving.map(|(at, _)| at)
    }

    /// About 20 ms of the wire at once.
    fn start(&mut self, now: Instant) {
        let quantum = usize::try_from(self.rate / 50).unwrap_or(usize::MAX).clamp(256, 16 * 1024);
        let octets = quantum.min(self.unsent.len).min(UNREAD - self.unread.len);
        if self.moving.is_none() && octets > 0 {
            let time = Duration::from_micros((octets as u64 * 1_000_000).div_ceil(self.rate));
            self.moving = Some((now + time, octets));
        }
    }
}

#[derive(Debug, Default)]
struct Queue {
    pieces: VecDeque<Bytes>,
    len: usize,
}

impl Queue {
    fn push(&mut self, octets: Bytes) {
        if !octets.is_empty() {
            self.len += octets.len();
            self.pieces.push_back(octets);
        }
    }

    fn take(&mut self, most: usize) -> Bytes {
        let mut wanted = most.min(self.len);
        self.len -= wanted;
        if let Some(first) = self.pieces.front_mut()
            && first.len() > wanted
        {
            return first.split_to(wanted);
        }
        let mut taken = Vec::with_capacity(wanted);
        while wanted > 0
            && let Some(mut piece) = self.pieces.pop_front()
        {
            let rest = piece.split_off(piece.len().min(wanted));
            wanted -= piece.len();
            taken.extend_from_slice(&piece);
            if !rest.is_empty() {
                self.pieces.push_front(rest);
            }
        }
        Bytes::from(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_carries_its_rate_and_no_more_than_its_buffers() {
        let start = crate::origin();
        let mut link = Link::new(100 * 1024);
        let data = vec![7; 1024 * 1024];
        let mut now = start;
        let mut written = 0;
        let mut read = 0;
        while read < data.len() {
            written += link.write(now, &[IoSlice::new(&data[written..])]);
            let Some(at) = link.poll_timeout() else { break };
            now = at;
            link.advance(now);
            assert!(written - read <= UNSENT + UNREAD);
            read += link.read(now, 5000).len();
        }
        let seconds = (now - start).as_secs_f64();
        assert!((9.9..10.4).contains(&seconds), "1 MiB at 100 KiB/s took {seconds} s");
    }
}
