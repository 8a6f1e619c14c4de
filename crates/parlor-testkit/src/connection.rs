//! The server's end of a connection: a reader and a writer that do, step by step, what the server's tasks do.

use crate::link::Link;
use crate::room::{Entry, Mail, RoomTask, Table};
use parlor_msrp::{Decoder, Event, Limits, Request};
use parlor_room::SessionId;
use parlor_switch::{
    Credit, Input, Outbox, OutboxEvent, OutboxLimits, Poll, Scratch, Slot, StalledMemory, Turn, Window,
};
use rand::RngExt as _;
use rand::rngs::StdRng;
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

/// The most that is read at once.
const READ: usize = 256 * 1024;
/// A chunk counts for this much beside its octets: its headers in each copy.
const OVERHEAD: usize = 512;
/// The octets of body in one outgoing frame.
const FRAME: usize = 8192;
/// How long a connection stays after its last session has ended (MSRP-98).
const LINGER: Duration = Duration::from_secs(2);

/// Whose request is coming in.
#[derive(Debug)]
enum Current {
    Nothing,
    Answered,
    Of { entry: Rc<Entry>, first_frame_left: usize },
}

/// What one read brought for one room.
#[derive(Debug)]
struct Run {
    room: usize,
    bound: Vec<(Rc<Entry>, Slot)>,
    inputs: Vec<(SessionId, Input)>,
    heads: usize,
    bulk: usize,
}

impl Run {
    fn new(room: usize) -> Self {
        Self { room, bound: Vec::new(), inputs: Vec::new(), heads: 0, bulk: 0 }
    }
}

#[derive(Debug, Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A reader on its way to a credit.
struct Acquiring {
    credit: Pin<Box<dyn Future<Output = Credit>>>,
    woken: Arc<Flag>,
}

impl Acquiring {
    fn new(credit: impl Future<Output = Credit> + 'static) -> Self {
        Self { credit: Box::pin(credit), woken: Arc::new(Flag(AtomicBool::new(true))) }
    }

    fn poll(&mut self) -> Option<Credit> {
        self.woken.0.store(false, Ordering::Relaxed);
        match self.credit.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(&self.woken)))) {
            std::task::Poll::Ready(credit) => Some(credit),
            std::task::Poll::Pending => None,
        }
    }
}

impl fmt::Debug for Acquiring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquiring").field("woken", &self.woken).finish_non_exhaustive()
    }
}

/// One connection, as the server has it.
#[derive(Debug)]
pub struct Connection {
    /// From the peer to us.
    pub up: Link,
    /// From us to the peer.
    pub down: Link,
    /// Whether it is open.
    pub alive: bool,
    /// What waits to be written.
    pub outbox: Arc<Outbox>,
    /// What it may have under way.
    pub window: Window,
    number: usize,
    seats: Vec<(Slot, Rc<Entry>)>,
    ever_bound: bool,
    decoder: Decoder,
    current: Current,
    runs: VecDeque<Run>,
    /// Octets of the last read, and how many runs it was.
    read: usize,
    parts: usize,
    acquiring: Option<Acquiring>,
    turn: Turn,
    woken: Arc<Flag>,
    blocked: bool,
    closes_at: Option<Instant>,
}

impl Connection {
    /// A fresh connection.
    pub fn new(number: usize, (up, down): (u64, u64), limits: OutboxLimits, stalled: StalledMemory) -> Self {
        Self {
            up: Link::new(up),
            down: Link::new(down),
            alive: true,
            outbox: Outbox::new(limits, stalled),
            window: Window::new(&limits),
            number,
            seats: Vec::new(),
            ever_bound: false,
            decoder: Decoder::new(Limits::default()),
            current: Current::Nothing,
            runs: VecDeque::new(),
            read: 0,
            parts: 1,
            acquiring: None,
            turn: Turn::default(),
            woken: Arc::new(Flag(AtomicBool::new(true))),
            blocked: false,
            closes_at: None,
        }
    }

    /// How many sessions it has ever had.
    pub fn seats(&self) -> usize {
        self.seats.len()
    }

