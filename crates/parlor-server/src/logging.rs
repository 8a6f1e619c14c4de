//! The log on standard error: lines for people, or JSON.

use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use crate::config::{Log, LogFormat};

/// Starts logging for the whole process. `RUST_LOG` goes before the configured level.
pub fn start(log: &Log) -> Result<(), TryInitError> {
    let subscriber = fmt::Subscriber::builder().with_env_filter(filter(log)).with_writer(stderr);
    match log.format {
        LogFormat::Text => subscriber.with_ansi(wants_colour()).finish().try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).finish().try_init(),
    }
}

fn filter(log: &Log) -> EnvFilter {
    let from_environment = std::env::var(EnvFilter::DEFAULT_ENV).ok().filter(|text| !text.is_empty());
    EnvFilter::builder().parse_lossy(from_environment.as_deref().unwrap_or(&log.level))
}

fn wants_colour() -> bool {
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stderr().is_terminal() && !no_colour
}
