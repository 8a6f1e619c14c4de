//! Metrics and health over HTTP.
//!
//! The page is small and the callers are few, so every bound is tight: connections, header size, the time a head may
//! take, and the life of a connection, after which a scraper simply connects again.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
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
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::debug;

use crate::metrics::{Layer, Metrics};

/// Whether the server takes work, told to `/readyz` and to the metric `parlor_ready`.
#[derive(Debug)]
pub struct Readiness {
    state: AtomicU8,
    metrics: Arc<Metrics>,
}

impl Readiness {
    /// A server that has not bound all its listeners yet.
    pub fn starting(metrics: Arc<Metrics>) -> Self {
        Self { state: AtomicU8::new(STARTING), metrics }
    }

    /// All listeners are bound.
    pub fn set_ready(&self) {
        self.state.store(READY, Ordering::Release);
        self.metrics.ready.set(1);
    }

    /// The server is shutting down.
    pub fn set_draining(&self) {
        self.state.store(DRAINING, Ordering::Release);
        self.metrics.ready.set(0);
    }

    fn answer(&self) -> (StatusCode, &'static str) {
        match self.state.load(Ordering::Acquire) {
            READY => (StatusCode::OK, "ready\n"),
            DRAINING => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
            _starting => (StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
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
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &permits) => accepted,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, permit)) => {
                let connection = serve_connection(stream, service.clone(), site.metrics.clone(), stopped.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(error) => {
                // No descriptors, or a peer gone before we took it: neither ends the service.
                debug!(%error, "cannot accept an HTTP connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop((listener, stop));
    let drained = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(DRAIN, drained).await;
}

#[derive(Clone)]
struct Site {
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
}

type Service = TowerToHyperService<Router>;

/// Takes the next connection once there is room for it; until then it waits in the kernel.
async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = permits.clone().acquire_owned().await.expect("nothing closes the semaphore");
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

async fn serve_connection(stream: TcpStream, service: Service, metrics: Arc<Metrics>, mut stopped: watch::Receiver<()>) {
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
    let reason = match ended {
        Ok(Ok(())) => return,
        Ok(Err(error)) if error.is_parse() => "malformed",
        Ok(Err(error)) if error.is_timeout() => "slow",
        Ok(Err(_)) => "broken_off",
        Err(_) => "slow",
    };
    metrics.reject(Layer::Http, reason);
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

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

const INDEX: &str = "Parlor, a chat-room server\n\n/metrics  for Prometheus\n/healthz  200 while the process lives\n\
    /readyz   200 while it takes work\n";
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Connections at once.
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
