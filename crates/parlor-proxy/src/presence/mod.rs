//! Presence of the users of our domain (RFC 3856): what they publish (RFC 3903) and where they are registered becomes a
//! document (RFC 3863), which those are told who subscribe and may know (RFC 6665).

mod compose;
mod notify;
mod publication;
mod publications;
mod publish;
mod rules;
mod saved;
mod settings;
mod subscribe;
mod watcher;
mod watchers;

pub use publication::{PublicationId, SavedPublication};
pub use rules::{Rule, Rules};
pub use settings::{PresenceLimits, PresenceSettings};

pub(crate) use publish::Publishing;

use self::notify::Written;
use self::publications::Publications;
use self::watchers::Watchers;
use crate::{Change, Output, Proxy, Recipient, Reject};
use parlor_room::Identity;
use parlor_sip::subscription::SubscriptionEnd;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

/// What is known of presence, and who is told.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    pub(crate) publications: Publications,
    pub(crate) watchers: Watchers,
    /// In which rooms users are, where that is told.
    rooms: HashMap<Arc<str>, BTreeSet<Box<str>>>,
    /// The server goes down.
    closing: bool,
    /// The document that was written last: all who watch somebody are told in one go.
    written: Option<Written>,
}

impl Presence {
    /// When something is due.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        [self.publications.next_expiry(), self.watchers.next_timeout()].into_iter().flatten().min()
    }
}

impl Proxy {
    /// How many publications there are.
    pub fn publications(&self) -> usize {
        self.presence.publications.len()
    }

    /// How many subscriptions to presence there are.
    pub fn watchers(&self) -> usize {
        self.presence.watchers.len()
    }

    /// A user has come into a room, where that is told to watchers.
    pub fn handle_room_entered(&mut self, now: Instant, user: &str, room: &str) {
        let user = self.registrar.bindings.share(user);
        if self.presence.rooms.entry(Arc::clone(&user)).or_default().insert(room.into()) {
            self.presence.watchers.note_change(&user);
            self.tell_watchers(now);
        }
    }

    /// A user has left a room with its last device.
    pub fn handle_room_left(&mut self, now: Instant, user: &str, room: &str) {
        let Some(rooms) = self.presence.rooms.get_mut(user) else { return };
        let was_in = rooms.remove(room);
        if rooms.is_empty() {
            self.presence.rooms.remove(user);
        }
        if was_in {
            self.presence.watchers.note_change(user);
            self.tell_watchers(now);
        }
    }

    /// The server goes down: all watchers are told, as far as that can be sent now, and nobody can subscribe any more.
    pub fn handle_shutdown(&mut self, now: Instant) {
        self.presence.closing = true;
        self.presence.watchers.end_all(now, SubscriptionEnd::Shutdown);
        self.tell_watchers(now);
    }

    /// Tells watchers what has changed.
    pub(crate) fn tell_watchers(&mut self, now: Instant) {
        for user in self.registrar.bindings.take_changed() {
            self.presence.watchers.note_change(&user);
        }
        self.send_notifies(now);
    }

    /// A user has been removed: nobody watches it any more, and it watches nobody.
    pub(crate) fn forget_presence(&mut self, now: Instant, user: &str) {
        let gone = self.presence.publications.remove_all(user);
        if !gone.is_empty() {
            let changes = gone.into_iter().map(Change::RemovePublication).collect();
            self.emit(Output::Store { id: None, changes });
        }
        self.presence.rooms.remove(user);
        let own = self.address_of(user).parse().ok().map(|aor| Identity::of(aor).key());
        self.presence.watchers.end_all_of(now, user, own.as_deref());
    }

    /// Does what is due.
    pub(crate) fn hurry_presence(&mut self, now: Instant) {
        self.expire_publications(now);
        self.wake_watchers(now);
        self.tell_watchers(now);
    }
}

/// Whose presence a request is about.
fn presentity(recipient: &Recipient) -> Result<&str, Reject> {
    match recipient {
        Recipient::User { name, .. } => Ok(name),
        // EVT-90, EVT-73
        Recipient::Nobody | Recipient::Elsewhere => Err(Reject::NotFound),
    }
}
