//! Those whom we know, by what they are called.

use std::collections::{BTreeMap, BTreeSet};

use parlor_client::{Presence, Uri};

/// People, and the rooms that may speak for them.
#[derive(Debug, Default)]
pub(super) struct Contacts {
    known: BTreeMap<String, Contact>,
    /// By [`Uri::user_key`].
    rooms: BTreeSet<Box<str>>,
    /// How often somebody was met.
    meetings: u64,
}

/// Somebody whom we know.
#[derive(Debug, Default)]
struct Contact {
    tie: Tie,
    /// Which meeting was the last.
    met: u64,
    presence: Option<Presence>,
}

/// How close somebody is to us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tie {
    /// They wrote to us, as anybody can.
    #[default]
    Stranger,
    /// We write to them.
    Friend,
    /// We watch them.
    Watched,
}

impl Contacts {
    /// Somebody has to do with us. Where there are too many, who is least to us and was met longest ago is forgotten.
    pub(super) fn meet(&mut self, name: String, tie: Tie) {
        if self.known.len() >= MOST && !self.known.contains_key(&name) {
            let least = self.known.iter().min_by_key(|(_, contact)| (contact.tie, contact.met));
            let least = least.map(|(name, _)| name.clone());
            least.and_then(|name| self.known.remove(&name));
        }
        self.meetings += 1;
        let contact = self.known.entry(name).or_default();
        (contact.tie, contact.met) = (contact.tie.max(tie), self.meetings);
    }

    /// Somebody is not watched any more; whether they were.
    pub(super) fn unwatch(&mut self, name: &str) -> bool {
        let watched = self.known.get_mut(name).filter(|contact| contact.tie == Tie::Watched);
        watched.map(|contact| (contact.tie, contact.presence) = (Tie::Friend, None)).is_some()
    }

    /// Whether somebody is there, as it is told; nothing: that is not known.
    pub(super) fn set_presence(&mut self, name: &str, presence: Option<Presence>) {
        if let Some(contact) = self.known.get_mut(name) {
            contact.presence = presence;
        }
    }

    /// Those whom we watch.
    pub(super) fn watched(&self) -> impl Iterator<Item = (&str, Option<&Presence>)> {
        let watched = self.known.iter().filter(|(_, contact)| contact.tie == Tie::Watched);
        watched.map(|(name, contact)| (&**name, contact.presence.as_ref()))
    }

    /// What those are called whose names begin so.
    pub(super) fn begun(&self, begun: &str) -> Vec<String> {
        let begun = begun.to_lowercase();
        self.known.keys().filter(|name| name.to_lowercase().starts_with(&begun)).cloned().collect()
    }

    /// We are in a room: it tells who says what in it.
    pub(super) fn enter(&mut self, room: &Uri) {
        self.rooms.insert(room.user_key());
    }

    /// Whether that is a room that we have entered.
    pub(super) fn is_room(&self, uri: &str) -> bool {
        uri.parse::<Uri>().is_ok_and(|uri| self.rooms.contains(&uri.user_key()))
    }
}

/// People who are remembered; more than can be watched.
const MOST: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    /// However many strangers write, who is watched or written to stays known; of strangers the last do.
    #[test]
    fn strangers_push_out_strangers() {
        let mut contacts = Contacts::default();
        contacts.meet("bob".to_owned(), Tie::Watched);
        contacts.meet("carol".to_owned(), Tie::Friend);
        contacts.meet("bob".to_owned(), Tie::Stranger);
        (0..1000).for_each(|n| contacts.meet(format!("m{n:03}"), Tie::Stranger));
        contacts.meet("dave".to_owned(), Tie::Watched);
        assert_eq!(contacts.known.len(), MOST);
        assert_eq!(contacts.watched().map(|(name, _)| name).collect::<Vec<_>>(), ["bob", "dave"]);
        assert_eq!(contacts.begun("C"), ["carol"]);
        assert!(contacts.begun("m502").is_empty() && !contacts.begun("m503").is_empty());
        assert!(contacts.unwatch("bob") && !contacts.unwatch("bob") && !contacts.unwatch("erin"));
    }
}
