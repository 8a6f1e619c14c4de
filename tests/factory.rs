//! The factory: an INVITE to it makes a room, for a list of people at once if wanted.

use crate::refer::refer;
use crate::support::callee::Callee;
use crate::support::participant::{Joined, Participant, own_path};
use crate::support::server::{Server, Setup};
use crate::support::sip::{Call, SipUser, offer};
use crate::support::watcher::Watcher;

/// SIP-72, SIP-76, CHAT-153: the 200 names a room of its own that nobody can guess; others join it by that name; it ends when
/// its creator leaves, and then there is none of that name.
#[test]
fn a_room_of_its_own() {
    let server = Server::plain();
    let mut alice = found(&server, "alice");
    let name = name_of(&alice);
    let random = name.strip_prefix("conference-").expect("it begins with the factory's name");
    assert!(random.len() == 32 && random.bytes().all(|b| b.is_ascii_hexdigit()), "SIP-72: {name}");
    let mut bob = Participant::join_room(&server, "bob", &name);
    bob.say("a room of our own");
    alice.hears("a room of our own");
    server.shows("parlor_rooms", 2.0);
    assert_ne!(name_of(&found(&server, "carol")), name);
    // The creator owns it.
    refer(&mut alice.user, &alice.room, "Refer-To: <sip:nobody@example.com;method=BYE>\r\n", 404);
    refer(&mut bob.user, &bob.room, "Refer-To: <sip:nobody@example.com;method=BYE>\r\n", 403);
    alice.leave();
    let bye = bob.user.expect_request("BYE");
    assert!(bye.header("Reason").contains("cause=410"), "{bye:#?}");
    bob.user.answer(&bye);
    server.shows("parlor_rooms", 2.0);
    let mut late = SipUser::tcp(&server, "dave");
    let mut call = Call::new(&late, &server.room(&name));
    late.send(call.invite("", &offer(&own_path(&late))));
    late.expect(404);
}

/// SIP-76, EVT-51: the roster shows who made the room: that is how it joined, and it owns it.
#[test]
fn its_founder_is_shown() {
    let server = Server::plain();
    let alice = found(&server, "alice");
    let name = name_of(&alice);
    let _bob = Participant::join_room(&server, "bob", &name);
    let (_, told) = Watcher::of(&server, "carol", &name);
    for (who, role, method) in [("alice", "owner", "focus-owner"), ("bob", "member", "dialed-in")] {
        let user = told.user(&format!("sip:{who}@example.com"));
        assert_eq!((user.text("entry"), user.text("joining-method")), (Some(role), Some(method)), "{user:?}");
    }
}

/// CHAT-153: where it is configured so, the room stays until everybody has left.
#[test]
fn until_it_is_empty() {
    let server = Setup::default().set("conference.factory_ends", "\"empty\"").start();
    let alice = found(&server, "alice");
    let name = name_of(&alice);
    let mut bob = Participant::join_room(&server, "bob", &name);
    let mut carol = Participant::join_room(&server, "carol", &name);
    alice.leave();
    server.shows("parlor_participants", 2.0);
    bob.say("still here");
    carol.hears("still here");
    bob.leave();
    carol.leave();
    server.shows("parlor_rooms", 1.0);
}

/// SIP-86, SIP-89: everybody on the list is called; who is `to` or `cc` is told of those who are, in a part that may be
/// ignored, and nobody of those on `bcc`.
#[test]
fn by_list() {
    let server = Server::plain();
    let (bob, carol) = (Callee::udp(&server, "bob"), Callee::udp(&server, "carol"));
    let list = list(&[(&bob.uri(), "to"), (&carol.uri(), "bcc"), ("sip:dave@nowhere.invalid", "cc")]);
    let mut user = SipUser::tcp(&server, "alice");
    let path = own_path(&user);
    let mut call = Call::new(&user, &server.room("conference"));
    user.send(with_list(&mut call, "Require: recipient-list-invite\r\n", &offer(&path), &list));
    let answer = user.expect(200);
    let room = answer.contact().to_owned();
    assert!(room.starts_with("sip:conference-") && answer.header("Contact").contains(";isfocus"));
    call.established(&answer);
    user.send(call.ack(""));
    for callee in [bob, carol] {
        let called = callee.await_call(&server);
        let invite = &called.invite;
        assert!(invite.header("Content-Type").starts_with("multipart/mixed"), "{invite:#?}");
        assert!(invite.body.contains("Content-Disposition: recipient-list-history;handling=optional\r\n"));
        assert!(invite.body.contains("sip:bob@") && invite.body.contains("sip:dave@nowhere.invalid"));
        assert!(!invite.body.contains("sip:carol@127"), "SIP-89: {}", invite.body);
        called.accept("active");
    }
    server.shows("parlor_dial_outs_total{result=\"answered\"}", 2.0);
    server.shows("parlor_dial_outs_total{result=\"unknown\"}", 1.0);
}

/// SIP-90: a list that is too long, or is none, and a body that must be understood and is not: refused, and no room is left.
#[test]
fn bad_lists() {
    let server = Setup::default().set("conference.max_invited", "2").start();
    let mut user = SipUser::tcp(&server, "alice");
    let sdp = offer(&own_path(&user));
    let three = ["sip:a@example.com", "sip:b@example.com", "sip:c@example.com"].map(|uri| (uri, "to"));
    let mut image = list(&three[..1]);
    image.0 = "Content-Type: image/png\r\n".to_owned();
    for (list, code) in [
        (list(&three), 513),
        ((list(&three).0, "<resource-lists>".to_owned()), 400),
        ((list(&three).0, "<!DOCTYPE x><resource-lists/>".to_owned()), 400),
        (image, 415),
    ] {
        let mut call = Call::new(&user, &server.room("conference"));
        user.send(with_list(&mut call, "Require: recipient-list-invite\r\n", &sdp, &list));
        let refused = user.expect(code);
        user.send(call.ack_failure(&refused));
    }
    server.shows("parlor_rooms", 1.0);
    server.shows("parlor_msrp_sessions", 0.0);
}

