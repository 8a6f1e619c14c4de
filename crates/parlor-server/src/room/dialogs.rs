//! The dialogs of a room, as those see them who hand it SIP messages.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The dialogs that there are, by their local tags, each with whether it has one of the mailbox's kept places.
///
/// Whoever is in no dialog, and whoever sends more than one message that may not be refused, gets none of these places.
#[derive(Debug, Default)]
pub(super) struct Dialogs(Mutex<HashMap<Box<str>, bool>>);

impl Dialogs {
    /// A dialog began.
    pub(super) fn insert(&self, tag: &str) {
        self.lock().insert(tag.into(), false);
    }

    /// A dialog is gone.
    pub(super) fn remove(&self, tag: &str) {
        self.lock().remove(tag);
    }

    /// Takes the dialog's kept place, if there is such a dialog and it has the place still.
    pub(super) fn take_place(&self, tag: &str) -> bool {
        self.lock().get_mut(tag).is_some_and(|taken| !std::mem::replace(taken, true))
    }

    /// What was in the dialog's place has reached the room.
    pub(super) fn give_back(&self, tag: &str) {
        if let Some(taken) = self.lock().get_mut(tag) {
            *taken = false;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
