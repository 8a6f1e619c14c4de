//! The one task that holds all SIP transactions.

use super::flows::{Datagrams, Flows};
use super::listener;
use super::proxying::Proxying;
use super::requests::{Answered, Requests};
use super::stream::Streams;
use super::{Incoming, SipOutput, udp};
use crate::addresses::Admission;
use crate::auth::Gate;
use crate::listener::Listener;
use crate::metrics::{Metrics, Rejected, SipMethod};
use crate::msrp::SessionTable;
use crate::pace::{PacePerAddress, Rate};
use crate::room::{Rooms, SipInput};
use parlor_focus::{Location, NextHop};
use parlor_proxy::{Failure, Way};
use parlor_sip::{
    ClientTransactionId, Endpoint, Event, Flow, Limits, Method, Request, Response, SentBy, Stats, TransactionLimits,
    Transport,
};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;

/// How many messages may wait for the task.
const MAILBOX: usize = 256;
/// How many messages are handled in one turn.
const TURN: usize = 64;

/// A socket that SIP is served on.
#[derive(Debug)]
pub(crate) enum Socket {
    /// Datagrams.
    Udp(UdpSocket),
    /// Streams.
    Stream(Listener),
}

/// What an operator may set about SIP.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    pub(crate) transactions: TransactionLimits,
    pub(crate) connections: usize,
    pub(crate) per_address: u32,
    /// How we connect over TLS.
    pub(crate) tls: Arc<rustls::ClientConfig>,
    /// How often somebody at one address may begin a dialog.
    pub(crate) joins: Option<Rate>,
    /// How often it may subscribe.
    pub(crate) subscribes: Option<Rate>,
}

/// All SIP transactions and where they are sent.
#[derive(Debug)]
pub(crate) struct SipTask {
    pub(super) endpoint: Endpoint,
    pub(super) rooms: Arc<Rooms>,
    pub(super) table: Arc<SessionTable>,
    pub(super) focus: Arc<parlor_focus::Settings>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) gate: Gate,
    /// If users can register.
    pub(super) proxying: Option<Proxying>,
    pub(super) flows: Flows,
    requests: Requests,
    /// The server goes down: who waits until all watchers have been told.
    pub(super) stopping: Option<oneshot::Sender<()>>,
    pub(super) joins: PacePerAddress,
    pub(super) subscribes: PacePerAddress,
    incoming: mpsc::Receiver<Incoming>,
    outgoing: mpsc::Receiver<SipOutput>,
    counted: Stats,
}

impl SipTask {
    /// A task that serves no socket yet.
    pub(crate) fn new(
        settings: &Settings,
        rooms: Arc<Rooms>,
        table: Arc<SessionTable>,
        focus: Arc<parlor_focus::Settings>,
        metrics: Arc<Metrics>,
        gate: Gate,
        outgoing: mpsc::Receiver<SipOutput>,
    ) -> Self {
        let (tell, incoming) = mpsc::channel(MAILBOX);
        let streams = Streams {
            limits: settings.limits,
            metrics: Arc::clone(&metrics),
            incoming: tell,
            admission: Admission::new(settings.connections, settings.per_address),
            next: Arc::new(AtomicU64::new(1)),
            tls: Arc::clone(&settings.tls),
        };
        Self {
            endpoint: Endpoint::new(settings.transactions, rand::make_rng()),
            rooms,
            table,
            focus,
            metrics,
            gate,
            proxying: None,
            flows: Flows::new(streams),
            requests: Requests::new(settings.transactions.timers.t1x64()),
            stopping: None,
            joins: PacePerAddress::new(settings.joins),
            subscribes: PacePerAddress::new(settings.subscribes),
            incoming,
            outgoing,
            counted: Stats::default(),
        }
    }

    /// Serves a socket that our Via names so.
    pub(crate) fn serve(&mut self, socket: Socket, local: SocketAddr, sent_by: SentBy) {
        let streams = self.flows.streams.clone();
        match socket {
            Socket::Udp(socket) => {
                let socket = Arc::new(socket);
                self.flows.sent_by.insert((Transport::Udp, local), sent_by);
                let read = udp::read(Arc::clone(&socket), local, streams.limits, streams.metrics, streams.incoming);
                self.flows.datagrams.push(Datagrams { local, socket });
                tokio::spawn(read);
            }
            Socket::Stream(listener) => {
                let transport = if listener.is_tls() { Transport::Tls } else { Transport::Tcp };
                self.flows.sent_by.insert((transport, local), sent_by);
                tokio::spawn(listener::accept(listener, local, streams));
            }
        }
    }

