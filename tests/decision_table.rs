//! What is refused, with which code, and that it reaches nobody (spec: the order of decisions of a switch).

use std::fmt::Write as _;

use crate::support::cpim;
use crate::support::msrp::Send;
use crate::support::participant::Participant;
use crate::support::server::{Server, Setup};
use crate::support::unique;

/// CHAT-30: what is not wrapped in message/cpim gets 415, whatever it is.
#[test]
fn not_wrapped() {
    let mut room = Room::open(Setup::default());
    for kind in ["text/plain", "text/html", "multipart/mixed;boundary=x", "application/octet-stream", "message/sip"] {
        let send = room.alice.sending(b"hello").kind(kind);
        room.refused(&send, 415, kind);
    }
    room.passes();
}

/// MSRP-E8: the type is compared without regard to case, its parameters do not count.
#[test]
fn wrapped_however_it_is_spelt() {
    let mut room = Room::open(Setup::default());
    for kind in ["Message/CPIM", "MESSAGE/CPIM", "message/cpim;charset=utf-8", "message/cpim; x=\"y;z\""] {
        let send = room.alice.saying("hello").kind(kind);
        assert_eq!(room.alice.ask(&send), 200, "{kind}");
        room.bob.hears("hello");
    }
}

/// CHAT-31: a wrapper that is broken, or that lacks From or To, gets 400.
#[test]
fn broken_wrapper() {
    let mut room = Room::open(Setup::default());
    let (from, to) = (room.alice.user.uri(), room.alice.room.clone());
    let mime = "\r\n\r\nContent-Type: text/plain\r\n\r\nhello";
    let bodies = [
        ("no From", format!("To: <{to}>{mime}")),
        ("no To", format!("From: <{from}>{mime}")),
        ("neither", "DateTime: 2026-03-02T15:02:31Z\r\n\r\nContent-Type: text/plain\r\n\r\nhello".to_owned()),
        ("junk", "hello, this is no wrapper\r\n\r\nat all\r\n\r\n".to_owned()),
        ("From twice (CPIM-34)", format!("From: <{from}>\r\nFrom: <{from}>\r\nTo: <{to}>{mime}")),
        ("case of names (CPIM-10)", format!("from: <{from}>\r\nto: <{to}>{mime}")),
        ("another namespace (CPIM-32)", format!("NS: <urn:example:x>\r\nFrom: <{from}>\r\nTo: <{to}>{mime}")),
        ("headers without end", format!("From: <{from}>\r\nTo: <{to}>\r\n")),
        ("no URI", format!("From: Alice\r\nTo: <{to}>{mime}")),
    ];
    for (what, body) in bodies {
        let send = room.alice.sending(body.as_bytes());
        room.refused(&send, 400, what);
    }
    let mut not_utf8 = format!("From: <{from}>\r\nTo: <{to}>\r\nSubject: ").into_bytes();
    not_utf8.extend_from_slice(b"\xff\xfe");
    not_utf8.extend_from_slice(mime.as_bytes());
    let send = room.alice.sending(&not_utf8);
    room.refused(&send, 400, "no UTF-8 (CPIM-E2)");
    room.passes();
}

/// CPIM-14, CPIM-40, CPIM-E3, CHAT-E7: wrappers as clients and the RFCs' own examples write them are read, and passed
/// on untouched.
#[test]
fn lenient_wrapper() {
    let mut room = Room::open(Setup::default());
    let (from, to) = (room.alice.user.uri(), room.alice.room.clone());
    let bodies = [
        format!("From: <{from}>\r\nTo: <{to}>\r\nContent-Type: text/plain\r\n\r\nno blank line between"),
        format!("From: <{from}>\nTo: <{to}>\n\nContent-Type: text/plain\n\nbare line feeds"),
        format!("From: Alice <{from}>\r\nTo: <{to};transport=tcp>\r\n\r\nContent-Type: text/plain\r\n\r\ntransport"),
        format!("From: \"Al <ice>\" <{from}>\r\nTo: \"x\" <{to}>\r\n\r\nContent-Type: text/plain\r\n\r\nquoted"),
        format!("From: {from}\r\nTo: {to}\r\n\r\nContent-Type: text/plain\r\n\r\nno brackets"),
        format!("From:<{from}>\r\nTo:  <{to}>\r\n\r\nContent-Type: text/plain\r\n\r\nspaces"),
        format!(
            "NS: c <urn:ietf:params:cpim-headers:>\r\nc.From: <{from}>\r\nc.To: <{to}>\r\n\r\nContent-Type: a/b\r\n\r\nx"
        ),
        format!("From: <{from}>\r\nTo: <{to}>\r\ncc: <sip:bob@example.com>\r\n\r\nContent-Type: text/plain\r\n\r\ncc"),
    ];
    for body in bodies {
        let send = room.alice.sending(body.as_bytes());
        assert_eq!(room.alice.ask(&send), 200, "{body}");
        assert_eq!(String::from_utf8(room.bob.hear()).unwrap(), body);
    }
}

