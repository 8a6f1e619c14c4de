//! The real server on ports of its own.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use parlor_client::{JoinOptions, Room};
use tempfile::TempDir;

/// How long anything may take; nothing waits longer than it has to.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    sip: SocketAddr,
    sips: SocketAddr,
    http: SocketAddr,
    directory: TempDir,
}

impl Server {
    /// Starts it with further lines of configuration.
    pub(crate) fn start(lines: &str) -> Self {
        // A port that was free may be taken by the time the server listens.
        (0..10).find_map(|_| Self::try_start(lines)).expect("the server starts")
    }

    fn try_start(lines: &str) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let made = parlor().args(["certificate", "--self-signed", "--out"]).arg(directory.path()).output().unwrap();
        assert!(made.status.success());
        let [sip, sips, msrp, msrps, http] = free_ports();
        let config = format!(
            "data_dir = {data:?}\n[sip]\nlisten = [\"udp:{sip}\", \"tcp:{sip}\", \"tls:{sips}\"]\n\
             [msrp]\nlisten = [\"tcp:{msrp}\", \"tls:{msrps}\"]\n[http]\nlisten = \"{http}\"\n\
             [tls]\ncertificate = {certificate:?}\nkey = {key:?}\n{lines}",
            data = directory.path().join("data"),
            certificate = directory.path().join("certificate.pem"),
            key = directory.path().join("key.pem"),
        );
        let file = directory.path().join("parlor.toml");
        std::fs::write(&file, config).unwrap();
        let child = parlor().arg("--config").arg(file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut server = Self { child, sip, sips, http, directory };
        let until = Instant::now() + PATIENCE;
        while server.get("/readyz").is_none_or(|answer| !answer.starts_with("HTTP/1.1 200")) {
            if server.child.try_wait().unwrap().is_some() {
                return None;
            }
            assert!(Instant::now() < until, "the server is not ready");
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(server)
    }

    /// Adds a user, whom the running server comes to know in a moment.
    pub(crate) fn add_user(&self, name: &str, password: &str) {
        let config = self.directory.path().join("parlor.toml");
        let mut child =
            parlor().args(["user", "add", name, "--config"]).arg(config).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    /// The address of a room.
    pub(crate) fn room(&self, name: &str) -> String {
        format!("sip:{name}@{}", self.sip)
    }

    /// The address of the server.
    pub(crate) fn uri(&self) -> String {
        format!("sip:{}", self.sip)
    }

    /// The address of a room over TLS, by the name of the certificate.
    pub(crate) fn room_over_tls(&self, name: &str) -> String {
        format!("sips:{name}@localhost:{}", self.sips.port())
    }

    /// The certificate of the server.
    pub(crate) fn certificate(&self) -> std::path::PathBuf {
        self.directory.path().join("certificate.pem")
    }

    /// Joins the lobby.
    pub(crate) async fn join(&self, name: &str) -> Room {
        Room::join(JoinOptions::new(&self.room("lobby")).unwrap().name(name)).await.unwrap()
    }

    /// The value of a metric without labels.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let all = self.get("/metrics")?;
        all.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }

    /// Waits until a metric has a value.
    pub(crate) fn await_metric(&self, name: &str, wanted: f64) {
        let until = Instant::now() + PATIENCE;
        while self.metric(name) != Some(wanted) {
            assert!(Instant::now() < until, "{name} is {:?} instead of {wanted}", self.metric(name));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.http).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// Asks the server to end, as systemd does.
    pub(crate) fn terminate(&self) {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(killed.success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary under test, in a directory without a configuration.
pub(crate) fn parlor() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parlor"));
    command.current_dir(std::env::temp_dir()).env_remove("RUST_LOG");
    command
}

/// Runs `parlor chat` with that standard input until it ends.
pub(crate) fn chat(arguments: &[&str], input: &str) -> std::process::Output {
    chat_with(&[], arguments, input)
}

/// The same with variables in its environment.
pub(crate) fn chat_with(environment: &[(&str, &str)], arguments: &[&str], input: &str) -> std::process::Output {
    let mut child = parlor()
        .arg("chat")
        .env_remove("PARLOR_PASSWORD")
        .envs(environment.iter().copied())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end before it has read all.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// The names of the files in a directory.
pub(crate) fn files(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn free_ports<const N: usize>() -> [SocketAddr; N] {
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap())
}
