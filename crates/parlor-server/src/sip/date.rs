//! Signed messages that are not of now (MSG-24).

use super::task::SipTask;
use crate::clock::since_epoch;
use crate::metrics::Rejected;
use parlor_sip::{HeaderName, Method, Request, Response, ServerTransactionId};
use std::time::Instant;

impl SipTask {
    /// RFC 3428 §11.4: whether it may be a message that somebody has seen and sends again: to a room, or in the name of a
    /// user of ours. What comes from another domain may have waited there for a user of ours.
    pub(super) fn is_replayed(&self, request: &Request, for_users: bool) -> bool {
        let hosts = &self.focus.hosts;
        let is_ours =
            || request.headers.from().is_ok_and(|from| from.uri.host().is_some_and(|host| hosts.contains(host)));
        request.method == Method::Message && request.is_stale(since_epoch()) && (!for_users || is_ours())
    }

    pub(super) fn refuse_date(&mut self, now: Instant, tx: ServerTransactionId, request: &Request) {
        self.metrics.reject(Rejected::SipDate);
        let mut response = Response::for_request(request, 400, "Incorrect Date or Time");
        response.headers.push(HeaderName::Server, &self.focus.product);
        response.set_to_tag(&self.tag());
        self.endpoint.respond(now, tx, &response);
    }
}
