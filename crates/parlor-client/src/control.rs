//! What a room is about and who is in it, changed from a client.

use std::sync::Arc;
use std::time::Duration;

use parlor_sip::Uri;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::error::{ReferError, SendError};
use crate::roster::Roster;
use crate::sender::{Content, Sender};
use crate::sip::Refer;

impl Sender {
    /// Who is in the room, as it told last; `None` before it has, and if it never does.
    pub fn roster(&self) -> Option<Arc<Roster>> {
        self.0.roster.borrow().clone()
    }

    /// What the room is about, as it told last.
    pub fn topic(&self) -> Option<String> {
        match &*self.0.roster.borrow() {
            Some(roster) => roster.topic.clone(),
            None => self.0.capabilities.topic.clone(),
        }
    }

    /// Says what the room is to be about, or with an empty topic that it is about nothing any more: a message with that
    /// Subject, which the room takes for its topic if we have the right to set it. Returns whether the roster shows that
    /// it did; if not, the message was one like any other.
    ///
    /// # Errors
    /// [`SendError`]
    pub async fn set_topic(&self, topic: &str) -> Result<bool, SendError> {
        let mut roster = self.0.roster.clone();
        let before = self.topic().unwrap_or_default();
        self.send(Content::text(topic).subject(topic), topic.as_bytes(), |_| {}).await?;
        let shows = |roster: &Option<Arc<Roster>>| {
            let shown = roster.as_ref().map(|roster| roster.topic.as_deref().unwrap_or_default());
            // The room may have shortened it.
            shown.is_some_and(|shown| shown == topic || shown != before)
        };
        Ok(timeout(PATIENCE, roster.wait_for(shows)).await.is_ok_and(|shown| shown.is_ok()))
    }

    /// Asks the room to call somebody in. Returns when they have taken the call.
    ///
    /// # Errors
    /// [`ReferError`]
    pub async fn invite(&self, whom: &Uri) -> Result<(), ReferError> {
        self.refer(whom.clone()).await
    }

    /// Asks the room to send somebody away. Returns when they are gone.
    ///
    /// # Errors
    /// [`ReferError`]
    pub async fn remove(&self, whom: &Uri) -> Result<(), ReferError> {
        // RFC 4579 §5.11
        self.refer(whom.clone().with_param("method", "BYE")).await
    }

    async fn refer(&self, target: Uri) -> Result<(), ReferError> {
        let (done, told) = oneshot::channel();
        self.0.refers.send(Refer { target, done }).await.map_err(|_| ReferError::Closed)?;
        told.await.map_err(|_| ReferError::Closed)?
    }
}

/// How long the roster may take to show a topic: longer than changes are gathered (RFC 4575 §3.9).
const PATIENCE: Duration = Duration::from_secs(6);
