//! Calling the next server when one is not there, and where a callee says that it is (RFC 3263 §4.3, RFC 3261 §8.1.3.4).

use super::{Inviting, Stage};
use crate::leg::LegId;
use crate::{Focus, Output, message};
use parlor_room::Room;
use parlor_sip::{HeaderName, Response, Scheme, Transport};
use std::cmp::Reverse;

impl Inviting {
    /// Whether another server may know the callee, whom this one has not reached.
    pub(super) fn may_be_elsewhere(&self) -> bool {
        !self.rings && !self.others.is_empty()
    }
}

impl Focus {
    /// RFC 3263 §4.3: the same INVITE goes to the next server.
    pub(super) fn call_next_server(&mut self, room: &Room, id: LegId) {
        let settings = self.settings.clone();
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Stage::Inviting(inviting) = &mut call.stage else { return };
        let Some(next) = inviting.others.pop_front() else { return };
        let secure = next.flow.transport == Transport::Tls && *inviting.invite.uri.scheme() == Scheme::Sips;
        // We are reached by what we send from.
        inviting.invite.headers.set(HeaderName::Contact, message::contact(room, &next.flow, secure, &settings));
        inviting.next_hop = next;
        self.name_call_anew(id);
        self.send_invite(id);
    }

    /// Whoever was called names another place: that is looked for like the first, with the same rules for who may be called.
    pub(super) fn call_redirected(&mut self, id: LegId, response: &Response) {
        let contacts = response.headers.contacts().unwrap_or_default().into_iter();
        let Some(best) = contacts.filter(|contact| contact.uri.is_sip()).min_by_key(|contact| Reverse(contact.q()))
        else {
            return self.fail_call(id, response.code);
        };
        let request = self.name_call_anew(id);
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.redirected = true;
        if let Stage::Inviting(inviting) = std::mem::replace(&mut call.stage, Stage::Locating) {
            self.close_offer(inviting.session);
        }
        self.emit(Output::Locate { id: request, uri: best.uri.into_request_uri() });
    }
}
