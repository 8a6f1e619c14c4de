//! The dialogs of a room, as those see them who hand it SIP messages.

use parlor_sip::Request;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The dialogs that there are, by their local tags, each with places of its own in the room's mailbox.
///
/// Whoever is in no dialog has none, nor who sends the same once more before the room has seen the first.
#[derive(Debug, Default)]
pub(super) struct Dialogs(Mutex<HashMap<Box<str>, Places>>);

/// What may not be refused, as nobody would send it again.
#[derive(Debug)]
struct Places {
    ack: Arc<Semaphore>,
    bye: Arc<Semaphore>,
}

impl Dialogs {
    /// A dialog began.
    pub(super) fn insert(&self, tag: &str) {
        let one = || Arc::new(Semaphore::new(1));
        self.lock().insert(tag.into(), Places { ack: one(), bye: one() });
    }

    /// A dialog is gone.
    pub(super) fn remove(&self, tag: &str) {
        self.lock().remove(tag);
    }

    /// The place for this ACK, if it is in a dialog and none waits.
    pub(super) fn place_of_ack(&self, ack: &Request) -> Option<OwnedSemaphorePermit> {
        self.place(ack, |places| &places.ack)
    }

    /// The place for this BYE, if it is in a dialog and none waits.
    pub(super) fn place_of_bye(&self, bye: &Request) -> Option<OwnedSemaphorePermit> {
        self.place(bye, |places| &places.bye)
    }

    fn place(&self, request: &Request, which: impl Fn(&Places) -> &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        let tag = request.headers.to_tag().ok().flatten()?;
        let place = self.lock().get(&*tag).map(|places| Arc::clone(which(places)))?;
        place.try_acquire_owned().ok()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Places>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
