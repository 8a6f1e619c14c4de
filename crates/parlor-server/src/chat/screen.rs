//! What is shown.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::harmless;
use crate::clock::since_epoch;

/// Where lines go: past the line being typed in a terminal, else to standard output.
pub(super) struct Screen {
    printer: Mutex<Printer>,
    styled: bool,
}

type Printer = Box<dyn FnMut(&str) + Send>;

impl Screen {
    /// Shows lines through `printer`, which is given each with its line end.
    pub(super) fn new(printer: Printer) -> Self {
        let styled = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { printer: Mutex::new(printer), styled }
    }

    /// Lines on standard output.
    pub(super) fn plain() -> Self {
        Self::new(Box::new(|line| {
            let mut stdout = std::io::stdout().lock();
            // If nobody reads any more there is nobody to tell.
            let _ = stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush());
        }))
    }

    /// Somebody said something. However long the name is, `aside` stands behind it.
    pub(super) fn said(&self, name: &str, aside: &str, text: &str) {
        let (name, aside, text) = (harmless::line(name), harmless::line(aside), harmless::lines(text));
        let (on, off) = if self.styled { (BOLD, RESET) } else { ("", "") };
        self.print(&format!("{} {on}{name}{aside}:{off} {text}\n", clock()));
    }

    /// The room said something, or something happened.
    pub(super) fn notice(&self, text: &str) {
        let text = harmless::lines(text);
        let (on, off) = if self.styled { (DIM, RESET) } else { ("", "") };
        self.print(&format!("{} {on}-- {text}{off}\n", clock()));
    }

    /// Something did not work: in a terminal among the rest, else on standard error.
    pub(super) fn problem(&self, text: &str) {
        if std::io::stdout().is_terminal() {
            let (on, off) = if self.styled { (RED, RESET) } else { ("", "") };
            self.print(&format!("{} {on}!! {}{off}\n", clock(), harmless::lines(text)));
        } else {
            eprintln!("parlor: {}", harmless::lines(text));
        }
    }

    fn print(&self, line: &str) {
        // A panic while the lock was held leaves nothing half done.
        self.printer.lock().unwrap_or_else(PoisonError::into_inner)(line);
    }
}

fn clock() -> String {
    clock_at(since_epoch())
}

/// Hour and minute in UTC, as `Z` says.
pub(super) fn clock_at(since_epoch: Duration) -> String {
    let seconds = since_epoch.as_secs();
    format!("{:02}:{:02}Z", seconds / 3600 % 24, seconds / 60 % 60)
}

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const RED: &str = "\x1b[31m";
const RESET: &str = "\x1b[0m";
