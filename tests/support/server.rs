//! The real binary, each on ports of its own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use tempfile::TempDir;

use super::scrape::{self, Metrics};
use super::{PATIENCE, digest, eventually};

/// The domain that a test's server answers for.
pub(crate) const DOMAIN: &str = "chat.example.test";

/// What differs from the defaults of a test's server.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    keys: BTreeMap<(String, String), String>,
    rooms: Vec<String>,
    users: Vec<(String, Vec<String>)>,
    address: IpAddr,
    /// Whom the certificate of the TLS listeners names, if there are any.
    tls: Option<String>,
}

impl Default for Setup {
    fn default() -> Self {
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self { keys: BTreeMap::new(), rooms: Vec::new(), users: Vec::new(), address, tls: None }
    }
}

impl Setup {
    /// Sets a key such as `limits.outbox` to a TOML value such as `"256 KiB"` with its quotes.
    pub(crate) fn set(mut self, key: &str, value: &str) -> Self {
        let (section, key) = key.rsplit_once('.').unwrap_or(("", key));
        self.keys.insert((section.to_owned(), key.to_owned()), value.to_owned());
        self
    }

    /// Adds a room with further lines of TOML.
    pub(crate) fn room(mut self, name: &str, lines: &str) -> Self {
        self.rooms.push(format!("[[room]]\nname = {name:?}\n{lines}\n"));
        self
    }

    /// Adds a user before the start, with the usual password and perhaps with aliases.
    pub(crate) fn user(mut self, name: &str, aliases: &[&str]) -> Self {
        self.users.push((name.to_owned(), aliases.iter().map(|alias| (*alias).to_owned()).collect()));
        self
    }

    /// Listens on another address of loopback.
    pub(crate) fn address(mut self, address: IpAddr) -> Self {
        self.address = address;
        self
    }

    /// Adds listeners for TLS, with a certificate made by `parlor certificate`.
    pub(crate) fn tls(self) -> Self {
        self.tls_as("localhost")
    }

    /// The same with a certificate for that name.
    pub(crate) fn tls_as(mut self, name: &str) -> Self {
        self.tls = Some(name.to_owned());
        self
    }

    /// Starts the server and waits until it is ready.
    pub(crate) fn start(self) -> Server {
        for _ in 0..PORT_ATTEMPTS {
            match Server::start(&self) {
                Ok(server) => return server,
                Err(log) if log.contains("in use") => {}
                Err(log) => panic!("the server did not start:\n{log}"),
            }
        }
        panic!("no free ports");
    }

    fn config(&self, ports: &Ports, directory: &TempDir) -> String {
        let mut all = self.clone();
        let at = |port| SocketAddr::new(self.address, port);
        let mut sip = format!("\"udp:{0}\", \"tcp:{0}\"", at(ports.sip));
        let mut msrp = format!("\"tcp:{}\"", at(ports.msrp));
        if self.tls.is_some() {
            write!(sip, ", \"tls:{}\"", at(ports.sips)).unwrap();
            write!(msrp, ", \"tls:{}\"", at(ports.msrps)).unwrap();
            all = all.default_of("tls.certificate", format!("{:?}", directory.path().join("certificate.pem")));
            all = all.default_of("tls.key", format!("{:?}", directory.path().join("key.pem")));
        }
        all = all
            .default_of("domain", format!("{DOMAIN:?}"))
            .default_of("data_dir", format!("{:?}", directory.path().join("data")))
            .default_of("sip.listen", format!("[{sip}]"))
            .default_of("msrp.listen", format!("[{msrp}]"))
            .default_of("http.listen", format!("\"{}\"", at(ports.http)))
            .default_of("log.level", "\"debug\"".to_owned());
        let (mut text, mut current) = (String::new(), String::new());
        for ((section, key), value) in &all.keys {
            if *section != current {
                writeln!(text, "[{section}]").unwrap();
                current.clone_from(section);
            }
            writeln!(text, "{key} = {value}").unwrap();
        }
        text + &all.rooms.concat()
    }

