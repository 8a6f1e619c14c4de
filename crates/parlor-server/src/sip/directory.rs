//! Where users are who are in some room.

use super::dispatch::room_of;
use parlor_focus::Location;
use parlor_room::Identity;
use parlor_sip::Uri;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The devices of all dialogs, by the users that they are of.
#[derive(Debug, Default)]
pub(crate) struct Directory(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// By the local tag of the dialog.
    devices: BTreeMap<Box<str>, Device>,
    /// The dialogs of a user, the latest last.
    of_user: HashMap<Box<str>, Vec<Box<str>>>,
}

#[derive(Debug)]
struct Device {
    user: Identity,
    at: Location,
}

impl Directory {
    /// A dialog of this user's device began.
    pub(crate) fn insert(&self, tag: &str, user: Identity, at: Location) {
        let mut known = self.lock();
        for key in keys(&user) {
            known.of_user.entry(key).or_default().push(tag.into());
        }
        known.devices.insert(tag.into(), Device { user, at });
    }

    /// The device of that dialog is somewhere else now.
    pub(crate) fn move_to(&self, tag: &str, at: Location) {
        if let Some(device) = self.lock().devices.get_mut(tag) {
            device.at = at;
        }
    }

    /// The dialog is gone.
    pub(crate) fn remove(&self, tag: &str) {
        self.lock().remove(tag);
    }

    /// All dialogs are gone whose tags begin so.
    pub(crate) fn remove_all(&self, prefix: &str) {
        let mut known = self.lock();
        let of_prefix = known.devices.range(Box::from(prefix)..).take_while(|(tag, _)| tag.starts_with(prefix));
        let tags: Vec<Box<str>> = of_prefix.map(|(tag, _)| tag.clone()).collect();
        tags.iter().for_each(|tag| known.remove(tag));
    }

    /// Where the user of this URI was heard last, and who it is.
    pub(crate) fn find(&self, uri: &Uri) -> Option<(Location, Identity)> {
        let known = self.lock();
        let tags = known.of_user.get(&uri.user_key())?;
        let device = known.devices.get(tags.last()?)?;
        Some((device.at.clone(), device.user.clone()))
    }

    /// The rooms, by number, in which both users are, of whom the second has proven who it is: first the one that it has come
    /// into last.
    pub(crate) fn rooms_of_both(&self, one: &Uri, other: &Uri) -> Vec<u64> {
        let known = self.lock();
        let dialogs = |user: &Uri| known.of_user.get(&user.user_key()).into_iter().flatten().rev();
        let theirs: BTreeSet<u64> = dialogs(one).filter_map(|tag| room_of(tag)).collect();
        let is_proven = |tag: &str| known.devices.get(tag).is_some_and(|device| device.user.is_proven());
        let rooms = dialogs(other).filter_map(|tag| room_of(tag).filter(|_| is_proven(tag)));
        rooms.filter(|room| theirs.contains(room)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn remove(&mut self, tag: &str) {
        let Some(Device { user, .. }) = self.devices.remove(tag) else { return };
        for key in keys(&user) {
            if let Some(tags) = self.of_user.get_mut(&key) {
                tags.retain(|own| **own != *tag);
                if tags.is_empty() {
                    self.of_user.remove(&key);
                }
            }
        }
    }
}

fn keys(user: &Identity) -> impl Iterator<Item = Box<str>> {
    user.uris().map(Uri::user_key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use parlor_focus::NextHop;
    use parlor_sip::{Flow, Transport};

    fn uri(text: &str) -> Uri {
        text.parse().expect("a URI")
    }

    fn at(address: &str) -> Location {
        let remote = address.parse().expect("an address");
        let flow = Flow { transport: Transport::Udp, local: remote, remote, connection: None };
        Location { target: Uri::of_address(remote), next_hop: NextHop { flow, uri: Uri::of_address(remote) } }
    }

    fn found(directory: &Directory, user: &str) -> Option<String> {
        directory.find(&uri(user)).map(|(location, _)| location.target.to_string())
    }

    /// A user is found under each of its URIs, where it was heard last, and under none when its last dialog is gone.
    #[test]
    fn users_are_where_their_latest_dialog_is() {
        let directory = Directory::default();
        let alice = Identity::of(uri("sip:alice@example.org")).with(None, Box::new([uri("tel:+15551234")]));
        directory.insert("1-a", alice.clone(), at("192.0.2.1:5060"));
        directory.insert("2-b", alice, at("192.0.2.2:5060"));
        for name in ["sip:alice@EXAMPLE.org:5070;transport=tcp", "tel:+15551234"] {
            assert_eq!(found(&directory, name).as_deref(), Some("sip:192.0.2.2:5060"), "{name}");
        }
        directory.move_to("2-b", at("192.0.2.3:5060"));
        assert_eq!(found(&directory, "sip:alice@example.org").as_deref(), Some("sip:192.0.2.3:5060"));
        directory.remove("2-b");
        assert_eq!(found(&directory, "sip:alice@example.org").as_deref(), Some("sip:192.0.2.1:5060"));
        assert_eq!(found(&directory, "sip:bob@example.org"), None);
        directory.remove("1-a");
        directory.remove("1-a");
        assert_eq!(found(&directory, "sip:alice@example.org"), None);
        assert!(directory.lock().of_user.is_empty() && directory.lock().devices.is_empty());
    }

    /// MSG-48: the rooms of two users are those that both are in, the one that the second came into last before the others; who
    /// has not proven who it is is in none.
    #[test]
    fn rooms_that_two_users_are_in() {
        let directory = Directory::default();
        let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| uri(&format!("sip:{name}@example.org")));
        for (tag, user) in [("a-1", &bob), ("b-2", &bob), ("1-3", &bob), ("b-4", &alice), ("a-5", &alice)] {
            directory.insert(tag, Identity::of(user.clone()).proven(), at("192.0.2.1:5060"));
        }
        directory.insert("a-6", Identity::of(carol.clone()), at("192.0.2.1:5060"));
        assert_eq!(directory.rooms_of_both(&alice, &bob), [0xb, 0xa]);
        assert_eq!(directory.rooms_of_both(&carol, &bob), [0xa]);
        assert!(directory.rooms_of_both(&alice, &carol).is_empty());
        directory.insert("a-7", Identity::of(bob.clone()).proven(), at("192.0.2.1:5060"));
        assert_eq!(directory.rooms_of_both(&alice, &bob), [0xa, 0xb, 0xa]);
    }

    /// A room that ends takes all its dialogs along, and no other room's.
    #[test]
    fn a_room_takes_its_dialogs_along() {
        let directory = Directory::default();
        for (tag, user) in [("1-a", "alice"), ("1-b", "bob"), ("11-a", "carol")] {
            directory.insert(tag, Identity::of(uri(&format!("sip:{user}@example.org"))), at("192.0.2.1:5060"));
        }
        directory.remove_all("1-");
        let known = ["alice", "bob", "carol"].map(|user| found(&directory, &format!("sip:{user}@example.org")));
        assert!(matches!(known, [None, None, Some(_)]), "{known:?}");
        directory.remove_all("11-");
        assert!(directory.lock().of_user.is_empty() && directory.lock().devices.is_empty());
    }
}
