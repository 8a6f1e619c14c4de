//! An outbox and a kernel that takes what the test says, on a virtual clock.

use super::{Outbox, OutboxEvent, OutboxLimits, Poll, Pushed, Scratch, Slot, StalledMemory, Turn};
use crate::Credit;
use crate::frame::{CPIM, Frame, FrameHeaders, FrameTid, MessageKey, Place};
use bytes::Bytes;
use parlor_msrp::{Decoder, Event, Flag, Limits, Path, Uri};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

const LIMIT: usize = 256 * 1024;

/// An outbox, its writer and its kernel.
struct Scene {
    now: Instant,
    outbox: Arc<Outbox>,
    slot: Slot,
    turn: Turn,
    scratch: Scratch,
}

impl Scene {
    fn new() -> Self {
        Self::with(StalledMemory::new(usize::MAX))
    }

    fn with(stalled: StalledMemory) -> Self {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
        let now = Instant::now();
        let outbox = Outbox::new(OutboxLimits { bytes: LIMIT, ..OutboxLimits::default() }, stalled);
        let slot = seat(&outbox, "one");
        Self { now, outbox, slot, turn: Turn::default(), scratch: Scratch::default() }
    }

    fn push(&self, frames: &[&Arc<Frame>]) -> u32 {
        let mut pushed = Pushed::default();
        frames.iter().for_each(|frame| frame.credit.take(1));
        self.outbox.push(self.slot, frames.iter().copied(), &mut pushed);
        pushed.stalled + pushed.memory
    }

    /// The kernel takes up to `most` octets of the next turn and, if that is not all, no more for now.
    fn write(&mut self, most: usize) -> Vec<u8> {
        if self.outbox.take_turn(&mut self.turn, Waker::noop()) != Poll::Ready {
            return Vec::new();
        }
        let mut octets: Vec<u8> = self.turn.lay_out(&mut self.scratch).slices().concat_slices();
        octets.truncate(most);
        if !octets.is_empty() {
            self.outbox.wrote(self.now, &mut self.turn, octets.len(), false);
        }
        if !self.turn.is_empty() {
            self.outbox.wrote(self.now, &mut self.turn, 0, true);
        }
        octets
    }

    fn write_all(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            match self.write(usize::MAX) {
                octets if octets.is_empty() => return all,
                octets => all.extend(octets),
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.outbox.check(self.now, &mut self.turn);
    }

    /// Something is written in part, and then nothing for the patience.
    fn stall(&mut self) {
        self.write(10);
        self.pass(self.outbox.limits().patience);
        assert!(self.outbox.is_stalled());
    }
}

trait Concat {
    fn concat_slices(&self) -> Vec<u8>;
}

impl Concat for Vec<std::io::IoSlice<'_>> {
    fn concat_slices(&self) -> Vec<u8> {
        self.iter().flat_map(|slice| slice.iter().copied()).collect()
    }
}

fn seat(outbox: &Outbox, session: &str) -> Slot {
    let to = Path::from(Uri::new(false, "192.0.2.9", 9, session, "tcp"));
    outbox.attach(&to, &Uri::new(false, "192.0.2.1", 2855, "room", "tcp"))
}

/// A frame of message `key` whose body begins at `start`.
fn frame_with(key: u64, start: u64, body: Vec<u8>, flag: Flag, credit: Credit) -> Arc<Frame> {
    let random = format!("message{key:05}");
    let message_id = Bytes::from(random.clone());
    let (end, total) = (start - 1 + body.len() as u64, None);
    let end = (body.len() <= 2048).then_some(end);
    let headers =
        FrameHeaders { message_id: &message_id, failure_report: "partial", start, end, total, content: &CPIM };
    Arc::new(Frame {
        message: MessageKey(key),
        place: if start == 1 { Place::First } else { Place::Later },
        flag,
        tid: FrameTid::new(random.as_bytes().try_into().expect("12 octets"), start / 1000),
        headers: headers.encode(),
        message_id,
        failure_report: "partial",
        content: CPIM,
        start,
        body: Bytes::from(body),
        credit,
    })
}

fn frame(key: u64, start: u64, len: usize, flag: Flag) -> Arc<Frame> {
    let credit = Credit::none();
    let frame = frame_with(key, start, vec![b'a' + (key % 26) as u8; len], flag, credit);
    frame.credit.settle(1);
    frame
}

