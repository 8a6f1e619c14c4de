//! Requests that come in and the answers to them.

use std::time::Instant;

use bytes::Bytes;
use rand::{Rng, RngExt};

use super::key::{self, Key};
use super::lingering::Loss;
use super::server_invite::{Ack, ServerInvite, Step};
use super::server_non_invite::ServerNonInvite;
use super::{Endpoint, Event, ServerTransactionId, Slot, encoded};
use crate::flow::Flow;
use crate::header::{HeaderError, HeaderName, Via};
use crate::message::{Request, Response, reason_phrase};
use crate::method::Method;

/// A server transaction with what it is found by.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) serial: u64,
    key: Key,
    merge_key: Option<Key>,
    /// Where responses go.
    flow: Flow,
    /// Where they go when the connection is gone (RFC 3261 §18.2.2).
    sent_by_port: u16,
    machine: Machine,
    /// Whether the request only asks.
    asks: bool,
    /// Set once nothing more is to be done but to answer repeated requests.
    pub(super) lingers: Option<Loss>,
    timer: Option<Instant>,
    /// What it counts for in [`super::TransactionLimits::server_bytes`].
    bytes: usize,
}

#[derive(Debug)]
enum Machine {
    /// `tag` is the To tag of the answers to CANCEL.
    Invite {
        machine: ServerInvite,
        tag: u64,
        cancelled: bool,
    },
    NonInvite(ServerNonInvite),
}

impl Endpoint {
    pub(super) fn handle_request(&mut self, now: Instant, flow: Flow, mut request: Request) {
        let Ok(via) = request.headers.stamp_via(flow.remote) else { return };
        let handled = match request.method {
            Method::Ack => self.handle_ack(now, flow, request, &via),
            Method::Cancel => self.handle_cancel(flow, &request, &via),
            _ => self.handle_new_or_repeated(now, flow, request, &via),
        };
        if let Err(error) = handled {
            tracing::debug!(%error, "request without what its transaction is known by");
        }
    }

    fn handle_new_or_repeated(
        &mut self,
        now: Instant,
        flow: Flow,
        request: Request,
        via: &Via,
    ) -> Result<(), HeaderError> {
        let key = key::transaction(&request, via, &request.method)?;
        if let Some(&index) = self.by_key.get(&key) {
            self.repeat(index);
            return Ok(());
        }
        let reply_to = response_flow(via, flow);
        let merge_key = key::merged(&request)?;
        // RFC 3261 §8.2.2.2: the same request by another way (SIP-25).
        if merge_key.as_ref().is_some_and(|key| self.by_merge_key.contains_key(key)) {
            self.stats.requests_merged += 1;
            self.send_stateless(reply_to, Response::for_request(&request, 482, reason_phrase(482)));
            return Ok(());
        }
        while self.is_full_for(&request.method) {
            if !self.end_lingering() {
                self.refuse_overloaded(reply_to, &request);
                return Ok(());
            }
        }
        let tx = self.open_server(now, reply_to, via, &request, key, merge_key);
        self.events.push_back(Event::Request { tx, request: Box::new(request), flow });
        Ok(())
    }

    fn repeat(&mut self, index: usize) {
        self.stats.requests_repeated += 1;
        let server = &self.servers[index];
        let again = match &server.machine {
            Machine::Invite { machine, .. } => machine.handle_invite(),
            Machine::NonInvite(machine) => machine.handle_request(),
        };
        if let Some(bytes) = again {
            self.send(server.flow, bytes);
        }
    }

    /// BYE frees what others wait for, so there is room left for it.
    fn is_full_for(&self, method: &Method) -> bool {
        let reserved = |limit: usize| if *method == Method::Bye { limit + limit / 8 } else { limit };
        self.servers.len() >= reserved(self.limits.server) || self.server_bytes >= reserved(self.limits.server_bytes)
    }

    fn refuse_overloaded(&mut self, flow: Flow, request: &Request) {
        self.stats.requests_overloaded += 1;
        let mut response = Response::for_request(request, 503, reason_phrase(503));
        // Spread, so that those refused do not come back together.
        response.headers.push(HeaderName::RetryAfter, self.rng.random_range(5..=15));
        self.send_stateless(flow, response);
    }

