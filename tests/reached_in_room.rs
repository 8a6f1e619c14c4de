//! MESSAGE to a user who has no device, but is in a room that the sender is in too (MSG-48).

use crate::message_relay::as_of_a_server;
use crate::support::cpim;
use crate::support::device::{Device, aor};
use crate::support::participant::{Joined, Participant};
use crate::support::server::{DOMAIN, Server, Setup};
use crate::support::sip::SipUser;

const ON: &str = "messages_reach_participants = true";
const TEXT: &str = "Content-Type: text/plain\r\n";

fn setup() -> Setup {
    let setup = Setup::default().set("auth.mode", "[\"digest\", \"none\"]");
    ["alice", "bob", "carol"].iter().fold(setup, |setup, name| setup.user(name, &[]))
}

fn user(server: &Server, name: &str) -> SipUser {
    SipUser::tcp(server, name).with_account()
}

fn member(server: &Server, name: &str, room: &str) -> Participant {
    Participant::join_as(server, user(server, name), room, |offer| offer)
}

/// Sends bob's own address a MESSAGE, with a password if one is asked for, and gives the code of the answer.
fn write(user: &mut SipUser, headers: &str, body: &str) -> u16 {
    user.send(user.request("MESSAGE", &aor("bob"), headers, body));
    let asked = user.final_response();
    if asked.code() != 407 {
        return asked.code();
    }
    let login = user.login.as_ref().expect("an account");
    let login = login.answer(&as_of_a_server(&asked), "MESSAGE", &aor("bob"), body);
    let login = login.replace("Authorization", "Proxy-Authorization");
    user.send(user.request("MESSAGE", &aor("bob"), &format!("{login}{headers}"), body));
    user.final_response().code()
}

/// MSG-48: it comes as a private message of the room, and to nobody else there; once a device is registered it goes to that.
#[test]
fn as_a_private_message() {
    let server = setup().room("den", ON).start();
    let [mut alice, mut bob, mut carol] = ["alice", "bob", "carol"].map(|name| member(&server, name, "den"));
    assert_eq!(write(&mut alice.user, TEXT, "psst"), 202);
    let heard = bob.hear();
    assert_eq!(cpim::content(&heard), "psst");
    for (name, who) in [("From", "alice"), ("To", "bob")] {
        assert!(cpim::header(&heard, name).contains(&aor(who)), "{name}");
    }
    assert_eq!(write(&mut user(&server, "alice"), TEXT, "from another device"), 202);
    bob.hears("from another device");
    server.shows("parlor_pager_messages_total{result=\"in_room\"}", 2.0);
    server.shows("parlor_messages_total{kind=\"private\"}", 2.0);
    server.shows("parlor_kept_messages", 0.0);
    let mut device = Device::over(SipUser::udp(&server, "bob").with_account());
    device.register_here();
    assert_eq!(reaching(&mut alice.user, &mut device, "to the device"), 200);
    carol.say("that is all");
    for other in [&mut alice, &mut bob] {
        other.hears("that is all");
    }
}

/// Writes to bob, whose device has it and answers.
fn reaching(user: &mut SipUser, device: &mut Device, text: &str) -> u16 {
    std::thread::scope(|scope| {
        let code = scope.spawn(|| write(user, TEXT, text));
        let message = device.user.expect_request("MESSAGE");
        assert_eq!(message.body, text);
        device.user.answer(&message);
        code.join().expect("an answer")
    })
}

/// MSG-48: it is kept, or refused where nothing is kept, unless the room has it allowed.
#[test]
fn off_by_default() {
    let server = setup().room("den", "").start();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| member(&server, name, "den"));
    assert_eq!(write(&mut alice.user, TEXT, "psst"), 202);
    server.shows("parlor_kept_messages", 1.0);
    alice.say("that is all");
    bob.hears("that is all");
}

/// MSG-48, MSG-41: who is not in the room says nothing there, nor does who is in another one, or who is it only by name.
#[test]
fn from_outside() {
    let server = setup().room("den", ON).room("attic", ON).start();
    let [mut alice, mut bob] = [("alice", "attic"), ("bob", "den")].map(|(name, room)| member(&server, name, room));
    let mut guest = Participant::join_as(&server, SipUser::tcp(&server, "guest"), "den", |offer| offer);
    assert_eq!(write(&mut alice.user, TEXT, "psst"), 202);
    assert_eq!(write(&mut user(&server, "carol"), TEXT, "psst"), 202);
    server.shows("parlor_kept_messages", 2.0);
    assert_eq!(write(&mut guest.user, TEXT, "from a guest"), 202);
    bob.hears("from a guest");
    guest.say("that is all");
    bob.hears("that is all");
    server.shows("parlor_kept_messages", 2.0);
}

