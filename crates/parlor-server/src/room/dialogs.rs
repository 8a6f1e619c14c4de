//! The dialogs of a room, as those see them who hand it SIP messages.

use parlor_sip::Method;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The dialogs that there are, by their local tags, each with places of its own in the room's mailbox.
///
/// Whoever is in no dialog has none, nor who sends the same once more before the room has seen the first.
#[derive(Debug, Default)]
pub(super) struct Dialogs(Mutex<HashMap<Box<str>, Places>>);

/// How many requests that may be refused wait in one dialog: it answers them one by one.
pub(super) const ASKED: usize = 16;

#[derive(Debug)]
struct Places {
    /// What may not be refused, as nobody would send it again.
    ack: Arc<Semaphore>,
    bye: Arc<Semaphore>,
    asked: Arc<Semaphore>,
}

/// Whether a dialog has a place for a request.
#[derive(Debug)]
pub(super) enum InDialog {
    /// One that is its own.
    Kept(OwnedSemaphorePermit),
    /// It has not too many yet of those that it shares with others.
    Shared(OwnedSemaphorePermit),
    /// It has too many.
    Full,
    /// There is no such dialog.
    NoDialog,
}

impl Dialogs {
    /// A dialog began.
    pub(super) fn insert(&self, tag: &str) {
        let places = |many| Arc::new(Semaphore::new(many));
        self.lock().insert(tag.into(), Places { ack: places(1), bye: places(1), asked: places(ASKED) });
    }

    /// A dialog is gone.
    pub(super) fn remove(&self, tag: &str) {
        self.lock().remove(tag);
    }

    /// A place for a request of this method.
    pub(super) fn place(&self, tag: &str, method: &Method) -> InDialog {
        let dialogs = self.lock();
        let Some(places) = dialogs.get(tag) else { return InDialog::NoDialog };
        let kept = match method {
            Method::Ack => Some(&places.ack),
            Method::Bye => Some(&places.bye),
            _ => None,
        };
        let free = |places: &Arc<Semaphore>| Arc::clone(places).try_acquire_owned().ok();
        match (kept.and_then(free), free(&places.asked)) {
            (Some(place), _) => InDialog::Kept(place),
            (None, Some(place)) => InDialog::Shared(place),
            (None, None) => InDialog::Full,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Places>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
