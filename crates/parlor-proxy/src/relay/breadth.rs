//! On how many ways at once a message may be (RFC 5393 §5): without a bound, proxies that fork to each other multiply it.

use super::target::Target;
use crate::Reject;
use parlor_sip::{HeaderName, Request};
use std::collections::VecDeque;

/// RFC 5393 §5.3.3: what is assumed of a message that does not say it.
const MAX_BREADTH: u32 = 60;

/// What becomes of it on each way of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// On how many ways at once it may be further on.
    pub(super) each: u32,
    /// Whether one way is tried only when all before have ended.
    pub(super) in_turn: bool,
}

impl Share {
    /// That of a message that nobody divides.
    pub(super) const WHOLE: Self = Self { each: MAX_BREADTH, in_turn: false };
}

/// How many ways a message may be on.
pub(super) fn of(request: &Request) -> u32 {
    let told = request.headers.first(&HeaderName::MaxBreadth).and_then(|value| value.trim().parse().ok());
    told.unwrap_or(MAX_BREADTH)
}

/// Whether it may be on any.
///
/// # Errors
/// [`Reject::TooBroad`]
pub(super) fn check(request: &Request) -> Result<(), Reject> {
    if of(request) == 0 { Err(Reject::TooBroad) } else { Ok(()) }
}

/// Divides it between all ways; or where these are too many, one way at a time has all of it.
pub(super) fn divide(request: &Request, groups: VecDeque<Vec<Target>>) -> (Share, VecDeque<Vec<Target>>) {
    let breadth = of(request);
    let ways = u32::try_from(groups.iter().map(Vec::len).sum::<usize>()).unwrap_or(u32::MAX).max(1);
    if breadth >= ways {
        return (Share { each: breadth / ways, in_turn: false }, groups);
    }
    let groups = groups.into_iter().flatten().map(|target| vec![target]).collect();
    (Share { each: breadth, in_turn: true }, groups)
}