/// The messages of `octets`: responses as 0, frames as (message, start, octets, flag).
fn read(octets: Vec<u8>) -> Vec<(u64, u64, usize, Flag)> {
    let mut decoder = Decoder::new(Limits::default());
    decoder.push(octets.into());
    let (mut all, mut head, mut len) = (Vec::new(), (0, 0), 0);
    while let Some(event) = decoder.poll().expect("what an outbox writes can be read") {
        match event {
            Event::Request(request) => {
                let id = request.message_id.expect("frames have one");
                head = (id.as_str()["message".len()..].parse().expect("a number"), request.start());
                len = 0;
            }
            Event::Body(body) => len += body.len(),
            Event::End(flag) => all.push((head.0, head.1, len, flag)),
            Event::Response(_) => all.push((0, 0, 0, Flag::Complete)),
        }
    }
    assert!(decoder.is_idle(), "nothing is left unfinished");
    all
}

const RESPONSE: (u64, u64, usize, Flag) = (0, 0, 0, Flag::Complete);

fn response() -> Bytes {
    Bytes::from_static(
        b"MSRP abcd 200 OK\r\nTo-Path: msrp://192.0.2.9:9/one;tcp\r\n\
          From-Path: msrp://192.0.2.1:2855/room;tcp\r\n-------abcd$\r\n",
    )
}

/// Whether the last share of these is given back.
fn settled(frames: &[&Arc<Frame>]) -> Vec<bool> {
    frames.iter().map(|frame| frame.credit.is_settled()).collect()
}

/// Control goes first, then the heads in the room's order, then bulk.
#[test]
fn lanes_are_emptied_in_their_order() {
    let mut scene = Scene::new();
    scene.push(&[&frame(1, 1, 3000, Flag::More), &frame(1, 3001, 3000, Flag::More)]);
    scene.push(&[&frame(2, 1, 100, Flag::Complete)]);
    scene.outbox.push_control(response());
    let expected = [RESPONSE, (1, 1, 3000, Flag::More), (2, 1, 100, Flag::Complete), (1, 3001, 3000, Flag::More)];
    assert_eq!(read(scene.write_all()), expected);
    assert_eq!(scene.outbox.queued(), 0);
}

/// Later frames of several messages take turns.
#[test]
fn bulk_goes_round_robin() {
    let mut scene = Scene::new();
    for key in 1..=3 {
        scene.push(&[&frame(key, 1, 10, Flag::More)]);
    }
    scene.write_all();
    for key in 1..=3 {
        scene.push(&[&frame(key, 11, 5000, Flag::More), &frame(key, 5011, 5000, Flag::Complete)]);
    }
    let order: Vec<_> = read(scene.write_all()).into_iter().map(|(key, start, _, _)| (key, start)).collect();
    assert_eq!(order, [(1, 11), (2, 11), (3, 11), (1, 5011), (2, 5011), (3, 5011)]);
}

/// A turn that is full of heads still takes a frame of bulk, but none that would overtake its own first frame.
#[test]
fn later_frames_never_overtake_the_first() {
    let mut scene = Scene::new();
    // Found slow, it gets small turns.
    scene.push(&[&frame(9, 1, 2000, Flag::Complete)]);
    scene.write(10);
    scene.now += Duration::from_millis(900);
    scene.write_all();
    for key in 10..22 {
        scene.push(&[&frame(key, 1, 8000, Flag::More), &frame(key, 8001, 8000, Flag::Complete)]);
    }
    let first_turn = read(scene.write(usize::MAX));
    assert!(first_turn.len() < 12, "{first_turn:?}");
    assert_eq!(first_turn.last().map(|(_, start, _, _)| *start), Some(8001));
    let rest = read(scene.write_all());
    let all: Vec<_> = first_turn.into_iter().chain(rest).collect();
    for key in 10..22 {
        let starts: Vec<u64> = all.iter().filter(|(of, ..)| *of == key).map(|(_, start, ..)| *start).collect();
        assert_eq!(starts, [1, 8001]);
    }
}

