//! Connections over TCP and TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A connection, plain or encrypted.
pub(crate) type Stream = Box<dyn Io>;

pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// With what to encrypt, and whose certificate to expect.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    pub(crate) config: Arc<rustls::ClientConfig>,
    pub(crate) name: String,
}

/// A connection that was opened.
pub(crate) struct Connected {
    pub(crate) stream: Stream,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
}

/// Connects to the first of the addresses that answers; the error is that of the last.
pub(crate) async fn connect(addresses: &[SocketAddr], tls: Option<&Tls>) -> Result<Connected, (SocketAddr, io::Error)> {
    let (last, others) = addresses.split_last().expect("a lookup gives at least one address");
    for address in others {
        if let Ok(connected) = connect_to(*address, tls).await {
            return Ok(connected);
        }
    }
    connect_to(*last, tls).await.map_err(|error| (*last, error))
}

async fn connect_to(address: SocketAddr, tls: Option<&Tls>) -> io::Result<Connected> {
    let connecting = async {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (local, remote) = (stream.local_addr()?, stream.peer_addr()?);
        let stream = match tls {
            None => Box::new(stream) as Stream,
            Some(tls) => encrypt(stream, tls).await?,
        };
        Ok(Connected { stream, local, remote })
    };
    timeout(PATIENCE, connecting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// MSRP-141: the certificate must be for the host that was asked for.
async fn encrypt(stream: TcpStream, tls: &Tls) -> io::Result<Stream> {
    let name = ServerName::try_from(tls.name.clone()).map_err(io::Error::other)?;
    let connector = tokio_rustls::TlsConnector::from(Arc::clone(&tls.config));
    Ok(Box::new(connector.connect(name, stream).await?))
}

/// How long one address may take, TLS included.
const PATIENCE: Duration = Duration::from_secs(10);
