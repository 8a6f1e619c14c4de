//! How much is on its way, in all and of each sender.

use crate::{Limits, Reject};
use parlor_sip::Uri;
use std::collections::HashMap;

/// Octets of all messages, as often as they are on their way.
#[derive(Debug, Default)]
pub(crate) struct Load {
    octets: usize,
    /// Of those of our rooms.
    of_rooms: usize,
    /// Of those whose senders are known.
    of_users: HashMap<Uri, usize>,
}

/// What one message takes of it, until it is given back.
#[derive(Debug)]
pub(crate) struct Taken {
    user: Option<Uri>,
    is_of_room: bool,
    octets: usize,
}

impl Load {
    /// Takes so much for a message of that user.
    ///
    /// # Errors
    /// [`Reject::TooManyOfUser`], [`Reject::Overload`]
    pub(crate) fn take(&mut self, user: Option<&Uri>, octets: usize, limits: &Limits) -> Result<Taken, Reject> {
        let of_user = user.and_then(|user| self.of_users.get(user)).copied().unwrap_or(0);
        if user.is_some() && of_user + octets > limits.relayed_bytes_of_user {
            return Err(Reject::TooManyOfUser);
        }
        if self.octets + octets > limits.relayed_bytes {
            return Err(Reject::Overload);
        }
        self.octets += octets;
        if let Some(user) = user {
            self.of_users.insert(user.clone(), of_user + octets);
        }
        Ok(Taken { user: user.cloned(), is_of_room: false, octets })
    }

    /// Takes so much for a message of a room; all of theirs together leave half to users.
    ///
    /// # Errors
    /// [`Reject::Overload`]
    pub(crate) fn take_for_room(&mut self, octets: usize, limits: &Limits) -> Result<Taken, Reject> {
        if self.of_rooms + octets > limits.relayed_bytes / 2 {
            return Err(Reject::Overload);
        }
        let taken = self.take(None, octets, limits)?;
        self.of_rooms += octets;
        Ok(Taken { is_of_room: true, ..taken })
    }

    pub(super) fn give_back(&mut self, taken: Taken) {
        self.octets -= taken.octets;
        if taken.is_of_room {
            self.of_rooms -= taken.octets;
        }
        let Some(user) = taken.user else { return };
        if let Some(of_user) = self.of_users.get_mut(&user) {
            *of_user -= taken.octets;
            if *of_user == 0 {
                self.of_users.remove(&user);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.octets == 0 && self.of_rooms == 0 && self.of_users.is_empty()
    }
}
