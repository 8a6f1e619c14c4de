//! From sender to devices, and what becomes of it.

use super::load::Taken;
use super::target::{Target, groups};
use super::{Asker, Mark, Origin, Recipient, Relay, RelayId, Timer, admission, breadth, forward, own};
use crate::mailbox::{Amount, MessageId};
use crate::{Fate, Output, Paged, Proxy, Reject, Sender};
use parlor_sip::{Request, Response, ServerTransactionId};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

impl Proxy {
    /// Takes a message to the devices of its user, or to the mailbox.
    pub(crate) fn relay(
        &mut self,
        now: Instant,
        tx: ServerTransactionId,
        request: &Request,
        mark: Mark,
        recipient: &Recipient,
        sender: &Sender,
    ) -> Result<(), Reject> {
        breadth::check(request)?;
        let (name, has_account) = match recipient {
            Recipient::User { name, has_account } => (name, *has_account),
            Recipient::Nobody => return Err(Reject::NotFound),
            Recipient::Elsewhere => return self.relay_elsewhere(tx, request, mark, sender),
        };
        self.expire(now);
        if self.has_expired(now, request) {
            self.emit(Output::Ended(Fate::Expired));
            return Err(Reject::Unavailable);
        }
        let keepable = self.may_keep(now, has_account, request);
        let mut request = request.clone();
        admission::prepare(&mut request, &self.settings);
        let groups = groups(self.registrar.bindings.of(name));
        // MSG-16: nothing is gained by keeping it for devices that will not get it.
        if !groups.is_empty() && !forward::fits_any(&request, &groups) {
            return Err(Reject::NeedsStream);
        }
        // MSG-50: what comes after what waits waits too.
        let has_mail = self.mailboxes.amount(name).messages > 0;
        if keepable && (groups.is_empty() || has_mail) {
            return self.keep_for(now, Asker::Sender(tx), name, &request);
        }
        if groups.is_empty() {
            return Err(if has_account { Reject::Unavailable } else { Reject::NotFound });
        }
        let octets = forward::under_way(&request, &groups);
        let taken = self.relays.load.take(sender.aor(), octets, &self.settings.limits)?;
        let user = self.registrar.bindings.share(name);
        self.begin(now, Origin::Sender(Asker::Sender(tx), keepable), user, request, Some(mark), groups, taken);
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "all that a message on its way consists of")]
    pub(crate) fn begin(
        &mut self,
        now: Instant,
        origin: Origin,
        user: Arc<str>,
        request: Request,
        mark: Option<Mark>,
        groups: VecDeque<Vec<Target>>,
        taken: Taken,
    ) {
        let id = RelayId(self.relays.name());
        let (share, groups) = breadth::divide(&request, groups);
        let relay = Relay {
            origin,
            user,
            request,
            mark: mark.map(|mark| mark.0),
            taken,
            groups,
            share,
            pending: 0,
            best: super::Best::default(),
            congested: false,
            timers: BTreeSet::new(),
        };
        self.relays.all.insert(id, relay);
        if let Origin::Sender(_, true) = origin {
            self.relays.arm(id, Timer::Patience, now + self.settings.patience);
        }
        self.try_next_group(now, id);
    }

    /// Does what is due.
    pub(crate) fn hurry(&mut self, now: Instant) {
        while let Some((id, timer)) = self.relays.pop_due(now) {
            match timer {
                Timer::Group => self.try_next_group(now, id),
                Timer::Patience => {
                    // If it cannot be kept, some device may still answer.
                    let _ = self.keep_relayed(now, id);
                }
            }
        }
    }

    /// Sends to the next group, or concludes when there is none and nobody may still answer.
    pub(super) fn try_next_group(&mut self, now: Instant, id: RelayId) {
        self.relays.disarm(id, Timer::Group);
        let Some(relay) = self.relays.all.get_mut(&id) else { return };
        match relay.groups.pop_front() {
            Some(group) => {
                // All of them before any of them can end what is on its way.
                relay.pending += group.len();
                if !relay.groups.is_empty() && !relay.share.in_turn {
                    self.relays.arm(id, Timer::Group, now + self.settings.group_time);
                }
                group.into_iter().for_each(|target| self.send(now, id, target));
            }
            None if relay.pending == 0 => self.conclude(now, id),
            None => {}
        }
    }

    /// Nobody will answer any more.
    fn conclude(&mut self, now: Instant, id: RelayId) {
        let Some(relay) = self.relays.all.get_mut(&id) else { return };
        let unavailable = relay.best.is_unavailable();
        if let Origin::Sender(_, true) = relay.origin
            && unavailable
            && self.keep_relayed(now, id).is_ok()
        {
            return;
        }
        let Some(mut relay) = self.relays.remove(id) else { return };
        self.relays.load.give_back(relay.taken);
        match (relay.origin, relay.best.take()) {
            (Origin::Sender(Asker::Room(id), _), _) if relay.congested && unavailable => {
                self.emit(Output::Paged { id, paged: Paged::Delayed });
            }
            (Origin::Sender(asker, _) | Origin::Keeping(asker), Some(best)) => self.tell(asker, best),
            (Origin::Sender(asker @ Asker::Room(_), _), None) => self.tell(asker, own::silence(&relay.request)),
            // RFC 4320 §4.2: by now its sender has given up.
            (Origin::Sender(..) | Origin::Keeping(_), None) => self.emit(Output::Ended(Fate::Unavailable)),
            (Origin::Mailbox { .. }, _) if unavailable => self.rest(now, &relay.user),
            (Origin::Mailbox { id, amount }, _) => {
                self.mailbox_ended(now, &relay.user, id, amount, Fate::Undeliverable);
            }
            (Origin::Kept(..) | Origin::Answered, _) => {}
        }
    }

    /// A device has it, or 6xx says that none will.
    pub(super) fn answer(&mut self, now: Instant, id: RelayId, response: Response) {
        let Some(relay) = self.relays.all.get_mut(&id) else { return };
        let (user, delivered) = (Arc::clone(&relay.user), response.is_success());
        relay.groups.clear();
        match std::mem::replace(&mut relay.origin, Origin::Answered) {
            Origin::Sender(asker, _) | Origin::Keeping(asker) => self.tell(asker, response),
            Origin::Kept(message, amount) if delivered => {
                self.emit(Output::Ended(Fate::DeliveredLater));
                self.end_early(now, &user, message, amount);
            }
            Origin::Mailbox { id: message, amount } => {
                let fate = if delivered { Fate::DeliveredLater } else { Fate::Undeliverable };
                self.mailbox_ended(now, &user, message, amount, fate);
            }
            kept @ Origin::Kept(..) => relay.origin = kept,
            Origin::Answered => {}
        }
        self.relays.disarm(id, Timer::Group);
        self.relays.disarm(id, Timer::Patience);
    }

    /// Tells who waits for it, once (MSG-2). What becomes of a room's messages the room counts.
    fn tell(&mut self, asker: Asker, response: Response) {
        let fate = match response.code {
            ..300 => Fate::Delivered,
            code if super::best::is_unavailable(code) => Fate::Unavailable,
            _ => Fate::Refused,
        };
        self.tell_asker(asker, response);
        if !matches!(asker, Asker::Room(_)) {
            self.emit(Output::Ended(fate));
        }
    }
}

