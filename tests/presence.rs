//! Presence of users: SUBSCRIBE and NOTIFY (EVT-70 to EVT-76, EVT-80 to EVT-87), PUBLISH (EVT-90 to EVT-96).

use crate::support::device::{Device, aor};
use crate::support::participant::Joined;
use crate::support::presence::{PRESENCE, Watching, publish, saying};
use crate::support::server::{Server, Setup};
use crate::support::sip::{Call, SipMessage, SipUser, server_uri};

/// A server where alice, bob and carol have accounts, and changes are told soon.
fn setup() -> Setup {
    let setup = Setup::default().set("auth.mode", "\"digest\"").set("presence.interval", "\"100ms\"");
    setup.user("alice", &[]).user("bob", &[]).user("carol", &[])
}

fn account(server: &Server, name: &str) -> SipUser {
    SipUser::tcp(server, name).with_account()
}

/// A device of bob's that is not registered yet.
fn device(server: &Server) -> Device {
    Device::over(SipUser::udp(server, "bob").with_account())
}

/// Bob publishes, or tries to.
fn bob_publishes(bob: &mut SipUser, headers: &str, body: &str) -> SipMessage {
    publish(bob, "bob", &format!("Event: presence\r\n{headers}"), body)
}

/// Watches bob for a moment.
fn look(server: &Server, name: &str) -> crate::support::presence::Told {
    Watching::with(account(server, name), "bob", "Event: presence\r\nExpires: 0\r\n").1
}

/// EVT-70, EVT-74, EVT-75, EVT-87: a watcher sees a user come, what it says, and go; a MESSAGE to the contact that it is shown
/// arrives; what the watcher does not refresh or ends is over.
#[test]
fn as_in_the_example() {
    let server = setup().set("auth.mode", "[\"digest\", \"none\"]").start();
    let (mut alice, first) = Watching::of(account(&server, "alice"), "bob");
    assert_eq!((first.basics(), first.contacts(), first.state()), (vec!["closed"], vec![], "active;expires=600"));
    assert_eq!(first.message.header("Content-Type"), "application/pidf+xml");
    let mut bob = device(&server);
    bob.register_here();
    let open = alice.next();
    assert_eq!((open.basics(), open.contacts()), (vec!["open"], vec![&*aor("bob")]));
    let published = bob_publishes(&mut bob.user, "", &saying("bob", "In a meeting"));
    assert_eq!(published.code(), 200, "{published:#?}");
    assert!(published.headers.find("Contact").is_none() && published.headers.find("Record-Route").is_none(), "EVT-93");
    let said = alice.next();
    assert_eq!(
        (said.basics(), said.notes(), said.contacts()),
        (vec!["open"], vec!["In a meeting"], vec![&*aor("bob")])
    );
    assert!(said.message.body.contains("<meeting/>"), "EVT-85: {said:#?}");
    let contact = said.contacts()[0].to_owned();
    let mut dave = SipUser::udp(&server, "dave");
    let message = dave.request("MESSAGE", &contact, "Content-Type: text/plain\r\n", "hello");
    dave.send(message);
    let message = bob.user.expect_request("MESSAGE");
    assert_eq!(message.body, "hello");
    bob.user.answer(&message);
    dave.expect(200);
    let tag = published.header("SIP-ETag");
    let removed = bob_publishes(&mut bob.user, &format!("SIP-If-Match: {tag}\r\nExpires: 0\r\n"), "");
    assert_eq!((removed.code(), removed.header("Expires")), (200, "0"));
    assert_eq!(alice.until("what the registration says", |told| told.notes().is_empty()).basics(), ["open"]);
    bob.register("Contact: *\r\nExpires: 0\r\n");
    assert_eq!(alice.next().basics(), ["closed"]);
    server.shows("parlor_watchers", 1.0);
    assert_eq!(alice.subscribe("Event: presence\r\nExpires: 0\r\n").code(), 200);
    let last = alice.next();
    assert_eq!((last.state(), last.basics()), ("terminated;reason=timeout", vec!["closed"]));
    assert_eq!(alice.subscribe(PRESENCE).code(), 481);
    server.shows("parlor_watchers", 0.0);
    server.shows("parlor_watchers_ended_total{reason=\"unsubscribed\"}", 1.0);
    server.shows("parlor_presence_notifies_total", 6.0);
    assert!(server.metrics().value("parlor_presence_notify_bytes_total") > 1000.0);
}