/// CHAT-31: wrapper headers that go on for more than the limit get 400, in one chunk or in many.
#[test]
fn endless_wrapper() {
    let mut room = Room::open(Setup::default());
    let (from, to) = (room.alice.user.uri(), room.alice.room.clone());
    let mut body = format!("From: <{from}>\r\nTo: <{to}>\r\n");
    while body.len() < 40_000 {
        write!(body, "X-Filler: {}\r\n", "x".repeat(80)).unwrap();
    }
    body += "\r\nContent-Type: text/plain\r\n\r\nhello";
    let send = room.alice.sending(body.as_bytes());
    room.refused(&send, 400, "one chunk");
    let (id, mut start, mut codes) = (unique("m"), 1, Vec::new());
    for chunk in body.as_bytes().chunks(2048) {
        let send = room.alice.chunk(&id, &format!("{start}-*/{}", body.len()), chunk, '+');
        codes.push(room.alice.ask(&send));
        start += chunk.len();
    }
    assert!(codes.contains(&400) && codes.iter().all(|code| [200, 400].contains(code)), "{codes:?}");
    assert_eq!(codes.last(), Some(&400), "later chunks of what was refused are refused too");
    room.passes();
}

/// CHAT-32: a From that is not the sender's gets 403, however close it comes.
#[test]
fn forged_from() {
    let mut room = Room::open(Setup::default());
    let to = room.alice.room.clone();
    let forged = [
        "sip:bob@example.com",
        "sip:Alice@example.com",
        "sip:alice@example.org",
        "sip:alice@example.com.example.org",
        "sip:anonymous@anonymous.invalid",
        "tel:+15551234",
        "im:alice@example.org",
        &to,
    ];
    for from in forged {
        let send = room.alice.sending(&cpim::text(from, &to, "I am not who I seem"));
        room.refused(&send, 403, from);
    }
    room.passes();
}

/// CHAT-51, RFC 3261 §19.1.4: a From that spells the sender's URI in another way is the sender's.
#[test]
fn from_spelt_differently() {
    let mut room = Room::open(Setup::default());
    let to = room.alice.room.clone();
    for from in [
        "sip:alice@EXAMPLE.com",
        "SIP:alice@example.com",
        "sip:%61lice@example.com",
        "sip:alice@example.com;transport=tcp",
    ] {
        let send = room.alice.sending(&cpim::text(from, &to, from));
        assert_eq!(room.alice.ask(&send), 200, "{from}");
        room.bob.hears(from);
    }
}

/// CHAT-33: several recipients get 403, even if all of them are the room.
#[test]
fn several_to() {
    let mut room = Room::open(Setup::default());
    let (from, to) = (room.alice.user.uri(), room.alice.room.clone());
    let mime = "\r\n\r\nContent-Type: text/plain\r\n\r\nhello";
    for second in [to.as_str(), "sip:bob@example.com", "sip:nobody@example.net"] {
        let body = format!("From: <{from}>\r\nTo: <{to}>\r\nTo: <{second}>{mime}");
        let send = room.alice.sending(body.as_bytes());
        room.refused(&send, 403, second);
    }
    room.passes();
}

