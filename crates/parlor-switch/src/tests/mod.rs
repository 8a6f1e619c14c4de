//! A switch and its participants, without sockets, on a virtual clock.

mod heard;
mod limits;
mod post;
mod private;
mod resends;

use crate::{
    Credit, Input, Outbox, OutboxLimits, Output, Poll, RoomBudget, Scratch, Settings, StalledMemory, Switch, Turn,
};
use bytes::Bytes;
use parlor_msrp::{Decoder, Event, Limits, Path, Uri};
use parlor_room::{
    Capabilities, Departure, Direction, Endpoint, Hosts, Identity, JoiningMethod, Room, Rules, SessionId, TypeList,
};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

const CPIM: &str =
    "From: <sip:NAME@example.test>\r\nTo: <sip:lobby@example.test>\r\n\r\nContent-Type: text/plain\r\n\r\n";

struct Peer {
    outbox: Arc<Outbox>,
    turn: Turn,
    decoder: Decoder,
}

struct Scene {
    now: Instant,
    room: Room,
    switch: Switch,
    peers: BTreeMap<SessionId, Peer>,
}

impl Scene {
    fn new(settings: Settings) -> Self {
        Self::with_rules(settings, Rules::default())
    }

    fn with_rules(settings: Settings, rules: Rules) -> Self {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
        let now = Instant::now();
        let room = Room::new("lobby", Arc::new(Hosts::new("example.test", [])), rules).expect("a room");
        let switch = Switch::new(settings, RoomBudget::new(&OutboxLimits::default()), StdRng::seed_from_u64(1));
        Self { now, room, switch, peers: BTreeMap::new() }
    }

    /// Somebody joins and binds its session.
    fn join(&mut self, name: &str) -> SessionId {
        let aor = format!("sip:{name}@example.test").parse().expect("a URI");
        self.join_as(Identity::of(aor))
    }

    fn join_as(&mut self, identity: Identity) -> SessionId {
        let capabilities = Capabilities {
            direction: Direction::SendRecv,
            wrapped_types: TypeList::any(),
            max_size: None,
            chatroom: true,
            nickname: true,
            private_messages: true,
        };
        let endpoint = Endpoint {
            entity: peer_path(SessionId(0)).to_string().into(),
            joined: self.now,
            method: JoiningMethod::DialedIn,
            referred_by: None,
        };
        let session = self.room.admit(identity, capabilities, endpoint).expect("space");
        let local = Uri::new(false, "127.0.0.1", 2855, &format!("ours{}", session.0), "tcp");
        self.switch.open(session, local, peer_path(session));
        self.attach(session);
        self.feed(session, &request("bind", "", "", '$').replace("Content-Type: message/cpim\r\n\r\n\r\n", ""));
        self.read(session);
        session
    }

    /// The session has a connection, a new one if it had one before.
    fn attach(&mut self, session: SessionId) {
        let outbox = Outbox::new(OutboxLimits::default(), StalledMemory::new(usize::MAX));
        let local = Uri::new(false, "127.0.0.1", 2855, &format!("ours{}", session.0), "tcp");
        let slot = outbox.attach(&peer_path(session), &local);
        self.switch.attach(session, Arc::clone(&outbox), slot);
        let decoder = Decoder::new(Limits::default());
        self.peers.insert(session, Peer { outbox, turn: Turn::default(), decoder });
    }

    fn leave(&mut self, session: SessionId) {
        self.switch.close(session);
        self.room.leave(self.now, session, Departure::Departed);
        self.peers.remove(&session);
    }

    /// The session's connection brings these octets, in one turn.
    fn feed(&mut self, session: SessionId, octets: &str) {
        let decoder = &mut self.peers.get_mut(&session).expect("a peer").decoder;
        decoder.push(Bytes::copy_from_slice(octets.as_bytes()));
        let credit = Credit::new(());
        while let Some(event) = decoder.poll().expect("well formed") {
            let input = match event {
                Event::Request(request) => Input::Request(request),
                Event::Body(body) => Input::Body(body),
                Event::End(flag) => Input::End(flag),
                Event::Response(response) => Input::Response(response),
            };
            self.switch.handle(self.now, &mut self.room, session, input, &credit);
        }
        self.switch.end_turn();
        credit.settle(1);
    }

    /// Everything that has been written to a session since it was asked last.
    fn read(&mut self, session: SessionId) -> String {
        let peer = self.peers.get_mut(&session).expect("a peer");
        let (mut scratch, mut octets) = (Scratch::default(), Vec::new());
        while peer.outbox.take_turn(&mut peer.turn, Waker::noop()) == Poll::Ready {
            let before = octets.len();
            peer.turn.lay_out(&mut scratch).slices().iter().for_each(|slice| octets.extend_from_slice(slice));
            peer.outbox.wrote(self.now, &mut peer.turn, octets.len() - before, false);
        }
        String::from_utf8(octets).expect("text")
    }

    /// The codes of the responses and reports that a session got since it was asked last.
    fn codes(&mut self, session: SessionId) -> Vec<u16> {
        let text = self.read(session);
        let code = |rest: &str| rest.get(..3).and_then(|code| code.parse().ok());
        let response = |line: &str| line.strip_prefix("MSRP ")?.split_once(' ').and_then(|(_, rest)| code(rest));
        let status = |line: &str| line.strip_prefix("Status: 000 ").and_then(code);
        text.lines().filter_map(|line| response(line).or_else(|| status(line))).collect()
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        while self.switch.poll_timeout().is_some_and(|at| at <= self.now) {
            self.switch.handle_timeout(self.now);
        }
    }

    fn failed(&mut self) -> Vec<SessionId> {
        std::iter::from_fn(|| self.switch.poll_output())
            .filter_map(|output| match output {
                Output::Failed(session) => Some(session),
                Output::Counted(_) | Output::TopicSet(_) => None,
            })
            .collect()
    }
}

fn peer_path(session: SessionId) -> Path {
    Path::parse(&format!("msrp://192.0.2.9:9/theirs{};tcp", session.0)).expect("a path")
}

/// A SEND with this Message-ID, Byte-Range and body. The transaction id follows from all of them.
fn request(id: &str, range: &str, body: &str, flag: char) -> String {
    let tid = format!("t{:x}", crate::completed::digest((id, range, body.len())));
    let range = if range.is_empty() { String::new() } else { format!("Byte-Range: {range}\r\n") };
    format!(
        "MSRP {tid} SEND\r\nTo-Path: msrp://127.0.0.1:2855/ours;tcp\r\nFrom-Path: msrp://192.0.2.9:9/theirs;tcp\r\n\
         Message-ID: {id}\r\n{range}Content-Type: message/cpim\r\n\r\n{body}\r\n-------{tid}{flag}\r\n"
    )
}

/// What `name` says to the room.
fn said(name: &str, text: &str) -> String {
    format!("{}{text}", CPIM.replace("NAME", name))
}