/// However little the kernel takes each time, the octets are the same.
#[test]
fn partial_writes_go_on_exactly_where_they_ended() {
    let frames = [
        frame(1, 1, 5000, Flag::More),
        frame(2, 1, 30, Flag::Complete),
        frame(1, 5001, 2048, Flag::More),
        frame(1, 7049, 2049, Flag::Complete),
    ];
    let frames: Vec<_> = frames.iter().collect();
    let mut scene = Scene::new();
    scene.push(&frames);
    let whole = scene.write_all();
    for step in [1, 2, 7, 100, 1000, 2047, 4099] {
        let mut scene = Scene::new();
        scene.push(&frames);
        let mut octets = Vec::new();
        while octets.len() < whole.len() {
            let taken = scene.write(step);
            assert!(!taken.is_empty());
            octets.extend(taken);
            scene.now += Duration::from_micros(step as u64);
        }
        assert!(octets == whole, "in steps of {step}");
        assert_eq!((scene.outbox.queued(), scene.write_all()), (0, Vec::new()));
    }
}

/// Each share returns when its frame is written.
#[test]
fn credits_return_as_frames_are_written() {
    let mut scene = Scene::new();
    let (one, two) = (frame(1, 1, 3000, Flag::More), frame(1, 3001, 3000, Flag::Complete));
    scene.push(&[&one, &two]);
    scene.write(3500);
    assert_eq!(settled(&[&one, &two]), [true, false]);
    scene.write_all();
    assert_eq!(settled(&[&one, &two]), [true, true]);
}

/// A recipient that stalls gives back all credits, those in its writer's hands included, and loses nothing by that.
#[test]
fn a_stalled_recipient_holds_nobody_up() {
    let mut scene = Scene::new();
    let frames = [frame(1, 1, 3000, Flag::More), frame(1, 3001, 3000, Flag::More), frame(1, 6001, 9, Flag::Complete)];
    let [one, two, three] = &frames;
    scene.push(&[one, two]);
    scene.write(10);
    scene.push(&[three]);
    scene.pass(Duration::from_millis(999));
    assert_eq!(settled(&[one, two, three]), [false; 3]);
    scene.pass(Duration::from_millis(1));
    assert_eq!(settled(&[one, two, three]), [true; 3]);
    let late = frame(2, 1, 5, Flag::Complete);
    assert_eq!(scene.push(&[&late]), 0);
    assert_eq!(settled(&[&late]), [true]);
    // Ten octets are with the kernel already.
    assert!(scene.outbox.queued() > 6000);
    scene.write_all();
    assert!(!scene.outbox.is_stalled() && scene.outbox.queued() == 0);
    assert_eq!(scene.outbox.poll_event(), None, "it missed nothing");
}

/// What does not fit is skipped: nothing of a message, or `#` if it was begun. It is told how much once it has recovered.
#[test]
fn what_does_not_fit_is_skipped_and_told() {
    let mut scene = Scene::new();
    scene.push(&[&frame(1, 1, 8000, Flag::More)]);
    scene.stall();
    let mut start = 8001;
    while scene.push(&[&frame(1, start, 8000, Flag::More)]) == 0 {
        start += 8000;
        assert!(scene.outbox.queued() <= LIMIT);
    }
    // All of it that waited was given up, so that there is space again.
    assert!(scene.outbox.queued() < 20_000);
    assert_eq!(scene.push(&[&frame(1, start + 8000, 10, Flag::Complete)]), 0, "not counted again");
    for key in 2..40 {
        let skipped = scene.push(&[&frame(key, 1, 8000, Flag::Complete)]);
        assert_eq!(skipped, u32::from(key >= 32), "m{key}");
    }
    let mut got = read(scene_rest(&mut scene));
    assert_eq!(got.remove(0), (1, 1, 8000, Flag::More));
    assert_eq!(got.remove(0), (1, 8001, 0, Flag::Abort));
    assert_eq!(got.len(), 30);
    assert_eq!(scene.outbox.poll_event(), Some(OutboxEvent::Recovered { slot: scene.slot, missed: 9 }));
    assert_eq!(scene.outbox.poll_event(), None);
}

/// Everything that waits, the ten octets included that the kernel took when it stalled.
fn scene_rest(scene: &mut Scene) -> Vec<u8> {
    let layout = scene.turn.lay_out(&mut scene.scratch);
    let rest: Vec<u8> = layout.slices().concat_slices();
    let begun = b"MSRP message00001"[..10].to_vec();
    assert!(!rest.starts_with(b"MSRP"));
    [begun, scene.write_all()].concat()
}

