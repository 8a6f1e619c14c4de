//! The rooms that there are.

use super::task::{RoomTask, Shared};
use super::{RoomHandle, SipInput};
use crate::metrics::Counted;
use crate::msrp::RoomBudget;
use parlor_room::{Hosts, Room, Rules};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;
use tracing::{Instrument as _, info_span};

/// How many SIP messages may wait for one room: two seconds of a rush of joins, as machines stand still at times.
const SIP_MAILBOX: usize = 1024;
/// So many places are kept for what must not be refused: ACK, BYE, responses.
const KEPT: usize = 64;
/// How many reads may wait for one room.
const MSRP_MAILBOX: usize = 64;
/// The longest name of a room made on demand.
const LONGEST_NAME: usize = 128;

/// All rooms, by name and by number.
#[derive(Debug)]
pub(crate) struct Rooms {
    rooms: Mutex<Index>,
    shared: Arc<Shared>,
    policy: Policy,
}

/// Which rooms there may be.
#[derive(Debug)]
pub(crate) struct Policy {
    /// Whether joining makes a room.
    pub(crate) on_demand: bool,
    /// The rules of rooms made on demand.
    pub(crate) rules: Rules,
    /// The rooms of the configuration, which stay.
    pub(crate) fixed: HashMap<Box<str>, Rules>,
    /// How many rooms there may be.
    pub(crate) limit: usize,
}

#[derive(Debug, Default)]
struct Index {
    by_name: HashMap<Box<str>, Arc<RoomHandle>>,
    by_id: HashMap<u64, Arc<RoomHandle>>,
    next_id: u64,
}

/// What became of a message for a room.
#[derive(Debug)]
pub(crate) enum Dispatch {
    /// The room has it.
    Taken,
    /// There is no such room, and there will be none.
    NoRoom(SipInput),
    /// There are too many rooms, or too much waits for this one.
    Overloaded(SipInput),
}

impl Rooms {
    /// No room yet.
    pub(crate) fn new(policy: Policy, shared: Arc<Shared>) -> Arc<Self> {
        Arc::new(Self { rooms: Mutex::default(), shared, policy })
    }

    /// Opens the rooms of the configuration.
    pub(crate) fn open_fixed(self: &Arc<Self>) {
        let mut index = self.lock();
        for name in self.policy.fixed.keys() {
            self.find_or_open(&mut index, name);
        }
    }

    /// Whether a room of this name exists or would be made.
    pub(crate) fn may_exist(&self, name: &str) -> bool {
        self.may_exist_in(&self.lock(), name)
    }

    /// The rules that a room of this name has or would have.
    pub(crate) fn rules(&self, name: &str) -> &Rules {
        self.policy.fixed.get(name).unwrap_or(&self.policy.rules)
    }

    /// Hands a request to the room of that name, which is made if it may be.
    pub(crate) fn dispatch_by_name(self: &Arc<Self>, name: &str, input: SipInput) -> Dispatch {
        let mut index = self.lock();
        if !self.may_exist_in(&index, name) {
            return Dispatch::NoRoom(input);
        }
        match self.find_or_open(&mut index, name) {
            Some(handle) if handle.sip.capacity() > KEPT => offer(&handle, input),
            Some(_) | None => Dispatch::Overloaded(input),
        }
    }

    /// Hands something to the room of that number, which exists or has ended.
    pub(crate) fn dispatch_by_id(&self, id: u64, input: SipInput) -> Dispatch {
        // Under the lock, so that a room which ends has taken it before, or is gone.
        match self.lock().by_id.get(&id) {
            Some(handle) => offer(handle, input),
            None => Dispatch::NoRoom(input),
        }
    }

    /// Tells all rooms that the server goes down.
    pub(crate) async fn shut_down(&self) {
        let handles: Vec<_> = self.lock().by_id.values().cloned().collect();
        for handle in handles {
            let _ = handle.sip.send(SipInput::Shutdown).await;
        }
    }

    /// Whether no room is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().by_id.is_empty()
    }

    /// Whether a room is to stay although nobody is in it.
    pub(super) fn stays(&self, handle: &RoomHandle) -> bool {
        self.policy.fixed.contains_key(&handle.name)
    }

    /// A room that nobody is in ends, unless something waits for it.
    pub(super) fn end_if_unused(&self, handle: &RoomHandle, waiting: &mpsc::Receiver<SipInput>) -> bool {
        let mut index = self.lock();
        if !waiting.is_empty() {
            return false;
        }
        index.forget(handle);
        true
    }

    /// Nobody joins this room any more; who asks for its name gets another one. Its dialogs still find it.
    pub(super) fn retire(&self, handle: &RoomHandle) {
        self.lock().retire(handle);
    }

    /// The room is gone.
    pub(super) fn forget(&self, handle: &RoomHandle) {
        self.lock().forget(handle);
    }

    fn may_exist_in(&self, index: &Index, name: &str) -> bool {
        let known = index.by_name.contains_key(name) || self.policy.fixed.contains_key(name);
        known || (self.policy.on_demand && is_name(name))
    }

    fn find_or_open(self: &Arc<Self>, index: &mut Index, name: &str) -> Option<Arc<RoomHandle>> {
        if let Some(handle) = index.by_name.get(name) {
            return Some(Arc::clone(handle));
        }
        if index.by_id.len() >= self.policy.limit {
            return None;
        }
        let hosts: Arc<Hosts> = Arc::clone(&self.shared.focus.hosts);
        let room = Room::new(name, hosts, self.rules(name).clone()).ok()?;
        let (sip, sip_mailbox) = mpsc::channel(SIP_MAILBOX);
        let (msrp, msrp_mailbox) = mpsc::channel(MSRP_MAILBOX);
        index.next_id += 1;
        let id = index.next_id;
        let budget = RoomBudget::new(&self.shared.outbox);
        let handle = Arc::new(RoomHandle { id, name: name.into(), budget, sip, msrp });
        index.by_name.insert(name.into(), Arc::clone(&handle));
        index.by_id.insert(id, Arc::clone(&handle));
        let counted = Counted::in_gauge(&self.shared.metrics.rooms);
        let task = RoomTask::new(room, Arc::clone(&handle), Arc::clone(&self.shared), Arc::clone(self));
        let run = async move {
            task.run(sip_mailbox, msrp_mailbox).await;
            drop(counted);
        };
        tokio::spawn(run.instrument(info_span!("room", room = %name)));
        Some(handle)
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    fn retire(&mut self, handle: &RoomHandle) {
        // By now another room may have the name.
        if self.by_name.get(&handle.name).is_some_and(|room| room.id == handle.id) {
            self.by_name.remove(&handle.name);
        }
    }

    fn forget(&mut self, handle: &RoomHandle) {
        self.retire(handle);
        self.by_id.remove(&handle.id);
    }
}

fn offer(handle: &RoomHandle, input: SipInput) -> Dispatch {
    match handle.sip.try_send(input) {
        Ok(()) => Dispatch::Taken,
        Err(mpsc::error::TrySendError::Full(input)) => Dispatch::Overloaded(input),
        Err(mpsc::error::TrySendError::Closed(input)) => Dispatch::NoRoom(input),
    }
}

/// What may be the name of a room made on demand; the same letters as in the configuration.
fn is_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~+".contains(&b))
}
