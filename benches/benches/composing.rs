//! Indications that somebody is writing, from 200 of 1,000 participants, through the switch without sockets: what one costs
//! that is passed on, what one costs that is not, and a minute of everybody typing.

#![allow(missing_docs, reason = "criterion's macros declare public items")]
#![allow(clippy::disallowed_methods, reason = "a program that measures reads the clock")]

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
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
use std::time::{Duration, Instant};

const PARTICIPANTS: usize = 1000;
const TYPING: usize = 200;

struct Fixture {
    room: Room,
    switch: Switch,
    sessions: Vec<SessionId>,
    now: Instant,
    recipients: Vec<(Arc<Outbox>, Turn)>,
    scratch: Scratch,
    sent: u64,
}

impl Fixture {
    fn new() -> Self {
        let hosts = Arc::new(Hosts::new("example.test", []));
        let rules = Rules { max_participants: PARTICIPANTS, ..Rules::default() };
        let mut room = Room::new("lobby", hosts, rules).expect("a room");
        let mut switch =
            Switch::new(Settings::default(), RoomBudget::new(&OutboxLimits::default()), StdRng::seed_from_u64(1));
        let mut recipients = Vec::new();
        let sessions: Vec<SessionId> = (0..PARTICIPANTS)
            .map(|number| {
                let (session, outbox) = join(&mut room, &mut switch, number);
                recipients.push((outbox, Turn::default()));
                session
            })
            .collect();
        let (scratch, now) = (Scratch::default(), Instant::now());
        let mut fixture = Self { room, switch, sessions: sessions.clone(), now, recipients, scratch, sent: 0 };
        for session in sessions {
            fixture.feed(session, &bind(session));
        }
        fixture.switch.end_turn();
        fixture.write_all();
        fixture
    }

    fn feed(&mut self, session: SessionId, request: &[u8]) {
        let now = self.now;
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

    /// One of those who type says so; `refresh` is for how long that holds.
    fn typing(&mut self, who: usize, refresh: u64) -> usize {
        self.sent += 1;
        let content = format!(
            "<isComposing xmlns='urn:ietf:params:xml:ns:im-iscomposing'><state>active</state>\
             <contenttype>text/plain</contenttype><refresh>{refresh}</refresh></isComposing>"
        );
        let request = format!(
            "MSRP t{0:012} SEND\r\nTo-Path: msrp://127.0.0.1:2855/room{who};tcp\r\n\
             From-Path: msrp://127.0.0.1:9/peer{who};tcp\r\nMessage-ID: m{0:012}\r\nByte-Range: 1-*/*\r\n\
             Failure-Report: no\r\nContent-Type: message/cpim\r\n\r\nFrom: <sip:user{who}@example.test>\r\n\
             To: <sip:lobby@example.test>\r\n\r\nContent-Type: application/im-iscomposing+xml\r\n\r\n\
             {content}\r\n-------t{0:012}$\r\n",
            self.sent
        );
        self.feed(self.sessions[who], request.as_bytes());
        self.switch.end_turn();
        while self.switch.poll_output().is_some() {}
        self.write_all()
    }

    /// Each of those who type says so every second for a minute; gives the octets that were written.
    fn minute(&mut self, refresh: impl Fn(u64) -> u64) -> usize {
        let mut octets = 0;
        for second in 0..60 {
            self.now += Duration::from_secs(1);
            octets += (0..TYPING).map(|who| self.typing(who, refresh(second))).sum::<usize>();
        }
        self.now += Duration::from_secs(120);
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

fn bind(session: SessionId) -> Vec<u8> {
    format!(
        "MSRP bind{0:08} SEND\r\nTo-Path: msrp://127.0.0.1:2855/room;tcp\r\nFrom-Path: msrp://127.0.0.1:9/peer;tcp\r\n\
         Message-ID: b{0:08}\r\n-------bind{0:08}$\r\n",
        session.0
    )
    .into_bytes()
}

fn composing(criterion: &mut Criterion) {
    let mut fixture = Fixture::new();
    let mut group = criterion.benchmark_group("composing");
    let mut count = 0;
    // The time for which it holds changes each time, so that it is always news.
    let mut news = || {
        count += 1;
        60 + count % 1000
    };
    assert!(fixture.typing(0, news()) > PARTICIPANTS * 200);
    group.bench_function("news", |bencher| bencher.iter(|| fixture.typing(0, news())));
    fixture.typing(0, 60);
    assert!(fixture.typing(0, 60) == 0);
    group.bench_function("known", |bencher| bencher.iter(|| fixture.typing(0, 60)));
    group.sample_size(10);
    group.bench_function("minute", |bencher| bencher.iter(|| fixture.minute(|_| 60)));
    group.bench_function("minute, all passed on", |bencher| bencher.iter(|| fixture.minute(|second| 60 + second)));
    group.finish();
}

criterion_group!(benches, composing);
criterion_main!(benches);
