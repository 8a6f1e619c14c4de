//! A connection for SIP that several user agents share.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parlor_sip::{Flow, Limits, Message, ParseError, Transport};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::pace::Backoff;
use super::transport::{Channel, Received};
use crate::stream::Tls;

/// A connection that is kept open, and opened again when something is to be sent, as long as there is a handle to it or a
/// line on it.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    asks: mpsc::Sender<Ask>,
    flow: watch::Receiver<Flow>,
    lines: Arc<AtomicU32>,
}

/// One user agent's share of a connection: what it sends, and what comes for it.
#[derive(Debug)]
pub(crate) struct Line {
    number: u32,
    flow: Flow,
    asks: mpsc::Sender<Ask>,
    incoming: mpsc::Receiver<Incoming>,
}

/// What a user agent is told.
#[derive(Clone, Debug)]
pub(crate) enum Incoming {
    Message(Message),
    Invalid(ParseError),
    /// The connection is gone.
    Lost,
    /// There is another one.
    Connected(Flow),
}

#[derive(Debug)]
enum Ask {
    Line {
        number: u32,
        told: mpsc::Sender<Incoming>,
    },
    Send(Bytes),
    /// The peer answers keepalives: a connection on which it does not is gone.
    ExpectAnswers,
}

/// When keepalives are sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// RFC 5626 §4.4.1: often enough for the address translators between us.
    pub(super) interval: Duration,
    /// RFC 5626 §4.4.1: how long the peer may take to answer one.
    pub(super) patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { interval: Duration::from_secs(100), patience: Duration::from_secs(10) }
    }
}

/// How to connect again.
struct Route {
    transport: Transport,
    address: SocketAddr,
    tls: Option<Tls>,
    limits: Limits,
}

impl Wire {
    /// Connects to the first of the addresses that answers.
    pub(crate) async fn open(
        transport: Transport,
        addresses: &[SocketAddr],
        tls: Option<Tls>,
        limits: Limits,
    ) -> Result<Self, (SocketAddr, io::Error)> {
        Self::open_at_pace(transport, addresses, tls, limits, Pace::default()).await
    }

    /// The same with keepalives at that pace.
    pub(super) async fn open_at_pace(
        transport: Transport,
        addresses: &[SocketAddr],
        tls: Option<Tls>,
        limits: Limits,
        pace: Pace,
    ) -> Result<Self, (SocketAddr, io::Error)> {
        let channel = Channel::open(transport, addresses, tls.as_ref(), limits, 1).await?;
        let (told, flow) = watch::channel(channel.flow());
        let route = Route { transport, address: channel.flow().remote, tls, limits };
        let (asks, asked) = mpsc::channel(WAITING);
        let driver = Driver {
            channel: Some(channel),
            route,
            asks: asked,
            lines: BTreeMap::new(),
            waiting: VecDeque::new(),
            flow: told,
            connections: 1,
            backoff: Backoff::new(RETRY, LONGEST_PAUSE),
            retry_at: None,
            ping_at: Instant::now() + pace.interval,
            pace,
            answer_by: None,
            answers: false,
        };
        tokio::spawn(driver.run());
        Ok(Self { asks, flow, lines: Arc::default() })
    }

    /// A line for one more user agent.
    pub(crate) async fn line(&self) -> Line {
        let number = self.lines.fetch_add(1, Ordering::Relaxed);
        let (told, incoming) = mpsc::channel(WAITING);
        let flow = *self.flow.borrow();
        // The task goes on while we are here.
        let _ = self.asks.send(Ask::Line { number, told }).await;
        Line { number, flow, asks: self.asks.clone(), incoming }
    }
}

impl Line {
    /// What the Call-IDs of the user agent begin with.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// How the connection was when the line was made.
    pub(crate) fn flow(&self) -> Flow {
        self.flow
    }

    /// What comes next. May be dropped at any time without loss.
    pub(crate) async fn receive(&mut self) -> Incoming {
        match self.incoming.recv().await {
            Some(incoming) => incoming,
            // The runtime is ending.
            None => std::future::pending().await,
        }
    }

    /// Sends a whole message, over a new connection if there is none. May be dropped, and then was not sent.
    pub(crate) async fn send(&self, bytes: Bytes) {
        // The task goes on while we are here.
        let _ = self.asks.send(Ask::Send(bytes)).await;
    }

    /// The peer answers keepalives: a connection on which it does not is gone (RFC 5626 §4.4.1).
    pub(crate) async fn expect_answers(&self) {
        let _ = self.asks.send(Ask::ExpectAnswers).await;
    }
}

/// The task of a connection.
struct Driver {
    /// `None` while the connection is lost.
    channel: Option<Channel>,
    route: Route,
    asks: mpsc::Receiver<Ask>,
    lines: BTreeMap<u32, mpsc::Sender<Incoming>>,
    /// What has come and waits for its line to take it; nothing is read meanwhile.
    waiting: VecDeque<(u32, Incoming)>,
    flow: watch::Sender<Flow>,
    connections: u64,
    /// After attempts that have failed, and until when there is no other.
    backoff: Backoff,
    retry_at: Option<Instant>,
    pace: Pace,
    ping_at: Instant,
    /// Until when the peer must answer the last keepalive.
    answer_by: Option<Instant>,
    answers: bool,
}

