//! What a room's rules let people do, as the configuration says it.

use std::time::{Duration, Instant};

use crate::several_sessions::let_in;
use crate::support::participant::{Joined, Participant, own_path};
use crate::support::server::{Server, Setup};
use crate::support::sip::{Call, SipMessage, SipUser, offer};

/// CHAT-11, SIP-48: who is not in the list, or is in the other one, gets 403, from an INVITE and from OPTIONS.
#[test]
fn who_may_join() {
    let lists = "allow = [\"sip:alice@example.com\", \"example.com\"]\ndeny = [\"sip:mallory@example.com\"]";
    let server = Setup::default().room("den", lists).start();
    for (name, from, code) in [
        ("alice", "sip:alice@example.com", 200),
        ("bob", "sips:bob@EXAMPLE.com:5061;transport=tcp", 200),
        ("mallory", "sip:mallory@example.com", 403),
        ("carol", "sip:carol@example.net", 403),
        ("nobody", "sip:anonymous@anonymous.invalid", 403),
    ] {
        let mut user = SipUser::udp(&server, name);
        assert_eq!(asked(&server, &mut user, "den", "", from).code(), code, "OPTIONS from {from}");
        assert_eq!(invited(&server, &mut user, "den", "", from).code(), code, "{from}");
    }
}

/// SIP-112, CHAT-105: a room without anonymity refuses it with 433, whichever way it is asked for.
#[test]
fn anonymity_may_be_forbidden() {
    let server = Setup::default().room("den", "anonymous = false").start();
    let mut user = SipUser::udp(&server, "alice");
    let own = user.uri();
    for (headers, from, code) in [
        ("Privacy: id\r\n", own.as_str(), 433),
        ("Privacy: user;critical\r\n", &own, 433),
        ("", "sip:anonymous@anonymous.invalid", 433),
        ("", "sip:x7@privacy.invalid", 433),
        ("Privacy: none\r\n", &own, 200),
    ] {
        assert_eq!(asked(&server, &mut user, "den", headers, from).code(), code, "OPTIONS {headers}{from}");
        assert_eq!(invited(&server, &mut user, "den", headers, from).code(), code, "{headers}{from}");
    }
}

/// CHAT-5, CHAT-154: where a user has one session, one more is refused; but one whose connection is lost gives way, with
/// BYE, and the newcomer's messages go out under the same user.
#[test]
fn one_session_of_a_user() {
    let server = Setup::default().room("den", "sessions = \"one\"").start();
    let mut bob = Participant::join_room(&server, "bob", "den");
    let mut first = Participant::join_room(&server, "alice", "den");
    let mut user = SipUser::tcp(&server, "alice");
    let own = user.uri();
    assert_eq!(invited(&server, &mut user, "den", "", &own).code(), 486);
    first.msrp.wire.shutdown_write();
    let mut again = let_in(&server, "den");
    let bye = first.user.expect_request("BYE");
    first.user.answer(&bye);
    again.say("back again");
    bob.hears("back again");
    server.shows("parlor_participants", 2.0);
}

/// CHAT-154: with takeover the oldest session ends with BYE, and its user is never out of the room.
#[test]
fn a_newer_session_takes_over() {
    let server = Setup::default().room("den", "sessions = \"one\"\ntakeover = true").start();
    let mut first = Participant::join_room(&server, "alice", "den");
    let mut second = Participant::join_room(&server, "alice", "den");
    let bye = first.user.expect_request("BYE");
    first.user.answer(&bye);
    first.msrp.write(first.saying("am I here?").bytes());
    assert_eq!(first.msrp.receive().code, 481, "CHAT-150");
    let mut bob = Participant::join_room(&server, "bob", "den");
    second.say("it is me");
    bob.hears("it is me");
    server.shows("parlor_participants", 2.0);
    server.shows("parlor_msrp_sessions", 2.0);
}

