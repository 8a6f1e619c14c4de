//! In which rooms users are, for those who watch them (EVT-74).

use crate::config::Config;
use parlor_proxy::Proxy;
use parlor_room::{Hosts, Identity};
use parlor_sip::Uri;
use std::collections::BTreeMap;
use std::time::Instant;
use tokio::sync::mpsc;

/// What rooms say of their dialogs, where somebody wants to know: of each dialog when it begins and when it is gone. It is taken in as
/// fast as the INVITEs and BYEs that are behind it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Whereabouts(Option<mpsc::UnboundedSender<Moved>>);

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
    (Whereabouts(config.presence.rooms.then_some(tell)), in_rooms)
}

impl Whereabouts {
    /// A dialog of this user's device began. Nobody is told of those who hide who they are.
    pub(crate) fn came(&self, tag: &str, user: &Identity, room: &str) {
        if !user.is_anonymous() {
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
        if let Some(tell) = &self.0 {
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
