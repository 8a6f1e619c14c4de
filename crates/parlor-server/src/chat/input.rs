//! Lines that are typed, or come through a pipe.

use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::sync::mpsc as std_mpsc;

use anyhow::Result;
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use rustyline::ExternalPrinter as _;
use rustyline::error::ReadlineError;
use tokio::sync::mpsc;

use super::editor::{RoomEditor, editor};
use super::outlets::Outlets;
use super::screen::Screen;

/// Standard input, read by a thread: a line each time one is asked for, so that a prompt stands only while it is.
pub(super) struct Input {
    wanted: std_mpsc::Sender<()>,
    lines: mpsc::Receiver<String>,
    /// Whether a line is asked for and has not come.
    asked: bool,
    /// How the terminal was, if a person types.
    settings: Option<Termios>,
}

impl Input {
    /// Standard input, and the screen that goes with it. While a person types, those for whom it is are told.
    pub(super) fn open(outlets: Outlets) -> Result<(Self, Screen)> {
        let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        let settings = if terminal { Some(tcgetattr(std::io::stdin())?) } else { None };
        let (wanted, wishes) = std_mpsc::channel();
        let (read, lines) = mpsc::channel(1);
        let screen = if terminal {
            let mut editor = editor(outlets)?;
            let mut printer = editor.create_external_printer()?;
            std::thread::spawn(move || edit_lines(&mut editor, &wishes, &read));
            // The terminal is gone if this fails; the thread will tell.
            Screen::new(Box::new(move |line| drop(printer.print(line.to_owned()))))
        } else {
            std::thread::spawn(move || read_lines(&wishes, &read));
            Screen::plain()
        };
        Ok((Self { wanted, lines, asked: false, settings }, screen))
    }

    /// Whether a person types.
    pub(super) fn is_terminal(&self) -> bool {
        self.settings.is_some()
    }

    /// The next line; `None` at the end. May be dropped at any time without loss.
    pub(super) async fn next(&mut self) -> Option<String> {
        if !self.asked {
            self.wanted.send(()).ok()?;
            self.asked = true;
        }
        let line = self.lines.recv().await;
        self.asked = false;
        line
    }

    /// Makes the terminal as it was: a line may still be edited, and nothing but a key ends that.
    pub(super) fn close(self) {
        let Some(settings) = self.settings.filter(|_| self.asked) else { return };
        // The terminal is gone if this fails.
        let _ = tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, &settings);
        println!("{NO_BRACKETED_PASTE}");
    }
}

fn edit_lines(editor: &mut RoomEditor, wishes: &std_mpsc::Receiver<()>, lines: &mpsc::Sender<String>) {
    while wishes.recv().is_ok() {
        match editor.readline("> ") {
            Ok(line) => {
                if lines.blocking_send(line).is_err() {
                    return;
                }
            }
            // Ctrl-C, Ctrl-D, or no terminal any more.
            Err(ReadlineError::Interrupted | ReadlineError::Eof) => return,
            Err(_) => return,
        }
    }
}

fn read_lines(wishes: &std_mpsc::Receiver<()>, lines: &mpsc::Sender<String>) {
    let mut stdin = std::io::stdin().lock();
    while wishes.recv().is_ok() {
        let mut line = Vec::new();
        match stdin.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        if lines.blocking_send(text.trim_end_matches(['\r', '\n']).to_owned()).is_err() {
            return;
        }
    }
}

/// What the line editor had asked of the terminal.
const NO_BRACKETED_PASTE: &str = "\x1b[?2004l";
/// A longer one is sent in parts.
const LONGEST_LINE: u64 = 1024 * 1024;
