//! SUBSCRIBE to a user, and NOTIFY (EVT-70 … EVT-76, EVT-87).

use super::{TYPE, bob, header, known, pidf, saying, seconds, shown, state_of, told, udp};
use crate::tests::{Scene, parse, tcp};
use crate::{Failure, Recipient, Rule, Sender};
use parlor_events::pidf::Note;
use parlor_room::UserList;
use parlor_sip::subscription::SubscriptionEnd;
use parlor_sip::{HeaderName, Transport};
use std::collections::BTreeSet;
use std::time::Duration;

const EVENT: &str = "Event: presence\r\n";

/// EVT-70, EVT-74, EVT-8: a watcher is told at once that nobody is there, then that somebody is, then that they are gone;
/// a refresh of the registration is no news.
#[test]
fn registrations_are_seen() {
    let mut scene = Scene::new();
    let answer = scene.subscribe_as(&known("alice"), udp(2), "s1", "Event: presence;id=7\r\nExpires: 99999\r\n");
    assert_eq!((answer.code, header(&answer.headers, &HeaderName::Expires)), (200, "3600".to_owned()));
    let first = scene.notified();
    assert_eq!((shown(&first), state_of(&first)), (vec!["closed".to_owned()], "active;expires=3600".to_owned()));
    assert_eq!(header(&first.request.headers, &HeaderName::Event), "presence;id=7");
    assert_eq!(header(&first.request.headers, &HeaderName::ContentType), "application/pidf+xml");
    assert_eq!(told(&first).entity, "sip:bob@chat.example.com");
    scene.answers(&first, 200);
    scene.pass(seconds(5));
    scene.device("bob", "<sip:bob@192.0.2.9:5001>;q=0.5", udp(1));
    let open = scene.notified();
    assert_eq!(shown(&open), ["open <sip:bob@chat.example.com>"]);
    assert_eq!(told(&open).tuples[0].contact.as_ref().and_then(|contact| contact.priority), Some(500));
    scene.answers(&open, 200);
    scene.device("bob", "<sip:bob@192.0.2.9:5001>;q=0.5", udp(1));
    assert!(scene.sent().is_empty());
    scene.device("bob", "<sip:bob@192.0.2.9:5001>;expires=0", udp(1));
    scene.pass(seconds(5));
    assert_eq!(shown(&scene.notified()), ["closed"]);
}

/// EVT-71: an isolated change is told at once, what follows within five seconds together, and never two NOTIFYs at a time.
#[test]
fn changes_are_told_together() {
    let mut scene = Scene::new();
    scene.watch();
    let tag = scene.published(TYPE, &saying("one"));
    let first = scene.notified();
    assert_eq!(shown(&first), ["open one"]);
    let tag = scene.published(&format!("SIP-If-Match: {tag}\r\n{TYPE}"), &saying("two"));
    assert!(scene.sent().is_empty(), "EVT-15");
    scene.answers(&first, 200);
    assert!(scene.sent().is_empty());
    scene.pass(seconds(4));
    let tag = scene.published(&format!("SIP-If-Match: {tag}\r\n{TYPE}"), &saying("three"));
    assert!(scene.sent().is_empty());
    scene.pass(seconds(1));
    let second = scene.notified();
    assert_eq!(shown(&second), ["open three"]);
    scene.answers(&second, 200);
    scene.pass(seconds(5));
    scene.published(&format!("SIP-If-Match: {tag}\r\n"), "");
    assert!(scene.sent().is_empty(), "a refresh is no news");
}

/// EVT-71: nor is a change told sooner after what was asked for, and who asks again and again is told once a second, the
/// latest last.
#[test]
fn what_is_asked_for_counts_too() {
    let mut scene = Scene::new();
    let to = scene.first_look();
    scene.published(TYPE, &saying("one"));
    assert!(scene.sent().is_empty());
    scene.pass(seconds(5));
    let notify = scene.notified();
    assert_eq!(shown(&notify), ["open one"]);
    scene.answers(&notify, 200);
    let mut told = Vec::new();
    for cseq in 2..32 {
        assert_eq!(scene.resubscribe_as(&known("alice"), udp(2), &to, cseq, EVENT).code, 200);
        scene.pass(Duration::from_millis(100));
        for notify in scene.sent() {
            scene.answers(&notify, 200);
            told.push(notify);
        }
    }
    assert_eq!(told.len(), 3);
    scene.resubscribe_as(&known("alice"), udp(2), &to, 32, &format!("{EVENT}Expires: 0\r\n"));
    assert_eq!(state_of(&scene.notified()), "terminated;reason=timeout", "to end is not to be told again");
}

