//! Connecting to a participant that insists on being connected to (MSRP-152).

use super::connection::Connections;
use super::meter::{Meter, Metered};
use super::socket;
use super::table::SessionEntry;
use crate::addresses::Admitted;
use crate::metrics::Rejected;
use parlor_msrp::Uri;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
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

/// An attempt to connect. It is given up with this; a connection that it made stays.
#[derive(Debug)]
pub(crate) struct Dialling(AbortHandle);

impl Drop for Dialling {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Connects to the leftmost URI of the peer's path, binds, and serves the connection in a task of its own. The room is
/// told if no connection could be made.
pub(crate) fn dial(connections: Arc<Connections>, tls: Arc<rustls::ClientConfig>, dial: Dial) -> Dialling {
    let attempt = tokio::spawn(async move {
        let opened = timeout(PATIENCE, open(&connections, tls, &dial)).await;
        match opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(opened) => drop(tokio::spawn(serve(connections, opened, dial.entry))),
            Err(error) => {
                debug!(%error, "cannot connect to a participant");
                let inbox = Arc::clone(&dial.entry.inbox);
                inbox.unreachable(dial.entry).await;
            }
        }
    });
    Dialling(attempt.abort_handle())
}

struct Opened {
    stream: Stream,
    admitted: Admitted,
}

enum Stream {
    Plain(TcpStream),
    Secure(Box<TlsStream<Metered<TcpStream>>>, Meter),
}

async fn open(connections: &Connections, tls: Arc<rustls::ClientConfig>, dial: &Dial) -> io::Result<Opened> {
    let uri = dial.entry.peer.first();
    let (stream, admitted) = connect(connections, uri, dial.allowed).await?;
    if !uri.is_secure() {
        return Ok(Opened { stream: Stream::Plain(stream), admitted });
    }
    // MSRP-141: the certificate must be the host's.
    let name = rustls::pki_types::ServerName::try_from(uri.host().to_owned()).map_err(io::Error::other)?;
    let (stream, meter) = Metered::new(stream);
    let stream = TlsConnector::from(tls).connect(name, stream).await?;
    Ok(Opened { stream: Stream::Secure(Box::new(stream), meter), admitted })
}

/// MSRP-84: every address of the host in turn.
async fn connect(connections: &Connections, uri: &Uri, allowed: Option<IpAddr>) -> io::Result<(TcpStream, Admitted)> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses(uri, allowed).await? {
        if connections.own_listeners().are_named(uri.host(), uri.port()) || connections.own_listeners().are_at(address)
        {
            connections.metrics().reject(Rejected::MsrpOwnListener);
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let Some(admitted) = connections.admission().try_admit(address.ip()) else {
            connections.metrics().reject(Rejected::MsrpTooManyConnections);
            last = io::Error::other("too many connections");
            continue;
        };
        match TcpStream::connect(address).await {
            Ok(stream) => {
                socket::set_up(&stream)?;
                return Ok((stream, admitted));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// RFC 4975 §14.5: nobody is to be made to attack a third party. So where only one address is allowed, a host's name is not
/// even looked up.
async fn addresses(uri: &Uri, allowed: Option<IpAddr>) -> io::Result<Vec<SocketAddr>> {
    let port = uri.port().ok_or(io::ErrorKind::InvalidInput)?;
    let Some(allowed) = allowed else {
        return Ok(lookup_host((uri.host(), port)).await?.collect());
    };
    match uri.host().parse::<IpAddr>() {
        Ok(host) if host.to_canonical() != allowed.to_canonical() => Err(io::ErrorKind::PermissionDenied.into()),
        Ok(_) | Err(_) => Ok(vec![SocketAddr::new(allowed, port)]),
    }
}

async fn serve(connections: Arc<Connections>, opened: Opened, entry: Arc<SessionEntry>) {
    match opened.stream {
        Stream::Plain(stream) => connections.serve(stream.into_split(), None, Some(entry)).await,
        Stream::Secure(stream, meter) => {
            Box::pin(connections.serve(tokio::io::split(*stream), Some(meter), Some(entry))).await;
        }
    }
    drop(opened.admitted);
}
