//! Keeping a message: its sender is answered once it outlives a restart (MSG-50, MSG-53).

use super::State;
use super::message::{Amount, MessageId, SavedMessage, expires};
use super::senders::{Space, sender};
use crate::relay::{Asker, RelayId};
use crate::{Change, Fate, Output, Proxy, Reject, StoreId, Stored};
use parlor_sip::{HeaderName, Request, Response, reason_phrase};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is said of somebody who writes is of no use later (RFC 3994).
const TRANSIENT: &str = "application/im-iscomposing+xml";

/// A message that waits for the store.
#[derive(Debug)]
pub(crate) struct Keeping {
    user: Arc<str>,
    id: MessageId,
    amount: Amount,
    waiter: Waiter,
}

/// Who is to know that it is kept.
#[derive(Debug)]
enum Waiter {
    /// Who sent it.
    Sender(Asker, Box<Response>),
    /// What still waits for the devices that have not answered.
    Relay(RelayId),
}

impl Proxy {
    /// Whether a message for somebody with an account may be kept: MSG-23, one that is wanted now or never may not.
    pub(crate) fn may_keep(&self, now: Instant, has_account: bool, request: &Request) -> bool {
        let transient = matches!(request.headers.content_type(), Ok(Some(media)) if media.is(TRANSIENT));
        let clock = self.since_epoch(now);
        has_account
            && !transient
            && !self.settings.keep_for.is_zero()
            && request.headers.expires() != Some(0)
            && expires(request, clock, self.settings.keep_for) > clock
    }

    /// MSG-23: whether nobody wants a message any more. One that is wanted now or never is.
    pub(crate) fn has_expired(&self, now: Instant, request: &Request) -> bool {
        let seconds = request.headers.expires().filter(|seconds| *seconds > 0);
        let until =
            seconds.zip(request.headers.date()).map(|(seconds, date)| date + Duration::from_secs(seconds.into()));
        until.is_some_and(|until| until <= self.since_epoch(now))
    }

    /// Keeps a message that no device has been sent.
    pub(crate) fn keep_for(&mut self, now: Instant, asker: Asker, user: &str, request: &Request) -> Result<(), Reject> {
        let echo = Box::new(Response::for_request(request, 202, reason_phrase(202)));
        self.keep(now, user, request, Waiter::Sender(asker, echo))
    }

    /// Keeps a message that no device has answered yet.
    pub(crate) fn keep_for_relay(
        &mut self,
        now: Instant,
        relay: RelayId,
        user: &str,
        request: &Request,
    ) -> Result<(), Reject> {
        self.keep(now, user, request, Waiter::Relay(relay))
    }

    fn keep(&mut self, now: Instant, user: &str, request: &Request, waiter: Waiter) -> Result<(), Reject> {
        let limits = &self.settings.limits;
        let sender = sender(request, &self.settings.hosts);
        // Counted since the mailbox was empty; nobody can have more there than there is.
        let waiting = self.mailboxes.amount(user).messages;
        let of_sender = self.mailboxes.amount_from(user, &sender).min(waiting);
        if waiting >= limits.mailbox || of_sender >= limits.mailbox_of_sender {
            return Err(Reject::MailboxFull);
        }
        let total = self.mailboxes.total();
        let is_full = total.messages >= limits.kept_messages || total.octets >= limits.kept_bytes;
        if is_full || self.storing.len() >= limits.storing {
            return Err(Reject::Overload);
        }
        let space =
            Space { messages: limits.kept_messages, octets: limits.kept_bytes, keep_for: self.settings.keep_for };
        let (clock, token) = (self.since_epoch(now), self.token());
        let (id, user) = (self.mailboxes.name(), self.registrar.bindings.share(user));
        let message = SavedMessage::of(request, id, &user, token, clock, &self.settings)?;
        let amount = message.amount();
        if !self.mailboxes.senders.take(now, &sender, amount, space) {
            return Err(Reject::TooManyOfUser);
        }
        // From now on it counts: what comes meanwhile comes after it.
        self.mailboxes.add(&user, sender, amount);
        let keeping = Keeping { user, id, amount, waiter };
        self.store(crate::proxy::Storing::Message(keeping), vec![Change::Keep(message)]);
        Ok(())
    }

    /// What became of it in the store.
    pub(crate) fn handle_kept(&mut self, now: Instant, keeping: Keeping, stored: Stored) {
        let Keeping { user, id, amount, waiter } = keeping;
        let reject = match stored {
            Stored::Yes => None,
            // MSG-E7: its sender has not heard of our 202 before. It is there once.
            Stored::Known => {
                self.release(&user, amount);
                None
            }
            Stored::Overload => Some(Reject::Overload),
            Stored::Failed => Some(Reject::NotStored),
        };
        match reject {
            Some(reject) => {
                self.release(&user, amount);
                match waiter {
                    Waiter::Sender(Asker::Sender(tx), echo) => self.refuse(tx, reject.instead_of(*echo), reject),
                    Waiter::Sender(asker @ (Asker::Room(_) | Asker::Nobody), echo) => {
                        self.tell_asker(asker, reject.instead_of(*echo));
                    }
                    Waiter::Relay(relay) => self.relay_not_kept(now, relay, &reject),
                }
            }
            None => {
                let is_new = stored == Stored::Yes;
                match waiter {
                    Waiter::Sender(asker, echo) => {
                        self.accept(asker, *echo);
                        self.look_at_mailbox(now, &user);
                    }
                    Waiter::Relay(relay) => self.relay_kept(now, relay, &user, id, amount, is_new),
                }
            }
        }
    }

    /// MSG-20, MSG-21: 202, without Contact and body.
    pub(crate) fn accept(&mut self, asker: Asker, mut response: Response) {
        response.headers.push(HeaderName::Server, &self.settings.product);
        self.tell_asker(asker, response);
        self.emit(Output::Ended(Fate::Kept));
    }

    /// It does not wait after all.
    fn release(&mut self, user: &Arc<str>, amount: Amount) {
        self.mailboxes.take(user, amount);
        if self.mailboxes.state(user) == Some(State::Waiting) {
            self.mailboxes.set_state(user, State::Waiting);
        }
    }

    /// Names what waits for the store.
    pub(crate) fn store(&mut self, storing: crate::proxy::Storing, changes: Vec<Change>) {
        let id = StoreId(self.next_store);
        self.next_store += 1;
        self.storing.insert(id, storing);
        self.emit(Output::Store { id: Some(id), changes });
    }
}
