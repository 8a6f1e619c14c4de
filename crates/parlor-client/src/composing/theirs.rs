//! Who else is writing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use parlor_cpim::Address;
use parlor_events::iscomposing::{IsComposing, State};

use crate::event::{Event, Header};

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

/// Who, and whether to us alone.
type Key = (String, bool);

#[derive(Debug)]
struct Active {
    who: Address,
    until: Instant,
}

impl Theirs {
    /// Takes in a status; what is new by it.
    pub(crate) fn handle_status(&mut self, now: Instant, header: &Header, status: &IsComposing) -> Option<Event> {
        let key = key(header);
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
                let event = Event::Composing { who: header.from.clone(), private: header.private, active: true };
                self.active.insert(key, Active { who: header.from.clone(), until });
                Some(event)
            }
        }
    }

    /// A message came; what is new by it.
    pub(crate) fn handle_content(&mut self, header: &Header) -> Option<Event> {
        // Most messages come while nobody writes.
        if self.active.is_empty() { None } else { self.end(&key(header)) }
    }

    /// Those of whom nothing was heard in time.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Vec<Event> {
        let over = self.active.extract_if(.., |_, active| active.until <= now);
        over.map(|((_, private), active)| Event::Composing { who: active.who, private, active: false }).collect()
    }

    /// When [`Theirs::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.active.values().map(|active| active.until).min()
    }

    fn end(&mut self, key: &Key) -> Option<Event> {
        let active = self.active.remove(key)?;
        Some(Event::Composing { who: active.who, private: key.1, active: false })
    }
}

fn key(header: &Header) -> Key {
    (header.from.uri.clone(), header.private)
}

/// No status holds longer, whatever it says.
const LONGEST: Duration = Duration::from_secs(600);
/// How many are told of at one time.
const MOST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn header(from: &str, private: bool) -> Header {
        Header {
            from: Address::new(from),
            to: Address::new("sip:lobby@a"),
            private,
            date_time: None,
            subject: None,
            content_type: "text/plain".to_owned(),
            file_name: None,
        }
    }

    fn status(state: State, refresh: Option<u32>) -> IsComposing {
        IsComposing { state, refresh, ..IsComposing::default() }
    }

    fn is(event: &Option<Event>, expected: bool) -> bool {
        matches!(event, Some(Event::Composing { active, .. }) if *active == expected)
    }

    /// EVT-103: told once, however often they say it; over by idle, by what they wrote, or by time.
    #[test]
    fn states_are_told_once() {
        let (mut theirs, now) = (Theirs::default(), Instant::now());
        let bob = header("sip:bob@b", false);
        let active = status(State::Active, None);
        assert!(is(&theirs.handle_status(now, &bob, &active), true));
        assert!(theirs.handle_status(now, &bob, &active).is_none());
        assert!(theirs.handle_content(&header("sip:bob@b", true)).is_none(), "another conversation");
        assert!(is(&theirs.handle_content(&bob), false));
        assert!(theirs.handle_content(&bob).is_none());
        assert!(theirs.handle_status(now, &bob, &status(State::Idle, None)).is_none());
        assert!(is(&theirs.handle_status(now, &bob, &active), true));
        assert!(is(&theirs.handle_status(now, &bob, &status(State::Idle, None)), false));
        assert_eq!(theirs.poll_timeout(), None);
    }

    /// EVT-103: the refresh that was told, else 120 s, and no longer than is sensible.
    #[test]
    fn time_runs_out() {
        for (refresh, holds) in [(None, 120), (Some(15), 15), (Some(4_000_000_000), 600)] {
            let (mut theirs, now) = (Theirs::default(), Instant::now());
            let bob = header("sip:bob@b", true);
            let later = now + Duration::from_secs(5);
            theirs.handle_status(now, &bob, &status(State::Active, refresh));
            theirs.handle_status(later, &bob, &status(State::Active, refresh));
            let due = theirs.poll_timeout().unwrap();
            assert_eq!(due - later, Duration::from_secs(holds));
            assert!(theirs.handle_timeout(due - Duration::from_millis(1)).is_empty());
            let over = theirs.handle_timeout(due);
            assert!(matches!(&over[..], [Event::Composing { private: true, active: false, .. }]), "{over:?}");
        }
    }

    #[test]
    fn many_are_bounded() {
        let (mut theirs, now) = (Theirs::default(), Instant::now());
        for n in 0..1000 {
            theirs.handle_status(now, &header(&format!("sip:{n}@a"), false), &status(State::Active, None));
        }
        assert_eq!(theirs.handle_timeout(now + LONGEST).len(), MOST);
    }
}
