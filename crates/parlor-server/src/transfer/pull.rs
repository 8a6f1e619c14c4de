//! A file goes out.

use super::link::{BYE_COMES, Heard, Link};
use super::{Outcome, Source};
use crate::room::MsrpInput;
use bytes::Bytes;
use parlor_room::SharedFile;
use parlor_store::{Reader, SpoolError};
use parlor_switch::{FileHead, FileSender, Input, Pushed, Verdict};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{debug, warn};

/// How many frames are read from the disk at once.
const FRAMES: usize = 8;
/// How many such pieces may be under way to the peer: all that is in memory of a file that goes out.
const PIECES: usize = 2;
/// How long a receiver that was sent everything may take to say that it has it.
const TO_REPORT: Duration = Duration::from_secs(30);
/// How long it may then take to end the session, which is ours to end (RFC 5547 §8.7).
const TO_LEAVE: Duration = Duration::from_secs(5);
/// How long we wait for the end of what was broken off to be written, and how often it is looked whether it has been.
const FAREWELL: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(20);

/// Sends a file, up to its end, and waits for its receiver to have it.
pub(super) async fn give_out(
    link: &mut Link,
    file: &SharedFile,
    source: &Source,
    mut hears: mpsc::Receiver<MsrpInput>,
) -> Outcome {
    let (shared, local) = (Arc::clone(&link.shared), link.local());
    let head = FileHead { kind: &file.kind, name: &file.name, size: file.size };
    let sender = FileSender::new(local, &head, shared.settings.failure_report, rand::make_rng());
    let reader = match source {
        Source::Arriving(content) => shared.spool.follow(content),
        Source::Kept(kept) => shared.spool.read(kept),
    };
    let frame = shared.settings.frame_bytes;
    let (pieces, mut pieces_read) = mpsc::channel(1);
    let mut feeding = pin!(feed(reader, frame * FRAMES, pieces));
    let mut pull = Pull { link, sender, frame, stage: Stage::Sending };
    loop {
        let (sends, deadline) = (pull.may_send(), pull.deadline());
        let heard = tokio::select! {
            biased;
            input = hears.recv() => match input {
                Some(input) => pull.hear(input).await,
                None => Err(Outcome::Failed),
            },
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => Err(pull.given_up()),
            Some(piece) = pieces_read.recv(), if sends => pull.send(piece),
            fed = &mut feeding, if pull.stage == Stage::Sending => pull.fed(fed),
        };
        if let Err(outcome) = heard {
            pull.break_off(outcome).await;
            return outcome;
        }
    }
}

/// Octets of the file; what is in memory of it counts until the last frame of them is written or dropped.
struct Piece {
    octets: Bytes,
    is_last: bool,
}

/// Octets that count as long as anybody has them.
struct Counted {
    octets: Bytes,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.octets
    }
}

/// Reads as far as what was read before is written; ends when everything is.
async fn feed(mut reader: Reader, octets: usize, pieces: mpsc::Sender<Piece>) -> Result<(), SpoolError> {
    let permits = Arc::new(Semaphore::new(PIECES));
    loop {
        let permit = Arc::clone(&permits).acquire_owned().await.map_err(|_| SpoolError::Gone)?;
        let read = reader.next(octets).await?;
        let counted = Bytes::from_owner(Counted { octets: read.octets, _permit: permit });
        if pieces.send(Piece { octets: counted, is_last: read.is_last }).await.is_err() || read.is_last {
            break;
        }
    }
    let all = u32::try_from(PIECES).unwrap_or(u32::MAX);
    permits.acquire_many(all).await.map(drop).map_err(|_| SpoolError::Gone)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Something of the file is to be read or to be written.
    Sending,
    /// All of it is written; until then the peer may say that it has it.
    Sent(Instant),
    /// It has; until then it may end the session.
    Received(Instant),
}

struct Pull<'a> {
    link: &'a mut Link,
    sender: FileSender,
    frame: usize,
    stage: Stage,
}

impl Pull<'_> {
    /// The peer's binding was answered: now, and not before, it may be sent something.
    fn may_send(&self) -> bool {
        self.link.place().is_some() && self.sender.is_ready()
    }

    fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Sending => None,
            Stage::Sent(until) | Stage::Received(until) => Some(until),
        }
    }

    /// The time has come that [`Pull::deadline`] named.
    fn given_up(&self) -> Outcome {
        match self.stage {
            Stage::Sending | Stage::Sent(_) => Outcome::Unconfirmed,
            Stage::Received(_) => Outcome::Complete,
        }
    }

    async fn hear(&mut self, input: MsrpInput) -> Result<(), Outcome> {
        match self.link.hear(input).await? {
            Heard::Nothing => {}
            Heard::Unbound => {
                let Stage::Received(until) = self.stage else { return Err(Outcome::Lost) };
                self.stage = Stage::Received(until.min(Instant::now() + BYE_COMES));
            }
            Heard::Brought(inputs, credit) => {
                for input in inputs {
                    self.take(input).await?;
                }
                credit.settle(1);
            }
        }
        Ok(())
    }

    async fn take(&mut self, input: Input) -> Result<(), Outcome> {
        if let Input::Response(response) = &input {
            self.link.answered(response).await?;
        }
        self.sender.handle(input);
        while let Some(control) = self.sender.poll_control() {
            self.link.say(control);
        }
        match (self.sender.verdict(), self.stage) {
            (None, _) | (Some(_), Stage::Received(_)) => Ok(()),
            (Some(Verdict::Received), Stage::Sending | Stage::Sent(_)) => {
                self.link.over(false, Outcome::Complete);
                self.stage = Stage::Received(Instant::now() + TO_LEAVE);
                Ok(())
            }
            // MSRP-47: whatever the reason, no more of it is wanted.
            (Some(Verdict::Refused(code)), Stage::Sending | Stage::Sent(_)) => {
                debug!(code, "a file is not wanted");
                Err(Outcome::BrokenOff)
            }
        }
    }

    /// Queues what was read, a frame each 8 KiB.
    fn send(&mut self, piece: Piece) -> Result<(), Outcome> {
        let Some(place) = self.link.place() else { return Ok(()) };
        let mut rest = piece.octets;
        let mut pushed = Pushed::default();
        while !rest.is_empty() {
            let body = rest.split_to(rest.len().min(self.frame));
            let frame = self.sender.frame(body, piece.is_last && rest.is_empty());
            let waker = place.outbox.push(place.slot, std::iter::once(&frame), &mut pushed);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
        // It has stalled, and what all such may keep waiting is used up: nothing of a file can be skipped.
        if pushed == Pushed::default() { Ok(()) } else { Err(Outcome::Stalled) }
    }

    fn fed(&mut self, fed: Result<(), SpoolError>) -> Result<(), Outcome> {
        match fed {
            Ok(()) => {
                self.stage = Stage::Sent(Instant::now() + TO_REPORT);
                Ok(())
            }
            Err(SpoolError::Gone) => Err(Outcome::Gone),
            Err(error) => {
                warn!(%error, "a file cannot be read");
                Err(Outcome::Failed)
            }
        }
    }

    /// MSRP-46: the peer learns that no more comes of what was begun.
    async fn break_off(&mut self, outcome: Outcome) {
        let Some(place) = self.link.place().filter(|_| outcome != Outcome::Complete) else { return };
        if let Some(waker) = place.outbox.abort(place.slot, self.sender.key()) {
            waker.wake();
        }
        let written = async {
            while place.outbox.queued() > 0 {
                sleep(LOOK).await;
            }
        };
        let _ = timeout(FAREWELL, written).await;
    }
}
