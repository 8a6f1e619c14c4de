//! What we say.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use parlor_client::{Closed, Sender};
use tokio::signal::unix::Signal;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::command::{self, Line};
use super::errands::{Errand, Errands};
use super::input::{Input, Typed};
use super::outlets::Outlets;
use super::screen::Screen;

/// Turns lines into messages.
#[derive(Clone)]
pub(super) struct Talker {
    pub(super) outlets: Outlets,
    pub(super) screen: Arc<Screen>,
    /// Taken, first come first served, by what goes to the room: all is said in the order in which it was typed.
    pub(super) turn: Arc<Mutex<()>>,
    /// Lines that were not done.
    failed: Arc<AtomicUsize>,
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
    pub(super) fn new(outlets: Outlets, screen: Arc<Screen>) -> Self {
        Self { outlets, screen, turn: Arc::default(), failed: Arc::default() }
    }

    /// Does what line after line asks for until the last, `/quit` or Ctrl-C. A person's next line does not wait for what the
    /// last has asked for; a script's does. Ctrl-C gives up what goes on, if something does.
    pub(super) async fn run(&self, input: &mut Input, interrupts: &mut Signal) -> Why {
        let mut errands = Errands::default();
        loop {
            let may_begin = if input.is_terminal() { errands.have_room() } else { errands.is_empty() };
            let typed = tokio::select! {
                () = errands.one_over() => continue,
                _ = interrupts.recv() => Some(Typed::Interrupt),
                typed = input.next(), if may_begin => typed,
            };
            match typed {
                Some(Typed::Line(line)) if Line::parse(&line) == Line::Quit => break,
                Some(Typed::Line(line)) => self.begin(&mut errands, line),
                Some(Typed::Interrupt) => {
                    let is_idle = errands.is_empty();
                    self.tell(&errands.give_up(false));
                    if is_idle || !input.is_terminal() {
                        return Why::Left;
                    }
                }
                None => break,
            }
        }
        self.tell(&errands.give_up(true));
        // What was said is sent before we leave, unless nobody takes it.
        tokio::select! {
            _ = timeout(PATIENCE, errands.all_over()) => {}
            _ = interrupts.recv() => {}
        }
        self.tell(&errands.give_up(false));
        Why::Left
    }

    fn begin(&self, errands: &mut Errands, line: String) {
        let parsed = Line::parse(&line);
        let given_up = match parsed {
            Line::Send(path) => format!("{} given up", path.display()),
            Line::Dm(user, _) | Line::Msg(user, _) => format!("no longer waiting for {user} to get it"),
            Line::Invite(whom) => format!("no longer waiting for {whom}"),
            Line::Kick(whom) => format!("no longer waiting for {whom} to go"),
            Line::Text(_) | Line::Nick(_) | Line::Topic(_) | Line::Status(..) | Line::Watch(_) | Line::Unwatch(_) => {
                format!("no longer waiting for the server to take {line}")
            }
            Line::Nothing | Line::Who | Line::Help | Line::Quit | Line::Incomplete(_) | Line::Unknown(_) => {
                String::new()
            }
        };
        let errand = Errand { given_up, lasts: matches!(parsed, Line::Send(_) | Line::Invite(_)) };
        let talker = self.clone();
        errands.begin(errand, async move { talker.obey(Line::parse(&line)).await });
    }

    async fn obey(&self, line: Line<'_>) {
        match line {
            Line::Nothing | Line::Quit => {}
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
            Line::Incomplete(usage) => self.complain(&format!("it is written {usage}")),
            Line::Unknown(line) => self.complain(&format!("{line}: /help tells what there is")),
        }
    }

    /// Whether all that we said was taken.
    pub(super) fn result(&self) -> Result<()> {
        match self.failed.load(Ordering::Relaxed) {
            0 => Ok(()),
            1 => bail!("one line was not sent"),
            several => bail!("{several} lines were not sent"),
        }
    }

    async fn say(&self, text: &str) {
        let Some(room) = self.room() else { return };
        let _turn = self.turn.lock().await;
        if let Err(error) = room.send_text(text).await {
            self.complain(&format!("not sent: {error}"));
        }
    }

    /// The room; if we are in none, that is told.
    pub(super) fn room(&self) -> Option<Sender> {
        if self.outlets.room.is_none() {
            self.complain("you are in no room; /dm USER TEXT writes to somebody");
        }
        self.outlets.room.clone()
    }

    pub(super) fn complain(&self, text: &str) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.screen.problem(text);
    }

    fn tell(&self, given_up: &[String]) {
        given_up.iter().for_each(|told| self.complain(told));
    }
}

/// How long what was said may take to be sent when we leave.
const PATIENCE: Duration = Duration::from_secs(3);
