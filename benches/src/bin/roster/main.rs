//! What it costs to tell who is in a room: N users subscribe and join, and every subscriber is told of every join.

#![allow(clippy::disallowed_methods, reason = "a program that measures reads the clock")]

mod client;
mod crowd;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, ensure};
use clap::Parser;
use parlor_benches::process::{self, Server};

use crate::crowd::{Crowd, Pace, Told};

/// Measures subscriptions: bytes and CPU for each join and subscriber.
#[derive(Parser)]
struct Options {
    /// The server's binary [default: `parlor` beside this one]
    #[arg(long)]
    server: Option<PathBuf>,
    /// Users, each of whom subscribes and joins
    #[arg(long, value_delimiter = ',', default_value = "100,1000")]
    n: Vec<usize>,
    /// Joins a second, beside a rush of as many as there can be
    #[arg(long, default_value_t = 50)]
    pace: u32,
    /// Joins that come one by one, each told by a NOTIFY of its own
    #[arg(long, default_value_t = 20)]
    single: usize,
}

fn main() -> ExitCode {
    match measure(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("roster: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> anyhow::Result<()> {
    let most = options.n.iter().copied().max().unwrap_or(0);
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(0);
    ensure!(files > 2 * most as u64 + 100, "{most} users need more than {files} open files: raise ulimit -n");
    println!(
        "| N | joins | NOTIFYs a subscriber | bytes a join and subscriber | CPU a join and subscriber | CPU a NOTIFY |"
    );
    println!("|---|---|---|---|---|---|");
    for &users in &options.n {
        run(options, users, "none subscribes", Pace::Rush, users, 0).with_context(|| format!("N = {users}"))?;
        run(options, users, "a rush", Pace::Rush, users, users)?;
        run(options, users, &format!("{} a second", options.pace), Pace::PerSecond(options.pace), users, users)?;
        run(options, users, "one by one", Pace::Single, options.single, users)?;
    }
    Ok(())
}

fn run(
    options: &Options,
    users: usize,
    name: &str,
    pace: Pace,
    joins: usize,
    subscribers: usize,
) -> anyhow::Result<()> {
    let program = options.server.clone().map_or_else(|| process::beside("parlor"), Ok)?;
    let interval = if pace == Pace::Single { "[roster]\ninterval = \"100ms\"\n" } else { "" };
    let server = Server::start(&program, "bind_timeout = \"10m\"\n", interval)?;
    let mut crowd = Crowd::connect(server.sip, users)?;
    crowd.subscribe(subscribers)?;
    let before = server.process.cpu();
    let Told { notifies, octets, elapsed } = crowd.join(joins, pace)?;
    let cpu = server.process.cpu().since(&before);
    let log = server.log();
    ensure!(!log.contains("panicked"), "{log}");
    let pairs = (joins * subscribers.max(1)) as f64;
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    println!(
        "| {users} | {joins}, {name} in {:.1} s | {:.1} | {:.0} | {:.2} µs | {:.1} µs |",
        elapsed.as_secs_f64(),
        notifies as f64 / subscribers.max(1) as f64,
        octets as f64 / pairs,
        micros(cpu) / pairs,
        micros(cpu) / notifies.max(1) as f64,
    );
    Ok(())
}
