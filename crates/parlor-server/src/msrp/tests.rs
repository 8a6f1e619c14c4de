//! Connections by hand: what their peers do is a stream, what their rooms hear a mailbox.

use super::connection::{Connection, Seat};
use super::reader;
use super::table::SessionEntry;
use crate::room::tests::Scene;
use crate::room::{MsrpInput, RoomEvent};
use bytes::Bytes;
use parlor_room::SessionId;
use parlor_switch::{Outbox, Poll, Turn};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{self, Waker};
use std::time::Instant;
use tokio::io::{AsyncWriteExt as _, duplex, split};
use tokio::sync::mpsc;

/// One session with its room's mailbox.
struct Agreed {
    scene: Scene,
    entry: Arc<SessionEntry>,
    told: mpsc::Receiver<MsrpInput>,
}

impl Agreed {
    fn new() -> Self {
        Self::of(Scene::new())
    }

    fn of(scene: Scene) -> Self {
        let (room, told) = scene.handle();
        let uri = |text: &str| text.parse().expect("a URI");
        let peer = "msrp://192.0.2.9:7654/peer;tcp".parse().expect("a path");
        let entry = SessionEntry::new(room, SessionId(1), uri("msrp://192.0.2.1:2855/ours;tcp"), peer);
        let entry = Arc::new(entry);
        scene.shared.table.insert(&entry);
        Self { scene, entry, told }
    }

    fn seated(&self) -> (Connection, Seat) {
        let connection = self.scene.shared.connections.connection(false);
        let seat = connection.seat(Arc::clone(&self.entry));
        (connection, seat)
    }
}

/// A session whose URI is nobody's any more, or has another path behind it, is still at its place until its room takes it
/// away; whatever else the connection asks for, the room hears what becomes of that place.
#[tokio::test]
async fn a_room_hears_of_a_place_whose_uri_has_ended() {
    let mut agreed = Agreed::new();
    let (connection, seat) = agreed.seated();
    agreed.scene.shared.table.remove(&agreed.entry.local);
    assert!(connection.seat_of("ours").is_none() && connection.seat_of("another").is_none() && !connection.is_full());
    connection.tell_room(seat.slot, RoomEvent::GivenUp).await;
    let told = agreed.told.try_recv();
    assert!(matches!(told, Ok(MsrpInput::Event(place, RoomEvent::GivenUp)) if place.slot == seat.slot));
}

/// A peer that does not read its answers is read no further, whether its room gives them or we: neither what was read before
/// the room gave them is handed on, nor is the rest of a read taken apart.
#[tokio::test]
async fn answers_that_are_not_taken_stop_the_reader() {
    let mut agreed = Agreed::new();
    let connection = agreed.scene.shared.connections.connection(false);
    let (mut peer, ours) = duplex(64 * 1024);
    let mut reading = pin!(reader::read(&connection, split(ours).0));
    let mut read_on = async || poll_fn(|cx| task::Poll::Ready(reading.as_mut().poll(cx).is_pending())).await;
    peer.write_all(request("ours").as_bytes()).await.expect("it fits");
    assert!(read_on().await);
    assert!(matches!(agreed.told.try_recv(), Ok(MsrpInput::Bound(_))));
    assert!(matches!(agreed.told.try_recv(), Ok(MsrpInput::Brought(_))));
    let enough = connection.outbox.limits().control();
    connection.outbox.push_control(Bytes::from(vec![0; enough]));
    peer.write_all(request("ours").as_bytes()).await.expect("it fits");
    assert!(read_on().await && agreed.told.try_recv().is_err());
    take_all(&connection.outbox);
    assert!(read_on().await && matches!(agreed.told.try_recv(), Ok(MsrpInput::Brought(_))));

    connection.outbox.push_control(Bytes::from(vec![0; enough - 1]));
    peer.write_all(request("nobodys").repeat(100).as_bytes()).await.expect("it fits");
    assert!(read_on().await);
    assert!((enough..enough + 500).contains(&connection.outbox.queued()), "one answer");
}

fn request(session_id: &str) -> String {
    format!(
        "MSRP abcd0000 SEND\r\nTo-Path: msrp://192.0.2.1:2855/{session_id};tcp\r\n\
         From-Path: msrp://192.0.2.9:7654/peer;tcp\r\nMessage-ID: abcd0000\r\n-------abcd0000$\r\n"
    )
}

/// The peer reads everything that waits.
fn take_all(outbox: &Outbox) {
    let mut turn = Turn::default();
    while outbox.take_turn(&mut turn, Waker::noop()) == Poll::Ready {
        outbox.wrote(Instant::now(), &mut turn, outbox.queued(), false);
    }
}
