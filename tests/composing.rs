//! That somebody is writing is told to the room or to one, as long as it is news (CHAT-160, RFC 3994).

use crate::support::cpim;
use crate::support::msrp::Send;
use crate::support::participant::Participant;
use crate::support::server::{Server, Setup};
use crate::support::sip::SipUser;
use crate::support::unique;

const KIND: &str = "application/im-iscomposing+xml";

/// CHAT-160, EVT-104, EVT-107: it is passed on unchanged to those who take its type, and asks nobody for an answer.
#[test]
fn passed_on() {
    let server = Server::plain();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| Participant::join(&server, name));
    let plain = |offer: String| {
        offer.replace("cpim text/plain", "cpim").replace("accept-wrapped-types:*", "accept-wrapped-types:text/plain")
    };
    let mut carol = Participant::join_as(&server, SipUser::tcp(&server, "carol"), "lobby", plain);
    let send = to_room(&alice, "active", 60);
    assert_eq!(alice.ask(&send), 200);
    let copy = bob.msrp.next_send();
    assert_eq!((copy.content(), copy.header("Failure-Report")), (&*send.body, "no"));
    alice.say("what I wrote");
    bob.hears("what I wrote");
    carol.hears("what I wrote");
    server.shows("parlor_messages_total{kind=\"composing\"}", 1.0);
    server.shows("parlor_messages_total{kind=\"room\"}", 1.0);
    server.shows("parlor_messages_withheld_total{kind=\"composing\"}", 0.0);
}

/// CHAT-160: to one participant it goes as a private message does: 404, 428, and to nobody else.
#[test]
fn to_one() {
    let server = Server::plain();
    let [mut alice, mut bob, mut carol] = ["alice", "bob", "carol"].map(|name| Participant::join(&server, name));
    let send = indication(&alice, "sip:bob@example.com", "active", 60);
    assert_eq!(alice.ask(&send), 200);
    assert_eq!(bob.hear(), send.body);
    assert_eq!(alice.ask(&indication(&alice, "sip:nobody@example.com", "active", 60)), 404);
    alice.say("to all");
    carol.hears("to all");
}

/// RFC 3994 §3.2, §3.3, EVT-107: the same state again within a second tells nobody anything; a change always does, and so
/// does what follows a message.
#[test]
fn only_news() {
    let server = Server::plain();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| Participant::join(&server, name));
    let said = ["active", "active", "idle", "idle", "active", "active"].map(|state| to_room(&alice, state, 60));
    for send in &said {
        alice.msrp.write(send.bytes());
    }
    for send in &said {
        assert_eq!(alice.msrp.response(&send.tid), 200);
    }
    alice.say("written");
    let again = to_room(&alice, "active", 60);
    assert_eq!(alice.ask(&again), 200);
    alice.say("last");
    for news in [&said[0].body, &said[2].body, &said[4].body] {
        assert_eq!(bob.hear(), *news);
    }
    bob.hears("written");
    assert_eq!(bob.hear(), again.body);
    bob.hears("last");
    server.shows("parlor_messages_withheld_total{kind=\"composing\"}", 3.0);
}

/// EVT-107: in a large room repeats are spared for longer; whoever writes on is still known to in time (here before 4 s, for
/// which the state holds).
#[test]
fn in_a_large_room() {
    let server = Server::plain();
    let mut alice = Participant::join(&server, "alice");
    let mut all: Vec<_> = (0..60).map(|n| Participant::join(&server, &format!("user{n}"))).collect();
    let bob = &mut all[0];
    let first = to_room(&alice, "active", 4);
    assert_eq!(alice.ask(&first), 200);
    assert_eq!(bob.hear(), first.body);
    let since = std::time::Instant::now();
    let told_again = loop {
        let send = to_room(&alice, "active", 4);
        assert_eq!(alice.ask(&send), 200);
        if let Some(copy) = bob.msrp.receive_within(std::time::Duration::from_millis(100)) {
            assert_eq!(copy.content(), send.body);
            break since.elapsed().as_secs_f64();
        }
    };
    assert!((1.9..4.0).contains(&told_again), "{told_again} s");
    assert!(server.metrics().value("parlor_messages_withheld_total{kind=\"composing\"}") > 5.0);
}

/// EVT-107: a room may pass on none when it is large.
#[test]
fn not_in_too_large_a_room() {
    let server = Setup::default().set("rooms.composing_up_to", "2").start();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| Participant::join(&server, name));
    let send = to_room(&alice, "active", 60);
    assert_eq!(alice.ask(&send), 200);
    assert_eq!(bob.hear(), send.body);
    let mut carol = Participant::join(&server, "carol");
    assert_eq!(alice.ask(&to_room(&alice, "idle", 60)), 200);
    alice.say("to all");
    bob.hears("to all");
    carol.hears("to all");
}

/// What comes in chunks, is large, or cannot be read, is passed on as it is.
#[test]
fn however_it_comes() {
    let server = Server::plain();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| Participant::join(&server, name));
    let body = to_room(&alice, "active", 60).body;
    let cut = body.len() - 20;
    for _ in 0..2 {
        let id = unique("m");
        assert_eq!(alice.ask(&alice.chunk(&id, "1-*/*", &body[..cut], '+')), 200);
        assert_eq!(alice.ask(&alice.chunk(&id, &format!("{}-*/*", cut + 1), &body[cut..], '$')), 200);
        assert_eq!(bob.hear(), body);
    }
    let mut large = to_room(&alice, "active", 60).body;
    large.resize(5000, b' ');
    for odd in [large, cpim::wrapped(alice.user.uri(), &alice.room, KIND, b"<isComposing")] {
        for _ in 0..2 {
            assert_eq!(alice.ask(&alice.sending(&odd)), 200);
            assert_eq!(bob.hear(), odd);
        }
    }
}

fn to_room(sender: &Participant, state: &str, refresh: u32) -> Send {
    indication(sender, &sender.room, state, refresh)
}

fn indication(sender: &Participant, to: &str, state: &str, refresh: u32) -> Send {
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<isComposing xmlns=\"urn:ietf:params:xml:ns:im-iscomposing\">\
         <state>{state}</state><contenttype>text/plain</contenttype><refresh>{refresh}</refresh></isComposing>"
    );
    sender.sending(&cpim::wrapped(sender.user.uri(), to, KIND, xml.as_bytes()))
}
