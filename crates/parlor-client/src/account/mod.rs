//! An account on a server: people, one to one.

mod error;
mod event;
mod options;
mod task;

use parlor_cpim::Address;
use parlor_sip::Uri;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::error::JoinError;
use crate::options::JoinOptions;
use crate::room::Room;
use crate::sip::Wire;
use crate::sip::account::{Content, Letter};
use task::{Command, Opened};

pub use error::{AccountError, MessageError, PublishError, RegisterError, WatchError};
pub use event::{AccountEvent, PagerMessage, Presence, Receipt};
pub use options::AccountOptions;

/// An account that we use. Dropping it ends what it does on the server, without waiting for that; rooms that were joined
/// through it stay.
#[derive(Debug)]
pub struct Account {
    messenger: Messenger,
    events: mpsc::Receiver<AccountEvent>,
    wire: Wire,
    /// Dropped or told: end.
    end: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// Writes to people and watches them; a clone does so from another task. It does not keep the account open.
#[derive(Clone, Debug)]
pub struct Messenger {
    commands: mpsc::Sender<Command>,
    identity: Address,
}

impl Account {
    /// Connects and, unless that is not wanted, registers: from then on others reach us.
    ///
    /// # Errors
    /// [`AccountError`]
    pub async fn open(options: AccountOptions) -> Result<Self, AccountError> {
        let timeout = options.timeout;
        let (told, opened) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let task = tokio::spawn(task::run(options, told, ended));
        // The task tells, unless the runtime ends before.
        let Opened { commands, identity, events, wire } =
            opened.await.map_err(|_| AccountError::Timeout(timeout))??;
        Ok(Self { messenger: Messenger { commands, identity }, events, wire, end: Some(end), task })
    }

    /// Writes from other tasks.
    pub fn messenger(&self) -> Messenger {
        self.messenger.clone()
    }

    /// Who we are.
    pub fn identity(&self) -> &Address {
        self.messenger.identity()
    }

    /// See [`Messenger::send_text`].
    pub async fn send_text(&self, to: &Uri, text: &str) -> Result<Receipt, MessageError> {
        self.messenger.send_text(to, text).await
    }

    /// Joins a room over the connection of this account: of the options, those that tell how to reach the server do not
    /// matter.
    ///
    /// # Errors
    /// [`JoinError`]
    pub async fn join(&self, options: JoinOptions) -> Result<Room, JoinError> {
        Room::join_over(options, Some(self.wire.clone())).await
    }

    /// The next thing that happens. May be dropped at any time without loss. When events are not taken, others are told
    /// that we are busy.
    pub async fn next_event(&mut self) -> AccountEvent {
        match self.events.recv().await {
            Some(event) => event,
            // The runtime is ending.
            None => std::future::pending().await,
        }
    }

    /// Ends what the account does on the server, and waits for that a little.
    pub async fn close(mut self) {
        self.events.close();
        self.end = None;
        // It does not panic; and if the runtime ends it, there is no more to be done.
        let _ = self.task.await;
    }
}

impl Messenger {
    /// Who we are.
    pub fn identity(&self) -> &Address {
        &self.identity
    }

    /// Writes to somebody. Returns when it has arrived, or has been taken to be delivered. Messages to one person are sent
    /// one after the other (RFC 3428 §8).
    ///
    /// # Errors
    /// [`MessageError`]
    pub async fn send_text(&self, to: &Uri, text: &str) -> Result<Receipt, MessageError> {
        let (done, told) = oneshot::channel();
        let letter = Letter { to: to.clone(), content: Content::Text { text: text.to_owned(), done } };
        self.commands.send(Command::Send(letter)).await.map_err(|_| MessageError::Closed)?;
        told.await.map_err(|_| MessageError::Closed)?
    }

    /// Tells somebody that we are writing to them: to be called whenever something is typed. They are told once in a while,
    /// and when nothing was typed for 15 s (RFC 3994).
    pub fn typing(&self, to: &Uri) {
        // When too much is typed at once, the next key tells as well.
        let _ = self.commands.try_send(Command::Typed(to.clone()));
    }

    /// Watches somebody: [`AccountEvent::Presence`] tells whether they are there, now and whenever that changes. At most 256
    /// are watched.
    ///
    /// # Errors
    /// [`WatchError`]
    pub async fn watch(&self, who: &Uri) -> Result<(), WatchError> {
        let (done, told) = oneshot::channel();
        self.commands.send(Command::Watch(who.clone(), done)).await.map_err(|_| WatchError::Closed)?;
        told.await.map_err(|_| WatchError::Closed)?
    }

    /// Watches somebody no more.
    pub async fn unwatch(&self, who: &Uri) {
        // A closed account tells of nobody.
        let _ = self.commands.send(Command::Unwatch(who.clone())).await;
    }

    /// Says of ourselves, to those who watch us, whether we are there. It holds, refreshed, until something else is said or
    /// the account is closed.
    ///
    /// # Errors
    /// [`PublishError`]
    pub async fn publish(&self, presence: Presence) -> Result<(), PublishError> {
        let (done, told) = oneshot::channel();
        self.commands.send(Command::Publish(presence, done)).await.map_err(|_| PublishError::Closed)?;
        told.await.map_err(|_| PublishError::Closed)?
    }
}
