//! A file comes in.

use super::link::{BYE_COMES, Heard, Link};
use super::outcome::refusal_of;
use super::{Offered, Outcome, TransferEvent};
use crate::clock::millis_since_epoch;
use crate::room::MsrpInput;
use bytes::Bytes;
use parlor_room::{FileState, SharedFile, plain_file_name};
use parlor_store::{Expected, Incoming, KeptFile, NewFile, SpoolError};
use parlor_switch::{FileReceiver, FileStep, Input};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tracing::{debug, warn};

/// How long a sender whose file is complete may take to end the session (RFC 5547 §8.7).
const TO_LEAVE: Duration = Duration::from_secs(30);
/// What a file is whose sender does not say.
const UNKNOWN_KIND: &str = "application/octet-stream";
/// The longest media type that is kept.
const LONGEST_KIND: usize = 128;

/// Takes a file in, up to its end, and waits for its sender to end the session.
pub(super) async fn take_in(link: &mut Link, offered: Offered, mut hears: mpsc::Receiver<MsrpInput>) -> Outcome {
    let most = link.shared.settings.max_bytes;
    let receiver = FileReceiver::new(link.local(), offered.selector.size, most, rand::make_rng());
    let stalled_at = link.stalled_at();
    let mut push = Push { link, offered, receiver, incoming: None, stalled_at, over_by: None };
    loop {
        let until = push.over_by.unwrap_or(push.stalled_at);
        let Ok(Some(input)) = timeout_at(until, hears.recv()).await else {
            return if push.over_by.is_some() { Outcome::Complete } else { Outcome::TimedOut };
        };
        if let Err(outcome) = push.hear(input).await {
            return outcome;
        }
    }
}

struct Push<'a> {
    link: &'a mut Link,
    offered: Offered,
    receiver: FileReceiver,
    /// `None` before the first octets and after the last.
    incoming: Option<Incoming>,
    /// When the next octets are to be there.
    stalled_at: Instant,
    /// Until when its sender may end the session, once the file is kept.
    over_by: Option<Instant>,
}

impl Push<'_> {
    async fn hear(&mut self, input: MsrpInput) -> Result<(), Outcome> {
        match self.link.hear(input).await? {
            Heard::Nothing => {}
            Heard::Unbound => {
                let over_by = self.over_by.as_mut().ok_or(Outcome::Lost)?;
                *over_by = (*over_by).min(Instant::now() + BYE_COMES);
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
        self.receiver.handle(input);
        let mut fate = Ok(());
        while let (Ok(()), Some(step)) = (fate, self.receiver.poll_step()) {
            fate = self.act(step).await;
        }
        while let Some(control) = self.receiver.poll_control() {
            self.link.say(control);
        }
        fate
    }

    async fn act(&mut self, step: FileStep) -> Result<(), Outcome> {
        let done = match step {
            FileStep::Write(octets) => self.write(octets).await,
            FileStep::Whole => self.keep().await.map(|()| self.receiver.confirm()),
            FileStep::Confirm => {
                self.receiver.confirm();
                Ok(())
            }
            FileStep::Aborted => return Err(Outcome::BrokenOff),
            FileStep::Refused(refusal) => return Err(Outcome::Refused(refusal)),
        };
        done.map_err(|error| self.refuse(&error))
    }

    async fn write(&mut self, octets: Bytes) -> Result<(), SpoolError> {
        let incoming = match &mut self.incoming {
            Some(incoming) => incoming,
            None => self.incoming.insert(self.link.shared.spool.begin(NewFile {
                room: self.offered.room.clone(),
                account: self.offered.account.clone(),
                size: self.offered.selector.size,
            })?),
        };
        let is_first = incoming.octets() == 0;
        incoming.write(octets).await?;
        self.stalled_at = self.link.stalled_at();
        if let Some(content) = incoming.content().filter(|_| is_first) {
            self.link.tell(TransferEvent::Arriving(self.shown(), content)).await;
        }
        Ok(())
    }

    /// All of it is there. The room knows before the sender is told.
    async fn keep(&mut self) -> Result<(), SpoolError> {
        let incoming = self.incoming.take().ok_or(SpoolError::Empty)?;
        let hashes = self.offered.selector.hashes;
        let expected = Expected { sha1: hashes.sha1, sha256: hashes.sha256 };
        let SharedFile { name, kind, .. } = self.shown();
        let keep = u64::try_from(self.link.shared.settings.keep.as_millis()).unwrap_or(u64::MAX);
        let about = KeptFile {
            name: name.into(),
            kind: kind.into(),
            owner: self.offered.owner.clone(),
            owner_name: self.offered.owner_name.clone(),
            expires: millis_since_epoch().saturating_add(keep),
            ..KeptFile::default()
        };
        let kept = incoming.finish(expected, about).await?;
        self.over_by = Some(Instant::now() + TO_LEAVE);
        self.link.over(true, Outcome::Complete);
        self.link.tell(TransferEvent::Kept(kept)).await;
        Ok(())
    }

    /// Tells the sender that its file is not taken.
    fn refuse(&mut self, error: &SpoolError) -> Outcome {
        match error {
            SpoolError::Disk(_) | SpoolError::Store(_) | SpoolError::Gone => warn!(%error, "a file cannot be kept"),
            SpoolError::Full(_) | SpoolError::Size | SpoolError::Hash | SpoolError::Empty => {
                debug!(%error, "a file is not kept");
            }
        }
        let refusal = refusal_of(error);
        self.receiver.refuse(refusal);
        Outcome::Refused(refusal)
    }

    /// What is known of the file while it is arriving.
    fn shown(&self) -> SharedFile {
        let Offered { owner, owner_name, selector, .. } = &self.offered;
        let kind = selector.kind.as_deref().or(self.receiver.kind()).filter(|kind| kind.len() <= LONGEST_KIND);
        SharedFile {
            name: plain_file_name(selector.name.as_deref().unwrap_or_default()),
            kind: kind.unwrap_or(UNKNOWN_KIND).into(),
            size: selector.size,
            hashes: selector.hashes,
            sender: owner.as_str().into(),
            sender_name: owner_name.as_deref().map(Into::into),
            state: FileState::Arriving,
            expires: None,
        }
    }
}
