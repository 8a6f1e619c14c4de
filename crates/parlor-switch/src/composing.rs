//! Who is writing (RFC 3994): an indication that tells its recipients what they know already goes to none of them.

use parlor_events::Limits;
use parlor_events::iscomposing::{IsComposing, State};
use parlor_room::ParticipantId;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A larger indication is passed on without a look.
const LARGEST: usize = 1024;
/// From so many recipients on an indication costs enough to be spared for longer.
const MANY: usize = 50;
/// The same state is told again after this time (EVT-107).
const SHORT: Duration = Duration::from_secs(1);
/// To many it is told again after half the time for which it holds, so that nobody is left without it, and after this time at
/// the latest, as some may have come since.
const LONG: Duration = Duration::from_secs(30);
/// How many senders' states are remembered.
const KEPT: usize = 4096;

/// Who tells whom: `to` is a participant, or the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Between {
    pub(crate) from: ParticipantId,
    pub(crate) to: Option<ParticipantId>,
}

/// What was told last.
#[derive(Clone, Copy, Debug)]
struct Told {
    state: State,
    holds: Duration,
    at: Instant,
}

/// The indications that were passed on lately. Of several devices of one user the last counts, as recipients know the user.
#[derive(Debug, Default)]
pub(crate) struct Composing(BTreeMap<Between, Told>);

impl Composing {
    /// Whether so many recipients know already what this indication says. If not, they do from now on.
    pub(crate) fn is_known(&mut self, now: Instant, between: Between, content: &[u8], recipients: usize) -> bool {
        let limits = Limits { bytes: LARGEST, ..Limits::default() };
        let Ok(said) = IsComposing::read(content, &limits) else { return false };
        let saying = Told { state: said.state, holds: said.holds(), at: now };
        let known = self.0.get(&between).is_some_and(|told| told.covers(&saying, recipients));
        if !known {
            self.make_space(now);
            self.0.insert(between, saying);
        }
        known
    }

    /// RFC 3994 §3.3: whoever receives what was written takes its sender for idle, so that the next indication tells
    /// something new.
    pub(crate) fn written(&mut self, between: Between) {
        self.0.remove(&between);
    }

    fn make_space(&mut self, now: Instant) {
        if self.0.len() >= KEPT {
            self.0.retain(|_, told| now < told.at + LONG);
        }
        // Too many to remember them all: what is told twice costs more, and does no harm.
        if self.0.len() >= KEPT {
            self.0.clear();
        }
    }
}

impl Told {
    fn covers(&self, saying: &Self, recipients: usize) -> bool {
        let wait = if recipients < MANY { SHORT } else { (self.holds / 2).clamp(SHORT, LONG) };
        self.state == saying.state && self.holds == saying.holds && saying.at < self.at + wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Between = Between { from: ParticipantId(1), to: None };

    fn indication(state: &str, refresh: &str) -> String {
        format!(
            "<isComposing xmlns='urn:ietf:params:xml:ns:im-iscomposing'><state>{state}</state>{refresh}</isComposing>"
        )
    }

    /// EVT-107: which of the indications at these milliseconds say something new.
    fn new(recipients: usize, said: &[(u64, &str, &str)]) -> Vec<u64> {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
        let start = Instant::now();
        let mut composing = Composing::default();
        let is_new = |(at, state, refresh): &&(u64, &str, &str)| {
            let now = start + Duration::from_millis(*at);
            !composing.is_known(now, ROOM, indication(state, refresh).as_bytes(), recipients)
        };
        said.iter().filter(is_new).map(|(at, ..)| *at).collect()
    }

    /// RFC 3994 §3.2, §3.3: a change is told at once and the same again within the time for which it holds.
    #[test]
    fn what_is_known_is_not_told_again() {
        let (active, idle) = ("active", "idle");
        let each_second: Vec<(u64, &str, &str)> =
            (0..100).map(|n| (n * 1000, active, "<refresh>60</refresh>")).collect();
        assert_eq!(new(1000, &each_second), [0, 30_000, 60_000, 90_000]);
        assert_eq!(new(10, &each_second).len(), 100);
        let keystrokes: Vec<(u64, &str, &str)> = (0..100).map(|n| (n * 100, active, "")).collect();
        assert_eq!(new(10, &keystrokes).len(), 10);
        assert_eq!(new(1000, &keystrokes), [0]);
        let changing =
            [(0, active, ""), (10, idle, ""), (20, active, ""), (30, active, ""), (40, idle, ""), (50, idle, "")];
        assert_eq!(new(1000, &changing), [0, 10, 20, 40]);
        let longer = [(0, active, "<refresh>10</refresh>"), (10, active, "<refresh>100</refresh>"), (6000, active, "")];
        assert_eq!(new(1000, &longer), [0, 10, 6000]);
        let tiny: Vec<(u64, &str, &str)> = (0..4).map(|n| (n * 600, active, "<refresh>1</refresh>")).collect();
        assert_eq!(new(1000, &tiny), [0, 1200]);
    }

    /// What cannot be read, or is too large to be looked at, is passed on; what was written makes the next one new.
    #[test]
    fn what_is_passed_on_anyhow() {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
        let now = Instant::now();
        let mut composing = Composing::default();
        let large = indication("active", &format!("<contenttype>{}</contenttype>", "x".repeat(LARGEST)));
        for content in ["", "<x/>", "typing", large.as_str()] {
            assert!(!composing.is_known(now, ROOM, content.as_bytes(), 1000));
            assert!(!composing.is_known(now, ROOM, content.as_bytes(), 1000), "{content}");
        }
        let active = indication("active", "");
        assert!(!composing.is_known(now, ROOM, active.as_bytes(), 1000));
        assert!(composing.is_known(now, ROOM, active.as_bytes(), 1000));
        let private = Between { to: Some(ParticipantId(2)), ..ROOM };
        assert!(!composing.is_known(now, private, active.as_bytes(), 1000), "told to somebody else");
        composing.written(ROOM);
        assert!(!composing.is_known(now, ROOM, active.as_bytes(), 1000));
    }

    #[test]
    fn not_everybody_is_remembered() {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
        let now = Instant::now();
        let mut composing = Composing::default();
        for n in 0..3 * KEPT as u64 {
            let between = Between { from: ParticipantId(n), to: None };
            composing.is_known(now, between, indication("active", "").as_bytes(), 1000);
        }
        assert!(composing.0.len() <= KEPT);
    }
}