/// Messages on their way that are kept meanwhile, or instead.
impl Proxy {
    /// Has it kept, if its sender still waits.
    fn keep_relayed(&mut self, now: Instant, id: RelayId) -> Result<(), Reject> {
        let Some(relay) = self.relays.all.get(&id) else { return Ok(()) };
        let Origin::Sender(asker, true) = relay.origin else { return Ok(()) };
        let (user, request) = (Arc::clone(&relay.user), relay.request.clone());
        let kept = self.keep_for_relay(now, id, &user, &request);
        if let Some(relay) = self.relays.all.get_mut(&id) {
            match &kept {
                Ok(()) => {
                    relay.origin = Origin::Keeping(asker);
                    relay.pending += 1;
                }
                Err(reject) => {
                    relay.origin = Origin::Sender(asker, false);
                    let refusal = relay.response(reject.code());
                    relay.best.note(refusal);
                }
            }
        }
        kept
    }

    /// It is kept; `is_new` unless the same was there before.
    pub(crate) fn relay_kept(
        &mut self,
        now: Instant,
        id: RelayId,
        user: &Arc<str>,
        message: MessageId,
        amount: Amount,
        is_new: bool,
    ) {
        let Some(relay) = self.relays.all.get_mut(&id) else { return };
        relay.pending -= 1;
        match relay.origin {
            Origin::Keeping(asker) => {
                let accepted = relay.response(202);
                relay.origin = if is_new { Origin::Kept(message, amount) } else { Origin::Answered };
                self.accept(asker, accepted);
                // Those devices have it now, or cannot be reached: neither is tried again at once.
                self.rest_if_idle(now, user);
            }
            // It was delivered meanwhile.
            Origin::Answered if is_new => self.end_early(now, user, message, amount),
            Origin::Answered | Origin::Sender(..) | Origin::Kept(..) | Origin::Mailbox { .. } => {}
        }
        self.conclude_if_over(now, id);
    }

    /// It could not be kept.
    pub(crate) fn relay_not_kept(&mut self, now: Instant, id: RelayId, reject: &Reject) {
        let Some(relay) = self.relays.all.get_mut(&id) else { return };
        relay.pending -= 1;
        if let Origin::Keeping(asker) = relay.origin {
            relay.origin = Origin::Sender(asker, false);
            let refusal = relay.response(reject.code());
            relay.best.note(refusal);
        }
        self.conclude_if_over(now, id);
    }

    pub(super) fn conclude_if_over(&mut self, now: Instant, id: RelayId) {
        if self.relays.all.get(&id).is_some_and(|relay| relay.pending == 0) {
            self.try_next_group(now, id);
        }
    }
}
