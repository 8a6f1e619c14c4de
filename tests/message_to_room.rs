//! MESSAGE to a room: what is said without MSRP (MSG-40 to MSG-47).

use crate::support::cpim;
use crate::support::participant::Participant;
use crate::support::server::{DOMAIN, Server, Setup};
use crate::support::sip::{SipMessage, SipUser};
use crate::support::unique;

const PLAIN: &str = "Content-Type: text/plain\r\n";

/// Sends a MESSAGE outside of dialogs and gives the answer, in which nothing stands that may not (MSG-20).
fn say(user: &mut SipUser, room: &str, headers: &str, body: &str) -> SipMessage {
    let message = user.request("MESSAGE", room, headers, body);
    user.send(message);
    let answer = user.final_response();
    if answer.code() < 300 {
        assert!(answer.headers.find("Contact").is_none() && answer.body.is_empty(), "{answer:#?}");
        assert!(answer.header("To").contains(";tag="), "SIP-29");
    }
    answer
}

/// MSG-40: what a participant says by MESSAGE all others hear, wrapped as if it had come by MSRP, and so do its own other
/// devices; the device that says it does not. Its Date is when it was said.
#[test]
fn all_others_hear_it() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut laptop = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let headers =
        "Content-Type: text/plain;charset=UTF-8\r\nDate: Sat, 13 Nov 2010 23:29:00 GMT\r\nSubject: not a topic\r\n";
    let answer = say(&mut alice.user, &server.room("lobby"), headers, "gr\u{fc}\u{df}e");
    assert_eq!(answer.code(), 202);
    let heard = bob.hear();
    assert_eq!(cpim::content(&heard), "gr\u{fc}\u{df}e");
    assert_eq!(cpim::header(&heard, "From"), "\"Alice\" <sip:alice@example.com>");
    assert_eq!(cpim::header(&heard, "To"), format!("<{}>", server.room("lobby")));
    assert_eq!(cpim::header(&heard, "DateTime"), "2010-11-13T23:29:00.000Z");
    let text = String::from_utf8(heard).unwrap();
    assert!(
        text.contains("\r\n\r\nContent-Type: text/plain;charset=UTF-8\r\n\r\n") && !text.contains("Subject"),
        "{text}"
    );
    laptop.hears("gr\u{fc}\u{df}e");
    // From a third device that has no session in the room.
    let mut phone = SipUser::udp(&server, "alice");
    assert_eq!(say(&mut phone, &server.room("lobby"), PLAIN, "from the phone").code(), 202);
    for device in [&mut alice, &mut laptop, &mut bob] {
        device.hears("from the phone");
    }
    server.shows("parlor_messages_total{kind=\"room\"}", 2.0);
}

/// MSG-46: in the dialog of its INVITE too, in the order of that dialog.
#[test]
fn in_the_dialog() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let message = alice.call.request("MESSAGE", PLAIN, "in the dialog");
    alice.user.send(&message);
    let answer = alice.user.expect(202);
    assert!(answer.headers.find("Contact").is_none() && answer.body.is_empty(), "{answer:#?}");
    bob.hears("in the dialog");
    let late =
        message.replace("branch=", "branch=z9hG4bKlate").replace(&format!("CSeq: {} ", alice.call.cseq), "CSeq: 1 ");
    alice.user.send(late);
    assert_eq!(alice.user.final_response().code(), 500, "SIP-43");
    let mut other = Participant::join_room(&server, "carol", "other");
    let strange = other.call.request("MESSAGE", PLAIN, "x").replace(&other.call.id, &unique("nothing"));
    other.user.send(strange);
    assert_eq!(other.user.final_response().code(), 481);
    alice.say("still here");
    bob.hears("still here");
}

