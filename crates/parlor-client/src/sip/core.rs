//! What all requests of a user agent have in common.

use std::time::Instant;

use parlor_sip::digest::Responder;
use parlor_sip::{
    CSeq, ClientTransactionId, Endpoint, Flow, HeaderName, Method, NameAddr, Request, Response, SentBy,
    TransactionLimits, Uri,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::options::Login;

/// Who we are, the transactions that our requests are in, and what proves who we are.
#[derive(Debug)]
pub(crate) struct Core {
    pub(super) identity: Identity,
    pub(super) endpoint: Endpoint,
    pub(super) rng: StdRng,
    pub(super) flow: Flow,
    /// The number of the line that we have on the connection.
    line: u32,
    responder: Option<Responder>,
}

/// Who we are.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) from: NameAddr,
    /// What we prove to be when asked.
    pub(crate) login: Option<Login>,
    pub(crate) user_agent: String,
}

impl Core {
    /// One whose messages go over `flow`. `rng` makes tags and branches, so it must be unpredictable.
    pub(super) fn new(identity: Identity, flow: Flow, line: u32, mut rng: StdRng) -> Self {
        let of_endpoint = StdRng::from_rng(&mut rng);
        let responder = identity.login.as_ref().map(|login| Responder::new(&login.user, &login.password));
        let limits = TransactionLimits { server: 64, client: 512, ..Default::default() };
        Self { identity, endpoint: Endpoint::new(limits, of_endpoint), rng, flow, line, responder }
    }

    /// A request that is in no dialog of ours yet.
    pub(super) fn request(&mut self, method: Method, uri: &Uri) -> Request {
        let (tag, call_id) = (self.random_token(), self.call_id());
        let mut request = Request::new(method.clone(), uri.clone().into_request_uri());
        let headers = &mut request.headers;
        headers.push(HeaderName::From, self.identity.from.clone().with_tag(&tag));
        headers.push(HeaderName::To, format_args!("<{uri}>"));
        headers.push(HeaderName::CallId, call_id);
        headers.push(HeaderName::CSeq, CSeq { seq: 1, method });
        headers.push(HeaderName::MaxForwards, 70);
        request
    }

    /// Sends a request with what all of ours have, which it has then too. Where we were asked before who we are, we say so
    /// without being asked again.
    pub(super) fn send(&mut self, now: Instant, request: &mut Request) -> ClientTransactionId {
        self.complete(request);
        self.send_complete(now, request)
    }

    /// Gives a request what all of ours have.
    pub(super) fn complete(&mut self, request: &mut Request) {
        request.headers.set(HeaderName::UserAgent, &self.identity.user_agent);
        if let Some(responder) = &mut self.responder {
            responder.authorize(request, &mut self.rng);
        }
    }

    /// Sends a request that has it.
    pub(super) fn send_complete(&mut self, now: Instant, request: &Request) -> ClientTransactionId {
        self.endpoint.request(now, self.flow, &SentBy::from(self.flow.local), request.clone())
    }

    /// Sends a request that began with CSeq 1 once more if its response asks who we are and we can answer that (RFC 3261
    /// §22.2).
    pub(super) fn send_again(
        &mut self,
        now: Instant,
        request: &mut Request,
        response: &Response,
    ) -> Option<ClientTransactionId> {
        let CSeq { seq, method } = request.headers.cseq().ok()?;
        if !self.is_asked_for(request, response, seq - 1) {
            return None;
        }
        request.headers.set(HeaderName::CSeq, CSeq { seq: seq + 1, method });
        Some(self.send(now, request))
    }

    /// Whether the response asks who we are and the same request, sent again, will answer that. It has been sent again so
    /// many times.
    pub(super) fn is_asked_for(&mut self, request: &Request, response: &Response, repeated: u32) -> bool {
        let Some(responder) = self.responder.as_mut().filter(|_| repeated + 1 < TRIES) else { return false };
        // What we prove unasked may be out of date.
        if repeated == 0 { responder.challenged_anew(response) } else { responder.challenged(request, response) }
    }

    /// Whether the response to a request in a dialog asks who we are, and the next one will answer that.
    pub(super) fn is_asked(&mut self, response: &Response) -> bool {
        self.responder.as_mut().is_some_and(|responder| responder.challenged_anew(response))
    }

    /// Where we can be reached: over the connection that we opened.
    pub(super) fn contact(&self) -> NameAddr {
        let local = Uri::of_address(self.flow.local);
        let user = self.identity.from.uri.user_decoded();
        let host = local.host().expect("an address is a host");
        let with_user = Uri::sip(user.as_deref(), host, local.port()).unwrap_or(local.clone());
        NameAddr::new(with_user.with_param("transport", &self.flow.transport.via_name().to_ascii_lowercase()))
    }

    /// What tells a dialog of ours from those of others on the same connection: it begins with the number of our line.
    pub(super) fn call_id(&mut self) -> String {
        let token = self.random_token();
        format!("{}-{token}", self.line)
    }

    pub(super) fn random_token(&mut self) -> String {
        format!("{:016x}", self.rng.next_u64())
    }
}

/// How often a request is sent: a proxy and the room may each ask, and each for a newer answer.
const TRIES: u32 = 5;
