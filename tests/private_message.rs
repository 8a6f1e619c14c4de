//! Messages to one participant: who gets them, who is told why not, and that nobody else sees them (RFC 7701 §6.2).

use std::time::{Duration, Instant};

use crate::support::cpim;
use crate::support::msrp::{MsrpMessage, Send};
use crate::support::participant::{Joined, Participant};
use crate::support::server::{Server, Setup};
use crate::support::sip::SipUser;
use crate::support::unique;

const BOB: &str = "sip:bob@example.com";

/// CHAT-50, CHAT-52, CHAT-55, CHAT-59: it goes, unchanged, to every device of the recipient that takes private messages, and
/// to nobody else: not to the room, nor to the sender's other devices.
#[test]
fn reaches_one_alone() {
    let server = Server::plain();
    let [mut alice, mut alices_phone, mut bob, mut bobs_phone, mut carol] =
        ["alice", "alice", "bob", "bob", "carol"].map(|name| Participant::join(&server, name));
    let mut bobs_old_phone = unsupporting(&server, "bob");
    let send = alice.telling(BOB, "psst");
    assert_eq!(alice.ask(&send), 200);
    assert_eq!(bob.hear(), send.body);
    assert_eq!(bobs_phone.hear(), send.body);
    alice.say("to all");
    for other in [&mut alices_phone, &mut bobs_old_phone, &mut carol, &mut bob, &mut bobs_phone] {
        other.hears("to all");
    }
    server.shows("parlor_messages_total{kind=\"private\"}", 1.0);
    server.shows("parlor_messages_total{kind=\"room\"}", 1.0);
    server.shows("parlor_deliveries_total", 7.0);
}

/// CHAT-51: the recipient is found however its URI is spelt; display name and parameters do not count.
#[test]
fn addressed_in_many_ways() {
    let server = Server::plain();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| Participant::join(&server, name));
    for to in [
        "<sip:bob@example.com>",
        "Bob <sip:bob@EXAMPLE.com>",
        "\"Bob, the one\" <SIP:bob@example.com;transport=tcp>",
        "<sip:%62ob@example.com>",
        "<sip:bob@example.com:5062;lr>",
        "<sip:bob@example.com;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>",
        "sip:bob@example.com",
    ] {
        let from = alice.user.uri();
        let body = format!("From: <{from}>\r\nTo: {to}\r\n\r\nContent-Type: text/plain\r\n\r\n{to}");
        let send = alice.sending(body.as_bytes());
        assert_eq!(alice.ask(&send), 200, "{to}");
        bob.hears(to);
    }
}

/// CHAT-104: who is anonymous is reached by its pseudonym, and by nothing that tells who it is.
#[test]
fn to_a_pseudonym() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut hidden = Participant::join_with(&server, "bob", "lobby", "Privacy: id\r\n");
    let send = alice.telling("sip:anonymous1@anonymous.invalid", "who are you?");
    assert_eq!(alice.ask(&send), 200);
    while hidden.hear_text() != "who are you?" {}
    for to in [BOB, "sip:anonymous2@anonymous.invalid", "sip:anonymous@anonymous.invalid"] {
        let send = alice.telling(to, "and you?");
        assert_eq!(alice.ask(&send), 404, "{to}");
    }
    let answer = hidden.sending(&cpim::text("sip:anonymous1@anonymous.invalid", alice.user.uri(), "guess"));
    assert_eq!(hidden.ask(&answer), 200);
    alice.hears("guess");
}

/// CHAT-38: 404 for whoever is not in the room, was, or cannot be reached in it; it may be tried again later.
#[test]
fn nobody_there() {
    let server = Server::plain();
    let [mut alice, bob] = ["alice", "bob"].map(|name| Participant::join(&server, name));
    let _elsewhere = Participant::join_room(&server, "carol", "den");
    let elsewhere = ["sip:carol@example.com", "sip:Bob@example.com", "sip:bob@example.org", "im:bob@example.com"];
    for to in [&elsewhere[..], &["tel:+1555", "x:y", "sip:den@chat.example.test"]].concat() {
        let send = alice.telling(to, "who gets this?");
        assert_eq!(alice.ask(&send), 404, "{to}");
    }
    bob.leave();
    let send = alice.telling(BOB, "too late");
    assert_eq!(alice.ask(&send), 404);
    let joined = Joined::invite(&server, SipUser::tcp(&server, "bob"), "lobby", |offer| offer);
    assert_eq!(alice.ask(&alice.telling(BOB, "not bound")), 404);
    let mut bob = joined.connected(&server);
    assert_eq!(alice.ask(&send), 200, "the same message again");
    bob.hears("too late");
    server.shows("parlor_rejected_total{layer=\"room\",reason=\"unknown_recipient\"}", 9.0);
}