/// All stalled recipients together hold no more than their common limit.
#[test]
fn stalled_recipients_share_a_limit() {
    let stalled = StalledMemory::new(20_000);
    let mut scene = Scene::with(stalled.clone());
    scene.push(&[&frame(1, 1, 8000, Flag::Complete)]);
    scene.stall();
    assert_eq!(scene.push(&[&frame(2, 1, 8000, Flag::Complete)]), 0);
    assert_eq!(scene.push(&[&frame(3, 1, 8000, Flag::Complete)]), 1);
    assert_eq!(stalled.octets(), scene.outbox.queued());
    scene.write_all();
    assert_eq!(stalled.octets(), 0);
}

/// A recipient that takes nothing for a minute is given up; one that takes something now and then is not.
#[test]
fn a_recipient_that_takes_nothing_is_given_up() {
    let mut scene = Scene::new();
    scene.push(&[&frame(1, 1, 8000, Flag::Complete)]);
    scene.stall();
    for _ in 0..5 {
        scene.pass(Duration::from_secs(59));
        assert!(!scene.outbox.is_given_up());
        scene.write(10);
    }
    scene.pass(Duration::from_secs(60));
    assert!(scene.outbox.is_given_up());
    assert_eq!(scene.outbox.poll_event(), Some(OutboxEvent::GivenUp { slot: scene.slot }));
    assert_eq!(scene.outbox.poll_event(), None);
}

/// What was written whole may still be inside TLS: a peer that does not take that either stalls and is given up, and one
/// that takes it after all has recovered.
#[test]
fn what_tls_holds_waits_for_the_peer_too() {
    let mut scene = Scene::new();
    scene.push(&[&frame(1, 1, 100, Flag::Complete)]);
    scene.write_all();
    scene.outbox.wrote(scene.now, &mut scene.turn, 0, true);
    scene.pass(scene.outbox.limits().patience);
    assert!(scene.outbox.is_stalled());
    scene.outbox.wrote(scene.now, &mut scene.turn, 0, true);
    assert!(scene.outbox.is_stalled(), "nothing was flushed");
    scene.outbox.wrote(scene.now, &mut scene.turn, 0, false);
    assert!(!scene.outbox.is_stalled(), "everything was flushed");
    scene.outbox.wrote(scene.now, &mut scene.turn, 0, true);
    scene.pass(scene.outbox.limits().patience);
    scene.pass(scene.outbox.limits().give_up);
    assert_eq!(scene.outbox.poll_event(), Some(OutboxEvent::GivenUp { slot: scene.slot }));
}

/// CHAT-68: a message is broken off where it stands: before what waits of it, or behind what was written.
#[test]
fn an_abort_stands_behind_the_last_octets() {
    let mut scene = Scene::new();
    let waiting = frame(1, 101, 50, Flag::More);
    scene.push(&[&frame(1, 1, 100, Flag::More), &waiting]);
    scene.outbox.abort(scene.slot, MessageKey(1));
    assert_eq!(settled(&[&waiting]), [true]);
    scene.push(&[&frame(1, 151, 50, Flag::Complete)]);
    assert_eq!(read(scene.write_all()), [(1, 1, 100, Flag::More), (1, 101, 0, Flag::Abort)]);
    scene.push(&[&frame(2, 1, 100, Flag::More)]);
    scene.write_all();
    scene.outbox.abort(scene.slot, MessageKey(2));
    scene.outbox.abort(scene.slot, MessageKey(2));
    scene.outbox.abort(scene.slot, MessageKey(3));
    assert_eq!(read(scene.write_all()), [(2, 101, 0, Flag::Abort)]);
    assert_eq!(scene.outbox.queued(), 0);
}

/// A session that goes takes what waits for it along; a frame that was begun is finished, and its neighbour gets all.
#[test]
fn a_session_that_goes_leaves_whole_frames() {
    let mut scene = Scene::new();
    let begun = frame(1, 1, 3000, Flag::More);
    scene.push(&[&begun]);
    let mut octets = scene.write(100);
    let waiting = [frame(1, 3001, 10, Flag::More), frame(2, 1, 10, Flag::Complete)];
    scene.push(&[&waiting[0], &waiting[1]]);
    let other = seat(&scene.outbox, "two");
    scene.outbox.push_control(response());
    scene.outbox.detach(scene.slot);
    assert_eq!(settled(&[&waiting[0], &waiting[1], &begun]), [true, true, false]);
    scene.push(&[&frame(3, 1, 10, Flag::Complete)]);
    scene.slot = other;
    scene.push(&[&frame(4, 1, 10, Flag::Complete)]);
    octets.extend(scene.write_all());
    assert_eq!(read(octets), [(1, 1, 3000, Flag::More), RESPONSE, (4, 1, 10, Flag::Complete)]);
    assert_eq!((scene.outbox.queued(), settled(&[&begun])), (0, vec![true]));
}

