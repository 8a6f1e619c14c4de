//! What others ask of us, and our answers.

use std::time::Instant;

use parlor_cpim::Address;
use parlor_sip::{DialogId, HeaderName, Method, Request, Response, ServerTransactionId, reason_phrase};

use super::agent::Agent;
use super::inbox::{self, Arrived};
use crate::account::AccountEvent;
use crate::composing::Writer;

/// The methods we serve.
const METHODS: [Method; 3] = [Method::Message, Method::Notify, Method::Options];

impl Agent {
    pub(super) fn handle_request(&mut self, now: Instant, tx: ServerTransactionId, request: &Request) {
        let mut response = self.answer(now, request).unwrap_or_else(|code| refusal(request, code));
        response.headers.push(HeaderName::UserAgent, &self.core.identity.user_agent);
        // SIP-29
        let tag = self.core.random_token();
        response.set_to_tag(&tag);
        self.core.endpoint.respond(now, tx, &response);
    }

    /// An INVITE is answered at once, so there is none left to cancel; one that still waits gets its 487.
    pub(super) fn handle_cancel(&mut self, now: Instant, tx: ServerTransactionId) {
        self.core.endpoint.respond(now, tx, &Response::new(487, reason_phrase(487)));
    }

    /// The checks of RFC 3261 §8.2 in their order, then what the method asks.
    fn answer(&mut self, now: Instant, request: &Request) -> Result<Response, u16> {
        if request.method != Method::Notify && DialogId::of_request(request).map_err(|_| 400_u16)?.is_some() {
            // Of a room that we have left, perhaps.
            return Err(481);
        }
        if request.method == Method::Invite {
            // We take no calls; nor does another device have to wait for us.
            return Err(486);
        }
        if !METHODS.contains(&request.method) {
            return Err(if request.method.is_known() { 405 } else { 501 });
        }
        if !request.headers.require().map_err(|_| 400_u16)?.is_empty() {
            return Err(420);
        }
        if request.method == Method::Notify {
            self.watches.handle_notify(now, &self.core, request)?;
            return Ok(Response::for_request(request, 200, "OK"));
        }
        let mut response = Response::for_request(request, 200, "OK");
        if request.method == Method::Message {
            self.handle_pager_message(now, request)?;
        } else {
            response.headers.push(HeaderName::Allow, allow());
            response.headers.push(HeaderName::Accept, inbox::accept());
        }
        // RFC 3428 §7: neither Contact nor a body.
        Ok(response)
    }

    fn handle_pager_message(&mut self, now: Instant, request: &Request) -> Result<(), u16> {
        // Who is told to come later may leave it with a server that keeps it.
        if self.events.len() >= MOST_EVENTS || self.octets >= MOST_OCTETS {
            return Err(486);
        }
        match self.inbox.handle_message(request)? {
            Arrived::Message(message) => {
                let news = self.theirs.handle_content(writer(&message.from, message.author.as_ref()));
                news.into_iter().for_each(|news| self.tell_composing(news));
                self.tell(AccountEvent::Message(message));
            }
            Arrived::Status { from, author, status } => {
                let news = self.theirs.handle_status(now, writer(&from, author.as_ref()), &status);
                news.into_iter().for_each(|news| self.tell_composing(news));
            }
            Arrived::Nothing => {}
        }
        Ok(())
    }
}

fn writer<'a>(from: &'a Address, author: Option<&'a Address>) -> Writer<'a> {
    Writer { from, author, private: true }
}

fn refusal(request: &Request, code: u16) -> Response {
    let mut response = Response::for_request(request, code, reason_phrase(code));
    match code {
        405 | 501 => response.headers.push(HeaderName::Allow, allow()),
        // MSG-22
        415 => {
            response.headers.push(HeaderName::Accept, inbox::accept());
            response.headers.push(HeaderName::AcceptEncoding, "identity");
        }
        489 => response.headers.push(HeaderName::AllowEvents, parlor_events::pidf::EVENT),
        420 => {
            let unknown = request.headers.require().unwrap_or_default();
            response.headers.push(HeaderName::Unsupported, unknown.join(", "));
        }
        _ => {}
    }
    response
}

fn allow() -> String {
    METHODS.iter().map(Method::as_str).collect::<Vec<_>>().join(", ")
}

/// Events that wait to be taken.
const MOST_EVENTS: usize = 1024;
/// Octets in them.
const MOST_OCTETS: usize = 1024 * 1024;
