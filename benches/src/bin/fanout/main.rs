//! The macro benchmark: one room, N participants, and what a delivery costs.
//!
//! Starts the release server and, beside it, a broadcaster that parses nothing; sends the same load through both in
//! turns and compares. Every delivery is accounted for: a lost, doubled or changed copy ends the run with an error.

#![allow(clippy::disallowed_methods, reason = "a program that measures reads the clock")]

mod case;
mod crowd;
mod frame;
mod histogram;
mod join;
mod ledger;
mod load;
mod marker;
mod report;
mod shape;
mod signalling;
mod wire;

use std::{fs, mem, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, ensure};
use clap::{Parser, ValueEnum};
use parlor_benches::process::{self, Bare, Process, Server};

use crate::{
    case::Case,
    crowd::{Crowd, Load, Outcome},
    load::Messages,
    marker::Marker,
    report::{Report, Room, Row},
};

/// Measures fan-out: CPU per delivery, latency, memory and joins, against a bare broadcaster in the same run.
#[derive(Parser)]
struct Options {
    /// The server's binary [default: `parlor` beside this one]
    #[arg(long)]
    server: Option<PathBuf>,
    /// The broadcaster's binary [default: `bare` beside this one]
    #[arg(long)]
    bare: Option<PathBuf>,
    /// Participants
    #[arg(long, value_delimiter = ',', default_value = "10,100,1000")]
    n: Vec<usize>,
    /// Cases: bytes x senders x messages in flight [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    case: Vec<Case>,
    /// Rounds of server and broadcaster in turn
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of sending in each turn
    #[arg(long, default_value_t = 1.5)]
    seconds: f64,
    /// One short round
    #[arg(long)]
    quick: bool,
    /// The server's `[msrp] failure_report`; with `yes` recipients answer each copy
    #[arg(long)]
    failure_report: Option<String>,
    /// Drives the broadcaster alone
    #[arg(long)]
    bare_only: bool,
    /// Writes the figures to this file too
    #[arg(long)]
    json: Option<PathBuf>,
}

/// A run: what is measured and what has been found.
struct Run {
    options: Options,
    cases: Vec<Case>,
    report: Report,
    slices: u16,
}

/// A running broadcaster and its participants.
struct BareRoom {
    bare: Bare,
    crowd: Crowd,
    length: usize,
}

