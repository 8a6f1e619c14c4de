//! What is asked of a message before it is passed on (RFC 3261 §16.3, §16.4).

use super::breadth;
use crate::{Reject, Settings};
use parlor_sip::{HeaderName, Request};
use std::hash::{DefaultHasher, Hash, Hasher};

/// RFC 3261 §16.6 step 3: what is assumed of a message that does not say it.
const MAX_FORWARDS: u8 = 70;

/// What a message is known by if it comes back: that it may be passed on was found when this was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(pub(super) u64);

/// Whether a message may be passed on at all, whoever sends it.
///
/// # Errors
/// [`Reject::TooManyHops`], [`Reject::Loop`], [`Reject::Extension`], [`Reject::Forbidden`], [`Reject::Header`]
pub(crate) fn check(request: &Request, secret: u64, settings: &Settings) -> Result<Mark, Reject> {
    let headers = &request.headers;
    // MSG-60
    if headers.max_forwards()? == Some(0) {
        return Err(Reject::TooManyHops);
    }
    let mark = mark(request, secret)?;
    if headers.via()?.iter().any(|via| via.mark() == Some(mark)) {
        return Err(Reject::Loop);
    }
    let unknown: Vec<Box<str>> = headers.proxy_require()?.into_iter().map(Box::from).collect();
    if !unknown.is_empty() {
        return Err(Reject::Extension(unknown));
    }
    // RFC 3261 §16.4: a route through us ends here. One beyond us is not for us to follow.
    let ours = |host: Option<&str>| host.is_some_and(|host| settings.hosts.contains(host));
    if headers.route()?.iter().any(|hop| !ours(hop.uri.host())) {
        return Err(Reject::Forbidden);
    }
    Ok(Mark(mark))
}

/// Makes a message what is passed on of it.
pub(super) fn prepare(request: &mut Request, settings: &Settings) {
    // RFC 5393 §5.3.3: said from here on, so that what is added later for a device makes nothing larger.
    let breadth = breadth::of(request);
    let headers = &mut request.headers;
    headers.set(HeaderName::MaxBreadth, breadth);
    let left = headers.max_forwards().ok().flatten().map_or(MAX_FORWARDS, |hops| hops.saturating_sub(1));
    headers.set(HeaderName::MaxForwards, left);
    headers.remove(&HeaderName::Route);
    headers.remove_credentials(&settings.realm);
}

/// RFC 5393 §4.2.1: the same for a request that comes back as it was, and another when its Request-URI has changed on the way.
fn mark(request: &Request, secret: u64) -> Result<u64, Reject> {
    let headers = &request.headers;
    let mut hasher = DefaultHasher::new();
    secret.hash(&mut hasher);
    request.uri.hash(&mut hasher);
    headers.from_tag()?.hash(&mut hasher);
    headers.to_tag()?.hash(&mut hasher);
    headers.call_id()?.hash(&mut hasher);
    headers.cseq()?.seq.hash(&mut hasher);
    headers.all(&HeaderName::Route).for_each(|route| route.hash(&mut hasher));
    Ok(hasher.finish())
}