/// CHAT-39, CHAT-54, CHAT-55: 428 if no device of the recipient takes private messages; else those that do get them.
#[test]
fn unsupported() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut old = unsupporting(&server, "bob");
    let send = alice.telling(BOB, "psst");
    assert_eq!(alice.ask(&send), 428);
    let mut new = Participant::join(&server, "bob");
    let send = alice.telling(BOB, "psst again");
    assert_eq!(alice.ask(&send), 200);
    new.hears("psst again");
    // CHAT-56: who takes none may send one.
    let send = old.telling("sip:alice@example.com", "I can do that");
    assert_eq!(old.ask(&send), 200);
    alice.hears("I can do that");
    alice.say("to all");
    old.hears("to all");
    server.shows("parlor_rejected_total{layer=\"room\",reason=\"private_unsupported\"}", 1.0);
}

/// CHAT-3, CHAT-19, CHAT-33, CHAT-37: 403 where the room allows none, which its answer says, and for several To.
#[test]
fn forbidden() {
    let server = Setup::default().room("open", "private_messages = false").start();
    for (room, offered) in [("lobby", true), ("open", false)] {
        let joined = Joined::invite(&server, SipUser::tcp(&server, "bob"), room, |offer| offer);
        let tokens = joined.answer.attribute("chatroom").to_owned();
        assert_eq!(tokens.split(' ').any(|token| token == "private-messages"), offered, "{tokens}");
        let mut bob = joined.connected(&server);
        let mut alice = Participant::join_room(&server, "alice", room);
        for to in [BOB, "sip:nobody@example.com"] {
            let code = alice.ask(&alice.telling(to, "psst"));
            assert_eq!(
                code,
                if !offered {
                    403
                } else if to == BOB {
                    200
                } else {
                    404
                },
                "{room}, {to}"
            );
        }
        let (from, mime) = (alice.user.uri(), "\r\n\r\nContent-Type: text/plain\r\n\r\npsst");
        let both = format!("From: <{from}>\r\nTo: <{BOB}>\r\nTo: <{}>{mime}", alice.room);
        let send = alice.sending(both.as_bytes());
        assert_eq!(alice.ask(&send), 403, "several To");
        alice.say("to all");
        if offered {
            bob.hears("psst");
        }
        bob.hears("to all");
    }
    server.shows("parlor_rejected_total{layer=\"room\",reason=\"private\"}", 2.0);
}

/// CHAT-57: to oneself is to one's other devices.
#[test]
fn to_oneself() {
    let server = Server::plain();
    let mut desk = Participant::join(&server, "alice");
    let to = desk.user.uri();
    assert_eq!(desk.ask(&desk.telling(&to, "alone")), 404);
    let mut phone = Participant::join(&server, "alice");
    assert_eq!(desk.ask(&desk.telling(&to, "a note")), 200);
    phone.hears("a note");
    phone.say("to all");
    desk.hears("to all");
}

/// CHAT-43 as private messages need it: what the recipient does not take, its sender is told.
#[test]
fn not_taken() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let choosy = |offer: String| {
        offer.replace("accept-wrapped-types:*", "accept-wrapped-types:text/plain") + "a=max-size:4000\r\n"
    };
    let mut bob = Participant::join_as(&server, SipUser::tcp(&server, "bob"), "lobby", choosy);
    let html = cpim::wrapped(alice.user.uri(), BOB, "text/html", b"<p>");
    assert_eq!(alice.ask(&alice.sending(&html)), 415);
    let mut large = alice.telling(BOB, "").body;
    large.resize(5000, b'x');
    assert_eq!(alice.ask(&alice.sending(&large)), 413, "by its own word");
    let id = unique("m");
    assert_eq!(alice.ask(&alice.chunk(&id, "1-*/*", &large[..3000], '+')), 200);
    assert_eq!(alice.ask(&alice.chunk(&id, "3001-*/*", &large[3000..], '$')), 413, "by counting");
    let first = bob.msrp.next_send();
    assert_eq!(bob.msrp.last_of(first.header("Message-ID")).flag, '#');
    alice.say("to all");
    bob.hears("to all");
}

/// CHAT-60, CHAT-61: it passes while it is still being sent, and whoever joins meanwhile gets nothing of it.
#[test]
fn streamed() {
    let server = Server::plain();
    let [mut alice, mut bob, mut carol] = ["alice", "bob", "carol"].map(|name| Participant::join(&server, name));
    let body = large(&alice, 300_000);
    let id = unique("m");
    assert_eq!(alice.ask(&alice.chunk(&id, "1-*/300000", &body[..100_000], '+')), 200);
    let copy = bob.msrp.next_send();
    assert_eq!(copy.flag, '+');
    let mut late = Participant::join(&server, "bob");
    assert_eq!(alice.ask(&alice.chunk(&id, "100001-*/300000", &body[100_000..], '$')), 200);
    assert_eq!(bob.gather(copy), body);
    alice.say("to all");
    for other in [&mut bob, &mut late, &mut carol] {
        other.hears("to all");
    }
}

/// CHAT-65: a sender that breaks off leaves its recipient with `#`, and nobody else with anything.
#[test]
fn broken_off() {
    let server = Server::plain();
    let [mut alice, mut bob, mut carol] = ["alice", "bob", "carol"].map(|name| Participant::join(&server, name));
    let body = large(&alice, 20_000);
    let chunk = alice.chunk(&unique("m"), "1-*/40000", &body, '+');
    assert_eq!(alice.ask(&chunk), 200);
    let copy = bob.msrp.next_send();
    drop(alice);
    assert_eq!(bob.msrp.last_of(copy.header("Message-ID")).flag, '#');
    bob.say("to all");
    carol.hears("to all");
}

