//! What closes a connection, and what only gets 400 (MSRP-100).

mod common;

use bytes::Bytes;
use parlor_msrp::{DecodeError, Decoder, Event, HeaderError, Limits, Path, PathError, UriError};

const TO: &str = "To-Path: msrp://a.example:1/b;tcp\r\n";
const FROM: &str = "From-Path: msrp://c.example:2/d;tcp\r\n";
const ID: &str = "Message-ID: m1\r\n";

fn error(octets: impl Into<Vec<u8>>) -> DecodeError {
    let octets = Bytes::from(octets.into());
    let (events, error) = common::events([octets.clone()]);
    let single = (0..octets.len()).map(|at| octets.slice(at..=at));
    assert_eq!(common::events(single), (events, error.clone()), "one octet at a time");
    error.expect("an error")
}

/// What is wrong with a SEND of these headers, which is read to its end.
fn malformed(headers: &str) -> Option<HeaderError> {
    malformed_as("SEND", headers)
}

fn malformed_as(method: &str, headers: &str) -> Option<HeaderError> {
    let octets = format!("MSRP tid1 {method}\r\n{headers}-------tid1$\r\n");
    let (events, error) = common::events([Bytes::from(octets)]);
    assert_eq!(error, None);
    assert!(matches!(events.last(), Some(Event::End(_))), "{events:?}");
    let Event::Request(request) = &events[0] else { panic!("no request") };
    request.malformed
}

#[test]
fn other_protocols_are_known_by_their_first_octet() {
    for octets in ["G", "GET / HTTP/1.1\r\n\r\n", "msrp a SEND\r\n", "MSRP\ta", "\r\n", "\0"] {
        let mut decoder = Decoder::new(Limits::default());
        decoder.push(octets.into());
        assert_eq!(decoder.poll(), Err(DecodeError::NotMsrp), "{octets:?}");
        assert_eq!(error(octets), DecodeError::NotMsrp);
    }
}

#[test]
fn start_line_must_be_right() {
    for line in [
        "MSRP tid1",
        "MSRP  SEND",
        "MSRP tid1 ",
        "MSRP tid1 send",
        "MSRP tid1 SEND x",
        "MSRP -tid1 SEND",
        "MSRP ti_d SEND",
        "MSRP tid1 20",
        "MSRP tid1 2000",
        "MSRP tid1 20x OK",
    ] {
        assert_eq!(error(format!("{line}\r\n{TO}{FROM}")), DecodeError::StartLine, "{line}");
    }
    assert_eq!(error(format!("MSRP {} SEND\r\n", "x".repeat(65))), DecodeError::StartLine, "MSRP-E3");
}

#[test]
fn start_line_has_a_limit() {
    assert_eq!(error(format!("MSRP tid1 200 {}", "x".repeat(1011))), DecodeError::StartLineTooLong);
    assert_eq!(error(format!("MSRP tid1 200 {}\r\n", "x".repeat(1011))), DecodeError::StartLineTooLong);
    assert_eq!(error(vec![b'x'; 5000]), DecodeError::NotMsrp);
}

#[test]
fn header_block_has_a_limit_and_can_be_answered() {
    let octets = format!("MSRP tid1 SEND\r\n{TO}{FROM}X: {}\r\n", "x".repeat(20_000));
    let error = error(octets);
    let (tid, to, from) = error.answerable().expect("the paths are known");
    assert_eq!((tid.as_str(), to.first().host(), from.first().host()), ("tid1", "a.example", "c.example"));
}

#[test]
fn header_block_of_a_thousand_lines_is_bounded_too() {
    let octets = format!("MSRP tid1 SEND\r\n{TO}{FROM}{}", "X: y\r\n".repeat(5000));
    assert!(matches!(error(octets), DecodeError::HeaderBlockTooLong(Some(_))));
    assert_eq!(error(format!("MSRP tid1 SEND\r\n{}", "X: y\r\n".repeat(5000))), DecodeError::HeaderBlockTooLong(None));
}

#[test]
fn paths_must_be_there_and_right() {
    let end = "-------tid1$\r\n";
    assert_eq!(error(format!("MSRP tid1 SEND\r\n{TO}{end}")), DecodeError::NoPath);
    assert_eq!(error(format!("MSRP tid1 SEND\r\n{FROM}{end}")), DecodeError::NoPath);
    assert_eq!(error(format!("MSRP tid1 200 OK\r\n{end}")), DecodeError::NoPath);
    let wrong = DecodeError::Path(PathError::Uri(UriError::Scheme));
    assert_eq!(error(format!("MSRP tid1 SEND\r\nTo-Path: http://a\r\n{FROM}{end}")), wrong);
    let long = [Path::parse("msrp://a:1/b;tcp").expect("path").to_string().as_str(); 17].join(" ");
    assert_eq!(
        error(format!("MSRP tid1 SEND\r\nTo-Path: {long}\r\n{FROM}{end}")),
        DecodeError::Path(PathError::TooMany(16))
    );
}

