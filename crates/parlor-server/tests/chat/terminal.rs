//! A person at a terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Instant;

use nix::pty::openpty;

use super::*;

/// `parlor chat` in a terminal of its own; killed when dropped.
pub(crate) struct Terminal {
    child: Child,
    keys: File,
    output: mpsc::Receiver<Vec<u8>>,
    shown: String,
}

impl Terminal {
    pub(crate) fn chat(room: &str, name: &str) -> Self {
        Self::start(&[room, "--as", name], "")
    }

    pub(crate) fn start(arguments: &[&str], password: &str) -> Self {
        let pty = openpty(None, None).unwrap();
        let mut command = server::parlor();
        command.arg("chat").args(arguments).env("TERM", "xterm").env("NO_COLOR", "1");
        command.env("PARLOR_PASSWORD", password);
        command.stdin(pty.slave.try_clone().unwrap()).stdout(pty.slave).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        // Else the terminal would live on here.
        drop(command);
        let keys = File::from(pty.master);
        let mut screen = keys.try_clone().unwrap();
        let (sender, output) = mpsc::channel();
        std::thread::spawn(move || {
            let mut read = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut read) {
                if sender.send(read[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let mut terminal = Self { child, keys, output, shown: String::new() };
        terminal.shows("> ");
        terminal
    }

    pub(crate) fn types(&mut self, keys: impl AsRef<[u8]>) {
        self.keys.write_all(keys.as_ref()).unwrap();
    }

    /// Waits until it is over.
    pub(crate) fn ends(&mut self) {
        let until = Instant::now() + PATIENCE;
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < until, "it goes on");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    /// Waits until that is shown, after what was shown before.
    pub(crate) fn shows(&mut self, wanted: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.shown.find(wanted) {
                self.shown.drain(..at + wanted.len());
                return;
            }
            match self.output.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(octets) => self.shown.push_str(&String::from_utf8_lossy(&octets)),
                Err(_) => panic!("{wanted:?} is not shown but {:?}", self.shown),
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The tab key completes; what is typed is told while it is, commands are not; who else types is shown.
#[tokio::test(flavor = "multi_thread")]
async fn terminal() {
    let server = Server::start("");
    let mut alice = server.join("alice").await;
    let mut bob = Terminal::chat(&server.room("lobby"), "bob");
    bob.types("/ni\t");
    bob.shows("/nick ");
    bob.types("Bo\r");
    bob.shows("you are Bo");
    alice.typing(None);
    bob.shows("alice is typing");
    alice.send_text("hi \u{1b}[2J").await.unwrap();
    bob.shows("alice: hi ␛[2J");
    bob.types("h");
    match next(&mut alice).await {
        Event::Composing { who, private: false, active: true } => assert_eq!(who.display.as_deref(), Some("Bo")),
        other => panic!("{other:?} instead of typing"),
    }
    bob.types("ello\r");
    assert!(matches!(next(&mut alice).await, Event::Composing { active: false, .. }));
    assert_eq!(next_message(&mut alice).await.text().unwrap(), "hello");
    bob.types("/quit\r");
    tokio::task::spawn_blocking(move || server.await_metric("parlor_participants", 1.0)).await.unwrap();
}
