//! Finding out where somebody is who is to be called.

use super::SipOutput;
use super::directory::Directory;
use crate::config::Network;
use crate::own::OwnListeners;
use parlor_focus::{Account, Location, NextHop};
use parlor_room::{Hosts, Identity};
use parlor_sip::{Flow, Scheme, Transport, Uri};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::lookup_host;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// How long a name may take to be looked up.
const PATIENCE: Duration = Duration::from_secs(5);
/// RFC 3261 §19.1.2: the port of SIP without TLS.
const PORT: u16 = 5060;

/// Knows the users that are in some room, and the way to others, as far as it is allowed to be taken.
#[derive(Debug)]
pub(crate) struct Locator {
    pub(crate) directory: Directory,
    hosts: Arc<Hosts>,
    /// What we send from.
    listeners: Vec<(Transport, SocketAddr)>,
    own: OwnListeners,
    /// Who knows where users have registered.
    sip: mpsc::Sender<SipOutput>,
    /// Whom we may call at an address that anybody may have written.
    networks: Vec<Network>,
}

/// Why somebody is not called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unlocated {
    /// Nobody knows where that is.
    Unknown,
    /// The name was not looked up in time, or no socket of ours leads there.
    Unreachable,
    /// The configuration does not allow calls to there.
    Forbidden,
}

impl Unlocated {
    /// As a status of the call that is not made.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Unknown => 404,
            Self::Unreachable => 480,
            Self::Forbidden => 403,
        }
    }
}

impl Locator {
    /// A locator that knows no user yet.
    pub(crate) fn new(
        hosts: Arc<Hosts>,
        listeners: Vec<(Transport, SocketAddr)>,
        own: OwnListeners,
        sip: mpsc::Sender<SipOutput>,
        networks: Vec<Network>,
    ) -> Self {
        Self { directory: Directory::default(), hosts, listeners, own, sip, networks }
    }

    /// Where somebody is, and who that is if it is in some room.
    pub(crate) async fn locate(&self, uri: &Uri) -> Result<(Location, Option<Identity>), Unlocated> {
        if let Some((location, user)) = self.registered(uri).await {
            return Ok((location, Some(user)));
        }
        if let Some((location, user)) = self.directory.find(uri) {
            return Ok((location, Some(user)));
        }
        let host = uri.host().ok_or(Unlocated::Unknown)?;
        // Users of our own domain are who they are by being known here, not by where they are.
        if host.eq_ignore_ascii_case(self.hosts.domain()) {
            return Err(Unlocated::Unknown);
        }
        let addresses = addresses(uri, host).await?;
        let usable = |address: &&SocketAddr| self.networks.iter().any(|network| network.contains(address.ip()));
        let remote = *addresses.iter().find(usable).ok_or(Unlocated::Forbidden)?;
        if self.own.are_named(host, uri.port()) || self.own.are_at(remote) {
            return Err(Unlocated::Unknown);
        }
        let flow = self.flow(uri, remote).ok_or(Unlocated::Unreachable)?;
        let next_hop = NextHop { flow, uri: Uri::of_address(remote) };
        Ok((Location { target: uri.clone(), next_hop }, None))
    }

    /// Where a user of ours has registered, whichever of our hosts the URI names.
    async fn registered(&self, uri: &Uri) -> Option<(Location, Identity)> {
        self.hosts.local_user(uri)?;
        let (tell, told) = oneshot::channel();
        self.sip.send(SipOutput::Locate { uri: uri.clone(), tell }).await.ok()?;
        let (location, account) = told.await.ok()??;
        let canonical = || Uri::sip(uri.user_decoded().as_deref(), self.hosts.domain(), None).ok().map(Identity::of);
        let known = account.map(|Account { aor, aliases }| Identity::of(aor).with(None, aliases).proven());
        Some((location, known.or_else(canonical)?))
    }

