//! The figures, as a table for people and as JSON.

use std::{fmt, time::Duration};

use serde::Serialize;

use crate::{case::Case, crowd::Outcome, histogram::Histogram, join::Joining};

/// Everything that one run found.
#[derive(Default, Serialize)]
pub(crate) struct Report {
    pub(crate) rooms: Vec<Room>,
    pub(crate) cases: Vec<Row>,
}

/// Figures of a room of one size.
#[derive(Serialize)]
pub(crate) struct Room {
    pub(crate) participants: usize,
    pub(crate) joins_per_second: f64,
    pub(crate) cpu_per_join_us: f64,
    pub(crate) resident_empty_kib: u64,
    pub(crate) resident_idle_kib: u64,
    pub(crate) resident_per_participant_kib: f64,
    /// Growth over the idle room while 64 KiB × 32 in flight were sent.
    pub(crate) growth_large_mib: Option<f64>,
}

/// Figures of one case.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) participants: usize,
    pub(crate) case: &'static str,
    /// Bytes of one copy on the wire.
    pub(crate) copy_bytes: usize,
    pub(crate) server: Option<Figures>,
    pub(crate) bare: Figures,
    /// Median of the rounds' ratios of CPU per delivery.
    pub(crate) ratio: Option<f64>,
    pub(crate) wanted: Option<f64>,
    /// Ratio of the p99 latencies.
    pub(crate) p99_ratio: Option<f64>,
}

/// What one process did over all rounds of a case.
#[derive(Serialize)]
pub(crate) struct Figures {
    /// Median over the rounds.
    pub(crate) cpu_per_delivery_us: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) max_us: f64,
    pub(crate) messages_per_second: f64,
    pub(crate) deliveries: u64,
    pub(crate) peak_resident_kib: u64,
    /// Deliveries that overtook an earlier message of the same sender.
    pub(crate) overtaken: u64,
}

impl Room {
    pub(crate) fn new(participants: usize, joining: &Joining, empty: u64, idle: u64) -> Room {
        Room {
            participants,
            joins_per_second: joining.per_second,
            cpu_per_join_us: micros(joining.cpu),
            resident_empty_kib: empty,
            resident_idle_kib: idle,
            resident_per_participant_kib: idle.saturating_sub(empty) as f64 / participants as f64,
            growth_large_mib: None,
        }
    }
}

impl Row {
    pub(crate) fn new(participants: usize, case: Case, copy: usize, server: &[Outcome], bare: &[Outcome]) -> Row {
        let ratios = server.iter().zip(bare).map(|(server, bare)| cost(server) / cost(bare));
        let ratio = median(ratios.collect());
        let (server, bare) = (Figures::of(server), Figures::of(bare));
        let p99_ratio = server.as_ref().zip(bare.as_ref()).map(|(server, bare)| server.p99_us / bare.p99_us);
        let wanted = (participants == 1000).then(|| case.wanted());
        let bare = bare.unwrap_or_else(Figures::none);
        Row { participants, case: case.name(), copy_bytes: copy, server, bare, ratio, wanted, p99_ratio }
    }
}

impl Figures {
    fn of(outcomes: &[Outcome]) -> Option<Figures> {
        let mut latency = Histogram::default();
        outcomes.iter().for_each(|outcome| latency.add(&outcome.ledger.latency));
        let seconds: f64 = outcomes.iter().map(|outcome| outcome.elapsed.as_secs_f64()).sum();
        let messages: u64 = outcomes.iter().map(|outcome| outcome.ledger.messages()).sum();
        Some(Figures {
            cpu_per_delivery_us: median(outcomes.iter().map(cost).collect())?,
            p50_us: micros(latency.quantile(0.5)),
            p99_us: micros(latency.quantile(0.99)),
            max_us: micros(latency.max()),
            messages_per_second: messages as f64 / seconds,
            deliveries: outcomes.iter().map(|outcome| outcome.ledger.deliveries).sum(),
            peak_resident_kib: outcomes.iter().map(|outcome| outcome.resident).max()?,
            overtaken: outcomes.iter().map(|outcome| outcome.ledger.overtaken).sum(),
        })
    }

    fn none() -> Figures {
        let nothing = 0.0;
        Figures {
            cpu_per_delivery_us: nothing,
            p50_us: nothing,
            p99_us: nothing,
            max_us: nothing,
            messages_per_second: nothing,
            deliveries: 0,
            peak_resident_kib: 0,
            overtaken: 0,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "CPU in µs per delivery; latencies from send to complete at the recipient.\n")?;
        writeln!(
            f,
            "{:>5}  {:<22} {:>7} | {:>7} {:>7} {:>6} {:>7} | {:>9} {:>9} {:>9} {:>9} {:>6} {:>9} {:>9} | {:>9} {:>9}",
            "N",
            "case",
            "copy B",
            "parlor",
            "bare",
            "ratio",
            "wanted",
            "p50",
            "p99",
            "bare p50",
            "bare p99",
            "ratio",
            "max",
            "bare max",
            "msg/s",
            "bare"
        )?;
        for row in &self.cases {
            writeln!(f, "{row}")?;
        }
        for room in &self.rooms {
            writeln!(f, "{room}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = |figure: fn(&Figures) -> f64, digits| number(self.server.as_ref().map(figure), digits);
        let wanted = self.wanted.map_or(String::new(), |wanted| format!("≤ {wanted}"));
        write!(f, "{:>5}  {:<22} {:>7} | ", self.participants, self.case, self.copy_bytes)?;
        write!(f, "{:>7} {:>7.2} ", server(|figures| figures.cpu_per_delivery_us, 2), self.bare.cpu_per_delivery_us)?;
        write!(f, "{:>6} {wanted:>7} | ", number(self.ratio, 2))?;
        for value in [self.server.as_ref().map(|it| it.p50_us), self.server.as_ref().map(|it| it.p99_us)] {
            write!(f, "{:>9} ", time(value))?;
        }
        write!(f, "{:>9} {:>9} ", time(Some(self.bare.p50_us)), time(Some(self.bare.p99_us)))?;
        write!(f, "{:>6} ", number(self.p99_ratio, 2))?;
        write!(f, "{:>9} ", time(self.server.as_ref().map(|it| it.max_us)))?;
        write!(f, "{:>9} | ", time(Some(self.bare.max_us)))?;
        write!(f, "{:>9} {:>9.0}", server(|figures| figures.messages_per_second, 0), self.bare.messages_per_second)
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\nN = {}: {:.0} joins/s, {:.0} µs CPU a join; RSS {} KiB empty, {} KiB idle: {:.1} KiB a participant",
            self.participants,
            self.joins_per_second,
            self.cpu_per_join_us,
            self.resident_empty_kib,
            self.resident_idle_kib,
            self.resident_per_participant_kib
        )?;
        match self.growth_large_mib {
            Some(growth) => write!(f, "; + {growth:.1} MiB at most while 64 KiB x 32 were in flight"),
            None => Ok(()),
        }
    }
}

/// CPU per delivery in µs.
fn cost(outcome: &Outcome) -> f64 {
    micros(outcome.cpu) / outcome.ledger.deliveries as f64
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))
}

fn time(micros: Option<f64>) -> String {
    match micros {
        None => "-".to_owned(),
        Some(micros) if micros < 1e3 => format!("{micros:.0} µs"),
        Some(micros) if micros < 1e5 => format!("{:.1} ms", micros / 1e3),
        Some(micros) => format!("{:.0} ms", micros / 1e3),
    }
}
