//! Any split of the input gives the same events.

mod common;

use bytes::Bytes;
use common::events;
use parlor_msrp::Event;
use proptest::prelude::*;

fn split(mut octets: Bytes, cuts: &[usize]) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    for cut in cuts {
        pieces.push(octets.split_to(cut % (octets.len() + 1)));
    }
    pieces.push(octets);
    pieces
}

const HEAD: &str = "To-Path: msrp://a.example:1/b;tcp\r\nFrom-Path: msrp://c.example:2/d;tcp\r\nMessage-ID: 1234\r\n";

/// A body made of parts of end-lines, so that look-alikes are frequent.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(b"\r\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"-------".to_vec()),
        Just(b"\r\n-------tid1".to_vec()),
        Just(b"\r\n-------tid1$\r".to_vec()),
        Just(b"\r\n-------tid1$".to_vec()),
        Just(b"\r\n-------tid2$\r\n".to_vec()),
        Just(b"\n-------tid1$\r\n".to_vec()),
        Just(b"\r\n------tid1+\r\n".to_vec()),
        Just(b"\r\n--------tid1+\r\n".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..20),
    ];
    proptest::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

fn message(body: &[u8]) -> Vec<u8> {
    let mut octets = format!("MSRP tid1 SEND\r\n{HEAD}Content-Type: a/b\r\n\r\n").into_bytes();
    octets.extend_from_slice(body);
    octets.extend_from_slice(b"\r\n-------tid1+\r\n");
    octets
}

proptest! {
    /// MSRP-15: a body of look-alikes comes out as it went in, however it is cut.
    #[test]
    fn any_split_gives_the_same_events(bodies in proptest::collection::vec(body(), 1..4), cuts in proptest::collection::vec(any::<usize>(), 0..12)) {
        let contains_end_line = |body: &[u8]| {
            // The CRLF before the body may be the first of the end-line, the CRLF after it too.
            let framed = [b"\r\n", body, b"\r\n-------tid1+\r\n"].concat();
            let end = framed.len() - 16;
            memchr::memmem::find_iter(&framed, b"\r\n-------tid1").any(|at| at < end && framed[at + 13..].len() > 2
                && matches!(framed[at + 13], b'$' | b'+' | b'#') && framed[at + 14..].starts_with(b"\r\n"))
        };
        prop_assume!(!bodies.iter().any(|body| contains_end_line(body)));
        let octets: Bytes = bodies.iter().flat_map(|body| message(body)).collect::<Vec<u8>>().into();
        let (whole, error) = events([octets.clone()]);
        prop_assert_eq!(error, None);
        let found: Vec<Vec<u8>> = whole.iter().filter_map(|event| match event {
            Event::Body(body) => Some(body.to_vec()),
            Event::Request(_) | Event::End(_) | Event::Response(_) => None,
        }).collect();
        let sent: Vec<Vec<u8>> = bodies.into_iter().filter(|body| !body.is_empty()).collect();
        prop_assert_eq!(found, sent);
        prop_assert_eq!(&events(split(octets.clone(), &cuts)).0, &whole);
        let single: Vec<Bytes> = (0..octets.len()).map(|at| octets.slice(at..=at)).collect();
        prop_assert_eq!(&events(single).0, &whole);
    }

    /// Whatever comes, cut anywhere, there are events or an error, and the same ones.
    #[test]
    fn junk_never_panics(octets in junk(), cuts in proptest::collection::vec(any::<usize>(), 0..12)) {
        let octets = Bytes::from(octets);
        let whole = events([octets.clone()]);
        prop_assert_eq!(events(split(octets, &cuts)), whole);
    }
}

fn junk() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(b"MSRP tid1 SEND\r\n".to_vec()),
        Just(b"MSRP tid1 200 OK\r\n".to_vec()),
        Just(b"MSRP tid1 NICKNAME\r\n".to_vec()),
        Just(HEAD.as_bytes().to_vec()),
        Just(b"Status : 0 200\n".to_vec()),
        Just(b"Byte-Range: 1-*/*\r\n".to_vec()),
        Just(b"-------tid1$\r\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\n".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..20),
    ];
    proptest::collection::vec(part, 0..10).prop_map(|parts| parts.concat())
}
