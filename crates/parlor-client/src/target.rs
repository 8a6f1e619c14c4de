//! How a server is reached.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use parlor_sip::{Limits, Scheme, Transport, Uri};

use crate::error::JoinError;
use crate::sip::Wire;
use crate::stream::Tls;

/// Where SIP goes, and how.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    /// The URI of whatever is there; it has a host.
    pub(crate) uri: Uri,
    pub(crate) transport: Transport,
    /// Whatever the URI says.
    pub(crate) server: Option<SocketAddr>,
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
}

/// Why a server could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    /// The host could not be looked up.
    #[error("{host} is not known: {error}")]
    Lookup {
        /// The host.
        host: String,
        /// What the system said.
        error: io::Error,
    },
    /// No connection for SIP.
    #[error("no connection to {address}: {error}")]
    Connect {
        /// Where to.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// TLS is wanted, but there are no certificates to trust.
    #[error("TLS is needed, but there are no certificates to trust")]
    NoTls,
}

impl From<ReachError> for JoinError {
    fn from(error: ReachError) -> Self {
        match error {
            ReachError::Lookup { host, error } => Self::Lookup { host, error },
            ReachError::Connect { address, error } => Self::Connect { address, error },
            ReachError::NoTls => Self::NoTls,
        }
    }
}

impl Reach {
    /// Connects.
    pub(crate) async fn connect(&self, limits: Limits) -> Result<Wire, ReachError> {
        let host = self.uri.host().unwrap_or_default();
        let tls = if self.transport == Transport::Tls { Some(self.tls(host)?) } else { None };
        let addresses = self.resolve().await?;
        let opened = Wire::open(self.transport, &addresses, tls, limits).await;
        opened.map_err(|(address, error)| ReachError::Connect { address, error })
    }

    /// With what to encrypt, for that host.
    pub(crate) fn tls(&self, host: &str) -> Result<Tls, ReachError> {
        let config = self.tls.clone().ok_or(ReachError::NoTls)?;
        Ok(Tls { config, name: host.trim_matches(['[', ']']).to_owned() })
    }

    /// The addresses to try, in their order, never none.
    async fn resolve(&self) -> Result<Vec<SocketAddr>, ReachError> {
        if let Some(server) = self.server {
            return Ok(vec![server]);
        }
        let host = self.uri.host().expect("the options have checked that there is a host");
        // RFC 3261 §18.1.1, §19.1.2: the ports when none is written.
        let default_port = if self.transport == Transport::Tls { 5061 } else { 5060 };
        let port = self.uri.port().unwrap_or(default_port);
        if let Some(ip) = self.uri.host_ip() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        look_up(host, port).await.map_err(|error| ReachError::Lookup { host: host.to_owned(), error })
    }
}

/// What carries SIP by a URI. RFC 3261 §19.1.1: `sips:` is TLS over a stream, whatever it names.
pub(crate) fn transport_of(uri: &Uri) -> Option<Transport> {
    let secure = *uri.scheme() == Scheme::Sips;
    match uri.param("transport").map(str::to_ascii_lowercase).as_deref() {
        None | Some("tcp" | "tls") if secure => Some(Transport::Tls),
        Some("udp") if !secure => Some(Transport::Udp),
        Some("tls") => Some(Transport::Tls),
        None | Some("tcp") => Some(Transport::Tcp),
        Some(_) => None,
    }
}

/// All addresses of a host.
pub(crate) async fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
    if found.is_empty() { Err(io::Error::new(io::ErrorKind::NotFound, "it has no address")) } else { Ok(found) }
}
