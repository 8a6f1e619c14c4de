//! How many wrong passwords came from where, and whose are looked at all the same.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::counts::Counts;
use crate::addresses::network_of;

/// For how long it is remembered at the least who knew a password: longer than anybody goes without a refresh.
const REMEMBERED_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// How many of them, at how many ports, are remembered of each such time. When there are more, it ends early.
const REMEMBERED: usize = 16 * 1024;

/// Limits how fast passwords can be guessed. Behind one address there may be many, so who has known its password there goes
/// on: it has a count of its own. It has one more at its own port, where no neighbour can spend it.
#[derive(Debug)]
pub(super) struct Failures {
    limit: u32,
    of_networks: Counts<IpAddr>,
    of_known: Counts<Known>,
    known: Remembered,
}

/// Who has shown that it knows a password, and where.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Known {
    place: Place,
    name: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    Port(SocketAddr),
    Network(IpAddr),
}

impl Failures {
    /// None yet; from each address there may be so many a minute. One name is known in a network at so many ports, those that were
    /// used last: whoever opens stream after stream takes no place of others.
    pub(super) fn new(now: Instant, limit: u32, ports: usize) -> Self {
        Self {
            limit,
            of_networks: Counts::new(now),
            of_known: Counts::new(now),
            known: Remembered { ports, began: now, now: Time::default(), before: Time::default() },
        }
    }

    /// Whether no password that comes from there under that name is to be looked at.
    pub(super) fn are_too_many(&mut self, now: Instant, from: SocketAddr, name: &str) -> bool {
        if self.of_networks.of(now, &network_of(from.ip())) < self.limit {
            return false;
        }
        let mut known = self.known.places(from, name).into_iter();
        known.all(|known| self.of_known.of(now, &known) >= self.limit)
    }

    /// A wrong one; whether it is the last that there may be of that address.
    pub(super) fn note_wrong(&mut self, now: Instant, from: SocketAddr, name: &str) -> bool {
        if let Some(known) = self.known.places(from, name).into_iter().next() {
            self.of_known.note(now, known);
        }
        self.of_networks.note(now, network_of(from.ip())) == self.limit
    }

    /// A right one.
    pub(super) fn note_right(&mut self, now: Instant, from: SocketAddr, name: &str) {
        self.known.remember(now, from, name);
    }
}

/// Those of the time that runs and of the one before.
#[derive(Debug)]
struct Remembered {
    ports: usize,
    began: Instant,
    now: Time,
    before: Time,
}

/// Whose password was shown in which network, and at which ports there.
#[derive(Debug, Default)]
struct Time {
    known: HashMap<(IpAddr, Box<str>), VecDeque<SocketAddr>>,
    ports: usize,
}

impl Remembered {
    /// Where somebody is known that sends from there, the narrowest place first.
    fn places(&self, from: SocketAddr, name: &str) -> Vec<Known> {
        let network = network_of(from.ip());
        let key = (network, Box::from(name));
        let ports: Vec<_> = [&self.now, &self.before].into_iter().filter_map(|time| time.known.get(&key)).collect();
        let port = ports.iter().any(|ports| ports.contains(&from)).then_some(Place::Port(from));
        let network = (!ports.is_empty()).then_some(Place::Network(network));
        port.into_iter().chain(network).map(|place| Known { place, name: name.into() }).collect()
    }

