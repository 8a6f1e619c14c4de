//! Three people in a room: each hears the others, nobody hears itself, and who left hears nothing.

use crate::support::cpim;
use crate::support::participant::Participant;
use crate::support::server::Server;
use crate::support::sip::SipUser;

/// CHAT-40: what one says reaches the others, in the same order for all, over UDP or TCP alike.
#[test]
fn everybody_hears_the_others() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join_as(&server, SipUser::udp(&server, "bob"), "lobby", |offer| offer);
    let mut carol = Participant::join(&server, "carol");
    alice.say("hello");
    bob.hears("hello");
    carol.hears("hello");
    bob.say("hello alice");
    carol.say("hello all");
    assert_eq!(alice.hear_text(), "hello alice", "CHAT-40: not her own message");
    alice.hears("hello all");
    carol.hears("hello alice");
    bob.hears("hello all");
}

/// CHAT-42: a copy is the message as it was sent, its headers and their order included.
#[test]
fn copies_are_unchanged() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let body = format!(
        "X-First: 1\r\nFrom: \"A \\\"L\\\"\" <{}>\r\nTo: Room <{}>\r\nNS: x <urn:example:x>\r\nx.Unknown: yes\r\n\
         Subject:;lang=en hi\r\n\r\nX-Mime: 2\r\nContent-Type: text/plain\r\n\r\nHello",
        alice.user.uri(),
        alice.room
    );
    let send = alice.sending(body.as_bytes());
    assert_eq!(alice.ask(&send), 200);
    assert_eq!(String::from_utf8(bob.hear()).unwrap(), body);
}

/// CHAT-48, CHAT-150: one who comes later hears what is said from then on; one who left hears nothing, and its session
/// is gone.
#[test]
fn coming_and_going() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    alice.say("before");
    bob.hears("before");
    let mut carol = Participant::join(&server, "carol");
    alice.say("after");
    carol.hears("after");
    bob.hears("after");
    server.shows("parlor_participants", 3.0);
    carol.leave();
    server.shows("parlor_participants", 2.0);
    alice.say("without carol");
    bob.hears("without carol");
    server.shows("parlor_deliveries_total", 4.0);
}

/// Rooms do not hear each other, and one made on demand is there at once.
#[test]
fn rooms_are_apart() {
    let server = Server::plain();
    let mut alice = Participant::join_room(&server, "alice", "tea");
    let mut bob = Participant::join_room(&server, "bob", "tea");
    let mut carol = Participant::join(&server, "carol");
    alice.say("for tea");
    carol.say("for the lobby");
    bob.hears("for tea");
    bob.say("tea again");
    alice.hears("tea again");
    let mut dave = Participant::join(&server, "dave");
    dave.say("to carol");
    carol.hears("to carol");
}

/// CHAT-120: the room greets who joins, after the 200 to its bind and to it alone.
#[test]
fn welcome() {
    let setup = crate::support::server::Setup::default().set("rooms.welcome", "\"Mind the step\"");
    let server = setup.start();
    let mut alice = Participant::join(&server, "alice");
    let greeting = alice.hear();
    assert_eq!(cpim::content(&greeting), "Mind the step");
    assert!(cpim::header(&greeting, "From").ends_with(&format!("<{}>", alice.room)));
    assert!(cpim::header(&greeting, "To").ends_with(&format!("<{}>", alice.room)));
    cpim::header(&greeting, "DateTime");
    let mut bob = Participant::join(&server, "bob");
    bob.hears("Mind the step");
    bob.say("thanks");
    alice.hears("thanks");
}
