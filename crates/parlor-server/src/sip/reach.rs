//! How others are reached, as far as they may be.

use super::SipOutput;
use crate::config::Network;
use crate::metrics::{LookupEnd, Metrics};
use crate::own::OwnListeners;
use crate::resolve::{Resolver, Target, Unresolved};
use parlor_focus::NextHop;
use parlor_sip::{Flow, Transport, Uri};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Knows the servers of others, and what of ours leads there.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    resolver: Arc<Resolver>,
    /// What we send from.
    listeners: Arc<[(Transport, SocketAddr)]>,
    own: OwnListeners,
    /// The only addresses that may be reached, as anybody may have written where to.
    networks: Arc<[Network]>,
    /// Who opens streams.
    sip: mpsc::Sender<SipOutput>,
    metrics: Arc<Metrics>,
}

/// Why somebody is not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unlocated {
    /// Nobody knows where that is.
    Unknown,
    /// The name was not looked up in time, or no socket of ours leads there.
    Unreachable,
    /// The configuration does not allow it.
    Forbidden,
}

impl Unlocated {
    /// As a status of the request that is not sent.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Unknown => 404,
            Self::Unreachable => 480,
            Self::Forbidden => 403,
        }
    }
}

impl From<Unresolved> for Unlocated {
    fn from(why: Unresolved) -> Self {
        match why {
            Unresolved::Unknown => Self::Unknown,
            Unresolved::Silent | Unresolved::Transport => Self::Unreachable,
        }
    }
}

/// What a request may be sent by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// Whatever there is.
    Any,
    /// A stream, if there is one and the URI names nothing else: it is too large for a datagram (RFC 3261 §18.1.1).
    Stream,
}

impl Reach {
    /// One that leads to these networks.
    pub(crate) fn new(
        resolver: Arc<Resolver>,
        listeners: Vec<(Transport, SocketAddr)>,
        own: OwnListeners,
        sip: mpsc::Sender<SipOutput>,
        networks: Vec<Network>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { resolver, listeners: listeners.into(), own, networks: networks.into(), sip, metrics }
    }

    /// The same for another purpose, to other networks.
    pub(crate) fn to(&self, networks: Vec<Network>) -> Self {
        Self { networks: networks.into(), resolver: Arc::new(self.resolver.apart()), ..self.clone() }
    }

    /// Whose task it tells what to open.
    pub(crate) fn sip(&self) -> &mpsc::Sender<SipOutput> {
        &self.sip
    }

    /// The servers for a URI, in the order in which they are to be tried: at least one.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn next_hops(&self, uri: &Uri, carrier: Carrier) -> Result<Vec<NextHop>, Unlocated> {
        let found = self.find(uri, carrier).await;
        let ended = match &found {
            Ok(_) => LookupEnd::Found,
            Err(Unlocated::Unknown) => LookupEnd::Unknown,
            Err(Unlocated::Unreachable) => LookupEnd::Unreachable,
            Err(Unlocated::Forbidden) => LookupEnd::Forbidden,
        };
        self.metrics.lookups.of(ended).inc();
        found
    }

    async fn find(&self, uri: &Uri, carrier: Carrier) -> Result<Vec<NextHop>, Unlocated> {
        let host = uri.host().ok_or(Unlocated::Unknown)?;
        let ours = self.transports(carrier, uri.param("transport").is_some());
        let mut targets = self.resolver.resolve(uri, &ours).await?;
        targets.retain(|target| self.networks.iter().any(|network| network.contains(target.address.ip())));
        if targets.is_empty() {
            return Err(Unlocated::Forbidden);
        }
        let is_named = self.own.are_named(host, uri.port());
        targets.retain(|target| !is_named && !self.own.are_at(target.address));
        if targets.is_empty() {
            return Err(Unlocated::Unknown);
        }
        let mut hops = Vec::with_capacity(targets.len());
        for target in targets {
            let Some(flow) = self.flow(target) else { continue };
            let flow = if target.transport == Transport::Tls { self.placed(flow, host).await? } else { flow };
            hops.push(NextHop { flow, uri: Uri::of_address(target.address) });
        }
        if hops.is_empty() { Err(Unlocated::Unreachable) } else { Ok(hops) }
    }

    /// What we have, best first.
    fn transports(&self, carrier: Carrier, is_named: bool) -> Vec<Transport> {
        let has = |wanted: Transport| self.listeners.iter().any(|(own, _)| *own == wanted);
        let mut ours: Vec<Transport> =
            [Transport::Tls, Transport::Tcp, Transport::Udp].into_iter().filter(|wanted| has(*wanted)).collect();
        if carrier == Carrier::Stream && !is_named && ours.contains(&Transport::Tcp) {
            ours.retain(|own| own.is_reliable());
        }
        ours
    }

    fn flow(&self, target: Target) -> Option<Flow> {
        let Target { transport, address: remote } = target;
        let is_v4 = |address: SocketAddr| address.ip().to_canonical().is_ipv4();
        let mut listeners = self.listeners.iter().filter(|(own, _)| *own == transport);
        let (_, local) = listeners.find(|(_, local)| is_v4(*local) == is_v4(remote))?;
        Some(Flow { transport, local: *local, remote, connection: None })
    }

    async fn placed(&self, flow: Flow, host: &str) -> Result<Flow, Unlocated> {
        let (tell, told) = oneshot::channel();
        let place = SipOutput::Place { flow, name: host.into(), tell };
        self.sip.send(place).await.map_err(|_| Unlocated::Unreachable)?;
        told.await.map_err(|_| Unlocated::Unreachable)
    }
}
