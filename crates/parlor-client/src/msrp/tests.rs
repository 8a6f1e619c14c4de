use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parlor_msrp::{Decoder, Event as Decoded, FailureReport, MessageId, OutgoingMessage, Path, Uri};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::{Semaphore, oneshot};

use super::nickname::Nickname;
use super::outgoing::{Begin, Command, Piece};
use super::parties::Parties;
use super::session::{BindError, Session};
use crate::error::{NicknameError, SendError};
use crate::event::{Closed, Event};
use crate::limits::Limits;

const OWN: &str = "msrp://127.0.0.1:9/own;tcp";
const ROOM: &str = "msrp://127.0.0.1:2855/room;tcp";
const HEADERS: &str = "From: \"Bob\" <sip:bob@b>\r\nTo: <sip:lobby@a>\r\n\r\nContent-Type: text/plain\r\n\r\n";

fn limits() -> Limits {
    Limits { gathered_body: 100, open_messages: 2, cpim_headers: 300, ..Limits::default() }
}

fn unbound() -> Session {
    let room = vec!["sip:lobby@127.0.0.1".parse().unwrap()];
    let parties = Parties { room, own: "sip:alice@a".parse().unwrap() };
    let (own, peer) = (Uri::parse(OWN).unwrap(), Path::parse(ROOM).unwrap());
    Session::new(own, peer, parties, StdRng::seed_from_u64(1), limits())
}

fn bound() -> Session {
    let mut session = unbound();
    let bind = written(&mut session);
    answer(&mut session, &bind[0], 200);
    assert_eq!(session.bound(), Some(Ok(())));
    session
}

/// What the session writes, as lines of start and flag: `SEND $`, `200 $`, each with its transaction.
fn written(session: &mut Session) -> Vec<Frame> {
    let mut octets = Vec::new();
    while session.wants_write() {
        let next = session.next_write().to_vec();
        session.handle_written(Instant::now(), next.len());
        octets.extend(next);
    }
    let mut decoder = Decoder::new(parlor_msrp::Limits::default());
    decoder.push(octets.into());
    let mut frames: Vec<Frame> = Vec::new();
    while let Some(event) = decoder.poll().unwrap() {
        match event {
            Decoded::Request(request) => {
                assert_eq!((request.to_path.to_string(), request.from_path.to_string()), (ROOM.into(), OWN.into()));
                let range = request.byte_range.map(|range| range.to_string()).unwrap_or_default();
                let what = format!("{} {range}", request.method.as_str());
                frames.push(Frame { tid: request.tid.to_string(), what, body: Vec::new() });
            }
            Decoded::Body(body) => frames.last_mut().unwrap().body.extend_from_slice(&body),
            Decoded::End(flag) => frames.last_mut().unwrap().what.push(char::from(flag.as_byte())),
            Decoded::Response(response) => {
                frames.push(Frame { tid: response.tid.to_string(), what: response.code.to_string(), body: Vec::new() });
            }
        }
    }
    frames
}

#[derive(Debug)]
struct Frame {
    tid: String,
    what: String,
    body: Vec<u8>,
}

fn said(session: &mut Session) -> Vec<String> {
    written(session).into_iter().map(|frame| frame.what).collect()
}

fn answer(session: &mut Session, frame: &Frame, code: u16) {
    let tid = &frame.tid;
    read(session, &format!("MSRP {tid} {code} X\r\nTo-Path: {OWN}\r\nFrom-Path: {ROOM}\r\n-------{tid}$\r\n"));
}

fn read(session: &mut Session, text: &str) {
    session.handle_read(Instant::now(), Bytes::from(text.to_owned())).unwrap();
}

fn frame(start: &str, headers: &str, body: &str, flag: char) -> String {
    format!("MSRP tid12345 {start}\r\nTo-Path: {OWN}\r\nFrom-Path: {ROOM}\r\n{headers}{body}-------tid12345{flag}\r\n")
}

fn send(id: &str, range: &str, body: &str, flag: char) -> String {
    let headers = format!("Message-ID: {id}\r\nByte-Range: {range}\r\nContent-Type: message/cpim\r\n\r\n");
    frame("SEND", &headers, &format!("{body}\r\n"), flag)
}