/// CHAT-38: a To that is neither the room nor anybody in it gets 404: another room, another domain.
#[test]
fn to_elsewhere() {
    let mut room = Room::open(Setup::default());
    let from = room.alice.user.uri();
    let elsewhere = [
        "sip:tea@chat.example.test",
        "sip:lobby@example.org",
        "sip:carol@example.com",
        "sip:chat.example.test",
        "tel:+1555",
        "x:y",
    ];
    for to in elsewhere {
        let send = room.alice.sending(&cpim::text(&from, to, "who gets this?"));
        room.refused(&send, 404, to);
    }
    room.passes();
}

/// CHAT-51: the room may be addressed by its name at any of our addresses, with a port or without.
#[test]
fn to_the_room_by_its_other_addresses() {
    let mut room = Room::open(Setup::default());
    let from = room.alice.user.uri();
    let sip = room.server.sip;
    let spellings = [
        "sip:lobby@CHAT.example.TEST".to_owned(),
        "sip:lobby@chat.example.test;transport=tcp".to_owned(),
        format!("sip:lobby@{sip}"),
        format!("sip:lobby@{sip};transport=tcp"),
        format!("sip:lobby@{}", sip.ip()),
    ];
    for to in spellings {
        let send = room.alice.sending(&cpim::text(&from, &to, &to));
        assert_eq!(room.alice.ask(&send), 200, "{to}");
        room.bob.hears(&to);
    }
}

/// CHAT-35: content of a type that the room does not take gets 415.
#[test]
fn content_type_not_taken() {
    let setup = Setup::default().set("rooms.accept_wrapped_types", "[\"text/plain\", \"image/*\"]");
    let mut room = Room::open(setup);
    let (from, to) = (room.alice.user.uri(), room.alice.room.clone());
    for kind in ["text/html", "application/octet-stream", "message/cpim", "text/plainer"] {
        let send = room.alice.sending(&cpim::wrapped(&from, &to, kind, b"hello"));
        room.refused(&send, 415, kind);
    }
    for kind in ["text/plain", "Text/Plain; charset=utf-8", "image/png", "image/x-anything"] {
        let send = room.alice.sending(&cpim::wrapped(&from, &to, kind, b"taken"));
        assert_eq!(room.alice.ask(&send), 200, "{kind}");
        room.bob.hears("taken");
    }
}

/// MSRP-72: a message that says it is too large gets 413 at its first chunk.
#[test]
fn too_large_by_its_own_word() {
    let mut room = Room::open(Setup::default().set("rooms.max_message_bytes", "\"4 KiB\""));
    let body = room.alice.saying("small, it says otherwise").body;
    for total in ["4097", "1000000", "18446744073709551615"] {
        let send = room.alice.chunk(&unique("m"), &format!("1-*/{total}"), &body, '+');
        room.refused(&send, 413, total);
    }
    room.passes();
}

/// MSRP-71: a message that turns out too large gets 413 when it does, and whoever has part of it is told to forget it.
#[test]
fn too_large_by_counting() {
    let mut room = Room::open(Setup::default().set("rooms.max_message_bytes", "\"4 KiB\""));
    let mut body = room.alice.saying("growing").body;
    body.resize(8192, b'x');
    let id = unique("m");
    let first = room.alice.chunk(&id, "1-*/*", &body[..3000], '+');
    assert_eq!(room.alice.ask(&first), 200);
    assert_eq!(room.bob.msrp.next_send().flag, '+');
    let second = room.alice.chunk(&id, "3001-*/*", &body[3000..6000], '+');
    assert_eq!(room.alice.ask(&second), 413);
    let mut end = room.bob.msrp.next_send();
    while end.flag == '+' {
        end = room.bob.msrp.next_send();
    }
    assert_eq!(end.flag, '#', "CHAT-66");
    let third = room.alice.chunk(&id, "6001-*/*", &body[6000..], '$');
    assert_eq!(room.alice.ask(&third), 413, "CHAT-64: what was refused stays refused");
    room.passes();
}

/// A message of exactly the largest size passes.
#[test]
fn as_large_as_allowed() {
    let mut room = Room::open(Setup::default().set("rooms.max_message_bytes", "\"4 KiB\""));
    let mut body = room.alice.saying("").body;
    body.resize(4096, b'x');
    let send = room.alice.sending(&body);
    assert_eq!(room.alice.ask(&send), 200);
    assert_eq!(room.bob.hear(), body);
    body.push(b'x');
    let send = room.alice.sending(&body);
    room.refused(&send, 413, "one more");
    room.passes();
}

