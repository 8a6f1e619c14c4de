//! What a participant's other devices get of what it says (CHAT-41, CHAT-59).

use crate::support::participant::Participant;
use crate::support::server::{Server, Setup};
use crate::support::sip::SipUser;
use crate::support::{cpim, unique};

const ACTIVE: &[u8] = b"<?xml version=\"1.0\"?>\n<isComposing xmlns=\"urn:ietf:params:xml:ns:im-iscomposing\">\
    <state>active</state></isComposing>";

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

/// CHAT-59: of what is said to one participant they get copies where the room says so, if they take private messages; and not
/// the device that it came from, nor of who is typing.
#[test]
fn get_private_copies_if_the_room_says_so() {
    for copies in [false, true] {
        let server = Setup::default().set("rooms.own_private_copies", &copies.to_string()).start();
        let [mut desk, mut phone, mut bob] = ["alice", "alice", "bob"].map(|name| Participant::join(&server, name));
        let without = |offer: String| offer.replace("chatroom:nickname private-messages", "chatroom:nickname");
        let mut old = Participant::join_as(&server, SipUser::tcp(&server, "alice"), "lobby", without);
        let to = bob.user.uri();
        let typing = cpim::wrapped(desk.user.uri(), &to, "application/im-iscomposing+xml", ACTIVE);
        assert_eq!(desk.ask(&desk.sending(&typing)), 200);
        assert_eq!(desk.ask(&desk.telling(&to, "psst")), 200);
        assert_eq!(bob.hear(), typing);
        bob.hears("psst");
        desk.say("to all");
        if copies {
            phone.hears("psst");
        }
        for other in [&mut phone, &mut old, &mut bob] {
            other.hears("to all");
        }
        bob.say("back");
        desk.hears("back");
        assert_eq!(desk.ask(&desk.telling("sip:nobody@example.com", "psst")), 404, "nobody but herself");
    }
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
