//! A message as it is kept, and as it is delivered.

use crate::{Reject, Settings};
use bytes::Bytes;
use parlor_sip::{CSeq, HeaderError, HeaderName, Headers, Method, NameAddr, Request, Uri, sip_date};
use std::sync::Arc;
use std::time::Duration;

/// Names a kept message; later ones have higher numbers, also after a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(pub u64);

/// How many messages, and how large they are together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// How many.
    pub messages: u64,
    /// Octets of their bodies and header fields.
    pub octets: u64,
}

impl Amount {
    pub(super) fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.octets += other.octets;
    }

    pub(super) fn take(&mut self, other: Self) {
        self.messages = self.messages.saturating_sub(other.messages);
        self.octets = self.octets.saturating_sub(other.octets);
    }
}

/// A message on its way to or from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedMessage {
    /// Its name.
    pub id: MessageId,
    /// For whom it is: the user part of the address of record.
    pub user: Arc<str>,
    /// What tells that it is the same, if its sender sends it again.
    pub key: String,
    /// What its delivery is known by: the same each time it is tried, so that a device can tell that it has it.
    pub token: String,
    /// Its From, without tag.
    pub from: String,
    /// Its To.
    pub to: String,
    /// Its other header fields, a line each.
    pub headers: String,
    /// Its body.
    pub body: Bytes,
    /// When it came, in milliseconds since 1970-01-01T00:00:00Z.
    pub received: u64,
    /// When it is no longer wanted, likewise.
    pub expires: u64,
}

/// What is of one transaction, of one hop, or for us; all else is kept (MSG-50).
const NOT_KEPT: [HeaderName; 15] = [
    HeaderName::Via,
    HeaderName::Route,
    HeaderName::RecordRoute,
    HeaderName::MaxForwards,
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
    HeaderName::Contact,
    HeaderName::ContentLength,
    HeaderName::Authorization,
    HeaderName::ProxyAuthorization,
    HeaderName::ProxyRequire,
    HeaderName::Timestamp,
    HeaderName::PAssertedIdentity,
];

impl SavedMessage {
    /// A message that came at that time since the epoch.
    pub(super) fn of(
        request: &Request,
        id: MessageId,
        user: &Arc<str>,
        token: String,
        now: Duration,
        settings: &Settings,
    ) -> Result<Self, HeaderError> {
        let (from, to) = (request.headers.from()?, request.headers.to()?);
        let cseq = request.headers.cseq()?.seq;
        let (call_id, tag) = (request.headers.call_id()?, from.tag().unwrap_or_default());
        // Others may have used the same: whose it is and for whom counts too.
        let key = format!("{call_id}\0{cseq}\0{tag}\0{}\0{user}", from.uri.user_key());
        let mut headers = String::new();
        for (name, value) in request.headers.iter().filter(|(name, _)| !NOT_KEPT.contains(name)) {
            headers.extend([name.as_str(), ": ", value, "\r\n"]);
        }
        // Its reader is to know when it was sent, and until when it holds.
        if request.headers.date().is_none() {
            headers.extend(["Date: ", &sip_date(now), "\r\n"]);
        }
        Ok(Self {
            id,
            user: Arc::clone(user),
            key,
            token,
            from: without_tag(from).to_string(),
            to: without_tag(to).to_string(),
            headers,
            body: request.body.clone(),
            received: millis(now),
            expires: millis(expires(request, now, settings.keep_for)),
        })
    }

    /// What it counts for.
    pub(super) fn amount(&self) -> Amount {
        Amount { messages: 1, octets: (self.headers.len() + self.body.len()) as u64 }
    }

    /// As it goes to a device: a new request from the same to the same (MSG-50).
    pub(super) fn request(&self, settings: &Settings) -> Result<Request, Reject> {
        let (domain, token) = (settings.hosts.domain(), &self.token);
        let uri = Uri::sip(Some(&self.user), domain, None).map_err(|_| Reject::NotFound)?;
        let mut request = Request::new(Method::Message, uri);
        let headers = &mut request.headers;
        headers.push(HeaderName::MaxForwards, 70);
        let mut from = Headers::new();
        from.push(HeaderName::From, &self.from);
        headers.push(HeaderName::From, from.from()?.with_tag(token));
        headers.push(HeaderName::To, &self.to);
        headers.push(HeaderName::CallId, format!("{token}@{domain}"));
        headers.push(HeaderName::CSeq, CSeq { seq: 1, method: Method::Message });
        for (name, value) in self.headers.split("\r\n").filter_map(|line| line.split_once(": ")) {
            headers.push(HeaderName::from(name), value);
        }
        request.body = self.body.clone();
        Ok(request)
    }
}

/// MSG-23: Expires counts from Date if it is there, else from when it came. Without it a message is kept as long as any.
pub(super) fn expires(request: &Request, now: Duration, longest: Duration) -> Duration {
    let own = request.headers.expires().map(|seconds| {
        let from = request.headers.date().unwrap_or(now);
        from + Duration::from_secs(seconds.into())
    });
    own.unwrap_or(Duration::MAX).min(now + longest)
}

pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn without_tag(mut address: NameAddr) -> NameAddr {
    address.params.remove("tag");
    address
}
