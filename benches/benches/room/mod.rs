//! A full room without sockets: its switch, and the outboxes of all who are in.

use bytes::Bytes;
use parlor_msrp::{Decoder, Event, Limits, Path, Uri};
use parlor_room::{
    Capabilities, Direction, Endpoint, Hosts, Identity, JoiningMethod, Room, Rules, SessionId, TypeList,
};
use parlor_switch::{
    Credit, Input, Outbox, OutboxLimits, Poll, RoomBudget, Scratch, Settings, StalledMemory, Switch, Turn,
};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

/// The room `lobby` with the participants `sip:userN@example.test`, N from 0, whose sessions are bound.
pub(crate) struct FullRoom {
    room: Room,
    switch: Switch,
    sessions: Vec<SessionId>,
    recipients: Vec<(Arc<Outbox>, Turn)>,
    scratch: Scratch,
}

impl FullRoom {
    /// One with so many in it.
    pub(crate) fn of(participants: usize) -> Self {
        let hosts = Arc::new(Hosts::new("example.test", []));
        let rules = Rules { max_participants: participants, ..Rules::default() };
        let mut room = Room::new("lobby", hosts, rules).expect("a room");
        let mut switch =
            Switch::new(Settings::default(), RoomBudget::new(&OutboxLimits::default()), StdRng::seed_from_u64(1));
        let joined = (0..participants).map(|number| join(&mut room, &mut switch, number));
        let (sessions, outboxes): (Vec<_>, Vec<_>) = joined.unzip();
        let recipients = outboxes.into_iter().map(|outbox| (outbox, Turn::default())).collect();
        let mut full = Self { room, switch, sessions, recipients, scratch: Scratch::default() };
        for number in 0..participants {
            full.feed(Instant::now(), full.sessions[number], &bind(number));
        }
        full.switch.end_turn();
        full.write_all();
        full
    }

    /// A participant's connection brings this, and everybody's writes what follows: so many octets.
    pub(crate) fn send(&mut self, now: Instant, participant: usize, request: &str) -> usize {
        self.feed(now, self.sessions[participant], request.as_bytes());
        self.switch.end_turn();
        while self.switch.poll_output().is_some() {}
        self.write_all()
    }

    fn feed(&mut self, now: Instant, session: SessionId, request: &[u8]) {
        let mut decoder = Decoder::new(Limits::default());
        decoder.push(Bytes::copy_from_slice(request));
        let credit = Credit::new(());
        while let Some(event) = decoder.poll().expect("well formed") {
            let input = match event {
                Event::Request(request) => Input::Request(request),
                Event::Body(body) => Input::Body(body),
                Event::End(flag) => Input::End(flag),
                Event::Response(response) => Input::Response(response),
            };
            self.switch.handle(now, &mut self.room, session, input, &credit);
        }
        credit.settle(1);
    }

    /// What the writers do, with a kernel that takes everything.
    fn write_all(&mut self) -> usize {
        let mut octets = 0;
        for (outbox, turn) in &mut self.recipients {
            while outbox.take_turn(turn, Waker::noop()) == Poll::Ready {
                let layout = turn.lay_out(&mut self.scratch);
                let len = match layout.contiguous() {
                    Some(all) => all.len(),
                    None => layout.slices().iter().map(|slice| slice.len()).sum(),
                };
                outbox.wrote(Instant::now(), turn, len, false);
                octets += len;
            }
        }
        octets
    }
}

fn join(room: &mut Room, switch: &mut Switch, number: usize) -> (SessionId, Arc<Outbox>) {
    let aor = Identity::of(format!("sip:user{number}@example.test").parse().expect("a URI")).aor;
    let capabilities = Capabilities {
        direction: Direction::SendRecv,
        wrapped_types: TypeList::any(),
        max_size: None,
        chatroom: true,
        nickname: false,
        private_messages: false,
    };
    let endpoint = Endpoint {
        entity: aor.to_string().into(),
        joined: Instant::now(),
        method: JoiningMethod::DialedIn,
        referred_by: None,
    };
    let session = room.admit(Identity::of(aor), capabilities, endpoint).expect("space");
    let local = Uri::new(false, "127.0.0.1", 2855, &format!("room{number}"), "tcp");
    let peer = Path::parse(&format!("msrp://127.0.0.1:9/peer{number};tcp")).expect("a path");
    switch.open(session, local.clone(), peer.clone());
    let outbox = Outbox::new(OutboxLimits::default(), StalledMemory::new(usize::MAX));
    let slot = outbox.attach(&peer, &local);
    switch.attach(session, Arc::clone(&outbox), slot);
    (session, outbox)
}

fn bind(number: usize) -> Vec<u8> {
    format!(
        "MSRP bind{0:08} SEND\r\nTo-Path: msrp://127.0.0.1:2855/room;tcp\r\nFrom-Path: msrp://127.0.0.1:9/peer;tcp\r\n\
         Message-ID: b{0:08}\r\n-------bind{0:08}$\r\n",
        number
    )
    .into_bytes()
}
