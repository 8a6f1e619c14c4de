//! Connecting to a participant that insists on being connected to (MSRP-152).

use super::connection::Connections;
use super::socket;
use super::table::SessionEntry;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tracing::debug;

/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where to connect, and for which session.
#[derive(Debug)]
pub(crate) struct Dial {
    /// The session.
    pub(crate) entry: Arc<SessionEntry>,
    /// The only address that may be connected to; none means any.
    pub(crate) allowed: Option<IpAddr>,
}

/// Connects to the leftmost URI of the peer's path, binds, and serves the connection until it ends.
///
/// Gives `false` when no connection could be made.
pub(crate) async fn dial(connections: Arc<Connections>, tls: Arc<rustls::ClientConfig>, dial: Dial) -> bool {
    let uri = dial.entry.peer.first();
    let stream = match timeout(PATIENCE, connect(uri.host(), uri.port(), dial.allowed)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            debug!(%error, "cannot connect to a participant");
            return false;
        }
        Err(_) => return false,
    };
    if !uri.is_secure() {
        connections.serve(stream.into_split(), false, Some(Arc::clone(&dial.entry))).await;
        return true;
    }
    // MSRP-141: the certificate must be the host's.
    let Ok(name) = rustls::pki_types::ServerName::try_from(uri.host().to_owned()) else { return false };
    match timeout(PATIENCE, TlsConnector::from(tls).connect(name, stream)).await {
        Ok(Ok(stream)) => {
            Box::pin(connections.serve(tokio::io::split(stream), true, Some(Arc::clone(&dial.entry)))).await;
            true
        }
        Ok(Err(error)) => {
            debug!(%error, "TLS to a participant failed");
            false
        }
        Err(_) => false,
    }
}

/// MSRP-84: every address of the host in turn, as far as it is allowed.
async fn connect(host: &str, port: Option<u16>, allowed: Option<IpAddr>) -> io::Result<TcpStream> {
    let port = port.ok_or(io::ErrorKind::InvalidInput)?;
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in lookup_host((host, port)).await?.filter(|address| permitted(*address, allowed)) {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                socket::set_up(&stream)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// RFC 4975 §14.5: nobody is to be made to attack a third party.
fn permitted(address: SocketAddr, allowed: Option<IpAddr>) -> bool {
    allowed.is_none_or(|ip| ip.to_canonical() == address.ip().to_canonical())
}
