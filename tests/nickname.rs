//! Nicknames: who gets which, how they are written, and who keeps them (RFC 7701 §7, RFC 8266).

use std::time::{Duration, Instant};

use crate::support::participant::{Joined, Participant};
use crate::support::server::{Server, Setup};
use crate::support::sip::SipUser;
use crate::support::unique;

/// CHAT-84, CHAT-87, CHAT-88: a nickname is given, changed and given up, and then is somebody else's to take.
#[test]
fn given_changed_and_given_up() {
    let server = keeping_nothing();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| Participant::join(&server, name));
    assert_eq!(quoted(&mut alice, "Ally"), 200);
    assert_eq!(quoted(&mut bob, "Ally"), 425);
    assert_eq!(quoted(&mut alice, "Alice in Wonderland"), 200);
    assert_eq!(quoted(&mut bob, "Ally"), 200, "released by the change");
    assert_eq!(quoted(&mut alice, ""), 200);
    assert_eq!(quoted(&mut alice, ""), 200, "nothing to give up");
    assert_eq!(quoted(&mut bob, "Alice in Wonderland"), 200);
    alice.say("still here");
    bob.hears("still here");
}

/// CHAT-83, CHAT-87: who is refused keeps what it has.
#[test]
fn refused_changes_nothing() {
    let server = keeping_nothing();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| Participant::join(&server, name));
    assert_eq!(quoted(&mut alice, "Ally"), 200);
    assert_eq!(quoted(&mut bob, "Bobby"), 200);
    assert_eq!(quoted(&mut bob, "Ally"), 425);
    assert_eq!(written(&mut bob, "Use-Nickname: \"Al\\ly\""), 424);
    assert_eq!(quoted(&mut alice, "Bobby"), 425, "bob still has it");
}

/// CHAT-80, CHAT-82: escapes are read; what is no value, or no nickname to RFC 8266, gets 424.
#[test]
fn malformed_values() {
    let server = Setup::default().set("rooms.max_nickname_bytes", "1023").start();
    let mut alice = Participant::join(&server, "alice");
    let long = "x".repeat(1024);
    for value in [
        r#""Ally"#,
        r#""Al\ly""#,
        r#""Al"ly""#,
        r#""Ally" x"#,
        r#"""#,
        r#""   ""#,
        "\"a\u{7}b\"",
        "\"a\u{200b}b\"",
        "\"\u{ad}\"",
        &format!("\"{long}\""),
        &long,
    ] {
        assert_eq!(written(&mut alice, &format!("Use-Nickname: {value}")), 424, "{value:?}");
    }
    let not_utf8 = [b"Use-Nickname: \"".as_slice(), b"\xff\xfe", b"\""].concat();
    assert_eq!(octets(&mut alice, &not_utf8, b""), 424);
    for value in [r#""Alice \"A\" B""#, r#""back\\slash""#, "\"\u{c4}lice \u{1f407}\"", &format!("\"{}\"", &long[1..])]
    {
        assert_eq!(written(&mut alice, &format!("Use-Nickname: {value}")), 200, "{value:?}");
    }
}

/// CHAT-80: no value, a wish for reports, or a body get 400.
#[test]
fn malformed_requests() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    for headers in [
        "X: y",
        "Use-Nickname: \"Ally\"\r\nFailure-Report: yes",
        "Use-Nickname: \"Ally\"\r\nFailure-Report: no",
        "Use-Nickname: \"Ally\"\r\nSuccess-Report: no",
        "Use-Nickname: \"Ally\"\r\nUse-Nickname: \"Alice\"",
    ] {
        assert_eq!(written(&mut alice, headers), 400, "{headers}");
    }
    let with_body = b"Use-Nickname: \"Ally\"\r\nContent-Type: text/plain";
    assert_eq!(octets(&mut alice, with_body, b"\r\n\r\nhello"), 400);
    assert_eq!(quoted(&mut alice, "Ally"), 200);
}

/// CHAT-93: without quotes a value is taken as it stands and an empty one gives up, unless the configuration is strict.
#[test]
fn without_quotes() {
    for (strict, code) in [("false", 200), ("true", 424)] {
        let server = Setup::default().set("msrp.strict_nicknames", strict).start();
        let mut alice = Participant::join(&server, "alice");
        for header in ["Use-Nickname: Ally", "Use-Nickname:Ally", "Use-Nickname: Ally in \"W\"", "Use-Nickname: "] {
            assert_eq!(written(&mut alice, header), code, "{header}");
        }
        assert_eq!(quoted(&mut alice, "Ally"), 200);
        assert_eq!(quoted(&mut alice, ""), 200);
    }
}

