//! The 200 to a REGISTER (RFC 3261 §10.3 step 8).

use super::Registrar;
use super::wish::EXTENSIONS;
use parlor_sip::{HeaderName, Headers, Request, Response, reason_phrase, sip_date};
use std::time::Instant;

/// What a REGISTER will be answered with, but for what is known only then.
#[derive(Debug)]
pub(crate) struct Answer {
    /// What it repeats of its request.
    echo: Response,
    /// What is said of extensions.
    said: Headers,
}

impl Answer {
    pub(crate) fn to(request: &Request) -> Self {
        let mut said = Headers::new();
        // RFC 3327 §5.3: who knows what it means is told which proxies are on the way.
        if request.headers.supports("path") {
            said.copy(&request.headers, &HeaderName::Path);
        }
        if uses_outbound(&request.headers) {
            said.push(HeaderName::Require, "outbound");
        }
        Self { echo: Response::for_request(request, 200, reason_phrase(200)), said }
    }

    /// What it repeats of its request, for a refusal.
    pub(crate) fn into_echo(self) -> Response {
        self.echo
    }

    /// With all bindings of the user and how long they last (SIP-131).
    pub(crate) fn finish(mut self, now: Instant, user: &str, registrar: &Registrar) -> Response {
        let headers = &mut self.echo.headers;
        for (name, value) in self.said.iter() {
            headers.push(name.clone(), value);
        }
        for binding in registrar.bindings.of(user) {
            headers.push(HeaderName::Contact, binding.listed(now));
        }
        headers.push(HeaderName::Date, sip_date(registrar.clock.since_epoch(now)));
        headers.push(HeaderName::Supported, EXTENSIONS.join(", "));
        headers.push(HeaderName::Server, &registrar.settings.product);
        self.echo
    }
}

/// RFC 5626 §6: the client is told that its `reg-id` counts.
fn uses_outbound(headers: &Headers) -> bool {
    let is_flow = |contact: &parlor_sip::NameAddr| contact.params.has("reg-id") && contact.params.has("+sip.instance");
    headers.supports("outbound") && headers.contacts().unwrap_or_default().iter().any(is_flow)
}
