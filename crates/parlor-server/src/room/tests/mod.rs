//! A room's task with what belongs to it, driven by hand: SIP as it stands on the wire, connections as outboxes.

mod collapse;
mod connections;

use super::family::Family;
use super::founder::Founder;
use super::mailbox::Mailbox;
use super::registry::{Policy, Rooms};
use super::task::{RoomTask, Shared};
use super::{Brought, Inbox, MsrpInput, Place, RoomHandle, SipInput};
use crate::addresses::Admission;
use crate::metrics::Metrics;
use crate::msrp::{Connections, SessionEntry, SessionTable, Settings};
use crate::own::OwnListeners;
use crate::resolve::Resolver;
use crate::sip::{Locator, Reach, SipOutput};
use bytes::Bytes;
use parlor_focus::Caller;
use parlor_focus::sdp::{MsrpAddress, MsrpAddresses};
use parlor_msrp::{Decoder, Event};
use parlor_room::{Hosts, Room, Rules};
use parlor_sip::{
    ConnectionId, Endpoint, Flow, Limits, Message, Request, ServerTransactionId, TransactionLimits, Transport,
    parse_datagram,
};
use parlor_switch::{Credit, Input, Outbox, OutboxLimits, Poll, Scratch, StalledMemory, Turn};
use std::collections::HashMap;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// What all rooms share, with the far ends of what they are given.
pub(crate) struct Scene {
    pub(crate) shared: Arc<Shared>,
    pub(crate) rooms: Arc<Rooms>,
    to_sip: mpsc::Receiver<SipOutput>,
    endpoint: Endpoint,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(OutboxLimits::default())
    }

    pub(crate) fn with(outbox: OutboxLimits) -> Self {
        let (sip, to_sip) = mpsc::channel(64);
        let hosts = Arc::new(Hosts::new("chat.example.test", []));
        let (table, metrics) = (Arc::new(SessionTable::new(100)), Arc::new(Metrics::new()));
        let settings = Settings {
            outbox,
            decoder: parlor_msrp::Limits::default(),
            bind_timeout: Duration::from_secs(30),
            sessions: 256,
            strict_paths: false,
            frame_bytes: 8192,
        };
        let (own, memory) = (OwnListeners::default(), StalledMemory::new(usize::MAX));
        let connections =
            Connections::new(settings, own, Admission::new(10, 10), Arc::clone(&table), Arc::clone(&metrics), memory);
        let msrp = MsrpAddress { host: "192.0.2.1".into(), port: 2855 };
        let focus = parlor_focus::Settings {
            msrp: MsrpAddresses { tcp: Some(msrp), tls: None },
            ..parlor_focus::Settings::new(hosts)
        };
        let resolver = Arc::new(Resolver::new(&["127.0.0.1:1".parse().expect("an address")]));
        let reach = Reach::new(
            resolver,
            Vec::new(),
            OwnListeners::default(),
            mpsc::channel(1).0,
            Vec::new(),
            Arc::clone(&metrics),
        );
        let shared = Arc::new(Shared {
            table,
            connections: Arc::new(connections),
            metrics,
            locator: Locator::new(Arc::clone(&focus.hosts), reach),
            whereabouts: crate::sip::Whereabouts::default(),
            focus: Arc::new(focus),
            switch: parlor_switch::Settings::default(),
            outbox,
            tls: crate::tls::Tls::load(&crate::config::Config::default().tls).expect("nothing to load").client,
            sip,
            transfers: None,
            linger: Duration::ZERO,
            lifetime: Duration::ZERO,
        });
        let policy = Policy {
            on_demand: true,
            rules: Rules::default(),
            fixed: HashMap::new(),
            limit: 10,
            factory: None,
            end_with_founder: true,
        };
        let rooms = Rooms::new(policy, Arc::clone(&shared));
        Self { shared, rooms, to_sip, endpoint: Endpoint::new(TransactionLimits::default(), rand::make_rng()) }
    }

    /// A task that is not run, and a handle by which nobody is reached.
    pub(super) fn task(&self) -> (RoomTask, Arc<RoomHandle>) {
        let room = Room::new("lobby", Arc::clone(&self.shared.focus.hosts), Rules::default()).expect("a name");
        let (handle, _) = self.handle();
        let task = RoomTask::new(
            room,
            Founder::Nobody,
            None,
            Arc::clone(&handle),
            Arc::clone(&self.shared),
            Arc::clone(&self.rooms),
        );
        (task, handle)
    }

    /// A room as connections know it, with what they tell it.
    pub(crate) fn handle(&self) -> (Arc<RoomHandle>, mpsc::Receiver<MsrpInput>) {
        let (inbox, told) = Inbox::new(64, &self.shared.outbox);
        let handle = RoomHandle {
            id: 1,
            name: "lobby".into(),
            mailbox: Mailbox::new().0,
            inbox,
            family: Family::default(),
            takes_user_messages: false,
        };
        (Arc::new(handle), told)
    }

    /// A request as the SIP task hands it on.
    pub(super) fn request(&mut self, text: &str) -> SipInput {
        let flow = Flow {
            transport: Transport::Tcp,
            local: ([192, 0, 2, 1], 5060).into(),
            remote: ([192, 0, 2, 9], 5060).into(),
            connection: Some(ConnectionId(1)),
        };
        let request = parse(text);
        self.endpoint.handle_message(Instant::now(), flow, Message::Request(request.clone()));
        let caller = Caller::UNVERIFIED;
        SipInput::Request { tx: self.transaction(), request: Box::new(request), flow, caller, reserved: None }
    }

    fn transaction(&mut self) -> ServerTransactionId {
        loop {
            if let parlor_sip::Event::Request { tx, .. } = self.endpoint.poll_event().expect("the request is told") {
                return tx;
            }
        }
    }

    /// Somebody joins; the answer is not waited for.
    pub(super) fn join(&mut self, task: &mut RoomTask, name: &str) -> Arc<SessionEntry> {
        let before: Vec<_> = task.room.sessions().map(|(session, _)| session).collect();
        let invite = self.request(&invite(name));
        task.handle_sip(invite);
        task.move_all();
        let (session, _) = task.room.sessions().find(|(session, _)| !before.contains(session)).expect("admitted");
        task.current_entry(session).expect("the session is open")
    }
}