    fn default_of(mut self, key: &str, value: String) -> Self {
        let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
        self.keys.entry((section.to_owned(), name.to_owned())).or_insert(value);
        self
    }
}

/// A running server; it is killed when dropped, and a test that fails shows its log.
pub(crate) struct Server {
    child: Child,
    log: Log,
    /// SIP over UDP and TCP.
    pub(crate) sip: SocketAddr,
    /// SIP over TLS, if set up.
    pub(crate) sips: SocketAddr,
    /// MSRP over TCP.
    pub(crate) msrp: SocketAddr,
    /// MSRP over TLS, if set up.
    pub(crate) msrps: SocketAddr,
    /// Metrics.
    pub(crate) http: SocketAddr,
    directory: TempDir,
}

impl Server {
    /// A server with the defaults.
    pub(crate) fn plain() -> Self {
        Setup::default().start()
    }

    fn start(setup: &Setup) -> Result<Self, String> {
        let directory = tempfile::tempdir().unwrap();
        if let Some(name) = &setup.tls {
            let made = Command::new(PROGRAM)
                .args(["certificate", "--self-signed", "--domain", name, "--out"])
                .arg(directory.path())
                .output()
                .unwrap();
            assert!(made.status.success(), "{made:?}");
        }
        let ports = Ports::find(setup.address);
        std::fs::write(directory.path().join(CONFIG), setup.config(&ports, &directory)).unwrap();
        for (name, aliases) in &setup.users {
            let aliases = aliases.iter().flat_map(|alias| ["--alias", alias]);
            let arguments: Vec<_> = ["add", name].into_iter().chain(aliases).collect();
            change_users(&directory, &arguments, &digest::password(name));
        }
        let mut child = spawn(&directory);
        let log = Log::of(&mut child);
        let at = |port| SocketAddr::new(setup.address, port);
        let mut server = Self {
            child,
            log,
            sip: at(ports.sip),
            sips: at(ports.sips),
            msrp: at(ports.msrp),
            msrps: at(ports.msrps),
            http: at(ports.http),
            directory,
        };
        server.become_ready().map(|()| server)
    }

    fn become_ready(&mut self) -> Result<(), String> {
        let until = Instant::now() + PATIENCE;
        loop {
            if self.child.try_wait().unwrap().is_some() {
                return Err(self.log.finish());
            }
            if let Some((200, _)) = scrape::fetch(self.http, "/readyz") {
                return Ok(());
            }
            assert!(Instant::now() < until, "the server does not become ready:\n{}", self.log.text());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// Kills the process without a warning and starts it again, on the same ports and with the same data.
    pub(crate) fn kill_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.log.finish();
        self.child = spawn(&self.directory);
        self.log = Log::of(&mut self.child);
        if let Err(log) = self.become_ready() {
            panic!("the server did not start again:\n{log}");
        }
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.text()
    }

    /// What of that went to standard error.
    pub(crate) fn errors(&self) -> String {
        self.log.errors.lock().unwrap().clone()
    }

    /// The file it was configured with.
    pub(crate) fn config(&self) -> PathBuf {
        self.directory.path().join(CONFIG)
    }

    /// Runs `parlor user` beside the server, with a password on standard input.
    pub(crate) fn change_users(&self, arguments: &[&str], password: &str) {
        change_users(&self.directory, arguments, password);
    }

    /// The URI of a room.
    pub(crate) fn room(&self, name: &str) -> String {
        format!("sip:{name}@{DOMAIN}")
    }

    /// The certificate that the TLS listeners show.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.directory.path().join("certificate.pem")
    }

    /// The key of that certificate.
    pub(crate) fn key(&self) -> PathBuf {
        self.directory.path().join("key.pem")
    }

