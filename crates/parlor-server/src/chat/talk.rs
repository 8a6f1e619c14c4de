//! What we say.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use parlor_client::{Closed, SendError, Sender};
use tokio::signal::unix::Signal;

use super::content_type;
use super::input::Input;
use super::screen::Screen;

/// Turns lines into messages.
pub(super) struct Talker {
    sender: Sender,
    screen: Arc<Screen>,
    interrupts: Signal,
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

/// What a line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line<'a> {
    Nothing,
    Text(&'a str),
    Send(&'a Path),
    Help,
    Quit,
    Unknown(&'a str),
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Self {
        let Some(command) = line.strip_prefix('/') else {
            return if line.trim().is_empty() { Self::Nothing } else { Self::Text(line) };
        };
        // Two slashes are one of text.
        if command.starts_with('/') {
            return Self::Text(command);
        }
        let (word, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        match (word, rest.trim()) {
            ("quit" | "q" | "leave", _) => Self::Quit,
            ("help" | "?", _) => Self::Help,
            ("send", file) if !file.is_empty() => Self::Send(Path::new(file)),
            _ => Self::Unknown(line),
        }
    }
}

impl Talker {
    pub(super) fn new(sender: Sender, screen: Arc<Screen>, interrupts: Signal) -> Self {
        Self { sender, screen, interrupts, failed: 0 }
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
                Line::Help => self.screen.notice(HELP),
                Line::Quit => return Why::Left,
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
        if let Err(error) = self.sender.send_text(text).await {
            self.complain(&format!("not sent: {error}"));
        }
    }

    /// Sends a file. Ctrl-C gives it up and stays in the room.
    async fn send(&mut self, path: &Path) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let size = tokio::fs::metadata(path).await.map(|metadata| metadata.len()).ok();
        let bar = self.screen.begin_bar(&name, size);
        let sending =
            self.sender.send_file(path, content_type::of_file(path), |progress| bar.set_position(progress.sent));
        let sent = tokio::select! {
            sent = sending => Some(sent),
            _ = self.interrupts.recv() => None,
        };
        self.screen.end_bar();
        match sent {
            Some(Ok(delivery)) => self.screen.notice(&format!("{name} sent, {} bytes", delivery.octets)),
            Some(Err(SendError::Source(error))) => self.complain(&format!("{}: {error}", path.display())),
            Some(Err(error)) => self.complain(&format!("{name} not sent: {error}")),
            None => self.complain(&format!("{name} given up")),
        }
    }

    fn complain(&mut self, text: &str) {
        self.failed += 1;
        self.screen.problem(text);
    }
}

const HELP: &str = "\
TEXT        say it to the room (begin with // to say something that begins with /)
/send FILE  send a file to the room; Ctrl-C gives it up
/quit       leave the room, as do Ctrl-C and Ctrl-D
/help       tell this";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        for (line, parsed) in [
            ("hello /quit", Line::Text("hello /quit")),
            ("  indented", Line::Text("  indented")),
            (" ", Line::Nothing),
            ("//shrug", Line::Text("/shrug")),
            ("/quit", Line::Quit),
            ("/send  my file.txt ", Line::Send(Path::new("my file.txt"))),
            ("/send", Line::Unknown("/send")),
            ("/quiet", Line::Unknown("/quiet")),
            ("/help", Line::Help),
        ] {
            assert_eq!(Line::parse(line), parsed, "{line:?}");
        }
    }
}
