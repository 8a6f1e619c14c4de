//! SIP over TCP and TLS.

use super::Incoming;
use super::queue::{Queue, Replies, Waiting};
use super::reading::Reader;
use crate::addresses::Admission;
use crate::metrics::{Counted, Metrics};
use parlor_sip::{ConnectionId, Flow, Limits, Transport};
use rustls::ClientConfig;
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::debug;

/// How long a stream may take to open, to its first message, to the whole of one that has begun, or to take what is
/// written.
pub(super) const PATIENCE: Duration = Duration::from_secs(32);
/// How long what is owed is still written to a peer that has closed its half or broken the framing. Nobody tells which of
/// its requests are unanswered, so that each stream is kept for so long.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(1);

/// What all streams share.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    pub(super) limits: Limits,
    pub(super) metrics: Arc<Metrics>,
    pub(super) incoming: mpsc::Sender<Incoming>,
    pub(super) admission: Admission,
    pub(super) next: Arc<AtomicU64>,
    /// How we connect over TLS.
    pub(super) tls: Arc<ClientConfig>,
}

impl Streams {
    /// The flow of a new stream.
    pub(super) fn flow(&self, tls: bool, local: SocketAddr, remote: SocketAddr) -> Flow {
        let transport = if tls { Transport::Tls } else { Transport::Tcp };
        Flow { transport, local, remote, connection: Some(self.name()) }
    }

