//! Lines on their way to a terminal.

use std::io::Write as _;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use rustyline::ExternalPrinter;

/// Lines for a terminal, shown by a thread: the line editor takes one when it is ready for it, and nothing else may wait
/// for that.
#[derive(Clone)]
pub(super) struct Lines(SyncSender<Item>);

enum Item {
    Line(String),
    /// No line is edited any more; told when all before it was shown.
    Close(SyncSender<()>),
}

impl Lines {
    /// Shows lines past the one that is edited.
    pub(super) fn past(printer: impl ExternalPrinter + Send + 'static) -> Self {
        let (lines, shown) = sync_channel(MOST_LINES);
        std::thread::spawn(move || show(printer, &shown));
        Self(lines)
    }

    /// Shows a line. Without room for it, nobody can read them any more.
    pub(super) fn show(&self, line: &str) -> bool {
        !matches!(self.0.try_send(Item::Line(line.to_owned())), Err(TrySendError::Full(_)))
    }

    /// Shows what is left; later lines go to standard output.
    pub(super) fn close(&self) {
        let (told, done) = sync_channel(1);
        if self.0.try_send(Item::Close(told)).is_ok() {
            // A terminal that takes nothing is not waited for.
            let _ = done.recv_timeout(PATIENCE);
        }
    }
}

fn show(mut printer: impl ExternalPrinter, lines: &Receiver<Item>) {
    let mut is_open = true;
    while let Ok(item) = lines.recv() {
        // The terminal is gone if showing fails; the editor will tell.
        match item {
            Item::Line(line) if is_open => drop(printer.print(line)),
            Item::Line(line) => {
                let mut stdout = std::io::stdout().lock();
                let _ = stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush());
            }
            Item::Close(told) => {
                is_open = false;
                let _ = told.send(());
            }
        }
    }
}

/// Lines that wait.
const MOST_LINES: usize = 10_000;
/// How long it may take to show what is left.
const PATIENCE: Duration = Duration::from_secs(1);
