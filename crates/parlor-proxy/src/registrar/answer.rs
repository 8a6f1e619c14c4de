//! The 200 to a REGISTER (RFC 3261 §10.3 step 8).

use super::Registrar;
use super::wish::EXTENSIONS;
use parlor_sip::{HeaderName, Headers, Request, Response, reason_phrase, sip_date};
use std::time::Instant;

/// What a REGISTER is answered with, but for the bindings that there are by then.
#[derive(Debug)]
pub(crate) struct Answer {
    response: Response,
}

impl Answer {
    pub(crate) fn to(request: &Request) -> Self {
        let mut response = Response::for_request(request, 200, reason_phrase(200));
        // RFC 3327 §5.3: who knows what it means is told which proxies are on the way.
        if request.headers.supports("path") {
            response.headers.copy(&request.headers, &HeaderName::Path);
        }
        if uses_outbound(&request.headers) {
            response.headers.push(HeaderName::Require, "outbound");
        }
        Self { response }
    }

    /// With all bindings of the user and how long they last (SIP-131).
    pub(crate) fn finish(mut self, now: Instant, user: &str, registrar: &Registrar) -> Response {
        let headers = &mut self.response.headers;
        for binding in registrar.bindings.of(user) {
            headers.push(HeaderName::Contact, binding.listed(now));
        }
        headers.push(HeaderName::Date, sip_date(registrar.clock.since_epoch(now)));
        headers.push(HeaderName::Supported, EXTENSIONS.join(", "));
        headers.push(HeaderName::Server, &registrar.settings.product);
        self.response
    }
}

/// RFC 5626 §6: the client is told that its `reg-id` counts.
fn uses_outbound(headers: &Headers) -> bool {
    let contacts = headers.contacts().unwrap_or_default();
    let is_flow = |contact: &parlor_sip::NameAddr| contact.params.has("reg-id") && contact.params.has("+sip.instance");
    headers.supports("outbound") && contacts.iter().any(is_flow)
}
