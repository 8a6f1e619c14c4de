//! The writing half of a connection: takes what has gathered and writes it at once.

use super::connection::Connection;
use super::vacancy::{LINGER, deserted};
use crate::room::RoomEvent;
use parlor_switch::{OutboxEvent, Poll as TurnState, Scratch, Turn, Written};
use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::AsyncWrite;
use tokio::time::{sleep_until, timeout};

thread_local! {
    /// One for each worker: what is laid out is written before the worker does anything else.
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::default());
}

/// How often a writer looks at its outbox while TLS holds what the kernel does not take.
const FLUSH_CHECK: Duration = Duration::from_millis(100);

/// Writes until the peer is gone, or no session has been here for too long. When there is nothing to come, it is the reader
/// that ends, once the peer has closed.
pub(super) async fn write<W: AsyncWrite + Unpin>(connection: &Connection, mut half: W) -> io::Result<()> {
    let is_finished = tokio::select! {
        biased;
        written = write_turns(connection, &mut half) => written.map(|()| true)?,
        () = deserted(connection) => false,
    };
    let _ = timeout(LINGER, poll_fn(|cx| Pin::new(&mut half).poll_shutdown(cx))).await;
    if is_finished {
        pending::<()>().await;
    }
    Ok(())
}

async fn write_turns<W: AsyncWrite + Unpin>(connection: &Connection, half: &mut W) -> io::Result<()> {
    let mut turn = Turn::default();
    while is_to_write(connection, &mut turn).await {
        write_turn(connection, half, &mut turn).await?;
    }
    Ok(())
}

/// Waits for the next turn, or for there being none any more.
async fn is_to_write(connection: &Connection, turn: &mut Turn) -> bool {
    poll_fn(|cx| match connection.outbox.take_turn(turn, cx.waker()) {
        TurnState::Ready => Poll::Ready(true),
        TurnState::Idle => Poll::Pending,
        TurnState::Finished => Poll::Ready(false),
    })
    .await
}

async fn write_turn<W: AsyncWrite + Unpin>(connection: &Connection, half: &mut W, turn: &mut Turn) -> io::Result<()> {
    while !turn.is_empty() {
        let attempt = poll_fn(|cx| Poll::Ready(attempt(half, turn, cx))).await;
        let written = match attempt {
            Poll::Ready(taken) => wrote(connection, turn, taken?, false),
            Poll::Pending => wait_for_kernel(connection, half, turn).await?,
        };
        account(connection, written).await;
    }
    flush(connection, half, turn).await
}

/// The kernel wants no more. Until it does, it is watched whether the peer keeps the floor.
async fn wait_for_kernel<W: AsyncWrite + Unpin>(
    connection: &Connection,
    half: &mut W,
    turn: &mut Turn,
) -> io::Result<Written> {
    let outbox = &connection.outbox;
    account(connection, wrote(connection, turn, 0, true)).await;
    loop {
        // Given up, it stays until the rooms have taken its sessions away.
        let deadline = outbox.poll_timeout();
        let taken = tokio::select! {
            biased;
            taken = poll_fn(|cx| attempt(half, turn, cx)) => taken?,
            () = sleep_until(deadline.unwrap_or_else(Instant::now).into()), if deadline.is_some() => {
                account(connection, wrote(connection, turn, 0, true)).await;
                continue;
            }
        };
        return Ok(wrote(connection, turn, taken, false));
    }
}

/// TLS may hold what was written; plain TCP does not. While it does, the peer is watched as in [`wait_for_kernel`].
async fn flush<W: AsyncWrite + Unpin>(connection: &Connection, half: &mut W, turn: &mut Turn) -> io::Result<()> {
    let mut waited = false;
    loop {
        let flushed = timeout(FLUSH_CHECK, poll_fn(|cx| Pin::new(&mut *half).poll_flush(cx))).await;
        waited |= flushed.is_err();
        if waited {
            account(connection, wrote(connection, turn, 0, flushed.is_err())).await;
        }
        if let Ok(flushed) = flushed {
            return flushed;
        }
    }
}

fn wrote(connection: &Connection, turn: &mut Turn, taken: usize, blocked: bool) -> Written {
    connection.outbox.wrote_through(Instant::now(), turn, taken, connection.passed_on(taken), blocked)
}

fn attempt<W: AsyncWrite + Unpin>(half: &mut W, turn: &Turn, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    SCRATCH.with_borrow_mut(|scratch| {
        let layout = turn.lay_out(scratch);
        let written = match layout.contiguous() {
            Some(all) => Pin::new(half).poll_write(cx, all),
            None => Pin::new(half).poll_write_vectored(cx, &layout.slices()),
        };
        match written {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            other => other,
        }
    })
}

async fn account(connection: &Connection, written: Written) {
    let metrics = connection.metrics();
    metrics.deliveries.inc_by(written.copies);
    metrics.delivery_bytes.inc_by(written.body_bytes);
    metrics.msrp_bytes_sent.inc_by(written.taken);
    if written.events {
        tell_rooms(connection).await;
    }
}

async fn tell_rooms(connection: &Connection) {
    while let Some(event) = connection.outbox.poll_event() {
        let (slot, event) = match event {
            OutboxEvent::Recovered { slot, missed } => (slot, RoomEvent::Recovered { missed }),
            OutboxEvent::GivenUp { slot } => (slot, RoomEvent::GivenUp),
        };
        connection.tell_room(slot, event).await;
    }
}