/// CHAT-53: whoever got a 200 before the error was found is told by a REPORT that says which message it was: here of headers
/// that end in the second chunk.
#[test]
fn refused_after_a_200() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let _bob = unsupporting(&server, "bob");
    for (to, code) in [(BOB, 428), ("sip:nobody@example.com", 404)] {
        let (id, body) = (unique("m"), alice.telling(to, "psst").body);
        let total = body.len();
        let first = alice.chunk(&id, &format!("1-30/{total}"), &body[..30], '+');
        assert_eq!(alice.ask(&first), 200);
        let second = alice.chunk(&id, &format!("31-{total}/{total}"), &body[30..], '$');
        alice.msrp.write(second.bytes());
        let report = alice.msrp.next_report();
        check_report(&report, &id, code, &alice.user.uri(), to);
        assert_eq!(alice.msrp.response(&second.tid), code);
    }
    let body = alice.telling(BOB, "psst").body;
    let first = alice.chunk("silence", "1-30/*", &body[..30], '+').header("Failure-Report: no");
    let second = alice.chunk("silence", "31-*/*", &body[30..], '$').header("Failure-Report: no");
    alice.msrp.write([first.bytes(), second.bytes()].concat());
    let next = Send::empty(&alice.session, &alice.path);
    alice.msrp.write(next.bytes());
    assert_eq!(alice.msrp.receive().tid, next.tid, "who wants no reports gets none");
}

/// CHAT-53: the recipient leaves, or loses its connection, in the middle.
#[test]
fn recipient_goes_in_the_middle() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let body = large(&alice, 40_000);
    for leaves in [true, false] {
        let mut bob = Participant::join(&server, "bob");
        let id = unique("m");
        assert_eq!(alice.ask(&alice.chunk(&id, "1-*/40000", &body[..20_000], '+')), 200);
        assert_eq!(bob.msrp.next_send().flag, '+');
        if leaves {
            bob.leave();
        } else {
            drop(bob);
        }
        let report = alice.msrp.next_report();
        check_report(&report, &id, 404, &alice.user.uri(), BOB);
        assert_eq!(alice.ask(&alice.chunk(&id, "20001-*/40000", &body[20_000..], '$')), 404);
    }
    assert_eq!(alice.msrp.unasked().count(), 0, "one REPORT a message");
}

/// CHAT-47, CHAT-58: a success REPORT as for any message; and no later joiner sees it.
#[test]
fn reported_and_not_kept() {
    let server = Server::plain();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| Participant::join(&server, name));
    let send = alice.telling(BOB, "psst").header("Success-Report: yes");
    assert_eq!(alice.ask(&send), 200);
    let report = alice.msrp.next_report();
    assert!(report.header("Status").starts_with("000 200"), "{report:?}");
    assert_eq!(report.byte_range().1, Some(send.body.len() as u64));
    bob.hears("psst");
    let mut carol = Participant::join(&server, "carol");
    alice.say("to all");
    carol.hears("to all");
}

/// Flow control: a recipient of a large private message that reads nothing costs others a second once, and the room nothing.
#[test]
fn slow_recipient() {
    let server = Setup::default()
        .set("limits.stall_after", "\"300ms\"")
        .set("limits.close_stalled_after", "\"1h\"")
        .set("limits.outbox", "\"256 KiB\"")
        .start();
    let [mut alice, mut carol, mut dave] = ["alice", "carol", "dave"].map(|name| Participant::join(&server, name));
    let _bob = Participant::join(&server, "bob");
    let bodies: Vec<Vec<u8>> = (0..24).map(|_| large(&alice, 1 << 20)).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for body in &bodies {
                assert_eq!(alice.ask(&alice.sending(body)), 200);
            }
        });
        for _ in 0..20 {
            let asked = Instant::now();
            dave.say("meanwhile");
            carol.hears("meanwhile");
            assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
        }
    });
    server.shows("parlor_congested_sessions", 1.0);
    alice.say("done");
    carol.hears("done");
}

fn unsupporting(server: &Server, name: &str) -> Participant {
    let change = |offer: String| offer.replace("chatroom:nickname private-messages", "chatroom:nickname");
    Participant::join_as(server, SipUser::tcp(server, name), "lobby", change)
}

fn large(sender: &Participant, length: usize) -> Vec<u8> {
    let mut body = sender.telling(BOB, &unique("large ")).body;
    body.resize(length, b'.');
    body
}

fn check_report(report: &MsrpMessage, id: &str, code: u16, from: &str, to: &str) {
    assert_eq!(report.header("Message-ID"), id);
    assert!(report.header("Status").starts_with(&format!("000 {code} ")), "{report:?}");
    assert_eq!(report.header("Content-Type"), "message/cpim");
    assert_eq!(cpim::header(report.content(), "From"), format!("<{from}>"));
    assert_eq!(cpim::header(report.content(), "To"), format!("<{to}>"));
}