/// EVT-87: all that is published, and one tuple for each device that publishes nothing; device addresses are not shown.
#[test]
fn composition() {
    let mut scene = Scene::new();
    scene.device("bob", "<sip:bob@192.0.2.9:5001>", udp(1));
    scene.device("bob", "<sip:bob@desk.example.net>", udp(3));
    scene.device("bob", "<sip:bob@phone.example.net>", udp(4));
    let tuple = |id: &str, contact: &str| {
        format!(
            "<tuple id='{id}'><status><basic>open</basic></status><contact>{contact}</contact><note>{id}</note></tuple>"
        )
    };
    let person = "<p xmlns='urn:x' id='desk'/>";
    // From where the first device is.
    scene.published(TYPE, &pidf(&(tuple("a", "sip:bob@192.0.2.9:5001") + &tuple("b", "tel:+1555") + person)));
    let contents = tuple("a", "sip:bob@desk.example.net")
        + &tuple("c", "sip:x@df7jal23ls0d.invalid")
        + &tuple("d", "sip:bob@other.example.org");
    scene.publish_as(&known("bob"), udp(9), &bob(), &format!("{EVENT}{TYPE}"), &pidf(&contents));
    scene.subscribe_as(&known("alice"), udp(2), "s1", EVENT);
    let notify = scene.notified();
    let aor = "<sip:bob@chat.example.com>";
    let expected = [
        format!("open a {aor}"),
        "open b <tel:+1555>".to_owned(),
        format!("open a {aor}"),
        format!("open c {aor}"),
        "open d <sip:bob@other.example.org>".to_owned(),
        format!("open {aor}"),
    ];
    assert_eq!(shown(&notify), expected);
    let told = told(&notify);
    let ids: BTreeSet<_> = told.tuples.iter().map(|tuple| tuple.id.as_str()).collect();
    assert_eq!((ids.len(), told.extensions.len()), (6, 1), "{ids:?}");
}

/// EVT-74: in which room somebody is, if that is told.
#[test]
fn rooms() {
    let mut scene = Scene::new();
    scene.watch();
    scene.proxy.handle_room_entered(scene.now, "bob", "lobby");
    scene.outputs();
    let notify = scene.notified();
    assert_eq!(told(&notify).notes, [Note { lang: Some("en".into()), text: "in lobby".into() }]);
    scene.answers(&notify, 200);
    scene.proxy.handle_room_entered(scene.now, "bob", "lobby");
    scene.proxy.handle_room_left(scene.now, "bob", "other");
    scene.proxy.handle_room_left(scene.now, "bob", "lobby");
    scene.pass(seconds(5));
    assert_eq!(told(&scene.notified()).notes, []);
}

/// EVT-72, EVT-76: who is not known is refused; who may not know is told that nobody is there, and never anything else.
#[test]
fn who_may_know() {
    let mut scene = Scene::with(|settings| {
        let allow = UserList::parse(["sip:alice@chat.example.com"]).expect("patterns");
        let rule = Rule { allow: Some(allow), deny: UserList::default() };
        settings.presence.rules.of_user.insert("bob".into(), rule);
    });
    scene.device("bob", "<sip:bob@192.0.2.9:5001>", udp(1));
    assert_eq!(scene.subscribe_as(&Sender::Stranger, udp(2), "s1", EVENT).code, 403);
    for (watcher, expected) in
        [("alice", "open <sip:bob@chat.example.com>"), ("carol", "closed"), ("bob", "open <sip:bob@chat.example.com>")]
    {
        assert_eq!(scene.subscribe_as(&known(watcher), udp(2), watcher, EVENT).code, 200);
        let notify = scene.notified();
        assert_eq!((shown(&notify), state_of(&notify)), (vec![expected.to_owned()], "active;expires=3600".to_owned()));
        scene.answers(&notify, 200);
    }
    scene.pass(seconds(5));
    scene.published(TYPE, &saying("secret"));
    let told = scene.sent();
    assert_eq!(told.len(), 2, "two may know");
}

