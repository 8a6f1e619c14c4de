//! REFER: participants have people called and removed, and nobody else does.

use crate::support::callee::{Called, Callee};
use crate::support::participant::Participant;
use crate::support::server::{Server, Setup};
use crate::support::sip::{SipMessage, SipUser};
use crate::support::watcher::Watcher;

/// SIP-78 to SIP-81 and interop.md §1: Blink's REFER outside of the dialog brings somebody in who waits to be connected to,
/// and Blink is told 100, 180 and 200.
#[test]
fn inviting() {
    let server = Setup::default().room("tea", "topic = \"Tea\"").start();
    let mut alice = Participant::join_room(&server, "alice", "tea");
    alice.hears("The topic is: Tea");
    let carol = Callee::udp(&server, "carol");
    let headers = format!(
        "Refer-To: <{}>;method=INVITE\r\nReferred-By: {}\r\nEvent: refer\r\n",
        carol.uri(),
        "sip:alice@example.com"
    );
    let accepted = refer(&mut alice.user, &alice.room, &headers, 202);
    assert!(accepted.header("Contact").contains(";isfocus"));
    assert!(accepted.headers.find("To").unwrap().contains(";tag="));
    assert_eq!(told(&mut alice.user), ("SIP/2.0 100 Trying".to_owned(), "active".to_owned()));
    let mut carol = carol.await_call(&server);
    let invite = &carol.invite;
    assert!(invite.header("From").contains(&server.room("tea")), "{invite:#?}");
    assert!(invite.header("Contact").contains(";isfocus") && invite.header("Supported").contains("timer"));
    assert_eq!(invite.header("Subject"), "Tea");
    assert_eq!(invite.header("Referred-By"), "<sip:alice@example.com>");
    assert_eq!(invite.attribute("setup"), "actpass", "MSRP-151");
    assert_eq!(invite.attribute("accept-types"), "message/cpim");
    carol.says("180 Ringing");
    assert_eq!(told(&mut alice.user), ("SIP/2.0 180 Ringing".to_owned(), "active".to_owned()));
    let mut carol = carol.accept("passive");
    let last = ("SIP/2.0 200 OK".to_owned(), "terminated;reason=noresource".to_owned());
    assert_eq!(told(&mut alice.user), last);
    carol.hears("The topic is: Tea");
    // On the same connection as her answer to the bind, which is there by then.
    carol.say("here I am");
    alice.hears("here I am");
    alice.say("welcome");
    carol.hears("welcome");
    server.shows("parlor_participants", 2.0);
    server.shows("parlor_dial_outs_total{result=\"answered\"}", 1.0);
    carol.leave();
    server.shows("parlor_participants", 1.0);
}

/// SIP-81, EVT-51: the roster shows who was called in, and on whose word.
#[test]
fn in_the_roster() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let carol = Callee::udp(&server, "carol");
    let headers = format!("Refer-To: <{}>\r\nReferred-By: <sip:alice@example.com>\r\n", carol.uri());
    refer(&mut alice.user, &alice.room, &headers, 202);
    let carol = carol.await_call(&server).accept("active");
    let (mut watcher, first) = Watcher::of(&server, "dave", "lobby");
    let joined = first.user("sip:carol@127.0.0.1");
    assert_eq!(joined.text("joining-method"), Some("dialed-out"));
    assert!(joined.xml.contains("<referred><by>sip:alice@example.com</by></referred>"), "{joined:?}");
    carol.leave();
    watcher.until("she has left", |notice| notice.users.len() == 1);
}

/// Who is in another room is called on the device that is there, whatever its address of record.
#[test]
fn inviting_from_another_room() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let bob = Participant::join_room(&server, "bob", "other");
    refer(&mut alice.user, &alice.room, "Refer-To: <sip:bob@example.com>\r\n", 202);
    let bob = Called::at(&server, bob.user);
    assert!(bob.invite.start.contains("sip:bob@127.0.0.1"), "the Contact of its dialog: {}", bob.invite.start);
    assert!(bob.invite.header("To").contains("sip:bob@example.com"));
    let mut bob = bob.accept("active");
    bob.say("hello");
    alice.hears("hello");
}

