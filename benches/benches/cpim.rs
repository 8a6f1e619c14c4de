//! What reading the CPIM headers of a message costs.

#![allow(missing_docs, reason = "criterion's macros declare public items")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use parlor_cpim::Scanner;

const MESSAGE: &[u8] = b"From: Alice <sip:alice@example.org>\r\nTo: <sip:lobby@chat.example.com>\r\n\
    DateTime: 2026-03-02T15:02:31Z\r\n\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello all";

fn headers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cpim");
    group.bench_function("headers at once", |bench| {
        bench.iter(|| Scanner::new(16_384).scan(black_box(MESSAGE)).expect("well formed"));
    });
    group.bench_function("headers octet by octet", |bench| {
        bench.iter(|| {
            let mut scanner = Scanner::new(16_384);
            (0..MESSAGE.len()).find_map(|end| scanner.scan(black_box(&MESSAGE[..end])).expect("well formed"))
        });
    });
    group.finish();
}

criterion_group!(benches, headers);
criterion_main!(benches);
