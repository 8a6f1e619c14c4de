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
        let of = || format!("N = {users}");
        run(options, users, 0, 0, "a rush, without subscribers", Pace::Rush).with_context(of)?;
        run(options, users, users, 0, "a rush", Pace::Rush).with_context(of)?;
        let paced = format!("{} a second", options.pace);
        run(options, users, users, 0, &paced, Pace::PerSecond(options.pace)).with_context(of)?;
        let inside = users.saturating_sub(options.single);
        run(options, users, users, inside, "the last ones, one by one", Pace::Single).with_context(of)?;
    }
    Ok(())
}

/// Of so many users some subscribe, and all but those `inside` join while it is measured.
fn run(
    options: &Options,
    users: usize,
    subscribers: usize,
    inside: usize,
    name: &str,
    pace: Pace,
) -> anyhow::Result<()> {
    let program = options.server.clone().map_or_else(|| process::beside("parlor"), Ok)?;
    let interval = if pace == Pace::Single { "[roster]\ninterval = \"100ms\"\n" } else { "" };
    let server = Server::start(&program, "bind_timeout = \"10m\"\n", interval)?;
    let mut crowd = Crowd::connect(server.sip, users)?;
    crowd.subscribe(subscribers)?;
    crowd.join(0..inside, Pace::Rush)?;
    crowd.rest()?;
    let before = server.process.cpu();
    let Told { notifies, octets, elapsed } = crowd.join(inside..users, pace)?;
    let cpu = server.process.cpu().since(&before);
    let log = server.log();
    ensure!(!log.contains("panicked"), "{log}");
    let joins = users - inside;
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
