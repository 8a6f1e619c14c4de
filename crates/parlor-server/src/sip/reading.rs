//! The reading half of a SIP stream.

use super::Incoming;
use super::queue::Replies;
use super::stream::{LAST_WORDS, PATIENCE, Streams};
use crate::metrics::Rejected;
use bytes::{Bytes, BytesMut};
use parlor_sip::{Flow, StreamDecoder, StreamError, StreamEvent};
use std::io;
use std::ops::ControlFlow;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::{Instant, timeout};
use tracing::debug;

/// The most that is read at once.
const READ: usize = 16 * 1024;

/// Reads one stream.
#[derive(Debug)]
pub(super) struct Reader<'a, R> {
    half: R,
    flow: Flow,
    streams: &'a Streams,
    replies: &'a Replies,
    decoder: StreamDecoder,
    /// How long we still wait for the message that is due: the first one, or the rest of one that has begun.
    patience: Option<Duration>,
    /// How long nothing at all may come.
    idle: Option<Duration>,
}

impl<'a, R: AsyncRead + Unpin> Reader<'a, R> {
    pub(super) fn new(half: R, flow: Flow, idle: Option<Duration>, streams: &'a Streams, replies: &'a Replies) -> Self {
        let decoder = StreamDecoder::new(streams.limits);
        Self { half, flow, streams, replies, decoder, patience: Some(PATIENCE), idle }
    }

    /// Hands on what comes until the peer closes or breaks the framing; an error when it lets us wait too long.
    pub(super) async fn run(mut self) -> io::Result<()> {
        loop {
            let bytes = self.next_bytes().await?;
            if bytes.is_empty() {
                self.end().await;
                return Ok(());
            }
            self.decoder.push(bytes);
            if self.hand_on().await?.is_break() {
                return Ok(());
            }
        }
    }

    /// What comes next; nothing when the peer has closed. Only the time spent here counts, as only here it is the peer
    /// that lets us wait.
    async fn next_bytes(&mut self) -> io::Result<Bytes> {
        // It takes memory only once something has come.
        let mut buffer = BytesMut::new();
        let read = read_some(&mut self.half, &mut buffer);
        match &mut self.patience {
            None => read.await?,
            Some(left) => {
                let began = Instant::now();
                timeout(*left, read).await.map_err(|_| io::ErrorKind::TimedOut)??;
                *left = left.saturating_sub(began.elapsed());
            }
        }
        Ok(buffer.freeze())
    }

