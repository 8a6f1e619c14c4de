//! Nonces that carry their own age, and which uses of them were seen (SIP-124).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use rand::Rng;
use sha2::Sha256;

use super::algorithm::{hex, unhex};

/// Makes nonces and knows them again. A nonce is a number, its time and a MAC over both and over the address it was made
/// for, so that nothing need be kept of those that nobody uses.
#[derive(Debug)]
pub(super) struct Nonces {
    key: [u8; 32],
    began: Instant,
    age: Duration,
    next: u64,
    /// Those that were used, by number; the oldest first.
    used: BTreeMap<u64, Uses>,
    capacity: usize,
    /// Those below are used no more: what is known of their uses was forgotten.
    floor: u64,
}

/// The uses of one nonce.
#[derive(Clone, Copy, Debug, Default)]
struct Uses {
    highest: u32,
    /// Of the counts up to the highest: bit n is `highest - n`.
    seen: u64,
}

/// What a nonce in credentials is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Ours, and young enough.
    Fresh(u64),
    /// Ours, but too old.
    Expired,
    /// Not ours: made up, made for another address, or before a restart.
    Foreign,
}

/// The octets of number, time and MAC.
const LENGTHS: [usize; 3] = [8, 8, 16];
/// How far behind the highest count one may come that was overtaken.
const WINDOW: u32 = 64;

impl Nonces {
    pub(super) fn new(now: Instant, age: Duration, capacity: usize, rng: &mut impl Rng) -> Self {
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        Self { key, began: now, age, next: 1, used: BTreeMap::new(), capacity, floor: 0 }
    }

    /// A nonce for this address.
    pub(super) fn issue(&mut self, now: Instant, peer: &[u8]) -> String {
        let number = self.next;
        self.next += 1;
        let time = self.millis(now);
        let mac = self.mac(number, time, peer);
        hex(&[&number.to_be_bytes()[..], &time.to_be_bytes(), &mac[..LENGTHS[2]]].concat())
    }

    /// What a nonce is that somebody at this address uses.
    pub(super) fn state(&self, now: Instant, peer: &[u8], nonce: &str) -> State {
        let Some((number, time)) = self.read(peer, nonce) else { return State::Foreign };
        let old = self.millis(now).saturating_sub(time) > u64::try_from(self.age.as_millis()).unwrap_or(u64::MAX);
        if old || number < self.floor { State::Expired } else { State::Fresh(number) }
    }

    /// Notes a use of a nonce that is [`State::Fresh`]; `false` if there was one with that count. Only who has proven
    /// to know a password comes here, so that others cannot fill what is kept.
    pub(super) fn note(&mut self, number: u64, nc: u32) -> bool {
        if !self.used.contains_key(&number) && self.used.len() >= self.capacity {
            self.forget_oldest();
        }
        number >= self.floor && self.used.entry(number).or_default().note(nc)
    }

    fn forget_oldest(&mut self) {
        if let Some((oldest, _)) = self.used.pop_first() {
            self.floor = oldest + 1;
        }
    }

    fn read(&self, peer: &[u8], nonce: &str) -> Option<(u64, u64)> {
        let octets = unhex(nonce).filter(|octets| octets.len() == LENGTHS.iter().sum::<usize>())?;
        let (number, rest) = octets.split_first_chunk()?;
        let (time, mac) = rest.split_first_chunk()?;
        let (number, time) = (u64::from_be_bytes(*number), u64::from_be_bytes(*time));
        let own = self.mac(number, time, peer);
        let ours = bool::from(subtle::ConstantTimeEq::ct_eq(&own[..LENGTHS[2]], mac));
        ours.then_some((number, time))
    }

    fn mac(&self, number: u64, time: u64, peer: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("a key of any length will do");
        mac.update(&number.to_be_bytes());
        mac.update(&time.to_be_bytes());
        mac.update(peer);
        mac.finalize().into_bytes().into()
    }

