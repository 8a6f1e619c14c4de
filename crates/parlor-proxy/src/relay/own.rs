//! Messages of our own: of rooms to those who are in them by MESSAGE alone (MSG-52), and to those who are named in them.

use super::{Asker, Origin, forward, groups};
use crate::relay::target::Target;
use crate::{Output, PageId, Paged, Proxy, Way};
use parlor_sip::{Request, Response, Uri, reason_phrase};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

impl Proxy {
    /// Takes a message of a room to the devices that a user has registered, and to `elsewhere` if there are none; what became
    /// of it is told by [`Output::Paged`].
    pub fn handle_page(
        &mut self,
        now: Instant,
        id: PageId,
        user: Option<&str>,
        elsewhere: Option<(Uri, Way)>,
        request: Request,
    ) {
        self.expire(now);
        let mut groups = user.map(|user| groups(self.registrar.bindings.of(user))).unwrap_or_default();
        if groups.is_empty() {
            groups.extend(elsewhere.map(|(uri, way)| vec![Target::at(uri, way)]));
        }
        let code = match groups.is_empty() {
            true => Some(480),
            false if !forward::fits_any(&request, &groups) => Some(413),
            false => None,
        };
        if let Some(code) = code {
            return self.emit(Output::Paged { id, paged: Paged::Ended(code) });
        }
        let user = self.registrar.bindings.share(user.unwrap_or_default());
        if !self.send_own(now, Origin::Sender(Asker::Room(id), false), &user, request, groups) {
            self.emit(Output::Paged { id, paged: Paged::Delayed });
        }
    }

    /// Takes a message of ours to the devices of a user who has an account, or keeps it. Nobody waits to hear what becomes of
    /// it.
    pub fn handle_mention(&mut self, now: Instant, user: &str, request: Request) {
        self.expire(now);
        let groups = groups(self.registrar.bindings.of(user));
        let keepable = self.may_keep(now, true, &request);
        let waits = groups.is_empty() || self.mailboxes.amount(user).messages > 0;
        let name = self.registrar.bindings.share(user);
        let taken = match keepable && waits {
            true => self.keep_for(now, Asker::Nobody, user, &request).is_ok(),
            false => self.send_own(now, Origin::Sender(Asker::Nobody, keepable), &name, request, groups),
        };
        if !taken {
            self.emit(Output::Ended(crate::Fate::Unavailable));
        }
    }

    /// Whether there was room for it.
    fn send_own(
        &mut self,
        now: Instant,
        origin: Origin,
        user: &Arc<str>,
        request: Request,
        groups: VecDeque<Vec<Target>>,
    ) -> bool {
        let octets = forward::under_way(&request, &groups);
        if groups.is_empty() {
            return false;
        }
        let taken = self.relays.load.take_for_room(octets, &self.settings.limits);
        let fits = taken.is_ok();
        if let Ok(taken) = taken {
            self.begin(now, origin, Arc::clone(user), request, None, groups, taken);
        }
        fits
    }

    /// Tells who waits for it what became of a message.
    pub(crate) fn tell_asker(&mut self, asker: Asker, response: Response) {
        match asker {
            Asker::Sender(tx) => self.respond(tx, response, None),
            Asker::Room(id) => self.emit(Output::Paged { id, paged: Paged::Ended(response.code) }),
            Asker::Nobody => {}
        }
    }
}

/// What a room is told of a device that has said nothing.
pub(super) fn silence(request: &Request) -> Response {
    Response::for_request(request, 408, reason_phrase(408))
}
