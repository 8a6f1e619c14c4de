//! Replaces: a device takes over its user's session; and Join, which asks for nothing more than joining.

use crate::nickname::quoted;
use crate::support::participant::{Joined, Participant, own_path};
use crate::support::server::{Server, Setup};
use crate::support::sip::{Call, SipUser, offer};

/// SIP-84: the other device has the session, the nickname and the place in the room, also where only one is allowed; the
/// first gets BYE, and its connection is closed.
#[test]
fn another_device_takes_over() {
    let server = Setup::default()
        .set("rooms.max_sessions_per_participant", "1")
        .set("rooms.nickname_quarantine", "\"0s\"")
        .start();
    let mut phone = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    assert_eq!(quoted(&mut phone, "Ally"), 200);
    let mut laptop = take_over(&server, &phone, "alice", "Require: replaces\r\n");
    let bye = phone.user.expect_request("BYE");
    assert_eq!(bye.header("Call-ID"), phone.call.id);
    phone.user.answer(&bye);
    phone.msrp.expect_closed();
    server.shows("parlor_participants", 2.0);
    laptop.say("from my desk");
    bob.hears("from my desk");
    bob.say("I see");
    laptop.hears("I see");
    assert_eq!(quoted(&mut bob, "Ally"), 425, "it is still hers");
}

/// SIP-84: what cannot be replaced is refused by its code, and everybody stays as they are.
#[test]
fn refused() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let own = named(&alice);
    for (name, headers, code) in [
        ("alice", "Replaces: unknown;to-tag=1;from-tag=2\r\n".to_owned(), 481),
        ("alice", format!("Replaces: {}\r\n", own.replace("from-tag=", "from-tag=x")), 481),
        ("alice", format!("Replaces: {own};early-only\r\n"), 486),
        ("mallory", format!("Replaces: {own}\r\n"), 403),
        ("alice", "Replaces: nonsense\r\n".to_owned(), 400),
        ("alice", format!("Replaces: {own}\r\nReplaces: {own}\r\n"), 400),
        ("alice", format!("Replaces: {own}\r\nJoin: {own}\r\n"), 400),
    ] {
        let mut user = SipUser::tcp(&server, name);
        let mut call = Call::new(&user, &server.room("lobby"));
        user.send(call.invite(&headers, &offer(&own_path(&user))));
        let refused = user.expect(code);
        user.send(call.ack_failure(&refused));
    }
    let options = alice.call.request("OPTIONS", &format!("Replaces: {own}\r\n"), "");
    alice.user.send(options);
    alice.user.expect(400);
    alice.say("still here");
    server.shows("parlor_participants", 1.0);
}

/// SIP-83: Join names no dialog of ours, or one of this room: either way its sender joins.
#[test]
fn join() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    for (name, dialog) in [("bob", named(&alice)), ("carol", "unknown;to-tag=1;from-tag=2".to_owned())] {
        let mut joined = invited(&server, name, &format!("Join: {dialog}\r\n"));
        let connection = joined.connection(&server);
        let mut newcomer = joined.bind(connection);
        newcomer.say("joined");
        alice.hears("joined");
    }
    server.shows("parlor_participants", 3.0);
}

/// The dialog of a participant, as Replaces and Join name it: our tag is the to-tag.
fn named(participant: &Participant) -> String {
    let tag = |header: &str| header.split(";tag=").nth(1).unwrap().to_owned();
    let call = &participant.call;
    format!("{};to-tag={};from-tag={}", call.id, tag(&call.to), tag(&call.from))
}

fn take_over(server: &Server, from: &Participant, name: &str, headers: &str) -> Participant {
    let mut joined = invited(server, name, &format!("Replaces: {}\r\n{headers}", named(from)));
    let connection = joined.connection(server);
    joined.bind(connection)
}

/// Somebody who calls the lobby with these headers and is let in.
fn invited(server: &Server, name: &str, headers: &str) -> Joined {
    let mut user = SipUser::tcp(server, name);
    let (path, room) = (own_path(&user), server.room("lobby"));
    let mut call = Call::new(&user, &room);
    user.send(call.invite(headers, &offer(&path)));
    let answer = user.expect(200);
    assert!(answer.header("Supported").contains("replaces"), "SIP-71");
    call.established(&answer);
    user.send(call.ack(""));
    let session = answer.attribute("path").to_owned();
    Joined { user, call, path, session, room, answer }
}