/// CHAT-1, CHAT-19, CHAT-81: where nicknames are not allowed they get 403, and the answer does not offer them.
#[test]
fn not_allowed() {
    let server = Setup::default().room("quiet", "nicknames = false").start();
    for (room, offered, code) in [("lobby", true, 200), ("quiet", false, 403)] {
        let joined = Joined::invite(&server, SipUser::tcp(&server, "alice"), room, |offer| offer);
        let tokens: Vec<_> = joined.answer.attribute("chatroom").split(' ').map(str::to_owned).collect();
        assert_eq!(tokens.iter().any(|token| token == "nickname"), offered, "{tokens:?}");
        let mut alice = joined.connected(&server);
        assert_eq!(quoted(&mut alice, "Ally"), code, "{room}");
        assert_eq!(written(&mut alice, "Use-Nickname: \"Al\\ly\""), if code == 403 { 403 } else { 424 }, "{room}");
    }
}

/// CHAT-92: whose SDP does not name nicknames may have one all the same.
#[test]
fn without_the_token() {
    let server = Server::plain();
    let drop_token = |offer: String| offer.replace("a=chatroom:nickname private-messages\r\n", "");
    let mut alice = Participant::join_as(&server, SipUser::tcp(&server, "alice"), "lobby", drop_token);
    assert_eq!(quoted(&mut alice, "Ally"), 200);
}

/// CHAT-90: what is reserved nobody gets, however it is spelt.
#[test]
fn reserved() {
    let server = Setup::default().set("rooms.reserved_nicknames", "[\"Room Service\"]").start();
    let mut alice = Participant::join(&server, "alice");
    for nickname in ["Room Service", "room service", "  ROOM   SERVICE ", "\u{ff32}oom Service"] {
        assert_eq!(quoted(&mut alice, nickname), 425, "{nickname}");
    }
    assert_eq!(quoted(&mut alice, "Roomservice"), 200);
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    assert_eq!(quoted(&mut alice, "Admin"), 425, "by default");
}

/// CHAT-85, CHAT-86: nicknames that RFC 8266 compares as equal are one nickname; others are not.
#[test]
fn look_alikes() {
    let server = keeping_nothing();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| Participant::join(&server, name));
    for (first, second, same) in [
        ("Foo", "foo", true),
        ("Foo Bar", "foo  bar", true),
        ("A B", "\u{a0}A\u{3000}\u{2003}B ", true),
        ("\u{3a3}", "\u{3c3}", true),
        ("\u{3c3}", "\u{3c2}", false),
        ("\u{3d4}", "\u{3cb}", true),
        ("Richard \u{2163}", "richard iv", true),
        ("\u{221e}", "8", false),
        ("Caf\u{e9}", "Cafe\u{301}", true),
        ("Cafe", "Caf\u{e9}", false),
        ("\u{fb01}sh", "FISH", true),
        ("\u{ff21}lice", "alice", true),
        ("BOY", "B0Y", false),
        // Cyrillic, which only looks the same.
        ("alice", "\u{430}lice", false),
    ] {
        assert_eq!(quoted(&mut alice, first), 200, "{first}");
        assert_eq!(quoted(&mut bob, second), if same { 425 } else { 200 }, "{first}, {second}");
        assert_eq!(quoted(&mut bob, ""), 200);
        assert_eq!(quoted(&mut alice, ""), 200);
    }
}

/// CHAT-86: one user's devices may share a nickname, and none is given to a second device unasked: it stays taken while one
/// of them has it.
#[test]
fn several_devices() {
    let server = keeping_nothing();
    let [mut desk, mut phone, mut bob] = ["alice", "alice", "bob"].map(|name| Participant::join(&server, name));
    assert_eq!(quoted(&mut desk, "Ally"), 200);
    assert_eq!(quoted(&mut phone, "ALLY"), 200);
    assert_eq!(quoted(&mut bob, "Ally"), 425);
    desk.leave();
    server.shows("parlor_msrp_sessions", 2.0);
    assert_eq!(quoted(&mut bob, "Ally"), 425, "the phone has it");
    assert_eq!(quoted(&mut phone, ""), 200);
    assert_eq!(quoted(&mut bob, "Ally"), 200);
}