    /// RFC 3263 §4.1: the transport that the URI names, else UDP, if we have it.
    fn flow(&self, uri: &Uri, remote: SocketAddr) -> Option<Flow> {
        let wanted = match (uri.scheme(), uri.param("transport")) {
            // TLS towards users is only ever used on streams that they opened.
            (Scheme::Sips, _) => return None,
            (_, None) => &[Transport::Udp, Transport::Tcp][..],
            (_, Some(named)) if named.eq_ignore_ascii_case("udp") => &[Transport::Udp],
            (_, Some(named)) if named.eq_ignore_ascii_case("tcp") => &[Transport::Tcp],
            (_, Some(_)) => return None,
        };
        let of_kind = |address: IpAddr| address.is_ipv4() == remote.ip().to_canonical().is_ipv4();
        wanted.iter().find_map(|&transport| {
            let mut listeners = self.listeners.iter().filter(|(own, local)| *own == transport && of_kind(local.ip()));
            let (_, local) = listeners.next()?;
            Some(Flow { transport, local: *local, remote, connection: None })
        })
    }
}

/// RFC 3263 §4.2.
async fn addresses(uri: &Uri, host: &str) -> Result<Vec<SocketAddr>, Unlocated> {
    let port = uri.port().unwrap_or(PORT);
    if let Some(ip) = uri.host_ip() {
        return Ok(vec![SocketAddr::new(ip.to_canonical(), port)]);
    }
    let found = timeout(PATIENCE, lookup_host((host, port))).await.map_err(|_| Unlocated::Unreachable)?;
    Ok(found.map_err(|_| Unlocated::Unknown)?.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locator(networks: &[Network]) -> Locator {
        let hosts = Arc::new(Hosts::new("chat.example.test", ["127.0.0.1".to_owned()]));
        let address = |text: &str| text.parse().expect("an address");
        let listeners = vec![(Transport::Udp, address("127.0.0.1:5060")), (Transport::Tcp, address("127.0.0.1:5060"))];
        let mut own = OwnListeners::default();
        own.add_bound(address("127.0.0.1:5060"));
        Locator::new(hosts, listeners, own, mpsc::channel(1).0, networks.to_vec())
    }

    async fn found(locator: &Locator, uri: &str) -> Result<(Transport, String), Unlocated> {
        let located = locator.locate(&uri.parse().expect("a URI")).await;
        located.map(|(location, _)| (location.next_hop.flow.transport, location.next_hop.flow.remote.to_string()))
    }

    /// Only addresses of the networks that may be called are, by the transport that is wanted; we never call ourselves.
    #[tokio::test]
    async fn who_may_be_called_is_found() {
        let locator = locator(&Network::LOOPBACK);
        let there = "127.0.0.1:5071".to_owned();
        assert_eq!(found(&locator, "sip:carol@127.0.0.1:5071").await, Ok((Transport::Udp, there.clone())));
        assert_eq!(found(&locator, "sip:carol@[::ffff:127.0.0.1]:5071").await, Ok((Transport::Udp, there.clone())));
        assert_eq!(found(&locator, "sip:carol@127.0.0.1:5071;transport=TCP").await, Ok((Transport::Tcp, there)));
        for (uri, why) in [
            ("sip:carol@192.0.2.9", Unlocated::Forbidden),
            ("sip:carol@127.0.0.1", Unlocated::Unknown),
            ("sip:carol@127.0.0.1:5060;transport=tcp", Unlocated::Unknown),
            ("sip:carol@Chat.Example.test:5071", Unlocated::Unknown),
            ("sip:carol@nowhere.invalid:5071", Unlocated::Unknown),
            ("sips:carol@127.0.0.1:5071", Unlocated::Unreachable),
            ("sip:carol@127.0.0.1:5071;transport=tls", Unlocated::Unreachable),
            ("sip:carol@[::1]:5071", Unlocated::Unreachable),
            ("tel:+15551234", Unlocated::Unknown),
        ] {
            assert_eq!(found(&locator, uri).await, Err(why), "{uri}");
        }
    }

    /// Where nothing is allowed, only those are called who are in some room.
    #[tokio::test]
    async fn who_is_in_some_room_is_called_where_it_is() {
        let locator = locator(&[]);
        assert_eq!(found(&locator, "sip:carol@127.0.0.1:5071").await, Err(Unlocated::Forbidden));
        let carol: Uri = "sip:carol@chat.example.test".parse().expect("a URI");
        let flow = locator.flow(&carol, "127.0.0.1:5071".parse().expect("an address")).expect("a flow");
        let next_hop = NextHop { flow, uri: Uri::of_address(flow.remote) };
        let at = Location { target: carol.clone(), next_hop };
        locator.directory.insert("1-a", Identity::of(carol), at);
        assert!(found(&locator, "sip:carol@chat.example.test;transport=tls").await.is_ok());
    }
}
