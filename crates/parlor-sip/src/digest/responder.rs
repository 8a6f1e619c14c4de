//! The side that is challenged.

use rand::Rng;

use super::algorithm::{Ha1, hex};
use super::challenge::Challenge;
use super::credentials::{Credentials, Protection};
use super::param::Qop;
use super::proof::Proof;
use crate::header::HeaderName;
use crate::message::{Request, Response};

/// Answers challenges with one name and password.
pub struct Responder {
    username: Box<str>,
    password: Box<str>,
    /// Those of the server.
    server: Option<Answered>,
    /// Those of a proxy on the way.
    proxy: Option<Answered>,
}

/// A challenge and how often it was answered.
#[derive(Debug)]
struct Answered {
    challenge: Challenge,
    ha1: Ha1,
    nc: u32,
}

/// The password stays out of logs.
impl std::fmt::Debug for Responder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Responder").field("username", &self.username).finish_non_exhaustive()
    }
}

impl Responder {
    /// One that has not been challenged.
    pub fn new(username: &str, password: &str) -> Self {
        Self { username: username.into(), password: password.into(), server: None, proxy: None }
    }

    /// Takes in the response to a request of ours. `true` if it is a challenge that [`Responder::authorize`] can now
    /// answer; `false` also if the request had an answer already and more than its nonce was to blame.
    pub fn challenged(&mut self, request: &Request, response: &Response) -> bool {
        let Some((asks, answers)) = names(response.code) else { return false };
        let Some(challenge) = topmost(response, &asks) else { return false };
        let tried = request.headers.credentials(&answers, &challenge.realm).is_ok_and(|found| found.is_some());
        (!tried || challenge.stale) && self.challenged_anew(response)
    }

    /// The same for a request that had an answer before it was asked for one: that may be out of date without anybody
    /// saying so.
    pub fn challenged_anew(&mut self, response: &Response) -> bool {
        let Some(challenge) = names(response.code).and_then(|(asks, _)| topmost(response, &asks)) else { return false };
        let ha1 = Ha1::new(challenge.variant.algorithm, &self.username, &challenge.realm, &self.password);
        let answered = if response.code == 401 { &mut self.server } else { &mut self.proxy };
        *answered = Some(Answered { challenge, ha1, nc: 0 });
        true
    }

    /// Puts answers to all challenges that are known into a request, in place of those it has.
    pub fn authorize(&mut self, request: &mut Request, rng: &mut impl Rng) {
        let both = [(HeaderName::Authorization, &mut self.server), (HeaderName::ProxyAuthorization, &mut self.proxy)];
        for (name, answered) in both {
            request.headers.remove(&name);
            if let Some(answered) = answered {
                let credentials = answered.credentials(&self.username, request, rng);
                request.headers.push(name, credentials);
            }
        }
    }
}

impl Answered {
    fn credentials(&mut self, username: &str, request: &Request, rng: &mut impl Rng) -> Credentials {
        self.nc += 1;
        let Challenge { realm, nonce, variant, opaque, qop, .. } = &self.challenge;
        // RFC 7616 §3.4: `auth` if it will do.
        let qop = if qop.contains(&Qop::Auth) { Some(Qop::Auth) } else { qop.first().copied() };
        let protection = qop.map(|qop| Protection { qop, cnonce: cnonce(rng), nc: self.nc });
        let uri = request.uri.to_string();
        let proof = Proof {
            variant: *variant,
            nonce,
            protection: protection.as_ref(),
            method: request.method.as_str(),
            uri: &uri,
            body: &request.body,
        };
        Credentials {
            username: username.into(),
            realm: realm.clone(),
            response: proof.response(&self.ha1).into(),
            uri: uri.into(),
            nonce: nonce.clone(),
            variant: Some(*variant),
            opaque: opaque.clone(),
            protection,
        }
    }
}

/// Where a response of that code asks, and where it is answered.
fn names(code: u16) -> Option<(HeaderName, HeaderName)> {
    match code {
        401 => Some((HeaderName::WwwAuthenticate, HeaderName::Authorization)),
        407 => Some((HeaderName::ProxyAuthenticate, HeaderName::ProxyAuthorization)),
        _ => None,
    }
}

/// RFC 8760 §2.4: the topmost that is understood.
fn topmost(response: &Response, asks: &HeaderName) -> Option<Challenge> {
    response.headers.challenges(asks).into_iter().next()
}

fn cnonce(rng: &mut impl Rng) -> Box<str> {
    hex(&rng.next_u64().to_be_bytes()).into()
}
