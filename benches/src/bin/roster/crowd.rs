//! All users, driven by one thread.

use std::{
    net::SocketAddr,
    ops::Range,
    time::{Duration, Instant},
};

use anyhow::ensure;
use mio::{Events, Interest, Poll, Token, net::TcpStream};

use crate::client::Client;

/// Joins that are under way at once in a rush.
const AT_ONCE: usize = 32;
/// Nothing for so long ends the run.
const PATIENCE: Duration = Duration::from_secs(60);

/// All users.
pub(crate) struct Crowd {
    poll: Poll,
    clients: Vec<Client>,
    subscribers: usize,
}

/// How fast users join.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As fast as the server lets them.
    Rush,
    /// So many a second.
    PerSecond(u32),
    /// One after another, when everybody has been told of the one before and some time has passed.
    Single,
}

/// What the subscribers were told.
pub(crate) struct Told {
    pub(crate) notifies: u64,
    pub(crate) octets: u64,
    /// From the first INVITE until everybody knew of the last.
    pub(crate) elapsed: Duration,
}

impl Crowd {
    /// Connects so many users.
    pub(crate) fn connect(server: SocketAddr, users: usize) -> anyhow::Result<Crowd> {
        let poll = Poll::new()?;
        let mut clients = Vec::with_capacity(users);
        for index in 0..users {
            let stream = std::net::TcpStream::connect(server)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let local = stream.local_addr()?;
            let mut client = Client::new(TcpStream::from_std(stream), local, index);
            poll.registry().register(client.stream(), Token(index), Interest::READABLE)?;
            clients.push(client);
        }
        Ok(Crowd { poll, clients, subscribers: 0 })
    }

    /// The first so many subscribe, and have been told what there is.
    pub(crate) fn subscribe(&mut self, subscribers: usize) -> anyhow::Result<()> {
        self.subscribers = subscribers;
        for from in (0..subscribers).step_by(AT_ONCE) {
            let group = from..subscribers.min(from + AT_ONCE);
            for client in &mut self.clients[group.clone()] {
                client.subscribe()?;
            }
            self.until("subscribed", |clients| {
                clients[group.clone()].iter().all(|client| client.known.subscribed && client.known.notifies > 0)
            })?;
        }
        Ok(())
    }

    /// These join, and every subscriber is told of all of them.
    pub(crate) fn join(&mut self, joining: Range<usize>, pace: Pace) -> anyhow::Result<Told> {
        let (began, before) = (Instant::now(), self.told());
        for index in joining.clone() {
            match pace {
                Pace::Rush => {
                    self.until("joined", |clients| {
                        clients[..index].iter().filter(|client| !client.known.joined).count() < AT_ONCE
                    })?;
                }
                Pace::PerSecond(rate) => {
                    let due = began + Duration::from_secs(1) * u32::try_from(index - joining.start)? / rate;
                    self.pass(due.saturating_duration_since(Instant::now()))?;
                }
                Pace::Single => {
                    self.everybody_knows(index)?;
                    self.pass(Duration::from_millis(120))?;
                }
            }
            self.clients[index].join()?;
        }
        self.until("joined", |clients| clients[joining.clone()].iter().all(|client| client.known.joined))?;
        self.everybody_knows(joining.end)?;
        let (notifies, octets) = self.told();
        Ok(Told { notifies: notifies - before.0, octets: octets - before.1, elapsed: began.elapsed() })
    }

    /// How many NOTIFYs of how many octets have come.
    fn told(&self) -> (u64, u64) {
        let known = || self.clients.iter().map(|client| &client.known);
        (known().map(|known| known.notifies).sum(), known().map(|known| known.octets).sum())
    }

    /// Some time passes, so that what was told last counts as long ago.
    pub(crate) fn rest(&mut self) -> anyhow::Result<()> {
        self.pass(Duration::from_millis(1200))
    }

    fn everybody_knows(&mut self, users: usize) -> anyhow::Result<()> {
        let subscribers = self.subscribers;
        self.until("told", |clients| clients[..subscribers].iter().all(|client| client.known.users == users))
    }

    fn until(&mut self, what: &str, met: impl Fn(&[Client]) -> bool) -> anyhow::Result<()> {
        let began = Instant::now();
        while !met(&self.clients) {
            ensure!(began.elapsed() < PATIENCE, "not all are {what}");
            self.turn(Duration::from_millis(100))?;
        }
        Ok(())
    }

    fn pass(&mut self, time: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            self.turn(left)?;
            if left.is_zero() {
                return Ok(());
            }
        }
    }

    fn turn(&mut self, wait: Duration) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(1024);
        self.poll.poll(&mut events, Some(wait))?;
        for event in &events {
            self.clients[event.token().0].receive()?;
        }
        Ok(())
    }
}