/// CHAT-2, CHAT-89: for a while only who had it may take a nickname again; a device takes it over from its own lost session.
#[test]
fn quarantine() {
    let server = Setup::default().set("rooms.nickname_quarantine", "\"2s\"").start();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| Participant::join(&server, name));
    assert_eq!(quoted(&mut alice, "Ally"), 200);
    drop(alice);
    let mut again = Participant::join(&server, "alice");
    assert_eq!(quoted(&mut again, "Ally"), 200, "her own, though the lost session is kept for a while");
    assert_eq!(quoted(&mut again, "Alicia"), 200);
    again.leave();
    server.shows("parlor_participants", 2.0);
    assert_eq!(quoted(&mut bob, "Alicia"), 425, "kept for alice");
    let mut again = Participant::join(&server, "alice");
    assert_eq!(quoted(&mut again, "Alicia"), 200);
    again.leave();
    let since = Instant::now();
    crate::support::eventually("the nickname is free", || (quoted(&mut bob, "Alicia") == 200).then_some(()));
    assert!(since.elapsed() > Duration::from_millis(1500), "it was kept: {:?}", since.elapsed());
}

/// CHAT-86: of a hundred sessions that want one nickname at once exactly one gets it.
#[test]
fn race() {
    let server = Server::plain();
    let mut all: Vec<Participant> = (0..100).map(|n| Participant::join(&server, &format!("user{n}"))).collect();
    let spellings = ["Winner", "WINNER", " winner ", "w\u{ff49}nner"];
    let mut tids = Vec::new();
    std::thread::scope(|scope| {
        let asking = all.iter_mut().enumerate().map(|(n, one)| {
            let header = format!("Use-Nickname: \"{}\"", spellings[n % spellings.len()]);
            scope.spawn(move || send(one, header.as_bytes(), b""))
        });
        let asking: Vec<_> = asking.collect();
        tids.extend(asking.into_iter().map(|asked| asked.join().unwrap()));
    });
    let codes = all.iter_mut().zip(&tids).map(|(one, tid)| one.msrp.response(tid));
    let (won, lost): (Vec<u16>, Vec<u16>) = codes.partition(|code| *code == 200);
    assert_eq!((won.len(), lost.len()), (1, 99));
    assert!(lost.iter().all(|code| *code == 425), "{lost:?}");
    server.shows("parlor_rejected_total{layer=\"room\",reason=\"nickname_taken\"}", 99.0);
}

/// CHAT-170: what is refused costs as much of the rate as what is given, and others are not kept waiting by it.
#[test]
fn names_cannot_be_tried_without_end() {
    let server = Server::plain();
    let [mut alice, mut bob, mut carol] = ["alice", "bob", "carol"].map(|name| Participant::join(&server, name));
    assert_eq!(quoted(&mut carol, "Carol"), 200);
    let long = "\u{fb01}".repeat(341);
    let since = Instant::now();
    let tids: Vec<String> = (0..40)
        .map(|n| match n % 2 {
            0 => send(&mut alice, b"Use-Nickname: \"Carol\"", b""),
            _ => send(&mut alice, format!("Use-Nickname: \"{long}\u{200b}\"").as_bytes(), b""),
        })
        .collect();
    let asked = Instant::now();
    assert_eq!(quoted(&mut bob, "Bobby"), 200);
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    for (n, tid) in tids.iter().enumerate() {
        assert_eq!(alice.msrp.response(tid), if n % 2 == 0 { 425 } else { 424 });
    }
    assert!(since.elapsed() > Duration::from_millis(1500), "{:?}", since.elapsed());
    assert!(server.metrics().value("parlor_msrp_rate_waits_total") >= 1.0);
}

fn keeping_nothing() -> Server {
    Setup::default().set("rooms.nickname_quarantine", "\"0s\"").start()
}

/// Asks for a nickname as RFC 7701 writes it; gives the code of the response.
pub(crate) fn quoted(one: &mut Participant, nickname: &str) -> u16 {
    written(one, &format!("Use-Nickname: \"{nickname}\""))
}

fn written(one: &mut Participant, headers: &str) -> u16 {
    octets(one, headers.as_bytes(), b"")
}

fn octets(one: &mut Participant, headers: &[u8], body: &[u8]) -> u16 {
    let tid = send(one, headers, body);
    one.msrp.response(&tid)
}

fn send(one: &mut Participant, headers: &[u8], body: &[u8]) -> String {
    let tid = unique("");
    let (to, from) = (&one.session, &one.path);
    let mut request = format!("MSRP {tid} NICKNAME\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\n").into_bytes();
    request.extend_from_slice(headers);
    request.extend_from_slice(body);
    request.extend_from_slice(format!("\r\n-------{tid}$\r\n").as_bytes());
    one.msrp.write(request);
    tid
}
