//! One round of one server: started anew, loaded, ended.

use std::{net::SocketAddr, path::PathBuf, thread, time::Duration};

use anyhow::Context;
use parlor_benches::process::{Process, Server};

use crate::kamailio::Kamailio;
use crate::report::{Case, Report, Turn};
use crate::sipp::{Devices, Load, Scenario, Transport};

/// So that no limit is reached: a transaction over UDP is remembered for 32 s after its answer.
const LIMITS: &str = "sip_transactions = 1000000\nregistrations = 1000000\nkept_messages_per_user = 100000\n\
                      kept_messages_per_sender = 100000\n\
                      kept_messages = 10000000\nkept_message_bytes = \"64 GiB\"\n";
/// Nobody is asked who it is.
const OPEN: &str = "[registrar]\ntrust_loopback = true\n";
/// Our users are, others are not. MD5 is what SIPp knows.
const CLOSED: &str = "[auth]\nmode = [\"none\", \"digest\"]\nalgorithms = [\"MD5\"]\n";
/// So long a stream counts although SIPp, which registered over it, has ended; after that the devices are connected to.
const LAST_WORDS: Duration = Duration::from_millis(1200);
/// Users who have an account.
const ACCOUNTS: usize = 16;

/// How much is done in a round.
pub(crate) struct Round {
    pub(crate) users: usize,
    pub(crate) calls: usize,
    pub(crate) in_flight: usize,
}

/// A server that is measured, by its program.
#[derive(Clone)]
pub(crate) enum Side {
    Parlor(PathBuf),
    Kamailio(PathBuf),
}

/// It runs.
enum Running {
    Parlor(Server),
    Kamailio(Kamailio),
}

impl Side {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Side::Parlor(_) => "parlor",
            Side::Kamailio(_) => "kamailio",
        }
    }

    /// `None`: it is not installed.
    fn start(&self, accounts: &[String]) -> anyhow::Result<Option<Running>> {
        let digest = !accounts.is_empty();
        match self {
            Side::Parlor(program) => {
                let sections = format!("{LIMITS}{}", if digest { CLOSED } else { OPEN });
                Server::start_with_users(program, "", &sections, accounts).map(|it| Some(Running::Parlor(it)))
            }
            Side::Kamailio(program) => Ok(Kamailio::start(program, digest)?.map(Running::Kamailio)),
        }
    }
}

impl Running {
    fn process(&self) -> &Process {
        match self {
            Running::Parlor(server) => &server.process,
            Running::Kamailio(kamailio) => &kamailio.process,
        }
    }

    fn sip(&self) -> SocketAddr {
        match self {
            Running::Parlor(server) => server.sip,
            Running::Kamailio(kamailio) => kamailio.sip,
        }
    }

    fn log(&self) -> String {
        match self {
            Running::Parlor(server) => server.log(),
            Running::Kamailio(kamailio) => kamailio.log(),
        }
    }
}

impl Round {
    /// Measures one server; `false` when it is not installed.
    pub(crate) fn run(&self, side: &Side, report: &mut Report) -> anyhow::Result<bool> {
        let Some(running) = side.start(&[])? else { return Ok(false) };
        for transport in [Transport::Udp, Transport::Tcp] {
            self.open(side, &running, transport, report).with_context(|| running.log())?;
        }
        drop(running);
        let accounts = names("account", ACCOUNTS);
        let Some(running) = side.start(&accounts)? else { return Ok(false) };
        for transport in [Transport::Udp, Transport::Tcp] {
            self.closed(side, &running, transport, &accounts, report).with_context(|| running.log())?;
        }
        Ok(true)
    }

    /// What is done where nobody is asked who it is.
    fn open(&self, side: &Side, running: &Running, transport: Transport, report: &mut Report) -> anyhow::Result<()> {
        let users = names(transport.name(), self.users);
        let devices = Devices::start(transport)?;
        let load = |scenario, calls| Load {
            scenario,
            transport,
            users: &users,
            contact: devices.address,
            calls,
            in_flight: self.in_flight,
        };
        for (case, load) in [
            (Case::NewRegistration, load(Scenario::Register, self.users)),
            (Case::Registration, load(Scenario::Register, self.calls)),
            (Case::Message, load(Scenario::Message, self.calls)),
        ] {
            report.note(case, transport, side, turn(running, &load)?);
            thread::sleep(LAST_WORDS);
        }
        Ok(())
    }

    /// What is done with accounts. Kamailio keeps no messages.
    fn closed(
        &self,
        side: &Side,
        running: &Running,
        transport: Transport,
        accounts: &[String],
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let (contact, calls, in_flight) = (running.sip(), self.calls, self.in_flight);
        let load = |scenario, users| Load { scenario, transport, users, contact, calls, in_flight };
        let (register, away) = accounts.split_at(ACCOUNTS / 2);
        let digest = turn(running, &load(Scenario::RegisterWithDigest, register))?;
        report.note(Case::RegistrationWithDigest, transport, side, digest);
        if let Running::Parlor(_) = running {
            report.note(Case::Kept, transport, side, turn(running, &load(Scenario::Keep, away))?);
        }
        Ok(())
    }
}

fn turn(running: &Running, load: &Load<'_>) -> anyhow::Result<Turn> {
    let before = running.process().cpu();
    let outcome = load.run(running.sip())?;
    let cpu = running.process().cpu().since(&before);
    Ok(Turn { outcome, cpu_us: cpu.as_secs_f64() * 1e6 / load.calls as f64 })
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{}-{number}", prefix.to_lowercase())).collect()
}