impl RoomTask {
    /// All outputs; what is for the SIP task goes nowhere.
    fn move_all(&mut self) {
        self.move_outputs();
        while self.for_sip.take().is_some() {
            self.move_outputs();
        }
    }

    /// What connections tell, as one turn.
    fn hear(&mut self, inputs: impl IntoIterator<Item = MsrpInput>) {
        self.handle_reads(&mut inputs.into_iter().collect());
        self.move_all();
    }
}

/// A connection that one session is bound to.
pub(super) struct Bound {
    pub(super) place: Place,
    entry: Arc<SessionEntry>,
}

impl Bound {
    /// A new connection, which has the session's first request and tells the room so.
    pub(super) fn bind(task: &mut RoomTask, entry: &Arc<SessionEntry>) -> Self {
        let bound = Self::new(entry);
        task.hear([bound.told(), bound.brings(&format!("{}\r\n", bound.head("bind", "1-0/0")), "bind")]);
        bound
    }

    pub(super) fn new(entry: &Arc<SessionEntry>) -> Self {
        let outbox = Outbox::new(OutboxLimits::default(), StalledMemory::new(usize::MAX));
        let slot = outbox.attach(&entry.peer, &entry.local);
        let place = Place { session: entry.session, outbox, slot };
        Self { place, entry: Arc::clone(entry) }
    }

    pub(super) fn told(&self) -> MsrpInput {
        let Place { outbox, slot, .. } = self.place.clone();
        MsrpInput::Bound(super::Bound::new(Arc::clone(&self.entry), outbox, slot, None))
    }

    /// The head of a SEND, up to the line end of its last header but one.
    pub(super) fn head(&self, tid: &str, range: &str) -> String {
        let (to, from) = (&self.entry.local, &self.entry.peer);
        format!(
            "MSRP {tid}0000 SEND\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\nMessage-ID: {tid}0000\r\nByte-Range: {range}"
        )
    }

