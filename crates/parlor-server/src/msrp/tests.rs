//! Connections by hand: what their peers do is a stream, what their rooms hear a mailbox.

use super::connection::{Connection, Seat};
use super::table::{Binding, SessionEntry};
use super::{reader, writer};
use crate::room::tests::Scene;
use crate::room::{MsrpInput, RoomEvent};
use bytes::Bytes;
use parlor_room::SessionId;
use parlor_switch::{Outbox, OutboxLimits, Poll, Turn};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::pin::pin;
use std::sync::Arc;
use std::task::{self, Context, Waker};
use std::thread;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf, duplex, sink, split};
use tokio::sync::mpsc;
use tokio::time::timeout;

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
        let entry =
            SessionEntry::new(Arc::clone(room.inbox()), SessionId(1), uri("msrp://192.0.2.1:2855/ours;tcp"), peer);
        let entry = Arc::new(entry);
        scene.shared.table.insert(&entry);
        Self { scene, entry, told }
    }

    fn seated(&self) -> (Connection, Seat) {
        let connection = self.scene.shared.connections.connection(None);
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
    let connection = agreed.scene.shared.connections.connection(None);
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

/// A peer that once it has stalled takes a little, and when its time is over, nothing.
struct Exhausted {
    outbox: Arc<Outbox>,
    took: bool,
}

impl AsyncWrite for Exhausted {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> task::Poll<io::Result<usize>> {
        if self.outbox.is_stalled() && !self.took {
            self.took = true;
            return task::Poll::Ready(Ok(1));
        }
        if self.took {
            thread::sleep(self.outbox.limits().give_up);
        }
        task::Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> task::Poll<io::Result<()>> {
        task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> task::Poll<io::Result<()>> {
        task::Poll::Ready(Ok(()))
    }
}

/// A recipient whose time is found to be over at the very moment when the writer begins to wait for it is given up.
#[tokio::test]
async fn who_is_given_up_on_the_first_look_is_told_of() {
    let (patience, give_up) = (Duration::from_millis(1), Duration::from_millis(20));
    let mut agreed = Agreed::of(Scene::with(OutboxLimits { patience, give_up, ..OutboxLimits::default() }));
    let (connection, seat) = agreed.seated();
    connection.outbox.push_control(Bytes::from_static(b"two or more octets"));
    let peer = Exhausted { outbox: Arc::clone(&connection.outbox), took: false };
    let told = tokio::select! {
        written = writer::write(&connection, peer) => panic!("it ended: {written:?}"),
        told = timeout(Duration::from_secs(20), agreed.told.recv()) => told.expect("told in time"),
    };
    assert!(matches!(told, Some(MsrpInput::Event(place, RoomEvent::GivenUp)) if place.slot == seat.slot));
}

/// MSRP-100: who breaks the framing and has more to say can say it all, and then gets 400: closing with unread data would
/// take the 400 from it.
#[tokio::test]
async fn what_follows_broken_framing_is_read() {
    let agreed = Agreed::new();
    let (mut peer, ours) = duplex(4096);
    let serving = Arc::clone(&agreed.scene.shared.connections).serve(split(ours), None, None);
    let talking = async {
        let endless = request("ours").replace("-------", &"X: y\r\n".repeat(200_000));
        peer.write_all(endless.as_bytes()).await.expect("all of it is read");
        peer.shutdown().await.expect("there is an end to it");
        let mut answer = String::new();
        peer.read_to_string(&mut answer).await.expect("nothing is lost");
        answer
    };
    let ((), answer) =
        timeout(Duration::from_secs(20), async { tokio::join!(serving, talking) }).await.expect("in time");
    assert!(answer.starts_with("MSRP abcd0000 400 "), "{answer}");
}

struct Faulty;

impl AsyncRead for Faulty {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> task::Poll<io::Result<()>> {
        panic!("a fault, as the test wants")
    }
}

/// A connection whose reader or writer panics leaves nothing behind: its room is told, its sessions are not bound
/// elsewhere for ever, and it is counted.
#[tokio::test]
async fn a_panic_ends_the_connection_and_nothing_else() {
    let mut agreed = Agreed::new();
    let connections = &agreed.scene.shared.connections;
    Arc::clone(connections).serve((Faulty, sink()), None, Some(Arc::clone(&agreed.entry))).await;
    let Ok(MsrpInput::Bound(_)) = agreed.told.try_recv() else { panic!("not bound") };
    assert!(matches!(agreed.told.try_recv(), Ok(MsrpInput::Unbound(_))));
    assert_eq!(agreed.entry.bind(99), Binding::Ended, "until SDP is exchanged anew");
    let metrics = &agreed.scene.shared.metrics;
    assert_eq!((metrics.connection_panics.get(), metrics.msrp_connections.get()), (1, 0));
}

/// A peer that always has more to say, and to nobody: `left` reads of it.
struct Flood {
    head: Option<String>,
    left: usize,
}

impl AsyncRead for Flood {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> task::Poll<io::Result<()>> {
        match self.head.take() {
            Some(head) => into.put_slice(head.as_bytes()),
            None if self.left > 0 => {
                self.left -= 1;
                into.put_slice(&[b'x'; 4096]);
            }
            None => {}
        }
        task::Poll::Ready(Ok(()))
    }
}

/// A peer that never lets the reader wait does not keep what is for it from being written, nor its time from running out.
#[tokio::test]
async fn a_flood_leaves_the_writer_its_turn() {
    const READS: usize = 1000;
    let agreed = Agreed::new();
    let head = request("nobodys").replace("-------abcd0000$\r\n", "Content-Type: message/cpim\r\n\r\n");
    let (mut peer, ours) = duplex(4096);
    let serving =
        Arc::clone(&agreed.scene.shared.connections).serve((Flood { head: Some(head), left: READS }, ours), None, None);
    let mut answer = [0; 8];
    let answered = async {
        peer.read_exact(&mut answer).await.expect("an answer");
        agreed.scene.shared.metrics.msrp_bytes_received.get()
    };
    let received = tokio::select! {
        biased;
        received = answered => received,
        () = serving => panic!("the flood was read to its end first"),
    };
    assert!(answer.starts_with(b"MSRP abc") && received < 4096 * READS as u64 / 2, "{received}");
}
