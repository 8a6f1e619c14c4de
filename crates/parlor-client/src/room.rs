//! A room we are in.

use std::path::Path;
use std::sync::Arc;

use parlor_cpim::Address;
use parlor_sip::Uri;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::error::{JoinError, LeaveError, NicknameError, ReferError, SendError};
use crate::event::{Closed, Event};
use crate::msrp::Events;
use crate::options::JoinOptions;
use crate::roster::Roster;
use crate::sdp::RoomCapabilities;
use crate::sender::{Delivery, Progress, Sender};
use crate::sip::Wire;
use crate::task::{self, Joined, Outcome};

/// A room we are in. Dropping it leaves the room, without waiting for that.
#[derive(Debug)]
pub struct Room {
    sender: Sender,
    events: Events,
    /// Dropped or told: leave.
    leave: Option<oneshot::Sender<()>>,
    task: Task,
}

#[derive(Debug)]
enum Task {
    Running(JoinHandle<Outcome>),
    Over(Outcome),
}

impl Room {
    /// Joins a room. Dropping the future takes the invitation back.
    ///
    /// # Errors
    /// [`JoinError`]
    pub async fn join(options: JoinOptions) -> Result<Self, JoinError> {
        Self::join_over(options, None).await
    }

    /// Joins a room over that connection.
    pub(crate) async fn join_over(options: JoinOptions, wire: Option<Wire>) -> Result<Self, JoinError> {
        let timeout = options.timeout;
        let (told, joined) = oneshot::channel();
        let (leave, left) = oneshot::channel();
        let task = tokio::spawn(task::run(options, wire, told, left));
        // The task tells, unless the runtime ends before.
        let Joined { sender, events } = joined.await.map_err(|_| JoinError::Timeout(timeout))??;
        Ok(Self { sender, events, leave: Some(leave), task: Task::Running(task) })
    }

    /// Sends from other tasks.
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// Who we are in the room.
    pub fn identity(&self) -> &Address {
        self.sender.identity()
    }

    /// The room's address.
    pub fn address(&self) -> &Address {
        self.sender.room()
    }

    /// What the room told of itself.
    pub fn capabilities(&self) -> &RoomCapabilities {
        self.sender.capabilities()
    }

    /// See [`Sender::send_text`].
    pub async fn send_text(&self, text: &str) -> Result<Delivery, SendError> {
        self.sender.send_text(text).await
    }

    /// See [`Sender::roster`].
    pub fn roster(&self) -> Option<Arc<Roster>> {
        self.sender.roster()
    }

    /// See [`Sender::topic`].
    pub fn topic(&self) -> Option<String> {
        self.sender.topic()
    }

    /// See [`Sender::set_topic`].
    pub async fn set_topic(&self, topic: &str) -> Result<bool, SendError> {
        self.sender.set_topic(topic).await
    }

    /// See [`Sender::invite`].
    pub async fn invite(&self, whom: &Uri) -> Result<(), ReferError> {
        self.sender.invite(whom).await
    }

    /// See [`Sender::remove`].
    pub async fn remove(&self, whom: &Uri) -> Result<(), ReferError> {
        self.sender.remove(whom).await
    }

    /// See [`Sender::send_file`].
    pub async fn send_file(
        &self,
        path: impl AsRef<Path>,
        content_type: &str,
        progress: impl FnMut(Progress),
    ) -> Result<Delivery, SendError> {
        self.sender.send_file(path, content_type, progress).await
    }

    /// See [`Sender::send_private`].
    pub async fn send_private(&self, recipient: &Uri, text: &str) -> Result<Delivery, SendError> {
        self.sender.send_private(recipient, text).await
    }

    /// See [`Sender::typing`].
    pub fn typing(&self, recipient: Option<&Uri>) {
        self.sender.typing(recipient);
    }

    /// See [`Sender::set_nickname`].
    pub async fn set_nickname(&self, nickname: Option<&str>) -> Result<(), NicknameError> {
        self.sender.set_nickname(nickname).await
    }

    /// The next thing that happens; [`Event::Closed`] is the last, then `None`. May be dropped at any time without loss.
    pub async fn next_event(&mut self) -> Option<Event> {
        if let Some(event) = self.events.next().await {
            return Some(event);
        }
        match &self.task {
            Task::Running(_) => Some(Event::Closed(self.outcome().await.closed)),
            Task::Over(_) => None,
        }
    }

    /// Leaves and waits until the room knows. Events not yet taken are lost.
    ///
    /// # Errors
    /// [`LeaveError`]: the session is over all the same.
    pub async fn leave(mut self) -> Result<(), LeaveError> {
        self.events.close();
        self.leave = None;
        if self.outcome().await.answered { Ok(()) } else { Err(LeaveError::Unanswered) }
    }

    async fn outcome(&mut self) -> Outcome {
        let outcome = match &mut self.task {
            // The task does not panic; but if the runtime ends it, the connection is gone.
            Task::Running(task) => task.await.unwrap_or(Outcome { closed: Closed::ConnectionLost, answered: false }),
            Task::Over(outcome) => *outcome,
        };
        self.task = Task::Over(outcome);
        outcome
    }
}
