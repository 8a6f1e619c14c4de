//! What is sent once more, or goes on elsewhere.

use super::{Scene, peer_path, request, said};
use crate::Settings;
use parlor_msrp::Uri;
use std::sync::Arc;

/// MSRP-45: a resend on the session that replaced a failed one is answered and not copied again.
#[test]
fn a_resend_on_a_new_session_is_not_copied_again() {
    let mut scene = Scene::new(Settings::default());
    let (alice, bob) = (scene.join("alice"), scene.join("bob"));
    let message = request("first", "1-*/*", &said("alice", "hello"), '$');
    scene.feed(alice, &message);
    assert!(scene.read(bob).contains("hello"));
    scene.leave(alice);
    let again = scene.join("alice");
    scene.feed(again, &message);
    assert_eq!(scene.codes(again), [200]);
    assert_eq!(scene.read(bob), "");
    let carol = scene.join("carol");
    scene.feed(carol, &request("first", "1-*/*", &said("carol", "good morning"), '$'));
    assert!(scene.read(bob).contains("good morning"), "an id is its sender's own");
}

/// CHAT-65: what was being sent on a former connection does not go on on the new one.
#[test]
fn a_new_connection_begins_anew() {
    let mut scene = Scene::new(Settings::default());
    let (alice, bob) = (scene.join("alice"), scene.join("bob"));
    let cut = request("first", "1-*/*", &said("alice", &"x".repeat(5000)), '$');
    scene.feed(alice, &cut[..3000]);
    assert!(scene.read(bob).contains("xxx"));
    scene.attach(alice);
    scene.switch.end_turn();
    assert!(scene.read(bob).trim_end().ends_with('#'), "broken off");
    scene.feed(alice, &request("second", "1-*/*", &said("alice", "hello"), '$'));
    assert_eq!(scene.codes(alice), [200]);
    assert!(scene.read(bob).contains("hello"));
}

/// MSRP-119: what was agreed anew holds once somebody connects under it; until then the old connection is answered as
/// before.
#[test]
fn new_paths_hold_with_the_new_connection() {
    let mut scene = Scene::new(Settings::default());
    let alice = scene.join("alice");
    let fresh = Uri::new(false, "127.0.0.1", 2855, "fresh", "tcp");
    scene.switch.update(alice, fresh.clone(), peer_path(alice));
    scene.feed(alice, &request("first", "1-*/*", &said("alice", "hello"), '$'));
    let former = format!("From-Path: msrp://127.0.0.1:2855/ours{};tcp", alice.0);
    assert!(scene.read(alice).contains(&former));
    let peer = scene.peers.get(&alice).expect("a peer");
    let slot = peer.outbox.attach(&peer_path(alice), &fresh);
    let outbox = Arc::clone(&peer.outbox);
    scene.switch.attach(alice, outbox, slot);
    scene.feed(alice, &request("second", "1-*/*", &said("alice", "hello"), '$'));
    assert!(scene.read(alice).contains("From-Path: msrp://127.0.0.1:2855/fresh;tcp"));
}