impl Driver {
    async fn run(mut self) {
        loop {
            let due = self.answer_by.map_or(self.ping_at, |at| at.min(self.ping_at));
            let next = self.waiting.front().and_then(|(line, _)| self.lines.get(line)).cloned();
            tokio::select! {
                ask = self.asks.recv() => match ask {
                    Some(ask) => self.handle_ask(ask).await,
                    None => return,
                },
                place = async { next.as_ref().expect("checked").reserve().await }, if next.is_some() => {
                    match (self.waiting.pop_front(), place) {
                        (Some((_, incoming)), Ok(place)) => place.send(incoming),
                        // Nobody is there any more.
                        (Some((line, _)), Err(_)) => drop(self.lines.remove(&line)),
                        (None, _) => {}
                    }
                }
                received = receive(&mut self.channel), if next.is_none() => match received {
                    Ok(received) => self.handle_received(received).await,
                    Err(error) => self.handle_loss(&error),
                },
                () = sleep_until(due) => self.handle_time().await,
            }
            self.skip_closed();
        }
    }

    async fn handle_ask(&mut self, ask: Ask) {
        match ask {
            Ask::Line { number, told } => {
                self.lines.retain(|_, line| !line.is_closed());
                self.lines.insert(number, told);
            }
            Ask::Send(bytes) => {
                if self.channel.is_some() || self.connect().await {
                    self.send(&bytes).await;
                }
            }
            Ask::ExpectAnswers => self.answers = true,
        }
    }

    async fn handle_received(&mut self, received: Received) {
        self.answer_by = None;
        match received {
            Received::Message(message) => {
                let open = |line: &u32| self.lines.get(line).is_some_and(|told| !told.is_closed());
                let line = line_of(&message).filter(open);
                if let Some(line) = line.or_else(|| self.first_line()) {
                    self.waiting.push_back((line, Incoming::Message(message)));
                }
            }
            Received::Invalid(error) => {
                if let Some(line) = self.first_line() {
                    self.waiting.push_back((line, Incoming::Invalid(error)));
                }
            }
            Received::Ping => self.send(&Bytes::from_static(b"\r\n")).await,
        }
    }

    async fn handle_time(&mut self) {
        let now = Instant::now();
        let heard = self.channel.as_ref().is_some_and(|channel| channel.heard_at() + self.pace.patience >= now);
        if self.answer_by.take_if(|at| *at <= now).is_some() && !heard {
            // RFC 5626 §4.4.1: the flow has failed.
            self.handle_loss(&io::ErrorKind::TimedOut.into());
        }
        if self.ping_at <= now {
            self.ping_at = now + self.pace.interval;
            if self.channel.is_some() {
                self.send(&Bytes::from_static(b"\r\n\r\n")).await;
                self.answer_by = Some(now + self.pace.patience).filter(|_| self.answers);
            }
        }
    }

    async fn send(&mut self, bytes: &Bytes) {
        let Some(channel) = &mut self.channel else { return };
        if let Err(error) = channel.send(bytes).await {
            self.handle_loss(&error);
        }
    }

    fn handle_loss(&mut self, error: &io::Error) {
        // A refused datagram is told of at the next call; the socket goes on.
        if self.route.transport != Transport::Udp {
            tracing::debug!(%error, "SIP connection lost");
            self.channel = None;
        }
        self.answer_by = None;
        self.tell_all(&Incoming::Lost);
    }

    /// RFC 3261 §18.1.1: a request for which there is no connection opens one. Those that fail are told of as lost, and however
    /// much is to be sent, a server that is down is left alone for a while.
    async fn connect(&mut self) -> bool {
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            self.tell_all(&Incoming::Lost);
            return false;
        }
        self.connections += 1;
        let Route { transport, address, tls, limits } = &self.route;
        match Channel::open(*transport, &[*address], tls.as_ref(), *limits, self.connections).await {
            Ok(channel) => {
                self.backoff.reset();
                self.retry_at = None;
                self.flow.send_replace(channel.flow());
                self.tell_all(&Incoming::Connected(channel.flow()));
                self.channel = Some(channel);
                true
            }
            Err((_, error)) => {
                self.retry_at = Some(Instant::now() + self.backoff.fail());
                self.handle_loss(&error);
                false
            }
        }
    }

    /// What is told to all takes the place of the same that still waits.
    fn tell_all(&mut self, incoming: &Incoming) {
        let kind = std::mem::discriminant(incoming);
        self.waiting.retain(|(_, waiting)| std::mem::discriminant(waiting) != kind);
        self.waiting.extend(self.lines.keys().map(|line| (*line, incoming.clone())));
    }

    fn first_line(&self) -> Option<u32> {
        self.lines.iter().find(|(_, line)| !line.is_closed()).map(|(number, _)| *number)
    }

    /// What waits for a line that is not there any more waits for nobody.
    fn skip_closed(&mut self) {
        let lines = &self.lines;
        while self.waiting.pop_front_if(|(line, _)| !lines.contains_key(line)).is_some() {}
    }
}

async fn receive(channel: &mut Option<Channel>) -> io::Result<Received> {
    match channel {
        Some(channel) => channel.receive().await,
        None => std::future::pending().await,
    }
}

/// The line whose Call-ID a message has; others are for whoever was there first.
fn line_of(message: &Message) -> Option<u32> {
    message.headers().call_id().ok()?.split_once('-')?.0.parse().ok()
}

/// After a first attempt to connect that has failed; twice as long each time that it fails once more.
const RETRY: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// What waits to be sent, and to be taken, each.
const WAITING: usize = 64;
