//! What is gathered for those who get no frames (MSG-52).

use super::*;
use crate::{Heard, LARGEST_HEARD};
use parlor_room::ParticipantId;

fn heard(scene: &mut Scene) -> Vec<Heard> {
    std::iter::from_fn(|| scene.switch.poll_heard()).collect()
}

fn participant(scene: &Scene, session: SessionId) -> ParticipantId {
    scene.room.session(session).expect("a session").participant()
}

/// Somebody who takes part by MESSAGE alone.
fn by_message(scene: &mut Scene, name: &str) -> SessionId {
    let aor = format!("sip:{name}@example.test").parse().expect("a URI");
    let endpoint =
        Endpoint { entity: "".into(), joined: scene.now, method: JoiningMethod::DialedIn, referred_by: None };
    scene.room.admit_by_message(Identity::of(aor), endpoint).expect("space")
}

/// A message is heard once it is whole, by all but the device that sent it; nothing is where nobody listens.
#[test]
fn what_is_said_is_heard() {
    let mut scene = Scene::new(Settings::default());
    let (alice, bob) = (scene.join("alice"), scene.join("bob"));
    let carol = by_message(&mut scene, "carol");
    scene.feed(alice, &request("a", "", &said("alice", "nobody listens"), '$'));
    assert!(heard(&mut scene).is_empty());
    scene.switch.hear(true);
    let whole = said("alice", "hello");
    let (first, rest) = whole.split_at(20);
    scene.feed(alice, &request("b", &format!("1-20/{}", whole.len()), first, '+'));
    assert!(heard(&mut scene).is_empty());
    scene.feed(alice, &request("b", &format!("21-{0}/{0}", whole.len()), rest, '$'));
    let all = heard(&mut scene);
    let [said_so] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((said_so.message(), said_so.content()), (Some(whole.as_bytes()), Some(&b"hello"[..])));
    assert_eq!((said_so.from, said_so.to, &*said_so.essence), (participant(&scene, alice), None, "text/plain"));
    assert!(said_so.is_for(carol, participant(&scene, carol)) && !said_so.is_for(alice, said_so.from));
    assert!(scene.read(bob).contains("\r\nFrom: <sip:alice@example.test>"), "frames go as ever");
    scene.feed(alice, &request("c", "1-200/400", &said("alice", "broken off"), '#'));
    assert!(heard(&mut scene).is_empty());
}

/// Of a large message its size alone is kept, however large it is.
#[test]
fn large_messages_are_not_gathered() {
    let mut scene = Scene::new(Settings::default());
    let alice = scene.join("alice");
    scene.switch.hear(true);
    for size in [LARGEST_HEARD - said("alice", "").len(), LARGEST_HEARD + 1, 300_000] {
        let whole = said("alice", &"x".repeat(size));
        scene.feed(alice, &request(&format!("m{size}"), "", &whole, '$'));
        let all = heard(&mut scene);
        let [heard] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!(heard.size, whole.len() as u64);
        assert_eq!(heard.message().is_some(), whole.len() <= LARGEST_HEARD);
        assert_eq!(heard.size - heard.headers_len as u64, size as u64);
    }
}

/// A private message is heard by whom it is for alone, and is no one's otherwise.
#[test]
fn private_messages_are_heard_by_one() {
    let mut scene = Scene::new(Settings::default());
    let (alice, bob) = (scene.join("alice"), scene.join("bob"));
    let carol = by_message(&mut scene, "carol");
    scene.switch.hear(true);
    let to = |name: &str| said("alice", "psst").replace("lobby", name);
    scene.feed(alice, &request("a", "", &to("carol"), '$'));
    assert_eq!(scene.codes(alice), [200]);
    let all = heard(&mut scene);
    let [private] = all.as_slice() else { panic!("{all:?}") };
    let (carols, bobs) = (participant(&scene, carol), participant(&scene, bob));
    assert_eq!(private.to, Some(carols));
    assert!(private.is_for(carol, carols) && !private.is_for(bob, bobs));
    scene.feed(alice, &request("b", "", &to("bob"), '$'));
    assert!(heard(&mut scene).is_empty() && scene.read(bob).contains("psst"));
    scene.feed(alice, &request("c", "", &to("dave"), '$'));
    assert_eq!(scene.codes(alice), [200, 404]);
    // What no MESSAGE holds is refused, whether that is known at the beginning or not.
    let picture = to("carol").replace("text/plain", "image/png");
    let long = to("carol") + &"x".repeat(LARGEST_HEARD);
    scene.feed(alice, &request("d", "", &picture, '$'));
    scene.feed(alice, &request("e", "", &long, '$'));
    scene.feed(alice, &request("f", "1-*/*", &long, '$'));
    assert_eq!(scene.codes(alice), [415, 413, 413]);
    assert!(heard(&mut scene).is_empty());
}
