//! One message through the switch to a thousand recipients, without sockets: the checks, the frames, the outboxes, and
//! the layout of every write.

#![allow(missing_docs, reason = "criterion's macros declare public items")]
#![allow(clippy::disallowed_methods, reason = "a program that measures reads the clock")]

mod room;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use room::FullRoom;
use std::time::Instant;

const RECIPIENTS: usize = 1000;

struct Fixture {
    room: FullRoom,
    sent: u64,
}

impl Fixture {
    fn new() -> Self {
        Self { room: FullRoom::of(RECIPIENTS + 1), sent: 0 }
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
        self.room.send(Instant::now(), 0, &request)
    }
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
