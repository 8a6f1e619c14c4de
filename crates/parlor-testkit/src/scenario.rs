//! Who joins, sends, stops reading and leaves, and when: made from a seed.

use crate::message::{Draft, Kind};
use crate::names::NAMES;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::time::Duration;

/// The rate below which a recipient may stall, in octets a second.
pub const FLOOR: u64 = 64 * 1024;

/// One step of a scenario.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// A member joins and binds its session.
    Join(usize),
    /// It leaves with BYE.
    Leave(usize),
    /// Its connection breaks.
    Vanish(usize),
    /// Its peer stops reading.
    Stop(usize),
    /// Its peer reads again.
    Resume(usize),
    /// It sends a message.
    Send(usize, Draft),
    /// It asks for a name, spelt somehow, or to have none.
    Name(usize, Option<usize>, usize),
}

/// One session of a participant to be.
#[derive(Clone, Copy, Debug)]
pub struct Cast {
    /// Its room.
    pub room: usize,
    /// Whose it is; a user may have several.
    pub user: usize,
    /// Its connection; several may share one.
    pub connection: usize,
    /// `a=max-size` of its offer.
    pub max_size: Option<u64>,
    /// It answers 413 to each so many-th message.
    pub refuses: Option<usize>,
}

/// Everything that is to happen.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it was made from.
    pub seed: u64,
    /// The limit of one outbox.
    pub outbox: usize,
    /// What may wait for all stalled recipients together.
    pub stalled_memory: usize,
    /// The largest message of each room.
    pub rooms: Vec<u64>,
    /// The rates of each connection, up and down.
    pub connections: Vec<(u64, u64)>,
    /// The sessions.
    pub cast: Vec<Cast>,
    /// The steps, in no order.
    pub actions: Vec<(Duration, Action)>,
}

