//! Who else is writing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use parlor_cpim::Address;
use parlor_events::iscomposing::{IsComposing, State};

/// Those who are writing (RFC 3994 §3.3).
///
/// ```text
///            "active" / told
///   idle ────────────────────────▶ active ◀─┐
///    ▲                              │  └────┘ "active" again
///    └──────────────────────────────┘
///      "idle", content, refresh or 120 s over / told
/// ```
#[derive(Debug, Default)]
pub(crate) struct Theirs {
    active: BTreeMap<Key, Active>,
}

/// Somebody who writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writer<'a> {
    pub(crate) from: &'a Address,
    /// For whom, as they say: nobody else can begin or end it.
    pub(crate) author: Option<&'a Address>,
    /// Whether to us alone.
    pub(crate) private: bool,
}

/// Somebody has begun to write, or does so no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) from: Address,
    pub(crate) author: Option<Address>,
    pub(crate) private: bool,
    pub(crate) active: bool,
}

/// The URIs of a [`Writer`], and whether to us alone.
type Key = (String, Option<String>, bool);

#[derive(Debug)]
struct Active {
    from: Address,
    author: Option<Address>,
    until: Instant,
}

impl Theirs {
    /// Takes in a status; what is new by it.
    pub(crate) fn handle_status(&mut self, now: Instant, writer: Writer<'_>, status: &IsComposing) -> Option<News> {
        let key = writer.key();
        match status.state {
            State::Idle => self.end(&key),
            State::Active => {
                let until = now + status.holds().min(LONGEST);
                if let Some(active) = self.active.get_mut(&key) {
                    active.until = until;
                    return None;
                }
                if self.active.len() >= MOST {
                    return None;
                }
                let active = Active { from: writer.from.clone(), author: writer.author.cloned(), until };
                let news = active.news(&key, true);
                self.active.insert(key, active);
                Some(news)
            }
        }
    }

    /// A message came; what is new by it.
    pub(crate) fn handle_content(&mut self, writer: Writer<'_>) -> Option<News> {
        // Most messages come while nobody writes.
        if self.active.is_empty() { None } else { self.end(&writer.key()) }
    }

    /// Those of whom nothing was heard in time.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Vec<News> {
        let over = self.active.extract_if(.., |_, active| active.until <= now);
        over.map(|(key, active)| active.news(&key, false)).collect()
    }

    /// When [`Theirs::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.active.values().map(|active| active.until).min()
    }

    fn end(&mut self, key: &Key) -> Option<News> {
        self.active.remove(key).map(|active| active.news(key, false))
    }
}

impl Writer<'_> {
    fn key(&self) -> Key {
        (self.from.uri.clone(), self.author.map(|author| author.uri.clone()), self.private)
    }
}

impl Active {
    fn news(&self, (_, _, private): &Key, active: bool) -> News {
        News { from: self.from.clone(), author: self.author.clone(), private: *private, active }
    }
}

/// No status holds longer, whatever it says.
const LONGEST: Duration = Duration::from_secs(600);
/// How many are told of at one time.
const MOST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: State, refresh: Option<u32>) -> IsComposing {
        IsComposing { state, refresh, ..IsComposing::default() }
    }

    fn to(from: &Address, private: bool) -> Writer<'_> {
        Writer { from, author: None, private }
    }

    fn is(news: &Option<News>, expected: bool) -> bool {
        matches!(news, Some(News { active, .. }) if *active == expected)
    }

    /// EVT-103: told once, however often they say it; over by idle, by what they wrote, or by time.
    #[test]
    fn states_are_told_once() {
        let (mut theirs, now) = (Theirs::default(), Instant::now());
        let bob = Address::new("sip:bob@b");
        let active = status(State::Active, None);
        assert!(is(&theirs.handle_status(now, to(&bob, false), &active), true));
        assert!(theirs.handle_status(now, to(&bob, false), &active).is_none());
        assert!(theirs.handle_content(to(&bob, true)).is_none(), "another conversation");
        assert!(is(&theirs.handle_content(to(&bob, false)), false));
        assert!(theirs.handle_content(to(&bob, false)).is_none());
        assert!(theirs.handle_status(now, to(&bob, false), &status(State::Idle, None)).is_none());
        assert!(is(&theirs.handle_status(now, to(&bob, false), &active), true));
        assert!(is(&theirs.handle_status(now, to(&bob, false), &status(State::Idle, None)), false));
        assert_eq!(theirs.poll_timeout(), None);
    }

    /// EVT-103: the refresh that was told, else 120 s, and no longer than is sensible.
    #[test]
    fn time_runs_out() {
        for (refresh, holds) in [(None, 120), (Some(15), 15), (Some(4_000_000_000), 600)] {
            let (mut theirs, now) = (Theirs::default(), Instant::now());
            let bob = Address::new("sip:bob@b");
            let later = now + Duration::from_secs(5);
            theirs.handle_status(now, to(&bob, true), &status(State::Active, refresh));
            theirs.handle_status(later, to(&bob, true), &status(State::Active, refresh));
            let due = theirs.poll_timeout().unwrap();
            assert_eq!(due - later, Duration::from_secs(holds));
            assert!(theirs.handle_timeout(due - Duration::from_millis(1)).is_empty());
            let over = theirs.handle_timeout(due);
            assert!(matches!(&over[..], [News { private: true, active: false, .. }]), "{over:?}");
        }
    }

    #[test]
    fn many_are_bounded() {
        let (mut theirs, now) = (Theirs::default(), Instant::now());
        for n in 0..1000 {
            theirs.handle_status(now, to(&Address::new(format!("sip:{n}@a")), false), &status(State::Active, None));
        }
        assert_eq!(theirs.handle_timeout(now + LONGEST).len(), MOST);
    }
}
