//! What both kinds of transfer have: a session with its connection, a room that is told, an end.

use super::{Outcome, Told, TransferEvent, Transfers};
use crate::metrics::DropReason;
use crate::msrp::SessionEntry;
use crate::room::{Bound, Brought, MsrpInput, Place, RoomEvent};
use parlor_msrp::{Response, TransactionId};
use parlor_switch::{Control, Credit, Input, Outbox, Slot};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{debug, info};

/// How long a peer that has closed its connection once it has what it wants may take to end the session: its BYE may be on
/// its way.
pub(super) const BYE_COMES: Duration = Duration::from_secs(2);

/// What a connection tells that is for the transfer itself.
#[derive(Debug)]
pub(super) enum Heard {
    /// Nothing.
    Nothing,
    /// The connection is gone.
    Unbound,
    /// What a read brought, and what covers it.
    Brought(Vec<Input>, Credit),
}

/// One transfer's ends.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) shared: Arc<Transfers>,
    entry: Arc<SessionEntry>,
    told: Told,
    place: Option<Place>,
    /// Our SEND on the connection that we made, until it is answered.
    asked: Option<TransactionId>,
    is_over: bool,
}

impl Link {
    pub(super) fn new(shared: Arc<Transfers>, entry: Arc<SessionEntry>, told: Told) -> Self {
        Self { shared, entry, told, place: None, asked: None, is_over: false }
    }

    /// Our URI.
    pub(super) fn local(&self) -> parlor_msrp::Uri {
        self.entry.local.clone()
    }

    pub(super) fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// When a peer that does nothing for its file from now on is given up.
    pub(super) fn stalled_at(&self) -> Instant {
        Instant::now() + self.shared.settings.chunk_timeout
    }

    /// Takes in what a connection tells.
    ///
    /// # Errors
    /// The session has no connection that goes on.
    pub(super) async fn hear(&mut self, input: MsrpInput) -> Result<Heard, Outcome> {
        match input {
            MsrpInput::Bound(bound) => self.bound(bound).await,
            MsrpInput::Unbound(place) if self.is_at(&place.outbox, place.slot) => {
                self.place = None;
                return Ok(Heard::Unbound);
            }
            MsrpInput::Event(place, RoomEvent::GivenUp) if self.is_at(&place.outbox, place.slot) => {
                return Err(Outcome::Stalled);
            }
            MsrpInput::Unreachable(_) if self.place.is_none() => return Err(Outcome::Lost),
            MsrpInput::Unbound(_) | MsrpInput::Event(..) | MsrpInput::Unreachable(_) => {}
            MsrpInput::Brought(Brought { outbox, inputs, credit, .. }) => {
                let own = inputs.into_iter().filter(|(_, slot, _)| self.is_at(&outbox, *slot));
                return Ok(Heard::Brought(own.map(|(_, _, input)| input).collect(), credit));
            }
        }
        Ok(Heard::Nothing)
    }

    /// Whether this is where the session is.
    fn is_at(&self, outbox: &Arc<Outbox>, slot: Slot) -> bool {
        self.place.as_ref().is_some_and(|place| place.slot == slot && Arc::ptr_eq(&place.outbox, outbox))
    }

    /// A connection has the session.
    async fn bound(&mut self, bound: Bound) {
        if self.place.is_some() {
            return;
        }
        let (place, asked) = bound.take();
        self.place = place;
        self.asked = asked;
        if self.asked.is_none() {
            self.tell(TransferEvent::Bound).await;
        }
    }

    /// Who waited for our connection has bound the session once it answers our SEND with 200 (MSRP-154).
    ///
    /// # Errors
    /// It answered with something else.
    pub(super) async fn answered(&mut self, response: &Response) -> Result<(), Outcome> {
        if self.asked.take_if(|tid| *tid == response.tid).is_none() {
            return Ok(());
        }
        match response.code {
            200..=299 => {
                self.tell(TransferEvent::Bound).await;
                Ok(())
            }
            _ => Err(Outcome::Lost),
        }
    }

    /// Queues an answer.
    pub(super) fn say(&self, control: Control) {
        let Some(place) = &self.place else { return };
        if let Some(code) = control.code {
            self.shared.metrics.msrp_responses.of(code).inc();
        }
        if let Some(waker) = place.outbox.push_control(control.encoded) {
            waker.wake();
        }
    }

    /// Tells the room, if it is still there.
    pub(super) async fn tell(&self, event: TransferEvent) {
        let _ = self.told.send((self.entry.session, event)).await;
    }

    /// Counts how it ended, once: what follows is only the end of the session.
    pub(super) fn over(&mut self, is_push: bool, outcome: Outcome) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let metrics = &self.shared.metrics;
        let ended = if is_push { &metrics.file_pushes } else { &metrics.file_pulls };
        ended.of(outcome.label()).inc();
        if let Outcome::Refused(refusal) = outcome {
            metrics.reject(super::outcome::rejection_of(refusal));
        }
        match outcome {
            Outcome::Complete => info!(is_push, "a file was transferred"),
            _ => debug!(is_push, ?outcome, "the transfer of a file has ended"),
        }
    }

    /// The work is done, or was given up: the room ends the session, and the connection gets its place back.
    pub(super) async fn finish(mut self, is_push: bool, outcome: Outcome) {
        self.over(is_push, outcome);
        self.tell(TransferEvent::Over(outcome)).await;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else { return };
        let (dropped, waker) = place.outbox.detach(place.slot);
        self.shared.metrics.deliveries_dropped.of(DropReason::Closed).inc_by(u64::from(dropped));
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
