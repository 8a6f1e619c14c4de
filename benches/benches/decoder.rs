//! What decoding costs: SEND requests as a connection reads them.

#![allow(missing_docs, reason = "criterion's macros declare public items")]

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use parlor_msrp::{Decoder, Event, Limits};

/// Octets of one benchmark's input, about.
const INPUT: usize = 1024 * 1024;

fn decoder(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decoder");
    for (name, text) in [("200 B", 200), ("64 KiB", 64 * 1024), ("8 MiB", 8 * 1024 * 1024)] {
        let message = send(text);
        let input = Bytes::from(message.repeat((INPUT / message.len()).max(1)));
        group.throughput(Throughput::Bytes(input.len() as u64));
        for read in [1448, 64 * 1024] {
            group.bench_with_input(BenchmarkId::new(name, format!("reads of {read} B")), &input, |bench, input| {
                bench.iter(|| decode(input, read));
            });
        }
    }
    group.finish();
}

/// Decodes `input` as it comes in reads of so many octets and counts the messages.
fn decode(input: &Bytes, read: usize) -> usize {
    let mut decoder = Decoder::new(Limits::default());
    let mut messages = 0;
    for start in (0..input.len()).step_by(read) {
        decoder.push(input.slice(start..input.len().min(start + read)));
        while let Some(event) = decoder.poll().expect("the input is well formed") {
            messages += usize::from(matches!(event, Event::End(_)));
        }
    }
    messages
}

fn send(text: usize) -> Vec<u8> {
    let mut message = b"MSRP b9x7Kq2mVt4Zs SEND\r\n\
        To-Path: msrp://chat.example.com:2855/Zx81kQ0pW3vT7uYbR2sd;tcp\r\n\
        From-Path: msrp://pc1.example.org:7654/aL9cE4xQ72mN5tB8rK1z;tcp\r\n\
        Message-ID: 7f3a1b99cc\r\nByte-Range: 1-*/*\r\nContent-Type: message/cpim\r\n\r\n\
        From: <sip:alice@example.org>\r\nTo: <sip:lobby@chat.example.com>\r\n\r\n\
        Content-Type: text/plain\r\n\r\n"
        .to_vec();
    message.extend((0..text).map(|index| if index % 64 == 63 { b'\n' } else { b'a' + (index % 26) as u8 }));
    message.extend_from_slice(b"\r\n-------b9x7Kq2mVt4Zs$\r\n");
    message
}

criterion_group!(benches, decoder);
criterion_main!(benches);
