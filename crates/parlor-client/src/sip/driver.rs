//! Moves the messages of a room's user agent.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;

use super::agent::{Output, UserAgent};
use super::refer::Refer;
use super::wire::{Incoming, Line};
use crate::roster::Roster;

/// A user agent with its line.
pub(crate) struct Driver {
    agent: UserAgent,
    line: Line,
    refers: mpsc::Receiver<Refer>,
    roster: watch::Sender<Option<Arc<Roster>>>,
}

impl Driver {
    /// Does what `refers` asks for, and keeps `roster` up to date.
    pub(crate) fn new(
        agent: UserAgent,
        line: Line,
        refers: mpsc::Receiver<Refer>,
        roster: watch::Sender<Option<Arc<Roster>>>,
    ) -> Self {
        Self { agent, line, refers, roster }
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
    /// being sent may be lost.
    pub(crate) async fn next_output(&mut self) -> Output {
        loop {
            while let Some(transmit) = self.agent.poll_transmit() {
                self.line.send(transmit.bytes).await;
            }
            if let Some(roster) = self.agent.poll_roster() {
                self.roster.send_replace(Some(roster));
            }
            if let Some(output) = self.agent.poll_output() {
                return output;
            }
            let due = self.agent.poll_timeout();
            tokio::select! {
                incoming = self.line.receive() => self.handle(incoming),
                Some(refer) = self.refers.recv(), if self.agent.can_refer() => self.agent.refer(Instant::now(), refer),
                () = async { sleep_until(due.expect("checked").into()).await }, if due.is_some() => {
                    self.agent.handle_timeout(Instant::now());
                }
            }
        }
    }

    fn handle(&mut self, incoming: Incoming) {
        let now = Instant::now();
        match incoming {
            Incoming::Message(message) => self.agent.handle_message(now, message),
            Incoming::Invalid(error) => self.agent.handle_invalid(&error),
            Incoming::Lost => self.agent.handle_connection_lost(now),
            Incoming::Connected(flow) => self.agent.handle_connected(now, flow),
        }
    }
}
