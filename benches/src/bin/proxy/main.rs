//! What registrations and relayed messages cost, beside Kamailio under the same load in the same run.
//!
//! SIPp sends the load and is the devices. Every call must succeed, or the run ends with an error.

#![allow(clippy::disallowed_methods, reason = "a program that measures reads the clock")]

mod disk;
mod kamailio;
mod report;
mod round;
mod sipp;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::ensure;
use clap::Parser;
use parlor_benches::process;

use crate::report::Report;
use crate::round::{Round, Side};

/// Measures registrar and relay: rate and CPU per registration and per message, against Kamailio in the same run.
#[derive(Parser)]
struct Options {
    /// The server's binary [default: `parlor` beside this one]
    #[arg(long)]
    server: Option<PathBuf>,
    /// Kamailio's binary; if there is none, the server is measured alone
    #[arg(long, default_value = "kamailio")]
    kamailio: PathBuf,
    /// Measures the server alone
    #[arg(long)]
    alone: bool,
    /// Rounds of both in turn
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Users who register a device each
    #[arg(long, default_value_t = 10_000)]
    users: usize,
    /// Requests in each turn
    #[arg(long, default_value_t = 20_000)]
    calls: usize,
    /// Requests under way at a time
    #[arg(long, default_value_t = 64)]
    in_flight: usize,
    /// One short round
    #[arg(long)]
    quick: bool,
}

fn main() -> ExitCode {
    match measure(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("proxy: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(mut options: Options) -> anyhow::Result<()> {
    if options.quick {
        (options.rounds, options.users, options.calls) = (1, 1000, 2000);
    }
    ensure!((1..=100_000).contains(&options.users), "from 1 to 100000 users");
    ensure!((1..=100_000).contains(&options.calls), "from 1 to 100000 requests, or more are remembered than may be");
    ensure!(options.in_flight > 0 && options.rounds > 0, "at least one of each");
    let parlor = Side::Parlor(options.server.clone().map_or_else(|| process::beside("parlor"), Ok)?);
    let mut sides = vec![parlor];
    if !options.alone {
        sides.push(Side::Kamailio(options.kamailio.clone()));
    }
    let round = Round { users: options.users, calls: options.calls, in_flight: options.in_flight };
    let mut report = Report::default();
    for number in 1..=options.rounds {
        for side in sides.clone() {
            eprintln!("round {number}: {}", side.name());
            if !round.run(&side, &mut report)? {
                println!("{} is not installed: Parlor is measured alone.\n", options.kamailio.display());
                sides.truncate(1);
            }
        }
    }
    report.syncs_per_second = disk::syncs_per_second(Duration::from_secs(1))?;
    println!("{report}");
    Ok(())
}
