//! Metrics and health over HTTP.
//!
//! The page is small and the callers are few, so every bound is tight: connections, header size, the time a head may
//! take, and the life of a connection, after which a scraper simply connects again.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tracing::debug;

use crate::metrics::{Metrics, Rejected};

/// Whether the server takes work, told to `/readyz` and to the metric `parlor_ready`.
#[derive(Debug)]
pub struct Readiness {
    ready: AtomicBool,
    draining: AtomicBool,
    metrics: Arc<Metrics>,
}

impl Readiness {
    /// A server that has not bound all its listeners yet.
    pub fn starting(metrics: Arc<Metrics>) -> Self {
        Self { ready: AtomicBool::new(false), draining: AtomicBool::new(false), metrics }
    }

    /// All listeners are bound.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
        self.metrics.ready.set(1);
    }

    /// The server is shutting down.
    pub fn set_draining(&self) {
        self.draining.store(true, Ordering::Release);
        self.metrics.ready.set(0);
    }

    fn answer(&self) -> (StatusCode, &'static str) {
        let is = |flag: &AtomicBool| flag.load(Ordering::Acquire);
        match (is(&self.draining), is(&self.ready)) {
            (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
            (false, true) => (StatusCode::OK, "ready\n"),
            (false, false) => (StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
        }
    }
}

/// Serves the endpoints on a bound listener until `shutdown` ends; requests under way then have a second.
pub async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    shutdown: impl Future<Output = ()>,
) {
    let site = Site { metrics, readiness };
    let service = TowerToHyperService::new(router(site.clone()));
    let (stop, stopped) = watch::channel(());
    let mut connections = Connections::default();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
            Some(_) = connections.tasks.join_next() => continue,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.make_place(&site.metrics);
                connections.add(serve_connection(stream, service.clone(), site.metrics.clone(), stopped.clone()));
            }
            Err(error) => {
                // No descriptors, or a peer gone before we took it: neither ends the service.
                debug!(%error, "cannot accept an HTTP connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop((listener, stop));
    let drained = async { while connections.tasks.join_next().await.is_some() {} };
    let _ = timeout(DRAIN, drained).await;
}

/// The connections there are, at most [`CONNECTIONS`].
#[derive(Debug, Default)]
struct Connections {
    tasks: JoinSet<()>,
    by_age: VecDeque<AbortHandle>,
}

impl Connections {
    /// Closes the oldest if there are too many for one more: an answer takes no time, so whoever has been here for long
    /// is idle, or holds on to a place that others need.
    fn make_place(&mut self, metrics: &Metrics) {
        self.by_age.retain(|connection| !connection.is_finished());
        if self.by_age.len() >= CONNECTIONS
            && let Some(oldest) = self.by_age.pop_front()
        {
            oldest.abort();
            metrics.reject(Rejected::HttpGaveWay);
        }
    }

    fn add(&mut self, connection: impl Future<Output = ()> + Send + 'static) {
        self.by_age.push_back(self.tasks.spawn(connection));
    }
}

#[derive(Clone)]
struct Site {
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
}

type Service = TowerToHyperService<Router>;

async fn serve_connection(
    stream: TcpStream,
    service: Service,
    metrics: Arc<Metrics>,
    mut stopped: watch::Receiver<()>,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        _ = stopped.changed() => None,
        () = sleep(LIFETIME) => None,
    };
    let ended = match ended {
        Some(ended) => Ok(ended),
        None => {
            connection.as_mut().graceful_shutdown();
            timeout(GRACE, connection).await
        }
    };
    let rejected = match ended {
        Ok(Ok(())) => return,
        Ok(Err(error)) if error.is_parse() => Rejected::HttpMalformed,
        Ok(Err(error)) if error.is_timeout() => Rejected::HttpSlow,
        Ok(Err(_)) => Rejected::HttpBrokenOff,
        Err(_) => Rejected::HttpSlow,
    };
    metrics.reject(rejected);
}

fn router(site: Site) -> Router {
    Router::new()
        .route("/", get(async || INDEX))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(async |State(site): State<Site>| site.readiness.answer()))
        .route("/metrics", get(metrics))
        .with_state(site)
}

