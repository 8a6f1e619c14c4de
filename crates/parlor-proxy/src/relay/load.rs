//! How much is on its way, in all and of each sender.

use crate::{Limits, Reject};
use parlor_sip::Uri;
use std::collections::HashMap;

/// Octets of all messages, as often as they are on their way.
#[derive(Debug, Default)]
pub(crate) struct Load {
    octets: usize,
    /// Of those whose senders are known.
    of_users: HashMap<Uri, usize>,
}

/// What one message takes of it, until it is given back.
#[derive(Debug)]
pub(crate) struct Taken {
    user: Option<Uri>,
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
        Ok(Taken { user: user.cloned(), octets })
    }

    pub(super) fn give_back(&mut self, taken: Taken) {
        self.octets -= taken.octets;
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
        self.octets == 0 && self.of_users.is_empty()
    }
}
