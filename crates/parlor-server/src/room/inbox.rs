//! The mailbox in which connections put what concerns their sessions: of a room, or of one transfer of a file.

use super::{Bound, Brought, MsrpInput, Place, RoomEvent};
use crate::msrp::SessionEntry;
use parlor_msrp::TransactionId;
use parlor_switch::{Outbox, OutboxLimits, RoomBudget, Slot};
use std::sync::Arc;
use tokio::sync::mpsc;

/// The near end of the mailbox. What is read for it is covered by its own budget.
#[derive(Debug)]
pub(crate) struct Inbox {
    budget: RoomBudget,
    told: mpsc::Sender<MsrpInput>,
}

impl Inbox {
    /// A mailbox in which so many reads may wait, and its far end.
    pub(crate) fn new(reads: usize, limits: &OutboxLimits) -> (Arc<Self>, mpsc::Receiver<MsrpInput>) {
        let (told, hears) = mpsc::channel(reads);
        (Arc::new(Self { budget: RoomBudget::new(limits), told }), hears)
    }

    pub(crate) fn budget(&self) -> &RoomBudget {
        &self.budget
    }

    /// A session was bound to a connection: by its peer, or by this SEND of ours.
    pub(crate) async fn bound(
        &self,
        entry: Arc<SessionEntry>,
        outbox: Arc<Outbox>,
        slot: Slot,
        asked: Option<TransactionId>,
    ) {
        self.tell(MsrpInput::Bound(Bound::new(entry, outbox, slot, asked))).await;
    }

    /// A session's connection is gone.
    pub(crate) async fn unbound(&self, place: Place) {
        self.tell(MsrpInput::Unbound(place)).await;
    }

    /// A read brought something.
    pub(crate) async fn brought(&self, brought: Brought) {
        self.tell(MsrpInput::Brought(brought)).await;
    }

    /// Something happened to a session at this place.
    pub(crate) async fn event(&self, place: Place, event: RoomEvent) {
        self.tell(MsrpInput::Event(place, event)).await;
    }

    /// We could not connect for this session.
    pub(crate) async fn unreachable(&self, entry: Arc<SessionEntry>) {
        self.tell(MsrpInput::Unreachable(entry)).await;
    }

    /// Whoever has ended hears nothing, and needs not.
    async fn tell(&self, input: MsrpInput) {
        let _ = self.told.send(input).await;
    }
}
