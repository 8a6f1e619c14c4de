//! What is encoded decodes to what it was.

mod common;

use bytes::Bytes;
use parlor_msrp::{
    ByteRange, Event, FailureReport, Flag, MessageId, Method, Path, Report, SendHead, Status, TransactionId, Uri,
    encode_end, encode_nickname, encode_report, encode_response, encode_send_head, reason, response_path,
};
use proptest::option;
use proptest::prelude::*;

fn uri() -> impl Strategy<Value = Uri> {
    let host = prop_oneof!["[a-z][a-z0-9.-]{0,20}", Just("10.0.0.1".to_owned()), Just("2001:db8::1".to_owned())];
    (any::<bool>(), host, any::<u16>(), "[A-Za-z0-9._~+=/-]{1,30}", "tcp|ws|TCP")
        .prop_map(|(secure, host, port, session_id, transport)| Uri::new(secure, &host, port, &session_id, &transport))
}

fn path() -> impl Strategy<Value = Path> {
    proptest::collection::vec(uri(), 1..5).prop_map(|uris| {
        let text: Vec<&str> = uris.iter().map(Uri::as_str).collect();
        Path::parse(&text.join(" ")).expect("URIs")
    })
}

fn tid() -> impl Strategy<Value = TransactionId> {
    prop_oneof![
        "[A-Za-z0-9][A-Za-z0-9.+%=-]{0,63}".prop_map(|text| TransactionId::parse(&text).expect("an ident")),
        any::<(u64, u64)>().prop_map(|(high, low)| TransactionId::from_random(high, low)),
    ]
}

fn message_id() -> impl Strategy<Value = MessageId> {
    "[A-Za-z0-9][A-Za-z0-9.+%=-]{0,63}".prop_map(|text| MessageId::parse(&text).expect("an ident"))
}

fn byte_range() -> impl Strategy<Value = ByteRange> {
    (1_u64.., option::of(any::<u64>()), option::of(any::<u64>())).prop_map(|(start, length, total)| ByteRange {
        start,
        end: length.map(|length| (start - 1).saturating_add(length)),
        total,
    })
}

fn flag() -> impl Strategy<Value = Flag> {
    prop_oneof![Just(Flag::Complete), Just(Flag::More), Just(Flag::Abort)]
}

fn failure_report() -> impl Strategy<Value = FailureReport> {
    prop_oneof![Just(FailureReport::Yes), Just(FailureReport::No), Just(FailureReport::Partial)]
}

/// The events of octets that must be whole messages.
fn decoded(octets: Vec<u8>) -> Vec<Event> {
    let (events, error) = common::events([Bytes::from(octets)]);
    assert_eq!(error, None);
    events
}

