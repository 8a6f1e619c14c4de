//! The rooms that there are.

use super::family::Family;
use super::founder::Founder;
use super::mailbox::{ASKED, Letters, Mailbox, PLACES};
use super::task::{RoomTask, Shared};
use super::{Inbox, RoomHandle, SipInput};
use crate::metrics::Counted;
use crate::sip::Directory;
use parlor_room::{Hosts, Room, Rules};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracing::{Instrument as _, info_span};

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
    pub(crate) fixed: HashMap<Box<str>, Fixed>,
    /// How many rooms there may be.
    pub(crate) limit: usize,
    /// The user part of the URI that makes rooms (SIP-76).
    pub(crate) factory: Option<Box<str>>,
    /// Whether a room of the factory ends when its founder leaves, and not only when everybody has left (CHAT-153).
    pub(crate) end_with_founder: bool,
}

/// A room of the configuration.
#[derive(Debug)]
pub(crate) struct Fixed {
    pub(crate) rules: Rules,
    /// The room of the configuration that it is a sidebar of.
    pub(crate) parent: Option<Box<str>>,
}

#[derive(Debug, Default)]
struct Index {
    by_name: HashMap<Box<str>, Arc<RoomHandle>>,
    by_id: HashMap<u64, Arc<RoomHandle>>,
    /// Those that the factory made.
    founded: HashSet<u64>,
    next_id: u64,
    /// The server goes down.
    closing: bool,
}

/// What became of a message for a room.
#[derive(Debug)]
pub(crate) enum Dispatch {
    /// The room has it.
    Taken,
    /// There is no such room, and there will be none.
    NoRoom(SipInput),
    /// There are too many rooms, too much waits for this one, or the server goes down.
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

    /// Whether there is a room of this name, now or always.
    pub(crate) fn exists(&self, name: &str) -> bool {
        self.is_configured(name) || self.lock().by_name.contains_key(name)
    }

    /// Whether there is always a room of this name.
    pub(crate) fn is_configured(&self, name: &str) -> bool {
        self.policy.fixed.contains_key(name)
    }

    /// The rules that a room of this name has or would have.
    pub(crate) fn rules(&self, name: &str) -> &Rules {
        self.policy.fixed.get(name).map_or(&self.policy.rules, |fixed| &fixed.rules)
    }

    /// Hands a request to the room of that name, which is made if it may be.
    pub(crate) fn join(self: &Arc<Self>, name: &str, input: SipInput) -> Dispatch {
        let mut index = self.lock();
        if !self.may_exist_in(&index, name) {
            return Dispatch::NoRoom(input);
        }
        if index.closing {
            return Dispatch::Overloaded(input);
        }
        match self.find_or_open(&mut index, name) {
            Some(handle) => handle.mailbox.offer(input),
            None => Dispatch::Overloaded(input),
        }
    }

    /// Makes a room under a name that nobody can guess, and hands the request to it (SIP-72). It may be a sidebar.
    pub(crate) fn found(self: &Arc<Self>, parent: Option<(Arc<RoomHandle>, Box<str>)>, input: SipInput) -> Dispatch {
        let Some(factory) = &self.policy.factory else { return Dispatch::NoRoom(input) };
        let name = format!("{factory}-{:032x}", rand::random::<u128>());
        let mut index = self.lock();
        // Who makes rooms without end leaves some to those who join others.
        if index.closing || index.founded.len() >= self.policy.limit.div_ceil(2) {
            return Dispatch::Overloaded(input);
        }
        let rules = match &parent {
            // CHAT-130: what a room demands its sidebars demand too.
            Some((parent, _)) => Rules { topic: "".into(), welcome: "".into(), ..self.rules(&parent.name).clone() },
            None => self.rules(&name).clone(),
        };
        let handle = parent.as_ref().map(|(handle, _)| Arc::clone(handle));
        match self.open(&mut index, &name, rules, Founder::Awaited, handle) {
            Some(handle) => {
                index.founded.insert(handle.id);
                if let Some((parent, founder)) = parent {
                    parent.family.expect(handle.id, founder);
                }
                handle.mailbox.offer(input)
            }
            None => Dispatch::Overloaded(input),
        }
    }

    /// Hands a subscription to the room of that name, which is made if it may be: whoever subscribes at once when it joins
    /// may be faster than its INVITE, and others may wait for somebody to come. But they take neither the last rooms nor the
    /// last places in front of one from those who join.
    pub(crate) fn watch(self: &Arc<Self>, name: &str, input: SipInput) -> Dispatch {
        let mut index = self.lock();
        if !self.may_exist_in(&index, name) {
            return Dispatch::NoRoom(input);
        }
        let may_open = index.by_id.len() < self.policy.limit.div_ceil(2) || index.by_name.contains_key(name);
        let handle = if index.closing || !may_open { None } else { self.find_or_open(&mut index, name) };
        match handle.filter(|handle| handle.mailbox.free() > PLACES / 2) {
            Some(handle) => handle.mailbox.offer(input),
            None => Dispatch::Overloaded(input),
        }
    }

