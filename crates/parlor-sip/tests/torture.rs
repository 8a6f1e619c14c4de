//! Torture messages of our own (`testdata/`), each named for what is odd about it.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use bytes::Bytes;
use parlor_sip::{
    HeaderName, Limits, Message, Method, ParseError, Refresher, Request, StreamDecoder, StreamEvent, parse_datagram,
};

fn folder(kind: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata").join(kind)
}

fn bytes(kind: &str, name: &str) -> Bytes {
    std::fs::read(folder(kind).join(name).with_extension("sip")).unwrap().into()
}

fn names(kind: &str) -> Vec<String> {
    let files = std::fs::read_dir(folder(kind)).unwrap();
    let mut names: Vec<_> =
        files.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

fn read(kind: &str, name: &str) -> Result<Message, ParseError> {
    parse_datagram(&bytes(kind, name), &Limits::default())
}

fn request(name: &str) -> Request {
    match read("valid", name) {
        Ok(Message::Request(request)) => request,
        other => panic!("{name}: {other:?}"),
    }
}

/// What is odd but allowed, or what peers are known to do, is read and can be written and read again.
#[test]
fn odd_messages_are_read() {
    for name in names("valid") {
        let message = read("valid", &name).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut encoded = Vec::new();
        message.encode(&mut encoded);
        let again = parse_datagram(&encoded.into(), &Limits::default()).unwrap();
        assert_eq!(again.body(), message.body(), "{name}");
    }
}

/// SIP-32: all compact forms.
#[test]
fn compact_forms_are_read() {
    let request = request("compact_forms");
    let headers = &request.headers;
    assert_eq!(headers.contact().unwrap().uri.param("transport"), Some("tcp"));
    assert_eq!(headers.supported(), ["timer", "replaces"]);
    assert_eq!(headers.session_expires().unwrap().unwrap().refresher, Some(Refresher::Uac));
    assert!(headers.event().unwrap().unwrap().is("conference"));
    assert_eq!(headers.allow_events(), ["conference", "refer"]);
    assert_eq!((headers.subject(), headers.content_encoding()), (Some("Lunch"), Some("identity")));
    assert_eq!(headers.refer_to().unwrap().method(), Method::Bye);
    assert_eq!(headers.referred_by().unwrap().unwrap().uri.user(), Some("bob"));
    assert!(headers.content_type().unwrap().unwrap().is("application/sdp"));
    assert_eq!(&request.body[..], b"v=0\n");
}

/// RFC 5118 §4.1, 4.3-4.5, 4.9.
#[test]
fn ipv6_is_read_everywhere() {
    let request = request("ipv6_everywhere");
    assert_eq!(request.uri.host(), Some("[2001:db8::10]"));
    let via = request.headers.via().unwrap();
    assert_eq!((&*via[0].host, via[0].port), ("[2001:db8::9:1]", Some(5070)));
    assert_eq!(via[0].received(), "2001:db8::9:255".parse().ok());
    assert_eq!((&*via[1].host, via[1].received()), ("[2001:db8::c000:201]", via[0].received()));
    assert_eq!(request.headers.to().unwrap().uri.port(), None);
    assert_eq!(request.headers.contact().unwrap().uri.port(), Some(5070));
}

/// SIP-E2, SIP-E7 and what else peers do.
#[test]
fn habits_of_peers_are_understood() {
    let empty = request("empty_params");
    assert_eq!(empty.headers.from().unwrap().tag(), Some("a1"));
    assert!(empty.headers.contact().unwrap().params.has("isfocus"));
    assert_eq!(request("refer_to_without_brackets").headers.refer_to().unwrap().method(), Method::Bye);
    assert_eq!(request("utf8_display").headers.from().unwrap().display.as_deref(), Some("Jürgen Müller"));
    assert_eq!(request("odd_tags").headers.from().unwrap().tag(), Some("aGVsbG8/d29ybGQ=="));
    let focus = request("focus_contact").headers.contact().unwrap();
    assert!(focus.params.has("isfocus") && focus.params.has("+sip.message"));
    assert_eq!(focus.params.unquoted("events").as_deref(), Some("conference,refer"));
    assert_eq!(&request("folded_everywhere").body[..], b"hello");
    let unknown = request("unknown_everything");
    assert_eq!((unknown.headers.expires(), unknown.headers.min_expires()), (None, None));
}

/// Every broken message is refused; what can be answered is answered with the right code.
#[test]
fn broken_messages_are_refused() {
    for name in names("invalid") {
        let error = read("invalid", &name).expect_err(&name);
        let answer = error.response().map(|(response, _)| response.code);
        let expected = match &*name {
            "version_3" => Some(505),
            "no_via" | "http" | "ack_broken" | "status_1000" | "status_099" => None,
            _ => Some(400),
        };
        assert_eq!(answer, expected, "{name}: {error}");
    }
}

/// On a stream a doubtful Content-Length ends the connection; other faults only cost the message.
#[test]
fn streams_go_on_only_where_the_end_is_known() {
    for name in names("invalid") {
        let mut broken = bytes("invalid", &name).to_vec();
        let headers_end = broken.windows(4).position(|window| window == b"\r\n\r\n");
        let Some(end) = headers_end else { continue };
        if !name.starts_with("length") && !name.starts_with("bare") && !name.starts_with("space") {
            broken.truncate(end + 2);
            broken.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        }
        broken.extend_from_slice(&bytes("valid", "compact_forms"));
        let mut decoder = StreamDecoder::new(Limits::default());
        decoder.push(broken.into());
        let first = decoder.poll();
        let lost = ["length", "bare", "space", "nul", "no_colon", "no_name", "http"];
        if lost.iter().any(|prefix| name.starts_with(prefix)) {
            assert!(first.is_err(), "{name}: {first:?}");
            assert!(matches!(decoder.poll(), Ok(None)), "{name}");
        } else {
            assert!(matches!(first, Ok(Some(StreamEvent::Invalid(_)))), "{name}: {first:?}");
            let next = decoder.poll();
            let Ok(Some(StreamEvent::Message(message))) = next else { panic!("{name}: {next:?}") };
            assert_eq!(message.headers().first(&HeaderName::CallId), Some("compact@192.0.2.1"));
        }
    }
}
