//! What a room holds, and for how long.

use super::{Scene, request, said};
use crate::Settings;
use parlor_msrp::FailureReport;

/// CHAT-62: a message of which only the head came has its time, like any other.
#[test]
fn a_message_without_an_octet_times_out() {
    let mut scene = Scene::new(Settings::default());
    let alice = scene.join("alice");
    let whole = request("first", "1-*/2000", "", '+');
    let (head, _) = whole.split_once("\r\n\r\n").expect("an empty line");
    scene.feed(alice, &format!("{head}\r\n\r\n"));
    assert_eq!(scene.switch.open_messages(), 1);
    scene.pass(540);
    assert_eq!(scene.switch.open_messages(), 0);
    assert_eq!(scene.codes(alice), [413]);
}

/// CHAT-62, MSRP-60: a chunk whose message was given up while it came in is answered like the message.
#[test]
fn a_chunk_of_what_timed_out_is_answered() {
    let mut scene = Scene::new(Settings::default());
    let alice = scene.join("alice");
    let chunk = request("first", "1-*/*", &said("alice", "hello"), '$');
    let (before, after) = chunk.split_at(chunk.len() - 30);
    scene.feed(alice, before);
    scene.pass(540);
    assert_eq!(scene.codes(alice), [413], "the REPORT");
    scene.feed(alice, after);
    assert_eq!(scene.codes(alice), [413], "the response");
}

/// One deadline is kept for a message, however often something of it comes.
#[test]
fn deadlines_do_not_pile_up() {
    let mut scene = Scene::new(Settings::default());
    let (alice, bob) = (scene.join("alice"), scene.join("bob"));
    let body = said("alice", &"x".repeat(1000));
    let chunk = request("first", "1-*/*", &body, '$');
    for octet in chunk.as_bytes() {
        scene.pass(1);
        scene.feed(alice, std::str::from_utf8(&[*octet]).expect("ASCII"));
        assert!(scene.switch.timers.len() <= 1);
    }
    assert!(scene.switch.timers.is_empty());
    assert_eq!(scene.codes(alice), [200]);
    assert!(scene.read(bob).contains(&body), "and it arrived");
}

/// CHAT-64, CHAT-66: what is held back in all is bounded, and who holds back most has to give it up.
#[test]
fn the_greediest_gives_up_what_it_has_held_back() {
    let mut scene = Scene::new(Settings { held_bytes: 32 * 1024, ..Settings::default() });
    let (alice, mallory) = (scene.join("alice"), scene.join("mallory"));
    scene.feed(mallory, &request("early", "20001-*/*", &"x".repeat(16_000), '+'));
    scene.feed(mallory, &request("earlier", "20001-*/*", &"x".repeat(16_000), '+'));
    assert_eq!(scene.codes(mallory), [200, 200]);
    let subject = format!("Subject: {}\r\n", "y".repeat(1000));
    scene.feed(alice, &request("whole", "1-*/*", &subject, '+'));
    assert_eq!(scene.codes(mallory), [413], "one of the two is given up");
    let range = format!("{}-*/*", subject.len() + 1);
    scene.feed(alice, &request("whole", &range, &said("alice", "hello"), '$'));
    assert_eq!(scene.codes(alice), [200, 200]);
    scene.feed(mallory, &request("third", "20001-*/*", &"x".repeat(16_000), '+'));
    scene.feed(mallory, &request("fourth", "20001-*/*", &"x".repeat(16_000), '+'));
    assert_eq!(scene.codes(mallory), [200, 413], "nobody holds back more than who asks");
}

/// CHAT-66, MSRP-120: what was refused because it came at the wrong time may be sent again; what was wrong may not.
#[test]
fn a_passing_refusal_passes() {
    let mut scene = Scene::new(Settings { open_messages_per_session: 1, ..Settings::default() });
    let alice = scene.join("alice");
    scene.feed(alice, &request("open", "1-*/*", &said("alice", "and"), '+'));
    scene.feed(alice, &request("refused", "1-*/*", &said("alice", "hello"), '$'));
    let rest = format!("{}-*/*", said("alice", "and").len() + 1);
    scene.feed(alice, &request("open", &rest, " on", '$'));
    scene.feed(alice, &request("refused", "1-*/*", &said("alice", "hello"), '$'));
    assert_eq!(scene.codes(alice), [200, 413, 200, 200]);
    scene.feed(alice, &request("forged", "1-*/*", &said("bob", "hello"), '$'));
    scene.feed(alice, &request("forged", "1-*/*", &said("alice", "hello"), '$'));
    assert_eq!(scene.codes(alice), [403, 403]);
}

