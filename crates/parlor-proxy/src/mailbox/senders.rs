//! How much of what is kept one sender may fill (MSG-53), so that it leaves space to others.

use super::Amount;
use parlor_room::Hosts;
use parlor_sip::Request;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// One sender has this part of what may be kept in all, but at least so many messages and octets.
const PARTS: u64 = 10;
const LEAST: Amount = Amount { messages: 8, octets: 64 * 1024 };
/// How many senders are told apart; all others are one.
const KNOWN: usize = 16 * 1024;

/// What senders have had kept lately. It is given back by and by: all of it in the time for which messages are kept.
#[derive(Debug, Default)]
pub(super) struct Senders(HashMap<Box<str>, Used>);

#[derive(Debug)]
struct Used {
    messages: f64,
    octets: f64,
    at: Instant,
}

/// What all senders together may fill, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Space {
    pub(super) messages: u64,
    pub(super) octets: u64,
    pub(super) keep_for: Duration,
}

/// Who sends a message, as far as it is counted: each of our users and each other domain is one.
pub(super) fn sender(request: &Request, hosts: &Hosts) -> Box<str> {
    let from = request.headers.from().map(|from| from.uri);
    match from {
        Ok(uri) if uri.host().is_none_or(|host| hosts.contains(host)) => uri.user_key(),
        Ok(uri) => uri.host().unwrap_or_default().to_ascii_lowercase().into(),
        Err(_) => Box::default(),
    }
}

impl Senders {
    /// Counts a message; whether its sender may have it kept.
    pub(super) fn take(&mut self, now: Instant, sender: &str, amount: Amount, space: Space) -> bool {
        if !self.0.contains_key(sender) && self.0.len() >= KNOWN {
            self.0.retain(|_, used| used.settle(now, space) > 0.0);
        }
        let sender = if self.0.contains_key(sender) || self.0.len() < KNOWN { sender } else { "" };
        let used = self.0.entry(sender.into()).or_insert(Used { messages: 0.0, octets: 0.0, at: now });
        used.settle(now, space);
        let (messages, octets) = (used.messages + amount.messages as f64, used.octets + amount.octets as f64);
        let part = space.part();
        if messages > part.0 || octets > part.1 {
            return false;
        }
        (used.messages, used.octets) = (messages, octets);
        true
    }
}

impl Used {
    /// Gives back what may be by now, and tells what remains.
    fn settle(&mut self, now: Instant, space: Space) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64() / space.keep_for.as_secs_f64().max(1.0);
        self.at = now;
        let part = space.part();
        self.messages = (self.messages - passed * part.0).max(0.0);
        self.octets = (self.octets - passed * part.1).max(0.0);
        self.messages
    }
}

impl Space {
    /// Messages and octets of one sender.
    fn part(&self) -> (f64, f64) {
        let (messages, octets) = (self.messages / PARTS, self.octets / PARTS);
        (messages.max(LEAST.messages) as f64, octets.max(LEAST.octets) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: Space = Space { messages: 100, octets: 10_000_000, keep_for: Duration::from_secs(1000) };

    /// One sender has a tenth of all, in number and octets, and gets it back in the time for which messages are kept.
    #[test]
    fn one_sender_has_a_part() {
        let (mut senders, t) = (Senders::default(), crate::tests::start());
        let mut take = |at, sender: &str, octets| senders.take(at, sender, Amount { messages: 1, octets }, SPACE);
        assert_eq!((0..20).filter(|_| take(t, "eve", 1)).count(), 10);
        assert!(take(t, "alice", 900_000) && !take(t, "alice", 100_001) && take(t, "alice", 100_000));
        let later = t + Duration::from_secs(200);
        assert_eq!((0..20).filter(|_| take(later, "eve", 1)).count(), 2);
        assert!(take(later, "alice", 200_000) && !take(later, "alice", 1));
    }

    /// However many names a sender has, they are counted in bounded space.
    #[test]
    fn names_without_end_are_one() {
        let (mut senders, t) = (Senders::default(), crate::tests::start());
        let one = Amount { messages: 1, octets: 1 };
        let taken = (0..KNOWN + 100).filter(|n| senders.take(t, &format!("{n}.example"), one, SPACE)).count();
        assert_eq!((taken, senders.0.len()), (KNOWN + 10, KNOWN + 1));
    }
}
