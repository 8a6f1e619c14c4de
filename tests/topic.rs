//! What a room is about, who may say so, and who is told (CHAT-140, CHAT-141).

use crate::support::cpim;
use crate::support::msrp::Send;
use crate::support::participant::{Joined, Participant};
use crate::support::server::{Server, Setup};
use crate::support::sip::SipUser;
use crate::support::unique;

const MODERATED: &str = "moderators = [\"sip:alice@example.com\"]";

/// CHAT-121, CHAT-140, CHAT-141: a message with a Subject of somebody with the right sets the topic: it passes as it is, the
/// change is announced to everybody, and who joins later is told, also by the answer.
#[test]
fn set_by_a_message() {
    let server = Setup::default().room("den", MODERATED).start();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| Participant::join_room(&server, name, "den"));
    let send = about(&alice, "Subject: Tea \u{2615}", "what about this?");
    assert_eq!(alice.ask(&send), 200);
    assert_eq!(bob.hear(), send.body);
    for told in [&mut alice, &mut bob] {
        let notice = told.hear();
        assert_eq!(cpim::content(&notice), "Alice <sip:alice@example.com> set the topic: Tea \u{2615}");
        assert_eq!(cpim::header(&notice, "From"), format!("<{}>", told.room));
    }
    let joined = Joined::invite(&server, SipUser::tcp(&server, "carol"), "den", |offer| offer);
    assert_eq!(joined.answer.line('i'), Some("Tea \u{2615}"));
    let mut carol = joined.connected(&server);
    carol.hears("The topic is: Tea \u{2615}");
    assert_eq!(alice.ask(&about(&alice, "Subject: Tea \u{2615}", "the same")), 200);
    bob.hears("the same");
    bob.say("nothing is announced");
    alice.hears("nothing is announced");
}

/// CHAT-141: who may not set it sends an ordinary message; neither does a message to one participant, nor one that is broken
/// off or refused.
#[test]
fn not_set() {
    let setup = Setup::default().room("den", &format!("{MODERATED}\ntopic = \"Tea\""));
    let server = setup.start();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| {
        let mut joined = Participant::join_room(&server, name, "den");
        joined.hears("The topic is: Tea");
        joined
    });
    let send = about(&bob, "Subject: Coffee", "I would like");
    assert_eq!(bob.ask(&send), 200);
    assert_eq!(alice.hear(), send.body);
    let private = format!(
        "From: <{}>\r\nTo: <sip:bob@example.com>\r\nSubject: Coffee\r\n\r\nContent-Type: text/plain\r\n\r\npsst",
        alice.user.uri()
    );
    assert_eq!(alice.ask(&alice.sending(private.as_bytes())), 200);
    bob.hears("psst");
    let body = about(&alice, "Subject: Coffee", "never mind").body;
    assert_eq!(alice.ask(&alice.chunk(&unique("m"), "1-*/*", &body, '#')), 200);
    let joined = Joined::invite(&server, SipUser::tcp(&server, "carol"), "den", |offer| offer);
    assert_eq!(joined.answer.line('i'), Some("Tea"));
    alice.say("still about tea");
    bob.msrp.receive_where("the end", |send| send.content().ends_with(b"still about tea"));
    assert_eq!(bob.msrp.unasked().filter(|send| send.content().ends_with(b"Coffee")).count(), 0);
}

/// A topic is one line and not too long, whatever stands in the header; its escapes and its language are read; an empty one
/// means that there is none.
#[test]
fn one_line() {
    let server = Setup::default().set("rooms.set_topic", "\"visitor\"").start();
    let mut alice = Participant::join(&server, "alice");
    let long = "x".repeat(2000);
    for (subject, told) in [
        ("Subject:;lang=fr Th\u{e9}", "set the topic: Th\u{e9}"),
        (r"Subject: two\nlines\u0007 and\u2028more", "set the topic: two lines and more"),
        ("Subject: ", "removed the topic."),
        (&format!("Subject: {long}"), &format!("set the topic: {}", &long[..256])),
        ("Subject: first\r\nSubject: second", "set the topic: first"),
    ] {
        assert_eq!(alice.ask(&about(&alice, subject, "so")), 200, "{subject}");
        alice.hears(&format!("Alice <sip:alice@example.com> {told}"));
    }
    let joined = Joined::invite(&server, SipUser::tcp(&server, "bob"), "lobby", |offer| offer);
    assert_eq!(joined.answer.line('i'), Some("first"));
}

/// CHAT-121: a room may say nothing of it.
#[test]
fn without_announcement() {
    let setup = Setup::default().set("rooms.set_topic", "\"visitor\"").set("rooms.announce_topic", "false");
    let server = setup.set("rooms.topic", "\"Tea\"").start();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| Participant::join(&server, name));
    assert_eq!(alice.ask(&about(&alice, "Subject: Coffee", "please")), 200);
    bob.hears("please");
    bob.say("I heard nothing of it");
    alice.hears("I heard nothing of it");
    let joined = Joined::invite(&server, SipUser::tcp(&server, "carol"), "lobby", |offer| offer);
    assert_eq!(joined.answer.line('i'), Some("Coffee"));
}

/// The nickname is what the others know somebody by.
#[test]
fn set_by_a_nickname() {
    let server: Server = Setup::default().set("rooms.set_topic", "\"visitor\"").start();
    let mut alice = Participant::join(&server, "alice");
    let tid = unique("");
    let paths = format!("To-Path: {}\r\nFrom-Path: {}", alice.session, alice.path);
    alice.msrp.write(format!("MSRP {tid} NICKNAME\r\n{paths}\r\nUse-Nickname: \"Ally\"\r\n-------{tid}$\r\n"));
    assert_eq!(alice.msrp.response(&tid), 200);
    assert_eq!(alice.ask(&about(&alice, "Subject: Tea", "so")), 200);
    alice.hears("Ally <sip:alice@example.com> set the topic: Tea");
}

/// A message to the room with a further header.
fn about(sender: &Participant, header: &str, said: &str) -> Send {
    let (from, to) = (sender.user.uri(), &sender.room);
    let body = format!("From: <{from}>\r\nTo: <{to}>\r\n{header}\r\n\r\nContent-Type: text/plain\r\n\r\n{said}");
    sender.sending(body.as_bytes())
}
