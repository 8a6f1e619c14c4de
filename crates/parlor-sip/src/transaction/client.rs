//! Requests of ours and the answers to them.

use std::time::Instant;

use bytes::Bytes;
use rand::Rng;

use super::client_invite::{ClientInvite, Effects};
use super::client_non_invite::ClientNonInvite;
use super::{ClientTransactionId, Endpoint, Event, Slot, encoded_request};
use crate::flow::{Flow, SentBy};
use crate::header::{HeaderName, Via};
use crate::message::{Request, Response};
use crate::method::Method;

/// What a client transaction is found by: the random part of its branch, which a CANCEL shares with its INVITE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Branch {
    random: u64,
    cancel: bool,
}

/// A client transaction with what it is found by.
#[derive(Debug)]
pub(super) struct Client {
    serial: u64,
    branch: Branch,
    /// How many there are in its responses: those of a request that was passed on name who is to get them further.
    vias: usize,
    flow: Flow,
    machine: Machine,
    timer: Option<Instant>,
}

#[derive(Debug)]
enum Machine {
    Invite(ClientInvite),
    NonInvite(ClientNonInvite),
}

impl Endpoint {
    /// Sends a request in a transaction of its own: Via, and Max-Forwards if it is missing, are added here. A stream has
    /// its [`crate::ConnectionId`] from when it is being opened, so that its loss is the transaction's.
    pub fn request(&mut self, now: Instant, target: Flow, sent_by: &SentBy, request: Request) -> ClientTransactionId {
        self.send_request(now, target, sent_by, request, None)
    }

    /// Passes on a request of somebody else, as a stateful proxy (RFC 3261 §16.6): its responses come with our Via on top of
    /// those that are there. The mark stands in our Via too, for [`Via::mark`].
    pub fn forward(
        &mut self,
        now: Instant,
        target: Flow,
        sent_by: &SentBy,
        request: Request,
        mark: u64,
    ) -> ClientTransactionId {
        self.send_request(now, target, sent_by, request, Some(mark))
    }

    fn send_request(
        &mut self,
        now: Instant,
        target: Flow,
        sent_by: &SentBy,
        mut request: Request,
        mark: Option<u64>,
    ) -> ClientTransactionId {
        let branch = Branch { random: self.rng.next_u64(), cancel: false };
        let bytes = with_via(&mut request, target, sent_by, branch, mark);
        let vias = request.headers.via_count();
        if self.clients.len() >= self.limits.client {
            let tx = ClientTransactionId { index: usize::MAX, serial: self.next_serial() };
            self.events.push_back(Event::Overload { tx });
            return tx;
        }
        let reliable = target.transport.is_reliable();
        let machine = if request.method == Method::Invite {
            Machine::Invite(ClientInvite::new(now, request, bytes.clone(), reliable, &self.limits.timers))
        } else {
            Machine::NonInvite(ClientNonInvite::new(now, bytes.clone(), reliable, &self.limits.timers))
        };
        self.open_client(branch, vias, target, machine, bytes)
    }

    /// Sends the ACK of a 2xx, once: it belongs to no transaction (RFC 3261 §13.2.2.4).
    pub fn send_ack(&mut self, target: Flow, sent_by: &SentBy, mut ack: Request) {
        let branch = Branch { random: self.rng.next_u64(), cancel: false };
        let bytes = with_via(&mut ack, target, sent_by, branch, None);
        self.send(target, bytes);
    }

    /// Cancels an INVITE of ours: with its first provisional response if none has come yet. The INVITE still ends with a
    /// response or a timeout. Without effect on anything but an INVITE that waits.
    pub fn cancel(&mut self, now: Instant, tx: ClientTransactionId) {
        let timers = self.limits.timers;
        let client = self.clients.get_mut(tx.index).filter(|client| client.serial == tx.serial);
        let Some(Client { machine: Machine::Invite(machine), .. }) = client else { return };
        let cancel = machine.cancel(now, &timers);
        self.update_client_timer(tx.index);
        if let Some(request) = cancel {
            self.start_cancel(now, tx.index, &request);
        }
    }

    fn open_client(
        &mut self,
        branch: Branch,
        vias: usize,
        flow: Flow,
        machine: Machine,
        bytes: Bytes,
    ) -> ClientTransactionId {
        let serial = self.next_serial();
        let index = self.clients.insert(Client { serial, branch, vias, flow, machine, timer: None });
        self.by_branch.insert(branch, index);
        if let Some(connection) = flow.connection {
            self.by_connection.insert((connection, Slot::Client(index)));
        }
        self.update_client_timer(index);
        self.send(flow, bytes);
        ClientTransactionId { index, serial }
    }

