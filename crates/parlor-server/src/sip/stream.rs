//! SIP over TCP and TLS.

use super::Incoming;
use crate::addresses::PerAddress;
use crate::metrics::{Counted, Layer, Metrics};
use crate::tls::HANDSHAKE_TIMEOUT;
use anyhow::{Context as _, Result};
use bytes::{Bytes, BytesMut};
use parlor_sip::{ConnectionId, Flow, Limits, StreamDecoder, StreamEvent, Transport};
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::WeakSender;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

/// How many messages may wait to be written to one stream: those that stop it from being read, and an answer to each
/// request of it that is under way then.
const QUEUE: usize = 4096;
/// A stream is read only while fewer wait, so that a peer that asks and does not read is stopped by TCP.
const WAITING: usize = 256;
/// The most that is read at once.
const READ: usize = 16 * 1024;
/// How long a stream may take to its first message, or in the middle of one, or to take what is written.
const PATIENCE: Duration = Duration::from_secs(32);

/// A socket that SIP streams come to.
#[derive(Debug)]
pub(crate) struct StreamListener {
    socket: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
}

/// Binds a listener; the error names its address.
pub(crate) async fn bind_stream(address: SocketAddr, tls: Option<Arc<rustls::ServerConfig>>) -> Result<StreamListener> {
    let kind = if tls.is_some() { "tls" } else { "tcp" };
    let socket =
        TcpListener::bind(address).await.with_context(|| format!("sip.listen: cannot listen on {kind}:{address}"))?;
    Ok(StreamListener { socket, tls })
}

/// What all streams share.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    pub(super) limits: Limits,
    pub(super) metrics: Arc<Metrics>,
    pub(super) incoming: mpsc::Sender<Incoming>,
    pub(super) permits: Arc<Semaphore>,
    pub(super) per_address: PerAddress,
    pub(super) next: Arc<AtomicU64>,
}

impl Streams {
    fn flow(&self, tls: bool, local: SocketAddr, remote: SocketAddr) -> Flow {
        let transport = if tls { Transport::Tls } else { Transport::Tcp };
        let connection = Some(ConnectionId(self.next.fetch_add(1, Ordering::Relaxed)));
        Flow { transport, local, remote, connection }
    }
}

impl StreamListener {
    /// Where it listens.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Accepts streams for ever.
    pub(super) async fn run(self, local: SocketAddr, streams: Streams) {
        let acceptor = self.tls.map(TlsAcceptor::from);
        loop {
            let Ok(permit) = Arc::clone(&streams.permits).acquire_owned().await else { return };
            let (stream, remote) = match self.socket.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!(%error, "cannot accept a SIP connection");
                    sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let Some(one_of_address) = streams.per_address.admit(remote.ip()) else {
                streams.metrics.reject(Layer::Sip, "too_many_of_address");
                continue;
            };
            let (streams, acceptor) = (streams.clone(), acceptor.clone());
            let flow = streams.flow(acceptor.is_some(), local, remote);
            tokio::spawn(async move {
                accept(stream, acceptor, flow, streams).await;
                drop((permit, one_of_address));
            });
        }
    }
}

async fn accept(stream: TcpStream, acceptor: Option<TlsAcceptor>, flow: Flow, streams: Streams) {
    if set_up(&stream).is_err() {
        return;
    }
    let Some(acceptor) = acceptor else {
        return serve(stream.into_split(), flow, streams).await;
    };
    match timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Box::pin(serve(tokio::io::split(stream), flow, streams)).await,
        Ok(Err(error)) => {
            debug!(%error, "TLS handshake failed");
            streams.metrics.reject(Layer::Tls, "handshake");
        }
        Err(_) => streams.metrics.reject(Layer::Tls, "handshake_timeout"),
    }
}

/// Opens a stream for a request of ours; `wanted` is the flow without a connection that asked for it.
pub(super) async fn connect(wanted: Flow, first: Bytes, streams: Streams) {
    let opened = timeout(PATIENCE, TcpStream::connect(wanted.remote)).await;
    let Ok(Ok(stream)) = opened else {
        let _ = streams.incoming.send(Incoming::Closed { flow: wanted }).await;
        return;
    };
    if set_up(&stream).is_err() {
        return;
    }
    let flow = streams.flow(false, wanted.local, wanted.remote);
    let (reading, mut writing) = stream.into_split();
    if writing.write_all(&first).await.is_ok() {
        serve((reading, writing), flow, streams).await;
    }
}

fn set_up(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(Duration::from_secs(120)))
}

