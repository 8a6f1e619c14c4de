//! Delivering what was kept (MSG-50).

use super::message::{Amount, MessageId, SavedMessage, millis};
use super::{Fetched, Mailbox, State};
use crate::proxy::Storing;
use crate::relay::{Origin, groups};
use crate::{Change, Fate, Output, Proxy};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long it is waited when no device takes a message.
pub(crate) const REST: Duration = Duration::from_secs(60);
/// How long it is waited for what is on its way to the store.
const SOON: Duration = Duration::from_secs(1);
/// How often it is looked what is no longer wanted.
const SWEEP: Duration = Duration::from_secs(600);
/// How long it is remembered that a message was here: longer than its sender may send it again (64*T1), and than it takes to
/// start again.
const REMEMBERED: Duration = Duration::from_secs(600);

/// What came to its end.
#[derive(Debug)]
pub(crate) struct Ending {
    user: Arc<str>,
    id: MessageId,
    amount: Amount,
    /// Whether it was the mailbox's first, whose next one waits for this.
    in_turn: bool,
}

impl Proxy {
    /// A device may be there: delivers what waits.
    pub(crate) fn look_at_mailbox(&mut self, now: Instant, user: &Arc<str>) {
        let is_idle = matches!(self.mailboxes.state(user), Some(State::Waiting | State::Resting(_)));
        if !is_idle || self.mailboxes.amount(user).messages == 0 || self.registrar.bindings.of(user).is_empty() {
            return;
        }
        let after = self.mailboxes.of_user.get(user).map(Mailbox::position).unwrap_or_default();
        self.mailboxes.set_state(user, State::Fetching);
        let now = millis(self.since_epoch(now));
        self.emit(Output::Fetch { user: Arc::clone(user), after, now });
    }

    /// A device is there that was not before: it may take what the others could not.
    pub(crate) fn look_again_at_mailbox(&mut self, now: Instant, user: &Arc<str>) {
        if let Some(mailbox) = self.mailboxes.of_user.get_mut(user) {
            mailbox.passed = None;
        }
        self.look_at_mailbox(now, user);
    }

    /// What the store says that waits for a user; `None`: it cannot tell now.
    pub fn handle_fetched(&mut self, now: Instant, user: &Arc<str>, fetched: Option<Fetched>) {
        let Some(Fetched { expired, first }) = fetched else { return self.rest(now, user) };
        self.expired(user, expired);
        let groups = groups(self.registrar.bindings.of(user));
        let Some(message) = first.filter(|_| !groups.is_empty()) else { return self.idle(now, user) };
        match message.request(&self.settings) {
            Ok(request) if !crate::relay::fits_any(&request, &groups) => self.pass_over(now, user, message.id),
            Ok(request) => {
                self.mailboxes.set_state(user, State::Delivering);
                let origin = Origin::Mailbox { id: message.id, amount: message.amount() };
                let octets = crate::relay::octets(&request, &groups);
                match self.relays.load.take(None, octets, &self.settings.limits) {
                    Ok(taken) => self.begin(now, origin, Arc::clone(user), request, None, groups, taken),
                    Err(_) => self.rest(now, user),
                }
            }
            Err(_) => self.end_in_turn(now, user, &message),
        }
    }

    /// MSG-16: a message waits until there is a stream to some device; those after it do not wait for it.
    fn pass_over(&mut self, now: Instant, user: &Arc<str>, id: MessageId) {
        if let Some(mailbox) = self.mailboxes.of_user.get_mut(user) {
            mailbox.passed = Some(id);
        }
        self.mailboxes.set_state(user, State::Waiting);
        self.look_at_mailbox(now, user);
    }

    /// What was no longer wanted, by user.
    pub fn handle_swept(&mut self, swept: Vec<(Arc<str>, Amount)>) {
        for (user, expired) in swept {
            self.expired(&user, expired);
            // One that is empty now is forgotten.
            if self.mailboxes.state(&user) == Some(State::Waiting) {
                self.mailboxes.set_state(&user, State::Waiting);
            }
        }
    }

