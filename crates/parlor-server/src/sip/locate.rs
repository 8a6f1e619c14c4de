//! Finding out where somebody is who is to be called.

use super::SipOutput;
use super::directory::Directory;
use super::reach::{Carrier, Reach, Unlocated};
use parlor_focus::{Account, Found, Location};
use parlor_room::{Hosts, Identity};
use parlor_sip::Uri;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Knows the users that are in some room, and the way to others, as far as it is allowed to be taken.
#[derive(Debug)]
pub(crate) struct Locator {
    pub(crate) directory: Directory,
    hosts: Arc<Hosts>,
    reach: Reach,
}

impl Locator {
    /// A locator that knows no user yet.
    pub(crate) fn new(hosts: Arc<Hosts>, reach: Reach) -> Self {
        Self { directory: Directory::default(), hosts, reach }
    }

    /// Where somebody is, and who that is if it is in some room.
    pub(crate) async fn locate(&self, uri: &Uri) -> Result<Found, Unlocated> {
        let known = match self.registered(uri).await {
            None => self.directory.find(uri),
            registered => registered,
        };
        if let Some((location, user)) = known {
            return Ok(Found { user: Some(user), ..location.into() });
        }
        // Users of our own domain are who they are by being known here, not by where they are.
        if uri.host().is_none_or(|host| host.eq_ignore_ascii_case(self.hosts.domain())) {
            return Err(Unlocated::Unknown);
        }
        let mut hops = self.reach.next_hops(uri, Carrier::Any).await?.into_iter();
        let next_hop = hops.next().ok_or(Unlocated::Unreachable)?;
        Ok(Found { others: hops.collect(), ..Location { target: uri.clone(), next_hop }.into() })
    }

    /// Where a user of ours has registered, whichever of our hosts the URI names.
    async fn registered(&self, uri: &Uri) -> Option<(Location, Identity)> {
        self.hosts.local_user(uri)?;
        let (tell, told) = oneshot::channel();
        self.reach.sip().send(SipOutput::Locate { uri: uri.clone(), tell }).await.ok()?;
        let (location, account) = told.await.ok()??;
        let canonical = || Uri::sip(uri.user_decoded().as_deref(), self.hosts.domain(), None).ok().map(Identity::of);
        let known = account.map(|Account { aor, aliases }| Identity::of(aor).with(None, aliases).proven());
        Some((location, known.or_else(canonical)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Network;
    use crate::own::OwnListeners;
    use crate::resolve::Resolver;
    use parlor_focus::NextHop;
    use parlor_sip::{Flow, Transport};
    use std::net::SocketAddr;
    use tokio::sync::mpsc;

    fn locator(networks: &[Network]) -> Locator {
        asking("127.0.0.1:1".parse().expect("an address"), networks)
    }

    fn asking(name_server: SocketAddr, networks: &[Network]) -> Locator {
        let hosts = Arc::new(Hosts::new("chat.example.test", ["127.0.0.1".to_owned()]));
        let address = |text: &str| text.parse().expect("an address");
        let listeners = vec![(Transport::Udp, address("127.0.0.1:5060")), (Transport::Tcp, address("127.0.0.1:5060"))];
        let mut own = OwnListeners::default();
        own.add_bound(address("127.0.0.1:5060"));
        let resolver = Arc::new(Resolver::new(&[name_server]));
        Locator::new(hosts, Reach::new(resolver, listeners, own, mpsc::channel(1).0, networks.to_vec(), Arc::default()))
    }

    async fn found(locator: &Locator, uri: &str) -> Result<(Transport, String), Unlocated> {
        let located = locator.locate(&uri.parse().expect("a URI")).await;
        located.map(|found| found.location.next_hop.flow).map(|flow| (flow.transport, flow.remote.to_string()))
    }

    /// Only addresses of the networks that may be called are, by the transport that is wanted; we never call ourselves.
    #[tokio::test]
    async fn who_may_be_called_is_found() {
        let locator = locator(&Network::LOOPBACK);
        let there = "127.0.0.1:5071".to_owned();
        assert_eq!(found(&locator, "sip:carol@127.0.0.1:5071").await, Ok((Transport::Udp, there.clone())));
        assert_eq!(found(&locator, "sip:carol@[::ffff:127.0.0.1]:5071").await, Ok((Transport::Udp, there.clone())));
        assert_eq!(found(&locator, "sip:carol@localhost:5071").await, Ok((Transport::Udp, there.clone())));
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

    /// A name server that says nothing is not waited for beyond some seconds.
    #[tokio::test(start_paused = true)]
    async fn a_silent_name_server() {
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
        let locator = asking(silent.local_addr().expect("its address"), &Network::LOOPBACK);
        let began = tokio::time::Instant::now();
        assert_eq!(found(&locator, "sip:carol@silent.test").await, Err(Unlocated::Unreachable));
        assert!(began.elapsed() <= std::time::Duration::from_secs(9), "{:?}", began.elapsed());
    }

    /// Where nothing is allowed, only those are called who are in some room.
    #[tokio::test]
    async fn who_is_in_some_room_is_called_where_it_is() {
        let locator = locator(&[]);
        assert_eq!(found(&locator, "sip:carol@127.0.0.1:5071").await, Err(Unlocated::Forbidden));
        let carol: Uri = "sip:carol@chat.example.test".parse().expect("a URI");
        let address = |text: &str| text.parse().expect("an address");
        let (local, remote) = (address("127.0.0.1:5060"), address("127.0.0.1:5071"));
        let flow = Flow { transport: Transport::Udp, local, remote, connection: None };
        let next_hop = NextHop { flow, uri: Uri::of_address(flow.remote) };
        let at = Location { target: carol.clone(), next_hop };
        locator.directory.insert("1-a", Identity::of(carol), at);
        assert!(found(&locator, "sip:carol@chat.example.test;transport=tls").await.is_ok());
    }
}