    /// Runs until all rooms and sockets are gone, which is for ever.
    pub(crate) async fn run(mut self) {
        let (mut messages, mut outputs) = (Vec::with_capacity(TURN), Vec::with_capacity(TURN));
        let mut heard = Vec::new();
        loop {
            let deadline = self.endpoint.poll_timeout();
            let proxy = self.proxying.as_ref().and_then(|proxying| proxying.proxy.poll_timeout());
            let wake = [deadline, proxy].into_iter().flatten().min();
            let mut removed = Vec::new();
            tokio::select! {
                _ = self.incoming.recv_many(&mut messages, TURN) => {}
                _ = self.outgoing.recv_many(&mut outputs, TURN) => {}
                said = Proxying::heard(&mut self.proxying) => heard.push(said),
                users = self.gate.removed() => removed = users,
                () = sleep_until(wake.unwrap_or_else(Instant::now).into()), if wake.is_some() => {}
            }
            let now = Instant::now();
            self.endpoint.handle_timeout(now);
            self.wake_proxy(now);
            if let Some(proxying) = &mut self.proxying {
                // Whatever woke us: what is asked for by messages is answered as fast as they come.
                proxying.hear_more(TURN, &mut heard);
            }
            heard.drain(..).for_each(|heard| self.handle_heard(now, heard));
            self.forget_users(now, &removed);
            for message in messages.drain(..) {
                self.handle_incoming(now, message);
                self.drain(now);
            }
            for output in outputs.drain(..) {
                self.handle_output(now, output);
                // What one has put into a stream counts before the next asks for space there.
                self.drain(now);
            }
            self.drain(now);
            self.flush_proxy();
            self.settle_shutdown();
            self.count();
        }
    }

    fn handle_incoming(&mut self, now: Instant, incoming: Incoming) {
        match incoming {
            Incoming::Opened { flow, queue } => self.flows.opened(flow, queue),
            Incoming::Message { flow, message } => self.endpoint.handle_message(now, flow, *message),
            Incoming::Invalid { flow, error } => self.endpoint.handle_invalid(flow, &error),
            Incoming::Ended { flow } => {
                self.flows.ended(flow);
                self.forget_stream(now, flow.connection);
            }
            Incoming::Closed { flow } => self.lose(now, flow),
        }
    }

    fn lose(&mut self, now: Instant, flow: Flow) {
        self.flows.closed(flow);
        self.forget_stream(now, flow.connection);
        self.endpoint.handle_transport_error(now, flow);
    }

    fn handle_output(&mut self, now: Instant, output: SipOutput) {
        match output {
            SipOutput::Locate { uri, tell } => {
                let registered = self.proxying.as_ref().and_then(|proxying| proxying.locate(now, &uri));
                let location =
                    registered.map(|(target, Way { flow, uri })| Location { target, next_hop: NextHop { flow, uri } });
                let user = self.gate.owner(&uri);
                // Who no longer waits has ended.
                let _ = tell.send(location.map(|location| (location, user)));
            }
            SipOutput::Place { flow, name, tell } => {
                let _ = tell.send(self.flows.place(flow, &name));
            }
            SipOutput::Respond { tx, response } => self.endpoint.respond(now, tx, &response),
            SipOutput::Request { room, id, request, next_hop } => match self.flows.route(&next_hop) {
                Some(flow) if tells_roster(&request) && !self.flows.has_space(flow, request.body.len()) => {
                    self.tell(room, SipInput::Delayed(id));
                }
                Some(flow) => {
                    let tx = self.endpoint.request(now, flow, &self.flows.sent_by(flow), request);
                    self.requests.sent(tx, room, id);
                }
                None => self.tell(room, SipInput::Failed(id)),
            },
            SipOutput::Shutdown { told } => self.shut_down(now, told),
            SipOutput::Page { room, id, page } => self.page(now, room, id, *page),
            SipOutput::Mention { to, request } => self.mention(now, &to, *request),
            SipOutput::NotSaid(message) => self.handle_not_said(now, &message),
            SipOutput::Cancel { room, id } => {
                if let Some(tx) = self.requests.transaction(room, id) {
                    self.endpoint.cancel(now, tx);
                }
            }
            SipOutput::Ack { request, next_hop } => {
                if let Some(flow) = self.flows.route(&next_hop) {
                    self.endpoint.send_ack(flow, &self.flows.sent_by(flow), request);
                }
            }
        }
    }