/// MSG-48: of several rooms it is said in the one that its recipient has joined last, and that allows it.
#[test]
fn in_several_rooms() {
    let server = setup().room("den", ON).room("attic", ON).room("hall", "").start();
    let mut alice = ["attic", "hall", "den"].map(|room| member(&server, "alice", room));
    let [mut den, mut attic, mut hall] = ["den", "attic", "hall"].map(|room| member(&server, "bob", room));
    assert_eq!(write(&mut alice[0].user, TEXT, "one"), 202);
    attic.hears("one");
    let mut again = member(&server, "bob", "den");
    assert_eq!(write(&mut alice[0].user, TEXT, "two"), 202);
    for device in [&mut den, &mut again] {
        device.hears("two");
    }
    den.leave();
    again.leave();
    assert_eq!(write(&mut alice[0].user, TEXT, "three"), 202);
    attic.hears("three");
    attic.leave();
    assert_eq!(write(&mut alice[0].user, TEXT, "four"), 202);
    server.shows("parlor_kept_messages", 1.0);
    alice[1].say("that is all");
    hall.hears("that is all");
}

/// MSG-48: what the rules of the room do not allow goes the way that it would go otherwise: it is kept, or gets 480.
#[test]
fn what_the_room_refuses() {
    let rooms = [
        format!("{ON}\nmoderated = true\ndefault_role = \"visitor\"\nmembers = [\"sip:carol@{DOMAIN}\"]"),
        format!("{ON}\nprivate_messages = false"),
        format!("{ON}\naccept_wrapped_types = [\"text/html\"]"),
        format!("{ON}\nmax_message_bytes = \"2 KiB\""),
    ];
    let long = "x".repeat(2100);
    for (keep_for, code, kept) in [("7d", 202, 1.0), ("0s", 480, 0.0)] {
        for rules in &rooms {
            let server = setup().set("messages.keep_for", &format!("\"{keep_for}\"")).room("den", rules).start();
            let [mut alice, _bob] = ["alice", "bob"].map(|name| member(&server, name, "den"));
            assert_eq!(write(&mut alice.user, TEXT, &long), code, "{rules}");
            server.shows("parlor_kept_messages", kept);
            server.shows("parlor_messages_total{kind=\"private\"}", 0.0);
        }
    }
}

/// MSG-48, CHAT-170: what comes too fast for the room is kept.
#[test]
fn not_faster_than_the_room_allows() {
    let rules = format!("{ON}\nmessages_per_second = 1\nmessages_at_once = 1");
    let server = setup().room("den", &rules).start();
    let [mut alice, _bob] = ["alice", "bob"].map(|name| member(&server, name, "den"));
    let is_kept = (0..30).any(|_| {
        assert_eq!(write(&mut alice.user, TEXT, "quick"), 202);
        server.metrics().value("parlor_kept_messages") > 0.0
    });
    assert!(is_kept);
}

/// MSG-48, CHAT-55, CHAT-101: nor is it said to who takes no private messages, who is anonymous there or has no connection,
/// nor from who hides; and what says itself from whom it is stays as it is.
#[test]
fn who_is_not_reached() {
    let server = setup().room("den", ON).start();
    let mut alice = member(&server, "alice", "den");
    let change = |offer: String| offer.replace("chatroom:nickname private-messages", "chatroom:nickname");
    let old = Participant::join_as(&server, user(&server, "bob"), "den", change);
    assert_eq!(write(&mut alice.user, TEXT, "one"), 202);
    server.shows("parlor_kept_messages", 1.0);
    old.leave();
    let unconnected = Joined::invite(&server, user(&server, "bob"), "den", |offer| offer);
    assert_eq!(write(&mut alice.user, TEXT, "and one"), 202);
    server.shows("parlor_kept_messages", 2.0);
    let mut hidden = hiding(&server, "bob");
    assert!(hidden.hear_text().starts_with("You are anonymous"));
    assert_eq!(write(&mut alice.user, TEXT, "two"), 202);
    server.shows("parlor_kept_messages", 3.0);
    unconnected.connected(&server).leave();
    let mut bob = member(&server, "bob", "den");
    assert_eq!(write(&mut alice.user, &format!("{TEXT}Privacy: id\r\n"), "three"), 202);
    let wrapped = String::from_utf8(cpim::text(alice.user.uri(), aor("bob"), "four")).unwrap();
    assert_eq!(write(&mut alice.user, "Content-Type: message/cpim\r\n", &wrapped), 202);
    server.shows("parlor_kept_messages", 5.0);
    alice.say("that is all");
    for other in [&mut hidden, &mut bob] {
        other.hears("that is all");
    }
    assert_eq!(write(&mut alice.user, TEXT, "five"), 202);
    bob.hears("five");
}

/// Somebody in the den whom others know by a pseudonym only.
fn hiding(server: &Server, name: &str) -> Participant {
    Joined::invite_with(server, user(server, name), "den", "Privacy: id\r\n", |offer| offer).connected(server)
}
