//! What is printed.

use std::fmt;

use crate::round::Side;
use crate::sipp::{Outcome, Transport};

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    NewRegistration,
    Registration,
    RegistrationWithDigest,
    Message,
    Kept,
}

/// One turn of one server.
#[derive(Clone, Copy)]
pub(crate) struct Turn {
    pub(crate) outcome: Outcome,
    /// CPU for each call, in µs.
    pub(crate) cpu_us: f64,
}

/// All that was found.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    pub(crate) syncs_per_second: f64,
}

/// One case over one transport, round by round.
struct Row {
    case: Case,
    transport: Transport,
    parlor: Vec<Turn>,
    kamailio: Vec<Turn>,
}

impl Case {
    fn name(self) -> &'static str {
        match self {
            Case::NewRegistration => "registration of a new device",
            Case::Registration => "registration again",
            Case::RegistrationWithDigest => "registration with digest",
            Case::Message => "MESSAGE relayed",
            Case::Kept => "MESSAGE stored",
        }
    }
}

impl Report {
    pub(crate) fn note(&mut self, case: Case, transport: Transport, side: &Side, turn: Turn) {
        if turn.outcome.retransmissions > 0 {
            let (name, times) = (side.name(), turn.outcome.retransmissions);
            eprintln!("{} over {}, {name}: {times} retransmissions", case.name(), transport.name());
        }
        let found = self.rows.iter().position(|row| row.case == case && row.transport == transport);
        let index = found.unwrap_or_else(|| {
            self.rows.push(Row { case, transport, parlor: Vec::new(), kamailio: Vec::new() });
            self.rows.len() - 1
        });
        let row = &mut self.rows[index];
        match side {
            Side::Parlor(_) => row.parlor.push(turn),
            Side::Kamailio(_) => row.kamailio.push(turn),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "CPU in µs for each; ratio: of the CPU.\n")?;
        writeln!(f, "| case | over | parlor | kamailio | ratio | parlor/s | kamailio/s |")?;
        writeln!(f, "|---|---|---|---|---|---|---|")?;
        for row in &self.rows {
            writeln!(f, "{row}")?;
        }
        write!(
            f,
            "\n4 KiB appended and synchronised with the disk, one after the other: {:.0}/s",
            self.syncs_per_second
        )
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cpu = |turns: &[Turn]| number(median(turns.iter().map(|turn| turn.cpu_us)), 1);
        let rate = |turns: &[Turn]| number(median(turns.iter().map(|turn| turn.outcome.per_second)), 0);
        let ratio = median(self.parlor.iter().zip(&self.kamailio).map(|(own, other)| own.cpu_us / other.cpu_us));
        write!(f, "| {} | {} ", self.case.name(), self.transport.name())?;
        write!(f, "| {} | {} | {} ", cpu(&self.parlor), cpu(&self.kamailio), number(ratio, 2))?;
        write!(f, "| {} | {} |", rate(&self.parlor), rate(&self.kamailio))
    }
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))
}
