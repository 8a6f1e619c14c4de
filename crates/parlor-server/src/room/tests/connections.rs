//! What connections tell that is no longer true, or comes too late.

use super::*;
use crate::room::RoomEvent;
use parlor_focus::{EndReason, SessionSpec};

/// A session that ended while its first request was on the way leaves no place on the connection, which is then closed
/// for having none (MSRP-98).
#[test]
fn a_session_that_has_ended_leaves_its_place() {
    let mut scene = Scene::new();
    let (mut task, _) = scene.task();
    let entry = scene.join(&mut task, "alice");
    task.close(entry.session, EndReason::Left);
    let late = Bound::new(&entry);
    task.hear([late.told()]);
    assert!(late.place.outbox.is_vacant());
}

/// The same if the whole room has ended.
#[tokio::test]
async fn a_room_that_has_ended_leaves_its_places() {
    let mut scene = Scene::new();
    let (mut task, handle) = scene.task();
    let entry = scene.join(&mut task, "alice");
    let late = Bound::new(&entry);
    let Place { outbox, slot, .. } = late.place.clone();
    handle.inbox().bound(entry, outbox, slot, None).await;
    assert!(late.place.outbox.is_vacant());
}

/// However often a session is bound and lost, it waits for its welcome once.
#[test]
fn a_newcomer_waits_once() {
    let mut scene = Scene::new();
    let (mut task, _) = scene.task();
    let entry = scene.join(&mut task, "alice");
    for _ in 0..10 {
        let bound = Bound::new(&entry);
        task.hear([bound.told(), MsrpInput::Unbound(bound.place.clone())]);
    }
    assert_eq!(task.newcomers.len(), 1);
}

/// What a former connection has to tell is not true of a session that has another one, nor is it of a session that
/// could not be connected to and has connected itself.
#[test]
fn a_session_outlives_the_fate_of_its_former_connection() {
    let mut scene = Scene::new();
    let (mut task, _) = scene.task();
    let entry = scene.join(&mut task, "alice");
    let (former, now) = (Bound::bind(&mut task, &entry), Bound::bind(&mut task, &entry));
    assert!(former.place.outbox.is_vacant());
    task.hear([
        MsrpInput::Event(former.place.clone(), RoomEvent::GivenUp),
        MsrpInput::Event(former.place.clone(), RoomEvent::Recovered { missed: 3 }),
        MsrpInput::Unbound(former.place.clone()),
        MsrpInput::Unreachable(Arc::clone(&entry)),
    ]);
    assert!(task.is_at(&now.place) && task.room.sessions().count() == 1);
    assert!(!now.written().contains("You missed"));
    task.hear([MsrpInput::Event(now.place.clone(), RoomEvent::GivenUp)]);
    assert_eq!(task.room.sessions().count(), 0);
}

/// What is still on the way from a former connection is no part of the chunk that the new one brings, and a chunk that
/// the former one began is not gone on with.
#[test]
fn octets_of_a_former_connection_stay_out() {
    let mut scene = Scene::new();
    let (mut task, _) = scene.task();
    let (alice, bob) = (scene.join(&mut task, "alice"), scene.join(&mut task, "bob"));
    let (former, bob) = (Bound::bind(&mut task, &alice), Bound::bind(&mut task, &bob));
    bob.written();
    let mut old = message(&former, "alice", "old", "from the former connection").into_iter();
    task.hear([former.brought(old.by_ref().take(1))]);
    let now = Bound::bind(&mut task, &alice);
    let mut new = message(&now, "alice", "new", "from the new connection").into_iter();
    task.hear([now.brought(new.by_ref().take(1)), former.brought(old), now.brought(new)]);
    let heard = bob.written();
    assert!(heard.contains("\r\n\r\nfrom the new connection\r\n-------"), "{heard}");
    assert!(!heard.contains("former"), "{heard}");
    assert!(now.written().contains("MSRP new0000 200 "));
}

/// However many offers come before one of their URIs is used, the binding holds, and the last URI may be used (MSRP-119).
#[test]
fn a_binding_outlives_offers_that_nobody_used() {
    let mut scene = Scene::new();
    let (mut task, _) = scene.task();
    let entry = scene.join(&mut task, "alice");
    let bound = Bound::bind(&mut task, &entry);
    let mut entries = vec![Arc::clone(&entry)];
    for turn in ["second", "third"] {
        task.update(entry.session, &spec(&format!("msrp://192.0.2.1:2855/{turn};tcp"), turn));
        entries.push(task.current_entry(entry.session).expect("the session is open"));
    }
    assert_eq!(entries.iter().map(|entry| entry.is_closed()).collect::<Vec<_>>(), [false, true, false]);
    assert!(task.is_at(&bound.place));
    Bound::bind(&mut task, &entries[2]);
    assert!(entry.is_closed() && bound.place.outbox.is_vacant());
}

/// A URI that ended while its first request was on the way takes nobody's place.
#[test]
fn a_uri_that_has_ended_binds_nothing() {
    let mut scene = Scene::new();
    let (mut task, _) = scene.task();
    let entry = scene.join(&mut task, "alice");
    let bound = Bound::bind(&mut task, &entry);
    let late = Bound::new(&entry);
    task.update(entry.session, &spec(entry.local.as_str(), "second"));
    task.hear([late.told()]);
    assert!(late.place.outbox.is_vacant() && task.is_at(&bound.place));
}

fn spec(local: &str, peer: &str) -> SessionSpec {
    let peer = format!("msrp://192.0.2.9:7654/{peer};tcp");
    SessionSpec { local: local.parse().expect("a URI"), peer: peer.parse().expect("a path") }
}
