//! Sidebars: rooms that belong to another one (CHAT-130 … 133).

use crate::support::participant::{Joined, Participant, own_path};
use crate::support::server::{Server, Setup};
use crate::support::sip::{Call, SipUser, offer};
use crate::support::watcher::Watcher;

/// CHAT-130, CHAT-131: a participant makes a sidebar by calling the factory with the room's name: a room of its own, with its
/// own people and messages, shown in the roster of the other until it ends, whose people stay where they were.
#[test]
fn made_by_a_participant() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let (mut watcher, first) = Watcher::of(&server, "bob", "lobby");
    assert!(!first.message.body.contains("sidebars-by-ref"));
    let mut aside = found(&server, "alice");
    let name = aside.room.split([':', '@']).nth(1).unwrap().to_owned();
    let told = watcher.until("the sidebar", |notice| notice.message.body.contains("sidebars-by-ref"));
    assert!(told.message.body.contains(&format!("<uri>sip:{name}@chat.example.test</uri>")), "{told:?}");
    assert_eq!(told.present(), ["sip:alice@example.com", "sip:bob@example.com"], "she is still in");
    let mut guest = Participant::join_room(&server, "bob", &name);
    guest.say("between us");
    aside.hears("between us");
    bob.say("to all");
    alice.hears("to all");
    aside.say("only here");
    guest.hears("only here");
    aside.leave();
    let bye = guest.user.expect_request("BYE");
    guest.user.answer(&bye);
    watcher.until("no sidebar", |notice| !notice.message.body.contains("sidebars-by-ref"));
    alice.say("back to all");
    bob.hears("back to all");
}

/// CHAT-131, CHAT-132: a sidebar has a roster and a topic of its own: who watches it is told of its people alone, and of its end.
#[test]
fn has_a_roster_of_its_own() {
    let server = Server::plain();
    let _carol = Participant::join(&server, "carol");
    let _alice = Participant::join(&server, "alice");
    let aside = found(&server, "alice");
    let name = aside.room.split([':', '@']).nth(1).unwrap().to_owned();
    let (mut watcher, first) = Watcher::of(&server, "bob", &name);
    assert_eq!((first.present(), first.text("user-count")), (vec!["sip:alice@example.com"], Some("1")));
    assert!(first.message.body.contains(&format!("entity=\"sip:{name}@chat.example.test\"")));
    let mut guest = Participant::join_room(&server, "bob", &name);
    let both = watcher.until("bob", |notice| notice.users.len() == 2);
    assert_eq!(both.present(), ["sip:alice@example.com", "sip:bob@example.com"]);
    let body = String::from_utf8(aside.saying("what it is about").body).unwrap();
    let mut aside = aside;
    assert_eq!(aside.ask(&aside.sending(body.replacen("To: ", "Subject: Plans\r\nTo: ", 1).as_bytes())), 200);
    guest.hears("what it is about");
    watcher.until("the topic", |notice| notice.text("subject") == Some("Plans"));
    aside.leave();
    let last = watcher.until("the end", |notice| notice.subscription().starts_with("terminated"));
    assert_eq!(last.subscription(), "terminated;reason=noresource");
}

/// CHAT-132: a sidebar ends with the room that it belongs to.
#[test]
fn ends_with_its_parent() {
    let server = Setup::default().set("rooms.linger", "\"0s\"").set("conference.factory_ends", "\"empty\"").start();
    let alice = Participant::join_room(&server, "alice", "den");
    let mut aside = found_beside(&server, "alice", "den", 200).expect("a sidebar");
    server.shows("parlor_rooms", 3.0);
    alice.leave();
    let bye = aside.user.expect_request("BYE");
    assert!(bye.header("Reason").contains("cause=410"));
    aside.user.answer(&bye);
    server.shows("parlor_rooms", 1.0);
}