#[test]
fn end_line_among_the_headers_must_be_ours() {
    for end in ["-------tid2$", "-------tid1", "-------tid1!", "-------tid1$ ", "--------tid1$", "-------"] {
        let error = error(format!("MSRP tid1 SEND\r\n{TO}{FROM}{end}\r\n"));
        assert!(matches!(error, DecodeError::EndLine(Some(_))), "{end}");
    }
}

#[test]
fn response_has_no_body() {
    assert_eq!(error(format!("MSRP tid1 200 OK\r\n{TO}{FROM}\r\n")), DecodeError::ResponseBody);
}

#[test]
fn body_of_other_methods_has_a_limit_msrp_11() {
    let report = |body: usize| {
        let body = "x".repeat(body);
        format!(
            "MSRP tid1 REPORT\r\n{TO}{FROM}{ID}Status: 000 200\r\nContent-Type: a/b\r\n\r\n{body}\r\n-------tid1$\r\n"
        )
    };
    assert_eq!(common::events([report(10_240).into()]).1, None);
    let error = common::events([report(10_241).into()]).1.expect("too long");
    assert!(matches!(error, DecodeError::BodyTooLong(_)) && error.answerable().is_some());
}

#[test]
fn failed_decoder_stays_failed() {
    let mut decoder = Decoder::new(Limits::default());
    decoder.push("GET".into());
    assert!(decoder.poll().is_err());
    decoder.push(format!("MSRP tid1 SEND\r\n{TO}{FROM}{ID}-------tid1$\r\n").into());
    assert_eq!((decoder.poll(), decoder.buffered()), (Err(DecodeError::NotMsrp), 0));
}

#[test]
fn wrong_headers_keep_the_connection_msrp_100() {
    let good = format!("{TO}{FROM}{ID}");
    assert_eq!(malformed(&good), None);
    for (headers, error) in [
        (format!("{FROM}{TO}{ID}"), HeaderError::Order),
        (format!("{ID}{TO}{FROM}"), HeaderError::Order),
        (format!("{good}{TO}"), HeaderError::Duplicate),
        (format!("{good}{ID}"), HeaderError::Duplicate),
        (format!("{good}no colon\r\n"), HeaderError::Syntax),
        (format!("{TO}{FROM}"), HeaderError::NoMessageId),
        (format!("{TO}{FROM}Message-ID: a b\r\n"), HeaderError::MessageId),
        (format!("{TO}{FROM}Message-ID: \r\n"), HeaderError::MessageId),
        (format!("{good}Byte-Range: 0-1/1\r\n"), HeaderError::ByteRange),
        (format!("{good}Failure-Report: perhaps\r\n"), HeaderError::FailureReport),
        (format!("{good}Success-Report: partial\r\n"), HeaderError::SuccessReport),
        (format!("{good}Content-Type: text\r\n"), HeaderError::ContentType),
        (format!("{good}Status: OK\r\n"), HeaderError::Status),
        (format!("{good}\r\nbody\r\n"), HeaderError::NoContentType),
    ] {
        assert_eq!(malformed(&headers), Some(error), "{headers}");
    }
    assert_eq!(malformed_as("REPORT", &good), Some(HeaderError::NoStatus));
    assert_eq!(malformed_as("NICKNAME", &format!("{TO}{FROM}")), None);
}

#[test]
fn reader_forgives_what_peers_do_msrp_e4() {
    let headers = "TO-PATH:msrp://a.example:1/b;tcp\r\nfrom-path:   msrp://c.example:2/d;tcp \r\nmessage-id:m1\r\n\
                   byte-range:1-0/0\r\nX-\u{e4}: \u{e4}\r\n";
    assert_eq!(malformed(headers), None);
    let latin = [b"MSRP tid1 SEND\r\n", TO.as_bytes(), FROM.as_bytes(), ID.as_bytes(), b"X: \xe4\r\n-------tid1$\r\n"];
    let (events, error) = common::events([latin.concat().into()]);
    assert_eq!((events.len(), error), (2, None), "MSRP-12: whatever an unknown header holds");
}