/// SIP-80: what came of the call is told, whatever it was; an unknown user is 404, one that may not be called 403.
#[test]
fn failures_are_told() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    for (status, result) in [("486 Busy Here", "busy"), ("603 Decline", "declined")] {
        let carol = Callee::udp(&server, "carol");
        refer(&mut alice.user, &alice.room, &format!("Refer-To: <{}>\r\n", carol.uri()), 202);
        told(&mut alice.user);
        let mut carol = carol.await_call(&server);
        carol.says(status);
        carol.user.expect_request("ACK");
        let last = told(&mut alice.user);
        assert!(last.0.starts_with(&format!("SIP/2.0 {}", &status[..3])), "{last:?}");
        assert_eq!(last.1, "terminated;reason=noresource");
        server.shows(&format!("parlor_dial_outs_total{{result={result:?}}}"), 1.0);
    }
    for (uri, code) in [("sip:nobody@chat.example.test", "404"), ("sip:carol@192.0.2.9", "403")] {
        refer(&mut alice.user, &alice.room, &format!("Refer-To: <{uri}>\r\n"), 202);
        told(&mut alice.user);
        let last = told(&mut alice.user);
        assert!(last.0.contains(code), "{uri}: {last:?}");
    }
    server.shows("parlor_rejected_total{layer=\"sip\",reason=\"dial_out\"}", 1.0);
    server.shows("parlor_msrp_sessions", 1.0);
}

/// SIP-79, CHAT-152: a moderator removes somebody, all of its sessions, by REFER with `method=BYE`.
#[test]
fn removing() {
    for in_dialog in [false, true] {
        let server = with_moderator();
        let mut alice = Participant::join(&server, "alice");
        let mut phone = Participant::join(&server, "bob");
        let mut laptop = Participant::join(&server, "bob");
        let headers = "Refer-To: <sip:bob@example.com;method=BYE>\r\n";
        if in_dialog {
            let request = alice.call.request("REFER", headers, "");
            alice.user.send(request);
            alice.user.expect(202);
        } else {
            refer(&mut alice.user, &alice.room, headers, 202);
        }
        assert_eq!(told(&mut alice.user).0, "SIP/2.0 100 Trying");
        assert_eq!(told(&mut alice.user).0, "SIP/2.0 200 OK");
        for device in [&mut phone, &mut laptop] {
            let bye = device.user.expect_request("BYE");
            assert!(bye.header("Reason").starts_with("SIP;cause=403"), "{bye:#?}");
            device.user.answer(&bye);
            device.msrp.expect_closed();
        }
        server.shows("parlor_participants", 1.0);
        server.shows("parlor_sessions_closed_total{reason=\"removed\"}", 2.0);
        alice.say("gone");
    }
}

/// SIP-90 and the rules of the room: visitors invite nobody, members remove nobody, and from outside of the room, or under
/// a false name from another address, nothing is done at all.
#[test]
fn rights() {
    let server = with_moderator();
    let alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let remove_alice = "Refer-To: <sip:alice@example.com;method=BYE>\r\n";
    refer(&mut bob.user, &bob.room, remove_alice, 403);
    let mut stranger = SipUser::tcp(&server, "mallory");
    for headers in [remove_alice, "Refer-To: <sip:carol@example.com>\r\n"] {
        refer(&mut stranger, &alice.room, headers, 403);
    }
    let socket = std::net::UdpSocket::bind(("127.0.0.2", 0)).unwrap();
    let mut forger = SipUser::udp_from(&server, "alice", socket);
    refer(&mut forger, &alice.room, "Refer-To: <sip:bob@example.com;method=BYE>\r\n", 403);
    let mut other = SipUser::tcp(&server, "alice");
    refer(&mut other, &server.room("empty"), "Refer-To: <sip:carol@example.com>\r\n", 403);
    server.shows("parlor_participants", 2.0);
    server.shows("parlor_rejected_total{layer=\"room\",reason=\"forbidden\"}", 5.0);
    assert!(bob.user.unread(&bob.room).is_empty(), "nobody was told anything");
}