    /// What Prometheus would see now.
    pub(crate) fn metrics(&self) -> Metrics {
        let (status, text) = scrape::fetch(self.http, "/metrics").expect("metrics are served");
        assert_eq!(status, 200);
        Metrics::read(&text)
    }

    /// Waits until a series has this value.
    pub(crate) fn shows(&self, series: &str, wanted: f64) {
        super::settles(series, &wanted, || self.metrics().value(series));
    }

    /// Bytes of memory that the process has now.
    pub(crate) fn rss(&self) -> u64 {
        let path = format!("/proc/{}/statm", self.child.id());
        let text = std::fs::read_to_string(path).expect("the server runs");
        let pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
        pages * PAGE
    }

    /// Whether the process still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Sends a signal, such as TERM.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success(), "no signal {name}");
    }

    /// Waits until the process has ended.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        eventually("the server ends", || self.child.try_wait().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let log = self.log.finish();
        if std::thread::panicking() {
            let from = log.len().saturating_sub(SHOWN_LOG);
            let from = (from..).find(|&at| log.is_char_boundary(at)).unwrap_or_default();
            eprintln!("--- the server's log ---\n{}\n--- end of the log ---", &log[from..]);
        } else {
            // Nothing that comes over the network is a reason to panic; a task that did would otherwise go unseen.
            assert!(!log.contains("panicked at"), "a task of the server panicked:\n{log}");
        }
    }
}

fn spawn(directory: &TempDir) -> Child {
    Command::new(PROGRAM)
        .args(["serve", "--config", CONFIG])
        .current_dir(directory.path())
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn change_users(directory: &TempDir, arguments: &[&str], password: &str) {
    let mut child = Command::new(PROGRAM)
        .args(["user"])
        .args(arguments)
        .args(["--config", CONFIG])
        .current_dir(directory.path())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    // One that removes a user does not read it.
    let _ = child.stdin.take().unwrap().write_all(password.as_bytes());
    assert!(child.wait().unwrap().success(), "parlor user {arguments:?}");
}

struct Log {
    text: Arc<Mutex<String>>,
    errors: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Log {
    fn of(child: &mut Child) -> Self {
        let [text, errors] = [(); 2].map(|()| Arc::new(Mutex::new(String::new())));
        let out = Self::follow(child.stdout.take().unwrap(), &[&text]);
        let err = Self::follow(child.stderr.take().unwrap(), &[&text, &errors]);
        Self { text, errors, readers: vec![out, err] }
    }

    fn follow(source: impl std::io::Read + Send + 'static, texts: &[&Arc<Mutex<String>>]) -> JoinHandle<()> {
        let texts: Vec<_> = texts.iter().map(|text| Arc::clone(text)).collect();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(source);
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                for text in &texts {
                    text.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
                }
                line.clear();
            }
        })
    }

    fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    fn finish(&mut self) -> String {
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        self.text()
    }
}

/// Ports that nothing listens on.
struct Ports {
    sip: u16,
    sips: u16,
    msrp: u16,
    msrps: u16,
    http: u16,
}

impl Ports {
    fn find(address: IpAddr) -> Self {
        let next = || free_port(address);
        Self { sip: next(), sips: next(), msrp: next(), msrps: next(), http: next() }
    }
}

/// A port that is free for UDP and TCP. They come from below the range that the system gives to clients, each once per
/// run, and runs at the same time begin at different places.
pub(crate) fn free_port(address: IpAddr) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 1000).unwrap() * 20;
    for _ in 0..PORTS {
        let port = FIRST_PORT + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS;
        if TcpListener::bind((address, port)).is_ok() && UdpSocket::bind((address, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port on {address}");
}

/// The binary under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_parlor");
const CONFIG: &str = "parlor.toml";
const FIRST_PORT: u16 = 11_000;
const PORTS: u16 = 20_000;
const PORT_ATTEMPTS: usize = 5;
const PAGE: u64 = 4096;
const SHOWN_LOG: usize = 32 * 1024;