/// EVT-86, EVT-5: who takes nothing but the old type gets that; who takes neither gets 406.
#[test]
fn types() {
    let server = setup().start();
    device(&server).register_here();
    let accept = |types: &str| format!("{PRESENCE}Accept: {types}\r\n");
    let (_, old) = Watching::with(account(&server, "alice"), "bob", &accept("application/cpim-pidf+xml"));
    assert_eq!(old.message.header("Content-Type"), "application/cpim-pidf+xml");
    assert!(old.message.body.contains("xmlns=\"urn:ietf:params:xml:ns:cpim-pidf\""), "{old:#?}");
    assert_eq!((old.basics(), old.contacts()), (vec!["open"], vec![&*aor("bob")]));
    let both = accept("application/cpim-pidf+xml, application/pidf+xml");
    let (_, new) = Watching::with(account(&server, "alice"), "bob", &both);
    assert_eq!(new.message.header("Content-Type"), "application/pidf+xml");
}

/// EVT-3, EVT-4, EVT-5, EVT-6, EVT-13, EVT-73: SUBSCRIBEs that cannot be, each with its code and what would do; an Expires that
/// is no number counts as none.
#[test]
fn bad_subscriptions() {
    let server = setup().set("rooms.on_demand", "false").start();
    let mut alice = account(&server, "alice");
    for (headers, code, name, value) in [
        ("", 489, "Allow-Events", "presence"),
        ("Event: dialog\r\n", 489, "Allow-Events", "presence"),
        ("Event: presence\r\nAccept: text/plain\r\n", 406, "Accept", "application/pidf+xml"),
        ("Event: presence\r\nExpires: 3\r\n", 423, "Min-Expires", "60"),
        ("Event: presence\r\nRequire: eventlist\r\n", 420, "Unsupported", "eventlist"),
    ] {
        let refused = Call::new(&alice, &aor("bob")).ask(&mut alice, "SUBSCRIBE", headers, "");
        assert_eq!(refused.code(), code, "{headers}: {refused:#?}");
        assert!(refused.header(name).contains(value), "{refused:#?}");
    }
    let filtered = format!("{PRESENCE}Content-Type: application/simple-filter+xml\r\n");
    let refused = Call::new(&alice, &aor("bob")).ask(&mut alice, "SUBSCRIBE", &filtered, "<filter-set/>");
    assert_eq!(refused.code(), 415, "{refused:#?}");
    for nobody in [aor("nobody"), "sip:bob@example.org".to_owned()] {
        assert_eq!(Call::new(&alice, &nobody).ask(&mut alice, "SUBSCRIBE", PRESENCE, "").code(), 404, "{nobody}");
    }
    let mut stranger = SipUser::tcp(&server, "mallory");
    assert_eq!(Call::new(&stranger, &aor("bob")).ask(&mut stranger, "SUBSCRIBE", PRESENCE, "").code(), 401);
    server.shows("parlor_watchers", 0.0);
    let (mut odd, _) = Watching::with(alice, "bob", "Event: presence\r\nExpires: soon\r\n");
    assert_eq!(odd.subscribe("Event: presence;id=other\r\n").code(), 481);
    assert_eq!(odd.subscribe("Event: presence\r\nExpires: 99999\r\n").header("Expires"), "3600");
    let mut by_pres = account(&server, "carol");
    let pres = aor("bob").replace("sip:", "pres:");
    assert_eq!(Call::new(&by_pres, &pres).ask(&mut by_pres, "SUBSCRIBE", PRESENCE, "").code(), 200);
}