proptest! {
    #[test]
    fn send(
        (tid, to, from, id) in (tid(), path(), uri(), message_id()),
        byte_range in option::of(byte_range()),
        failure_report in failure_report(),
        success_report in any::<bool>(),
        content in option::of(proptest::collection::vec(any::<u8>(), 0..300)),
        flag in flag(),
    ) {
        let head = SendHead {
            tid: &tid,
            to: &to,
            from: &from,
            message_id: &id,
            byte_range,
            failure_report,
            success_report,
            content_type: content.is_some().then_some("message/cpim"),
        };
        let mut out = Vec::new();
        encode_send_head(&mut out, &head);
        out.extend_from_slice(content.as_deref().unwrap_or_default());
        encode_end(&mut out, &tid, flag);
        let mut events = decoded(out).into_iter();
        let Some(Event::Request(request)) = events.next() else { panic!("no request") };
        prop_assert_eq!(request.malformed, None);
        prop_assert_eq!((&request.tid, &request.method), (&tid, &Method::Send));
        prop_assert_eq!((&request.to_path, &request.from_path), (&to, &Path::from(from.clone())));
        prop_assert_eq!((request.message_id, request.byte_range), (Some(id), byte_range));
        prop_assert_eq!((request.failure_report, request.success_report), (failure_report, success_report));
        prop_assert_eq!((request.media_type(), request.has_body), (head.content_type, content.is_some()));
        for body in content.into_iter().filter(|body| !body.is_empty()) {
            prop_assert_eq!(events.next(), Some(Event::Body(body.into())));
        }
        prop_assert_eq!(events.next(), Some(Event::End(flag)));
        prop_assert_eq!(events.next(), None);
    }

    #[test]
    fn response(tid in tid(), code in 0_u16..1000, comment in "[^\\p{Cc}]*", to in path(), from in uri()) {
        let mut out = Vec::new();
        encode_response(&mut out, &tid, code, &comment, &to, &from);
        let events = decoded(out);
        let [Event::Response(response)] = &events[..] else { panic!("no response") };
        prop_assert_eq!((&response.tid, response.code), (&tid, code));
        prop_assert_eq!(&response.comment[..], &comment);
        prop_assert_eq!((&response.to_path, &response.from_path), (&to, &Path::from(from)));
    }

    #[test]
    fn report(
        tid in tid(),
        to in path(),
        from in uri(),
        id in message_id(),
        range in byte_range(),
        code in 100_u16..1000,
        wrapped in option::of(proptest::collection::vec(any::<u8>(), 0..300)),
    ) {
        let mut out = Vec::new();
        let report = Report {
            tid: &tid,
            to: &to,
            from: &from,
            message_id: &id,
            range,
            code,
            comment: reason(code),
            wrapped: wrapped.as_deref(),
        };
        encode_report(&mut out, &report);
        let mut events = decoded(out);
        prop_assert_eq!(events.pop(), Some(Event::End(Flag::Complete)));
        let body = events.split_off(1);
        let expected = wrapped.into_iter().filter(|body| !body.is_empty()).map(|body| Event::Body(body.into()));
        prop_assert_eq!(body, expected.collect::<Vec<_>>());
        let [Event::Request(request)] = &events[..] else { panic!("no request") };
        prop_assert_eq!(&request.method, &Method::Report);
        prop_assert_eq!(request.malformed, None);
        prop_assert_eq!((request.message_id, request.byte_range), (Some(id), Some(range)));
        prop_assert_eq!(request.status, Some(Status { namespace: 0, code }));
        prop_assert!(!request.has_report_headers);
    }

    /// Whatever the nickname is, it stays one header.
    #[test]
    fn nickname(tid in tid(), to in path(), from in uri(), nickname in any::<String>()) {
        let mut out = Vec::new();
        encode_nickname(&mut out, &tid, &to, &from, &nickname);
        let events = decoded(out);
        let [Event::Request(request), Event::End(Flag::Complete)] = &events[..] else { panic!("no request") };
        prop_assert_eq!((&request.method, request.malformed), (&Method::Nickname, None));
        let value = request.use_nickname.as_deref().expect("Use-Nickname");
        let inner = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).expect("quotes");
        let read = String::from_utf8(inner.to_vec()).expect("UTF-8").replace("\\\"", "\"").replace("\\\\", "\\");
        let printable = nickname.replace(|c: char| c.is_ascii_control(), " ");
        prop_assume!(!nickname.contains('\\'));
        prop_assert_eq!(read, printable);
    }

    /// MSRP-60, MSRP-61: to a SEND the previous hop alone, to all others the whole way back.
    #[test]
    fn response_goes_back_the_right_way(tid in tid(), from in path(), send in any::<bool>()) {
        let method = if send { "SEND" } else { "NICKNAME" };
        let request = format!("MSRP {tid} {method}\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: {from}\r\n-------{tid}$\r\n");
        let events = decoded(request.into_bytes());
        let Event::Request(request) = &events[0] else { panic!("no request") };
        let expected = if send { from.first().to_string() } else { from.to_string() };
        prop_assert_eq!(response_path(request).to_string(), expected);
    }
}
