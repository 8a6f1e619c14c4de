//! What a participant's other devices get of what it says (CHAT-41).

use crate::support::participant::Participant;
use crate::support::server::{Server, Setup};
use crate::support::unique;

/// CHAT-40, CHAT-41: not the device that it came from, but the others, as everybody else does.
#[test]
fn get_copies() {
    let server = Server::plain();
    let [mut desk, mut phone, mut bob] = ["alice", "alice", "bob"].map(|name| Participant::join(&server, name));
    desk.say("from the desk");
    phone.hears("from the desk");
    bob.hears("from the desk");
    phone.say("from the phone");
    desk.hears("from the phone");
    bob.hears("from the phone");
}

/// CHAT-41: where the room says so they get none, of short messages and of large ones.
#[test]
fn get_none_if_the_room_says_so() {
    let server = Setup::default().set("rooms.own_copies", "false").start();
    let [mut desk, mut phone, mut bob] = ["alice", "alice", "bob"].map(|name| Participant::join(&server, name));
    desk.say("from the desk");
    let mut large = desk.saying(&unique("large ")).body;
    large.resize(100_000, b'.');
    assert_eq!(desk.ask(&desk.sending(&large)), 200);
    phone.say("from the phone");
    bob.hears("from the desk");
    assert_eq!(bob.hear(), large);
    bob.hears("from the phone");
    bob.say("from bob");
    desk.hears("from bob");
    phone.hears("from bob");
    server.shows("parlor_deliveries_total", 5.0);
}