/// EVT-3, EVT-5, EVT-6, EVT-86: what cannot be told, and in which form what can.
#[test]
fn what_is_asked_for() {
    let mut scene = Scene::new();
    for (headers, code) in [
        ("", 489),
        ("Event: conference\r\n", 489),
        ("Event: presence\r\nAccept: application/conference-info+xml\r\n", 406),
        ("Event: presence\r\nRequire: eventlist\r\n", 420),
        ("Event: presence\r\nExpires: 5\r\n", 423),
        ("Event: presence\r\nContact: <sip:alice@192.0.2.8>\r\n", 400),
        ("Event: presence\r\nContent-Type: application/simple-filter+xml\r\nContent-Length: 1\r\n\r\nx", 415),
    ] {
        assert_eq!(scene.subscribe_as(&known("alice"), udp(2), "s1", headers).code, code, "{headers}");
    }
    let long = format!("{EVENT}Record-Route: <sip:{}@192.0.2.8;lr>\r\n", "x".repeat(5000));
    assert_eq!(scene.subscribe_as(&known("alice"), udp(2), "s1", &long).code, 513);
    assert_eq!((scene.proxy.watchers(), scene.sent().len()), (0, 0));
    for (accept, kind) in [
        ("application/cpim-pidf+xml", "application/cpim-pidf+xml"),
        ("application/cpim-pidf+xml, application/pidf+xml", "application/pidf+xml"),
        ("application/*", "application/pidf+xml"),
    ] {
        scene.subscribe_as(&known("alice"), udp(2), "s1", &format!("{EVENT}Accept: {accept}\r\n"));
        let notify = scene.notified();
        assert_eq!(header(&notify.request.headers, &HeaderName::ContentType), kind);
        let xml = String::from_utf8_lossy(&notify.request.body).into_owned();
        assert_eq!(xml.contains("urn:ietf:params:xml:ns:cpim-pidf"), kind.contains("cpim"), "{xml}");
    }
    let nobody = parse(&super::subscribe("<sip:x@chat.example.com>", "n", 1, EVENT));
    let tx = scene.tx();
    scene.proxy.handle_subscribe(scene.now, tx, &nobody, udp(2), &known("alice"), &Recipient::Nobody);
    assert_eq!(scene.outputs().map(|answer| answer.code), Some(404));
}

/// EVT-12: to know but once, and to know no longer; the subscription is gone when that is known to have arrived.
#[test]
fn once_and_no_longer() {
    let mut scene = Scene::new();
    let answer = scene.subscribe_as(&known("alice"), udp(2), "s1", &format!("{EVENT}Expires: 0\r\n"));
    assert_eq!(header(&answer.headers, &HeaderName::Expires), "0");
    let only = scene.notified();
    assert_eq!((shown(&only), state_of(&only).as_str()), (vec!["closed".to_owned()], "terminated;reason=timeout"));
    scene.answers(&only, 200);
    assert_eq!(scene.proxy.watchers(), 0);
    let to = scene.watch();
    let gone = scene.resubscribe_as(&known("alice"), udp(2), &to, 2, &format!("{EVENT}Expires: 0\r\n"));
    assert_eq!(gone.code, 200);
    let last = scene.notified();
    assert_eq!((shown(&last), state_of(&last).as_str()), (vec!["closed".to_owned()], "terminated;reason=timeout"));
    assert_eq!(scene.resubscribe_as(&known("alice"), udp(2), &to, 3, EVENT).code, 481);
    scene.answers(&last, 481);
    assert_eq!(scene.proxy.watchers(), 0);
    assert_eq!(scene.unwatched, [SubscriptionEnd::Unsubscribed; 2]);
}

