//! What we say.

use std::sync::Arc;

use anyhow::{Result, bail};
use parlor_client::{Closed, Sender};
use tokio::signal::unix::Signal;

use super::command::{self, Line};
use super::input::Input;
use super::outlets::Outlets;
use super::screen::Screen;

/// Turns lines into messages.
pub(super) struct Talker {
    pub(super) outlets: Outlets,
    pub(super) screen: Arc<Screen>,
    pub(super) interrupts: Signal,
    /// Messages that the room did not take.
    failed: usize,
}

/// Why the chat is over.
#[derive(Clone, Copy, Debug)]
pub(super) enum Why {
    /// We want to leave.
    Left,
    /// The session is over.
    Closed(Closed),
}

impl Talker {
    pub(super) fn new(outlets: Outlets, screen: Arc<Screen>, interrupts: Signal) -> Self {
        Self { outlets, screen, interrupts, failed: 0 }
    }

    /// Sends line after line until the last, `/quit` or Ctrl-C.
    pub(super) async fn run(&mut self, input: &mut Input) -> Why {
        loop {
            let line = tokio::select! {
                line = input.next() => line,
                _ = self.interrupts.recv() => None,
            };
            let Some(line) = line else { return Why::Left };
            match Line::parse(&line) {
                Line::Nothing => {}
                Line::Text(text) => self.say(text).await,
                Line::Send(path) => self.send(path).await,
                Line::Nick(nickname) => self.nick(nickname).await,
                Line::Msg(user, text) => self.msg(user, text).await,
                Line::Dm(user, text) => self.dm(user, text).await,
                Line::Watch(user) => self.watch(user).await,
                Line::Unwatch(user) => self.unwatch(user).await,
                Line::Status(status, note) => self.status(status, note).await,
                Line::Who => self.who(),
                Line::Topic(topic) => self.topic(topic).await,
                Line::Invite(whom) => self.invite(whom).await,
                Line::Kick(whom) => self.kick(whom).await,
                Line::Help => self.screen.notice(&command::help()),
                Line::Quit => return Why::Left,
                Line::Incomplete(usage) => self.complain(&format!("it is written {usage}")),
                Line::Unknown(line) => self.complain(&format!("{line}: /help tells what there is")),
            }
        }
    }

    /// Whether all that we said was taken.
    pub(super) fn result(&self) -> Result<()> {
        match self.failed {
            0 => Ok(()),
            1 => bail!("one line was not sent"),
            several => bail!("{several} lines were not sent"),
        }
    }

    async fn say(&mut self, text: &str) {
        let Some(room) = self.room() else { return };
        if let Err(error) = room.send_text(text).await {
            self.complain(&format!("not sent: {error}"));
        }
    }

    /// The room; if we are in none, that is told.
    pub(super) fn room(&mut self) -> Option<Sender> {
        if self.outlets.room.is_none() {
            self.complain("you are in no room; /dm USER TEXT writes to somebody");
        }
        self.outlets.room.clone()
    }

    pub(super) fn complain(&mut self, text: &str) {
        self.failed += 1;
        self.screen.problem(text);
    }
}
