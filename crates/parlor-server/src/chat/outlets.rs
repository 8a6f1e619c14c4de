//! Where what we type can go.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use parlor_client::{Messenger, Presence, Sender, Uri, WatchError};

use super::contacts::{Contacts, Tie};
use super::{harmless, names};

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
    contacts: Arc<Mutex<Contacts>>,
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

    /// Somebody wrote to us.
    pub(super) fn heard_of(&self, uri: &str) {
        self.contacts().meet(self.called(uri), Tie::Stranger);
    }

    /// We write that to somebody, which may be a room that we enter so.
    pub(super) fn write_to(&self, uri: &Uri, text: &str) {
        let name = self.called(&uri.to_string());
        let mut contacts = self.contacts();
        contacts.meet(name, Tie::Friend);
        if text.trim().eq_ignore_ascii_case("/join") {
            contacts.enter(uri);
        }
    }

    /// We are in a room.
    pub(super) fn enter(&self, room: &str) {
        if let Ok(room) = room.parse() {
            self.contacts().enter(&room);
        }
    }

    /// Whether that is a room that we have entered, so that it may tell who says what.
    pub(super) fn is_room(&self, uri: &str) -> bool {
        self.contacts().is_room(uri)
    }

    /// Watches somebody from now on.
    pub(super) async fn watch(&self, uri: &Uri) -> Result<(), WatchError> {
        let name = self.called(&uri.to_string());
        // First, as presence may come at once.
        self.contacts().meet(name.clone(), Tie::Watched);
        let watched = self.messenger.watch(uri).await;
        if watched.is_err() {
            self.contacts().unwatch(&name);
        }
        watched
    }

    /// Watches somebody no more; whether we did.
    pub(super) async fn unwatch(&self, uri: &Uri) -> bool {
        let watched = self.contacts().unwatch(&self.called(&uri.to_string()));
        self.messenger.unwatch(uri).await;
        watched
    }

    /// Whether somebody is there, as it is told; nothing: that is not known.
    pub(super) fn set_presence(&self, uri: &str, presence: Option<Presence>) {
        self.contacts().set_presence(&self.called(uri), presence);
    }

    /// How those are whom we watch, a line each.
    pub(super) fn watched(&self) -> Vec<String> {
        self.contacts().watched().map(|(name, presence)| shown(name, presence)).collect()
    }

    /// What those are called whose names begin so.
    pub(super) fn begun(&self, begun: &str) -> Vec<String> {
        self.contacts().begun(begun)
    }

    /// A panic while the lock was held leaves nothing half done.
    fn contacts(&self) -> MutexGuard<'_, Contacts> {
        self.contacts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether somebody is there, as a line.
pub(super) fn shown(name: &str, presence: Option<&Presence>) -> String {
    let name = harmless::line(name);
    let Some(Presence { open, note }) = presence else { return format!("{name}: not known") };
    let how = if *open { "online" } else { "offline" };
    match note {
        Some(note) => format!("{name} is {how}: {}", harmless::line(note)),
        None => format!("{name} is {how}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presence_is_one_harmless_line() {
        let presence = |open, note: Option<&str>| Presence { open, note: note.map(str::to_owned) };
        assert_eq!(shown("bob", Some(&presence(true, None))), "bob is online");
        assert_eq!(shown("b\nob", Some(&presence(false, Some("\x1b[2J\n12:00Z")))), "b ob is offline: ␛[2J 12:00Z");
        assert_eq!(shown("bob", None), "bob: not known");
    }
}