    /// Hands a request to the room of that name, if there is one already.
    pub(crate) fn ask(&self, name: &str, input: SipInput) -> Dispatch {
        let index = self.lock();
        match index.by_name.get(name) {
            _ if index.closing => Dispatch::Overloaded(input),
            Some(handle) if handle.mailbox.free() > PLACES - ASKED => handle.mailbox.offer(input),
            Some(_) => Dispatch::Overloaded(input),
            None => Dispatch::NoRoom(input),
        }
    }

    /// Hands something to the room of that number, which exists or has ended.
    pub(crate) fn dispatch_by_id(&self, id: u64, input: SipInput) -> Dispatch {
        // Under the lock, so that a room which ends has taken it before, or is gone.
        match self.lock().by_id.get(&id) {
            Some(handle) => handle.mailbox.offer(input),
            None => Dispatch::NoRoom(input),
        }
    }

    /// Whether messages to users may be said in the room of that number (MSG-48).
    pub(crate) fn takes_user_messages(&self, id: u64) -> bool {
        self.lock().by_id.get(&id).is_some_and(|handle| handle.takes_user_messages)
    }

    /// Where users are who are in some room.
    pub(crate) fn directory(&self) -> &Directory {
        &self.shared.locator.directory
    }

    /// Tells all rooms that the server goes down.
    pub(crate) fn shut_down(&self) {
        let mut index = self.lock();
        index.closing = true;
        for handle in index.by_id.values() {
            handle.mailbox.offer(SipInput::Shutdown);
        }
    }

    /// Whether no room is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().by_id.is_empty()
    }

    pub(super) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Whether a room is to stay although nobody is in it.
    pub(super) fn stays(&self, handle: &RoomHandle) -> bool {
        self.policy.fixed.contains_key(&handle.name)
    }

    /// A room that nobody is in ends, unless something waits for it.
    pub(super) fn end_if_unused(&self, handle: &RoomHandle, waiting: &Letters) -> bool {
        let mut index = self.lock();
        if !waiting.is_empty() {
            return false;
        }
        index.forget(handle);
        true
    }

    /// Nobody finds a room any more that nobody is in, unless something waits for it: it has subscribers, who are to be told.
    pub(super) fn retire_if_unused(&self, handle: &RoomHandle, waiting: &Letters) -> bool {
        let mut index = self.lock();
        if waiting.is_empty() {
            index.retire(handle);
        }
        waiting.is_empty()
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
        known || (self.policy.on_demand && is_name(name) && !self.is_of_factory(name))
    }

    /// Whether the factory may have made a room of that name: once it has ended there is none any more.
    fn is_of_factory(&self, name: &str) -> bool {
        let rest = self.policy.factory.as_deref().and_then(|factory| name.strip_prefix(factory));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }

    fn find_or_open(self: &Arc<Self>, index: &mut Index, name: &str) -> Option<Arc<RoomHandle>> {
        if let Some(handle) = index.by_name.get(name) {
            return Some(Arc::clone(handle));
        }
        // The configuration knows no sidebars of sidebars.
        let parent = self.policy.fixed.get(name).and_then(|fixed| fixed.parent.as_deref());
        let parent = parent.and_then(|parent| self.find_or_open(index, parent));
        let rules = self.rules(name).clone();
        self.open(index, name, rules, Founder::Nobody, parent)
    }

    fn open(
        self: &Arc<Self>,
        index: &mut Index,
        name: &str,
        rules: Rules,
        founder: Founder,
        parent: Option<Arc<RoomHandle>>,
    ) -> Option<Arc<RoomHandle>> {
        if index.by_id.len() >= self.policy.limit {
            return None;
        }
        let hosts: Arc<Hosts> = Arc::clone(&self.shared.focus.hosts);
        let takes_user_messages = rules.messages_reach_participants && rules.private_messages;
        let room = Room::new(name, hosts, rules).ok()?;
        let (mailbox, letters) = Mailbox::new();
        let (inbox, reads) = Inbox::new(MSRP_MAILBOX, &self.shared.outbox);
        index.next_id += 1;
        let id = index.next_id;
        let family = Family::default();
        let handle = Arc::new(RoomHandle { id, name: name.into(), mailbox, inbox, family, takes_user_messages });
        index.by_name.insert(name.into(), Arc::clone(&handle));
        index.by_id.insert(id, Arc::clone(&handle));
        let counted = Counted::in_gauge(&self.shared.metrics.rooms);
        let task =
            RoomTask::new(room, founder, parent, Arc::clone(&handle), Arc::clone(&self.shared), Arc::clone(self));
        let run = async move {
            task.run(letters, reads).await;
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
        self.founded.remove(&handle.id);
    }
}

/// What may be the name of a room made on demand; the same letters as in the configuration.
fn is_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~+".contains(&b))
}
