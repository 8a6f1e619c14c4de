//! That somebody is writing, told by MESSAGE (RFC 3994): from user to user, and into a room (MSG-47).

use crate::support::device::{Device, aor};
use crate::support::participant::Participant;
use crate::support::server::{Server, Setup};
use crate::support::sip::SipUser;

const HEADERS: &str = "Content-Type: application/im-iscomposing+xml\r\n";

fn indication(state: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\r\n<isComposing xmlns=\"urn:ietf:params:xml:ns:im-iscomposing\">\
         <state>{state}</state><refresh>60</refresh></isComposing>"
    )
}

/// RFC 3994 §4, MSG-22: an indication passes as it is, and so does the 415 that makes its sender stop.
#[test]
fn one_to_one() {
    let server = Setup::default().set("registrar.trust_loopback", "true").start();
    let mut alice = SipUser::udp(&server, "alice");
    let mut bob = Device::tcp(&server, "bob");
    bob.register_here();
    let active = indication("active");
    alice.send(alice.request("MESSAGE", &aor("bob"), HEADERS, &active));
    let passed = bob.user.expect_request("MESSAGE");
    assert_eq!((passed.body.as_str(), passed.header("Content-Type")), (&*active, "application/im-iscomposing+xml"));
    bob.user.answer(&passed);
    alice.expect(200);
    alice.send(alice.request("MESSAGE", &aor("bob"), HEADERS, &indication("idle")));
    let passed = bob.user.expect_request("MESSAGE");
    bob.user.answer_with(&passed, "415 Unsupported Media Type", "Accept: text/plain\r\n");
    assert_eq!(alice.expect(415).header("Accept"), "text/plain");
}

/// RFC 3428 §7: nobody is told later that somebody was writing; it is not accepted, since it is not kept, and 480 says that
/// nobody is there to whom it could be told.
#[test]
fn it_is_never_kept() {
    let server = Setup::default().set("auth.mode", "[\"digest\", \"none\"]").user("bob", &[]).start();
    let mut alice = SipUser::udp(&server, "alice");
    alice.send(alice.request("MESSAGE", &aor("bob"), HEADERS, &indication("active")));
    alice.expect(480);
    alice.send(alice.request("MESSAGE", &aor("bob"), "Content-Type: text/plain\r\n", "hello"));
    alice.expect(202);
    server.shows("parlor_kept_messages", 1.0);
}

/// MSG-47, EVT-107: into a room an indication goes by the same rule as by MSRP: what tells nothing new goes to nobody, and is
/// accepted.
#[test]
fn into_a_room_what_is_new() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let room = server.room("lobby");
    let (active, idle) = (indication("active"), indication("idle"));
    for state in [&active, &active, &idle] {
        alice.user.send(alice.user.request("MESSAGE", &room, HEADERS, state));
        alice.user.expect(202);
    }
    bob.hears(&active);
    bob.hears(&idle);
    server.shows("parlor_messages_withheld_total{kind=\"composing\"}", 1.0);
}