    fn open_server(
        &mut self,
        now: Instant,
        flow: Flow,
        via: &Via,
        request: &Request,
        key: Key,
        merge_key: Option<Key>,
    ) -> ServerTransactionId {
        let serial = self.next_serial();
        let machine = self.machine_for(now, request);
        let sent_by_port = via.port_or_default();
        let server = Server {
            serial,
            key: key.clone(),
            merge_key: merge_key.clone(),
            flow,
            sent_by_port,
            machine,
            asks: request.method == Method::Options,
            lingers: None,
            timer: None,
            bytes: 0,
        };
        let index = self.servers.insert(server);
        self.by_key.insert(key, index);
        if let Some(key) = merge_key {
            self.by_merge_key.insert(key, index);
        }
        if let Some(connection) = flow.connection {
            self.by_connection.insert((connection, Slot::Server(index)));
        }
        self.update_server(index);
        ServerTransactionId { index, serial }
    }

    fn machine_for(&mut self, now: Instant, request: &Request) -> Machine {
        if request.method != Method::Invite {
            return Machine::NonInvite(ServerNonInvite::new(now, &self.limits.timers));
        }
        let mut trying = Response::for_request(request, 100, reason_phrase(100));
        // RFC 3261 §8.2.6.1: a 100 repeats the Timestamp.
        trying.headers.copy(&request.headers, &HeaderName::Timestamp);
        let tag = self.rng.next_u64();
        Machine::Invite { machine: ServerInvite::new(now, encoded(&trying)), tag, cancelled: false }
    }

    fn handle_ack(&mut self, now: Instant, flow: Flow, request: Request, via: &Via) -> Result<(), HeaderError> {
        let key = key::transaction(&request, via, &Method::Invite)?;
        let timers = self.limits.timers;
        let matched = self.by_key.get(&key).copied();
        let outcome = matched.map(|index| match &mut self.servers[index] {
            Server { machine: Machine::Invite { machine, .. }, flow, .. } => {
                (index, machine.handle_ack(now, flow.transport.is_reliable(), &timers))
            }
            Server { machine: Machine::NonInvite(_), .. } => (index, Ack::Absorbed),
        });
        match outcome {
            Some((index, Ack::Absorbed)) => self.update_server(index),
            Some((index, Ack::Ended)) => self.close_server(index),
            Some((_, Ack::ForCore)) | None => {
                self.events.push_back(Event::Ack { request: Box::new(request), flow });
            }
        }
        Ok(())
    }

    /// Answers a CANCEL (RFC 3261 §9.2). Every copy of it gets the same answer, so it needs no transaction of its own.
    fn handle_cancel(&mut self, flow: Flow, request: &Request, via: &Via) -> Result<(), HeaderError> {
        let key = key::transaction(request, via, &Method::Invite)?;
        let reply_to = response_flow(via, flow);
        let Some(&index) = self.by_key.get(&key) else {
            self.send_stateless(reply_to, Response::for_request(request, 481, reason_phrase(481)));
            return Ok(());
        };
        let server = &mut self.servers[index];
        let mut response = Response::for_request(request, 200, reason_phrase(200));
        if let Machine::Invite { machine, tag, cancelled } = &mut server.machine {
            response.set_to_tag(&format!("{tag:016x}"));
            if machine.is_proceeding() && !*cancelled {
                *cancelled = true;
                self.events.push_back(Event::Cancel { tx: ServerTransactionId { index, serial: server.serial } });
            }
        }
        self.send(reply_to, encoded(&response));
        Ok(())
    }

    /// Sends the core's response to a request. One that comes after the transaction has ended is dropped: the peer no
    /// longer waits for it.
    pub fn respond(&mut self, now: Instant, tx: ServerTransactionId, response: &Response) {
        let timers = self.limits.timers;
        let Some(server) = self.servers.get_mut(tx.index).filter(|server| server.serial == tx.serial) else {
            self.stats.responses_late += 1;
            return;
        };
        let reliable = server.flow.transport.is_reliable();
        let flow = server.flow;
        let bytes = encoded(response);
        let (send, end) = match &mut server.machine {
            Machine::Invite { machine, .. } => as_sent(machine.respond(now, response.code, bytes, reliable, &timers)),
            Machine::NonInvite(machine) => machine.respond(now, response.code, bytes, reliable, &timers),
        };
        let loss = server.loss_after(response.code);
        let is_sent = send.is_some();
        if let Some(bytes) = send {
            self.send(flow, bytes);
        }
        if end {
            self.close_server(tx.index);
            return;
        }
        self.update_server(tx.index);
        if let Some(loss) = loss.filter(|_| is_sent) {
            self.linger(tx.index, loss);
        }
    }