    /// What a read brings that holds this, with the end-line of `tid`.
    pub(super) fn brings(&self, text: &str, tid: &str) -> MsrpInput {
        let mut inputs = inputs(&format!("{text}-------{tid}0000$\r\n"));
        self.brought(inputs.drain(..))
    }

    pub(super) fn brought(&self, inputs: impl Iterator<Item = Input>) -> MsrpInput {
        let Place { session, outbox, slot } = self.place.clone();
        let inputs = inputs.map(|input| (session, slot, input)).collect();
        MsrpInput::Brought(Brought { outbox, inputs, credit: Credit::none(), read_at: None })
    }

    /// Everything that waits to be written.
    pub(super) fn written(&self) -> String {
        let (mut turn, mut scratch, mut all) = (Turn::default(), Scratch::default(), Vec::new());
        while self.place.outbox.take_turn(&mut turn, Waker::noop()) == Poll::Ready {
            let octets: Vec<u8> = turn.lay_out(&mut scratch).slices().iter().flat_map(|slice| slice.to_vec()).collect();
            self.place.outbox.wrote(Instant::now(), &mut turn, octets.len(), false);
            all.extend(octets);
        }
        String::from_utf8(all).expect("all of it is text")
    }
}

/// A whole SEND with this body from its sender to the room, cut into what the decoder gives.
pub(super) fn message(bound: &Bound, name: &str, tid: &str, said: &str) -> Vec<Input> {
    let body = format!(
        "From: <sip:{name}@example.test>\r\nTo: <sip:lobby@chat.example.test>\r\n\r\nContent-Type: text/plain\r\n\r\n{said}"
    );
    let range = format!("1-{0}/{0}", body.len());
    let head = bound.head(tid, &range);
    inputs(&format!("{head}\r\nContent-Type: message/cpim\r\n\r\n{body}\r\n-------{tid}0000$\r\n"))
}

fn inputs(text: &str) -> Vec<Input> {
    let mut decoder = Decoder::new(parlor_msrp::Limits::default());
    decoder.push(text.to_owned().into_bytes().into());
    let events = std::iter::from_fn(|| decoder.poll().expect("well-formed"));
    let input = |event| match event {
        Event::Request(request) => Input::Request(request),
        Event::Body(body) => Input::Body(body),
        Event::End(flag) => Input::End(flag),
        Event::Response(response) => Input::Response(response),
    };
    events.map(input).collect()
}

pub(crate) fn invite(name: &str) -> String {
    let sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nt=0 0\r\nm=message 7654 TCP/MSRP *\r\nc=IN IP4 192.0.2.9\r\n\
         a=path:msrp://192.0.2.9:7654/{name}0123456789abcdef;tcp\r\na=accept-types:message/cpim\r\n\
         a=accept-wrapped-types:*\r\na=setup:active\r\n"
    );
    format!(
        "INVITE sip:lobby@chat.example.test SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.9;branch=z9hG4bK{name}\r\n\
         From: <sip:{name}@example.test>;tag={name}\r\nTo: <sip:lobby@chat.example.test>\r\nCall-ID: {name}\r\n\
         CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:{name}@192.0.2.9;transport=tcp>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    )
}

pub(super) fn ack(name: &str, tag: &str) -> String {
    format!(
        "ACK sip:lobby@chat.example.test SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.9;branch=z9hG4bK{name}ack\r\n\
         From: <sip:{name}@example.test>;tag={name}\r\nTo: <sip:lobby@chat.example.test>;tag={tag}\r\n\
         Call-ID: {name}\r\nCSeq: 1 ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
}

pub(crate) fn parse(text: &str) -> Request {
    match parse_datagram(&Bytes::copy_from_slice(text.as_bytes()), &Limits::default()).expect("well-formed") {
        Message::Request(request) => request,
        Message::Response(response) => panic!("no request: {response:?}"),
    }
}
