//! Messages that do not come by MSRP (MSG-40, MSG-43).

use super::*;
use crate::{Refusal, Speaker};
use parlor_room::ParticipantId;

fn participant(scene: &Scene, session: SessionId) -> ParticipantId {
    scene.room.session(session).expect("a session").participant()
}

fn cpim(from: &str, to: &str, body: &str) -> Bytes {
    Bytes::from(format!(
        "From: <sip:{from}@example.test>\r\nTo: <sip:{to}@example.test>\r\n\r\nContent-Type: text/plain\r\n\r\n{body}"
    ))
}

fn post(scene: &mut Scene, speaker: Speaker, message: &Bytes) -> Result<(), Refusal> {
    scene.switch.post(scene.now, &mut scene.room, speaker, message)
}

/// MSG-40: everybody gets what is said so, but for the device that says it.
#[test]
fn what_is_posted_reaches_all_others() {
    let mut scene = Scene::new(Settings::default());
    let (alice, bob, carol) = (scene.join("alice"), scene.join("bob"), scene.join("carol"));
    let of = participant(&scene, alice);
    let message = cpim("alice", "lobby", "from elsewhere");
    assert_eq!(post(&mut scene, Speaker { participant: of, device: None }, &message), Ok(()));
    for session in [alice, bob, carol] {
        assert!(scene.read(session).contains("\r\nfrom elsewhere\r\n"));
    }
    let message = cpim("alice", "lobby", "from here");
    assert_eq!(post(&mut scene, Speaker { participant: of, device: Some(alice) }, &message), Ok(()));
    assert_eq!(scene.read(alice), "");
    assert!(scene.read(bob).contains("\r\nfrom here\r\n") && scene.read(carol).contains("\r\nfrom here\r\n"));
    let private = cpim("alice", "carol", "for one");
    assert_eq!(post(&mut scene, Speaker { participant: of, device: Some(alice) }, &private), Ok(()));
    assert!(scene.read(bob).is_empty() && scene.read(carol).contains("\r\nfor one\r\n"));
}

/// MSG-42, MSG-43: it is checked as what comes by MSRP is.
#[test]
fn what_is_posted_is_checked() {
    let mut scene = Scene::new(Settings::default());
    let (alice, bob) = (scene.join("alice"), scene.join("bob"));
    let speaker = Speaker { participant: participant(&scene, alice), device: None };
    let two = Bytes::from_static(
        b"From: <sip:alice@example.test>\r\nTo: <sip:bob@example.test>\r\nTo: <sip:lobby@example.test>\r\n\r\n\
          Content-Type: text/plain\r\n\r\nhi",
    );
    for (message, refusal) in [
        (cpim("bob", "lobby", "hi"), Refusal::ForeignSender),
        (cpim("alice", "nobody", "hi"), Refusal::UnknownRecipient),
        (two, Refusal::SeveralRecipients),
        (Bytes::from_static(b"hello"), Refusal::MalformedCpim),
        (Bytes::from_static(b"From: <sip:alice@example.test>\r\n"), Refusal::MalformedCpim),
        (cpim("alice", "lobby", &"x".repeat(100 << 20)), Refusal::TooLarge),
    ] {
        assert_eq!(post(&mut scene, speaker, &message), Err(refusal));
    }
    assert_eq!(scene.read(bob), "");
    scene.leave(alice);
    assert_eq!(post(&mut scene, speaker, &cpim("alice", "lobby", "hi")), Err(Refusal::NotAllowed));
}

/// What is posted counts on the room's budget: nobody's outbox is overfilled by it, and it comes back.
#[test]
fn what_is_posted_is_bounded() {
    let mut scene = Scene::new(Settings::default());
    let (alice, bob) = (scene.join("alice"), scene.join("bob"));
    let speaker = Speaker { participant: participant(&scene, alice), device: Some(alice) };
    let message = cpim("alice", "lobby", &"x".repeat(60_000));
    let taken = (0..100).take_while(|_| post(&mut scene, speaker, &message).is_ok()).count();
    assert!((8..20).contains(&taken), "{taken}");
    assert_eq!(post(&mut scene, speaker, &message), Err(Refusal::HeldBack));
    let got = scene.read(bob);
    assert_eq!(got.matches("\r\nFrom: ").count(), taken);
    assert_eq!(post(&mut scene, speaker, &message), Ok(()));
    assert!(scene.read(bob).contains("\r\nFrom: "));
}
