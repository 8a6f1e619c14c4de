//! Messages that wait for their user (MSG-23, MSG-50, MSG-53).

use super::relay::{all, code, message, message_to, one};
use super::{Scene, Sent, tcp, udp, uri};
use crate::{Amount, Failure, Fate, Recipient, Stored};
use parlor_sip::{HeaderName, Response};
use std::time::Duration;

fn bob() -> Recipient {
    Recipient::User { name: "bob".into(), has_account: true }
}

/// The message of that number.
fn numbered(number: u32) -> String {
    let said = format!("message {number:08}!");
    message_to("sip:bob@chat.example.com", "", &said).replace("asd88asd77a", &format!("call{number}"))
}

/// A device of bob's registers.
fn register(scene: &mut Scene) {
    scene.device("bob", "<sip:b@192.0.2.9>", udp(2));
}

fn said(sent: &Sent) -> &str {
    std::str::from_utf8(&sent.request.body).unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// MSG-50: what comes while nobody is there is accepted, kept, and delivered in its order when a device registers, the next
/// one once the one before has arrived; as a new request from the same to the same, with all that it said.
#[test]
fn messages_wait_for_their_user() {
    let mut scene = Scene::new();
    let headers = "Subject: Hi\r\nExpires: 900\r\nX-Mine: kept\r\nProxy-Authorization: Digest x\r\nAuthorization: Basic y\r\n\
                   Route: <sip:192.0.2.1;lr>\r\nContact: <sip:a@h>\r\n";
    let answer = scene.message(&message(headers), &bob()).expect("an answer");
    assert_eq!(answer.code, 202);
    assert!(!answer.headers.has(&HeaderName::Contact) && answer.body.is_empty(), "MSG-20");
    assert_eq!(code(scene.message(&numbered(2), &bob())), 202);
    assert!(scene.sent().is_empty() && scene.kept.len() == 2);
    scene.pass(seconds(60));
    register(&mut scene);
    let first = one(scene.sent());
    let request = &first.request;
    assert_eq!((&request.uri, said(&first), first.mark), (&uri("sip:b@192.0.2.9"), "Watson, come here.", None));
    let from = request.headers.from().unwrap();
    assert_eq!(from.uri, uri("sip:alice@chat.example.com"));
    assert!(from.tag().is_some_and(|tag| tag != "49583"));
    assert_eq!(request.headers.to().unwrap().to_string(), "<sip:bob@chat.example.com>");
    assert_ne!(request.headers.call_id(), Ok("asd88asd77a@1.2.3.4"));
    assert_eq!(request.headers.max_forwards(), Ok(Some(70)));
    for (name, value) in [
        ("Date", Some("Sat, 13 Nov 2010 23:29:00 GMT")),
        ("Expires", Some("900")),
        ("Subject", Some("Hi")),
        ("X-Mine", Some("kept")),
        ("Content-Type", Some("text/plain")),
        ("Proxy-Authorization", None),
        ("Authorization", None),
        ("Route", None),
        ("Contact", None),
        ("Via", None),
    ] {
        assert_eq!(request.headers.first(&HeaderName::from(name)), value, "{name}");
    }
    scene.answers(&first, 200);
    let second = one(scene.sent());
    assert_eq!(said(&second), "message 00000002!");
    assert_eq!(scene.kept.len(), 1);
    scene.answers(&second, 202);
    assert!(scene.sent().is_empty() && scene.kept.is_empty());
    assert_eq!(scene.proxy.kept(), Amount::default());
    use Fate::{DeliveredLater, Kept};
    assert_eq!(scene.fates, [Kept, Kept, DeliveredLater, DeliveredLater]);
}

/// With its user a mailbox goes, also while a message of it is on its way; one of the same name begins anew.
#[test]
fn a_mailbox_goes_with_its_user() {
    let mut scene = Scene::new();
    for number in 1..=3 {
        assert_eq!(code(scene.message(&numbered(number), &bob())), 202);
    }
    register(&mut scene);
    let first = one(scene.sent());
    scene.kept.clear();
    scene.proxy.handle_removed(scene.now, "bob");
    assert!(scene.outputs().is_none());
    assert_eq!((scene.proxy.bindings(), scene.stored.len(), scene.proxy.kept()), (0, 0, Amount::default()));
    scene.answers(&first, 200);
    assert!(scene.sent().is_empty());
    assert_eq!(scene.proxy.kept(), Amount::default());
    assert_eq!(code(scene.message(&numbered(4), &bob())), 202);
    assert_eq!(scene.proxy.kept().messages, 1);
    register(&mut scene);
    assert_eq!(said(&one(scene.sent())), "message 00000004!");
}

/// What may not wait is refused: what is wanted now or never, or no longer; that somebody is writing; for who has no account;
/// where nothing is kept.
#[test]
fn what_may_not_wait() {
    let mut scene = Scene::new();
    let composing = message("").replace("text/plain", "application/im-iscomposing+xml");
    let stranger = Recipient::User { name: "bob".into(), has_account: false };
    for (text, recipient, expected) in [
        (message("Expires: 0\r\n"), bob(), 480),
        (message("Expires: 60\r\nDate: Sat, 13 Nov 2010 23:28:00 GMT\r\n"), bob(), 480),
        (composing, bob(), 480),
        (message(""), stranger, 404),
        (message("Expires: 60\r\nDate: Sat, 13 Nov 2010 23:28:01 GMT\r\n"), bob(), 202),
    ] {
        assert_eq!(code(scene.message(&text, &recipient)), expected, "{text}");
    }
    assert_eq!(scene.kept.len(), 1);
    let mut scene = Scene::with(|settings| settings.keep_for = Duration::ZERO);
    assert_eq!(code(scene.message(&message(""), &bob())), 480);
}

/// MSG-53: 202 comes once it is stored; what cannot be is refused, and leaves nothing behind.
#[test]
fn who_is_told_can_rely_on_it() {
    let mut scene = Scene::new();
    scene.answers = false;
    assert_eq!(code(scene.message(&numbered(1), &bob())), 0);
    let waiting = scene.waiting.take().expect("it waits");
    scene.proxy.handle_stored(scene.now, waiting, Stored::Yes);
    assert_eq!(code(scene.outputs()), 202);
    scene.answers = true;
    for (said, expected) in [(Stored::Overload, 503), (Stored::Failed, 500)] {
        scene.stores = said;
        assert_eq!(code(scene.message(&numbered(2), &bob())), expected);
    }
    assert_eq!((scene.proxy.kept().messages, scene.kept.len()), (1, 1));
}

/// MSG-E7: a message that its sender sends again, as it has not heard of the 202, is there once; also after a restart.
#[test]
fn kept_once() {
    let mut scene = Scene::new();
    assert_eq!(code(scene.message(&numbered(1), &bob())), 202);
    scene.restart_after(seconds(1));
    assert_eq!(code(scene.message(&numbered(1), &bob())), 202);
    assert_eq!((scene.proxy.kept().messages, scene.kept.len()), (1, 1));
    register(&mut scene);
    let first = one(scene.sent());
    scene.answers(&first, 200);
    assert_eq!(code(scene.message(&numbered(1), &bob())), 0, "it is passed on: a device is there");
}

/// MSG-53: nothing is lost by a restart, and what had not arrived is delivered again as the same, in its order.
#[test]
fn messages_survive_a_restart() {
    let mut scene = Scene::new();
    (1..=3).for_each(|number| drop(scene.message(&numbered(number), &bob())));
    scene.restart_after(seconds(10));
    assert_eq!(scene.proxy.kept().messages, 3);
    register(&mut scene);
    let first = one(scene.sent());
    scene.answers(&first, 200);
    let second = one(scene.sent());
    scene.restart_after(seconds(10));
    scene.pass(seconds(0));
    let again = one(scene.sent());
    assert_eq!(said(&again), "message 00000002!", "the device is still registered");
    assert_eq!(again.request.headers.call_id(), second.request.headers.call_id());
    assert_eq!(again.request.headers.from(), second.request.headers.from());
    scene.answers(&again, 200);
    assert_eq!(said(&one(scene.sent())), "message 00000003!");
    assert_eq!(code(scene.message(&numbered(4), &bob())), 202);
    assert_eq!(scene.kept.keys().map(|id| id.0).collect::<Vec<_>>(), [3, 4], "names are not used again");
}

/// MSG-50: while something waits, what comes is put behind it, also when a device is there.
#[test]
fn the_order_is_kept() {
    let mut scene = Scene::new();
    scene.message(&numbered(1), &bob());
    register(&mut scene);
    let first = one(scene.sent());
    assert_eq!(code(scene.message(&numbered(2), &bob())), 202);
    let urgent = message("Expires: 0\r\n").replace("asd88", "urgent");
    assert_eq!(code(scene.message(&urgent, &bob())), 0, "now or never");
    assert!(scene.sent().is_empty(), "one at a time, MSG-17");
    scene.answers(&first, 200);
    let mut sent = scene.sent();
    sent.sort_by_key(|sent| said(sent).len());
    assert_eq!(sent.len(), 1);
    scene.answers(&sent[0], 200);
    let last = one(scene.sent());
    scene.answers(&last, 200);
    assert_eq!(scene.proxy.kept().messages, 0);
    assert_eq!(code(scene.message(&numbered(5), &bob())), 0);
    assert_eq!(scene.sent().len(), 1);
}

/// A message that no device takes now stays and is tried again, after a while or when a device registers; one that is refused
/// for good makes place for the next.
#[test]
fn what_is_tried_again() {
    let mut scene = Scene::new();
    (1..=2).for_each(|number| drop(scene.message(&numbered(number), &bob())));
    register(&mut scene);
    for (number, outcome) in [(1, 480), (1, 0), (1, 503), (1, 486), (1, 415), (2, 603)] {
        let sent = one(scene.sent());
        assert_eq!(said(&sent), format!("message {number:08}!"));
        match outcome {
            0 => scene.fails(&sent, Failure::Silence),
            code => scene.answers(&sent, code),
        };
        if outcome != 415 && outcome != 603 {
            assert!(scene.sent().is_empty());
            scene.pass(seconds(59));
            assert!(scene.sent().is_empty());
            scene.pass(seconds(1));
        }
    }
    assert!(scene.kept.is_empty());
    assert_eq!(scene.fates[2..], [Fate::Undeliverable, Fate::Undeliverable]);
    scene.message(&numbered(3), &bob());
    let sent = one(scene.sent());
    assert_eq!(code(scene.answers(&sent, 480)), 202, "kept instead");
    scene.device("bob", "<sip:other@192.0.2.9>", udp(3));
    let [a, b] = all(scene.sent());
    scene.fails(&a, Failure::Silence);
    scene.answers(&b, 200);
    assert!(scene.kept.is_empty());
}

/// When devices stay silent the message is kept in time for its sender to be told; if one answers after all, it does not come
/// twice.
#[test]
fn silent_devices() {
    let mut scene = Scene::new();
    register(&mut scene);
    scene.message(&numbered(1), &bob());
    let sent = one(scene.sent());
    assert_eq!(code(scene.pass(seconds(7))), 0);
    assert_eq!(code(scene.pass(seconds(1))), 202);
    assert_eq!(scene.kept.len(), 1);
    assert_eq!(code(scene.answers(&sent, 200)), 0);
    assert!(scene.kept.is_empty());
    assert_eq!(scene.fates, [Fate::Kept, Fate::DeliveredLater]);
    // If it never does, the message comes later.
    scene.message(&numbered(2), &bob());
    let sent = one(scene.sent());
    assert_eq!(code(scene.pass(seconds(8))), 202);
    scene.fails(&sent, Failure::Silence);
    assert!(scene.sent().is_empty());
    scene.pass(seconds(60));
    let again = one(scene.sent());
    scene.answers(&again, 200);
    assert!(scene.kept.is_empty());
    // An answer that comes while it is being stored counts.
    scene.message(&numbered(3), &bob());
    let sent = one(scene.sent());
    scene.answers = false;
    scene.pass(seconds(8));
    let waiting = scene.waiting.take().expect("it is being stored");
    assert_eq!(code(scene.answers(&sent, 200)), 200);
    scene.answers = true;
    scene.proxy.handle_stored(scene.now, waiting, Stored::Yes);
    assert_eq!(code(scene.outputs()), 0);
    assert!(scene.kept.is_empty() && scene.proxy.kept().messages == 0);
    // If it cannot be stored, its sender is told what is known.
    scene.message(&numbered(4), &bob());
    let sent = one(scene.sent());
    scene.stores = Stored::Failed;
    scene.pass(seconds(8));
    assert_eq!(code(scene.answers(&sent, 404)), 404);
}

/// MSG-18: where all that is known is that nobody can be reached it is kept; where a device says why not, its sender is told.
#[test]
fn what_is_kept_instead() {
    let mut scene = Scene::new();
    register(&mut scene);
    scene.device("bob", "<sip:c@192.0.2.9>", udp(3));
    let mut outcome = |number: u32, first: &dyn Fn(&mut Scene, &Sent) -> Option<Response>, second: u16| {
        scene.kept.clear();
        scene.message(&numbered(number), &bob());
        let [a, b] = all(scene.sent());
        assert!(first(&mut scene, &a).is_none());
        let answer = code(scene.answers(&b, second));
        (answer, scene.kept.len())
    };
    assert_eq!(outcome(1, &|scene, sent| scene.answers(sent, 404), 480), (404, 0));
    assert_eq!(outcome(2, &|scene, sent| scene.answers(sent, 486), 404), (404, 0));
    assert_eq!(outcome(3, &|scene, sent| scene.fails(sent, Failure::Silence), 503), (202, 1));
}

/// MSG-23: what expires while it waits is dropped and counted, when a device registers or when it is looked.
#[test]
fn messages_expire() {
    let mut scene = Scene::with(|settings| settings.keep_for = seconds(3600));
    scene.message(&message("Expires: 30\r\n"), &bob());
    scene.message(&numbered(2), &bob());
    scene.pass(seconds(31));
    register(&mut scene);
    let sent = one(scene.sent());
    assert_eq!(said(&sent), "message 00000002!");
    assert_eq!(scene.fates, [Fate::Kept, Fate::Kept, Fate::Expired]);
    scene.answers(&sent, 480);
    let carol = Recipient::User { name: "carol".into(), has_account: true };
    let for_carol = message_to("sip:carol@chat.example.com", "Expires: 100000\r\n", "x").replace("asd88", "other");
    scene.message(&for_carol, &carol);
    assert_eq!(scene.proxy.kept().messages, 2);
    for _ in 0..80 {
        scene.pass(seconds(60));
        for sent in scene.sent() {
            scene.answers(&sent, 480);
        }
    }
    assert_eq!((scene.proxy.kept(), scene.kept.len()), (Amount::default(), 0), "no longer than an hour");
    assert_eq!(scene.fates.iter().filter(|fate| **fate == Fate::Expired).count(), 3);
}

/// MSG-23: what nobody wants any more is not passed on either, though a device is there.
#[test]
fn what_has_expired_is_not_relayed() {
    let mut scene = Scene::new();
    register(&mut scene);
    let dated =
        |expires: u32, date: &str| message(&format!("Expires: {expires}\r\nDate: Sat, 13 Nov 2010 {date} GMT\r\n"));
    assert_eq!(code(scene.message(&dated(60, "23:28:00"), &bob())), 480);
    assert_eq!((scene.sent().len(), scene.fates.as_slice()), (0, &[Fate::Expired][..]));
    for wanted in [dated(60, "23:28:30"), dated(0, "23:28:00")] {
        scene.message(&wanted.replace("asd88", "other"), &bob());
        let sent = one(scene.sent());
        scene.answers(&sent, 200);
    }
}

/// MSG-50, MSG-E7: only what is the same, from the same to the same, is kept once.
#[test]
fn whose_ids_are_used_again_loses_nothing() {
    let mut scene = Scene::new();
    let of = |name: &str| Recipient::User { name: name.into(), has_account: true };
    let others = numbered(1).replace("From: <sip:alice@", "From: <sip:carol@");
    for (text, to) in [(&numbered(1), "bob"), (&numbered(1), "dave"), (&others, "bob"), (&numbered(1), "bob")] {
        assert_eq!(code(scene.message(text, &of(to))), 202);
    }
    assert_eq!((scene.proxy.kept().messages, scene.kept.len()), (3, 3));
}

/// MSG-53: how much waits for one, and for all, is bounded.
#[test]
fn mailboxes_are_bounded() {
    let mut scene = Scene::with(|settings| (settings.limits.mailbox, settings.limits.kept_messages) = (2, 3));
    let of = |name: &str| Recipient::User { name: name.into(), has_account: true };
    let answers: Vec<_> = [(1, "bob"), (2, "bob"), (3, "bob"), (4, "carol"), (5, "dave")]
        .into_iter()
        .map(|(number, name)| code(scene.message(&numbered(number), &of(name))))
        .collect();
    assert_eq!(answers, [202, 202, 480, 202, 503]);
    scene.device("carol", "<sip:c@192.0.2.9>", tcp(5));
    let sent = one(scene.sent());
    scene.answers(&sent, 200);
    assert_eq!(code(scene.message(&numbered(6), &of("dave"))), 202);
    let mut scene = Scene::with(|settings| settings.limits.mailbox_of_sender = 1);
    let other = numbered(3).replace("From: <sip:alice@", "From: <sip:carol@");
    let answers = [&numbered(1), &numbered(2), &other].map(|text| code(scene.message(text, &of("bob"))));
    assert_eq!(answers, [202, 480, 202], "one sender leaves space to others");
    let mut scene = Scene::with(|settings| settings.limits.mailbox_of_sender = 2);
    scene.message(&numbered(1), &bob());
    register(&mut scene);
    for number in 2..9 {
        let sent = one(scene.sent());
        assert_eq!(code(scene.message(&numbered(number), &bob())), 202, "those before are with him");
        scene.answers(&sent, 200);
    }
    let mut scene = Scene::with(|settings| settings.limits.kept_bytes = 100);
    assert_eq!(code(scene.message(&numbered(1), &of("bob"))), 202);
    assert_eq!(code(scene.message(&numbered(2), &of("bob"))), 202);
    assert_eq!(code(scene.message(&numbered(3), &of("bob"))), 503);
}

/// MSG-16, MSG-50: what is too large for the devices that are there waits for a stream and keeps nothing back that is not; what
/// is new and too large is refused as long as there is none.
#[test]
fn large_messages_wait_for_a_stream() {
    let mut scene = Scene::new();
    let large = message_to("sip:bob@chat.example.com", "", &"x".repeat(2000));
    for text in [&numbered(1), &large.replace("asd88", "large"), &numbered(2), &numbered(3)] {
        assert_eq!(code(scene.message(text, &bob())), 202);
    }
    register(&mut scene);
    for number in 1..=3 {
        let sent = one(scene.sent());
        assert_eq!(said(&sent), format!("message {number:08}!"));
        scene.answers(&sent, 200);
    }
    assert!(scene.sent().is_empty() && scene.kept.len() == 1);
    scene.pass(seconds(600));
    assert!(scene.sent().is_empty(), "there is no stream yet");
    assert_eq!(code(scene.message(&large, &bob())), 413);
    scene.device("bob", "<sip:b@192.0.2.9;transport=tcp>", tcp(3));
    let sent = one(scene.sent());
    assert_eq!((said(&sent).len(), sent.way.flow), (2000, tcp(3)));
    scene.answers(&sent, 480);
    assert_eq!(scene.kept.len(), 1, "not lost because another device cannot have it");
    scene.pass(seconds(61));
    let sent = one(scene.sent());
    scene.answers(&sent, 200);
    assert!(scene.kept.is_empty());
}