async fn metrics(State(site): State<Site>) -> Response {
    match site.metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

const INDEX: &str = "Parlor, a chat-room server\n\n/metrics  for Prometheus\n/healthz  200 while the process lives\n\
    /readyz   200 while it takes work\n";
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Connections at once; the oldest gives way to one more.
const CONNECTIONS: usize = 64;
const MAX_HEADERS: usize = 64;
/// What is read ahead of one connection, so also the largest head.
const MAX_BUFFER: usize = 16 * 1024;
/// How long the head of a request may take; between two requests as well.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection lasts; this ends one that asks and does not read.
const LIFETIME: Duration = Duration::from_secs(60);
/// What a request under way then still has.
const GRACE: Duration = Duration::from_secs(1);
/// What all connections have at shutdown.
const DRAIN: Duration = Duration::from_secs(1);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Instant;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;

    use super::*;

    struct Running {
        address: SocketAddr,
        metrics: Arc<Metrics>,
        readiness: Arc<Readiness>,
        stop: oneshot::Sender<()>,
        task: JoinHandle<()>,
    }

    async fn start() -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let metrics = Arc::new(Metrics::new());
        let readiness = Arc::new(Readiness::starting(metrics.clone()));
        let (stop, stopped) = oneshot::channel();
        let until = async {
            let _ = stopped.await;
        };
        let task = tokio::spawn(serve(listener, metrics.clone(), readiness.clone(), until));
        Running { address, metrics, readiness, stop, task }
    }

    impl Running {
        /// What comes back for these bytes until the connection closes.
        async fn exchange(&self, request: &[u8]) -> String {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            let mut answer = Vec::new();
            // A server that refuses early may reset before all is written; what it said still counts.
            let _ = stream.write_all(request).await;
            let _ = stream.read_to_end(&mut answer).await;
            String::from_utf8_lossy(&answer).into_owned()
        }

        async fn request(&self, method: &str, path: &str) -> (u16, String) {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: parlor.test\r\nConnection: close\r\n\r\n");
            let answer = self.exchange(request.as_bytes()).await;
            let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
            (status.unwrap_or_else(|| panic!("no status in {answer:?}")), answer)
        }

        fn rejected(&self, reason: &str) -> bool {
            let series = format!("parlor_rejected_total{{layer=\"http\",reason=\"{reason}\"}} ");
            let text = self.metrics.render().unwrap();
            text.lines().find_map(|line| line.strip_prefix(&series)).unwrap() != "0"
        }
    }

    /// Each endpoint answers, readiness as it changes, and metrics in the format that scrapers know.
    #[tokio::test]
    async fn endpoints() {
        let server = start().await;
        assert_eq!(server.request("GET", "/").await.0, 200);
        assert_eq!(server.request("GET", "/healthz").await.0, 200);
        assert_eq!(server.request("GET", "/readyz").await.0, 503);
        server.readiness.set_ready();
        assert_eq!(server.request("GET", "/readyz").await.0, 200);
        let (status, text) = server.request("GET", "/metrics").await;
        assert_eq!(status, 200);
        assert!(text.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{text}");
        assert!(text.contains("\nparlor_ready 1\n"), "{text}");
        server.readiness.set_draining();
        assert_eq!(server.request("GET", "/readyz").await.0, 503);
        assert_eq!(server.metrics.ready.get(), 0);
    }

    /// Only GET and HEAD are served, and HEAD has no body.
    #[tokio::test]
    async fn methods() {
        let server = start().await;
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"] {
            assert_eq!(server.request(method, "/metrics").await.0, 405, "{method}");
        }
        let (status, text) = server.request("HEAD", "/metrics").await;
        assert_eq!(status, 200);
        assert!(text.ends_with("\r\n\r\n"), "{text}");
        assert_eq!(server.request("GET", "/nothing").await.0, 404);
    }

    /// Junk and heads beyond the limits are refused and counted, and the next caller is served.
    #[tokio::test]
    async fn junk() {
        let server = start().await;
        let huge = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(2 * MAX_BUFFER));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(2 * MAX_HEADERS));
        let endless = vec![b'a'; 4 * MAX_BUFFER];
        let bad =
            [&b"\0\x01\x02\r\n\r\n"[..], b"MSRP a786hjs2 SEND\r\n\r\n", huge.as_bytes(), many.as_bytes(), &endless];
        for request in bad {
            let answer = server.exchange(request).await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
        }
        assert!(server.rejected("malformed"));
        assert_eq!(server.request("GET", "/healthz").await.0, 200);
    }

    /// A body that nobody wants is not waited for.
    #[tokio::test]
    async fn body() {
        let server = start().await;
        let request = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 99999999999\r\n\r\nab";
        assert!(server.exchange(request).await.starts_with("HTTP/1.1 200"));
    }

    /// Callers that hold every connection and say nothing, one byte, or read nothing, give way to who comes after them.
    #[tokio::test]
    async fn callers_that_hold_every_connection() {
        let server = start().await;
        let began = Instant::now();
        let mut held = Vec::new();
        for index in 0..2 * CONNECTIONS {
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            let said = [&b""[..], b"G", b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"][index % 3];
            stream.write_all(said).await.unwrap();
            held.push(stream);
        }
        for path in ["/healthz", "/metrics"] {
            assert_eq!(server.request("GET", path).await.0, 200);
        }
        assert!(began.elapsed() < HEAD_TIMEOUT / 2, "{:?}", began.elapsed());
        assert!(server.rejected("gave_way"));
        // Who came last still has its connection.
        let last = held.last_mut().unwrap();
        last.write_all(b"ET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        last.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// A caller that says nothing is closed in time.
    #[tokio::test(start_paused = true)]
    async fn slow_caller() {
        let server = start().await;
        assert_eq!(server.exchange(b"G").await, "");
        assert!(server.rejected("slow"));
    }

    /// A caller that asks without end and never reads is closed in time.
    #[tokio::test(start_paused = true)]
    async fn caller_that_does_not_read() {
        let server = start().await;
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let asked = async { while stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").await.is_ok() {} };
        timeout(2 * LIFETIME, asked).await.unwrap();
    }

    /// At shutdown the port is free and callers that linger are let go.
    #[tokio::test]
    async fn shutdown() {
        let server = start().await;
        let mut lingering = TcpStream::connect(server.address).await.unwrap();
        lingering.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        lingering.readable().await.unwrap();
        server.stop.send(()).unwrap();
        server.task.await.unwrap();
        assert!(TcpStream::connect(server.address).await.is_err());
        let mut rest = Vec::new();
        lingering.read_to_end(&mut rest).await.unwrap();
    }
}
