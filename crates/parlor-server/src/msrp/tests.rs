//! Connections by hand: what their peers do is a stream, what their rooms hear a mailbox.

use super::connection::{Connection, Seat};
use super::table::SessionEntry;
use crate::room::tests::Scene;
use crate::room::{MsrpInput, RoomEvent};
use parlor_room::SessionId;
use std::sync::Arc;
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
