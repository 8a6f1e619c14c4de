//! Messages that wait for their user (MSG-50, MSG-53): kept while no device can be reached, delivered in their order, one at a
//! time, when one registers.

mod deliver;
mod keep;
mod message;
mod senders;

pub(crate) use deliver::Ending;
pub(crate) use keep::Keeping;
pub use message::{Amount, MessageId, SavedMessage};

use senders::Senders;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

/// What the store says that waits for a user.
#[derive(Clone, Debug, Default)]
pub struct Fetched {
    /// What was no longer wanted, and is removed.
    pub expired: Amount,
    /// The first message.
    pub first: Option<SavedMessage>,
}

/// Of how many messages each user's mailbox consists. The messages are in the store.
#[derive(Debug)]
pub(crate) struct Mailboxes {
    of_user: HashMap<Arc<str>, Mailbox>,
    total: Amount,
    next_id: u64,
    timers: BTreeSet<(Instant, Arc<str>)>,
    senders: Senders,
    /// When it is looked what is no longer wanted.
    sweep: Instant,
}

#[derive(Debug, Default)]
struct Mailbox {
    amount: Amount,
    /// The last message that has ended.
    after: MessageId,
    /// The last message that has ended, or was too large for the devices that are there, if some were (MSG-16).
    passed: Option<MessageId>,
    state: State,
    /// How many came from whom, until it is empty.
    of_senders: HashMap<Box<str>, u64>,
}

impl Mailbox {
    /// Later messages than this are to be delivered.
    fn position(&self) -> MessageId {
        self.passed.unwrap_or(self.after)
    }

    /// That message has ended.
    fn go_on_after(&mut self, id: MessageId) {
        match &mut self.passed {
            Some(passed) => *passed = id,
            None => self.after = id,
        }
    }
}

/// ```text
///             a device registers, or a message comes and one is there
///     ┌────────────┐ ─────────────────────────────▶ ┌──────────┐ a message  ┌────────────┐
///     │  Waiting,  │                                │ Fetching │ ─────────▶ │ Delivering │
///     │  Resting   │ ◀───────────────────────────── └──────────┘            └──────┬─────┘
///     └────────────┘   no device, nothing there          ▲                         │ a device
///           ▲                                            │ the store has it        │ has it, or
///           └──── no device takes it now ────────────────│─────────────────────────┤ refuses it
///                                                   ┌────┴─────┐                   │
///                                                   │  Ending  │ ◀─────────────────┘
///                                                   └──────────┘
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Until a device registers.
    #[default]
    Waiting,
    /// Until this time too: no device took the first message.
    Resting(Instant),
    /// The store is asked for the first message.
    Fetching,
    /// It is on its way.
    Delivering,
    /// The store is told that it has ended: the next one is not delivered before, so that at most one comes twice if the
    /// server ends.
    Ending,
}

impl Mailboxes {
    /// Those that are stored. They are looked at once at the start, as devices may be there still.
    pub(crate) fn new(now: Instant, last: u64, stored: Vec<(Arc<str>, Amount)>) -> Self {
        let mut all = Self {
            of_user: HashMap::new(),
            total: Amount::default(),
            next_id: last + 1,
            timers: BTreeSet::new(),
            senders: Senders::default(),
            sweep: now,
        };
        for (user, amount) in stored {
            all.total.add(amount);
            all.timers.insert((now, Arc::clone(&user)));
            let mailbox = Mailbox { amount, state: State::Resting(now), ..Mailbox::default() };
            all.of_user.insert(user, mailbox);
        }
        all
    }

    /// All that waits.
    pub(crate) fn total(&self) -> Amount {
        self.total
    }

    /// What waits for a user.
    pub(crate) fn amount(&self, user: &str) -> Amount {
        self.of_user.get(user).map_or_else(Amount::default, |mailbox| mailbox.amount)
    }

    /// When something is due.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let rest = self.timers.first().map(|(at, _)| *at);
        // Nothing is swept where nothing was ever kept.
        let sweep = (self.next_id > 1).then_some(self.sweep);
        [rest, sweep].into_iter().flatten().min()
    }

    fn name(&mut self) -> MessageId {
        let id = MessageId(self.next_id);
        self.next_id += 1;
        id
    }

    /// How much of a mailbox came from one sender since it was empty, as far as that is known.
    fn amount_from(&self, user: &str, sender: &str) -> u64 {
        self.of_user.get(user).and_then(|mailbox| mailbox.of_senders.get(sender)).copied().unwrap_or(0)
    }

    fn add(&mut self, user: &Arc<str>, sender: Box<str>, amount: Amount) {
        self.total.add(amount);
        let mailbox = self.of_user.entry(Arc::clone(user)).or_default();
        mailbox.amount.add(amount);
        // One that is never empty forgets at times who its messages were from.
        if mailbox.of_senders.len() as u64 > 2 * mailbox.amount.messages + 16 {
            mailbox.of_senders.clear();
        }
        *mailbox.of_senders.entry(sender).or_default() += 1;
    }

    /// So much no longer waits.
    fn take(&mut self, user: &Arc<str>, amount: Amount) {
        if let Some(mailbox) = self.of_user.get_mut(user) {
            mailbox.amount.take(amount);
            self.total.take(amount);
        }
    }

    /// There is no such user any more; what waited for it is no longer stored.
    pub(crate) fn forget(&mut self, user: &str) {
        let Some((user, mailbox)) = self.of_user.remove_entry(user) else { return };
        self.total.take(mailbox.amount);
        if let State::Resting(until) = mailbox.state {
            self.timers.remove(&(until, user));
        }
    }

    fn state(&self, user: &str) -> Option<State> {
        self.of_user.get(user).map(|mailbox| mailbox.state)
    }

    fn set_state(&mut self, user: &Arc<str>, state: State) {
        let Some(mailbox) = self.of_user.get_mut(user) else { return };
        if let State::Resting(until) = std::mem::replace(&mut mailbox.state, state) {
            self.timers.remove(&(until, Arc::clone(user)));
        }
        if let State::Resting(until) = state {
            self.timers.insert((until, Arc::clone(user)));
        }
        if state == State::Waiting && mailbox.amount.messages == 0 {
            self.of_user.remove(user);
        }
    }

    /// Somebody who has rested long enough.
    fn pop_rested(&mut self, now: Instant) -> Option<Arc<str>> {
        let (_, user) = self.timers.first().filter(|(at, _)| *at <= now)?.clone();
        self.set_state(&user, State::Waiting);
        Some(user)
    }
}
