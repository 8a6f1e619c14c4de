//! The rooms that there are.

use super::dialogs::Dialogs;
use super::family::Family;
use super::founder::Founder;
use super::task::{RoomTask, Shared};
use super::{Inbox, RoomHandle, SipInput};
use crate::metrics::Counted;
use parlor_room::{Hosts, Room, Rules};
use parlor_sip::{Method, Request};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;
use tracing::{Instrument as _, info_span};

/// How many SIP messages may wait for one room: two seconds of a rush of joins, as machines stand still at times.
const SIP_MAILBOX: usize = 1024;
/// So many places are kept for what must not be refused: an ACK or BYE of each dialog, and responses.
const KEPT: usize = 64;
/// So many places may be taken by those who only ask, so that they keep nobody from joining.
const ASKED: usize = 64;
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
            Some(handle) => offer(&handle, input),
            None => Dispatch::Overloaded(input),
        }
    }

    /// Makes a room under a name that nobody can guess, and hands the request to it (SIP-72). It may be a sidebar.
    pub(crate) fn found(self: &Arc<Self>, parent: Option<Arc<RoomHandle>>, input: SipInput) -> Dispatch {
        let Some(factory) = &self.policy.factory else { return Dispatch::NoRoom(input) };
        let name = format!("{factory}-{:032x}", rand::random::<u128>());
        let mut index = self.lock();
        // Who makes rooms without end leaves some to those who join others.
        if index.closing || index.founded.len() >= self.policy.limit.div_ceil(2) {
            return Dispatch::Overloaded(input);
        }
        let rules = match &parent {
            // CHAT-130: what a room demands its sidebars demand too.
            Some(parent) => Rules { topic: "".into(), welcome: "".into(), ..self.rules(&parent.name).clone() },
            None => self.rules(&name).clone(),
        };
        match self.open(&mut index, &name, rules, Founder::Awaited, parent) {
            Some(handle) => {
                index.founded.insert(handle.id);
                offer(&handle, input)
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
        match handle.filter(|handle| handle.sip.capacity() > SIP_MAILBOX / 2) {
            Some(handle) => offer(&handle, input),
            None => Dispatch::Overloaded(input),
        }
    }

    /// Hands a request to the room of that name, if there is one already.
    pub(crate) fn ask(&self, name: &str, input: SipInput) -> Dispatch {
        let index = self.lock();
        match index.by_name.get(name) {
            _ if index.closing => Dispatch::Overloaded(input),
            Some(handle) if handle.sip.capacity() > SIP_MAILBOX - ASKED => offer(handle, input),
            Some(_) => Dispatch::Overloaded(input),
            None => Dispatch::NoRoom(input),
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
        let handles: Vec<_> = {
            let mut index = self.lock();
            index.closing = true;
            index.by_id.values().cloned().collect()
        };
        for handle in handles {
            let _ = handle.sip.send(SipInput::Shutdown).await;
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
    pub(super) fn end_if_unused(&self, handle: &RoomHandle, waiting: &mpsc::Receiver<SipInput>) -> bool {
        let mut index = self.lock();
        if !waiting.is_empty() {
            return false;
        }
        index.forget(handle);
        true
    }

    /// Nobody finds a room any more that nobody is in, unless something waits for it: it has subscribers, who are to be told.
    pub(super) fn retire_if_unused(&self, handle: &RoomHandle, waiting: &mpsc::Receiver<SipInput>) -> bool {
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
        let room = Room::new(name, hosts, rules).ok()?;
        let (sip, sip_mailbox) = mpsc::channel(SIP_MAILBOX);
        let (inbox, msrp_mailbox) = Inbox::new(MSRP_MAILBOX, &self.shared.outbox);
        index.next_id += 1;
        let id = index.next_id;
        let handle = Arc::new(RoomHandle {
            id,
            name: name.into(),
            sip,
            inbox,
            dialogs: Dialogs::default(),
            family: Family::default(),
        });
        index.by_name.insert(name.into(), Arc::clone(&handle));
        index.by_id.insert(id, Arc::clone(&handle));
        let counted = Counted::in_gauge(&self.shared.metrics.rooms);
        let task =
            RoomTask::new(room, founder, parent, Arc::clone(&handle), Arc::clone(&self.shared), Arc::clone(self));
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
        self.founded.remove(&handle.id);
    }
}

fn offer(handle: &RoomHandle, input: SipInput) -> Dispatch {
    // First the place: a dialog whose message finds none keeps its own for when it comes again.
    let place = match handle.sip.try_reserve() {
        Ok(place) => place,
        Err(mpsc::error::TrySendError::Full(())) => return Dispatch::Overloaded(input),
        Err(mpsc::error::TrySendError::Closed(())) => return Dispatch::NoRoom(input),
    };
    if handle.sip.capacity() < KEPT && !may_take_kept(handle, &input) {
        return Dispatch::Overloaded(input);
    }
    place.send(input);
    Dispatch::Taken
}

/// Whether this may have one of the kept places, which it takes then.
fn may_take_kept(handle: &RoomHandle, input: &SipInput) -> bool {
    let of_dialog = |request: &Request| {
        let tag = request.headers.to_tag().ok().flatten();
        tag.is_some_and(|tag| handle.dialogs.take_place(&tag))
    };
    match input {
        SipInput::Request { request, .. } => request.method == Method::Bye && of_dialog(request),
        SipInput::Ack(request) => of_dialog(request),
        SipInput::Response { spare, .. } => !spare,
        SipInput::Failed(_) | SipInput::Delayed(_) | SipInput::Located(..) | SipInput::Shutdown => true,
        #[cfg(test)]
        SipInput::Fault => true,
    }
}

/// What may be the name of a room made on demand; the same letters as in the configuration.
fn is_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~+".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use parlor_focus::{Caller, RequestId};
    use parlor_sip::{Endpoint, Event, Flow, Limits, Message, Response, TransactionLimits, Transport, parse_datagram};
    use parlor_switch::OutboxLimits;
    use std::time::Instant;

    const TAG: &str = "1-00000000000000aa";

    fn room() -> (RoomHandle, mpsc::Receiver<SipInput>) {
        let (sip, mailbox) = mpsc::channel(SIP_MAILBOX);
        let (inbox, _) = Inbox::new(1, &OutboxLimits::default());
        (
            RoomHandle {
                id: 1,
                name: "lobby".into(),
                sip,
                inbox,
                dialogs: Dialogs::default(),
                family: Family::default(),
            },
            mailbox,
        )
    }

    fn input(method: &str, tag: &str) -> SipInput {
        let text = format!(
            "{method} sip:lobby@example.com SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nCall-ID: c\r\n\
             From: <sip:alice@example.com>;tag=1\r\nTo: <sip:lobby@example.com>;tag={tag}\r\nCSeq: 1 {method}\r\n\r\n"
        );
        let Ok(Message::Request(request)) = parse_datagram(&Bytes::from(text), &Limits::default()) else {
            panic!("a request")
        };
        if request.method == Method::Ack {
            return SipInput::Ack(Box::new(request));
        }
        let address = "192.0.2.1:5060".parse().expect("an address");
        let flow = Flow { transport: Transport::Udp, local: address, remote: address, connection: None };
        let mut endpoint = Endpoint::new(TransactionLimits::default(), rand::make_rng());
        endpoint.handle_message(Instant::now(), flow, Message::Request(request));
        match endpoint.poll_event() {
            Some(Event::Request { tx, request, flow }) => {
                SipInput::Request { tx, request, flow, caller: Caller::UNVERIFIED, reserved: None }
            }
            other => panic!("{other:?}"),
        }
    }

    fn response(spare: bool) -> SipInput {
        SipInput::Response { id: RequestId(1), response: Box::new(Response::new(200, "OK")), spare }
    }

    fn is_taken(handle: &RoomHandle, input: SipInput) -> bool {
        matches!(offer(handle, input), Dispatch::Taken)
    }

    /// The kept places are for ACK and BYE of dialogs that there are, one of each dialog, and for responses.
    #[test]
    fn what_may_be_refused_leaves_places_for_what_may_not() {
        let (handle, mut mailbox) = room();
        handle.dialogs.insert(TAG);
        let offered = (0..SIP_MAILBOX).filter(|_| is_taken(&handle, input("UPDATE", TAG))).count();
        assert_eq!(offered, SIP_MAILBOX - KEPT);
        for method in ["BYE", "ACK", "INVITE", "OPTIONS"] {
            assert!(!is_taken(&handle, input(method, "1-00000000000000bb")), "{method} in no dialog");
        }
        assert!(is_taken(&handle, response(false)) && !is_taken(&handle, response(true)));
        for method in ["BYE", "ACK"] {
            assert!(is_taken(&handle, input(method, TAG)), "{method}");
            assert!(!is_taken(&handle, input(method, TAG)), "{method} again");
            handle.dialogs.give_back(TAG);
        }
        handle.dialogs.remove(TAG);
        assert!(!is_taken(&handle, input("BYE", TAG)), "the dialog is gone");
        while mailbox.try_recv().is_ok() {}
        assert!(is_taken(&handle, input("BYE", TAG)), "there is space for everything again");
    }

    /// A BYE that comes when not even a kept place is left is refused, and taken when it comes again.
    #[test]
    fn who_is_refused_has_taken_no_place() {
        let (handle, mut mailbox) = room();
        handle.dialogs.insert(TAG);
        let offered = (0..=SIP_MAILBOX).filter(|_| is_taken(&handle, response(false))).count();
        assert_eq!(offered, SIP_MAILBOX);
        assert!(!is_taken(&handle, input("BYE", TAG)), "it is full");
        mailbox.try_recv().expect("something waits");
        assert!(is_taken(&handle, input("BYE", TAG)), "one place is left");
    }
}
