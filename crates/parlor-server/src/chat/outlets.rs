//! Where what we type can go.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use parlor_client::{Messenger, Presence, Sender, Uri};

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
    /// Those whom we know, by what they are called.
    contacts: Arc<Mutex<BTreeMap<String, Contact>>>,
}

/// Somebody whom we know.
#[derive(Clone, Debug, Default)]
struct Contact {
    watched: bool,
    presence: Option<Presence>,
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
        self.change(uri, |_| {});
    }

    /// Watches somebody from now on.
    pub(super) async fn watch(&self, uri: &Uri) {
        self.change(&uri.to_string(), |contact| contact.watched = true);
        self.messenger.watch(uri).await;
    }

    /// Watches somebody no more; whether we did.
    pub(super) async fn unwatch(&self, uri: &Uri) -> bool {
        let watched = self.change(&uri.to_string(), |contact| std::mem::take(contact).watched);
        self.messenger.unwatch(uri).await;
        watched.unwrap_or_default()
    }

    /// Whether somebody is there, as it is told; nothing: that is not known.
    pub(super) fn set_presence(&self, uri: &str, presence: Option<Presence>) {
        self.change(uri, |contact| contact.presence = presence);
    }

    /// How those are whom we watch, a line each.
    pub(super) fn watched(&self) -> Vec<String> {
        let contacts = self.contacts();
        let watched = contacts.iter().filter(|(_, contact)| contact.watched);
        watched.map(|(name, contact)| shown(name, contact.presence.as_ref())).collect()
    }

    /// What those are called whose names begin so.
    pub(super) fn begun(&self, begun: &str) -> Vec<String> {
        let begun = begun.to_lowercase();
        self.contacts().keys().filter(|name| name.to_lowercase().starts_with(&begun)).cloned().collect()
    }

    /// Changes what we know of somebody, unless we know too many.
    fn change<T>(&self, uri: &str, change: impl FnOnce(&mut Contact) -> T) -> Option<T> {
        let name = self.called(uri);
        let mut contacts = self.contacts();
        let has_room = contacts.len() < MOST || contacts.contains_key(&name);
        has_room.then(|| change(contacts.entry(name).or_default()))
    }

    /// A panic while the lock was held leaves nothing half done.
    fn contacts(&self) -> MutexGuard<'_, BTreeMap<String, Contact>> {
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

/// People who are remembered.
const MOST: usize = 500;

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