/// MSRP-99: a SEND without body is answered 200 and reaches nobody.
#[test]
fn without_body() {
    let mut room = Room::open(Setup::default());
    for extra in ["X: y", "Keep-Alive: yes", "Failure-Report: yes"] {
        let send = Send::empty(&room.alice.session, &room.alice.path).header(extra);
        assert_eq!(room.alice.ask(&send), 200, "{extra}");
    }
    let bare = format!(
        "MSRP abcd1234 SEND\r\nTo-Path: {}\r\nFrom-Path: {}\r\nMessage-ID: mmmm1\r\n-------abcd1234$\r\n",
        room.alice.session, room.alice.path
    );
    room.alice.msrp.write(bare);
    assert_eq!(room.alice.msrp.response("abcd1234"), 200);
    // MSRP-E7: a type and no content.
    let send = room.alice.sending(b"").kind("text/plain");
    assert_eq!(room.alice.ask(&send), 200);
    room.passes();
}

/// The heartbeat of a client that wraps nothing: 200, and it reaches nobody.
#[test]
fn heartbeat() {
    let mut room = Room::open(Setup::default());
    let send = room.alice.sending(b"HEARTBEAT").kind("text/x-msrp-heartbeat");
    assert_eq!(room.alice.ask(&send), 200);
    room.passes();
}

/// AUTH belongs to relays and gets 501, as any unknown method does.
#[test]
fn other_methods() {
    let mut room = Room::open(Setup::default());
    for (method, headers, code) in
        [("AUTH", "", 501), ("FETCH", "Message-ID: abcd\r\n", 501), ("SENDX", "Message-ID: abcd\r\n", 501)]
    {
        let tid = unique("");
        let (to, from) = (&room.alice.session, &room.alice.path);
        let text = format!("MSRP {tid} {method}\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\n{headers}-------{tid}$\r\n");
        room.alice.msrp.write(text);
        assert_eq!(room.alice.msrp.response(&tid), code, "{method}");
    }
    room.passes();
}

/// MSRP-44: a range that cannot be gets 400 and the connection lives on.
#[test]
fn impossible_ranges() {
    let mut room = Room::open(Setup::default());
    let body = room.alice.saying("never").body;
    for range in ["0-5/5", "x-5/5", "1-5", "1/5", "-1-5/5", "1-99999999999999999999999/5", "", "1-*/", "10-1/20"] {
        let send = room.alice.chunk(&unique("m"), range, &body, '$');
        room.refused(&send, 400, range);
    }
    room.passes();
}

/// MSRP-E2: the numbers behind the start are hints; a body of another length passes all the same.
#[test]
fn ranges_that_miscount() {
    let mut room = Room::open(Setup::default());
    let body = room.alice.saying("counted wrong").body;
    let right = body.len();
    for range in [format!("1-{}/{}", right + 2, right + 2), format!("1-{}/{right}", right - 1), "1-*/*".to_owned()] {
        let send = room.alice.chunk(&unique("m"), &range, &body, '$');
        assert_eq!(room.alice.ask(&send), 200, "{range}");
        room.bob.hears("counted wrong");
    }
}

/// Alice, who is refused, and Bob, whom it must not reach.
struct Room {
    server: Server,
    alice: Participant,
    bob: Participant,
}

impl Room {
    fn open(setup: Setup) -> Self {
        let server = setup.start();
        let [alice, bob] = ["alice", "bob"].map(|name| Participant::join(&server, name));
        Self { server, alice, bob }
    }

    fn refused(&mut self, send: &Send, code: u16, what: &str) {
        assert_eq!(self.alice.ask(send), code, "{what}");
    }

    /// The next thing that Bob hears is this, so nothing of what came before reached him.
    fn passes(&mut self) {
        let word = unique("still here ");
        self.alice.say(&word);
        let next = self.bob.msrp.receive();
        assert_eq!((next.method.as_str(), cpim::content(next.content())), ("SEND", word), "{next:?}");
    }
}
