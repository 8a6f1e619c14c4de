//! Whether somebody takes what is ordered in its name: who has proven nothing says a number back that it was sent (MSG-52).

use super::reach::Reach;
use hmac::{Hmac, KeyInit, Mac};
use rand::Rng;
use sha2::Sha256;
use std::time::{Duration, Instant};

/// For how long a number is good at least; at most for twice as long.
const AGE: Duration = Duration::from_secs(600);
/// The smallest number, and how many there are: all have ten digits.
const FIRST: u64 = 1_000_000_000;
const COUNT: u64 = 9_000_000_000;

/// Makes the numbers of a room, and knows them again without keeping any.
#[derive(Debug)]
pub(super) struct Consent {
    key: [u8; 32],
    began: Instant,
}

impl Consent {
    pub(super) fn new(now: Instant, rng: &mut impl Rng) -> Self {
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        Self { key, began: now }
    }

    /// What somebody is sent who is said to be there.
    pub(super) fn number(&self, now: Instant, reach: &Reach) -> u64 {
        self.number_of(self.period(now), reach)
    }

    /// Whether this was sent there, and not long ago.
    pub(super) fn is_number(&self, now: Instant, reach: &Reach, number: u64) -> bool {
        let period = self.period(now);
        (period.saturating_sub(1)..=period).any(|period| self.number_of(period, reach) == number)
    }

    fn number_of(&self, period: u64, reach: &Reach) -> u64 {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("a key of any length will do");
        let (transport, address) = reach.place();
        mac.update(format!("{period} {transport:?} {address} {}", reach.aor).as_bytes());
        let digest = mac.finalize().into_bytes();
        let most = digest.first_chunk().copied().map(u64::from_be_bytes).expect("32 octets");
        FIRST + most % COUNT
    }

    fn period(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.began).as_secs() / AGE.as_secs()
    }
}
