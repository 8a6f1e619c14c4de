//! Messages on their way to the devices of a user (RFC 3261 §16, RFC 3428).

mod admission;
mod best;
mod branch;
mod breadth;
mod elsewhere;
mod forward;
mod lanes;
mod load;
mod own;
mod run;
mod target;

pub use admission::Mark;
pub(crate) use admission::check;
pub use elsewhere::SearchId;
pub(crate) use forward::{fits_any, under_way as octets};
pub(crate) use target::groups;

use self::best::Best;
use self::breadth::Share;
use self::elsewhere::Search;
use self::lanes::Lanes;
use self::load::{Load, Taken};
use self::target::Target;
use crate::Reject;
use crate::mailbox::{Amount, MessageId};
use parlor_sip::{Request, Response, ServerTransactionId, reason_phrase};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

/// Names a request that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SendId(pub u64);

/// Names one message on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RelayId(u64);

/// Why a request had no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There was none in time.
    Silence,
    /// It could not be sent, or its stream is gone.
    Unreachable,
    /// It was not sent, as we have too much under way.
    Overload,
}

/// For whom a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// The user of our domain of that name.
    User {
        /// The user part of the address of record.
        name: Box<str>,
        /// Whether there is an account of that name, also while no device is registered.
        has_account: bool,
    },
    /// Nobody, though it is an address of ours.
    Nobody,
    /// Somebody of another domain.
    Elsewhere,
}

/// All messages on their way.
#[derive(Debug, Default)]
pub(crate) struct Relays {
    all: BTreeMap<RelayId, Relay>,
    branches: BTreeMap<SendId, Branch>,
    searches: BTreeMap<SearchId, Search>,
    lanes: Lanes,
    timers: BTreeSet<(Instant, RelayId, Timer)>,
    pub(crate) load: Load,
    next: u64,
}

/// What a message waits for, beside the answers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// To try the next group although one of those before is still silent.
    Group,
    /// To keep it although somebody may still answer.
    Patience,
}

/// One message on its way (RFC 3261 §16.2: the response context).
#[derive(Debug)]
struct Relay {
    origin: Origin,
    user: Arc<str>,
    /// What is passed on, but for what differs from device to device.
    request: Request,
    /// What our Via says if it is somebody else's.
    mark: Option<u64>,
    taken: Taken,
    /// Those that are not tried yet: each of a group at once, one group after the other.
    groups: VecDeque<Vec<Target>>,
    share: Share,
    /// How many devices have it, or wait for it; the store is one of them.
    pending: usize,
    best: Best,
    /// Whether too much waited for some device.
    congested: bool,
    timers: BTreeSet<(Instant, Timer)>,
}

/// Names a message of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PageId(pub u64);

/// Who waits to hear what becomes of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asker {
    /// Its sender.
    Sender(ServerTransactionId),
    /// The room whose message it is.
    Room(PageId),
    /// Nobody.
    Nobody,
}

/// Where a message came from, and who waits for it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin {
    /// Who sent it waits for an answer; it may be kept or not.
    Sender(Asker, bool),
    /// Who sent it waits for the store, as no device answers.
    Keeping(Asker),
    /// It is kept and its sender knows; some device may still have it.
    Kept(MessageId, Amount),
    /// It comes out of a mailbox.
    Mailbox {
        /// Its name.
        id: MessageId,
        /// What it counts for.
        amount: Amount,
    },
    /// Nobody waits any more. If it is on its way to the store, it was delivered meanwhile.
    Answered,
}

/// A message on its way to one device.
#[derive(Debug)]
struct Branch {
    relay: RelayId,
    target: Target,
}

impl Relays {
    /// When the next one is due.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _, _)| *at)
    }

    pub(crate) fn name(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn arm(&mut self, id: RelayId, timer: Timer, at: Instant) {
        if let Some(relay) = self.all.get_mut(&id) {
            relay.timers.insert((at, timer));
            self.timers.insert((at, id, timer));
        }
    }

    fn disarm(&mut self, id: RelayId, timer: Timer) {
        let Some(relay) = self.all.get_mut(&id) else { return };
        let (gone, left) = std::mem::take(&mut relay.timers).into_iter().partition(|(_, own)| *own == timer);
        relay.timers = left;
        let gone: BTreeSet<(Instant, Timer)> = gone;
        for (at, timer) in gone {
            self.timers.remove(&(at, id, timer));
        }
    }

    fn pop_due(&mut self, now: Instant) -> Option<(RelayId, Timer)> {
        let (_, id, timer) = self.timers.first().copied().filter(|(at, _, _)| *at <= now)?;
        self.disarm(id, timer);
        Some((id, timer))
    }

    fn remove(&mut self, id: RelayId) -> Option<Relay> {
        self.disarm(id, Timer::Group);
        self.disarm(id, Timer::Patience);
        self.all.remove(&id)
    }

    /// Whether nothing is on its way.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        let Self { all, branches, searches, load, timers, lanes: _, next: _ } = self;
        all.is_empty() && branches.is_empty() && searches.is_empty() && load.is_empty() && timers.is_empty()
    }
}

impl Relay {
    /// What the sender gets when it is we who have too much to do.
    fn overloaded(&self) -> Response {
        Reject::Overload.instead_of(self.response(100))
    }

    /// A response of our own in a device's place.
    fn response(&self, code: u16) -> Response {
        Response::for_request(&self.request, code, reason_phrase(code))
    }
}