    fn remember(&mut self, now: Instant, from: SocketAddr, name: &str) {
        let key = (network_of(from.ip()), Box::from(name));
        let is_over = now.saturating_duration_since(self.began) >= REMEMBERED_FOR;
        if is_over || self.now.ports >= REMEMBERED {
            self.before = std::mem::take(&mut self.now);
            self.began = now;
        }
        let ports = self.now.known.entry(key).or_default();
        let before = ports.len();
        ports.retain(|port| *port != from);
        ports.push_back(from);
        if ports.len() > self.ports {
            ports.pop_front();
        }
        self.now.ports += ports.len() - before;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u32 = 3;

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    fn guess(failures: &mut Failures, now: Instant, from: SocketAddr, name: &str) -> u32 {
        let tried = (0..10 * LIMIT).take_while(|_| {
            let looked_at = !failures.are_too_many(now, from, name);
            if looked_at {
                failures.note_wrong(now, from, name);
            }
            looked_at
        });
        u32::try_from(tried.count()).expect("few")
    }

    /// An address has so many a minute, whatever names and ports they come under; others have their own.
    #[test]
    fn an_address_has_one_count() {
        let (now, mut failures) = (Instant::now(), Failures::new(Instant::now(), LIMIT, 8));
        let reached = [1, 2, 3, 4].map(|port| failures.note_wrong(now, (at("192.0.2.1:1").ip(), port).into(), "alice"));
        assert_eq!(reached, [false, false, true, false]);
        for name in ["alice", "bob"] {
            assert!(failures.are_too_many(now, at("192.0.2.1:9"), name), "{name}");
            assert!(!failures.are_too_many(now, at("192.0.2.2:9"), name), "{name}");
        }
        assert!(!failures.are_too_many(now + Duration::from_secs(180), at("192.0.2.1:9"), "alice"));
    }

    /// Whoever guesses behind one's address: who has known its password there is looked at, at its own port even when its
    /// own password is what is guessed. The guesser has so many tries more of each whom it shares the address with, and no
    /// end of them for nobody.
    #[test]
    fn who_is_known_does_not_suffer_for_neighbours() {
        let (now, mut failures) = (Instant::now(), Failures::new(Instant::now(), LIMIT, 8));
        let (alice, neighbour) = (at("192.0.2.1:5060"), at("192.0.2.1:40000"));
        failures.note_right(now, alice, "alice");
        assert_eq!(guess(&mut failures, now, neighbour, "bob"), LIMIT);
        assert!(!failures.are_too_many(now, alice, "alice"));
        assert!(!failures.are_too_many(now, at("192.0.2.1:5062"), "alice"), "nor at another port");
        assert_eq!(guess(&mut failures, now, neighbour, "alice"), LIMIT);
        assert!(failures.are_too_many(now, at("192.0.2.1:5062"), "alice"));
        assert!(!failures.are_too_many(now, alice, "alice"), "her own port is hers");
        assert_eq!(guess(&mut failures, now, alice, "bob"), 0);
        assert_eq!(guess(&mut failures, now, alice, "alice"), LIMIT, "nor may she guess for ever");
    }

    /// Whoever opens stream after stream, and shows its password on each, has no other forgotten.
    #[test]
    fn many_ports_of_one_displace_nobody() {
        let (now, mut failures) = (Instant::now(), Failures::new(Instant::now(), LIMIT, 8));
        failures.note_right(now, at("192.0.2.1:5060"), "alice");
        for port in 1..=60_000 {
            failures.note_right(now, (at("192.0.2.1:1").ip(), port).into(), "mallory");
        }
        assert_eq!(guess(&mut failures, now, at("192.0.2.1:60001"), "mallory"), LIMIT);
        assert!(!failures.are_too_many(now, at("192.0.2.1:5060"), "alice"));
        assert_eq!(guess(&mut failures, now, at("192.0.2.1:60001"), "alice"), LIMIT, "only those of the network");
        assert!(!failures.are_too_many(now, at("192.0.2.1:5060"), "alice"), "her own port is hers");
    }

    /// However many are known, memory is bounded, and who was known last still is.
    #[test]
    fn memory_is_bounded() {
        let (now, mut failures) = (Instant::now(), Failures::new(Instant::now(), 1, 8));
        for port in 0..60_000 {
            failures.note_right(now, at("192.0.2.1:5060"), &format!("user{port}"));
            failures.note_right(now, (at("192.0.2.1:1").ip(), port).into(), "alice");
        }
        assert!(failures.known.now.ports <= REMEMBERED && failures.known.before.ports <= REMEMBERED);
        failures.note_wrong(now, at("192.0.2.1:60001"), "bob");
        assert!(!failures.are_too_many(now, at("192.0.2.1:59999"), "alice"));
        let later = now + 3 * REMEMBERED_FOR;
        failures.note_right(later, at("192.0.2.1:2"), "bob");
        failures.note_right(later + REMEMBERED_FOR, at("192.0.2.1:2"), "bob");
        failures.note_wrong(later + REMEMBERED_FOR, at("192.0.2.1:60001"), "carol");
        assert!(failures.are_too_many(later + REMEMBERED_FOR, at("192.0.2.1:59999"), "alice"), "a day or two are over");
    }
}
