//! In which rooms users are, for those who watch them (EVT-74).

use crate::config::{Config, Room, RoomRules};
use parlor_proxy::Proxy;
use parlor_room::{Hosts, Identity, UserList};
use parlor_sip::Uri;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;

/// What rooms say of their dialogs, where somebody wants to know: of each dialog when it begins and when it is gone. It is taken in as
/// fast as the INVITEs and BYEs that are behind it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Whereabouts(Option<(mpsc::UnboundedSender<Moved>, Arc<Known>)>);

/// Which rooms are told of: those that everybody may know of and join. A name that nobody should guess is not told.
#[derive(Debug)]
struct Known {
    /// Those of the configuration, and whether they are.
    configured: HashMap<Box<str>, bool>,
    /// Whether those made on demand are.
    others: bool,
    /// What the names of rooms begin with that are made for a few (SIP-72).
    factory: Option<Box<str>>,
}

/// Somebody has come or gone.
#[derive(Debug)]
pub(super) enum Moved {
    /// A dialog of this user's device began in a room.
    Came { tag: Box<str>, user: Uri, room: Box<str> },
    /// A dialog is gone.
    Left { tag: Box<str> },
    /// All dialogs are gone whose tags begin so.
    Closed { prefix: Box<str> },
}

/// Who is where.
#[derive(Debug)]
pub(crate) struct InRooms {
    told: mpsc::UnboundedReceiver<Moved>,
    /// The user and the room of each dialog.
    dialogs: BTreeMap<Box<str>, Stay>,
    /// How many dialogs of a user are in a room.
    count: BTreeMap<Stay, usize>,
}

/// A user and a room.
type Stay = (Box<str>, Box<str>);

/// Both ends, if that is to be told at all.
pub(crate) fn whereabouts(config: &Config) -> (Whereabouts, InRooms) {
    let (tell, told) = mpsc::unbounded_channel();
    let in_rooms = InRooms { told, ..InRooms::default() };
    (Whereabouts(config.presence.rooms.then(|| (tell, Arc::new(Known::of(config))))), in_rooms)
}

impl Known {
    fn of(config: &Config) -> Self {
        let is_open = |rules: &RoomRules| rules.password_file.is_none() && rules.allow == UserList::everybody();
        let is_known = |room: &Room| room.parent.is_none() && room.password.is_none() && is_open(&room.rules);
        let factory = config.conference.factory.as_str();
        Self {
            configured: config.room.iter().map(|room| (room.name.as_str().into(), is_known(room))).collect(),
            others: is_open(&config.room_rules),
            factory: (!factory.is_empty()).then(|| format!("{factory}-").into()),
        }
    }

    fn has(&self, room: &str) -> bool {
        let is_for_few = self.factory.as_deref().is_some_and(|factory| room.starts_with(factory));
        self.configured.get(room).copied().unwrap_or(self.others && !is_for_few)
    }
}

impl Whereabouts {
    /// A dialog of this user's device began. Nobody is told of those who hide who they are, or of rooms that are for a few.
    pub(crate) fn came(&self, tag: &str, user: &Identity, room: &str) {
        let is_known = self.0.as_ref().is_some_and(|(_, known)| known.has(room));
        if is_known && !user.is_anonymous() {
            self.tell(|| Moved::Came { tag: tag.into(), user: user.aor.clone(), room: room.into() });
        }
    }

    /// The dialog is gone.
    pub(crate) fn left(&self, tag: &str) {
        self.tell(|| Moved::Left { tag: tag.into() });
    }

    /// All dialogs are gone whose tags begin so.
    pub(crate) fn closed(&self, prefix: &str) {
        self.tell(|| Moved::Closed { prefix: prefix.into() });
    }

    fn tell(&self, moved: impl FnOnce() -> Moved) {
        if let Some((tell, _)) = &self.0 {
            // Where no users are served nobody wants to know.
            let _ = tell.send(moved());
        }
    }
}

/// Nobody is anywhere, and nobody will tell.
impl Default for InRooms {
    fn default() -> Self {
        Self { told: mpsc::unbounded_channel().1, dialogs: BTreeMap::new(), count: BTreeMap::new() }
    }
}

impl InRooms {
    /// The next who has come or gone; `None` if that is not told.
    pub(super) async fn next(&mut self) -> Option<Moved> {
        self.told.recv().await
    }

    /// The same, if that is known already.
    pub(super) fn try_next(&mut self) -> Option<Moved> {
        self.told.try_recv().ok()
    }

    /// Tells the proxy of those who are users of ours.
    pub(super) fn handle(&mut self, now: Instant, moved: Moved, hosts: &Hosts, proxy: &mut Proxy) {
        match moved {
            Moved::Came { tag, user, room } => {
                let Some(user) = hosts.local_user(&user).filter(|_| user.is_sip()) else { return };
                let stay: Stay = (user.into(), room);
                *self.count.entry(stay.clone()).or_default() += 1;
                proxy.handle_room_entered(now, &stay.0, &stay.1);
                if let Some(before) = self.dialogs.insert(tag, stay) {
                    self.leave(now, &before, proxy);
                }
            }
            Moved::Left { tag } => self.end(now, &tag, proxy),
            Moved::Closed { prefix } => {
                let of_room = self.dialogs.range(prefix.clone()..).take_while(|(tag, _)| tag.starts_with(&*prefix));
                let tags: Vec<_> = of_room.map(|(tag, _)| tag.clone()).collect();
                tags.iter().for_each(|tag| self.end(now, tag, proxy));
            }
        }
    }

    fn end(&mut self, now: Instant, tag: &str, proxy: &mut Proxy) {
        if let Some(stay) = self.dialogs.remove(tag) {
            self.leave(now, &stay, proxy);
        }
    }

    fn leave(&mut self, now: Instant, stay: &Stay, proxy: &mut Proxy) {
        let Some(count) = self.count.get_mut(stay) else { return };
        *count -= 1;
        if *count == 0 {
            self.count.remove(stay);
            proxy.handle_room_left(now, &stay.0, &stay.1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// EVT-74: watchers are told of rooms that everybody may join; not of those of the factory, of sidebars, or of those with
    /// a password or a list of who may join.
    #[test]
    fn rooms_for_a_few() {
        let config = |more: &str| {
            let text = format!(
                "[conference]\nfactory = \"meet\"\n{more}\n[[room]]\nname = \"lobby\"\n\
                 [[room]]\nname = \"board\"\nallow = [\"sip:alice@example.org\"]\n\
                 [[room]]\nname = \"aside\"\nparent = \"lobby\"\n\
                 [[room]]\nname = \"locked\"\npassword_file = \"secret\"\n"
            );
            Known::of(&Config::parse(&text).expect("a configuration"))
        };
        let known = config("");
        let names = ["lobby", "board", "aside", "locked", "meet-0123", "den"];
        assert_eq!(names.map(|name| known.has(name)), [true, false, false, false, false, true]);
        assert!(!config("[rooms]\nallow = [\"example.org\"]").has("den"));
    }
}
