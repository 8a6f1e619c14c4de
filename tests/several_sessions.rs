//! One user with several devices in a room: each is a session of its own, all of them one participant.

use std::time::Duration;

use crate::nickname::quoted;
use crate::support::participant::{Joined, Participant, own_path};
use crate::support::server::{Server, Setup};
use crate::support::sip::{Call, SipMessage, SipUser, offer};
use crate::support::watcher::Watcher;
use crate::support::{eventually, settles};

const ALICE: &str = "sip:alice@example.com";

/// CHAT-5, CHAT-40, CHAT-52, EVT-55: each device hears the room and what is said to its user, and says things itself; the
/// roster has one user with an endpoint for each, until the last has left.
#[test]
fn devices_are_one_participant() {
    let server = Server::plain();
    let mut devices: Vec<_> = (0..3).map(|_| Participant::join(&server, "alice")).collect();
    let mut bob = Participant::join(&server, "bob");
    let (mut watcher, shown) = Watcher::of(&server, "carol", "lobby");
    let endpoints = |xml: &str| xml.matches("<endpoint ").count();
    assert_eq!((shown.users.len(), endpoints(&shown.user(ALICE).xml)), (2, 3), "{shown:#?}");
    bob.say("to all");
    let private = bob.telling(ALICE, "to you");
    assert_eq!(bob.ask(&private), 200);
    for device in &mut devices {
        device.hears("to all");
        device.hears("to you");
    }
    for (n, from) in (0..3).zip(["desk", "phone", "tablet"]) {
        devices[n].say(from);
        bob.hears(from);
        for (other, device) in devices.iter_mut().enumerate() {
            if other != n {
                device.hears(from);
            }
        }
    }
    let last = devices.pop().unwrap();
    for device in devices {
        device.leave();
    }
    let shown = watcher.until("one device", |notice| endpoints(&notice.user(ALICE).xml) == 1);
    assert_eq!(shown.users.len(), 2);
    last.leave();
    watcher.until("nobody but bob", |notice| notice.present() == ["sip:bob@example.com"]);
}

/// CHAT-5, CHAT-154: a user may have so many devices in the room, whatever media lines each has; the place of one that has
/// left is free, and so is that of one that has lost its connection, which gets BYE.
#[test]
fn so_many_devices() {
    let server = Setup::default().room("den", "max_sessions_per_participant = 2").start();
    let user = SipUser::tcp(&server, "alice");
    let further = offer(&own_path(&user));
    let further = &further[further.find("m=message").unwrap()..];
    let first = Joined::invite(&server, user, "den", |offer| offer + further).connected(&server);
    let second = Participant::join_room(&server, "alice", "den");
    assert_eq!(joining(&server, "den"), 486);
    second.leave();
    let mut third = Participant::join_room(&server, "alice", "den");
    assert_eq!(joining(&server, "den"), 486);
    third.msrp.wire.shutdown_write();
    third.msrp.expect_closed();
    let fourth = let_in(&server, "den");
    let bye = third.user.expect_request("BYE");
    third.user.answer(&bye);
    drop((first, fourth));
}

/// CHAT-154, CHAT-83, CHAT-86: where one device at a time is allowed, the next one takes the place of the last one: to the
/// others its user has never left and has the same nickname, and nobody else could have taken that.
#[test]
fn a_device_takes_over() {
    for lost in [false, true] {
        let rules = format!("sessions = \"one\"\ntakeover = {}\nnickname_quarantine = 0", !lost);
        let server = Setup::default().room("den", &rules).start();
        let mut mallory = Participant::join_room(&server, "mallory", "den");
        let mut device = Participant::join_room(&server, "alice", "den");
        assert_eq!(quoted(&mut device, "Ally"), 200);
        let (mut watcher, _) = Watcher::of(&server, "carol", "den");
        for _ in 0..3 {
            if lost {
                device.msrp.wire.shutdown_write();
                device.msrp.expect_closed();
            }
            let before = std::mem::replace(&mut device, let_in(&server, "den"));
            let Participant { mut user, .. } = before;
            let bye = user.expect_request("BYE");
            user.answer(&bye);
            assert_eq!(quoted(&mut mallory, "ALLY"), 425, "lost: {lost}");
            device.say("still me");
            mallory.hears("still me");
        }
        // Whatever was told meanwhile has her, with the nickname.
        device.leave();
        loop {
            let told = watcher.next();
            let Some(alice) = told.users.iter().find(|user| user.entity == ALICE) else { break };
            assert!(!alice.is_gone && alice.xml.contains("nickname=\"Ally\""), "{told:#?}");
        }
        assert_eq!(quoted(&mut mallory, "ALLY"), 200, "now it is free");
    }
}

