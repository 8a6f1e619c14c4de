//! What is shown.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::harmless;
use crate::clock::since_epoch;

/// Where lines go: past the line being typed in a terminal, else to standard output.
pub(super) struct Screen {
    printer: Mutex<Printer>,
    /// The bar at the bottom, while a file goes out.
    bar: Mutex<Option<ProgressBar>>,
    styled: bool,
}

type Printer = Box<dyn FnMut(&str) + Send>;

impl Screen {
    /// Shows lines through `printer`, which is given each with its line end.
    pub(super) fn new(printer: Printer) -> Self {
        let styled = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { printer: Mutex::new(printer), bar: Mutex::new(None), styled }
    }

    /// Lines on standard output.
    pub(super) fn plain() -> Self {
        Self::new(Box::new(|line| {
            let mut stdout = std::io::stdout().lock();
            // If nobody reads any more there is nobody to tell.
            let _ = stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush());
        }))
    }

    /// Somebody said something.
    pub(super) fn said(&self, name: &str, text: &str) {
        let (name, text) = (harmless::line(name), harmless::lines(text));
        let (on, off) = if self.styled { (BOLD, RESET) } else { ("", "") };
        self.print(&format!("{} {on}{name}:{off} {text}\n", clock()));
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

    /// Shows a bar until [`Screen::end_bar`].
    pub(super) fn begin_bar(&self, name: &str, size: Option<u64>) -> ProgressBar {
        let (bar, template) = match size {
            Some(size) => (ProgressBar::new(size), "{msg} [{bar:30}] {bytes} of {total_bytes}, {eta} left"),
            None => (ProgressBar::new_spinner(), "{msg} {spinner} {bytes}"),
        };
        let style = ProgressStyle::with_template(template).expect("the template is one of the two above");
        let bar = bar.with_style(style.progress_chars("=> ")).with_message(harmless::line(name));
        *lock(&self.bar) = Some(bar.clone());
        bar
    }

    /// Takes the bar away.
    pub(super) fn end_bar(&self) {
        if let Some(bar) = lock(&self.bar).take() {
            bar.finish_and_clear();
        }
    }

    fn print(&self, line: &str) {
        let mut printer = lock(&self.printer);
        match &*lock(&self.bar) {
            Some(bar) => bar.suspend(|| printer(line)),
            None => printer(line),
        }
    }
}

/// A panic while the lock was held leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