/// CHAT-45, MSRP-59: where copies ask for an answer, who gives none is taken for dead.
#[test]
fn a_recipient_that_does_not_answer_is_given_up() {
    let mut scene = Scene::new(Settings { failure_report: FailureReport::Yes, ..Settings::default() });
    let (alice, bob, carol) = (scene.join("alice"), scene.join("bob"), scene.join("carol"));
    scene.feed(alice, &request("first", "1-*/*", &said("alice", "hello"), '$'));
    scene.read(bob);
    let copy = scene.read(carol);
    let tid = copy.split(' ').nth(1).expect("a transaction id");
    let paths = "To-Path: msrp://127.0.0.1:2855/ours3;tcp\r\nFrom-Path: msrp://192.0.2.9:9/theirs3;tcp";
    scene.feed(carol, &format!("MSRP {tid} 200 OK\r\n{paths}\r\n-------{tid}$\r\n"));
    scene.pass(29);
    assert_eq!(scene.failed(), []);
    scene.pass(10);
    assert_eq!(scene.failed(), [bob]);
}

/// CHAT-66: who has many messages open gives one up for somebody who has none; nobody holds the room's places for ever.
#[test]
fn the_busiest_gives_up_an_open_message() {
    let mut scene = Scene::new(Settings { open_messages: 8, ..Settings::default() });
    let (alice, mallory) = (scene.join("alice"), scene.join("mallory"));
    for number in 0..8 {
        scene.feed(mallory, &request(&format!("open{number}"), "1-*/*", &said("mallory", "and"), '+'));
    }
    assert_eq!(scene.codes(mallory), [200; 8]);
    scene.feed(alice, &request("first", "1-*/*", &said("alice", "hello"), '$'));
    assert_eq!(scene.codes(alice), [200]);
    assert_eq!(scene.codes(mallory), [413], "a REPORT");
    assert_eq!(scene.switch.open_messages(), 7);
}

/// CHAT-66: octets that were there before are no progress.
#[test]
fn repeating_itself_does_not_keep_a_message_open() {
    let mut scene = Scene::new(Settings::default());
    let alice = scene.join("alice");
    for _ in 0..6 {
        scene.feed(alice, &request("first", "1-*/*", &said("alice", "and"), '+'));
        scene.pass(100);
    }
    assert_eq!(scene.codes(alice), [200, 200, 200, 200, 200, 200, 413]);
    assert_eq!(scene.switch.open_messages(), 0);
}

/// CHAT-68: who answers 413 gets no more of a message, and others all of it.
#[test]
fn a_recipient_that_wants_no_more_is_left_out() {
    let mut scene = Scene::new(Settings::default());
    let (alice, bob, carol) = (scene.join("alice"), scene.join("bob"), scene.join("carol"));
    let text = said("alice", &"x".repeat(10_000));
    let message = request("first", "1-*/*", &text, '$');
    scene.feed(alice, &message[..5000]);
    let copy = scene.read(bob);
    let tid = copy.split(' ').nth(1).expect("a transaction id");
    let paths = "To-Path: msrp://127.0.0.1:2855/ours2;tcp\r\nFrom-Path: msrp://192.0.2.9:9/theirs2;tcp";
    scene.feed(bob, &format!("MSRP {tid} 413 Stop\r\n{paths}\r\n-------{tid}$\r\n"));
    scene.feed(alice, &message[5000..]);
    assert!(scene.read(bob).trim_end().ends_with('#'));
    assert!(scene.read(carol).trim_end().ends_with('$'));
    assert!(scene.switch.streaming.is_empty());
}