    /// A name that no stream has had.
    pub(super) fn name(&self) -> ConnectionId {
        ConnectionId(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Every end of a stream is told, also of one that never opened.
    pub(super) async fn report(&self, flow: Flow, ended: io::Result<()>) {
        if let Err(error) = ended {
            debug!(%error, peer = %flow.remote, "SIP stream lost");
        }
        let _ = self.incoming.send(Incoming::Closed { flow }).await;
    }
}

pub(super) fn set_up(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(Duration::from_secs(120)))
}

/// Serves a stream that was accepted.
pub(super) async fn serve(halves: (impl AsyncRead + Unpin, impl AsyncWrite + Unpin), flow: Flow, streams: Streams) {
    let (queue, waiting) = Queue::new();
    let replies = queue.replies();
    if streams.incoming.send(Incoming::Opened { flow, queue }).await.is_ok() {
        streams.report(flow, exchange(halves, flow, None, &streams, replies, waiting).await).await;
    }
}

/// Reads and writes until the peer is heard no more, or not for so long, and has had some time to take what it is owed, or
/// either half fails.
pub(super) async fn exchange(
    halves: (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    flow: Flow,
    idle: Option<Duration>,
    streams: &Streams,
    replies: Replies,
    waiting: Waiting,
) -> io::Result<()> {
    let _counted = Counted::in_gauge(&streams.metrics.sip_connections);
    let mut writing = pin!(write(halves.1, waiting));
    tokio::select! {
        biased;
        read = Reader::new(halves.0, flow, idle, streams, &replies).run() => read?,
        written = &mut writing => return written,
    }
    timeout(LAST_WORDS, writing).await.unwrap_or(Ok(()))
}

async fn write(mut half: impl AsyncWrite + Unpin, mut waiting: Waiting) -> io::Result<()> {
    while let Some(gathered) = waiting.next().await {
        timeout(PATIENCE, async {
            half.write_all(&gathered.octets).await?;
            half.flush().await
        })
        .await
        .map_err(|_| io::ErrorKind::TimedOut)??;
        waiting.written(&gathered);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::flows::Flows;
    use super::super::opening::Place;
    use super::*;
    use crate::tls::Tls;
    use bytes::Bytes;
    use tokio::io::AsyncReadExt as _;

    fn streams(permits: usize) -> (Streams, mpsc::Receiver<Incoming>) {
        let (incoming, told) = mpsc::channel(16);
        let streams = Streams {
            limits: Limits::default(),
            metrics: Arc::new(Metrics::new()),
            incoming,
            admission: Admission::new(permits, 1),
            next: Arc::new(AtomicU64::new(1)),
            tls: Tls::load(&crate::config::Tls::default()).expect("no files").client,
        };
        (streams, told)
    }

    /// A stream that cannot be opened, or is closed as soon as it is, is told of under the name it had from the start.
    #[tokio::test]
    async fn every_end_is_told() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let there = listener.local_addr().expect("its address");
        let (streams, mut told) = streams(1);
        let (flow, queue) = streams.open(there, &Place::plain(there)).expect("the first");
        drop(listener.accept().await.expect("it connects"));
        assert!(matches!(told.recv().await, Some(Incoming::Ended { flow: ended }) if ended == flow));
        assert!(matches!(told.recv().await, Some(Incoming::Closed { flow: closed }) if closed == flow));
        drop((queue, listener));
        drop(streams.admission.admit(there.ip()).await);
        let (flow, _queue) = streams.open(there, &Place::plain(there)).expect("the permit is back");
        assert!(matches!(told.recv().await, Some(Incoming::Closed { flow: closed }) if closed == flow));
    }

    /// Streams that we open count as those that we accept. Nothing is awaited, so that none is really opened.
    #[tokio::test]
    async fn streams_that_we_open_are_limited() {
        let address = |text: &str| text.parse().expect("an address");
        let (streams, _told) = streams(2);
        let local = address("127.0.0.1:5060");
        let _first = streams.open(local, &Place::plain(address("192.0.2.1:1"))).expect("the first");
        assert!(streams.open(local, &Place::plain(address("192.0.2.1:2"))).is_none(), "one of each address");
        let _second = streams.open(local, &Place::plain(address("127.0.0.1:1"))).expect("the second");
        assert!(streams.open(local, &Place::plain(address("127.0.0.1:1"))).is_none(), "two in all");
    }

    /// Over a stream whose peer sends nothing more answers still go, while requests go to where it can be connected to.
    #[tokio::test]
    async fn requests_do_not_go_where_nobody_answers() {
        let (streams, _told) = streams(2);
        let mut flows = Flows::new(streams.clone());
        let address = |text: &str| text.parse().expect("an address");
        let flow = streams.flow(false, address("127.0.0.1:5060"), address("127.0.0.1:40000"));
        let (queue, _waiting) = Queue::new();
        flows.opened(flow, queue);
        let uri = "sip:alice@127.0.0.1:5071;transport=tcp".parse().expect("a URI");
        let next_hop = parlor_focus::NextHop { flow, uri };
        assert_eq!(flows.route(&next_hop), Some(flow));
        flows.ended(flow);
        let other = flows.route(&next_hop).expect("it can be connected to");
        assert_eq!((other.remote, other.connection != flow.connection), (address("127.0.0.1:5071"), true));
        assert!(flows.send(flow, Bytes::from_static(b"SIP/2.0 200 OK\r\n\r\n")));
        flows.closed(flow);
        assert!(!flows.send(flow, Bytes::new()));
        assert_eq!(flows.route(&next_hop), Some(other), "the same again");
        flows.ended(other);
        assert!(flows.route(&next_hop).is_some_and(|next| next != other), "a new one");
    }

    fn options(via: usize) -> String {
        format!(
            "OPTIONS sip:lobby@example.com SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKx;x={}\r\nCall-ID: c\r\n\
             From: <sip:alice@example.com>;tag=1\r\nTo: <sip:lobby@example.com>\r\nCSeq: 1 OPTIONS\r\nl: 0\r\n\r\n",
            "x".repeat(via)
        )
    }

    /// Serves one end of a stream that takes 4 KiB without being read, and gives the other.
    fn served(streams: &Streams) -> (tokio::io::DuplexStream, tokio::task::JoinHandle<()>) {
        let (peer, ours) = tokio::io::duplex(4096);
        let address = "127.0.0.1:5060".parse().expect("an address");
        let flow = streams.flow(false, address, address);
        (peer, tokio::spawn(serve(tokio::io::split(ours), flow, streams.clone())))
    }

    /// A peer that asks 2,000 times and reads nothing is read no further ahead than a quarter of a MiB of answers, and cut
    /// off when what is written to it is not taken in time.
    #[tokio::test(start_paused = true)]
    async fn who_does_not_read_is_cut_off() {
        for (via, answer, ahead) in [(10, 500, 400..512), (30_000, 30_500, 8..32)] {
            let (streams, mut told) = streams(1);
            let (mut peer, served) = served(&streams);
            let burst = options(via).repeat(2000);
            let asking = tokio::spawn(async move {
                let _ = peer.write_all(burst.as_bytes()).await;
                std::future::pending::<()>().await;
                drop(peer);
            });
            let Some(Incoming::Opened { queue, .. }) = told.recv().await else { panic!("it opens") };
            let (began, mut asked) = (tokio::time::Instant::now(), 0);
            while let Some(Incoming::Message { .. }) = told.recv().await {
                asked += 1;
                assert!(queue.put(Bytes::from(vec![b'x'; answer])), "there is space for each answer");
            }
            assert!(ahead.contains(&asked), "{asked} of {answer} octets");
            assert!(began.elapsed() >= PATIENCE && began.elapsed() < PATIENCE * 2, "{:?}", began.elapsed());
            served.await.expect("it has ended");
            asking.abort();
        }
    }

    /// A peer that has closed its half, or broken the framing and closed it, gets what it is owed although that comes later.
    #[tokio::test(start_paused = true)]
    async fn who_closes_its_half_gets_its_answers() {
        let broken = options(10).replace("l: 0", "l: none");
        for sent in [options(10), broken] {
            let (streams, mut told) = streams(1);
            let (mut peer, served) = served(&streams);
            peer.write_all(sent.as_bytes()).await.expect("it fits");
            peer.shutdown().await.expect("it may");
            let Some(Incoming::Opened { queue, .. }) = told.recv().await else { panic!("it opens") };
            let asked = told.recv().await;
            assert!(matches!(asked, Some(Incoming::Message { .. } | Incoming::Invalid { .. })), "{asked:?}");
            assert!(matches!(told.recv().await, Some(Incoming::Ended { .. })));
            queue.put(Bytes::from_static(b"SIP/2.0 400 Bad Request\r\n\r\n"));
            let mut answer = String::new();
            peer.read_to_string(&mut answer).await.expect("it is closed in good order");
            assert!(answer.starts_with("SIP/2.0 400"), "{sent} {answer:?}");
            served.await.expect("it has ended");
        }
    }
}