/// EVT-90 … EVT-92, EVT-96: PUBLISH by the book: each success has a new entity tag, and what cannot be has its code.
#[test]
fn publications() {
    let server = setup().set("limits.publications_per_user", "2").start();
    let mut bob = account(&server, "bob");
    let first = bob_publishes(&mut bob, "Expires: 99999\r\n", &saying("bob", "one"));
    assert_eq!((first.code(), first.header("Expires")), (200, "3600"));
    let old = first.header("SIP-ETag").to_owned();
    let second = bob_publishes(&mut bob, &format!("SIP-If-Match: {old}\r\n"), "");
    assert_eq!(second.code(), 200, "{second:#?}");
    let tag = second.header("SIP-ETag").to_owned();
    assert_ne!(tag, old);
    for (headers, body, code) in [
        (format!("SIP-If-Match: {old}\r\n"), String::new(), 412),
        ("SIP-If-Match: a, b\r\n".to_owned(), String::new(), 400),
        ("Expires: 1\r\n".to_owned(), saying("bob", "x"), 423),
        ("Content-Type: text/plain\r\n".to_owned(), "hello".to_owned(), 415),
        (String::new(), "<presence/>".to_owned(), 400),
        (String::new(), "<!DOCTYPE presence [<!ENTITY a \"a\">]><presence entity=\"&a;\"/>".to_owned(), 400),
        (String::new(), String::new(), 400),
        (String::new(), saying("bob", &"x".repeat(5000)), 413),
    ] {
        let refused = bob_publishes(&mut bob, &headers, &body);
        assert_eq!(refused.code(), code, "{headers}{body}: {refused:#?}");
    }
    for event in ["", "Event: conference\r\n"] {
        let refused = publish(&mut bob, "bob", event, &saying("bob", "x"));
        assert_eq!((refused.code(), refused.header("Allow-Events")), (489, "presence"));
    }
    assert_eq!(publish(&mut bob, "nobody", "Event: presence\r\n", &saying("bob", "x")).code(), 404);
    assert_eq!(bob_publishes(&mut bob, "", &saying("bob", "two")).code(), 200);
    let refused = bob_publishes(&mut bob, "", &saying("bob", "three"));
    assert_eq!((refused.code(), refused.header("Retry-After")), (503, "10"));
    assert_eq!(look(&server, "alice").notes(), ["one", "two"]);
    server.shows("parlor_publications", 2.0);
    server.shows("parlor_rejected_total{layer=\"proxy\",reason=\"entity_tag\"}", 1.0);
    server.shows("parlor_rejected_total{layer=\"proxy\",reason=\"too_many_of_user\"}", 1.0);
}

/// EVT-94: nobody publishes for somebody else, and nobody without a proof.
#[test]
fn forged_publications() {
    let server = setup().start();
    let mut carol = account(&server, "carol");
    assert_eq!(bob_publishes(&mut carol, "", &saying("bob", "I resign")).code(), 403);
    let mut forger = account(&server, "carol").with_address(&aor("bob"));
    assert_eq!(bob_publishes(&mut forger, "", &saying("bob", "I resign")).code(), 403);
    let mut stranger = SipUser::udp(&server, "mallory").with_address(&aor("bob"));
    assert_eq!(bob_publishes(&mut stranger, "", &saying("bob", "I resign")).code(), 401);
    let seen = look(&server, "alice");
    assert_eq!((seen.basics(), seen.notes()), (vec!["closed"], vec![]));
    server.shows("parlor_publications", 0.0);
}

/// EVT-92: what was answered with 200 is there after the server was killed, under its tag; subscriptions are not, which their
/// watchers are told when they refresh.
#[test]
fn publications_outlive_a_kill() {
    let mut server = setup().start();
    let mut bob = device(&server);
    let published = bob_publishes(&mut bob.user, "", &saying("bob", "still here"));
    let (mut alice, _) = Watching::of(SipUser::udp(&server, "alice").with_account(), "bob");
    server.kill_and_restart();
    server.shows("parlor_publications", 1.0);
    assert_eq!(alice.subscribe(PRESENCE).code(), 481);
    assert_eq!(look(&server, "alice").notes(), ["still here"]);
    let tag = published.header("SIP-ETag");
    let removed = bob_publishes(&mut bob.user, &format!("SIP-If-Match: {tag}\r\nExpires: 0\r\n"), "");
    assert_eq!(removed.code(), 200, "{removed:#?}");
    server.kill_and_restart();
    server.shows("parlor_publications", 0.0);
    assert_eq!(look(&server, "alice").basics(), ["closed"]);
}

/// EVT-72, EVT-76: the watched user's rule decides; whom it does not let know is told that nobody is there, and hears of no
/// change.
#[test]
fn rules() {
    let server = setup().set("presence.allow_of", "{ bob = [\"sip:alice@chat.example.test\"] }").start();
    let mut bob = device(&server);
    bob.register_here();
    let (mut alice, open) = Watching::of(account(&server, "alice"), "bob");
    assert_eq!(open.basics(), ["open"]);
    let (mut carol, closed) = Watching::of(account(&server, "carol"), "bob");
    assert_eq!((closed.basics(), closed.state()), (vec!["closed"], "active;expires=600"));
    bob_publishes(&mut bob.user, "", &saying("bob", "for friends"));
    assert_eq!(alice.next().notes(), ["for friends"]);
    assert!(carol.user.unread(&server_uri()).is_empty());
    assert_eq!(carol.subscribe(PRESENCE).code(), 200);
    assert_eq!((carol.next().basics(), look(&server, "bob").notes()), (vec!["closed"], vec!["for friends"]));
}

