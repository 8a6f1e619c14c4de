//! A connection without a session does not stay.

use super::connection::Connection;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;
use tokio::time::timeout;

/// How long a connection stays after its last session has ended (MSRP-98).
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// Waits until no session has been here for too long. What else comes and goes meanwhile, such as requests for sessions
/// of nobody, gains a peer no time (MSRP-98, MSRP-101).
pub(super) async fn deserted(connection: &Connection) {
    loop {
        becomes(connection, true).await;
        let patience = if connection.ever_bound() { LINGER } else { connection.bind_timeout() };
        if timeout(patience, becomes(connection, false)).await.is_err() {
            break;
        }
    }
    if !connection.ever_bound() {
        connection.metrics().msrp_bind_timeouts.inc();
    }
}

async fn becomes(connection: &Connection, vacant: bool) {
    poll_fn(|cx| match connection.outbox.poll_vacant(cx.waker()) == vacant {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}
