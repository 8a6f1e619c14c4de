//! The sockets that the configuration names.

use crate::config::{Config, HostPort, Transport};
use crate::listener::Listener;
use crate::metrics::Rejected;
use crate::own::OwnListeners;
use crate::sip::{self, Socket};
use crate::tls::Tls;
use anyhow::{Context as _, Result};
use parlor_focus::sdp::{MsrpAddress, MsrpAddresses};
use parlor_room::Hosts;
use parlor_sip::{Contacts, SipAddress};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// A socket, what it speaks, where it is, and how others know it.
type Told<S> = (S, Transport, SocketAddr, HostPort);

/// What is listened on, and how others know it.
pub(crate) struct Sockets {
    pub(crate) sip: Vec<Told<Socket>>,
    pub(crate) msrp: Vec<Told<Listener>>,
    /// With its address.
    pub(crate) http: Option<(TcpListener, SocketAddr)>,
    pub(crate) tls: Tls,
}

impl Sockets {
    /// Binds everything that the configuration names.
    pub(crate) async fn bind(config: &Config) -> Result<Self> {
        let tls = Tls::load(&config.tls)?;
        let (sip, msrp) = (Self::bind_sip(config, &tls).await?, Self::bind_msrp(config, &tls).await?);
        let http = match config.http.listen.address() {
            Some(address) => Some(bind_http(address).await?),
            None => None,
        };
        Ok(Self { sip, msrp, http, tls })
    }

    async fn bind_sip(config: &Config, tls: &Tls) -> Result<Vec<Told<Socket>>> {
        let mut sip = Vec::new();
        for (index, listen) in config.sip.listen.iter().enumerate() {
            let (socket, bound) = match listen.transport {
                Transport::Udp => {
                    let socket = sip::bind_udp(listen.address).await?;
                    let bound = socket.local_addr()?;
                    (Socket::Udp(socket), bound)
                }
                Transport::Tcp | Transport::Tls => {
                    let listener = Listener::bind(
                        "sip.listen",
                        Rejected::SipTooManyOfAddress,
                        listen.address,
                        server_tls(tls, listen.transport),
                    )
                    .await?;
                    let bound = listener.address()?;
                    (Socket::Stream(listener), bound)
                }
            };
            sip.push((socket, listen.transport, bound, config.sip.advertised.host_port(index, bound)));
        }
        Ok(sip)
    }

    async fn bind_msrp(config: &Config, tls: &Tls) -> Result<Vec<Told<Listener>>> {
        let mut msrp = Vec::new();
        for (index, listen) in config.msrp.listen.iter().enumerate() {
            let listener = Listener::bind(
                "msrp.listen",
                Rejected::MsrpTooManyOfAddress,
                listen.address,
                server_tls(tls, listen.transport),
            )
            .await?;
            let bound = listener.address()?;
            msrp.push((listener, listen.transport, bound, config.msrp.advertised.host_port(index, bound)));
        }
        Ok(msrp)
    }

    /// Every host under which we are known.
    pub(crate) fn hosts(&self, config: &Config) -> Hosts {
        let listeners = self.sip.iter().map(|(_, _, bound, told)| (bound, told));
        let listeners = listeners.chain(self.msrp.iter().map(|(_, _, bound, told)| (bound, told)));
        let others = listeners.flat_map(|(bound, told)| [bound.ip().to_string(), told.host.clone()]);
        Hosts::new(&config.domain, others)
    }

    pub(crate) fn contacts(&self) -> Contacts {
        let of = |wanted: Transport| {
            let told = self.sip.iter().find(|(_, transport, _, _)| *transport == wanted).map(|(_, _, _, told)| told)?;
            Some(SipAddress { host: told.host.as_str().into(), port: told.port? })
        };
        Contacts { udp: of(Transport::Udp), tcp: of(Transport::Tcp), tls: of(Transport::Tls) }
    }

    pub(crate) fn msrp_addresses(&self) -> MsrpAddresses {
        let of = |wanted: Transport| {
            let told =
                self.msrp.iter().find(|(_, transport, _, _)| *transport == wanted).map(|(_, _, _, told)| told)?;
            Some(MsrpAddress { host: bare(&told.host).into(), port: told.port? })
        };
        MsrpAddresses { tcp: of(Transport::Tcp), tls: of(Transport::Tls) }
    }

    /// Where SIP comes to us.
    pub(crate) fn own_sip_listeners(&self) -> OwnListeners {
        let mut own = OwnListeners::default();
        for (_, _, bound, told) in &self.sip {
            own.add_bound(*bound);
            own.add_told(bare(&told.host), told.port.unwrap_or(bound.port()));
        }
        own
    }

    /// What SIP is sent from.
    pub(crate) fn sip_listeners(&self) -> Vec<(parlor_sip::Transport, SocketAddr)> {
        let transport = |transport| match transport {
            Transport::Udp => parlor_sip::Transport::Udp,
            Transport::Tcp => parlor_sip::Transport::Tcp,
            Transport::Tls => parlor_sip::Transport::Tls,
        };
        self.sip.iter().map(|(_, own, bound, _)| (transport(*own), *bound)).collect()
    }

    /// Where MSRP comes to us.
    pub(crate) fn own_msrp_listeners(&self) -> OwnListeners {
        let mut own = OwnListeners::default();
        for (_, _, bound, told) in &self.msrp {
            own.add_bound(*bound);
            own.add_told(bare(&told.host), told.port.unwrap_or(bound.port()));
        }
        own
    }
}

/// A host without the brackets of an IPv6 address.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

async fn bind_http(address: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("http.listen: cannot listen on {address}"))?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

fn server_tls(tls: &Tls, transport: Transport) -> Option<Arc<rustls::ServerConfig>> {
    if transport == Transport::Tls { tls.server.clone() } else { None }
}
