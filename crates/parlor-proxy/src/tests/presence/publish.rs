//! PUBLISH (EVT-90 … EVT-96).

use super::{TYPE, bob, header, known, pidf, saying, seconds, shown, tag_of, udp};
use crate::tests::Scene;
use crate::{Recipient, Sender, Stored};
use parlor_sip::HeaderName;

/// EVT-90, EVT-91: published, refreshed, changed and removed, with another entity tag each time; an old one is 412.
#[test]
fn a_publication_lives() {
    let mut scene = Scene::new();
    let first = scene.published(TYPE, &saying("here"));
    let answer = scene.publish(&format!("SIP-If-Match: {first}\r\nExpires: 90\r\n"), "");
    assert_eq!((answer.code, header(&answer.headers, &HeaderName::Expires)), (200, "90".to_owned()));
    let second = tag_of(&answer);
    let third = scene.published(&format!("SIP-If-Match: {second}\r\n{TYPE}"), &saying("away"));
    let all: std::collections::BTreeSet<_> = [&first, &second, &third].into();
    assert_eq!((all.len(), scene.proxy.publications()), (3, 1));
    for gone in [&first, &second, "never"] {
        assert_eq!(scene.publish(&format!("SIP-If-Match: {gone}\r\n"), "").code, 412, "{gone}");
    }
    let removed = scene.publish(&format!("SIP-If-Match: {third}\r\nExpires: 0\r\n"), "");
    assert_eq!((removed.code, header(&removed.headers, &HeaderName::Expires)), (200, "0".to_owned()));
    assert_eq!((scene.proxy.publications(), scene.published.len()), (0, 0));
    assert_eq!(scene.publish(&format!("SIP-If-Match: {third}\r\n"), "").code, 412);
}

/// EVT-90: what cannot be taken, in the order of the steps.
#[test]
fn steps() {
    let mut scene = Scene::new();
    let bad = "Event: presence\r\nExpires: 5\r\nSIP-If-Match: x\r\n";
    let mut as_of = |sender: Sender, recipient: Recipient, headers: &str| {
        scene.publish_as(&sender, udp(1), &recipient, headers, "").expect("an answer").code
    };
    assert_eq!(as_of(known("bob"), Recipient::Nobody, bad), 404);
    assert_eq!(as_of(known("bob"), Recipient::Elsewhere, bad), 404);
    // EVT-94
    assert_eq!(as_of(known("mallory"), bob(), bad), 403);
    assert_eq!(as_of(Sender::Stranger, bob(), bad), 403);
    assert_eq!(as_of(Sender::Vouched, bob(), bad), 403);
    assert_eq!(as_of(Sender::Believed, bob(), bad), 412);
    assert_eq!(as_of(known("bob"), bob(), "Require: x\r\n"), 420);
    // EVT-96
    for event in ["", "Event: conference\r\n", "Event: presence.winfo\r\n"] {
        assert_eq!(as_of(known("bob"), bob(), &format!("{event}SIP-If-Match: x\r\n")), 489);
    }
    assert_eq!(as_of(known("bob"), bob(), "Event: presence\r\nSIP-If-Match: x, y\r\n"), 400);
    assert_eq!(as_of(known("bob"), bob(), "Event: presence\r\nSIP-If-Match: x\r\nSIP-If-Match: y\r\n"), 400);
    assert_eq!(as_of(known("bob"), bob(), bad), 412);
    let brief = scene.publish("Expires: 5\r\n", "");
    assert_eq!((brief.code, header(&brief.headers, &HeaderName::MinExpires)), (423, "60".to_owned()));
    assert_eq!(scene.publish("", "").code, 400);
    let unknown = scene.publish("Content-Type: text/plain\r\n", "here");
    let accept = "application/pidf+xml, application/cpim-pidf+xml";
    assert_eq!((unknown.code, header(&unknown.headers, &HeaderName::Accept)), (415, accept.to_owned()));
    assert_eq!(scene.publish(&format!("{TYPE}Content-Encoding: gzip\r\n"), "x").code, 415);
    assert_eq!(scene.publish(TYPE, "<presence/>").code, 400);
    assert_eq!(scene.publish(TYPE, &pidf(&"<note/>".repeat(200))).code, 413);
    assert_eq!(scene.proxy.publications(), 0);
}

/// EVT-90 step 4: asked for longer than is granted, or for nothing at all.
#[test]
fn durations() {
    let mut scene = Scene::new();
    let long = scene.publish(&format!("{TYPE}Expires: 99999\r\n"), &saying("x"));
    assert_eq!(header(&long.headers, &HeaderName::Expires), "3600");
    let none = scene.publish(&format!("{TYPE}Expires: 0\r\n"), &saying("x"));
    assert_eq!((none.code, header(&none.headers, &HeaderName::Expires)), (200, "0".to_owned()));
    assert_eq!(scene.proxy.publications(), 1);
}

/// EVT-92: what has expired is removed without a word, but for those who watch; refreshed it stays.
#[test]
fn expiry() {
    let mut scene = Scene::new();
    let tag = scene.published(&format!("{TYPE}Expires: 60\r\n"), &saying("here"));
    scene.pass(seconds(59));
    let tag = scene.published(&format!("SIP-If-Match: {tag}\r\nExpires: 60\r\n"), "");
    scene.first_look();
    scene.pass(seconds(60));
    assert!(scene.sent().is_empty());
    scene.pass(seconds(2));
    assert_eq!(shown(&scene.notified()), ["closed"]);
    assert_eq!((scene.proxy.publications(), scene.published.len()), (0, 0));
    assert_eq!(scene.publish(&format!("SIP-If-Match: {tag}\r\n"), "").code, 412);
}

