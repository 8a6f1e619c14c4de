//! Being in a room by MESSAGE alone, without MSRP (MSG-52).

use crate::sidebar::found_beside;
use crate::support::cpim;
use crate::support::device::Device;
use crate::support::pager::Pager;
use crate::support::participant::Participant;
use crate::support::server::{DOMAIN, Setup};
use crate::support::sip::{Call, SipUser, offer};
use crate::support::watcher::Watcher;
use std::time::{Duration, Instant};

fn setup(rules: &str) -> Setup {
    Setup::default().room("den", &format!("by_message = true\n{rules}"))
}

/// MSG-52, MSG-54, MSG-11: `/join` brings one in as a participant like others, seen in the roster as a device without media;
/// what is said goes both ways; `/who`, `/nick`, `/help` and `/leave` are answered; who has left is refused with a hint.
#[test]
fn in_by_message() {
    let server = setup("").start();
    let mut bob = Participant::join_room(&server, "bob", "den");
    let (mut watcher, _) = Watcher::of(&server, "walt", "den");
    let mut carol = Pager::at(&server, SipUser::udp(&server, "carol"), "den");
    let refused = carol.send("Content-Type: text/plain\r\n", "hello?");
    assert_eq!(refused.code(), 403);
    assert!(refused.header("Warning").contains("/join"), "{refused:#?}");
    let mut carol = Pager::join(&server, carol.user, "den", "");
    let seen = watcher.next();
    assert_eq!(seen.text("user-count"), Some("2"));
    let shown = seen.user("sip:carol@example.com");
    assert!(!shown.xml.contains("<media") && shown.xml.contains("<status>connected</status>"), "{shown:?}");
    server.shows("parlor_pagers", 1.0);
    server.shows("parlor_participants", 2.0);
    bob.say("hello carol");
    let heard = carol.unanswered();
    assert_eq!(heard.body, "<sip:bob@example.com> hello carol");
    assert_eq!(heard.start, format!("MESSAGE {} SIP/2.0", carol.user.contact()));
    assert!(heard.header("From").contains(&server.room("den")) && heard.header("From").contains(";tag="), "{heard:#?}");
    assert!(heard.header("To").contains("sip:carol@example.com"), "{heard:#?}");
    assert_eq!((heard.header("Max-Forwards"), heard.header("Content-Type")), ("70", "text/plain;charset=UTF-8"));
    assert!(heard.headers.find("Contact").is_none() && heard.headers.all("Via").len() == 1, "{heard:#?}");
    carol.user.answer(&heard);
    assert_eq!(carol.say("hello bob"), 202);
    bob.hears("hello bob");
    assert_eq!(carol.say("/me waves"), 202);
    bob.hears("/me waves");
    assert_eq!(carol.ask("/nick Caz"), "You are Caz now.");
    assert_eq!(carol.ask("/who"), "2 here: sip:bob@example.com, Caz");
    assert!(carol.ask("/help").contains("/leave"));
    assert_eq!(carol.ask("/leave"), "You have left the room.");
    assert_eq!(carol.say("hello?"), 403);
    server.shows("parlor_participants", 1.0);
    server.shows("parlor_pages_total{result=\"delivered\"}", 5.0);
    bob.say("gone");
    assert!(carol.user.unread(&carol.room).is_empty());
}

/// Who is in by MESSAGE holds no connection, and so does not open the last rooms that there may be.
#[test]
fn half_of_the_rooms() {
    let server = Setup::default().set("rooms.by_message", "true").set("limits.rooms", "4").start();
    let codes = ["one", "two", "three"].map(|room| {
        let mut carol = Pager::at(&server, SipUser::tcp(&server, "carol"), room);
        carol.send("Content-Type: text/plain\r\n", "/join").code()
    });
    assert_eq!(codes, [202, 503, 503]);
    Participant::join_room(&server, "bob", "two").say("there is space for others");
}

/// MSG-52: where a room does not allow it, which is the default, nobody is in without MSRP; who calls without it is told what is
/// wanted.
#[test]
fn not_unless_allowed() {
    let server = setup("").start();
    let mut carol = Pager::at(&server, SipUser::udp(&server, "carol"), "lobby");
    let _alice = Participant::join(&server, "alice");
    assert_eq!(carol.say("/join"), 403);
    for (room, hint) in [("lobby", "MSRP"), ("den", "/join")] {
        let mut user = SipUser::tcp(&server, "dave");
        let audio = offer("msrp://127.0.0.1:9/x;tcp").replace("m=message", "m=audio");
        let mut call = Call::new(&user, &server.room(room));
        let refused = call.ask_to_join(&mut user, "", &audio);
        assert_eq!(refused.code(), 488);
        assert!(
            refused.header("Warning").starts_with("304 ") && refused.header("Warning").contains(hint),
            "{refused:#?}"
        );
    }
    let mut room = Pager::at(&server, SipUser::udp(&server, "den"), "lobby");
    room.user.domain = DOMAIN.to_owned();
    assert_eq!(room.say("x"), 482, "MSG-54");
}

