//! The log on standard error: lines for people, or JSON.

use std::io::{IsTerminal as _, stderr};

use tracing::error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use crate::config::{Log, LogFormat};

/// Starts logging for the whole process. `RUST_LOG` goes before the configured level, unless it cannot be understood.
pub fn start(log: &Log) -> Result<(), TryInitError> {
    let (filter, mistake) = match from_environment() {
        None => (configured(log), None),
        Some(text) => match filter(&text) {
            Ok(filter) => (filter, None),
            Err(mistake) => (configured(log), Some(mistake)),
        },
    };
    let subscriber = fmt::Subscriber::builder().with_env_filter(filter).with_writer(stderr);
    match log.format {
        LogFormat::Text => subscriber.with_ansi(wants_colour()).finish().try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).finish().try_init(),
    }?;
    if let Some(mistake) = mistake {
        error!("RUST_LOG: {mistake}; log.level of the configuration holds");
    }
    Ok(())
}

/// What is logged at this level, which may be several with commas between them: for all modules, or `MODULE=LEVEL`.
///
/// A word that is no level is refused; `EnvFilter` would take it for a module and log nothing of all others. Of modules
/// that no level concerns, warnings are logged.
pub(crate) fn filter(text: &str) -> Result<EnvFilter, String> {
    for directive in text.split(',') {
        let level = directive.rsplit_once('=').map_or(directive, |(_, level)| level).trim();
        if level.is_empty() || level.parse::<LevelFilter>().is_err() {
            return Err(format!("{text:?} is no log level: {level:?} is none of {LEVELS}"));
        }
    }
    // A later level replaces an earlier one of the same modules.
    EnvFilter::builder()
        .parse(format!("{UNLESS_TOLD},{text}"))
        .map_err(|error| format!("{text:?} is no log level: {error}"))
}

fn configured(log: &Log) -> EnvFilter {
    filter(&log.level).expect("a configuration is checked when it is read")
}

fn from_environment() -> Option<String> {
    let text = std::env::var_os(EnvFilter::DEFAULT_ENV)?.to_string_lossy().into_owned();
    Some(text).filter(|text| !text.is_empty())
}

fn wants_colour() -> bool {
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stderr().is_terminal() && !no_colour
}

const LEVELS: &str = "error, warn, info, debug, trace, off";
const UNLESS_TOLD: LevelFilter = LevelFilter::WARN;
