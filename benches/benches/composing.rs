//! Indications that somebody is writing, from 200 of 1,000 participants, through the switch without sockets: what one costs
//! that is passed on, what one costs that is not, and a minute of everybody typing.

#![allow(missing_docs, reason = "criterion's macros declare public items")]
#![allow(clippy::disallowed_methods, reason = "a program that measures reads the clock")]

mod room;

use criterion::{Criterion, criterion_group, criterion_main};
use room::FullRoom;
use std::time::{Duration, Instant};

const PARTICIPANTS: usize = 1000;
const TYPING: usize = 200;

struct Fixture {
    room: FullRoom,
    now: Instant,
    sent: u64,
}

impl Fixture {
    fn new() -> Self {
        Self { room: FullRoom::of(PARTICIPANTS), now: Instant::now(), sent: 0 }
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
        self.room.send(self.now, who, &request)
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