/// MSG-52: who listed `message/cpim` gets messages as they were sent; private ones go to it alone.
#[test]
fn as_cpim_and_in_private() {
    let server = setup("").start();
    let mut bob = Participant::join_room(&server, "bob", "den");
    let mut carol = Pager::join(&server, SipUser::tcp(&server, "carol"), "den", "Accept: text/plain, message/cpim\r\n");
    let mut dave = Pager::join(&server, SipUser::udp(&server, "dave"), "den", "");
    let said = cpim::text(bob.user.uri(), &bob.room, "as it is");
    assert_eq!(bob.ask(&bob.sending(&said)), 200);
    let heard = carol.next();
    assert_eq!((heard.header("Content-Type"), heard.body.as_bytes()), ("message/cpim", &*said));
    dave.hears("<sip:bob@example.com> as it is");
    let secret = bob.telling("sip:dave@example.com", "for dave");
    assert_eq!(bob.ask(&secret), 200);
    dave.hears("(to you alone) <sip:bob@example.com> for dave");
    let answer = cpim::text("sip:dave@example.com", bob.user.uri(), "for bob");
    assert_eq!(dave.send("Content-Type: message/cpim\r\n", std::str::from_utf8(&answer).unwrap()).code(), 202);
    bob.hears("for bob");
    let picture = cpim::wrapped(bob.user.uri(), &bob.room, "image/png", &[0; 50]);
    assert_eq!(bob.ask(&bob.sending(&picture)), 200);
    dave.hears("Not shown here: 50 bytes of image/png from <sip:bob@example.com>");
    assert!(carol.next().body.contains("image/png"));
    server.shows("parlor_pages_total{result=\"told\"}", 1.0);
}

/// MSG-16: what is above 1,300 octets goes over a stream, up to 8 KiB; where it does not go there is a word of it.
#[test]
fn large_messages() {
    let server = setup("").start();
    let mut bob = Participant::join_room(&server, "bob", "den");
    let mut carol = Pager::join(&server, SipUser::tcp(&server, "carol"), "den", "");
    let mut dave = Pager::join(&server, SipUser::udp(&server, "dave"), "den", "");
    let medium = "x".repeat(2000);
    bob.say(&medium);
    carol.hears(&format!("<sip:bob@example.com> {medium}"));
    dave.hears("Not shown here: 2000 bytes of text/plain from <sip:bob@example.com>");
    bob.say(&"y".repeat(100_000));
    for pager in [&mut carol, &mut dave] {
        pager.hears("Not shown here: 100000 bytes of text/plain from <sip:bob@example.com>");
    }
    bob.say("short");
    carol.hears("<sip:bob@example.com> short");
    dave.hears("<sip:bob@example.com> short");
}

/// MSG-17: one message at a time to a device, from all rooms; what does not fit meanwhile is counted, and told afterwards.
#[test]
fn one_at_a_time() {
    let server = setup("").room("hut", "by_message = true").start();
    let mut bob = Participant::join_room(&server, "bob", "den");
    let mut carol = Pager::join(&server, SipUser::tcp(&server, "carol"), "den", "");
    bob.say("number 0");
    let first = carol.unanswered();
    for n in 1..40 {
        bob.say(&format!("number {n}"));
    }
    server.shows("parlor_pages_total{result=\"dropped\"}", 8.0);
    assert_eq!(carol.say("/join"), 202);
    assert!(carol.user.unread(&carol.room).is_empty(), "one is on its way");
    carol.user.answer(&first);
    for n in 1..32 {
        carol.hears(&format!("<sip:bob@example.com> number {n}"));
    }
    carol.hears("You missed 8 messages.");
    let mut walt = Participant::join_room(&server, "walt", "hut");
    let mut elsewhere = Pager::join(&server, carol.user, "hut", "");
    bob.say("in the den");
    let pending = elsewhere.unanswered();
    walt.say("in the hut");
    assert!(elsewhere.user.unread(&elsewhere.room).is_empty(), "one is on its way");
    elsewhere.user.answer(&pending);
    elsewhere.hears("<sip:walt@example.com> in the hut");
}