async fn serve(halves: (impl AsyncRead + Unpin, impl AsyncWrite + Unpin), flow: Flow, streams: Streams) {
    let _counted = Counted::in_gauge(&streams.metrics.sip_connections);
    let (queue, waiting) = mpsc::channel(QUEUE);
    // Only the SIP task keeps the queue: when it gives the stream up, nothing more comes to be written, and we end.
    let replies = Replies { queue: queue.downgrade(), written: Notify::new() };
    if streams.incoming.send(Incoming::Opened { flow, queue }).await.is_err() {
        return;
    }
    let ended = tokio::select! {
        biased;
        read = read(halves.0, flow, &streams, &replies) => read,
        written = write(halves.1, waiting, &replies.written) => written,
    };
    if let Err(error) = ended {
        debug!(%error, peer = %flow.remote, "SIP stream lost");
    }
    let _ = streams.incoming.send(Incoming::Closed { flow }).await;
}

/// What the reading half knows of what waits to be written.
#[derive(Debug)]
struct Replies {
    queue: WeakSender<Bytes>,
    written: Notify,
}

impl Replies {
    /// Waits until at most so many wait. No permits are reserved for this, as that would take them from the answers.
    async fn at_most(&self, waiting: usize) -> io::Result<()> {
        loop {
            let Some(queue) = self.queue.upgrade() else { return Err(io::ErrorKind::BrokenPipe.into()) };
            if queue.max_capacity() - queue.capacity() <= waiting {
                return Ok(());
            }
            drop(queue);
            self.written.notified().await;
        }
    }

    fn pong(&self) {
        if let Some(queue) = self.queue.upgrade() {
            let _ = queue.try_send(Bytes::from_static(b"\r\n"));
        }
    }
}

async fn read(mut half: impl AsyncRead + Unpin, flow: Flow, streams: &Streams, replies: &Replies) -> io::Result<()> {
    let mut decoder = StreamDecoder::new(streams.limits);
    let mut heard = false;
    loop {
        let mut buffer = BytesMut::new();
        // A buffer is there only once something has come.
        let wait = read_some(&mut half, &mut buffer);
        if heard && !decoder.is_mid_message() {
            wait.await?;
        } else {
            timeout(PATIENCE, wait).await.map_err(|_| io::ErrorKind::TimedOut)??;
        }
        if buffer.is_empty() {
            return Ok(());
        }
        decoder.push(buffer.freeze());
        loop {
            replies.at_most(WAITING).await?;
            let told = match decoder.poll() {
                Ok(None) => break,
                Ok(Some(StreamEvent::Ping)) => {
                    replies.pong();
                    continue;
                }
                Ok(Some(StreamEvent::Message(message))) => Incoming::Message { flow, message: Box::new(message) },
                Ok(Some(StreamEvent::Invalid(error))) => {
                    streams.metrics.reject(Layer::Sip, "malformed");
                    Incoming::Invalid { flow, error }
                }
                Err(lost) => {
                    streams.metrics.reject(Layer::Sip, "framing");
                    let _ = streams.incoming.send(Incoming::Invalid { flow, error: lost.0 }).await;
                    return linger(half, replies).await;
                }
            };
            heard = true;
            if streams.incoming.send(told).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// Framing is lost: what is still owed is written, then the stream is closed. What comes meanwhile is thrown away, as
/// closing with unread data would take the answer from the peer.
async fn linger(mut half: impl AsyncRead + Unpin, replies: &Replies) -> io::Result<()> {
    let mut waste = vec![0; 4096];
    let drained = async { while half.read(&mut waste).await.is_ok_and(|n| n > 0) {} };
    let _ = timeout(Duration::from_secs(1), drained).await;
    replies.at_most(0).await?;
    Err(io::ErrorKind::InvalidData.into())
}

async fn read_some(half: &mut (impl AsyncRead + Unpin), buffer: &mut BytesMut) -> io::Result<()> {
    let mut first = [0];
    let count = half.read(&mut first).await?;
    if count == 1 {
        buffer.reserve(READ);
        buffer.extend_from_slice(&first);
        let more = std::future::poll_fn(|cx| {
            let rest = std::pin::pin!(half.read_buf(buffer));
            std::task::Poll::Ready(match rest.poll(cx) {
                std::task::Poll::Ready(read) => read,
                std::task::Poll::Pending => Ok(0),
            })
        });
        more.await?;
    }
    Ok(())
}

async fn write(
    mut half: impl AsyncWrite + Unpin,
    mut waiting: mpsc::Receiver<Bytes>,
    written: &Notify,
) -> io::Result<()> {
    let mut gathered = Vec::new();
    loop {
        let mut messages = Vec::new();
        if waiting.recv_many(&mut messages, QUEUE).await == 0 {
            return Ok(());
        }
        gathered.clear();
        for message in &messages {
            gathered.extend_from_slice(message);
        }
        timeout(PATIENCE, async {
            half.write_all(&gathered).await?;
            half.flush().await
        })
        .await
        .map_err(|_| io::ErrorKind::TimedOut)??;
        gathered = Vec::new();
        written.notify_one();
    }
}

impl StreamListener {
    /// Whether its streams are TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }
}