/// CHAT-130: those of the configuration are there from the start, under what they are about, and need nobody to make them.
#[test]
fn configured() {
    let server = Setup::default()
        .room("lobby", "")
        .room("garden", "parent = \"lobby\"\ntopic = \"Garden talk\"")
        .room("kitchen", "parent = \"lobby\"")
        .start();
    let shown = [
        "<uri>sip:garden@chat.example.test</uri>",
        "<display-text>Garden talk</display-text>",
        "<display-text>kitchen</display-text>",
    ];
    // The rooms open beside each other: the first one told may be before that.
    let (mut watcher, mut told) = Watcher::of(&server, "alice", "lobby");
    while !shown.iter().all(|shown| told.message.body.contains(shown)) {
        told = watcher.next();
    }
    let mut alice = Participant::join_room(&server, "alice", "garden");
    let mut bob = Participant::join_room(&server, "bob", "garden");
    bob.hears("The topic is: Garden talk");
    alice.say("roses");
    bob.hears("roses");
}

/// CHAT-130: only participants who may invite others make sidebars, of rooms that there are, and not of sidebars.
#[test]
fn refused() {
    let server =
        Setup::default().room("lobby", "default_role = \"visitor\"\nmembers = [\"sip:alice@example.com\"]").start();
    let _bob = Participant::join(&server, "bob");
    assert!(found_beside(&server, "bob", "lobby", 403).is_none(), "a visitor");
    assert!(found_beside(&server, "alice", "lobby", 403).is_none(), "she is not in");
    assert!(found_beside(&server, "alice", "nowhere", 404).is_none());
    let _alice = Participant::join(&server, "alice");
    let aside = found(&server, "alice");
    let name = aside.room.split([':', '@']).nth(1).unwrap();
    assert!(found_beside(&server, "alice", name, 403).is_none(), "a sidebar of a sidebar");
    server.shows("parlor_rooms", 2.0);
    let [first, ..] = [(); 3].map(|()| found(&server, "alice"));
    assert!(found_beside(&server, "alice", "lobby", 503).is_none(), "one more of hers");
    first.leave();
    server.shows("parlor_rooms", 4.0);
    found(&server, "alice");
}

/// CHAT-133: what is written to a sidebar on a session of the other room gets 403, whole or in chunks, from its members and
/// from others, and nobody hears it.
#[test]
fn written_to_on_its_own_session() {
    let server = Server::plain();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| Participant::join(&server, name));
    let mut aside = found(&server, "alice");
    let mut guest = Participant::join_room(&server, "bob", aside.room.split([':', '@']).nth(1).unwrap());
    bob.say("to all");
    alice.hears("to all");
    for to in [aside.room.clone(), format!("{};transport=tcp", aside.room)] {
        assert_eq!(bob.ask(&bob.telling(&to, "astray")), 403);
        let body = alice.telling(&to, "astray").body;
        assert_eq!(alice.ask(&alice.chunk("m1", &format!("1-*/{}", body.len()), &body, '+')), 403);
    }
    guest.leave();
    assert_eq!(bob.ask(&bob.telling(&aside.room, "astray")), 403, "nor one who has left it");
    server.shows("parlor_rejected_total{layer=\"room\",reason=\"for_sidebar\"}", 5.0);
    guest = Participant::join_room(&server, "bob", aside.room.split([':', '@']).nth(1).unwrap());
    guest.say("between us");
    aside.hears("between us");
    bob.say("still to all");
    alice.hears("still to all");
}

fn found(server: &Server, name: &str) -> Participant {
    found_beside(server, name, "lobby", 200).expect("a sidebar")
}

/// Calls the factory for a sidebar of that room; with 200 the session is bound.
pub(crate) fn found_beside(server: &Server, name: &str, parent: &str, code: u16) -> Option<Participant> {
    let mut user = SipUser::tcp(server, name);
    let path = own_path(&user);
    let mut call = Call::new(&user, &format!("{};parent={parent}", server.room("conference")));
    user.send(call.invite("", &offer(&path)));
    let answer = user.expect(code);
    if code != 200 {
        user.send(call.ack_failure(&answer));
        return None;
    }
    call.established(&answer);
    user.send(call.ack(""));
    let session = answer.attribute("path").to_owned();
    let room = server.room(answer.contact().split(['@', ':']).nth(1).unwrap());
    let mut joined = Joined { user, call, path, session, room, answer };
    let connection = joined.connection(server);
    Some(joined.bind(connection))
}
