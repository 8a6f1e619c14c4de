//! Messages to one participant.

use super::*;

fn told(name: &str, to: &str, text: &str) -> String {
    said(name, text).replace("To: <sip:lobby@example.test>", &format!("To: <{to}>"))
}

/// CHAT-50, CHAT-51: every URI of a participant is its own: sip, tel and im.
#[test]
fn aliases_are_addresses() {
    let mut scene = Scene::new(Settings::default());
    let alice = scene.join("alice");
    let uris = ["sip:bob@example.test", "tel:+1-555-1234", "im:robert@example.org"];
    let [aor, tel, im] = uris.map(|uri| uri.parse().expect("a URI"));
    let bob = scene.join_as(Identity::of(aor).with(None, [tel, im].into()));
    for (n, to) in ["sip:bob@example.test", "tel:+15551234", "im:robert@example.org"].into_iter().enumerate() {
        scene.feed(alice, &request(&format!("mess{n}"), "1-*/*", &told("alice", to, "psst"), '$'));
        assert_eq!(scene.codes(alice), [200], "{to}");
        assert!(scene.read(bob).contains("psst"), "{to}");
    }
    scene.feed(alice, &request("mess9", "1-*/*", &told("alice", "sip:robert@example.org", "psst"), '$'));
    assert_eq!(scene.codes(alice), [404]);
}

/// CHAT-53, CHAT-59: a copy for the sender's other device is no recipient: when whom it is for goes in the middle, the sender
/// is told, and the copy is broken off.
#[test]
fn a_copy_of_ones_own_is_no_recipient() {
    let rules = Rules { own_private_copies: true, ..Rules::default() };
    let mut scene = Scene::with_rules(Settings::default(), rules);
    let [alice, phone, bob] = ["alice", "alice", "bob"].map(|name| scene.join(name));
    let body = told("alice", "sip:bob@example.test", &"x".repeat(9000));
    scene.feed(alice, &request("long", "1-*/*", &body, '+'));
    assert_eq!(scene.codes(alice), [200]);
    assert!(scene.read(phone).contains("xxx") && scene.read(bob).contains("xxx"));
    scene.leave(bob);
    scene.switch.end_turn();
    assert_eq!(scene.codes(alice), [404]);
    assert!(scene.read(phone).contains("#\r\n"));
    scene.feed(alice, &request("late", "1-*/*", &told("alice", "sip:bob@example.test", "psst"), '$'));
    assert_eq!(scene.codes(alice), [404]);
    assert_eq!(scene.read(phone), "", "what nobody gets is not kept either");
}

/// A name that a participant shares with the room is the room's.
#[test]
fn the_room_comes_first() {
    let mut scene = Scene::new(Settings::default());
    let [alice, impostor, carol] = ["alice", "lobby", "carol"].map(|name| scene.join(name));
    scene.feed(alice, &request("mess1", "1-*/*", &said("alice", "to all"), '$'));
    assert!(scene.read(carol).contains("to all") && scene.read(impostor).contains("to all"));
}

/// What was found right for the room is not taken for right when the To is a participant, and the other way round.
#[test]
fn each_to_is_looked_at() {
    let mut scene = Scene::new(Settings::default());
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| scene.join(name));
    let bobs = "sip:bob@example.test";
    for (n, (to, hears)) in
        [(None, true), (Some(bobs), false), (None, true), (Some(bobs), false)].into_iter().enumerate()
    {
        let body = to.map_or_else(|| said("alice", "hello"), |to| told("alice", to, "hello"));
        scene.feed(alice, &request(&format!("mess{n}"), "1-*/*", &body, '$'));
        assert_eq!(scene.codes(alice), [200]);
        assert!(scene.read(bob).contains("hello"));
        assert_eq!(scene.read(carol).contains("hello"), hears, "message {n}");
    }
    scene.leave(bob);
    scene.feed(alice, &request("late", "1-*/*", &told("alice", bobs, "hello"), '$'));
    assert_eq!(scene.codes(alice), [404]);
}

/// CHAT-46: a recipient that answers 413 gets no more, and its sender is told nothing of it.
#[test]
fn a_recipients_refusal_stays_its_own() {
    let mut scene = Scene::new(Settings::default());
    let [alice, bob] = ["alice", "bob"].map(|name| scene.join(name));
    let body = told("alice", "sip:bob@example.test", &"x".repeat(9000));
    scene.feed(alice, &request("long", "1-*/*", &body, '+'));
    assert_eq!(scene.codes(alice), [200]);
    let copy = scene.read(bob);
    let tid = copy.split(' ').nth(1).expect("a transaction id").to_owned();
    let no =
        format!("MSRP {tid} 413 No\r\nTo-Path: msrp://a:1/x;tcp\r\nFrom-Path: msrp://b:1/y;tcp\r\n-------{tid}$\r\n");
    scene.feed(bob, &no);
    scene.feed(alice, &request("long", &format!("{}-*/*", body.len() + 1), "more", '$'));
    assert_eq!(scene.codes(alice), [200]);
    assert!(!scene.read(bob).contains("more"));
}
