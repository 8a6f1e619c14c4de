//! Lines that are typed, or come through a pipe.

use std::io::{BufRead as _, ErrorKind, IsTerminal as _, Read as _};

use anyhow::Result;
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use rustyline::error::ReadlineError;
use tokio::sync::mpsc;

use super::command::Line;
use super::editor::{Helper, RoomEditor, editor};
use super::outlets::Outlets;
use super::printer::Lines;
use super::screen::Screen;

/// Standard input, read by a thread.
pub(super) struct Input {
    typed: mpsc::Receiver<Typed>,
    /// Whether more may be typed.
    is_open: bool,
    /// The terminal, if a person types.
    terminal: Option<Terminal>,
}

/// What was typed.
#[derive(Debug)]
pub(super) enum Typed {
    Line(String),
    /// Ctrl-C, without a line.
    Interrupt,
}

impl Typed {
    /// Whether nothing is read after it.
    fn is_last(&self) -> bool {
        matches!(self, Self::Line(line) if Line::parse(line) == Line::Quit)
    }
}

struct Terminal {
    /// How it was.
    settings: Termios,
    lines: Lines,
}

impl Input {
    /// Standard input, and the screen that goes with it. While a person types, those for whom it is are told.
    pub(super) fn open(outlets: Outlets) -> Result<(Self, Screen)> {
        let (read, typed) = mpsc::channel(1);
        let is_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        let mut editor = if is_terminal { Some(editor(outlets)?) } else { None };
        // There are terminals in which no line can be edited, such as `dumb` ones.
        let printer = editor.as_mut().and_then(|editor| editor.create_external_printer().ok());
        let (Some(mut editor), Some(printer)) = (editor, printer) else {
            std::thread::spawn(move || read_lines(&read));
            return Ok((Self { typed, is_open: true, terminal: None }, Screen::plain()));
        };
        let settings = tcgetattr(std::io::stdin())?;
        let lines = Lines::past(printer);
        std::thread::spawn(move || edit_lines(&mut editor, &read));
        let shown = lines.clone();
        // What nobody can read is not shown.
        let screen = Screen::new(Box::new(move |line| _ = shown.show(line)));
        Ok((Self { typed, is_open: true, terminal: Some(Terminal { settings, lines }) }, screen))
    }

    /// Whether a person types.
    pub(super) fn is_terminal(&self) -> bool {
        self.terminal.is_some()
    }

    /// What is typed next; `None` at the end. May be dropped at any time without loss.
    pub(super) async fn next(&mut self) -> Option<Typed> {
        let typed = self.typed.recv().await;
        self.is_open = typed.as_ref().is_some_and(|typed| !typed.is_last());
        typed
    }

    /// Makes the terminal as it was: a line may still be edited, and nothing but a key ends that.
    pub(super) fn close(self) {
        let Some(Terminal { settings, lines }) = self.terminal else { return };
        lines.close();
        if self.is_open {
            // The terminal is gone if this fails.
            let _ = tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, &settings);
            println!("{NO_BRACKETED_PASTE}");
        }
    }
}

fn edit_lines(editor: &mut RoomEditor, typed: &mpsc::Sender<Typed>) {
    loop {
        let read = match editor.readline("> ") {
            Ok(line) => Typed::Line(line),
            // Ctrl-C drops the line, if there is one.
            Err(ReadlineError::Interrupted) if editor.helper().is_some_and(Helper::has_line) => continue,
            Err(ReadlineError::Interrupted) => Typed::Interrupt,
            // Keys of another encoding.
            Err(ReadlineError::Io(error)) if error.kind() == ErrorKind::InvalidData => continue,
            // Ctrl-D, or no terminal any more.
            Err(_) => return,
        };
        let is_last = read.is_last();
        if typed.blocking_send(read).is_err() || is_last {
            return;
        }
    }
}

fn read_lines(typed: &mpsc::Sender<Typed>) {
    let mut stdin = std::io::stdin().lock();
    loop {
        let mut line = Vec::new();
        match stdin.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        if typed.blocking_send(Typed::Line(text.trim_end_matches(['\r', '\n']).to_owned())).is_err() {
            return;
        }
    }
}

/// What the line editor had asked of the terminal.
const NO_BRACKETED_PASTE: &str = "\x1b[?2004l";
/// A longer one is sent in parts.
const LONGEST_LINE: u64 = 1024 * 1024;