/// MSG-43: message/cpim goes on as it is, checked as what comes by MSRP: to the room, or to one.
#[test]
fn wrapped_by_its_sender() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let mut carol = Participant::join(&server, "carol");
    let room = server.room("lobby");
    let headers = "Content-Type: message/cpim\r\n";
    let (own, bobs) = (alice.user.uri(), bob.user.uri());
    let body = |from: &str, to: &str, said: &str| String::from_utf8(cpim::text(from, to, said)).unwrap();
    let wrapped = body(&own, &room, "wrapped").replace("To: ", "X-Mine: kept\r\nTo: ");
    assert_eq!(say(&mut alice.user, &room, headers, &wrapped).code(), 202);
    assert_eq!(String::from_utf8(bob.hear()).unwrap(), wrapped);
    carol.hears("wrapped");
    assert_eq!(say(&mut alice.user, &room, headers, &body(&own, &bobs, "for bob")).code(), 202);
    bob.hears("for bob");
    let two = body(&own, &room, "x").replace("To: ", &format!("To: <{bobs}>\r\nTo: "));
    for (body, code) in [
        (body(&bobs, &room, "x"), 403),
        (two, 400),
        (body(&own, "sip:nobody@example.com", "x"), 404),
        ("no headers".to_owned(), 400),
        (body(&own, &room, "x").replace("To: ", "Require: Magic\r\nTo: "), 400),
    ] {
        assert_eq!(say(&mut alice.user, &room, headers, &body).code(), code, "{body}");
    }
    alice.say("done");
    bob.hears("done");
    carol.hears("done");
    server.shows("parlor_rejected_total{layer=\"cpim\",reason=\"foreign_sender\"}", 1.0);
}

/// MSG-41, MSG-45, MSG-51, MSG-54: who is not in the room says nothing in it, and nobody in a room that there is not.
#[test]
fn who_may_not() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut carol = SipUser::udp(&server, "carol");
    assert_eq!(say(&mut carol, &server.room("lobby"), PLAIN, "x").code(), 403);
    assert_eq!(say(&mut carol, &server.room("nowhere"), PLAIN, "x").code(), 404);
    assert_eq!(say(&mut carol, &format!("sip:{DOMAIN}"), PLAIN, "x").code(), 404);
    assert_eq!(say(&mut carol, "sip:lobby@example.org", PLAIN, "x").code(), 404);
    assert_eq!(say(&mut carol, "gopher:lobby", PLAIN, "x").code(), 416);
    let list = format!("Require: recipient-list-message\r\n{PLAIN}");
    let refused = say(&mut alice.user, &server.room("lobby"), &list, "x");
    assert_eq!((refused.code(), refused.header("Unsupported")), (420, "recipient-list-message"));
    // MSG-14
    assert_eq!(say(&mut alice.user, &format!("im:lobby@{DOMAIN}"), PLAIN, "by im").code(), 202);
    let mut bob = Participant::join(&server, "bob");
    let left = alice.user.uri();
    alice.leave();
    let mut alice = SipUser::udp(&server, "alice");
    assert_eq!(alice.uri(), left);
    assert_eq!(say(&mut alice, &server.room("lobby"), PLAIN, "x").code(), 403, "she has left");
    bob.say("nobody else");
}

/// MSG-42, MSG-22: what the room does not take gets 415 with what it does, or 413; visitors of a moderated room say nothing.
#[test]
fn what_the_room_takes() {
    let server = Setup::default()
        .room("strict", "accept_wrapped_types = [\"text/plain\", \"text/html\"]\nmax_message_bytes = \"2 KiB\"")
        .room("quiet", "moderated = true\ndefault_role = \"visitor\"")
        .start();
    let mut alice = Participant::join_room(&server, "alice", "strict");
    let room = server.room("strict");
    for (headers, body) in
        [("Content-Type: image/png\r\n", "x"), ("Content-Type: application/im-iscomposing+xml\r\n", "<x/>")]
    {
        let refused = say(&mut alice.user, &room, headers, body);
        assert_eq!((refused.code(), refused.header("Accept")), (415, "text/plain, message/cpim, text/html"));
    }
    let wrapped = cpim::wrapped("sip:alice@example.com", &room, "image/png", b"x");
    let refused = say(&mut alice.user, &room, "Content-Type: message/cpim\r\n", std::str::from_utf8(&wrapped).unwrap());
    assert_eq!((refused.code(), refused.header("Accept")), (415, "text/plain, message/cpim, text/html"));
    let coded = say(&mut alice.user, &room, &format!("{PLAIN}Content-Encoding: gzip\r\n"), "x");
    assert_eq!((coded.code(), coded.header("Accept-Encoding")), (415, "identity"));
    assert_eq!(say(&mut alice.user, &room, "", "no type").code(), 400);
    assert_eq!(say(&mut alice.user, &room, PLAIN, &"x".repeat(3000)).code(), 413);
    assert_eq!(say(&mut alice.user, &room, "", "").code(), 202, "nothing is said");
    let mut visitor = Participant::join_room(&server, "bob", "quiet");
    assert_eq!(say(&mut visitor.user, &server.room("quiet"), PLAIN, "x").code(), 403);
}

