//! Everything together, on a virtual clock.

use crate::connection::Connection;
use crate::member::{Member, Status};
use crate::message::{Draft, Ends, Message, binding, naming, user_uri};
use crate::model::Model;
use crate::names::{Wish, spelt};
use crate::peer::Peer;
use crate::room::{Around, RoomTask, Table};
use crate::scenario::{Action, FLOOR, Scenario};
use crate::sip::Transactions;
use parlor_msrp::Flag;
use parlor_switch::{OutboxLimits, Scratch, StalledMemory};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::collections::BTreeMap;
use std::io::IoSlice;
use std::time::{Duration, Instant};

/// How long after the last step a run goes on: longer than the chunk timer (CHAT-62), shorter than any session timer.
const AFTERWARDS: Duration = Duration::from_secs(700);

/// One run.
#[derive(Debug)]
pub struct World {
    pub(crate) now: Instant,
    pub(crate) start: Instant,
    rng: StdRng,
    pub(crate) scenario: Scenario,
    pub(crate) limits: OutboxLimits,
    pub(crate) stalled: StalledMemory,
    pub(crate) rooms: Vec<RoomTask>,
    pub(crate) connections: Vec<Option<(Connection, Peer)>>,
    pub(crate) members: Vec<Member>,
    pub(crate) model: Model,
    table: Table,
    transactions: Transactions,
    scratch: Scratch,
    actions: BTreeMap<(Instant, usize), Action>,
}

/// What could happen now.
#[derive(Clone, Copy, Debug)]
enum Task {
    Room(usize),
    Timer(usize),
    Reader(usize),
    Writer(usize),
    PeerReads(usize),
    PeerWrites(usize),
}

impl World {
    /// The world at the beginning of a scenario.
    pub fn new(scenario: Scenario) -> Self {
        let start = crate::origin();
        let limits = OutboxLimits { bytes: scenario.outbox, floor: FLOOR, ..OutboxLimits::default() };
        let rooms = scenario.rooms.iter().enumerate();
        let cast = scenario.cast.iter().enumerate();
        let actions = scenario.actions.iter().enumerate();
        Self {
            now: start,
            start,
            rng: StdRng::seed_from_u64(!scenario.seed),
            limits,
            stalled: StalledMemory::new(scenario.stalled_memory),
            rooms: rooms.map(|(index, most)| RoomTask::new(index, *most, &limits, scenario.seed)).collect(),
            connections: scenario.connections.iter().map(|_| None).collect(),
            members: cast.map(|(index, cast)| Member::new(index, cast)).collect(),
            model: Model::new(scenario.is_roomy(), scenario.cast.iter().map(|cast| cast.user).collect()),
            table: Table::new(),
            transactions: Transactions::new(),
            scratch: Scratch::default(),
            actions: actions.map(|(i, (at, action))| ((start + *at, i), *action)).collect(),
            scenario,
        }
    }

    /// Plays the scenario to its end and on until nothing is left to happen.
    pub fn run(&mut self) {
        let last = self.actions.last_key_value().map_or(self.start, |((at, _), _)| *at);
        self.run_until(last + AFTERWARDS);
    }