fn main() -> ExitCode {
    match measure(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fanout: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(mut options: Options) -> anyhow::Result<()> {
    if options.quick {
        (options.rounds, options.seconds) = (1, options.seconds.min(0.3));
    }
    let most = options.n.iter().copied().max().unwrap_or(0);
    ensure!(options.n.iter().all(|count| *count >= 2), "a room needs two participants");
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(0);
    ensure!(files > 2 * most as u64 + 100, "{most} participants need more than {files} open files: raise ulimit -n");
    let cases = if options.case.is_empty() { Case::value_variants().to_vec() } else { mem::take(&mut options.case) };
    let mut run = Run { options, cases, report: Report::default(), slices: 0 };
    for participants in run.options.n.clone() {
        run.room(participants).with_context(|| format!("N = {participants}"))?;
    }
    println!("{}", run.report);
    if let Some(path) = &run.options.json {
        fs::write(path, serde_json::to_vec_pretty(&run.report)?)?;
    }
    Ok(())
}

impl Run {
    fn room(&mut self, participants: usize) -> anyhow::Result<()> {
        let program = self.options.server.clone().map_or_else(|| process::beside("parlor"), Ok)?;
        if self.options.bare_only {
            return self.cases(participants, &mut None);
        }
        let report = self.options.failure_report.as_ref();
        let keys = report.map_or(String::new(), |value| format!("failure_report = \"{value}\"\n"));
        let server = Server::start(&program, &keys, "")?;
        let crowd = self.admit(&server, participants);
        let result = crowd.and_then(|crowd| self.cases(participants, &mut Some((&server, crowd))));
        if result.is_err() {
            eprintln!("{}", server.log());
        }
        result
    }

    fn cases(&mut self, participants: usize, served: &mut Option<(&Server, Crowd)>) -> anyhow::Result<()> {
        let mut bare: Option<BareRoom> = None;
        for case in self.cases.clone() {
            eprintln!("N = {participants}: {}", case.name());
            let row = self.case(participants, case, served, &mut bare).context(case.name())?;
            self.report.cases.push(row);
        }
        if let Some((_, crowd)) = served {
            crowd.settle()?;
        }
        Ok(())
    }

    /// Lets everybody join and notes what that takes.
    fn admit(&mut self, server: &Server, participants: usize) -> anyhow::Result<Crowd> {
        let empty = server.process.resident()?;
        let (crowd, joining) = join::join(server, participants)?;
        let idle = server.process.resident()?;
        self.report.rooms.push(Room::new(participants, &joining, empty, idle));
        Ok(crowd)
    }

    fn case(
        &mut self,
        participants: usize,
        case: Case,
        served: &mut Option<(&Server, Crowd)>,
        bare: &mut Option<BareRoom>,
    ) -> anyhow::Result<Row> {
        let copy = match served {
            Some((server, crowd)) => self.probe(case, crowd, &server.process)?,
            None => typical_copy(case),
        };
        if bare.as_ref().is_none_or(|room| room.length != copy) {
            let program = self.options.bare.clone().map_or_else(|| process::beside("bare"), Ok)?;
            let started = Bare::start(&program, copy)?;
            let crowd = join::attach(&started, participants)?;
            *bare = Some(BareRoom { bare: started, crowd, length: copy });
        }
        let room = bare.as_mut().context("started above")?;
        let (mut of_server, mut of_bare) = (Vec::new(), Vec::new());
        for _ in 0..self.options.rounds {
            if let Some((server, crowd)) = served {
                let messages = Messages::for_server(case, crowd);
                of_server.push(self.slice(case, crowd, messages, &server.process).context("parlor")?);
            }
            let messages = Messages::for_bare(case, &room.crowd, copy);
            of_bare.push(self.slice(case, &mut room.crowd, messages, &room.bare.process).context("bare")?);
        }
        self.note_growth(case, &of_server);
        Ok(Row::new(participants, case, copy, &of_server, &of_bare))
    }

    /// Sends one message, compares every byte of every copy, and returns the length of a copy on the wire.
    fn probe(&mut self, case: Case, crowd: &mut Crowd, process: &Process) -> anyhow::Result<usize> {
        self.slices += 1;
        let messages = Messages::for_server(case, crowd);
        let exact = messages.exact(case, Marker { slice: self.slices, sender: 0, number: 0 });
        crowd.expect = wire::Expect { exact, ..messages.expect };
        let time = Duration::from_secs(30);
        let load = Load { slice: self.slices, senders: &messages.senders[..1], window: 1, time, messages: 1 };
        let outcome = crowd.run(&load, process).context("first message")?;
        crowd.expect.exact = None;
        Ok((outcome.ledger.bytes as f64 / outcome.ledger.deliveries as f64).round() as usize)
    }

    fn slice(
        &mut self,
        case: Case,
        crowd: &mut Crowd,
        messages: Messages,
        process: &Process,
    ) -> anyhow::Result<Outcome> {
        self.slices += 1;
        crowd.expect = messages.expect;
        let time = Duration::from_secs_f64(self.options.seconds);
        let (senders, window) = (&messages.senders, case.window());
        let load = Load { slice: self.slices, senders, window, time, messages: u64::from(u32::MAX) };
        let outcome = crowd.run(&load, process)?;
        let overtaken = outcome.ledger.overtaken;
        ensure!(overtaken == 0 || case.text() > 1024, "{overtaken} whole messages of one sender were out of order");
        Ok(outcome)
    }

    fn note_growth(&mut self, case: Case, outcomes: &[Outcome]) {
        let peak = outcomes.iter().map(|outcome| outcome.resident).max();
        if let (Case::LargeMany, Some(peak), Some(room)) = (case, peak, self.report.rooms.last_mut()) {
            room.growth_large_mib = Some(peak.saturating_sub(room.resident_idle_kib) as f64 / 1024.0);
        }
    }
}

/// About the length of a copy where no server runs that could be asked.
fn typical_copy(case: Case) -> usize {
    const FRAME: usize = 8 * 1024;
    const HEADERS: usize = 320;
    const CPIM: usize = 140;
    let body = case.text() + CPIM;
    body + body.div_ceil(FRAME) * HEADERS
}
