//! One MSRP connection: its reader and its writer, and what they share.

use super::meter::Meter;
use super::table::{SessionEntry, SessionTable};
use super::{reader, writer};
use crate::addresses::Admission;
use crate::metrics::{Counted, DropReason, Metrics};
use crate::own::OwnListeners;
use crate::panics::{Panicked, caught};
use crate::room::{Place, RoomEvent};
use parlor_msrp::Limits;
use parlor_switch::{Outbox, OutboxLimits, Slot, StalledMemory, Window};
use slab::Slab;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::{debug, error};

/// What an operator may set about connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// How much may wait for a session, and how long for a peer.
    pub(crate) outbox: OutboxLimits,
    /// What the decoder takes.
    pub(crate) decoder: Limits,
    /// How long a connection may stay without a session.
    pub(crate) bind_timeout: Duration,
    /// How many sessions one connection may carry.
    pub(crate) sessions: usize,
    /// Whether From-Path must equal the path of the SDP (MSRP-95).
    pub(crate) strict_paths: bool,
    /// The octets of body in one outgoing frame, which decide what counts as a first frame.
    pub(crate) frame_bytes: usize,
}

/// All MSRP connections.
#[derive(Debug)]
pub(crate) struct Connections {
    settings: Settings,
    own_listeners: OwnListeners,
    admission: Admission,
    table: Arc<SessionTable>,
    metrics: Arc<Metrics>,
    stalled_memory: StalledMemory,
    outboxes: Mutex<Slab<Arc<Outbox>>>,
    next: AtomicU64,
}

impl Connections {
    /// None yet.
    pub(crate) fn new(
        settings: Settings,
        own_listeners: OwnListeners,
        admission: Admission,
        table: Arc<SessionTable>,
        metrics: Arc<Metrics>,
        stalled_memory: StalledMemory,
    ) -> Self {
        Self {
            settings,
            own_listeners,
            admission,
            table,
            metrics,
            stalled_memory,
            outboxes: Mutex::new(Slab::new()),
            next: AtomicU64::new(1),
        }
    }

    /// The metrics that connections count in.
    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Where they come to us.
    pub(super) fn own_listeners(&self) -> &OwnListeners {
        &self.own_listeners
    }

    /// How many there may be.
    pub(super) fn admission(&self) -> &Admission {
        &self.admission
    }

    /// Sets the gauges that are sums over all connections.
    pub(crate) fn measure(&self) {
        let (mut octets, mut stalled) = (0, 0);
        for (_, outbox) in self.lock().iter() {
            octets += outbox.queued();
            stalled += i64::from(outbox.is_stalled());
        }
        self.metrics.outbox_bytes.set(i64::try_from(octets).unwrap_or(i64::MAX));
        self.metrics.congested_sessions.set(stalled);
    }

    /// Serves a stream until it ends; `tls` is the meter below it if it is TLS. With `dialled` it is we who connected, for that
    /// session, and bind it first.
    pub(crate) async fn serve(
        self: Arc<Self>,
        stream: (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
        tls: Option<Meter>,
        dialled: Option<Arc<SessionEntry>>,
    ) {
        let _counted = Counted::in_gauge(&self.metrics.msrp_connections);
        let connection = self.connection(tls);
        let key = self.lock().insert(Arc::clone(&connection.outbox));
        match caught(pin!(exchange(&connection, stream, dialled))).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(%error, "MSRP connection lost"),
            Err(Panicked) => {
                error!("an MSRP connection panicked and is closed");
                self.metrics.connection_panics.inc();
            }
        }
        self.lock().remove(key);
        let (unwritten, _) = connection.outbox.close();
        self.metrics.deliveries_dropped.of(DropReason::Closed).inc_by(u64::from(unwritten));
        connection.unbind_all().await;
    }

    pub(super) fn connection(self: &Arc<Self>, tls: Option<Meter>) -> Connection {
        Connection {
            number: self.next.fetch_add(1, Ordering::Relaxed),
            tls,
            shared: Arc::clone(self),
            outbox: Outbox::new(self.settings.outbox, self.stalled_memory.clone()),
            window: Window::new(&self.settings.outbox),
            seats: Mutex::new(Vec::new()),
            bound: AtomicBool::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slab<Arc<Outbox>>> {
        self.outboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads and writes in one task: what the reader queues is seen by the writer as soon as the reader waits. Whichever half
/// ends first ends the other.
async fn exchange(
    connection: &Connection,
    (reading, writing): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    dialled: Option<Arc<SessionEntry>>,
) -> io::Result<()> {
    if let Some(entry) = dialled
        && !reader::bind_first(connection, entry).await
    {
        return Ok(());
    }
    tokio::select! {
        biased;
        read = reader::read(connection, reading) => read,
        written = writer::write(connection, writing) => written,
    }
}

/// What the reader and the writer of one connection share.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) number: u64,
    tls: Option<Meter>,
    shared: Arc<Connections>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) window: Window,
    seats: Mutex<Vec<Seat>>,
    bound: AtomicBool,
}

/// A session and its place here.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) slot: Slot,
    pub(super) entry: Arc<SessionEntry>,
}

impl Connection {
    pub(super) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// What the kernel took since the last call, when so much of what was to be written was taken now.
    pub(super) fn passed_on(&self, taken: usize) -> usize {
        self.tls.as_ref().map_or(taken, Meter::take)
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    pub(super) fn table(&self) -> &SessionTable {
        &self.shared.table
    }

    pub(super) fn bind_timeout(&self) -> Duration {
        self.shared.settings.bind_timeout
    }

    /// Whether any session was ever bound here.
    pub(super) fn ever_bound(&self) -> bool {
        self.bound.load(Ordering::Relaxed)
    }

    /// Tells a session's room what happened at its place here.
    pub(super) async fn tell_room(&self, slot: Slot, event: RoomEvent) {
        let seat = self.seats().iter().find(|seat| seat.slot == slot).cloned();
        if let Some(seat) = seat {
            seat.entry.inbox.event(self.place(&seat), event).await;
        }
    }

    /// The session with this id, if it is bound here.
    pub(super) fn seat_of(&self, session_id: &str) -> Option<Seat> {
        let seats = self.seats();
        let mut open = seats.iter().filter(|seat| !seat.entry.is_closed());
        open.find(|seat| seat.entry.local.session_id() == Some(session_id)).cloned()
    }

    /// Whether no further session has a place here. A URI may be nobody's any more while its session is still at the
    /// place, and its room to be told of it; so what counts is the place.
    pub(super) fn is_full(&self) -> bool {
        let mut seats = self.seats();
        seats.retain(|seat| self.outbox.is_attached(seat.slot));
        seats.len() >= self.settings().sessions
    }

    /// Gives a session that was bound its place.
    pub(super) fn seat(&self, entry: Arc<SessionEntry>) -> Seat {
        let slot = self.outbox.attach(&entry.peer, &entry.local);
        self.bound.store(true, Ordering::Relaxed);
        let seat = Seat { slot, entry };
        self.seats().push(seat.clone());
        seat
    }

    async fn unbind_all(&self) {
        let seats = std::mem::take(&mut *self.seats());
        for seat in seats {
            // Before the room hears of it, which may connect at once.
            seat.entry.unbind();
            seat.entry.inbox.unbound(self.place(&seat)).await;
        }
    }

    fn place(&self, seat: &Seat) -> Place {
        Place { session: seat.entry.session, outbox: Arc::clone(&self.outbox), slot: seat.slot }
    }

    fn seats(&self) -> MutexGuard<'_, Vec<Seat>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