    /// Hands on all messages that are whole; there will be none after the framing is broken.
    async fn hand_on(&mut self) -> io::Result<ControlFlow<()>> {
        loop {
            self.replies.fetched().await;
            match self.decoder.poll() {
                Ok(None) => break,
                Ok(Some(event)) => {
                    self.patience = self.idle;
                    self.tell(event).await?;
                }
                Err(lost) => {
                    self.lose_framing(lost).await;
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        if self.decoder.is_mid_message() {
            self.patience = Some(self.patience.map_or(PATIENCE, |left| left.min(PATIENCE)));
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn tell(&self, event: StreamEvent) -> io::Result<()> {
        let flow = self.flow;
        let told = match event {
            StreamEvent::Ping => {
                self.replies.pong();
                return Ok(());
            }
            StreamEvent::Message(message) => Incoming::Message { flow, message: Box::new(message) },
            StreamEvent::Invalid(error) => {
                self.streams.metrics.reject(Rejected::SipMalformed);
                Incoming::Invalid { flow, error }
            }
        };
        self.streams.incoming.send(told).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// Nothing more is heard of the peer: no request is to wait for an answer from here.
    async fn end(&self) {
        let _ = self.streams.incoming.send(Incoming::Ended { flow: self.flow }).await;
    }

    /// What comes from now on is thrown away, as closing with unread data would take the answer from the peer.
    async fn lose_framing(&mut self, lost: StreamError) {
        debug!(peer = %self.flow.remote, "SIP framing lost");
        self.streams.metrics.reject(Rejected::SipFraming);
        let _ = self.streams.incoming.send(Incoming::Invalid { flow: self.flow, error: lost.0 }).await;
        self.end().await;
        let mut waste = vec![0; 4096];
        let drained = async { while self.half.read(&mut waste).await.is_ok_and(|n| n > 0) {} };
        let _ = timeout(LAST_WORDS, drained).await;
    }
}

async fn read_some(half: &mut (impl AsyncRead + Unpin), buffer: &mut BytesMut) -> io::Result<()> {
    let mut first = [0];
    let count = half.read(&mut first).await?;
    if count == 1 {
        buffer.reserve(READ);
        buffer.extend_from_slice(&first);
        let more = std::future::poll_fn(|cx| {
            let rest = pin!(half.read_buf(buffer));
            Poll::Ready(match rest.poll(cx) {
                Poll::Ready(read) => read,
                Poll::Pending => Ok(0),
            })
        });
        more.await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addresses::Admission;
    use crate::metrics::Metrics;
    use crate::sip::queue::Queue;
    use parlor_sip::{ConnectionId, Limits, Transport};
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;
    use tokio::io::AsyncWriteExt as _;
    use tokio::sync::mpsc;
    use tokio::time::sleep;

    const OPTIONS: &str = "OPTIONS sip:lobby@example.com SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKx\r\n\
         From: <sip:alice@example.com>;tag=1\r\nTo: <sip:lobby@example.com>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\
         Content-Length: 0\r\n\r\n";

    /// How long a peer is read that sends `start` at once and then one byte of `drip` at a time, over and over.
    async fn read_for(start: &str, drip: &'static str, pause: Duration) -> Duration {
        read_for_unless_idle(None, start, drip, pause).await
    }

    /// The same of a stream that may bring nothing for so long.
    async fn read_for_unless_idle(
        idle: Option<Duration>,
        start: &str,
        drip: &'static str,
        pause: Duration,
    ) -> Duration {
        let (incoming, mut told) = mpsc::channel(16);
        let streams = Streams {
            limits: Limits::default(),
            metrics: Arc::new(Metrics::new()),
            incoming,
            admission: Admission::new(1, 1),
            next: Arc::new(AtomicU64::new(1)),
            tls: crate::tls::Tls::load(&crate::config::Tls::default()).expect("no files").client,
        };
        let (queue, _waiting) = Queue::new();
        let replies = queue.replies();
        let address = "192.0.2.1:5060".parse().expect("an address");
        let connection = Some(ConnectionId(1));
        let flow = Flow { transport: Transport::Tcp, local: address, remote: address, connection };
        let (mut peer, ours) = tokio::io::duplex(4096);
        peer.write_all(start.as_bytes()).await.expect("it fits");
        let writing = async {
            for byte in drip.bytes().cycle() {
                sleep(pause).await;
                if peer.write_all(&[byte]).await.is_err() {
                    break;
                }
            }
        };
        let began = Instant::now();
        tokio::select! {
            ended = timeout(Duration::from_secs(3600), Reader::new(ours, flow, idle, &streams, &replies).run()) => drop(ended),
            () = writing => {}
            () = async { while told.recv().await.is_some() {} } => {}
        }
        began.elapsed()
    }

    /// A message that does not end is not waited for beyond its time, however often a byte of it comes.
    #[tokio::test(start_paused = true)]
    async fn a_message_has_so_much_time_as_a_whole() {
        let second = Duration::from_secs(1);
        for (start, drip) in [("", "X"), ("OPTIONS ", "X"), (OPTIONS, "X"), (&OPTIONS[..40], "\r\nX: y")] {
            let time = read_for(start, drip, second).await;
            assert!(time >= PATIENCE && time <= PATIENCE + 2 * second, "{start:?} {time:?}");
        }
    }

    /// Between messages a stream may be silent; pings and whole messages, slow as they come, keep it open.
    #[tokio::test(start_paused = true)]
    async fn who_completes_messages_is_read_on() {
        let minute = Duration::from_secs(60);
        assert!(read_for(OPTIONS, "\r\n", Duration::from_secs(5)).await > 30 * minute);
        assert!(read_for("", OPTIONS, Duration::from_millis(50)).await > 30 * minute);
        assert!(read_for(OPTIONS, "X", 100 * minute).await > 30 * minute);
    }

    /// A stream that we opened is given up when it brings nothing any more, and not before.
    #[tokio::test(start_paused = true)]
    async fn what_we_opened_is_not_kept_for_ever() {
        let minute = Duration::from_secs(60);
        let time = read_for_unless_idle(Some(10 * minute), OPTIONS, "X", 100 * minute).await;
        assert!(time >= 10 * minute && time < 11 * minute, "{time:?}");
        assert!(
            read_for_unless_idle(Some(10 * minute), OPTIONS, OPTIONS, Duration::from_millis(50)).await > 30 * minute
        );
        let time = read_for_unless_idle(Some(10 * minute), &[OPTIONS, "OPTIONS "].concat(), "X", minute / 60).await;
        assert!(time <= PATIENCE + minute, "what has begun must end: {time:?}");
    }
}
