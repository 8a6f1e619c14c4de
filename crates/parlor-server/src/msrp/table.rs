//! The sessions by the session id of their URI: the one map that all connections share.

use crate::pace::Tempos;
use crate::room::Inbox;
use parlor_focus::OVERTAKES;
use parlor_msrp::{Path, Uri};
use parlor_room::SessionId;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// One session as connections see it.
#[derive(Debug)]
pub(crate) struct SessionEntry {
    /// Where what concerns it goes: its room's, or its own if it carries a file.
    pub(crate) inbox: Arc<Inbox>,
    /// Its name in its room.
    pub(crate) session: SessionId,
    /// Our URI, as the peer was given it.
    pub(crate) local: Uri,
    /// The peer's path, as its SDP has it.
    pub(crate) peer: Path,
    tempos: Option<Tempos>,
    hold: Mutex<Hold>,
    closed: AtomicBool,
}

/// Which connection has a session.
///
/// ```text
///   Free --- first request ---> Bound --- connection lost ---> Lost
///   Lost --- offer and answer ---> Free
/// ```
///
/// RFC 4975 §5.4: with its connection a session has failed, and only a new exchange of SDP brings it back (MSRP-97). Until
/// then its URI is nobody's.
#[derive(Clone, Copy, Debug)]
enum Hold {
    Free,
    Bound {
        connection: u64,
        /// When SDP was exchanged since.
        renewed: Option<Instant>,
    },
    Lost,
}

/// Whether a connection may bind a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binding {
    /// It is bound to it now.
    Bound,
    /// Another connection has it (506).
    Elsewhere,
    /// It has ended, or failed with its connection (481).
    Ended,
}

impl SessionEntry {
    /// A session that no connection has yet.
    pub(crate) fn new(inbox: Arc<Inbox>, session: SessionId, local: Uri, peer: Path) -> Self {
        let (hold, closed) = (Mutex::new(Hold::Free), AtomicBool::new(false));
        Self { inbox, session, local, peer, tempos: None, hold, closed }
    }

    /// The same, read no faster than this.
    pub(crate) fn with_tempos(self, tempos: Tempos) -> Self {
        Self { tempos: Some(tempos), ..self }
    }

    /// How fast what comes on it is read; `None`: as fast as it comes.
    pub(crate) fn tempos(&self) -> Option<&Tempos> {
        self.tempos.as_ref()
    }

    /// Binds it to a connection.
    pub(super) fn bind(&self, connection: u64) -> Binding {
        if self.is_closed() {
            return Binding::Ended;
        }
        let mut hold = self.hold();
        match *hold {
            Hold::Free => {
                *hold = Hold::Bound { connection, renewed: None };
                Binding::Bound
            }
            Hold::Bound { connection: known, .. } if known == connection => Binding::Bound,
            Hold::Bound { .. } => Binding::Elsewhere,
            Hold::Lost => Binding::Ended,
        }
    }

    /// The connection is gone.
    pub(super) fn unbind(&self) {
        let mut hold = self.hold();
        let renewed = match *hold {
            Hold::Bound { renewed, .. } => renewed.is_some_and(|at| at.elapsed() < OVERTAKES),
            Hold::Free | Hold::Lost => false,
        };
        *hold = if renewed { Hold::Free } else { Hold::Lost };
    }

    /// SDP was exchanged, and the URI stays.
    pub(crate) fn renew(&self) {
        let mut hold = self.hold();
        match &mut *hold {
            Hold::Lost => *hold = Hold::Free,
            Hold::Bound { renewed, .. } => *renewed = Some(Instant::now()),
            Hold::Free => {}
        }
    }

    fn hold(&self) -> MutexGuard<'_, Hold> {
        self.hold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the session has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

/// What is known of a session id.
#[derive(Debug)]
enum Known {
    /// We offered a URI with it, and the answer has not come; dropped when it has.
    Offered(watch::Sender<()>),
    Agreed(Arc<SessionEntry>),
}

/// What a session id stands for.
#[derive(Debug)]
pub(super) enum Found {
    /// A session.
    Agreed(Arc<SessionEntry>),
    /// One that we offered, which is waited for.
    Offered(Answer),
}

/// The answer to an offer of ours, waited for.
#[derive(Debug)]
pub(super) struct Answer(watch::Receiver<()>);

impl Answer {
    /// Until the session is agreed on, or is none.
    pub(super) async fn comes(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

/// A URI that we offered, known until the answer comes or this is dropped.
#[derive(Debug)]
pub(crate) struct OfferedUri {
    table: Arc<SessionTable>,
    local: Uri,
}

impl Drop for OfferedUri {
    fn drop(&mut self) {
        let Some(id) = self.local.session_id() else { return };
        let mut entries = self.table.lock();
        if matches!(entries.get(id), Some(Known::Offered(_))) {
            entries.remove(id);
        }
    }
}

/// All sessions of all rooms.
#[derive(Debug)]
pub(crate) struct SessionTable {
    entries: Mutex<HashMap<Box<str>, Known>>,
    places: Arc<Semaphore>,
}

/// The place of one session among those that there may be, from the request for it to its end.
#[derive(Debug)]
pub(crate) struct Reservation(#[expect(dead_code, reason = "held until the session ends")] OwnedSemaphorePermit);

impl SessionTable {
    /// Room for `limit` sessions.
    pub(crate) fn new(limit: usize) -> Self {
        Self { entries: Mutex::default(), places: Arc::new(Semaphore::new(limit)) }
    }

    /// Makes a session known, before anybody is told its URI (MSRP-96).
    pub(crate) fn insert(&self, entry: &Arc<SessionEntry>) {
        let known = Known::Agreed(Arc::clone(entry));
        let replaced = entry.local.session_id().and_then(|id| self.lock().insert(id.into(), known));
        // The same URI with another peer path: its next request binds it anew.
        if let Some(Known::Agreed(former)) = replaced {
            former.closed.store(true, Ordering::Release);
        }
    }

    /// From now on the session's URI is nobody's (CHAT-150).
    pub(crate) fn remove(&self, local: &Uri) {
        let removed = local.session_id().and_then(|id| self.lock().remove(id));
        if let Some(Known::Agreed(entry)) = removed {
            entry.closed.store(true, Ordering::Release);
        }
    }

    /// The session with this id.
    pub(super) fn find(&self, session_id: &str) -> Option<Found> {
        Some(match self.lock().get(session_id)? {
            Known::Agreed(entry) => Found::Agreed(Arc::clone(entry)),
            Known::Offered(answer) => Found::Offered(Answer(answer.subscribe())),
        })
    }

    /// A URI that we offer is known before its answer: the peer's connection may overtake it (MSRP-96).
    pub(crate) fn offer(self: &Arc<Self>, local: &Uri) -> OfferedUri {
        if let Some(id) = local.session_id() {
            self.lock().entry(id.into()).or_insert_with(|| Known::Offered(watch::Sender::new(())));
        }
        OfferedUri { table: Arc::clone(self), local: local.clone() }
    }

    /// The session with this id, if it is agreed on.
    #[cfg(test)]
    pub(crate) fn agreed(&self, session_id: &str) -> Option<Arc<SessionEntry>> {
        self.find(session_id).and_then(|found| match found {
            Found::Agreed(entry) => Some(entry),
            Found::Offered(_) => None,
        })
    }

    /// A place for a further session, if there may be one.
    pub(crate) fn reserve(&self) -> Option<Reservation> {
        Arc::clone(&self.places).try_acquire_owned().ok().map(Reservation)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Known>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