/// CHAT-154, CHAT-106: one who is anonymous takes over its own session alone, not that of the same account when it does
/// not hide, nor that of another who is anonymous.
#[test]
fn who_hides_takes_over_nothing_else() {
    let server = Setup::default().room("den", "sessions = \"one\"\ntakeover = true").start();
    let hidden =
        |name: &str| Joined::invite_with(&server, SipUser::tcp(&server, name), "den", "Privacy: id\r\n", |o| o);
    let mut open = Participant::join_room(&server, "alice", "den");
    let mut alice = hidden("alice").connected(&server);
    let mut bob = hidden("bob").connected(&server);
    server.shows("parlor_participants", 3.0);
    let _again = hidden("alice").connected(&server);
    let bye = alice.user.expect_request("BYE");
    alice.user.answer(&bye);
    server.shows("parlor_msrp_sessions", 3.0);
    server.shows("parlor_participants", 3.0);
    open.say("untouched");
    assert!(bob.hear_text().contains("anonymous"), "the welcome");
    bob.hears("untouched");
}

/// CHAT-154: of many devices that come at once, each in place of the one before, one is left, and every other gets BYE.
#[test]
fn a_rush_of_devices() {
    const DEVICES: usize = 30;
    let server = Setup::default().room("den", "sessions = \"one\"\ntakeover = true").start();
    let join = || Joined::invite(&server, SipUser::tcp(&server, "alice"), "den", |offer| offer);
    let mut devices: Vec<Joined> = std::thread::scope(|scope| {
        let joining: Vec<_> = (0..DEVICES).map(|_| scope.spawn(join)).collect();
        joining.into_iter().map(|device| device.join().unwrap()).collect()
    });
    let mut byes = 0;
    settles("devices that got BYE", &(DEVICES - 1), || {
        for device in &mut devices {
            if let Some(bye) = device.user.receive_within(Duration::from_millis(1)) {
                assert_eq!(bye.method(), "BYE", "{bye:#?}");
                device.user.answer(&bye);
                byes += 1;
            }
        }
        byes
    });
    server.shows("parlor_msrp_sessions", 1.0);
    server.shows("parlor_participants", 1.0);
}

/// What comes of one more INVITE of hers.
fn joining(server: &Server, room: &str) -> u16 {
    invited(server, room).1.code()
}

/// She joins as soon as the room lets her, which may hear of a lost connection only after it has gone.
pub(crate) fn let_in(server: &Server, room: &str) -> Participant {
    eventually("she is let in", || {
        let (mut joined, answer) = invited(server, room);
        (answer.code() == 200).then(|| {
            joined.call.established(&answer);
            joined.user.send(joined.call.ack(""));
            answer.attribute("path").clone_into(&mut joined.session);
            joined.connected(server)
        })
    })
}

fn invited(server: &Server, room: &str) -> (Joined, SipMessage) {
    let mut user = SipUser::tcp(server, "alice");
    let (path, room) = (own_path(&user), server.room(room));
    let mut call = Call::new(&user, &room);
    let answer = call.ask_to_join(&mut user, "", &offer(&path));
    (Joined { user, call, path, session: String::new(), room, answer: answer.clone() }, answer)
}