    fn start_cancel(&mut self, now: Instant, invite: usize, request: &Request) {
        let Client { branch, flow, .. } = self.clients[invite];
        let bytes = encoded_request(request);
        let reliable = flow.transport.is_reliable();
        let machine = ClientNonInvite::new(now, bytes.clone(), reliable, &self.limits.timers);
        self.open_client(Branch { cancel: true, ..branch }, 1, flow, Machine::NonInvite(machine), bytes);
    }

    pub(super) fn handle_response(&mut self, now: Instant, response: Response) {
        let Some(index) = self.client_of(&response) else {
            self.stats.responses_unmatched += 1;
            return;
        };
        let timers = self.limits.timers;
        let client = &mut self.clients[index];
        let reliable = client.flow.transport.is_reliable();
        let invite = response.headers.cseq().is_ok_and(|cseq| cseq.method == Method::Invite);
        let effects = match &mut client.machine {
            Machine::Invite(machine) if invite => machine.handle_response(now, &response, reliable, &timers),
            Machine::NonInvite(machine) if !invite => machine.handle_response(now, &response, reliable, &timers),
            Machine::Invite(_) | Machine::NonInvite(_) => {
                self.stats.responses_unmatched += 1;
                return;
            }
        };
        self.apply(now, index, effects, Some(response));
    }

    /// The transaction that a response is of. With more Vias than were sent it is meant for somebody else
    /// (RFC 3261 §8.1.3.3), with fewer nobody else would get it.
    fn client_of(&self, response: &Response) -> Option<usize> {
        let cancel = response.headers.cseq().ok()?.method == Method::Cancel;
        let branch = Branch { random: response.headers.top_via().ok()?.random()?, cancel };
        let index = *self.by_branch.get(&branch)?;
        (self.clients[index].vias == response.headers.via_count()).then_some(index)
    }

    pub(super) fn client_timeout(&mut self, now: Instant, index: usize) {
        let timers = self.limits.timers;
        let effects = match &mut self.clients[index].machine {
            Machine::Invite(machine) => machine.handle_timeout(now),
            Machine::NonInvite(machine) => machine.handle_timeout(now, &timers),
        };
        self.apply(now, index, effects, None);
    }

    fn apply(&mut self, now: Instant, index: usize, effects: Effects, response: Option<Response>) {
        let Client { serial, branch, flow, .. } = self.clients[index];
        let tx = ClientTransactionId { index, serial };
        if let Some(bytes) = effects.send {
            self.send(flow, bytes);
        }
        // What becomes of a CANCEL shows in its INVITE.
        if !branch.cancel {
            if let Some(response) = response.filter(|_| effects.report) {
                self.events.push_back(Event::Response { tx, response: Box::new(response) });
            }
            if effects.timed_out {
                self.events.push_back(Event::Timeout { tx });
            }
        }
        if effects.end {
            self.close_client(index);
        } else {
            self.update_client_timer(index);
        }
        if let Some(request) = effects.cancel {
            self.start_cancel(now, index, &request);
        }
    }

    pub(super) fn fail_client(&mut self, index: usize) {
        let Client { serial, branch, .. } = self.clients[index];
        self.close_client(index);
        if !branch.cancel {
            self.events.push_back(Event::TransportError { tx: ClientTransactionId { index, serial } });
        }
    }

    fn update_client_timer(&mut self, index: usize) {
        let client = &mut self.clients[index];
        let new = match &client.machine {
            Machine::Invite(machine) => machine.poll_timeout(),
            Machine::NonInvite(machine) => machine.poll_timeout(),
        };
        let old = std::mem::replace(&mut client.timer, new);
        self.reschedule(Slot::Client(index), old, new);
    }

    fn close_client(&mut self, index: usize) {
        let client = self.clients.remove(index);
        self.by_branch.remove(&client.branch);
        if let Some(connection) = client.flow.connection {
            self.by_connection.remove(&(connection, Slot::Client(index)));
        }
        self.reschedule(Slot::Client(index), client.timer, None);
    }
}

/// Adds our Via on top and encodes.
fn with_via(request: &mut Request, target: Flow, sent_by: &SentBy, branch: Branch, mark: Option<u64>) -> Bytes {
    let via = Via::new(target.transport.via_name(), sent_by, branch.random, mark);
    request.headers.push_front(HeaderName::Via, via);
    if !request.headers.has(&HeaderName::MaxForwards) {
        request.headers.push(HeaderName::MaxForwards, 70);
    }
    encoded_request(request)
}