    pub(super) fn server_timeout(&mut self, now: Instant, index: usize) {
        let timers = self.limits.timers;
        let server = &mut self.servers[index];
        let flow = server.flow;
        let step = match &mut server.machine {
            Machine::Invite { machine, .. } => machine.handle_timeout(now, &timers),
            Machine::NonInvite(machine) => machine.handle_timeout(now),
        };
        match step {
            Step::Nothing => self.update_server(index),
            Step::Send(bytes) => {
                self.send(flow, bytes);
                self.update_server(index);
            }
            Step::End => self.close_server(index),
        }
    }

    /// RFC 3261 §18.2.2: with the connection gone, responses go to where the Via says, over a new one.
    pub(super) fn lose_connection(&mut self, index: usize) {
        let server = &mut self.servers[index];
        if let Some(connection) = server.flow.connection.take() {
            self.by_connection.remove(&(connection, Slot::Server(index)));
            server.flow.remote.set_port(server.sent_by_port);
        }
    }

    /// Brings timer and account up to date after the machine has moved.
    fn update_server(&mut self, index: usize) {
        let server = &mut self.servers[index];
        let new = match &server.machine {
            Machine::Invite { machine, .. } => machine.poll_timeout(),
            Machine::NonInvite(machine) => machine.poll_timeout(),
        };
        let old = std::mem::replace(&mut server.timer, new);
        let bytes = server.held_bytes();
        self.server_bytes = self.server_bytes + bytes - std::mem::replace(&mut server.bytes, bytes);
        self.reschedule(Slot::Server(index), old, new);
    }

    pub(super) fn close_server(&mut self, index: usize) {
        let server = self.servers.remove(index);
        self.server_bytes -= server.bytes;
        if let Some(loss) = server.lingers {
            self.lingering.remove(&(loss, server.serial, index));
        }
        self.by_key.remove(&server.key);
        if let Some(key) = &server.merge_key {
            self.by_merge_key.remove(key);
        }
        if let Some(connection) = server.flow.connection {
            self.by_connection.remove(&(connection, Slot::Server(index)));
        }
        self.reschedule(Slot::Server(index), server.timer, None);
    }
}

impl Server {
    /// What is lost with this transaction once it has sent such a response; `None` if it may not be lost: what is not
    /// answered, and an INVITE whose 2xx the core has to repeat (RFC 6026 §7.1).
    fn loss_after(&self, code: u16) -> Option<Loss> {
        let has_acted = code < 300 && !self.asks;
        match &self.machine {
            Machine::Invite { .. } => (!has_acted).then_some(Loss::Answer),
            Machine::NonInvite(_) if code < 200 => None,
            Machine::NonInvite(_) => Some(if has_acted { Loss::Deed } else { Loss::Answer }),
        }
    }

    /// Each key is held twice, here and where it is looked up.
    fn held_bytes(&self) -> usize {
        let machine = match &self.machine {
            Machine::Invite { machine, .. } => machine.held_bytes(),
            Machine::NonInvite(machine) => machine.held_bytes(),
        };
        size_of::<Self>() + 2 * (self.key.len() + self.merge_key.as_ref().map_or(0, |key| key.len())) + machine
    }
}

fn as_sent(step: Step) -> (Option<Bytes>, bool) {
    match step {
        Step::Nothing => (None, false),
        Step::Send(bytes) => (Some(bytes), false),
        Step::End => (None, true),
    }
}

/// Where the response to a request goes (RFC 3261 §18.2.2, RFC 3581 §4): back over the stream it came by; for UDP to the
/// source address, at the source port if `rport` asks so and at that of sent-by if not. `maddr` is not followed: it would
/// let anyone point our responses at a third party.
pub(super) fn response_flow(via: &Via, flow: Flow) -> Flow {
    if flow.transport.is_reliable() || via.params.has("rport") {
        return flow;
    }
    let mut reply_to = flow;
    reply_to.remote.set_port(via.port_or_default());
    reply_to
}