/// EVT-74: where that is configured, watchers are told in which rooms a user is, by whichever of its devices; nobody is told of
/// one who hides there.
#[test]
fn in_rooms() {
    let server = setup().set("presence.rooms", "true").start();
    let join = |room: &str, headers: &str| {
        Joined::invite_with(&server, account(&server, "bob"), room, headers, |offer| offer).connected(&server)
    };
    let (mut alice, first) = Watching::of(account(&server, "alice"), "bob");
    assert!(first.notes().is_empty());
    let hidden = join("den", "Privacy: id\r\n");
    let one = join("lobby", "");
    assert_eq!(alice.next().notes(), ["in lobby"]);
    let two = join("lobby", "");
    one.leave();
    two.leave();
    assert!(alice.next().notes().is_empty());
    hidden.leave();
}

/// EVT-95, and limits on watchers: what is too much gets 503, and is taken again when there is less.
#[test]
fn quotas() {
    let server = setup().set("limits.watched_per_user", "2").set("limits.watchers_per_user", "3").start();
    let mut alice: Vec<_> = (0..2).map(|_| Watching::of(account(&server, "alice"), "bob").0).collect();
    let mut again = account(&server, "alice");
    let refused = Call::new(&again, &aor("bob")).ask(&mut again, "SUBSCRIBE", PRESENCE, "");
    assert_eq!((refused.code(), refused.header("Retry-After")), (503, "10"));
    let _carol = Watching::of(account(&server, "carol"), "bob");
    let mut own = account(&server, "bob");
    assert_eq!(Call::new(&own, &aor("bob")).ask(&mut own, "SUBSCRIBE", PRESENCE, "").code(), 503);
    alice[0].subscribe("Event: presence\r\nExpires: 0\r\n");
    alice[0].next();
    server.shows("parlor_watchers", 2.0);
    Watching::of(again, "bob");
    server.shows("parlor_rejected_total{layer=\"proxy\",reason=\"too_many_of_user\"}", 1.0);
    server.shows("parlor_rejected_total{layer=\"proxy\",reason=\"overload\"}", 1.0);
}

/// EVT-14: watchers whose stream is gone, or who know of no subscription, are dropped; others are told all the same.
#[test]
fn watchers_who_are_gone() {
    let server = setup().start();
    let (gone, _) = Watching::of(account(&server, "carol"), "bob");
    let (mut forgetful, _) = Watching::of(account(&server, "carol"), "bob");
    let (mut alice, _) = Watching::of(account(&server, "alice"), "bob");
    drop(gone);
    let mut bob = device(&server);
    bob.register_here();
    assert_eq!(alice.next().basics(), ["open"]);
    let notify = forgetful.user.expect_request("NOTIFY");
    forgetful.user.answer_with(&notify, "481 Subscription Does Not Exist", "");
    server.shows("parlor_watchers_ended_total{reason=\"failed\"}", 2.0);
    bob.register("Contact: *\r\nExpires: 0\r\n");
    assert_eq!(alice.next().basics(), ["closed"]);
    server.shows("parlor_watchers", 1.0);
}

/// EVT-16, EVT-95: OPTIONS tells of PUBLISH and presence where users are served; where none are, PUBLISH gets 405.
#[test]
fn options() {
    let server = setup().start();
    let mut alice = account(&server, "alice");
    let options = alice.request("OPTIONS", &server_uri(), "", "");
    alice.send(options);
    let answer = alice.expect(200);
    assert!(answer.header("Allow").contains("PUBLISH") && answer.header("Allow").contains("SUBSCRIBE"), "{answer:#?}");
    assert_eq!(answer.header("Allow-Events"), "conference, refer, presence");
    let server = Server::plain();
    let mut alice = SipUser::tcp(&server, "alice");
    assert_eq!(publish(&mut alice, "bob", "Event: presence\r\n", &saying("bob", "x")).code(), 405);
}

/// EVT-11: when the server goes down watchers are told, and it stops as soon as they have answered.
#[test]
fn going_down() {
    let mut server = setup().start();
    let (mut alice, _) = Watching::of(account(&server, "alice"), "bob");
    server.signal("TERM");
    assert_eq!(alice.next().state(), "terminated;reason=probation;retry-after=30");
    assert!(server.wait().success());
}
