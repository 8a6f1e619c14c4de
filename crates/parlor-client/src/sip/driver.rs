//! Moves the bytes of a user agent.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parlor_sip::{Limits, Transport};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;

use super::agent::{Output, UserAgent};
use super::refer::Refer;
use super::transport::{Channel, Received};
use crate::roster::Roster;
use crate::stream::Tls;

/// A user agent with its connection.
pub(crate) struct Driver {
    agent: UserAgent,
    /// `None` while the connection is lost; it is opened again when something is to be sent.
    channel: Option<Channel>,
    refers: mpsc::Receiver<Refer>,
    roster: watch::Sender<Option<Arc<Roster>>>,
    route: Route,
    connections: u64,
    ping_at: Instant,
}

/// How to connect again.
pub(crate) struct Route {
    pub(crate) transport: Transport,
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<Tls>,
    pub(crate) limits: Limits,
}

impl Driver {
    /// Does what `refers` asks for, and keeps `roster` up to date.
    pub(crate) fn new(
        agent: UserAgent,
        channel: Channel,
        tls: Option<Tls>,
        limits: Limits,
        refers: mpsc::Receiver<Refer>,
        roster: watch::Sender<Option<Arc<Roster>>>,
    ) -> Self {
        let flow = channel.flow();
        let route = Route { transport: flow.transport, address: flow.remote, tls, limits };
        let ping_at = Instant::now() + PING_INTERVAL;
        Self { agent, channel: Some(channel), refers, roster, route, connections: 1, ping_at }
    }

    /// Whether there is no dialog any more.
    pub(crate) fn is_over(&self) -> bool {
        self.agent.is_over()
    }

    /// Sends the INVITE.
    pub(crate) fn invite(&mut self) {
        self.agent.invite(Instant::now());
    }

    /// Cancels or says BYE.
    pub(crate) fn leave(&mut self) {
        self.agent.leave(Instant::now());
    }

    /// Runs until the user agent has something to tell. May be dropped and called again, but then a message that was
    /// being written is lost with the connection.
    pub(crate) async fn next_output(&mut self) -> Output {
        loop {
            self.transmit().await;
            if let Some(roster) = self.agent.poll_roster() {
                self.roster.send_replace(Some(roster));
            }
            if let Some(output) = self.agent.poll_output() {
                return output;
            }
            let due = self.agent.poll_timeout().map_or(self.ping_at, |at| at.min(self.ping_at));
            tokio::select! {
                received = receive(&mut self.channel) => match received {
                    Ok(received) => self.handle(received).await,
                    Err(error) => self.lost(&error),
                },
                Some(refer) = self.refers.recv(), if self.agent.can_refer() => self.agent.refer(Instant::now(), refer),
                () = sleep_until(due.into()) => self.handle_time().await,
            }
        }
    }

    async fn handle(&mut self, received: Received) {
        match received {
            Received::Message(message) => self.agent.handle_message(Instant::now(), message),
            Received::Invalid(error) => self.agent.handle_invalid(&error),
            Received::Ping => self.send(&Bytes::from_static(b"\r\n")).await,
        }
    }

    async fn handle_time(&mut self) {
        let now = Instant::now();
        self.agent.handle_timeout(now);
        if self.ping_at <= now {
            self.ping_at = now + PING_INTERVAL;
            if self.channel.is_some() {
                self.send(&Bytes::from_static(b"\r\n\r\n")).await;
            }
        }
    }

    async fn transmit(&mut self) {
        while let Some(transmit) = self.agent.poll_transmit() {
            if self.channel.is_none() && !self.reconnect().await {
                continue;
            }
            self.send(&transmit.bytes).await;
        }
    }

    async fn send(&mut self, bytes: &Bytes) {
        let Some(channel) = &mut self.channel else { return };
        if let Err(error) = channel.send(bytes).await {
            self.lost(&error);
        }
    }

    fn lost(&mut self, error: &io::Error) {
        // A refused datagram is told of at the next call; the socket goes on.
        if self.route.transport != Transport::Udp {
            tracing::debug!(%error, "SIP connection lost");
            self.channel = None;
        }
        self.agent.handle_connection_lost(Instant::now());
    }

    /// RFC 3261 §18.1.1: a request for which there is no connection opens one. Those that fail are told of as lost.
    async fn reconnect(&mut self) -> bool {
        self.connections += 1;
        let Route { transport, address, tls, limits } = &self.route;
        match Channel::open(*transport, &[*address], tls.as_ref(), *limits, self.connections).await {
            Ok(channel) => {
                self.agent.handle_connected(channel.flow());
                self.channel = Some(channel);
                true
            }
            Err((_, error)) => {
                self.lost(&error);
                false
            }
        }
    }
}

async fn receive(channel: &mut Option<Channel>) -> io::Result<Received> {
    match channel {
        Some(channel) => channel.receive().await,
        None => std::future::pending().await,
    }
}

/// RFC 5626 §3.5.1: often enough for the address translators between us.
const PING_INTERVAL: Duration = Duration::from_secs(100);