    fn millis(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.began).as_millis()).unwrap_or(u64::MAX)
    }
}

impl Uses {
    /// RFC 7616 §5.5: each count once. Requests may overtake each other, so that they need not come in order.
    fn note(&mut self, nc: u32) -> bool {
        if nc > self.highest {
            self.seen = self.seen.checked_shl(nc - self.highest).unwrap_or(0) | 1;
            self.highest = nc;
            return true;
        }
        let behind = self.highest - nc;
        let new = nc > 0 && behind < WINDOW && self.seen & (1 << behind) == 0;
        if new {
            self.seen |= 1 << behind;
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    const AGE: Duration = Duration::from_secs(60);

    #[allow(clippy::disallowed_methods, reason = "any instant will do as the beginning of time")]
    fn nonces(capacity: usize) -> (Nonces, Instant) {
        let now = Instant::now();
        (Nonces::new(now, AGE, capacity, &mut StdRng::seed_from_u64(1)), now)
    }

    fn number(nonces: &Nonces, now: Instant, nonce: &str) -> u64 {
        match nonces.state(now, b"peer", nonce) {
            State::Fresh(number) => number,
            other => panic!("{other:?}"),
        }
    }

    /// SIP-124: a nonce is good for its age and for the address it was made for; nobody can make or change one.
    #[test]
    fn nonces_age_and_cannot_be_made_up() {
        let (mut nonces, now) = nonces(10);
        let nonce = nonces.issue(now, b"peer");
        assert!(matches!(nonces.state(now + AGE, b"peer", &nonce), State::Fresh(_)));
        assert_eq!(nonces.state(now + AGE + Duration::from_millis(1), b"peer", &nonce), State::Expired);
        assert_eq!(nonces.state(now, b"other", &nonce), State::Foreign);
        for at in 0..nonce.len() {
            let mut changed = nonce.clone().into_bytes();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(nonces.state(now, b"peer", &changed), State::Foreign, "{changed}");
        }
        for none in ["", "x", &nonce[1..], &format!("{nonce}00"), "é", &"é".repeat(32)] {
            assert_eq!(nonces.state(now, b"peer", none), State::Foreign, "{none}");
        }
        assert_ne!(nonces.issue(now, b"peer"), nonce);
    }

    /// RFC 7616 §5.5: each count counts once, in any order within the window, and never when it is behind it.
    #[test]
    fn each_count_is_used_once() {
        let (mut nonces, now) = nonces(10);
        let number = {
            let nonce = nonces.issue(now, b"peer");
            number(&nonces, now, &nonce)
        };
        for (nc, new) in [
            (0, false),
            (1, true),
            (1, false),
            (3, true),
            (2, true),
            (2, false),
            (66, true),
            (3, false),
            (4, true),
            (2, false),
            (1000, true),
            (66, false),
            (u32::MAX, true),
            (u32::MAX, false),
            (u32::MAX - 63, true),
            (u32::MAX - 64, false),
        ] {
            assert_eq!(nonces.note(number, nc), new, "{nc}");
        }
    }

    /// As many nonces are remembered as may be, and of one that is forgotten no count is good again.
    #[test]
    fn a_nonce_that_is_forgotten_is_used_no_more() {
        let (mut nonces, now) = nonces(3);
        let all: Vec<_> = (0..5).map(|_| nonces.issue(now, b"peer")).collect();
        for nonce in &all[..4] {
            let number = number(&nonces, now, nonce);
            assert!(nonces.note(number, 1));
        }
        assert_eq!(nonces.used.len(), 3);
        assert_eq!(nonces.state(now, b"peer", &all[0]), State::Expired);
        for nonce in &all[1..4] {
            let number = number(&nonces, now, nonce);
            assert!(!nonces.note(number, 1), "remembered");
            assert!(nonces.note(number, 2));
        }
        let last = number(&nonces, now, &all[4]);
        assert!(nonces.note(last, 1));
    }
}
