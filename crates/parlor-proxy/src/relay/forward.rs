//! What goes to a device, and what goes back to the sender (RFC 3261 §§16.6, 16.7).

use super::breadth::Share;
use super::target::Target;
use parlor_sip::{HeaderName, Request, Response, reason_phrase};
use std::collections::VecDeque;

/// MSG-16: the most octets of a message that may go where congestion is not controlled all the way.
const UNCONTROLLED: usize = 1300;
/// What our Via takes at the most.
const VIA: usize = 160;

/// The request for one device (MSG-60).
pub(super) fn request_for(request: &Request, target: &Target, share: Share) -> Request {
    let mut request = request.clone();
    request.headers.set(HeaderName::MaxBreadth, share.each);
    request.uri = target.uri.clone();
    for hop in &target.path {
        request.headers.push(HeaderName::Route, hop);
    }
    request
}

/// MSG-16: whether it may go to any of them.
pub(crate) fn fits_any(request: &Request, groups: &VecDeque<Vec<Target>>) -> bool {
    let all = || groups.iter().flatten().flat_map(|target| std::iter::once(target).chain(&target.others));
    all().any(Target::takes_any_size) || all().any(|target| fits(&request_for(request, target, Share::WHOLE), target))
}

/// MSG-16: whether it may go there.
pub(super) fn fits(request: &Request, target: &Target) -> bool {
    target.takes_any_size() || !needs_stream(request)
}

/// MSG-16: whether what [`super::admission::prepare`] has made ready is too large for datagrams.
pub(super) fn needs_stream(request: &Request) -> bool {
    request.octets() + VIA > UNCONTROLLED
}

/// What a message counts for while it is on its way to all of them.
pub(crate) fn under_way(request: &Request, groups: &VecDeque<Vec<Target>>) -> usize {
    request.octets() * (1 + groups.iter().map(Vec::len).sum::<usize>())
}

/// A device's response as the sender gets it: what the sender knows its request by is as it was (MSG-62), whatever the
/// device has made of it.
pub(super) fn response_for(request: &Request, response: &Response) -> Response {
    let mut passed = response.clone();
    for name in [HeaderName::Via, HeaderName::From, HeaderName::CallId, HeaderName::CSeq] {
        passed.headers.remove(&name);
        passed.headers.copy(&request.headers, &name);
    }
    // RFC 3261 §16.7 step 6: that this device is overloaded does not mean that we are.
    if passed.code == 503 {
        passed.code = 500;
        passed.reason = reason_phrase(500).into();
        passed.headers.remove(&HeaderName::RetryAfter);
    }
    passed
}
