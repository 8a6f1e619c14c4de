//! How often something happened lately, in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// The time over which it is counted: this one and what is left of the one before.
const PERIOD: Duration = Duration::from_secs(60);
/// Of how many it is remembered in each period. When there are more, the period ends early.
const REMEMBERED: usize = 16 * 1024;

/// Counts what each of many does.
#[derive(Debug)]
pub(super) struct Counts<K> {
    began: Instant,
    now: HashMap<K, u32>,
    before: HashMap<K, u32>,
}

impl<K: Eq + Hash> Counts<K> {
    /// Nothing yet.
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, now: HashMap::new(), before: HashMap::new() }
    }

    /// How often.
    pub(super) fn of(&mut self, now: Instant, who: &K) -> u32 {
        self.turn(now);
        self.sum(who)
    }

    /// Once more; how often that makes.
    pub(super) fn note(&mut self, now: Instant, who: K) -> u32 {
        self.turn(now);
        if self.now.len() >= REMEMBERED && !self.now.contains_key(&who) {
            self.begin(now);
        }
        let before = self.before.get(&who).copied().unwrap_or(0);
        let count = self.now.entry(who).or_default();
        *count = count.saturating_add(1);
        count.saturating_add(before)
    }

    fn sum(&self, who: &K) -> u32 {
        let of = |counts: &HashMap<_, _>| counts.get(who).copied().unwrap_or(0);
        of(&self.now).saturating_add(of(&self.before))
    }

    fn turn(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.began);
        if passed >= 2 * PERIOD {
            self.now.clear();
        }
        if passed >= PERIOD {
            self.begin(now);
        }
    }

    fn begin(&mut self, now: Instant) {
        self.before = std::mem::take(&mut self.now);
        self.began = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each has its own count, which begins anew after two minutes without anything.
    #[test]
    fn each_has_its_own_count() {
        let start = Instant::now();
        let mut counts = Counts::new(start);
        assert_eq!([(); 3].map(|()| counts.note(start, 1)), [1, 2, 3]);
        assert_eq!((counts.of(start, &1), counts.of(start, &2)), (3, 0));
        let later = start + PERIOD;
        assert_eq!(counts.of(later, &1), 3, "those of the minute before count");
        assert_eq!(counts.of(later + PERIOD, &1), 0);
        counts.note(later + PERIOD, 1);
        assert_eq!(counts.of(later + 5 * PERIOD, &1), 0);
        assert!(counts.before.is_empty() && counts.now.is_empty());
    }

    /// However many there are, what is remembered is bounded, and who was the last is remembered.
    #[test]
    fn memory_is_bounded() {
        let now = Instant::now();
        let mut counts = Counts::new(now);
        for number in 0..100_000 {
            assert_eq!(counts.note(now, number), 1);
            assert!(counts.now.len() + counts.before.len() <= 2 * REMEMBERED);
            assert_eq!(counts.of(now, &number), 1);
        }
    }
}