    /// A device has the first message, or will not have it.
    pub(crate) fn mailbox_ended(&mut self, now: Instant, user: &Arc<str>, id: MessageId, amount: Amount, fate: Fate) {
        self.emit(Output::Ended(fate));
        self.mailboxes.set_state(user, State::Ending);
        self.end(now, Ending { user: Arc::clone(user), id, amount, in_turn: true });
    }

    /// Nothing can be done for a mailbox now. If something is on its way to the store, that is looked at soon: the store may
    /// have answered before.
    fn idle(&mut self, now: Instant, user: &Arc<str>) {
        let may_follow = self.mailboxes.amount(user).messages > 0 && !self.registrar.bindings.of(user).is_empty();
        let was_passed = self.mailboxes.of_user.get(user).is_some_and(|mailbox| mailbox.passed.is_some());
        let rest = if was_passed { REST } else { SOON };
        self.mailboxes.set_state(user, if may_follow { State::Resting(now + rest) } else { State::Waiting });
    }

    /// The same, unless it is being looked at.
    pub(crate) fn rest_if_idle(&mut self, now: Instant, user: &Arc<str>) {
        if self.mailboxes.state(user) == Some(State::Waiting) {
            self.rest(now, user);
        }
    }

    /// No device takes the first message now.
    pub(crate) fn rest(&mut self, now: Instant, user: &Arc<str>) {
        self.mailboxes.set_state(user, State::Resting(now + REST));
    }

    /// A message that was kept to be safe has reached a device after all.
    pub(crate) fn end_early(&mut self, now: Instant, user: &Arc<str>, id: MessageId, amount: Amount) {
        self.end(now, Ending { user: Arc::clone(user), id, amount, in_turn: false });
    }

    /// The store knows that a message has ended, or cannot be told.
    pub(crate) fn handle_ended(&mut self, now: Instant, ending: Ending) {
        let Ending { user, id, amount, in_turn } = ending;
        self.mailboxes.take(&user, amount);
        if in_turn && let Some(mailbox) = self.mailboxes.of_user.get_mut(&user) {
            mailbox.go_on_after(id);
        }
        match self.mailboxes.state(&user) {
            Some(State::Ending) if in_turn => {
                self.mailboxes.set_state(&user, State::Waiting);
                self.look_at_mailbox(now, &user);
            }
            Some(State::Waiting) => self.mailboxes.set_state(&user, State::Waiting),
            Some(State::Resting(_)) if self.mailboxes.amount(&user).messages == 0 => {
                self.mailboxes.set_state(&user, State::Waiting);
            }
            Some(State::Resting(_) | State::Fetching | State::Delivering | State::Ending) | None => {}
        }
    }

    /// Looks at those who have rested, and at what is no longer wanted.
    pub(crate) fn hurry_mailboxes(&mut self, now: Instant) {
        while let Some(user) = self.mailboxes.pop_rested(now) {
            self.look_at_mailbox(now, &user);
        }
        if self.mailboxes.next_id > 1 && self.mailboxes.sweep <= now {
            self.mailboxes.sweep = now + SWEEP;
            let clock = self.since_epoch(now);
            let ended_before = millis(clock.saturating_sub(REMEMBERED));
            self.emit(Output::Sweep { now: millis(clock), ended_before });
        }
    }

    /// What is stored of a message cannot be sent.
    fn end_in_turn(&mut self, now: Instant, user: &Arc<str>, message: &SavedMessage) {
        self.mailbox_ended(now, user, message.id, message.amount(), Fate::Undeliverable);
    }

    fn end(&mut self, now: Instant, ending: Ending) {
        let (id, at) = (ending.id, millis(self.since_epoch(now)));
        self.store(Storing::Ending(ending), vec![Change::End { id, at }]);
    }

    fn expired(&mut self, user: &Arc<str>, expired: Amount) {
        self.mailboxes.take(user, expired);
        for _ in 0..expired.messages {
            self.emit(Output::Ended(Fate::Expired));
        }
    }
}
