//! Where what we type can go.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use parlor_client::{Messenger, Sender, Uri};

use super::names;

/// A room, people, or both.
#[derive(Clone)]
pub(super) struct Outlets {
    pub(super) room: Option<Sender>,
    pub(super) people: Option<People>,
}

/// People, one to one.
#[derive(Clone)]
pub(super) struct People {
    pub(super) messenger: Messenger,
    /// What those are called whom we know, for the tab key.
    contacts: Arc<Mutex<BTreeSet<String>>>,
}

impl People {
    pub(super) fn new(messenger: Messenger) -> Self {
        Self { messenger, contacts: Arc::default() }
    }

    /// The address that a user's name or a URI means.
    pub(super) fn find(&self, user: &str) -> Option<Uri> {
        names::address(&self.messenger.identity().uri, user)
    }

    /// What to call somebody: only what their server vouches for.
    pub(super) fn called(&self, uri: &str) -> String {
        names::of_address(&self.messenger.identity().uri, uri)
    }

    /// Remembers somebody.
    pub(super) fn know(&self, uri: &str) {
        let mut contacts = self.contacts();
        if contacts.len() < MOST {
            contacts.insert(self.called(uri));
        }
    }

    /// What those are called whose names begin so.
    pub(super) fn begun(&self, begun: &str) -> Vec<String> {
        let begun = begun.to_lowercase();
        self.contacts().iter().filter(|name| name.to_lowercase().starts_with(&begun)).cloned().collect()
    }

    /// A panic while the lock was held leaves nothing half done.
    fn contacts(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.contacts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// People who are remembered.
const MOST: usize = 200;
