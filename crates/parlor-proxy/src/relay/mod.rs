//! Messages on their way to the devices of a user (RFC 3261 §16, RFC 3428).

mod admission;
mod best;
mod forward;
mod lanes;
mod run;
mod target;

pub use admission::Mark;
pub(crate) use admission::check;

use self::best::Best;
use self::lanes::Lanes;
use self::target::Target;
use parlor_sip::{Request, ServerTransactionId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
    lanes: Lanes,
    timers: BTreeSet<(Instant, RelayId)>,
    /// Octets of all messages, as often as they are on their way.
    octets: usize,
    next: u64,
}

/// One message on its way (RFC 3261 §16.2: the response context).
#[derive(Debug)]
struct Relay {
    origin: Origin,
    /// What is passed on, but for what differs from device to device.
    request: Request,
    mark: u64,
    /// What it counts for in [`Relays::octets`].
    octets: usize,
    /// Those that are not tried yet: each of a group at once, one group after the other.
    groups: VecDeque<Vec<Target>>,
    /// How many devices have it, or wait for it.
    pending: usize,
    best: Best,
    /// When the next group is tried although one of those before is still silent.
    due: Option<Instant>,
}

/// Where a message came from.
#[derive(Clone, Copy, Debug)]
enum Origin {
    /// Its sender waits for an answer.
    Sender(ServerTransactionId),
    /// Its sender has got one.
    Answered,
}

/// A message on its way to one device.
#[derive(Debug)]
struct Branch {
    relay: RelayId,
    target: Target,
    /// Whether it waits its turn, or others wait for it.
    in_lane: bool,
}

/// What became of a branch.
#[derive(Debug)]
enum Ended {
    Answered(Box<parlor_sip::Response>),
    Failed(Failure),
    /// It is too large for what carries it (MSG-16).
    TooLarge,
    /// Too much waits for the device.
    Congested,
}

impl Relays {
    /// When the next one is due.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    fn name(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}