/// CHAT-11: who would be one too many gets 486; further devices of those who are in do not count.
#[test]
fn a_full_room() {
    let server = Setup::default().room("den", "max_participants = 1").start();
    let alice = Participant::join_room(&server, "alice", "den");
    let mut phone = Joined::invite(&server, SipUser::tcp(&server, "alice"), "den", |offer| offer);
    let mut bob = SipUser::tcp(&server, "bob");
    let own = bob.uri();
    assert_eq!(invited(&server, &mut bob, "den", "", &own).code(), 486);
    assert_eq!(asked(&server, &mut bob, "den", "", &own).code(), 486, "SIP-48");
    let connection = phone.connection(&server);
    phone.bind(connection).leave();
    assert_eq!(invited(&server, &mut bob, "den", "", &own).code(), 486);
    alice.leave();
    server.shows("parlor_participants", 0.0);
    assert_eq!(invited(&server, &mut bob, "den", "", &own).code(), 200);
}

/// CHAT-170: who sends more messages a second than the room allows is read more slowly, whichever of its sessions it uses;
/// nothing is lost, and nobody else waits.
#[test]
fn messages_have_a_rate() {
    let server = Setup::default().room("den", "messages_per_second = 2\nmessages_at_once = 3").start();
    let mut carol = Participant::join_room(&server, "carol", "den");
    let mut alice = Participant::join_room(&server, "alice", "den");
    let mut phone = Participant::join_room(&server, "alice", "den");
    let mut bob = Participant::join_room(&server, "bob", "den");
    let began = Instant::now();
    for n in 0..6 {
        alice.msrp.write(alice.saying(&format!("alice {n}")).bytes());
        phone.msrp.write(phone.saying(&format!("phone {n}")).bytes());
    }
    bob.say("bob");
    let heard: Vec<_> = (0..13).map(|_| carol.hear_text()).collect();
    let place = |said: &str| heard.iter().position(|text| text == said).unwrap();
    for n in 1..6 {
        assert!(place(&format!("alice {n}")) > place(&format!("alice {}", n - 1)), "{heard:?}");
        assert!(place(&format!("phone {n}")) > place(&format!("phone {}", n - 1)), "{heard:?}");
    }
    assert!(place("bob") < 12, "he does not wait for them: {heard:?}");
    assert!(began.elapsed() >= Duration::from_millis(500) * (12 - 3), "three at once: {:?}", began.elapsed());
    assert!(server.metrics().value("parlor_msrp_rate_waits_total") >= 2.0);
}

/// CHAT-D14, CHAT-152: a room made on demand ends when its time is over: it says so, and everybody gets BYE that tells
/// why. Whoever comes back finds a new one. Rooms of the configuration stay.
#[test]
fn a_room_has_its_time() {
    let server = Setup::default().set("rooms.lifetime", "\"2s\"").start();
    let mut lobby = Participant::join(&server, "alice");
    let mut alice = Participant::join_room(&server, "alice", "den");
    assert!(alice.hear_text().contains("closes"));
    let bye = alice.user.expect_request("BYE");
    assert!(bye.header("Reason").contains("cause=410"), "{bye:#?}");
    alice.user.answer(&bye);
    let mut again = Participant::join_room(&server, "alice", "den");
    let mut bob = Participant::join_room(&server, "bob", "den");
    bob.say("another room");
    again.hears("another room");
    lobby.say("still here");
}

/// The response to OPTIONS with these headers from this URI.
fn asked(server: &Server, user: &mut SipUser, room: &str, headers: &str, from: &str) -> SipMessage {
    let own = format!("<{}>", user.uri());
    let options = user.request("OPTIONS", &server.room(room), headers, "").replace(&own, &format!("<{from}>"));
    user.send(options);
    user.final_response()
}

/// The final response to an INVITE with these headers from this URI, acknowledged.
fn invited(server: &Server, user: &mut SipUser, room: &str, headers: &str, from: &str) -> SipMessage {
    let room = server.room(room);
    let mut call = Call::new(user, &room);
    call.from = call.from.replace(&user.uri(), from);
    let offered = offer(&own_path(user));
    user.send(call.invite(headers, &offered));
    let response = user.final_response();
    if response.code() == 200 {
        call.established(&response);
        user.send(call.ack(""));
    } else {
        user.send(call.ack_failure(&response));
    }
    response
}