    /// Does what the transactions want done.
    fn drain(&mut self, now: Instant) {
        loop {
            while let Some(transmit) = self.endpoint.poll_transmit() {
                if let Some(code) = transmit.status() {
                    self.metrics.sip_responses.of(code).inc();
                }
                if !self.flows.send(transmit.flow, transmit.bytes) && transmit.flow.transport != Transport::Udp {
                    self.metrics.reject(Rejected::SipUnsendable);
                    self.lose(now, transmit.flow);
                }
            }
            if let Some(event) = self.endpoint.poll_event() {
                self.handle_event(now, event);
            } else if !self.serve_proxy(now) {
                return;
            }
        }
    }

    fn handle_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Request { tx, request, flow } => self.handle_request(now, tx, request, flow),
            Event::Ack { request, flow: _ } => self.handle_ack(request),
            // SIP-47: rooms answer an INVITE at once, so that there is nothing to cancel.
            Event::Cancel { tx: _ } => self.metrics.sip_requests.of(SipMethod::Cancel).inc(),
            Event::Response { tx, response } => self.handle_response(now, tx, response),
            Event::Timeout { tx } => self.handle_failure(now, tx, Failure::Silence),
            Event::TransportError { tx } => self.handle_failure(now, tx, Failure::Unreachable),
            Event::Overload { tx } => self.handle_failure(now, tx, Failure::Overload),
        }
    }

    fn handle_failure(&mut self, now: Instant, tx: ClientTransactionId, failure: Failure) {
        if self.handle_not_passed_on(now, tx, failure) {
            return;
        }
        if let Some((room, id)) = self.requests.failed(tx) {
            let told = match failure {
                Failure::Silence | Failure::Unreachable => SipInput::Failed(id),
                Failure::Overload => SipInput::Delayed(id),
            };
            self.tell(room, told);
        }
    }

    fn handle_response(&mut self, now: Instant, tx: ClientTransactionId, response: Box<Response>) {
        let Some(response) = self.handle_passed_on(now, tx, response) else { return };
        if response.is_provisional() {
            if let Some((room, id)) = self.requests.rings(tx, &response) {
                self.tell(room, SipInput::Response { id, response, spare: true });
            }
            return;
        }
        if let Some(Answered { room, id, again }) = self.requests.answered(now, tx, &response) {
            self.tell(room, SipInput::Response { id, response, spare: again });
        }
    }

    /// The answer to a room's own request. A room that has ended needs none; what is spare may be refused.
    pub(super) fn tell(&self, room: u64, input: SipInput) {
        self.rooms.dispatch_by_id(room, input);
    }

    fn count(&mut self) {
        let stats = self.endpoint.stats();
        let under_way = stats.server_transactions + stats.client_transactions;
        self.metrics.sip_transactions.set(i64::try_from(under_way).unwrap_or(i64::MAX));
        let cut_short = stats.transactions_cut_short - self.counted.transactions_cut_short;
        self.metrics.sip_transactions_cut_short.inc_by(cut_short);
        for _ in self.counted.requests_overloaded..stats.requests_overloaded {
            self.metrics.reject(Rejected::SipTooManyTransactions);
        }
        for _ in self.counted.requests_merged..stats.requests_merged {
            self.metrics.reject(Rejected::SipMerged);
        }
        self.counted = stats;
    }
}

/// Whether this is what may wait for space: a later one will tell more.
fn tells_roster(request: &Request) -> bool {
    let package = request.headers.event().ok().flatten();
    request.method == Method::Notify && package.is_some_and(|event| &*event.token == "conference")
}
