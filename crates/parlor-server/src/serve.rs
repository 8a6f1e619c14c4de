//! Starts what the configuration says and runs it until told to stop.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;
use tracing::info;

use crate::config::Config;
use crate::http::{self, Readiness};
use crate::metrics::Metrics;

/// Serves until Ctrl-C.
pub async fn run(config: Config) -> Result<()> {
    let metrics = Arc::new(Metrics::new());
    let readiness = Arc::new(Readiness::starting(metrics.clone()));
    let stop = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    let Some(address) = config.http.listen.address() else {
        stop.await;
        return Ok(());
    };
    let listener = TcpListener::bind(address).await.with_context(|| format!("http.listen: {address}"))?;
    info!("metrics on http://{}/metrics", listener.local_addr()?);
    readiness.set_ready();
    http::serve(listener, metrics, readiness, stop).await;
    Ok(())
}
