//! What the proxy has stored: together for each turn, and without waiting for it.

use super::saved;
use parlor_proxy::{Amount, Change, Fetched, MessageId, Output, StoreId, Stored};
use parlor_store::{Pending, Store, StoreError};
use std::sync::Arc;
use tokio::sync::mpsc;
use tracing::warn;

/// A store, and what it is to be told or has answered.
#[derive(Debug)]
pub(super) struct Storing {
    store: Arc<dyn Store>,
    /// What this turn wants stored.
    changes: Vec<parlor_store::Change>,
    /// Who waits for it, and if it is a message, which.
    waiting: Vec<(StoreId, Option<MessageId>)>,
    tell: mpsc::UnboundedSender<Told>,
    /// What the store has answered; no more of it can wait than the proxy waits for: a change has a name while it waits, and of
    /// each user one message is fetched at a time.
    told: mpsc::UnboundedReceiver<Told>,
}

/// What the store has answered.
#[derive(Debug)]
pub(super) enum Told {
    /// Whether these were stored.
    Stored(Vec<(StoreId, Stored)>),
    /// What waits for a user; `None`: it cannot tell.
    Fetched(Arc<str>, Option<Fetched>),
    /// What expired, by user.
    Swept(Vec<(Arc<str>, Amount)>),
}

impl Storing {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        Self { store, changes: Vec::new(), waiting: Vec::new(), tell, told }
    }

    /// The next thing that the store answers.
    pub(super) async fn next(&mut self) -> Option<Told> {
        self.told.recv().await
    }

    /// What the proxy wants of the store.
    pub(super) fn take(&mut self, output: Output) {
        match output {
            Output::Store { id, changes } => self.collect(id, changes),
            Output::Fetch { user, after, now } => self.fetch(user, after, now),
            Output::Sweep { now, ended_before } => self.sweep(now, ended_before),
            Output::Respond { .. }
            | Output::Send { .. }
            | Output::Search { .. }
            | Output::Unwatched(_)
            | Output::Paged { .. }
            | Output::Ended(_) => {}
        }
    }

    /// The same, if there is one already.
    pub(super) fn try_next(&mut self) -> Option<Told> {
        self.told.try_recv().ok()
    }

    /// Takes in what is to be stored at the end of the turn.
    fn collect(&mut self, id: Option<StoreId>, changes: Vec<Change>) {
        let message = changes.iter().find_map(|change| match change {
            Change::Keep(message) => Some(message.id),
            Change::Put(_)
            | Change::Remove(_)
            | Change::PutPublication(_)
            | Change::RemovePublication(_)
            | Change::End { .. } => None,
        });
        self.waiting.extend(id.map(|id| (id, message)));
        self.changes.extend(changes.into_iter().map(saved::change));
    }

    /// The turn is over: what it has gathered is stored.
    pub(super) fn flush(&mut self) {
        if self.changes.is_empty() {
            return;
        }
        let pending = self.store.change(std::mem::take(&mut self.changes));
        let (waiting, tell) = (std::mem::take(&mut self.waiting), self.tell.clone());
        tokio::spawn(async move {
            let outcome = outcome(pending).await;
            let of = |message: Option<MessageId>| match &outcome {
                Ok(known) if message.is_some_and(|id| known.contains(&id.0)) => Stored::Known,
                Ok(_) => Stored::Yes,
                Err(why) => *why,
            };
            if !waiting.is_empty() {
                let stored = waiting.into_iter().map(|(id, message)| (id, of(message))).collect();
                // Who no longer runs answers nobody.
                let _ = tell.send(Told::Stored(stored));
            }
        });
    }

    /// Asks what waits for a user.
    fn fetch(&self, user: Arc<str>, after: MessageId, now: u64) {
        let pending = self.store.waiting(&user, after.0, now);
        let tell = self.tell.clone();
        tokio::spawn(async move {
            let fetched = match pending.await {
                Ok(waiting) => Some(saved::fetched(waiting)),
                Err(error) => {
                    warn!(%error, "waiting messages cannot be read");
                    None
                }
            };
            let _ = tell.send(Told::Fetched(user, fetched));
        });
    }

    /// Has removed what nobody wants any more.
    fn sweep(&self, now: u64, ended_before: u64) {
        let pending = self.store.sweep(now, ended_before);
        let tell = self.tell.clone();
        tokio::spawn(async move {
            match pending.await {
                Ok(swept) => {
                    let swept = swept.into_iter().map(|(user, amount)| (user.into(), saved::amount(amount)));
                    let _ = tell.send(Told::Swept(swept.collect()));
                }
                Err(error) => warn!(%error, "expired messages are not removed"),
            }
        });
    }
}

/// The messages among what was stored that had been before, or why nothing was stored.
async fn outcome(pending: Pending<Vec<u64>>) -> Result<Vec<u64>, Stored> {
    pending.await.map_err(|error| match error {
        StoreError::Overloaded => Stored::Overload,
        error => {
            warn!(%error, "bindings, publications and messages are not stored");
            Stored::Failed
        }
    })
}
