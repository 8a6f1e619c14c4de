//! SIPp: the same scenarios for both servers.

use std::{
    fs,
    net::{SocketAddr, TcpListener, UdpSocket},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use parlor_benches::process::{Process, free_sip_port};

/// Seconds after which a turn has failed.
const LIMIT: u64 = 120;

/// A scenario and its users.
#[derive(Clone, Copy)]
pub(crate) struct Load<'a> {
    pub(crate) scenario: Scenario,
    pub(crate) transport: Transport,
    /// The users, one after the other and from the beginning again.
    pub(crate) users: &'a [String],
    /// Where their devices are served.
    pub(crate) contact: SocketAddr,
    pub(crate) calls: usize,
    pub(crate) in_flight: usize,
}

/// What is done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    Register,
    RegisterWithDigest,
    Message,
    Keep,
}

/// What it is done over, with one socket or stream for all.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// What SIPp says of a turn.
#[derive(Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) per_second: f64,
    pub(crate) retransmissions: u64,
}

/// Devices that take every message.
pub(crate) struct Devices {
    process: Process,
    pub(crate) address: SocketAddr,
    _directory: tempfile::TempDir,
}

impl Scenario {
    fn text(self) -> &'static str {
        match self {
            Scenario::Register => include_str!("../../../scenarios/register.xml"),
            Scenario::RegisterWithDigest => include_str!("../../../scenarios/register_digest.xml"),
            Scenario::Message => include_str!("../../../scenarios/message.xml"),
            Scenario::Keep => include_str!("../../../scenarios/keep.xml"),
        }
    }
}

impl Transport {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
        }
    }

    fn mode(self) -> &'static str {
        match self {
            Transport::Udp => "u1",
            Transport::Tcp => "t1",
        }
    }
}

impl Load<'_> {
    /// Runs it against a server.
    ///
    /// # Errors
    /// When not every call succeeds.
    pub(crate) fn run(&self, server: SocketAddr) -> anyhow::Result<Outcome> {
        let directory = tempfile::tempdir()?;
        let path = |name: &str| directory.path().join(name);
        fs::write(path("users.csv"), list(self.users))?;
        fs::write(path("scenario.xml"), self.scenario.text())?;
        let limit = LIMIT.to_string();
        let child = sipp(path("scenario.xml"), self.transport)
            .arg(server.to_string())
            .args(["-inf", "users.csv", "-key", "contact", &self.contact.to_string()])
            .args(["-m", &self.calls.to_string(), "-l", &self.in_flight.to_string(), "-r", "200000"])
            .args(["-trace_stat", "-stf", "stat.csv", "-fd", "600", "-trace_err", "-error_file", "errors.log"])
            .args(["-timeout", &limit, "-timeout_error"])
            .current_dir(directory.path())
            .spawn()
            .context("cannot start sipp (Debian: sip-tester)")?;
        let ended = end_of(child);
        let errors =
            || fs::read_to_string(path("errors.log")).unwrap_or_default().chars().take(2000).collect::<String>();
        ended.with_context(errors)?;
        let statistics = fs::read_to_string(path("stat.csv")).context("sipp wrote no statistics")?;
        self.outcome(&statistics).with_context(errors)
    }

    fn outcome(&self, statistics: &str) -> anyhow::Result<Outcome> {
        let mut lines = statistics.lines();
        let (names, values) = (lines.next().context("no statistics")?, lines.next_back().context("no statistics")?);
        let value = |name: &str| -> anyhow::Result<f64> {
            let column = names.split(';').position(|column| column == name).context("unknown statistics")?;
            values.split(';').nth(column).and_then(|value| value.parse().ok()).context("unknown statistics")
        };
        let (done, failed) = (value("SuccessfulCall(C)")?, value("FailedCall(C)")?);
        ensure!(
            failed == 0.0 && done as usize == self.calls,
            "of {} calls {done} succeeded, {failed} failed",
            self.calls
        );
        Ok(Outcome { per_second: value("CallRate(C)")?, retransmissions: value("Retransmissions(C)")? as u64 })
    }
}

impl Devices {
    /// Starts them, all at one address.
    pub(crate) fn start(transport: Transport) -> anyhow::Result<Devices> {
        let (directory, address) = (tempfile::tempdir()?, free_sip_port()?);
        let scenario = directory.path().join("scenario.xml");
        fs::write(&scenario, include_str!("../../../scenarios/receive.xml"))?;
        let child = sipp(scenario, transport)
            .args(["-p", &address.port().to_string()])
            .current_dir(directory.path())
            .spawn()
            .context("cannot start sipp (Debian: sip-tester)")?;
        let mut devices = Devices { process: Process::from(child), address, _directory: directory };
        let (start, is_free) = (Instant::now(), || match transport {
            Transport::Udp => UdpSocket::bind(address).is_ok(),
            Transport::Tcp => TcpListener::bind(address).is_ok(),
        });
        while is_free() {
            devices.process.check_alive()?;
            ensure!(start.elapsed() < Duration::from_secs(10), "sipp does not listen");
            thread::sleep(Duration::from_millis(10));
        }
        Ok(devices)
    }
}

/// The users as SIPp reads them: the name, and how it proves who that is.
fn list(users: &[String]) -> String {
    let line = |user: &String| format!("{user};[authentication username={user} password=secret]\n");
    format!("SEQUENTIAL\n{}", users.iter().map(line).collect::<String>())
}

/// What is the same for both ends: it looks every millisecond, and forgets a call once it is over.
fn sipp(scenario: PathBuf, transport: Transport) -> Command {
    let mut command = Command::new("sipp");
    command
        .arg("-sf")
        .arg(scenario)
        .args(["-i", "127.0.0.1", "-t", transport.mode(), "-nostdin", "-timer_resol", "1", "-deadcall_wait", "0"])
        .env("TERM", "dumb")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Waits until it ends; it has its own limit, and is killed if it does not keep to it.
fn end_of(mut child: Child) -> anyhow::Result<()> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(LIMIT + 30) {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => bail!("sipp: {status}: calls failed"),
            None => thread::sleep(Duration::from_millis(5)),
        }
    }
    drop(Process::from(child));
    bail!("sipp does not end")
}
