//! Kamailio as it is compared: registrar and relay in memory, with a worker for each core.

use std::{
    fs,
    io::ErrorKind,
    net::{SocketAddr, UdpSocket},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use parlor_benches::process::{Process, free_sip_port};

/// Time to answer for the first time, and time to end.
const PATIENCE: Duration = Duration::from_secs(15);
/// Shared memory in MiB, so that nothing is refused for want of it.
const SHARED: &str = "1024";
/// Memory of each process in MiB.
const PRIVATE: &str = "32";

/// A running Kamailio with all its processes.
pub(crate) struct Kamailio {
    pub(crate) process: Process,
    pub(crate) sip: SocketAddr,
    directory: tempfile::TempDir,
}

impl Kamailio {
    /// Starts it. `None`: it is not installed.
    pub(crate) fn start(program: &Path, digest: bool) -> anyhow::Result<Option<Kamailio>> {
        let (directory, sip) = (tempfile::tempdir()?, free_sip_port()?);
        let (config, log) = (directory.path().join("kamailio.cfg"), directory.path().join("log"));
        fs::write(&config, configuration(sip, digest))?;
        let output = fs::File::create(&log)?;
        let child = Command::new(program)
            // -DD: its main process stays in the foreground and has the others for children.
            .args(["-DD", "-E", "-m", SHARED, "-M", PRIVATE])
            .args(["-f".as_ref(), config.as_os_str(), "-Y".as_ref(), directory.path().as_os_str()])
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn();
        let child = match child {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| program.display().to_string()),
        };
        let mut kamailio = Kamailio { process: Process::from(child), sip, directory };
        kamailio.wait_ready().with_context(|| kamailio.log())?;
        Ok(Some(kamailio))
    }

    /// What it has printed and logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Sends OPTIONS until there is any answer.
    fn wait_ready(&mut self) -> anyhow::Result<()> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        let (own, start) = (socket.local_addr()?, Instant::now());
        let options = format!(
            "OPTIONS sip:{sip} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKready\r\nMax-Forwards: 70\r\n\
             From: <sip:ready@{own}>;tag=1\r\nTo: <sip:{sip}>\r\nCall-ID: ready@{own}\r\nCSeq: 1 OPTIONS\r\n\
             Content-Length: 0\r\n\r\n",
            sip = self.sip
        );
        while start.elapsed() < PATIENCE {
            self.process.check_alive()?;
            socket.send_to(options.as_bytes(), self.sip)?;
            if socket.recv(&mut [0; 2048]).is_ok() {
                return Ok(());
            }
        }
        bail!("kamailio does not answer after {PATIENCE:?}")
    }
}

impl Drop for Kamailio {
    /// Lets the main process end its children; only then can it be killed.
    fn drop(&mut self) {
        let Ok(pid) = i32::try_from(self.process.id()) else { return };
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        let start = Instant::now();
        while self.process.check_alive().is_ok() && start.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn configuration(sip: SocketAddr, digest: bool) -> String {
    let workers = thread::available_parallelism().map_or(2, usize::from);
    let (module, check) = if digest {
        (
            "loadmodule \"auth.so\"\n",
            "if (!pv_auth_check(\"localhost\", \"secret\", \"0\", \"0\")) { auth_challenge(\"localhost\", \"0\"); exit; }\n",
        )
    } else {
        ("", "")
    };
    format!(
        "#!KAMAILIO
debug=-1
log_stderror=yes
children={workers}
tcp_children={workers}
listen=udp:{sip}
listen=tcp:{sip}
auto_aliases=no
alias=\"localhost\"
loadmodule \"tm.so\"
loadmodule \"sl.so\"
loadmodule \"pv.so\"
loadmodule \"maxfwd.so\"
{module}loadmodule \"usrloc.so\"
loadmodule \"registrar.so\"
modparam(\"usrloc\", \"db_mode\", 0)
request_route {{
  if (!mf_process_maxfwd_header(\"10\")) {{ sl_send_reply(\"483\", \"Too Many Hops\"); exit; }}
  if (method == \"REGISTER\") {{
    {check}if (!save(\"location\")) {{ sl_reply_error(); }}
    exit;
  }}
  if (method == \"MESSAGE\") {{
    if (!lookup(\"location\")) {{ sl_send_reply(\"404\", \"Not Found\"); exit; }}
    if (!t_relay()) {{ sl_reply_error(); }}
    exit;
  }}
  sl_send_reply(\"405\", \"Method Not Allowed\");
}}
"
    )
}