/// The events as short texts, neighbouring chunks joined.
fn events(session: &mut Session) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    while let Some(event) = session.poll_event() {
        match event {
            Event::Message(message) if message.header.private => {
                told.push(format!("{} only: {}", message.header.from.uri, message.text().unwrap()));
            }
            Event::Message(message) => told.push(format!("{}: {}", message.header.from.uri, message.text().unwrap())),
            Event::Notice(message) => told.push(format!("notice: {}", message.text().unwrap())),
            Event::Start { id, size, .. } => told.push(format!("start {id} {size:?} ")),
            Event::Chunk { bytes, .. } => match told.last_mut() {
                Some(last) if last.starts_with("start") => last.push_str(std::str::from_utf8(&bytes).unwrap()),
                Some(_) | None => told.push(String::from_utf8(bytes.to_vec()).unwrap()),
            },
            Event::End { id, complete } => told.push(format!("end {id} {complete}")),
            Event::Report(report) => told.push(format!("report {}", report.code)),
            Event::Closed(why) => told.push(why.to_string()),
            Event::Composing { who, private, active } => told.push(format!("{} writes {private} {active}", who.uri)),
            Event::Roster(_) => unreachable!("that is told over SIP"),
        }
    }
    told
}

#[test]
fn session_is_bound_by_an_empty_send() {
    let mut session = unbound();
    let bind = written(&mut session);
    assert_eq!((bind.len(), &*bind[0].what), (1, "SEND 1-0/0$"));
    assert_eq!(session.bound(), None);
    answer(&mut session, &bind[0], 481);
    assert_eq!(session.bound(), Some(Err(BindError::Refused(481))));
    let mut session = unbound();
    written(&mut session);
    session.handle_timeout(Instant::now() + Duration::from_secs(31));
    assert_eq!(session.bound(), Some(Err(BindError::Timeout)));
    let mut session = unbound();
    session.handle_closed(Closed::ConnectionLost);
    assert_eq!(session.bound(), Some(Err(BindError::Closed(Closed::ConnectionLost))));
}

/// RFC 4975 §7.2: answers as Failure-Report and Success-Report ask.
#[test]
fn requests_are_answered_as_they_ask() {
    let mut session = bound();
    let message = format!("{HEADERS}hi");
    for (asked, good, bad) in [
        ("", vec!["200"], vec!["415"]),
        ("Failure-Report: yes\r\n", vec!["200"], vec!["415"]),
        ("Failure-Report: partial\r\n", vec![], vec!["415"]),
        ("Failure-Report: no\r\n", vec![], vec![]),
        ("Failure-Report: no\r\nSuccess-Report: yes\r\n", vec!["REPORT 1-76/76$"], vec![]),
    ] {
        for (kind, expected) in [("message/cpim", good), ("image/png", bad)] {
            let headers = format!("Message-ID: m1\r\n{asked}Content-Type: {kind}\r\n\r\n");
            read(&mut session, &frame("SEND", &headers, &format!("{message}\r\n"), '$'));
            assert_eq!(said(&mut session), expected, "{asked}{kind}");
        }
    }
    assert_eq!(events(&mut session), ["sip:bob@b: hi"; 5]);
    assert_eq!(message.len(), 76);
}

