//! What users can rely on when somebody is slow: flow control (a) to (d) on links whose rates are known.

use parlor_testkit::link::UNSENT;
use parlor_testkit::message::{Draft, Kind};
use parlor_testkit::scenario::{Action, FLOOR};
use parlor_testkit::{Scenario, World};
use std::time::Duration;

const FAST: (u64, u64) = (8 << 20, 8 << 20);
/// A quarter above the floor.
const SLOW: (u64, u64) = (8 << 20, FLOOR * 5 / 4);
const JOIN: Duration = Duration::ZERO;

fn short() -> Draft {
    Draft { kind: Kind::Plain, payload: 500, chunk: 4096, declared: true, to: None }
}

fn file(octets: usize) -> Draft {
    Draft { kind: Kind::Plain, payload: octets, chunk: 64 << 20, declared: true, to: None }
}

/// One short message each 100 ms.
fn chatter(scenario: &mut Scenario, sender: usize, from: u64, to: u64) {
    for at in (from..to).step_by(100) {
        scenario.at(at, Action::Send(sender, short()));
    }
}

fn play(scenario: Scenario) -> World {
    let mut world = World::new(scenario);
    world.run();
    world.conclude();
    world
}

/// (a): a file goes to all at the rate of the slowest that keeps the floor; a short message of somebody else does not
/// wait for it (c), not even on the slow link, where no more than a turn and the kernel's buffer stand before it.
#[test]
fn short_messages_pass_a_large_one() {
    let mut scenario = Scenario::empty(1);
    let [sender, talker, fast] = [0; 3].map(|_| scenario.add(0, FAST, JOIN));
    let slow = scenario.add(0, SLOW, JOIN);
    scenario.at(1000, Action::Send(sender, file(8 << 20)));
    chatter(&mut scenario, talker, 2000, 60_000);
    let world = play(scenario);
    let to_fast = world.delays(talker, fast);
    assert_eq!(to_fast.len(), 580);
    let slowest = to_fast.iter().max().expect("some came");
    assert!(*slowest < Duration::from_millis(100), "{slowest:?} to a fast recipient");
    let to_slow = world.delays(talker, slow);
    assert_eq!(to_slow.len(), 580);
    // The first turn is a large one: nothing shows yet that this peer is slow.
    let slowest = to_slow[..40].iter().max().expect("some came");
    assert!(*slowest < behind(256 * 1024), "{slowest:?} to a slow recipient, at first");
    let slowest = to_slow[40..].iter().max().expect("some came");
    assert!(*slowest < behind(64 * 1024), "{slowest:?} to a slow recipient");
    assert_eq!(world.delays(sender, slow).len(), 1);
    let whole = world.delays(sender, slow)[0].as_secs_f64();
    let least = (8 << 20) as f64 / SLOW.1 as f64;
    assert!(whole < least * 1.2, "the file took {whole} s, the link needs {least} s");
}

/// How long a short message takes on the slow link behind a turn, what the kernel holds, and some more short ones.
fn behind(turn: usize) -> Duration {
    let ahead = turn + UNSENT + 2 * 8192;
    Duration::from_secs_f64(ahead as f64 / SLOW.1 as f64) + Duration::from_millis(200)
}

/// (b): a recipient that stops reading delays any one message by at most the patience, once; after that nobody notices.
#[test]
fn a_recipient_that_stops_delays_others_once() {
    let mut scenario = Scenario::empty(2);
    let [sender, talker, fast, stops] = [0; 4].map(|_| scenario.add(0, FAST, JOIN));
    scenario.at(1000, Action::Stop(stops));
    scenario.at(1500, Action::Send(sender, file(48 << 20)));
    chatter(&mut scenario, talker, 2000, 30_000);
    let world = play(scenario);
    let delays = world.delays(talker, fast);
    assert_eq!(delays.len(), 280);
    assert!(delays.iter().all(|delay| *delay < Duration::from_millis(1250)), "{:?}", delays.iter().max());
    let noticed = delays.iter().filter(|delay| **delay > Duration::from_millis(100)).count();
    assert!(noticed <= 11, "{noticed} messages were late");
    let file = world.delays(sender, fast)[0];
    assert!(file < Duration::from_secs(6 + 2), "the file took {file:?}");
}

/// (a): large messages of several senders all arrive, and none of them starves.
#[test]
fn several_files_share_the_room() {
    let mut scenario = Scenario::empty(3);
    let senders = [0; 6].map(|_| scenario.add(0, FAST, JOIN));
    let slow = scenario.add(0, SLOW, JOIN);
    for sender in senders {
        scenario.at(1000, Action::Send(sender, file(1 << 20)));
    }
    let world = play(scenario);
    let ends: Vec<f64> = senders.iter().map(|sender| world.delays(*sender, slow)[0].as_secs_f64()).collect();
    let least = (6 << 20) as f64 / SLOW.1 as f64;
    let last = ends.iter().copied().fold(0.0, f64::max);
    assert!(last < least * 1.2, "the files took {last} s, the link needs {least} s");
    let first = ends.iter().copied().fold(f64::MAX, f64::min);
    assert!(first > last * 0.6, "they share: {ends:?}");
}

/// (b), (d): whoever stops reading for good costs its outbox and no more, and is closed after a minute.
#[test]
fn a_recipient_that_never_reads_again_is_closed() {
    let mut scenario = Scenario::empty(4);
    let [sender, fast, stops] = [0; 3].map(|_| scenario.add(0, FAST, JOIN));
    scenario.at(1000, Action::Stop(stops));
    for at in 0..8 {
        scenario.at(2000 + 2000 * at, Action::Send(sender, file(2 << 20)));
    }
    let world = play(scenario);
    assert_eq!(world.delays(sender, fast).len(), 8);
    assert_eq!(world.delays(sender, stops).len(), 0);
    assert!(!world.is_inside(stops), "its session was closed");
}
