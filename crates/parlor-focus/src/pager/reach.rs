//! Where a device is that takes part by MESSAGE alone.

use crate::NextHop;
use parlor_sip::{Flow, Transport, Uri};
use std::net::IpAddr;

/// How a device is reached.
#[derive(Clone, Debug)]
pub(super) struct Reach {
    /// Whose it is: what that user has registered comes first.
    pub(super) aor: Uri,
    /// Its own address, at its user's name if that is one of a SIP URI.
    pub(super) target: Uri,
    /// Where it was heard.
    pub(super) next_hop: NextHop,
}

impl Reach {
    /// A device that was heard from there.
    pub(super) fn of(aor: Uri, flow: &Flow) -> Self {
        let remote = flow.remote;
        let there = Uri::of_address(remote);
        let user = aor.user_decoded().filter(|_| aor.is_sip());
        let target = Uri::sip(user.as_deref(), &remote.ip().to_string(), Some(remote.port()));
        let over = |uri: Uri| match flow.transport {
            Transport::Udp => uri,
            Transport::Tcp => uri.with_param("transport", "tcp"),
            Transport::Tls => uri.with_param("transport", "tls"),
        };
        let target = over(target.unwrap_or_else(|_| there.clone()));
        Self { aor, target, next_hop: NextHop { flow: *flow, uri: over(there) } }
    }

    /// Whose consent to be sent something is one for all of it: ports change with what stands between.
    pub(super) fn place(&self) -> (Transport, IpAddr) {
        let Flow { transport, remote, .. } = self.next_hop.flow;
        (transport, remote.ip())
    }
}