/// The end of a message that its recipient has not begun does not outlive the recipient's session.
#[test]
fn a_session_that_goes_takes_its_aborts_along() {
    let mut scene = Scene::new();
    scene.push(&[&frame(1, 1, 100, Flag::More), &frame(1, 101, 50, Flag::More)]);
    scene.outbox.abort(scene.slot, MessageKey(1));
    scene.outbox.push_control(response());
    scene.outbox.detach(scene.slot);
    assert_eq!(scene.outbox.queued(), response().len());
    assert_eq!(read(scene.write_all()), [RESPONSE]);
}

/// What a closed outbox held is given back; nothing more is taken.
#[test]
fn closing_gives_everything_back() {
    let mut scene = Scene::new();
    let (one, two) = (frame(1, 1, 3000, Flag::More), frame(1, 3001, 3000, Flag::Complete));
    scene.push(&[&one]);
    scene.write(10);
    scene.push(&[&two]);
    scene.outbox.close();
    scene.turn = Turn::default();
    assert_eq!(settled(&[&one, &two]), [true, true]);
    let late = frame(2, 1, 10, Flag::Complete);
    scene.push(&[&late]);
    assert_eq!((settled(&[&late]), scene.outbox.queued()), (vec![true], 0));
    assert_eq!(scene.outbox.take_turn(&mut scene.turn, Waker::noop()), Poll::Finished);
}

/// A finished outbox writes what it has, and takes no more.
#[test]
fn finishing_writes_the_rest() {
    let mut scene = Scene::new();
    scene.outbox.push_control(response());
    scene.outbox.finish();
    scene.outbox.push_control(response());
    assert_eq!(read(scene.write_all()), [RESPONSE]);
    assert_eq!(scene.outbox.take_turn(&mut scene.turn, Waker::noop()), Poll::Finished);
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A peer that causes responses and does not read them is not read any further, until it has taken them.
#[test]
fn unread_responses_stop_the_reader() {
    let mut scene = Scene::new();
    let woken = Arc::new(Woken::default());
    let reader = Waker::from(Arc::clone(&woken));
    while scene.outbox.poll_control(&reader) {
        scene.outbox.push_control(response());
        assert!(scene.outbox.queued() <= scene.outbox.limits().control() + response().len());
    }
    scene.write(10);
    assert!(!woken.0.load(Ordering::Relaxed));
    scene.write_all();
    assert!(woken.0.load(Ordering::Relaxed) && scene.outbox.poll_control(&reader));
}

/// Who waits for the last session to go, or for the first to come, is woken.
#[test]
fn vacancy_is_told() {
    let scene = Scene::new();
    let woken = Arc::new(Woken::default());
    let waiting = Waker::from(Arc::clone(&woken));
    assert!(!scene.outbox.poll_vacant(&waiting));
    scene.outbox.detach(scene.slot);
    assert!(woken.0.swap(false, Ordering::Relaxed) && scene.outbox.poll_vacant(&waiting));
    seat(&scene.outbox, "two");
    assert!(woken.0.load(Ordering::Relaxed) && !scene.outbox.poll_vacant(&waiting));
}

/// Where TLS holds back what was written, what the kernel takes of it tells how fast the peer is.
#[test]
fn a_peer_inside_tls_is_judged_by_what_the_kernel_takes() {
    let mut scene = Scene::new();
    let frames: Vec<_> = (0..16).map(|n| frame(n, 1, 8192, Flag::Complete)).collect();
    scene.push(&frames.iter().collect::<Vec<_>>());
    assert_eq!(scene.outbox.take_turn(&mut scene.turn, Waker::noop()), Poll::Ready);
    let wrote = |scene: &mut Scene, taken, passed| {
        scene.outbox.wrote_through(scene.now, &mut scene.turn, taken, passed, true);
    };
    wrote(&mut scene, 60_000, 0);
    for _ in 0..20 {
        scene.now += Duration::from_millis(100);
        wrote(&mut scene, 0, 7000);
        assert!(!scene.outbox.is_stalled(), "70,000 octets a second");
    }
    for _ in 0..40 {
        scene.now += Duration::from_millis(100);
        wrote(&mut scene, 0, 4000);
    }
    assert!(scene.outbox.is_stalled(), "40,000 octets a second");
}