    /// When something is due even if nothing else happens.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let check = self.outbox.poll_timeout().filter(|_| self.blocked);
        let own = check.into_iter().chain(self.closes_at);
        own.chain(self.up.poll_timeout()).chain(self.down.poll_timeout()).min().filter(|_| self.alive)
    }

    /// Whether the reader has something to do.
    pub fn can_read(&self) -> bool {
        let next = |acquiring: &Acquiring| acquiring.woken.0.load(Ordering::Relaxed);
        self.alive
            && match self.runs.is_empty() {
                true => self.up.is_readable() && self.takes_control(),
                false => self.acquiring.as_ref().is_none_or(next),
            }
    }

    fn takes_control(&self) -> bool {
        let takes = self.outbox.poll_control(Waker::noop());
        if !takes {
            self.outbox.hold_reader();
        }
        takes
    }

    /// A step of the reader: hands on what was read, or reads.
    pub fn read(&mut self, now: Instant, table: &Table, rooms: &mut [RoomTask], rng: &mut StdRng) {
        let Some(run) = self.runs.front() else { return self.read_some(now, table, rng) };
        let room = &mut rooms[run.room];
        let (heads, bulk, budget) = (run.heads, run.bulk, room.budget.clone());
        let window = self.window.take((self.read / self.parts).max(heads + bulk), heads);
        let new = || Acquiring::new(async move { budget.acquire(window.await, heads, bulk).await });
        let Some(credit) = self.acquiring.get_or_insert_with(new).poll() else {
            self.outbox.hold_reader();
            return;
        };
        self.acquiring = None;
        self.outbox.release_reader(now);
        if let Some(run) = self.runs.pop_front() {
            let bound = run.bound.into_iter();
            room.mailbox.extend(bound.map(|(entry, slot)| Mail::Bound(entry, Arc::clone(&self.outbox), slot)));
            room.mailbox.push_back(Mail::Brought(run.inputs, credit));
        }
    }

    fn read_some(&mut self, now: Instant, table: &Table, rng: &mut StdRng) {
        self.outbox.release_reader(now);
        let most = READ.min(self.outbox.limits().window());
        let most = if rng.random_bool(0.7) { most } else { rng.random_range(1..most) };
        let octets = self.up.read(now, most);
        self.read = octets.len();
        self.decoder.push(octets);
        if let Current::Of { entry, .. } = &self.current {
            run_of(&mut self.runs, entry.room).bulk += OVERHEAD;
        }
        while let Some(event) = self.decoder.poll().expect("our peers keep to the grammar") {
            self.route(table, event);
        }
        self.parts = self.runs.len().max(1);
    }

    fn route(&mut self, table: &Table, event: Event) {
        match event {
            Event::Request(request) => self.current = self.begin(table, request),
            Event::Body(body) => {
                if let Current::Of { entry, first_frame_left } = &mut self.current {
                    let first = body.len().min(*first_frame_left);
                    *first_frame_left -= first;
                    let run = run_of(&mut self.runs, entry.room);
                    run.heads += first;
                    run.bulk += body.len() - first;
                    run.inputs.push((entry.session, Input::Body(body)));
                }
            }
            Event::End(flag) => {
                if let Current::Of { entry, .. } = std::mem::replace(&mut self.current, Current::Nothing) {
                    run_of(&mut self.runs, entry.room).inputs.push((entry.session, Input::End(flag)));
                }
            }
            Event::Response(response) => {
                let id = response.to_path.last().session_id();
                let entry = self.seats.iter().map(|(_, entry)| entry).find(|entry| entry.local.session_id() == id);
                if let Some(entry) = entry.filter(|entry| !entry.closed.get()) {
                    run_of(&mut self.runs, entry.room).inputs.push((entry.session, Input::Response(response)));
                }
            }
        }
    }

    fn begin(&mut self, table: &Table, request: Box<Request>) -> Current {
        let id = request.to_path.first().session_id().expect("our peers write our URI");
        // 481: a session that has ended.
        let Some(entry) = table.get(id).map(Rc::clone) else { return Current::Answered };
        if entry.bound_to.get().is_none() {
            entry.bound_to.set(Some(self.number));
            self.ever_bound = true;
            let slot = self.outbox.attach(&entry.peer, &entry.local);
            self.seats.push((slot, Rc::clone(&entry)));
            run_of(&mut self.runs, entry.room).bound.push((Rc::clone(&entry), slot));
        }
        assert_eq!(entry.bound_to.get(), Some(self.number));
        let before = usize::try_from(request.start() - 1).unwrap_or(usize::MAX);
        let first_frame_left = FRAME.saturating_sub(before);
        let first = first_frame_left > 0;
        if self.runs.back().is_some_and(|run| run.heads >= self.window.piece()) {
            self.runs.push_back(Run::new(entry.room));
        }
        let run = run_of(&mut self.runs, entry.room);
        run.heads += if request.has_body && first { OVERHEAD } else { 0 };
        run.bulk += if request.has_body && !first { OVERHEAD } else { 0 };
        run.inputs.push((entry.session, Input::Request(request)));
        Current::Of { entry, first_frame_left }
    }

    /// Whether the writer has something to do.
    pub fn can_write(&self, now: Instant) -> bool {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        self.alive
            && match self.blocked {
                true => self.down.is_writable() || due(self.outbox.poll_timeout()) || self.is_abandoned(),
                false => !self.turn.is_empty() || self.woken.0.load(Ordering::Relaxed) || due(self.closes_at),
            }
    }

    /// A step of the writer; gives whether the connection is to be closed.
    pub fn write(&mut self, now: Instant, scratch: &mut Scratch, rooms: &mut [RoomTask]) -> bool {
        if self.blocked && !self.down.is_writable() {
            if self.outbox.check(now, &mut self.turn) {
                self.tell_rooms(rooms);
            }
            return self.is_abandoned();
        }
        if self.turn.is_empty() {
            self.woken.0.store(false, Ordering::Relaxed);
            let waker = Waker::from(Arc::clone(&self.woken));
            match self.outbox.take_turn(&mut self.turn, &waker) {
                Poll::Ready => self.closes_at = None,
                Poll::Idle => return self.vacant(now),
                Poll::Finished => return true,
            }
        }
        let written = if self.down.is_writable() {
            self.blocked = false;
            let taken = self.down.write(now, &self.turn.lay_out(scratch).slices());
            self.outbox.wrote(now, &mut self.turn, taken, false)
        } else {
            self.blocked = true;
            self.outbox.wrote(now, &mut self.turn, 0, true)
        };
        if written.events {
            self.tell_rooms(rooms);
        }
        // With nothing left of its turn a writer asks for the next one before it waits.
        self.woken.0.fetch_or(self.turn.is_empty(), Ordering::Relaxed);
        false
    }

    /// Given up, and without sessions.
    fn is_abandoned(&self) -> bool {
        self.outbox.is_given_up() && self.outbox.is_vacant()
    }

    fn vacant(&mut self, now: Instant) -> bool {
        if !self.outbox.is_vacant() || !self.ever_bound {
            self.closes_at = None;
            return false;
        }
        let at = *self.closes_at.get_or_insert(now + LINGER);
        at <= now
    }

    fn tell_rooms(&self, rooms: &mut [RoomTask]) {
        while let Some(event) = self.outbox.poll_event() {
            let (slot, missed) = match event {
                OutboxEvent::Recovered { slot, missed } => (slot, Some(missed)),
                OutboxEvent::GivenUp { slot } => (slot, None),
            };
            if let Some((_, entry)) = self.seats.iter().find(|(seat, entry)| *seat == slot && !entry.closed.get()) {
                let session = entry.session;
                let mail = missed.map_or(Mail::GivenUp(session), |missed| Mail::Recovered(session, missed));
                rooms[entry.room].mailbox.push_back(mail);
            }
        }
    }

    /// The connection is gone.
    pub fn close(&mut self, rooms: &mut [RoomTask]) {
        self.alive = false;
        self.runs.clear();
        self.acquiring = None;
        self.turn = Turn::default();
        self.outbox.close();
        for (slot, entry) in self.seats.drain(..) {
            rooms[entry.room].mailbox.push_back(Mail::Unbound(entry.session, slot, Arc::clone(&self.outbox)));
            entry.bound_to.set(None);
        }
    }
}

fn run_of(runs: &mut VecDeque<Run>, room: usize) -> &mut Run {
    if runs.back().is_none_or(|run| run.room != room) {
        runs.push_back(Run::new(room));
    }
    runs.back_mut().expect("one was just pushed if there was none")
}