impl Scenario {
    /// The scenario of a seed.
    pub fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let rooms = match rng.random_range(0..4) {
            0 => vec![256 * 1024, 4 << 20],
            1 => vec![256 * 1024],
            _ => vec![4 << 20],
        };
        let mut scenario = Self { rooms, ..Self::empty(seed) };
        if rng.random_bool(0.4) {
            scenario.outbox = rng.random_range(256 * 1024..1 << 20);
        }
        if rng.random_bool(0.2) {
            scenario.stalled_memory = rng.random_range(0..2 << 20);
        }
        for _ in 0..rng.random_range(3..10) {
            scenario.add_member(&mut rng);
        }
        let large = if rng.random_bool(0.2) { rng.random_range(4..12) } else { rng.random_range(0..4) };
        for _ in 0..rng.random_range(5..40) {
            scenario.add_message(&mut rng, false);
        }
        for _ in 0..large {
            scenario.add_message(&mut rng, true);
        }
        for _ in 0..rng.random_range(0..12) {
            scenario.add_name(&mut rng);
        }
        scenario
    }

    /// Nobody, and one room that takes large messages.
    pub fn empty(seed: u64) -> Self {
        Self {
            seed,
            outbox: 1 << 20,
            stalled_memory: 64 << 20,
            rooms: vec![64 << 20],
            connections: Vec::new(),
            cast: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// Whether no chunks come too early, and an outbox is large for what is said at once.
    pub fn is_roomy(&self) -> bool {
        let swapped = |action: &Action| matches!(action, Action::Send(_, draft) if draft.kind == Kind::Swapped);
        self.outbox >= 1 << 20 && !self.actions.iter().any(|(_, action)| swapped(action))
    }

    /// Adds a member on a connection of its own; gives which it is.
    pub fn add(&mut self, room: usize, rates: (u64, u64), joins_at: Duration) -> usize {
        self.connections.push(rates);
        let connection = self.connections.len() - 1;
        let user = self.cast.len();
        self.cast.push(Cast { room, user, connection, max_size: None, refuses: None });
        self.actions.push((joins_at, Action::Join(self.cast.len() - 1)));
        self.cast.len() - 1
    }

    /// Adds a step.
    pub fn at(&mut self, millis: u64, action: Action) {
        self.actions.push((Duration::from_millis(millis), action));
    }

    fn add_member(&mut self, rng: &mut StdRng) {
        let room = rng.random_range(0..self.rooms.len());
        let shared = (!self.connections.is_empty() && rng.random_bool(0.15))
            .then(|| rng.random_range(0..self.connections.len()));
        if shared.is_none() {
            let down = match rng.random_range(0..10) {
                0..6 => rng.random_range(1 << 20..8 << 20),
                6..8 => rng.random_range(FLOOR * 5 / 4..200 * 1024),
                _ => rng.random_range(4 * 1024..FLOOR * 3 / 4),
            };
            self.connections.push((rng.random_range(100 * 1024..4 << 20), down));
        }
        let member = self.cast.len();
        let second = member > 0 && rng.random_bool(0.2);
        self.cast.push(Cast {
            room,
            user: if second { self.cast[rng.random_range(0..member)].user } else { member },
            connection: shared.unwrap_or(self.connections.len() - 1),
            max_size: rng.random_bool(0.1).then(|| rng.random_range(20_000..200_000)),
            refuses: rng.random_bool(0.1).then(|| rng.random_range(1..5)),
        });
        let joins = if rng.random_bool(0.7) { 0 } else { rng.random_range(0..4000) };
        self.at(joins, Action::Join(member));
        if rng.random_bool(0.2) {
            self.at(joins + rng.random_range(100..12_000), Action::Leave(member));
        }
        if rng.random_bool(0.1) {
            self.at(joins + rng.random_range(100..12_000), Action::Vanish(member));
        }
        if rng.random_bool(0.2) {
            let stops = joins + rng.random_range(0..8000);
            self.at(stops, Action::Stop(member));
            if rng.random_bool(0.6) {
                self.at(stops + rng.random_range(100..30_000), Action::Resume(member));
            }
        }
    }

    fn add_name(&mut self, rng: &mut StdRng) {
        let member = rng.random_range(0..self.cast.len());
        let name = rng.random_bool(0.8).then(|| rng.random_range(0..NAMES));
        self.at(rng.random_range(500..15_000), Action::Name(member, name, rng.random_range(0..4)));
    }

    /// Whether all of a user's devices take whatever comes: what becomes of a private message depends on each.
    fn takes_all(&self, user: usize) -> bool {
        let mut devices = self.cast.iter().filter(|cast| cast.user == user);
        devices.all(|cast| cast.max_size.is_none() && cast.refuses.is_none())
    }

    fn add_message(&mut self, rng: &mut StdRng, large: bool) {
        let sender = rng.random_range(0..self.cast.len());
        let kind = match rng.random_range(0..20) {
            0 => Kind::Forged,
            1 => Kind::Aborted,
            2 => Kind::Stuck,
            3 => Kind::Swapped,
            _ => Kind::Plain,
        };
        let (payload, chunk) = match (large, rng.random_range(0..10)) {
            (false, 0) => (rng.random_range(0..3000), 300),
            (false, _) => (rng.random_range(0..3000), 4096),
            (true, 0) => (rng.random_range(10_000..60_000), rng.random_range(10..40)),
            (true, 1..4) => (rng.random_range(10_000..3 << 20), 4 << 20),
            (true, _) => (rng.random_range(10_000..1 << 20), rng.random_range(500..100_000)),
        };
        let chunk = if kind == Kind::Swapped { chunk.min(20_000) } else { chunk };
        let declared = rng.random_bool(0.5);
        let to = rng.random_bool(0.3).then(|| self.cast[rng.random_range(0..self.cast.len())].user);
        let draft = Draft { kind, payload, chunk, declared, to: to.filter(|user| self.takes_all(*user)) };
        self.at(rng.random_range(500..10_000), Action::Send(sender, draft));
    }
}