    /// Plays on until some time.
    pub fn run_until(&mut self, end: Instant) {
        while let Some(at) = self.next_time().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            while let Some(entry) = self.actions.first_entry()
                && entry.key().0 <= self.now
            {
                let action = entry.remove();
                self.act(action);
            }
            for (connection, _) in self.connections.iter_mut().flatten() {
                connection.up.advance(self.now);
                connection.down.advance(self.now);
            }
            self.settle();
        }
    }

    /// Whether a member's link is fast enough, and it always read, so that nothing may be lost to it.
    pub fn keeps_the_floor(&self, member: usize) -> bool {
        self.is_fast_enough(self.members[member].connection)
    }

    /// Whether a connection takes the floor for each of its sessions, and a little more.
    pub(crate) fn is_fast_enough(&self, index: usize) -> bool {
        let sessions = self.members.iter().filter(|member| member.connection == index).count() as u64;
        self.connections[index]
            .as_ref()
            .is_some_and(|(connection, peer)| peer.always_read && connection.down.rate() >= sessions * FLOOR * 5 / 4)
    }

    /// How long what one member sent took to another, in the order in which it was sent. What never came whole is
    /// left out.
    pub fn delays(&self, sender: usize, recipient: usize) -> Vec<Duration> {
        let copies = &self.members[recipient].copies;
        let ended = |number: usize| copies.get(&number).and_then(|copy| copy.ended);
        let arrived = |number: usize| ended(number).filter(|(flag, _)| *flag == Flag::Complete).map(|(_, at)| at);
        let messages = self.model.messages.iter().enumerate();
        let own = messages.filter(|(_, tracked)| tracked.message.sender == sender);
        own.filter_map(|(number, tracked)| arrived(number).map(|at| at - tracked.message.asked_at)).collect()
    }

    /// Whether a member is in its room.
    pub fn is_inside(&self, member: usize) -> bool {
        self.members[member].status == Status::Inside
    }

    fn next_time(&self) -> Option<Instant> {
        let actions = self.actions.first_key_value().map(|((at, _), _)| *at);
        let connections = self.connections.iter().flatten().filter_map(|(connection, _)| connection.poll_timeout());
        let rooms = self.rooms.iter().filter_map(RoomTask::poll_timeout);
        actions.into_iter().chain(connections).chain(rooms).min()
    }

    /// Lets everything happen that can, one step of somebody after the other.
    fn settle(&mut self) {
        let mut tasks = Vec::new();
        for _ in 0..1_000_000 {
            tasks.clear();
            self.collect(&mut tasks);
            if tasks.is_empty() {
                return;
            }
            let next = tasks[self.rng.random_range(0..tasks.len())];
            self.step(next);
        }
        panic!("something is never done: {tasks:?}");
    }

    fn collect(&self, tasks: &mut Vec<Task>) {
        for (index, room) in self.rooms.iter().enumerate() {
            tasks.extend((!room.mailbox.is_empty()).then_some(Task::Room(index)));
            tasks.extend(room.poll_timeout().filter(|at| *at <= self.now).map(|_| Task::Timer(index)));
        }
        for (index, entry) in self.connections.iter().enumerate() {
            let Some((connection, peer)) = entry.as_ref().filter(|(connection, _)| connection.alive) else { continue };
            tasks.extend(connection.can_read().then_some(Task::Reader(index)));
            tasks.extend(connection.can_write(self.now).then_some(Task::Writer(index)));
            tasks.extend((peer.reading && connection.down.is_readable()).then_some(Task::PeerReads(index)));
            let uploads = connection.up.is_writable() && !peer.upload.is_empty();
            tasks.extend(uploads.then_some(Task::PeerWrites(index)));
        }
    }

    fn step(&mut self, task: Task) {
        let now = self.now;
        match task {
            Task::Room(index) => {
                self.with_room(index, |room, around| room.handle_reads(around));
                self.check_outboxes();
            }
            Task::Timer(index) => self.with_room(index, |room, around| room.handle_timeout(around)),
            Task::Reader(index) => {
                let Some((connection, _)) = &mut self.connections[index] else { return };
                connection.read(now, &self.table, &mut self.rooms, &mut self.rng);
            }
            Task::Writer(index) => {
                let Some((connection, _)) = &mut self.connections[index] else { return };
                if connection.write(now, &mut self.scratch, &mut self.rooms) {
                    connection.close(&mut self.rooms);
                }
            }
            Task::PeerReads(index) => {
                let Some((connection, peer)) = &mut self.connections[index] else { return };
                let octets = connection.down.read(now, 64 * 1024);
                peer.read(now, octets, &mut self.members, &mut self.model);
            }
            Task::PeerWrites(index) => {
                let Some((connection, peer)) = &mut self.connections[index] else { return };
                let Some(mut octets) = peer.upload.pop_front() else { return };
                let taken = connection.up.write(now, &[IoSlice::new(&octets)]);
                let rest = octets.split_off(taken);
                peer.begun = !rest.is_empty();
                if peer.begun {
                    peer.upload.push_front(rest);
                }
            }
        }
    }

    fn with_room<T>(&mut self, index: usize, act: impl FnOnce(&mut RoomTask, &mut Around<'_>) -> T) -> T {
        let Self { now, table, members, model, transactions, .. } = self;
        act(&mut self.rooms[index], &mut Around { now: *now, table, members, model, transactions })
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Join(member) => self.join(member),
            Action::Leave(member) => {
                if self.members[member].status == Status::Inside {
                    self.with_room(self.members[member].room, |room, around| room.leave(around, member));
                }
            }
            Action::Vanish(member) => {
                if let Some((connection, _)) = &mut self.connections[self.members[member].connection]
                    && connection.alive
                {
                    connection.close(&mut self.rooms);
                }
            }
            Action::Stop(member) => {
                if let Some((_, peer)) = &mut self.connections[self.members[member].connection] {
                    (peer.reading, peer.always_read) = (false, false);
                }
            }
            Action::Resume(member) => {
                if let Some((_, peer)) = &mut self.connections[self.members[member].connection] {
                    peer.reading = true;
                }
            }
            Action::Send(member, draft) => self.send(member, draft),
            Action::Name(member, name, how) => self.name(member, name, how),
        }
    }

    fn join(&mut self, member: usize) {
        let number = self.members[member].connection;
        let rates = self.scenario.connections[number];
        let (limits, stalled) = (self.limits, self.stalled.clone());
        let new = || (Connection::new(number, rates, limits, stalled), Peer::new());
        if !self.connections[number].get_or_insert_with(new).0.alive {
            return;
        }
        self.with_room(self.members[member].room, |room, around| room.join(around, member));
        let joined = &self.members[member];
        let to = joined.local.as_ref().expect("it has joined");
        let binding = binding(&Ends { from: &joined.uri, to, user: "", room: "" }, &mut self.rng);
        let (_, peer) = self.connections[number].as_mut().expect("just made");
        peer.members.push(member);
        self.members[member].sent.insert(binding.tid, (usize::MAX, Vec::new()));
        peer.enqueue(vec![binding], |_, end| end);
    }

    fn send(&mut self, member: usize, draft: Draft) {
        let sender = &mut self.members[member];
        let Some((connection, peer)) = &mut self.connections[sender.connection] else { return };
        let Some(to) = sender.local.as_ref().filter(|_| connection.alive && sender.status == Status::Inside) else {
            return;
        };
        let (user, room) = (user_uri(sender.user), self.rooms[sender.room].uri());
        let ends = Ends { from: &sender.uri, to, user: &user, room: &room };
        let number = self.model.messages.len();
        let mut message = Message::new(number, member, draft, &ends, self.now, &mut self.rng);
        let chunks = message.chunks(&ends, &mut self.rng);
        sender.sent.extend(chunks.iter().map(|chunk| (chunk.tid, (number, Vec::new()))));
        self.model.expect(sender.room, message);
        // Only short ones get in between the chunks of others: what is missing before a chunk must come soon (CHAT-64).
        let mix = draft.payload < 10_000 && self.rng.random_bool(0.3);
        let rng = &mut self.rng;
        // Never before the binding, which is the first that was queued.
        let first = usize::from(peer.upload.len() == 1);
        peer.enqueue(chunks, |at, end| if mix { rng.random_range(at.max(first).min(end)..=end) } else { end });
    }

    fn name(&mut self, member: usize, name: Option<usize>, how: usize) {
        let asking = &mut self.members[member];
        let Some((connection, peer)) = &mut self.connections[asking.connection] else { return };
        let Some(to) = asking.local.as_ref().filter(|_| connection.alive && asking.status == Status::Inside) else {
            return;
        };
        let nickname = name.map_or_else(String::new, |name| spelt(name, how));
        let request = naming(&Ends { from: &asking.uri, to, user: "", room: "" }, &nickname, &mut self.rng);
        self.model.names.expect(request.tid, Wish { member, user: asking.user, name });
        asking.named.insert(request.tid, Vec::new());
        peer.enqueue(vec![request], |_, end| end);
    }

    /// An outbox never holds more than its limit, and who keeps the floor never stalls.
    fn check_outboxes(&self) {
        for (connection, _) in self.connections.iter().flatten() {
            let most = self.limits.bytes * connection.seats().max(1) + 3 * self.limits.control();
            assert!(connection.outbox.queued() <= most, "{} octets wait", connection.outbox.queued());
        }
        for member in 0..self.members.len() {
            if self.keeps_the_floor(member)
                && let Some((connection, _)) = &self.connections[self.members[member].connection]
            {
                let (at, queued) = (self.now - self.start, connection.outbox.queued());
                let what = || format!("user{member} ({} B/s), {queued} queued at {at:?}", connection.down.rate());
                assert!(!connection.outbox.is_stalled(), "keeps the floor, but counts as stalled: {}", what());
            }
        }
    }
}