/// EVT-92: a PUBLISH is answered when it is stored; what cannot be stored is as if it had not come.
#[test]
fn stored_or_nothing() {
    let mut scene = Scene::new();
    scene.answers = false;
    assert!(scene.try_publish(TYPE, &saying("early")).is_none());
    scene.answers = true;
    let id = scene.waiting.take().expect("it waits");
    scene.proxy.handle_stored(scene.now, id, Stored::Yes);
    let tag = tag_of(&scene.outputs().expect("an answer"));
    for (stores, code) in [(Stored::Failed, 500), (Stored::Overload, 503)] {
        scene.stores = stores;
        let refused = [
            scene.publish(TYPE, &saying("another")),
            scene.publish(&format!("SIP-If-Match: {tag}\r\n{TYPE}"), &saying("late")),
            scene.publish(&format!("SIP-If-Match: {tag}\r\nExpires: 0\r\n"), ""),
        ];
        for refused in refused {
            assert_eq!((refused.code, refused.headers.has(&HeaderName::SipEtag)), (code, false));
        }
    }
    scene.stores = Stored::Yes;
    scene.subscribe_as(&known("alice"), udp(2), "s1", "Event: presence\r\n");
    assert_eq!(shown(&scene.notified()), ["open early"]);
    assert_eq!(scene.publish(&format!("SIP-If-Match: {tag}\r\n"), "").code, 200, "its tag still counts");
}

/// Publications are there after a restart, under their tags, for as long as they were granted.
#[test]
fn restart() {
    let mut scene = Scene::new();
    let short = scene.published(&format!("{TYPE}Expires: 60\r\n"), &saying("short"));
    let long = scene.published(&format!("{TYPE}Expires: 600\r\n"), &saying("long"));
    scene.restart_after(seconds(120));
    assert_eq!(scene.publish(&format!("SIP-If-Match: {short}\r\n"), "").code, 412);
    scene.subscribe_as(&known("alice"), udp(2), "s1", "Event: presence\r\n");
    assert_eq!(shown(&scene.notified()), ["open long"]);
    assert_eq!(scene.publish(&format!("SIP-If-Match: {long}\r\n"), "").code, 200);
    let another = scene.published(TYPE, &saying("another"));
    assert_eq!((scene.proxy.publications(), scene.published.len()), (2, 2), "{another}: a name is not given twice");
}

/// What is kept is what is told: a document is measured as it is written again, each extension with its namespaces and all
/// that has to be escaped, and what one user has in all of them is bounded too.
#[test]
fn measured_as_it_is_told() {
    let mut scene = Scene::with(|settings| settings.presence.limits.publications_of_user_bytes = 6000);
    let namespace = "n".repeat(200);
    let siblings = |count: usize| pidf(&format!("<e xmlns:x='{namespace}'>{}</e>", "<x:a/>".repeat(count)));
    let many = siblings(100).replace("<e ", "<e xmlns='urn:e' ");
    assert!(many.len() < 2000);
    assert_eq!(scene.publish(TYPE, &many).code, 413);
    assert_eq!(scene.publish(TYPE, &pidf(&format!("<e xmlns='urn:e' a='{}'/>", "\"".repeat(900)))).code, 413);
    let tag = scene.published(TYPE, &saying(&"x".repeat(3500)));
    assert_eq!(scene.publish(TYPE, &saying(&"x".repeat(3500))).code, 503);
    assert_eq!(scene.publish(&format!("SIP-If-Match: {tag}\r\n{TYPE}"), &saying(&"y".repeat(3600))).code, 200);
}

/// What cannot be taken in again after a restart is forgotten by the store too, and its name is not given to another before.
#[test]
fn too_much_after_a_restart() {
    let mut scene = Scene::new();
    for name in ["one", "two", "three"] {
        scene.published(TYPE, &saying(name));
    }
    scene.limit(|settings| settings.presence.limits.publications = 2);
    scene.restart_after(seconds(1));
    let next = scene.proxy.presence.publications.name();
    scene.outputs();
    assert_eq!((next.0, scene.proxy.publications(), scene.published.len()), (4, 2, 2));
}

/// EVT-95: publications of one user, of all, and their octets have limits; what is there can be changed all the same.
#[test]
fn limits() {
    let mut scene = Scene::with(|settings| {
        let limits = &mut settings.presence.limits;
        (limits.publications_of_user, limits.publications, limits.published_bytes) = (2, 3, 1000);
    });
    let tag = scene.published(TYPE, &saying("one"));
    scene.published(TYPE, &saying("two"));
    let refused = scene.publish(TYPE, &saying("three"));
    assert_eq!((refused.code, refused.headers.retry_after()), (503, Some(10)));
    assert_eq!(scene.publish(&format!("SIP-If-Match: {tag}\r\n{TYPE}"), &saying(&"x".repeat(900))).code, 503);
    assert_eq!(scene.publish(&format!("SIP-If-Match: {tag}\r\n{TYPE}"), &saying("changed")).code, 200);
    let carol = Recipient::User { name: "carol".into(), has_account: true };
    let event = format!("Event: presence\r\n{TYPE}");
    let mut of_carol =
        || scene.publish_as(&known("carol"), udp(3), &carol, &event, &saying("x")).map(|answer| answer.code);
    assert_eq!((of_carol(), of_carol()), (Some(200), Some(503)));
}
