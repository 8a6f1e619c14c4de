//! What becomes of a call of the server: answered late, twice, not at all.

use std::time::Duration;

use crate::refer::{refer, told};
use crate::support::callee::Callee;
use crate::support::participant::Participant;
use crate::support::server::{Server, Setup};
use crate::support::unique;

/// A callee over TCP that connects by itself, and whose BYE ends it.
#[test]
fn over_tcp() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let carol = Callee::tcp(&server, "carol");
    refer(&mut alice.user, &alice.room, &format!("Refer-To: <{}>\r\n", carol.uri()), 202);
    let mut carol = carol.await_call(&server).accept("active");
    carol.say("over TCP");
    alice.hears("over TCP");
    alice.say("so it is");
    carol.hears("so it is");
    carol.leave();
    server.shows("parlor_participants", 1.0);
}

/// SIP-50: of several devices that answer one call, the first is in; each gets its ACK, and the others BYE.
#[test]
fn several_devices_answer() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let carol = Callee::udp(&server, "carol");
    refer(&mut alice.user, &alice.room, &format!("Refer-To: <{}>\r\n", carol.uri()), 202);
    let mut carol = carol.await_call(&server);
    let (first, second) = (unique("t"), unique("t"));
    for tag in [&first, &second] {
        let ok = carol.ok(tag, &carol.path(), "active");
        carol.user.send(ok);
        let ack = carol.user.expect_request("ACK");
        assert!(ack.header("To").ends_with(tag.as_str()), "{ack:#?}");
    }
    let bye = carol.user.expect_request("BYE");
    assert!(bye.header("To").ends_with(&second), "{bye:#?}");
    carol.user.answer(&bye);
    server.shows("parlor_participants", 2.0);
    // SIP-3: the 2xx that comes again gets its ACK again.
    let ok = carol.ok(&first, &carol.path(), "active");
    carol.user.send(ok);
    assert!(carol.user.expect_request("ACK").header("To").ends_with(&first));
    server.shows("parlor_participants", 2.0);
}

/// RFC 3261 §9.1: who does not answer in time gets CANCEL; if the answer comes all the same, ACK and BYE.
#[test]
fn given_up() {
    let server = Setup::default().set("conference.ring_timeout", "\"5s\"").start();
    let mut alice = Participant::join(&server, "alice");
    let carol = Callee::udp(&server, "carol");
    refer(&mut alice.user, &alice.room, &format!("Refer-To: <{}>\r\n", carol.uri()), 202);
    told(&mut alice.user);
    let mut carol = carol.await_call(&server);
    carol.says("180 Ringing");
    assert_eq!(told(&mut alice.user).0, "SIP/2.0 180 Ringing");
    let cancel = carol.user.expect_request("CANCEL");
    assert_eq!(cancel.header("Via"), carol.invite.header("Via"), "the same transaction");
    carol.user.answer(&cancel);
    let (status, state) = told(&mut alice.user);
    assert_eq!((&*status, &*state), ("SIP/2.0 408 Request Timeout", "terminated;reason=noresource"));
    let tag = unique("t");
    let ok = carol.ok(&tag, &carol.path(), "active");
    carol.user.send(ok);
    assert!(carol.user.expect_request("ACK").header("To").ends_with(&tag));
    let bye = carol.user.expect_request("BYE");
    carol.user.answer(&bye);
    server.shows("parlor_participants", 1.0);
    server.shows("parlor_msrp_sessions", 1.0);
    server.shows("parlor_dial_outs_total{result=\"unanswered\"}", 1.0);
}

/// SIP-68: an answer without a usable session is acknowledged and ended.
#[test]
fn useless_answer() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let carol = Callee::udp(&server, "carol");
    refer(&mut alice.user, &alice.room, &format!("Refer-To: <{}>\r\n", carol.uri()), 202);
    told(&mut alice.user);
    let mut carol = carol.await_call(&server);
    let ok = carol.ok(&unique("t"), &carol.path(), "active").replace("message/cpim text/*", "text/plain  /*/*/*/");
    carol.user.send(ok);
    carol.user.expect_request("ACK");
    let bye = carol.user.expect_request("BYE");
    carol.user.answer(&bye);
    assert_eq!(told(&mut alice.user).0, "SIP/2.0 488 Not Acceptable Here");
    server.shows("parlor_participants", 1.0);
}

/// A call under way does not keep the server from stopping: it is cancelled.
#[test]
fn shutdown() {
    let mut server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let carol = Callee::udp(&server, "carol");
    refer(&mut alice.user, &alice.room, &format!("Refer-To: <{}>\r\n", carol.uri()), 202);
    let mut carol = carol.await_call(&server);
    carol.says("180 Ringing");
    assert_eq!(told(&mut alice.user).0, "SIP/2.0 100 Trying");
    assert_eq!(told(&mut alice.user).0, "SIP/2.0 180 Ringing");
    server.signal("TERM");
    let cancel = carol.user.expect_request_within(Duration::from_secs(5), "CANCEL");
    carol.user.answer(&cancel);
    carol.says("487 Request Terminated");
    server.wait();
}

/// Whom the configuration allows to call decides: with a list of networks, loopback is none of them unless it is listed.
#[test]
fn networks() {
    let server = Setup::default().set("conference.dial_out", "[\"192.0.2.0/24\"]").start();
    let mut alice = Participant::join(&server, "alice");
    let carol = Callee::udp(&server, "carol");
    refer(&mut alice.user, &alice.room, &format!("Refer-To: <{}>\r\n", carol.uri()), 202);
    told(&mut alice.user);
    assert_eq!(told(&mut alice.user).0, "SIP/2.0 403 Forbidden");
}