#[test]
fn what_is_no_message_is_answered() {
    let mut session = bound();
    for (text, expected) in [
        (frame("SEND", "Message-ID: k\r\n", "", '$'), vec!["200"]),
        (frame("NICKNAME", "Use-Nickname: \"x\"\r\n", "", '$'), vec!["501"]),
        (frame("SEND", "Message-ID: k\r\n", "", '$').replace("/own;", "/other;"), vec!["481"]),
        (frame("SEND", "Byte-Range: 0-0/0\r\nMessage-ID: k\r\n", "", '$'), vec!["400"]),
        (frame("REPORT", "Message-ID: k\r\nStatus: 000 200\r\n", "", '$'), vec![]),
        (send("m", "1-5/5", "junk", '$'), vec!["400"]),
        (send("m", "5-5/5", "x", '$'), vec!["413"]),
    ] {
        read(&mut session, &text);
        assert_eq!(said(&mut session), expected, "{text}");
    }
    assert_eq!(events(&mut session), [""; 0]);
    let junk = session.handle_read(Instant::now(), Bytes::from_static(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    assert_eq!(junk, Err(Closed::Protocol));
}

#[test]
fn notices_are_those_of_the_room() {
    let mut session = bound();
    for from in ["sip:lobby@127.0.0.1", "sip:lobby@a;transport=tcp", "sip:bob@b"] {
        read(
            &mut session,
            &send(&format!("m{}", from.len()), "1-*/*", &format!("{HEADERS}hi").replace("sip:bob@b", from), '$'),
        );
    }
    let plain = "Message-ID: p\r\nContent-Type: text/plain\r\n\r\n";
    read(&mut session, &frame("SEND", plain, "unwrapped\r\n", '$'));
    assert_eq!(events(&mut session), ["notice: hi", "notice: hi", "sip:bob@b: hi", "notice: unwrapped"]);
}

/// CHAT-50, CHAT-57: what is to us is private; from us to us it comes from another device, not from the room.
#[test]
fn private_messages_are_marked() {
    let mut session = bound();
    for (id, from, to) in [("m1", "sip:bob@b", "sip:alice@a"), ("m2", "sip:alice@a", "sip:alice@a")] {
        let headers = HEADERS.replace("sip:bob@b", from).replace("sip:lobby@a", to);
        read(&mut session, &send(id, "1-*/*", &format!("{headers}psst"), '$'));
    }
    assert_eq!(events(&mut session), ["sip:bob@b only: psst", "sip:alice@a only: psst"]);
}

/// EVT-103: what tells that somebody is writing is no message; what they wrote, or nothing more, ends it.
#[test]
fn others_are_writing() {
    let mut session = bound();
    let status = |state: &str| {
        let body =
            format!("<isComposing xmlns='urn:ietf:params:xml:ns:im-iscomposing'><state>{state}</state></isComposing>");
        format!("{}{body}", HEADERS.replace("text/plain", "application/im-iscomposing+xml"))
    };
    let from_us = status("active").replace("sip:bob@b", "sip:alice@a");
    for (id, body) in [
        ("m1", status("active")),
        ("m2", status("active")),
        ("m3", format!("{HEADERS}hi")),
        ("m4", status("active")),
        ("m5", from_us),
        ("m6", status("active").replace("state", "junk")),
    ] {
        read(&mut session, &send(id, "1-*/*", &body, '$'));
    }
    let begun = "sip:bob@b writes false true";
    let ended = "sip:bob@b writes false false";
    assert_eq!(events(&mut session), [begun, ended, "sip:bob@b: hi", begun]);
    let due = session.poll_timeout().unwrap();
    session.handle_timeout(due);
    assert_eq!(events(&mut session), [ended]);
}

/// EVT-107: nobody answers for it and nobody waits.
#[test]
fn messages_without_reports_are_done_when_written() {
    let mut session = bound();
    let (id, mut told) = begin_with(&mut session, false, FailureReport::No);
    piece(&mut session, id, "abcd", false);
    assert!(told.try_recv().is_err());
    piece(&mut session, id, "e", true);
    assert!(matches!(told.try_recv(), Ok(Ok(()))));
    let octets = String::from_utf8(session.next_write().to_vec()).unwrap();
    assert!(octets.contains("\r\nFailure-Report: no\r\n"), "{octets}");
    assert_eq!(said(&mut session), ["SEND 1-4/*+", "SEND 5-5/5$"]);
    assert_eq!(session.poll_timeout(), None);
}

/// CHAT-80 … 84, CHAT-88: a nickname stands in quotes, and each answer is told for what it is.
#[test]
fn nickname_is_asked_for() {
    for (code, expected) in [
        (200, Ok(())),
        (403, Err(NicknameError::Forbidden)),
        (424, Err(NicknameError::Malformed)),
        (425, Err(NicknameError::Taken)),
        (501, Err(NicknameError::Unsupported)),
        (413, Err(NicknameError::Refused { code: 413 })),
    ] {
        let mut session = bound();
        let (done, mut told) = oneshot::channel();
        session.handle_command(Command::Nickname(Nickname { nickname: "Ally \"A\" Ä".to_owned(), done }));
        let octets = String::from_utf8(session.next_write().to_vec()).unwrap();
        assert!(octets.contains("\r\nUse-Nickname: \"Ally \\\"A\\\" Ä\"\r\n-------"), "{octets}");
        assert!(!octets.contains("-Report"), "{octets}");
        let frames = written(&mut session);
        assert!(told.try_recv().is_err());
        answer(&mut session, &frames[0], code);
        assert_eq!(told.try_recv(), Ok(expected));
    }
    let mut session = bound();
    let (done, mut told) = oneshot::channel();
    session.handle_command(Command::Nickname(Nickname { nickname: String::new(), done }));
    written(&mut session);
    session.handle_timeout(Instant::now() + Duration::from_secs(31));
    assert_eq!(told.try_recv(), Ok(Err(NicknameError::Timeout)));
}

/// Messages in chunks that alternate: a small one is gathered, a large one handed on.
fn conversation() -> String {
    let (first, large) = (HEADERS.len() + 4, "x".repeat(90));
    [
        send("small", "1-*/*", &format!("{HEADERS}abcd"), '+'),
        send("large", "1-*/280", &HEADERS[..20], '+'),
        send("small", &format!("{}-*/*", first + 1), "efgh", '$'),
        send("large", "21-*/280", &format!("{}{large}", &HEADERS[20..]), '+'),
        send("given-up", "1-*/*", &format!("{HEADERS}never seen"), '#'),
        send("large", &format!("{}-*/280", HEADERS.len() + 91), &large, '+'),
        send("large", &format!("{}-280/280", HEADERS.len() + 181), &"y".repeat(20), '$'),
    ]
    .concat()
}

fn expected() -> Vec<String> {
    let size = 280 - HEADERS.len() as u64;
    let all = format!("start large Some({size}) {}{}", "x".repeat(180), "y".repeat(20));
    vec!["sip:bob@b: abcdefgh".to_owned(), all, "end large true".to_owned()]
}

#[test]
fn small_messages_are_gathered_and_large_ones_handed_on() {
    let mut session = bound();
    read(&mut session, &conversation());
    assert_eq!(events(&mut session), expected());
    assert_eq!(said(&mut session), ["200"; 7]);
}

#[test]
fn what_never_ends_is_given_up() {
    let mut session = bound();
    let body = format!("{HEADERS}{}", "x".repeat(200));
    for id in ["one", "two", "three"] {
        read(&mut session, &send(id, "1-*/*", &body, '+'));
    }
    session.handle_closed(Closed::ConnectionLost);
    let told: Vec<_> = events(&mut session).into_iter().filter(|event| event.starts_with("end")).collect();
    assert_eq!(told, ["end one false", "end two false", "end three false"]);
    let endless = send("h", "1-*/*", &"X: y\r\n".repeat(60), '+');
    read(&mut session, &endless);
    assert_eq!(said(&mut session).last().map(|code| &**code), Some("400"));
}

/// A message of ours that has begun, with chunks of four octets.
fn begin(session: &mut Session, report: bool) -> (MessageId, oneshot::Receiver<Result<(), SendError>>) {
    begin_with(session, report, FailureReport::Yes)
}

fn begin_with(
    session: &mut Session,
    report: bool,
    failure_report: FailureReport,
) -> (MessageId, oneshot::Receiver<Result<(), SendError>>) {
    let id = MessageId::parse("ours").unwrap();
    let (done, told) = oneshot::channel();
    let message = OutgoingMessage {
        to: Path::parse(ROOM).unwrap(),
        from: Uri::parse(OWN).unwrap(),
        message_id: id,
        failure_report,
        success_report: report,
        content_type: "message/cpim".to_owned(),
        total: None,
    };
    session.handle_command(Command::Begin(Box::new(Begin { message, chunk_size: 4, done })));
    (id, told)
}

fn piece(session: &mut Session, message: MessageId, body: &'static str, last: bool) {
    let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    session.handle_command(Command::Piece(Piece { message, body: body.into(), last, permit }));
}

#[test]
fn message_is_taken_when_all_chunks_are_answered() {
    let mut session = bound();
    let (id, mut told) = begin(&mut session, false);
    piece(&mut session, id, "abcd", false);
    piece(&mut session, id, "ef", true);
    let frames = written(&mut session);
    assert_eq!(frames.iter().map(|frame| &*frame.what).collect::<Vec<_>>(), ["SEND 1-4/*+", "SEND 5-6/6$"]);
    assert_eq!(frames[1].body, b"ef");
    answer(&mut session, &frames[1], 200);
    assert!(told.try_recv().is_err());
    answer(&mut session, &frames[0], 200);
    assert!(matches!(told.try_recv(), Ok(Ok(()))));
    read(&mut session, &frame("REPORT", "Message-ID: ours\r\nByte-Range: 1-6/6\r\nStatus: 000 408\r\n", "", '$'));
    assert_eq!(events(&mut session), ["report 408"]);
}

/// MSRP-47: a refused message is ended with `#`, and what its sender still hands over goes nowhere.
#[test]
fn refused_message_is_ended() {
    let mut session = bound();
    let (id, mut told) = begin(&mut session, false);
    piece(&mut session, id, "abcd", false);
    let frames = written(&mut session);
    answer(&mut session, &frames[0], 413);
    assert!(matches!(told.try_recv(), Ok(Err(SendError::Refused { code: 413 }))));
    piece(&mut session, id, "efgh", true);
    assert_eq!(said(&mut session), ["SEND 5-*/*#"]);
}

#[test]
fn message_whose_sender_is_gone_is_ended() {
    let mut session = bound();
    let (id, told) = begin(&mut session, false);
    piece(&mut session, id, "abcd", false);
    session.handle_abandoned();
    assert_eq!(said(&mut session), ["SEND 1-4/*+"]);
    drop(told);
    session.handle_abandoned();
    assert_eq!(said(&mut session), ["SEND 5-*/*#"]);
}

/// MSRP-59 for the response, and the same patience for a REPORT that was asked for.
#[test]
fn answers_do_not_come() {
    let late = || Instant::now() + Duration::from_secs(31);
    let mut session = bound();
    let (id, mut told) = begin(&mut session, true);
    piece(&mut session, id, "abcd", true);
    written(&mut session);
    session.handle_timeout(late());
    assert!(matches!(told.try_recv(), Ok(Err(SendError::Timeout))));
    let (id, mut told) = begin(&mut session, true);
    piece(&mut session, id, "abcd", true);
    let frames = written(&mut session);
    answer(&mut session, &frames[0], 200);
    assert!(told.try_recv().is_err() && session.poll_timeout().is_some());
    read(&mut session, &frame("REPORT", "Message-ID: ours\r\nByte-Range: 1-2/4\r\nStatus: 000 200\r\n", "", '$'));
    assert!(told.try_recv().is_err(), "two octets are not reported");
    session.handle_timeout(late());
    assert!(matches!(told.try_recv(), Ok(Err(SendError::Timeout))));
}

proptest! {
    /// However the octets come, the events are the same.
    #[test]
    fn any_split_gives_the_same_events(cuts in proptest::collection::vec(0_usize..2500, 0..40)) {
        let all = conversation();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % all.len()).collect();
        cuts.sort_unstable();
        let (mut session, mut start) = (bound(), 0);
        for cut in cuts.into_iter().chain([all.len()]) {
            read(&mut session, &all[start..cut]);
            start = cut;
        }
        prop_assert_eq!(events(&mut session), expected());
    }

    /// No octets make it panic, and what waits is bounded.
    #[test]
    fn no_input_panics(parts in proptest::collection::vec(("[a-c]", 1_u64..9, "[ -~\r\n]{0,40}", "[+$#]"), 0..20)) {
        let mut session = bound();
        for (id, start, body, flag) in parts {
            let flag = char::from(flag.as_bytes()[0]);
            let _ = session.handle_read(Instant::now(), send(&id, &format!("{start}-*/9"), &body, flag).into());
        }
        session.handle_closed(Closed::ConnectionLost);
    }
}
