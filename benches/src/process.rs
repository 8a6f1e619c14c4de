//! The processes that are measured: started here, ended when dropped.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};

/// Time for a started process to say that it is ready.
const START: Duration = Duration::from_secs(15);

/// File of the server's output, in its temporary directory.
const LOG: &str = "log";

/// A child process that does not outlive its handle.
pub struct Process(Child);

impl From<Child> for Process {
    fn from(child: Child) -> Process {
        Process(child)
    }
}

impl Process {
    /// Its number.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// CPU time of its threads so far, and of those of the processes that it has started, by thread, in nanoseconds.
    pub fn cpu(&self) -> Cpu {
        let (mut threads, mut processes) = (HashMap::new(), vec![self.id()]);
        while let Some(process) = processes.pop() {
            let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
            for task in tasks {
                let runtime = fs::read_to_string(task.path().join("schedstat")).ok();
                if let Some(nanos) = runtime.and_then(|line| line.split(' ').next()?.parse().ok()) {
                    threads.insert(task.file_name(), nanos);
                }
                let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
                processes.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
            }
        }
        Cpu(threads)
    }

    /// Resident memory in KiB (`VmRSS`).
    pub fn resident(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).context("the process has ended")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// Fails when it has ended.
    pub fn check_alive(&mut self) -> anyhow::Result<()> {
        match self.0.try_wait()? {
            Some(status) => bail!("the process ended: {status}"),
            None => Ok(()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// CPU times of a process at one moment.
pub struct Cpu(HashMap<std::ffi::OsString, u64>);

impl Cpu {
    /// What the threads alive now have used since `earlier`.
    pub fn since(&self, earlier: &Cpu) -> Duration {
        let nanos = self.0.iter().map(|(id, now)| now.saturating_sub(earlier.0.get(id).copied().unwrap_or(0)));
        Duration::from_nanos(nanos.sum())
    }
}

/// `parlor serve` on ports of its own, with its data in a temporary directory.
pub struct Server {
    /// The process.
    pub process: Process,
    /// Where SIP is served, over UDP and TCP.
    pub sip: SocketAddr,
    /// Where MSRP is served.
    pub msrp: SocketAddr,
    directory: tempfile::TempDir,
}

impl Server {
    /// Starts it. `msrp_keys` are lines of its `[msrp]` section, `sections` further ones of `[limits]` and further sections.
    pub fn start(program: &Path, msrp_keys: &str, sections: &str) -> anyhow::Result<Server> {
        Server::start_with_users(program, msrp_keys, sections, &[])
    }

    /// The same with users who have an account, and `secret` for a password.
    pub fn start_with_users(
        program: &Path,
        msrp_keys: &str,
        sections: &str,
        users: &[String],
    ) -> anyhow::Result<Server> {
        let directory = tempfile::tempdir()?;
        let (sip, msrp, http) = (free_sip_port()?, free_port()?, free_port()?);
        let config = format!(
            "domain = \"localhost\"\ndata_dir = {:?}\n\
             [sip]\nlisten = [\"udp:{sip}\", \"tcp:{sip}\"]\n\
             [msrp]\nlisten = [\"tcp:{msrp}\"]\n{msrp_keys}\
             [http]\nlisten = \"{http}\"\n\
             [rooms]\non_demand = true\nmessages_per_second = 0\n\
             [limits]\njoins_per_second = 0\nsubscribes_per_second = 0\n{sections}",
            directory.path().join("data")
        );
        let path = directory.path().join("parlor.toml");
        fs::write(&path, config)?;
        for user in users {
            add_user(program, &path, user)?;
        }
        let log = directory.path().join(LOG);
        let output = fs::File::create(&log)?;
        let child = Command::new(program)
            .args(["serve".as_ref(), "--config".as_ref(), path.as_os_str()])
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {} (cargo build --release -p parlor-server)", program.display()))?;
        let mut process = Process(child);
        wait_ready(&mut process, http).with_context(|| fs::read_to_string(&log).unwrap_or_default())?;
        Ok(Server { process, sip, msrp, directory })
    }

    /// What the server has printed and logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join(LOG)).unwrap_or_default()
    }
}

/// The bare broadcaster for frames of one length.
pub struct Bare {
    /// The process.
    pub process: Process,
    /// Where it is served.
    pub address: SocketAddr,
}

impl Bare {
    /// Starts it.
    pub fn start(program: &Path, length: usize) -> anyhow::Result<Bare> {
        let mut child = Command::new(program)
            .arg(length.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let output = child.stdout.take().context("stdout is piped")?;
        let process = Process(child);
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().parse().context("bare printed no address")?;
        Ok(Bare { process, address })
    }
}

/// A program of this package or of the server, beside the running one.
pub fn beside(name: &str) -> anyhow::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(name))
}

fn add_user(program: &Path, config: &Path, name: &str) -> anyhow::Result<()> {
    let mut child = Command::new(program)
        .args(["user", "add", name, "--password-stdin", "--config"])
        .arg(config)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    child.stdin.take().context("stdin is piped")?.write_all(b"secret\n")?;
    ensure!(child.wait()?.success(), "the user {name} cannot be added");
    Ok(())
}

/// Asks `/readyz` until it answers 200.
fn wait_ready(process: &mut Process, http: SocketAddr) -> anyhow::Result<()> {
    let start = Instant::now();
    while start.elapsed() < START {
        process.check_alive()?;
        if ready(http).unwrap_or(false) {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(20));
    }
    bail!("the server is not ready after {START:?}")
}

fn ready(http: SocketAddr) -> anyhow::Result<bool> {
    let mut stream = TcpStream::connect(http)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n")?;
    let mut start = [0; 12];
    stream.read_exact(&mut start)?;
    Ok(&start == b"HTTP/1.1 200")
}

fn free_port() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// A port that is free for UDP and TCP.
///
/// # Errors
/// When there is none.
pub fn free_sip_port() -> anyhow::Result<SocketAddr> {
    for _ in 0..100 {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        if UdpSocket::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no port is free for both UDP and TCP")
}