/// MSG-47: that somebody is writing goes the same way.
#[test]
fn composing() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let body = "<isComposing xmlns=\"urn:ietf:params:xml:ns:im-iscomposing\"><state>active</state></isComposing>";
    let headers = "Content-Type: application/im-iscomposing+xml\r\n";
    assert_eq!(say(&mut alice.user, &server.room("lobby"), headers, body).code(), 202);
    bob.hears(body);
}

/// MSG-E7: what comes again, or by another way too, is said once.
#[test]
fn said_once() {
    let server = Server::plain();
    let mut bob = Participant::join(&server, "bob");
    let _alice = Participant::join(&server, "alice");
    let mut phone = SipUser::udp(&server, "alice");
    let message = phone.request("MESSAGE", &server.room("lobby"), PLAIN, "once");
    for _ in 0..3 {
        phone.send(&message);
        phone.expect(202);
    }
    phone.send(message.replace("branch=", "branch=z9hG4bKother"));
    phone.expect(482);
    bob.hears("once");
    assert_eq!(say(&mut phone, &server.room("lobby"), PLAIN, "twice").code(), 202);
    bob.hears("twice");
}

/// CHAT-170: a participant says no more so than by MSRP, and what is too much is told.
#[test]
fn not_too_often() {
    let server = Setup::default().room("den", "messages_per_second = 1\nmessages_at_once = 2").start();
    let mut alice = Participant::join_room(&server, "alice", "den");
    let mut bob = Participant::join_room(&server, "bob", "den");
    let codes = [1, 2, 3].map(|_| say(&mut alice.user, &server.room("den"), PLAIN, "hello").code());
    assert_eq!(codes, [202, 202, 503]);
    bob.hears("hello");
    bob.hears("hello");
    bob.say("me too");
}

/// MSG-44: who is anonymous stays so.
#[test]
fn anonymously() {
    let server = Server::plain();
    let mut bob = Participant::join(&server, "bob");
    let mut alice = Participant::join_with(&server, "alice", "lobby", "Privacy: id\r\n");
    let message = alice.call.request("MESSAGE", PLAIN, "guess who");
    alice.user.send(message);
    alice.user.expect(202);
    let heard = bob.hear();
    assert_eq!(cpim::content(&heard), "guess who");
    let from = cpim::header(&heard, "From");
    assert!(from.contains("anonymous.invalid") && !from.to_lowercase().contains("alice"), "{from}");
    assert_eq!(say(&mut alice.user, &server.room("lobby"), PLAIN, "x").code(), 403, "nobody knows her by her name");
    assert_eq!(say(&mut alice.user, &server.room("lobby"), &format!("Privacy: id\r\n{PLAIN}"), "again").code(), 202);
    let heard = bob.hear();
    assert_eq!((cpim::content(&heard), cpim::header(&heard, "From")), ("again".to_owned(), from));
}

/// With passwords, a MESSAGE to a room must prove who sends it, with 401 as the room is no proxy.
#[test]
fn with_a_password() {
    let server = Setup::default().set("auth.mode", "\"digest\"").user("alice", &[]).start();
    let mut alice =
        Participant::join_as(&server, SipUser::tcp(&server, "alice").with_account(), "lobby", |offer| offer);
    let room = server.room("lobby");
    let asked = say(&mut alice.user, &room, PLAIN, "hello");
    assert_eq!(asked.code(), 401);
    let answer = alice.user.login.clone().unwrap().answer(&asked, "MESSAGE", &room, "hello");
    assert_eq!(say(&mut alice.user, &room, &format!("{answer}{PLAIN}"), "hello").code(), 202);
}