/// EVT-13, EVT-8: refreshed in its dialog by who began it, and told once more; what is no refresh of it is 481.
#[test]
fn refreshed() {
    let mut scene = Scene::new();
    let to = scene.watch();
    scene.pass(seconds(3000));
    assert_eq!(scene.resubscribe_as(&known("alice"), tcp(2), &to, 2, EVENT).code, 200);
    let again = scene.notified();
    assert_eq!((state_of(&again).as_str(), again.way.flow), ("active;expires=3600", tcp(2)));
    scene.answers(&again, 200);
    for (headers, code) in
        [("Event: presence;id=1\r\n", 481), ("Event: refer\r\n", 489), ("Event: presence\r\nExpires: 1\r\n", 423)]
    {
        assert_eq!(scene.resubscribe_as(&known("alice"), tcp(2), &to, 3, headers).code, code);
    }
    assert_eq!(scene.resubscribe_as(&known("mallory"), tcp(2), &to, 3, EVENT).code, 403);
    assert_eq!(scene.resubscribe_as(&Sender::Stranger, tcp(2), &to, 3, EVENT).code, 403);
    assert_eq!(scene.resubscribe_as(&Sender::Vouched, tcp(2), &to, 3, EVENT).code, 200);
    assert_eq!(scene.resubscribe_as(&known("alice"), tcp(2), &to, 3, EVENT).code, 500, "a number that was used");
    let other = to.replace(";tag=p1-", ";tag=p1-0");
    assert_eq!(scene.resubscribe_as(&known("alice"), tcp(2), &other, 4, EVENT).code, 481);
}

/// EVT-12: what is not refreshed ends, and says so.
#[test]
fn expired() {
    let mut scene = Scene::new();
    scene.first_look();
    scene.pass(seconds(3600));
    assert!(scene.sent().is_empty());
    scene.pass(seconds(1));
    let last = scene.notified();
    assert_eq!((state_of(&last).as_str(), last.request.body.is_empty()), ("terminated;reason=timeout", true));
    scene.answers(&last, 200);
    assert_eq!((scene.proxy.watchers(), scene.unwatched.as_slice()), (0, [SubscriptionEnd::Expired].as_slice()));
}

/// EVT-11: a user who is removed is watched no more, watches nobody, and what it has published is gone.
#[test]
fn removed() {
    let mut scene = Scene::new();
    scene.watch();
    scene.published(TYPE, &saying("here"));
    let notify = scene.notified();
    scene.answers(&notify, 200);
    scene.proxy.handle_removed(scene.now, "bob");
    scene.outputs();
    assert_eq!((scene.proxy.publications(), scene.published.len()), (0, 0));
    let last = scene.notified();
    assert_eq!(state_of(&last), "terminated;reason=noresource");
    scene.answers(&last, 200);
    scene.watch();
    scene.proxy.handle_removed(scene.now, "alice");
    scene.outputs();
    let last = scene.notified();
    assert_eq!(state_of(&last), "terminated;reason=rejected");
    scene.answers(&last, 200);
    assert_eq!(scene.unwatched, [SubscriptionEnd::Gone, SubscriptionEnd::Forbidden]);
}

/// EVT-14: who does not answer, cannot be reached or knows of no subscription is dropped; one that is busy is told later.
#[test]
fn failures() {
    for failure in [Failure::Silence, Failure::Unreachable] {
        let mut scene = Scene::new();
        scene.subscribe_as(&known("alice"), udp(2), "s1", EVENT);
        let notify = scene.notified();
        scene.fails(&notify, failure);
        assert_eq!((scene.proxy.watchers(), scene.unwatched.as_slice()), (0, [SubscriptionEnd::Failed].as_slice()));
    }
    let mut scene = Scene::new();
    scene.watch();
    scene.published(TYPE, &saying("one"));
    let notify = scene.notified();
    scene.answers(&notify, 500);
    scene.pass(seconds(10));
    let again = scene.notified();
    assert_eq!(shown(&again), ["open one"]);
    scene.answers(&again, 481);
    assert_eq!((scene.proxy.watchers(), scene.unwatched.as_slice()), (0, [SubscriptionEnd::Failed].as_slice()));
}

/// EVT-20: what is too large for a datagram goes over a stream, and as a datagram after all where there is none.
#[test]
fn large_documents() {
    let mut scene = Scene::new();
    scene.published(TYPE, &saying(&"x".repeat(1000)));
    scene.subscribe_as(&known("alice"), udp(2), "s1", EVENT);
    let by_stream = scene.notified();
    assert_eq!((by_stream.way.flow.transport, by_stream.way.flow.connection), (Transport::Tcp, None));
    scene.fails(&by_stream, Failure::Unreachable);
    let by_datagram = scene.notified();
    assert_eq!(by_datagram.way.flow, udp(2));
    assert_eq!(by_datagram.request.body.len(), by_stream.request.body.len());
    assert_eq!(scene.proxy.watchers(), 1);
}

