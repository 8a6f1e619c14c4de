//! Somebody who does not read delays others once and shortly, and holds no more than its share (the flow contract).

use std::thread;
use std::time::{Duration, Instant};

use crate::support::cpim;
use crate::support::participant::Participant;
use crate::support::server::Setup;
use crate::support::unique;

const MIB: usize = 1024 * 1024;

fn setup() -> Setup {
    Setup::default()
        .set("limits.stall_after", "\"300ms\"")
        .set("limits.close_stalled_after", "\"1h\"")
        .set("limits.outbox", "\"256 KiB\"")
}

/// One that has stopped reading: others get everything, in the time they would have taken anyway, and the server holds
/// no more than the outbox for it.
#[test]
fn stopped_reader() {
    let server = setup().start();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let _carol = Participant::join(&server, "carol");
    let before = server.rss();
    let started = Instant::now();
    let bodies = large_messages(&alice, 24);
    exchange(&mut alice, &mut bob, &bodies);
    assert!(started.elapsed() < crate::support::PATIENCE, "{:?}", started.elapsed());
    server.shows("parlor_congested_sessions", 1.0);
    assert!(server.metrics().value("parlor_deliveries_dropped_total{reason=\"stalled\"}") > 0.0);
    assert!(server.rss() < before + 16 * 1024 * 1024, "grew by {} KiB", (server.rss() - before) / 1024);
    // Once it is known to be stalled, it costs others nothing.
    let again = Instant::now();
    alice.say("quickly");
    bob.hears("quickly");
    assert!(again.elapsed() < Duration::from_secs(2));
}

/// It reads on: what it got is in order, what was cut off ends in `#`, what was skipped is missing as a whole, the room
/// tells it so, and from then on it gets everything again.
#[test]
fn reads_on_and_is_told() {
    let server = setup().start();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let mut carol = Participant::join(&server, "carol");
    let bodies = large_messages(&alice, 24);
    exchange(&mut alice, &mut bob, &bodies);
    server.shows("parlor_congested_sessions", 1.0);
    let room = alice.room.clone();
    let (mut whole, mut cut) = (Vec::new(), 0);
    let notice = loop {
        let first = carol.msrp.next_send();
        let id = first.header("Message-ID").to_owned();
        let mut bytes = first.content().to_vec();
        let mut last = first;
        while last.flag == '+' {
            last =
                carol.msrp.receive_where("its rest", |send| send.method == "SEND" && send.header("Message-ID") == id);
            if last.flag != '#' {
                assert_eq!(last.byte_range().0, u64::try_from(bytes.len()).unwrap() + 1);
            }
            bytes.extend_from_slice(last.content());
        }
        if last.flag == '#' {
            assert!(bodies.iter().any(|body| body.starts_with(&bytes)));
            cut += 1;
        } else if cpim::header(&bytes, "From").contains(&room) {
            break bytes;
        } else {
            whole.push(bytes);
        }
    };
    assert!(!cpim::content(&notice).is_empty());
    assert!(whole.len() + cut < bodies.len() + 1, "nothing was skipped");
    let positions: Vec<_> = whole.iter().map(|body| bodies.iter().position(|sent| sent == body).unwrap()).collect();
    assert!(positions.is_sorted(), "{positions:?}");
    server.shows("parlor_congested_sessions", 0.0);
    alice.say("welcome back");
    carol.hears("welcome back");
    bob.hears("welcome back");
}

/// Without progress for long enough, its session is closed, and it gets BYE.
#[test]
fn closed_in_the_end() {
    let server = setup().set("limits.close_stalled_after", "\"2s\"").start();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let mut carol = Participant::join(&server, "carol");
    let bodies = large_messages(&alice, 16);
    exchange(&mut alice, &mut bob, &bodies);
    let bye = carol.user.expect_request("BYE");
    carol.user.answer(&bye);
    server.shows("parlor_participants", 2.0);
    server.shows("parlor_sessions_closed_total{reason=\"stalled\"}", 1.0);
    server.shows("parlor_outbox_bytes", 0.0);
    alice.say("without carol");
    bob.hears("without carol");
}

/// One that reads slowly, but above the floor, gets everything: it is the sender who slows down.
#[test]
fn slow_reader_gets_everything() {
    let server = setup().set("limits.floor", "\"1 KiB\"").set("limits.stall_after", "\"5s\"").start();
    let mut alice = Participant::join(&server, "alice");
    let mut carol = Participant::join(&server, "carol");
    let bodies = large_messages(&alice, 6);
    thread::scope(|scope| {
        let (alice, bodies) = (&mut alice, &bodies);
        scope.spawn(move || {
            for body in bodies {
                let send = alice.sending(body);
                assert_eq!(alice.ask(&send), 200);
            }
        });
        for body in bodies {
            // The pace of a slow link; nothing is waited for here.
            thread::sleep(Duration::from_millis(150));
            assert!(carol.hear() == *body);
        }
    });
    assert_eq!(server.metrics().sum("parlor_deliveries_dropped_total"), 0.0);
}

/// Many stopped readers hold no more than the bound of them all together.
#[test]
fn many_stopped_readers() {
    let server = setup().set("limits.stalled_outboxes", "\"2 MiB\"").start();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let stopped: Vec<_> = (0..30).map(|number| Participant::join(&server, &format!("stopped{number}"))).collect();
    let before = server.rss();
    let bodies = large_messages(&alice, 16);
    exchange(&mut alice, &mut bob, &bodies);
    server.shows("parlor_congested_sessions", 30.0);
    assert!(server.rss() < before + 16 * 1024 * 1024, "grew by {} KiB", (server.rss() - before) / 1024);
    drop(stopped);
    alice.say("they are gone");
    bob.hears("they are gone");
}

/// Short messages fill an outbox too; what no longer fits is skipped, and the others hear all of it.
#[test]
fn stopped_reader_of_short_messages() {
    let server = setup().start();
    let mut alice = Participant::join(&server, "alice");
    let mut bob = Participant::join(&server, "bob");
    let _carol = Participant::join(&server, "carol");
    let filler = "x".repeat(1000);
    thread::scope(|scope| {
        let (alice, filler) = (&mut alice, &filler);
        scope.spawn(move || {
            for number in 0..6000 {
                let send = alice.saying(&format!("{number} {filler}")).header("Failure-Report: no");
                alice.msrp.write(send.bytes());
            }
        });
        for number in 0..6000 {
            let text = bob.hear_text();
            assert!(text.starts_with(&format!("{number} ")), "{number}: {}", &text[..10]);
        }
    });
    assert!(server.metrics().value("parlor_deliveries_dropped_total{reason=\"stalled\"}") > 0.0);
}

/// Half a megabyte each, all different.
fn large_messages(sender: &Participant, count: usize) -> Vec<Vec<u8>> {
    let body = |number: usize| {
        let mut body = sender.saying(&unique(&format!("{number} "))).body;
        body.resize(MIB / 2, b'a' + u8::try_from(number % 26).unwrap());
        body
    };
    (0..count).map(body).collect()
}

/// Alice sends them all, one after the other, and Bob hears each of them whole.
fn exchange(alice: &mut Participant, bob: &mut Participant, bodies: &[Vec<u8>]) {
    thread::scope(|scope| {
        scope.spawn(move || {
            for body in bodies {
                let send = alice.sending(body);
                assert_eq!(alice.ask(&send), 200);
            }
        });
        for (number, body) in bodies.iter().enumerate() {
            assert!(bob.hear() == *body, "message {number}");
        }
    });
}
