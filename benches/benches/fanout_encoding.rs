//! One message through the switch to a thousand recipients, without sockets: the checks, the frames, the outboxes, and
//! the layout of every write.

#![allow(missing_docs, reason = "criterion's macros declare public items")]
#![allow(clippy::disallowed_methods, reason = "a program that measures reads the clock")]

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
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

const RECIPIENTS: usize = 1000;

struct Fixture {
    room: Room,
    switch: Switch,
    sender: SessionId,
    recipients: Vec<(Arc<Outbox>, Turn)>,
    scratch: Scratch,
    sent: u64,
}

impl Fixture {
    fn new() -> Self {
        let hosts = Arc::new(Hosts::new("example.test", []));
        let rules = Rules { max_participants: RECIPIENTS + 1, ..Rules::default() };
        let mut room = Room::new("lobby", hosts, rules).expect("a room");
        let mut switch =
            Switch::new(Settings::default(), RoomBudget::new(&OutboxLimits::default()), StdRng::seed_from_u64(1));
        let mut recipients = Vec::new();
        let sessions: Vec<SessionId> = (0..=RECIPIENTS)
            .map(|number| {
                let (session, outbox) = join(&mut room, &mut switch, number);
                recipients.push((outbox, Turn::default()));
                session
            })
            .collect();
        let mut fixture = Self { room, switch, sender: sessions[0], recipients, scratch: Scratch::default(), sent: 0 };
        for session in sessions {
            fixture.feed(session, &bind(session));
        }
        fixture.switch.end_turn();
        fixture.write_all();
        fixture
    }

    fn feed(&mut self, session: SessionId, request: &[u8]) {
        let now = Instant::now();
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

    fn send(&mut self, body: usize) -> usize {
        self.sent += 1;
        let text = "x".repeat(body);
        let request = format!(
            "MSRP t{0:012} SEND\r\nTo-Path: msrp://127.0.0.1:2855/room0;tcp\r\n\
             From-Path: msrp://127.0.0.1:9/peer0;tcp\r\nMessage-ID: m{0:012}\r\nByte-Range: 1-*/*\r\n\
             Content-Type: message/cpim\r\n\r\nFrom: <sip:user0@example.test>\r\nTo: <sip:lobby@example.test>\r\n\r\n\
             Content-Type: text/plain\r\n\r\n{text}\r\n-------t{0:012}$\r\n",
            self.sent
        );
        self.feed(self.sender, request.as_bytes());
        self.switch.end_turn();
        while self.switch.poll_output().is_some() {}
        self.write_all()
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

fn bind(session: SessionId) -> Vec<u8> {
    format!(
        "MSRP bind{0:08} SEND\r\nTo-Path: msrp://127.0.0.1:2855/room;tcp\r\nFrom-Path: msrp://127.0.0.1:9/peer;tcp\r\n\
         Message-ID: b{0:08}\r\n-------bind{0:08}$\r\n",
        session.0
    )
    .into_bytes()
}

fn fanout(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fanout_encoding");
    group.throughput(Throughput::Elements(RECIPIENTS as u64));
    for body in [200, 64 * 1024] {
        let mut fixture = Fixture::new();
        assert!(fixture.send(body) > RECIPIENTS * body);
        group.bench_function(BenchmarkId::from_parameter(body), |bencher| bencher.iter(|| fixture.send(body)));
    }
    group.finish();
}

criterion_group!(benches, fanout);
criterion_main!(benches);
