//! SIP streams that we open.

use super::queue::{Queue, Replies, Waiting};
use super::stream::{Streams, exchange, set_up};
use crate::metrics::Rejected;
use parlor_sip::{Flow, Transport};
use rustls::pki_types::ServerName;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How long it may take, and as long again for TLS: whoever waits for it may have others to ask.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one may bring nothing before it is closed: as each request has an answer, nobody uses it then.
const IDLE: Duration = Duration::from_secs(600);

/// Where a stream leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) remote: SocketAddr,
    /// Over TLS, who must be there (RFC 5922 §4): the host of the URI that led there.
    pub(super) name: Option<Box<str>>,
}

impl Place {
    /// One without TLS.
    pub(super) fn plain(remote: SocketAddr) -> Self {
        Self { remote, name: None }
    }

    pub(super) fn transport(&self) -> Transport {
        if self.name.is_some() { Transport::Tls } else { Transport::Tcp }
    }
}

impl Streams {
    /// Opens a stream to there, if there may be one more, and gives the queue of what is sent over it.
    pub(super) fn open(&self, local: SocketAddr, place: &Place) -> Option<(Flow, Queue)> {
        let admitted = self.admission.try_admit(place.remote.ip())?;
        let flow = self.flow(place.name.is_some(), local, place.remote);
        let (queue, waiting) = Queue::new();
        let replies = queue.replies();
        let (streams, name) = (self.clone(), place.name.clone());
        tokio::spawn(async move {
            let ended = connect(flow, name, &streams, replies, waiting).await;
            streams.report(flow, ended).await;
            drop(admitted);
        });
        Some((flow, queue))
    }
}

async fn connect(
    flow: Flow,
    name: Option<Box<str>>,
    streams: &Streams,
    replies: Replies,
    waiting: Waiting,
) -> io::Result<()> {
    let stream = timeout(PATIENCE, TcpStream::connect(flow.remote)).await.map_err(|_| io::ErrorKind::TimedOut)??;
    set_up(&stream)?;
    let Some(name) = name else {
        return exchange(stream.into_split(), flow, Some(IDLE), streams, replies, waiting).await;
    };
    // Apart, so that streams without TLS take no space for it.
    Box::pin(async move {
        let secured = secure(stream, name, streams).await;
        let stream = secured.inspect_err(|_| streams.metrics.reject(Rejected::TlsHandshake))?;
        exchange(tokio::io::split(stream), flow, Some(IDLE), streams, replies, waiting).await
    })
    .await
}

/// RFC 5922 §7: the certificate must be that of the name.
async fn secure(stream: TcpStream, name: Box<str>, streams: &Streams) -> io::Result<TlsStream<TcpStream>> {
    let bare = name.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(bare).map_err(io::Error::other)?;
    let connector = TlsConnector::from(Arc::clone(&streams.tls));
    timeout(PATIENCE, connector.connect(name, stream)).await.map_err(|_| io::ErrorKind::TimedOut)?
}