/// SIP-87: the factory shows what it can do, a room refuses it: in an INVITE that joins and in one that changes.
#[test]
fn only_the_factory_takes_lists() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut user = SipUser::udp(&server, "bob");
    let options = user.request("OPTIONS", &server.room("conference"), "", "");
    user.send(options);
    let shown = user.expect(200);
    assert!(shown.header("Supported").contains("recipient-list-invite"), "{shown:#?}");
    assert!(
        shown.header("Accept").contains("application/resource-lists+xml")
            && shown.header("Contact").contains(";isfocus")
    );
    let options = user.request("OPTIONS", &server.room("lobby"), "", "");
    user.send(options);
    assert!(!user.expect(200).header("Supported").contains("recipient-list-invite"));
    let list = list(&[("sip:carol@example.com", "to")]);
    let sdp = offer(&alice.path);
    let reinvite = with_list(&mut alice.call, "Require: recipient-list-invite\r\n", &sdp, &list);
    alice.user.send(reinvite);
    let refused = alice.user.expect(420);
    assert_eq!(refused.header("Unsupported"), "recipient-list-invite");
    let mut call = Call::new(&user, &server.room("lobby"));
    user.send(with_list(&mut call, "Require: recipient-list-invite\r\n", &offer(&own_path(&user)), &list));
    user.expect(420);
    alice.say("still here");
}

/// An INVITE that is refused leaves no room, and without a factory its name is one like others.
#[test]
fn nothing_is_left() {
    let server = Server::plain();
    let mut user = SipUser::tcp(&server, "alice");
    for _ in 0..20 {
        let mut call = Call::new(&user, &server.room("conference"));
        user.send(call.invite("", &offer(&own_path(&user)).replace("message/cpim ", "")));
        let refused = user.expect(488);
        user.send(call.ack_failure(&refused));
    }
    server.shows("parlor_rooms", 1.0);
    let server = Setup::default().set("conference.factory", "\"\"").start();
    let alice = Joined::invite(&server, SipUser::tcp(&server, "alice"), "conference", |offer| offer);
    assert!(alice.answer.contact().starts_with("sip:conference@"));
}

/// CHAT-170: who makes rooms without end leaves some to others, and gets more when some have ended.
#[test]
fn it_makes_half_of_all_rooms() {
    let server = Setup::default().set("limits.rooms", "4").start();
    let first = found(&server, "alice");
    let _second = found(&server, "bob");
    let mut user = SipUser::tcp(&server, "carol");
    let mut call = Call::new(&user, &server.room("conference"));
    user.send(call.invite("", &offer(&own_path(&user))));
    let refused = user.expect(503);
    user.send(call.ack_failure(&refused));
    let _other = Participant::join_room(&server, "dave", "den");
    first.leave();
    server.shows("parlor_rooms", 3.0);
    found(&server, "carol");
}

/// SIP-77: nobody is in the factory, so that there is nothing to subscribe to.
#[test]
fn it_has_no_roster() {
    let server = Server::plain();
    let mut user = SipUser::tcp(&server, "alice");
    let mut call = Call::new(&user, &server.room("conference"));
    user.send(call.request("SUBSCRIBE", "Event: conference\r\nExpires: 600\r\n", ""));
    user.expect(489);
    server.shows("parlor_rooms", 1.0);
}

/// Calls the factory and binds the session; the room is that of the answer.
fn found(server: &Server, name: &str) -> Participant {
    let mut joined = Joined::invite(server, SipUser::tcp(server, name), "conference", |offer| offer);
    let connection = joined.connection(server);
    let user = joined.answer.contact().split(['@', ':']).nth(1).unwrap().to_owned();
    joined.room = server.room(&user);
    joined.bind(connection)
}

fn name_of(participant: &Participant) -> String {
    participant.room.split([':', '@']).nth(1).unwrap().to_owned()
}

/// The headers of a list, and the list.
fn list(entries: &[(&str, &str)]) -> (String, String) {
    let entries: String =
        entries.iter().map(|(uri, copy)| format!("<entry uri=\"{uri}\" cp:copyControl=\"{copy}\"/>")).collect();
    let xml = format!(
        "<?xml version=\"1.0\"?><resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\" \
         xmlns:cp=\"urn:ietf:params:xml:ns:copycontrol\"><list>{entries}</list></resource-lists>"
    );
    let headers = "Content-Type: application/resource-lists+xml\r\nContent-Disposition: recipient-list\r\n";
    (headers.to_owned(), xml)
}

/// An INVITE with an offer and a list.
fn with_list(call: &mut Call, headers: &str, sdp: &str, (list_headers, list): &(String, String)) -> String {
    let body = format!(
        "--boundary1\r\nContent-Type: application/sdp\r\n\r\n{sdp}\r\n--boundary1\r\n{list_headers}\r\n{list}\r\n--boundary1--\r\n"
    );
    call.request("INVITE", headers, &body).replace(
        "Content-Type: application/sdp\r\nContent-Length",
        "Content-Type: multipart/mixed;boundary=\"boundary1\"\r\nContent-Length",
    )
}