/// With passwords it is the account that is in, and what is said goes to all devices that it has registered.
#[test]
fn with_an_account() {
    let server = setup("").set("auth.mode", "\"digest\"").user("carol", &[]).user("bob", &[]).start();
    let mut desk = Device::over(SipUser::tcp(&server, "carol").with_account());
    desk.register_here();
    let bob = SipUser::tcp(&server, "bob").with_account();
    let mut bob = Participant::join_as(&server, bob, "den", |offer| offer);
    let mut carol = Pager::at(&server, SipUser::udp(&server, "carol").with_account(), "den");
    assert_eq!(carol.say("/join"), 202);
    let greeting = desk.user.expect_request("MESSAGE");
    desk.user.answer(&greeting);
    bob.say("to your desk");
    let heard = desk.user.expect_request("MESSAGE");
    assert!(heard.body.ends_with("to your desk"), "{heard:#?}");
    desk.user.answer(&heard);
    let mut guest = Pager::at(&server, SipUser::udp(&server, "guest"), "den");
    assert_eq!(guest.say("/join"), 401);
}

/// The room's rules hold for who is in so: who may come, how many sessions there may be, who may speak and how often.
#[test]
fn rules_hold() {
    let server = setup("deny = [\"sip:mallory@example.com\"]\nmessages_per_second = 1\nmessages_at_once = 2")
        .room("quiet", "by_message = true\nmoderated = true\ndefault_role = \"visitor\"")
        .set("limits.sessions", "2")
        .set("rooms.by_message", "true")
        .start();
    let mut mallory = Pager::at(&server, SipUser::udp(&server, "mallory"), "den");
    assert_eq!(mallory.say("/join"), 403);
    let mut carol = Pager::join(&server, SipUser::udp(&server, "carol"), "den", "");
    let codes = [1, 2, 3].map(|_| carol.say("again"));
    assert_eq!(codes, [202, 202, 503], "CHAT-170");
    let mut visitor = Pager::join(&server, SipUser::udp(&server, "victor"), "quiet", "");
    assert_eq!(visitor.say("x"), 403, "CHAT-36");
    let mut third = Pager::at(&server, SipUser::udp(&server, "trent"), "den");
    assert_eq!(third.say("/join"), 503);
    visitor.ask("/leave");
    // A room made on demand, by who comes into it.
    let mut third = Pager::join(&server, third.user, "attic", "");
    assert_eq!(third.ask("/who"), "1 here: sip:trent@example.com");
}

/// A topic and a removal are told to who is in so, too.
#[test]
fn what_the_room_says() {
    let server = setup("moderators = [\"sip:bob@example.com\"]\nwelcome = \"Be kind.\"").start();
    let mut bob = Participant::join_room(&server, "bob", "den");
    bob.hears("Be kind.");
    let mut carol = Pager::join(&server, SipUser::tcp(&server, "carol"), "den", "");
    carol.hears("Be kind.");
    let text = String::from_utf8(cpim::text(bob.user.uri(), &bob.room, "tea now")).unwrap();
    let topic = text.replace("DateTime", "Subject: Tea\r\nDateTime");
    assert_eq!(bob.ask(&bob.sending(topic.as_bytes())), 200);
    carol.hears("<sip:bob@example.com> tea now");
    carol.hears("Bob <sip:bob@example.com> set the topic: Tea");
    let refer = "Refer-To: <sip:carol@example.com;method=BYE>\r\nRefer-Sub: false\r\nSupported: norefersub\r\n";
    let answer = bob.call.ask(&mut bob.user, "REFER", refer, "");
    assert!(answer.code() < 300, "{answer:#?}");
    carol.hears("You were removed from the room.");
    assert_eq!(carol.say("x"), 403);
}

/// Who is in by MESSAGE is told once that the server goes down, before it does.
#[test]
fn told_of_the_end() {
    let mut server = setup("").start();
    let mut carol = Pager::join(&server, SipUser::tcp(&server, "carol"), "den", "");
    server.signal("TERM");
    carol.hears("The server is going down.");
    assert!(server.wait().success());
    let until = Instant::now() + Duration::from_secs(5);
    assert!(!carol.user.wire().fill(until) && carol.user.wire().ended(), "nothing came after that");
}

/// MSG-54: a room made on demand says nothing to rooms either.
#[test]
fn no_room_speaks_to_rooms() {
    let server = setup("").start();
    let _alice = Participant::join_room(&server, "alice", "attic");
    let mut room = Pager::at(&server, SipUser::udp(&server, "attic"), "den");
    room.user.domain = DOMAIN.to_owned();
    assert_eq!(room.say("/join"), 482);
}

/// A sidebar has the rules of its room, and who is in it by MESSAGE takes a place as others do.
#[test]
fn places_in_sidebars() {
    let server = setup("").set("limits.sessions", "3").start();
    let _bob = Participant::join_room(&server, "bob", "den");
    let aside = found_beside(&server, "bob", "den", 200).expect("a sidebar");
    let name = aside.room.split([':', '@']).nth(1).unwrap();
    let mut carol = Pager::join(&server, SipUser::udp(&server, "carol"), name, "");
    let mut dave = Pager::at(&server, SipUser::udp(&server, "dave"), name);
    assert_eq!(dave.say("/join"), 503);
    carol.ask("/leave");
    Pager::join(&server, dave.user, name, "");
}