/// SIP-79, SIP-80: what cannot be done is refused: not one Refer-To, another method, another scheme.
#[test]
fn bad_referrals() {
    let server = with_moderator();
    let mut alice = Participant::join(&server, "alice");
    for (headers, code) in [
        ("", 400),
        ("Refer-To: <sip:a@example.com>\r\nRefer-To: <sip:b@example.com>\r\n", 400),
        ("Refer-To: <sip:a@example.com>, <sip:b@example.com>\r\n", 400),
        ("Refer-To: <sip:\r\n", 400),
        ("Refer-To: <tel:+15551234>\r\n", 416),
        ("Refer-To: <sip:carol@example.com;method=SUBSCRIBE>\r\n", 403),
        ("Refer-To: <sip:nobody@example.com;method=BYE>\r\n", 404),
        ("Refer-To: <sip:carol@example.com>\r\nRequire: nonsense\r\n", 420),
    ] {
        refer(&mut alice.user, &alice.room, headers, code);
    }
    let room = alice.room.clone();
    let without_contact = alice.user.request("REFER", &room, "Refer-To: <sip:carol@example.com>\r\n", "");
    alice.user.send(without_contact);
    alice.user.expect(400);
    alice.say("still here");
}

/// RFC 4488: without subscription the answer says so, and nothing is told.
#[test]
fn without_subscription() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let carol = Callee::udp(&server, "carol");
    let headers = format!("Refer-To: <{}>\r\nRefer-Sub: false\r\nSupported: norefersub\r\n", carol.uri());
    let accepted = refer(&mut alice.user, &alice.room, &headers, 200);
    assert_eq!(accepted.header("Refer-Sub"), "false");
    let mut carol = carol.await_call(&server).accept("active");
    carol.say("nobody was told");
    alice.hears("nobody was told");
    assert!(alice.user.unread(&alice.room).is_empty());
}

/// SIP-80, RFC 3515 §2.4.6: within a dialog each further REFER is told apart by its CSeq.
#[test]
fn several_in_one_dialog() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    for number in 0..3 {
        let request = alice.call.request("REFER", &format!("Refer-To: <sip:nobody{number}@chat.example.test>\r\n"), "");
        alice.user.send(request);
        alice.user.expect(202);
        for _ in 0..2 {
            let notify = alice.user.expect_request("NOTIFY");
            let id = format!("refer;id={}", alice.call.cseq);
            assert_eq!(notify.header("Event"), if number == 0 { "refer" } else { &id });
            assert_eq!(notify.header("Call-ID"), alice.call.id);
            alice.user.answer(&notify);
        }
    }
}

fn with_moderator() -> Server {
    Setup::default().room("lobby", "moderators = [\"sip:alice@example.com\"]").start()
}

/// REFER outside of a dialog, answered so.
pub(crate) fn refer(user: &mut SipUser, room: &str, headers: &str, code: u16) -> SipMessage {
    let headers = format!("Contact: <{}>\r\n{headers}", user.contact());
    let request = user.request("REFER", room, &headers, "");
    user.send(request);
    user.expect(code)
}

/// The next NOTIFY: its status line and its state without how long it goes on.
pub(crate) fn told(user: &mut SipUser) -> (String, String) {
    let notify = user.expect_request("NOTIFY");
    assert_eq!(notify.header("Content-Type"), "message/sipfrag;version=2.0");
    assert_eq!(notify.header("Event"), "refer");
    user.answer(&notify);
    let state = notify.header("Subscription-State");
    let state = if state.starts_with("active;expires=") { "active" } else { state };
    (notify.body.trim_end().to_owned(), state.to_owned())
}