/// EVT-14: what is not sent for our own sake ends nothing, and is told a second later.
#[test]
fn put_off() {
    let mut scene = Scene::new();
    scene.watch();
    scene.published(TYPE, &saying("one"));
    for _ in 0..10 {
        let notify = scene.notified();
        assert_eq!(shown(&notify), ["open one"]);
        scene.fails(&notify, Failure::Overload);
        assert!(scene.sent().is_empty());
        scene.pass(seconds(1));
    }
    assert_eq!((scene.notified().request.body.is_empty(), scene.unwatched.len()), (false, 0));
}

/// Whatever a user publishes and registers, what is told of it fits into a datagram; who has not answered is told that little
/// at first that it could be anybody.
#[test]
fn the_largest_document() {
    let mut scene = Scene::new();
    for number in 0..10 {
        scene.device("bob", &format!("<sip:bob@phone{number}.example.net>"), udp(100 + number));
        scene.published(TYPE, &saying(&"x".repeat(3600)));
        scene.proxy.handle_room_entered(scene.now, "bob", &format!("room{number}"));
    }
    scene.subscribe_as(&known("alice"), udp(2), "s1", EVENT);
    let by_stream = scene.notified();
    let size = by_stream.request.body.len();
    assert!((35_000..60_000).contains(&size), "{size}");
    scene.fails(&by_stream, Failure::Unreachable);
    let short = scene.notified();
    assert_eq!((short.way.flow, shown(&short).len()), (udp(2), 0));
    scene.answers(&short, 200);
    assert_eq!(scene.notified().request.body.len(), size);
}

/// What is large waits while too many octets are unanswered; what is small does not.
#[test]
fn octets_under_way() {
    let mut scene = Scene::with(|settings| settings.presence.limits.notified_bytes = 10_000);
    for _ in 0..3 {
        scene.published(TYPE, &saying(&"x".repeat(3500)));
    }
    scene.subscribe_as(&known("alice"), tcp(2), "1", EVENT);
    let first = scene.notified();
    scene.subscribe_as(&known("carol"), tcp(3), "2", EVENT);
    scene.pass(seconds(1));
    assert!(scene.sent().is_empty());
    let nobody = Recipient::User { name: "dan".into(), has_account: true };
    let (request, tx) = (parse(&super::subscribe("<sip:dan@chat.example.com>", "3", 1, EVENT)), scene.tx());
    scene.proxy.handle_subscribe(scene.now, tx, &request, tcp(3), &known("carol"), &nobody);
    scene.outputs();
    assert_eq!(shown(&scene.notified()), ["closed"]);
    scene.answers(&first, 200);
    scene.pass(seconds(1));
    assert_eq!(scene.notified().way.flow, tcp(3));
}

/// EVT-11: when the server goes down all watchers are told, and nobody can watch any more.
#[test]
fn shutdown() {
    let mut scene = Scene::new();
    scene.first_look();
    scene.proxy.handle_shutdown(scene.now);
    scene.outputs();
    let last = scene.notified();
    assert_eq!(state_of(&last), "terminated;reason=probation;retry-after=30");
    assert_eq!(scene.subscribe_as(&known("alice"), udp(2), "s2", EVENT).code, 503);
    scene.answers(&last, 200);
    assert_eq!((scene.proxy.watchers(), scene.unwatched.as_slice()), (0, [SubscriptionEnd::Shutdown].as_slice()));
}

/// Subscriptions of one watcher, to one user and of all have limits; NOTIFYs that are unanswered have one too.
#[test]
fn limits() {
    let mut scene = Scene::with(|settings| {
        let limits = &mut settings.presence.limits;
        (limits.watchers_of_subscriber, limits.watchers_of_user, limits.notifies) = (2, 3, 2);
    });
    let mut subscribe = |name: &str, call_id: &str| scene.subscribe_as(&known(name), udp(2), call_id, EVENT).code;
    assert_eq!([subscribe("alice", "1"), subscribe("alice", "2"), subscribe("alice", "3")], [200, 200, 503]);
    assert_eq!([subscribe("carol", "4"), subscribe("dan", "5")], [200, 503]);
    let sent = scene.sent();
    assert_eq!((sent.len(), scene.proxy.watchers()), (2, 3));
    scene.answers(&sent[0], 200);
    assert_eq!(scene.sent().len(), 1, "the one that had to wait");
}
