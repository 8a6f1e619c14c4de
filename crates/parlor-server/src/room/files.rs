//! The files of a room, and the sessions that carry them.

use super::labels::end_of;
use super::task::RoomTask;
use super::words;
use crate::clock::millis_since_epoch;
use crate::transfer::{Cargo, Offered, Source, Told, Transfer, TransferEvent, Transfers};
use parlor_focus::{EndReason, SessionSpec, Transfer as Wanted};
use parlor_room::{FileHashes, FileId, FileSelector, FileState, ParticipantId, Room, SessionId, SharedFile};
use parlor_store::KeptFile;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tracing::debug;

/// How many events of transfers may wait for their room.
const EVENTS: usize = 64;

/// What a room's task knows of files beside the room.
#[derive(Debug)]
pub(super) struct Files {
    /// `None` where there is no place for files.
    transfers: Option<Arc<Transfers>>,
    under_way: BTreeMap<SessionId, UnderWay>,
    sources: BTreeMap<FileId, Source>,
    tell: Told,
    told: mpsc::Receiver<(SessionId, TransferEvent)>,
}

#[derive(Debug)]
struct UnderWay {
    transfer: Transfer,
    /// The file that is listed and has not come to its end.
    arriving: Option<FileId>,
}

impl Files {
    /// The files that were left in a room of that name before are in it again.
    pub(super) fn of(room: &mut Room, transfers: Option<Arc<Transfers>>) -> Self {
        let (tell, told) = mpsc::channel(EVENTS);
        let mut sources = BTreeMap::new();
        let known = transfers.as_ref().map(|transfers| transfers.spool.files_of(room.name()));
        for kept in known.into_iter().flatten() {
            sources.insert(room.add_file(shown(&kept)), Source::Kept(kept));
        }
        Self { transfers, under_way: BTreeMap::new(), sources, tell, told }
    }

    /// The next thing that a transfer tells. Never nothing: it holds the other end itself.
    pub(super) async fn told(&mut self) -> Option<(SessionId, TransferEvent)> {
        self.told.recv().await
    }
}

impl RoomTask {
    /// The focus has agreed on a session that carries a file.
    pub(super) fn transfer(&mut self, session: SessionId, spec: &SessionSpec, who: ParticipantId, wanted: Wanted) {
        let cargo = match wanted {
            Wanted::Receive(selector) => self.offered(who, selector).map(Cargo::Push),
            Wanted::Send(id) => self.kept(id),
        };
        let Some((transfers, cargo)) = self.files.transfers.as_ref().zip(cargo) else {
            return self.focus.end_session(Instant::now(), &mut self.room, session, EndReason::TransferFailed);
        };
        let transfer = transfers.start(session, spec, cargo, self.files.tell.clone());
        self.files.under_way.insert(session, UnderWay { transfer, arriving: None });
        debug!(session = session.0, "session for a file opened");
    }

    fn offered(&self, who: ParticipantId, selector: FileSelector) -> Option<Offered> {
        let participant = self.room.participant(who)?;
        let identity = participant.identity();
        Some(Offered {
            room: self.room.name().to_owned(),
            owner: identity.aor.to_string(),
            account: identity.account().into(),
            owner_name: words::known_as(&self.room, who, participant),
            selector,
        })
    }

    fn kept(&self, id: FileId) -> Option<Cargo> {
        let file = self.room.file(id)?.clone();
        Some(Cargo::Pull(file, self.files.sources.get(&id)?.clone()))
    }

    /// Whether the session carried a file; then it is over.
    pub(super) fn close_transfer(&mut self, session: SessionId, reason: EndReason) -> bool {
        let Some(UnderWay { transfer, arriving }) = self.files.under_way.remove(&session) else { return false };
        drop(transfer);
        if let Some(id) = arriving {
            self.remove_file(id);
        }
        self.shared.metrics.sessions_closed.of(end_of(reason)).inc();
        if reason == EndReason::BindTimeout {
            self.shared.metrics.msrp_bind_timeouts.inc();
        }
        debug!(session = session.0, ?reason, "session for a file closed");
        true
    }

    /// Whether the session carries a file; then its peer is connected to.
    pub(super) fn connect_transfer(&mut self, session: SessionId, allowed: Option<std::net::IpAddr>) -> bool {
        let under_way = self.files.under_way.get_mut(&session);
        under_way.map(|under_way| under_way.transfer.connect(allowed)).is_some()
    }

    pub(super) fn handle_transfer(&mut self, session: SessionId, event: TransferEvent) {
        match event {
            TransferEvent::Bound => self.focus.handle_bound(&mut self.room, session),
            TransferEvent::Arriving(file, content) => {
                if let Some(under_way) = self.files.under_way.get_mut(&session) {
                    let id = self.room.add_file(file);
                    under_way.arriving = Some(id);
                    self.files.sources.insert(id, Source::Arriving(content));
                }
            }
            TransferEvent::Kept(kept) => self.keep(session, kept),
            TransferEvent::Over(outcome) => {
                self.focus.end_session(Instant::now(), &mut self.room, session, outcome.reason());
            }
        }
    }

    /// A file is there. Its session may have ended meanwhile.
    fn keep(&mut self, session: SessionId, kept: Arc<KeptFile>) {
        let file = shown(&kept);
        let text = words::file_left(&self.room, &file);
        let arriving = self.files.under_way.get_mut(&session).and_then(|under_way| under_way.arriving.take());
        let id = match arriving {
            Some(id) => {
                self.room.complete_file(id, file);
                id
            }
            None => self.room.add_file(file),
        };
        self.files.sources.insert(id, Source::Kept(kept));
        self.say_to_all(&text);
    }

    /// Forgets the files whose time is over; the spool sees to theirs itself.
    pub(super) fn expire_files(&mut self, now: Instant) {
        for id in self.room.expire_files(now) {
            self.files.sources.remove(&id);
        }
    }

    fn remove_file(&mut self, id: FileId) {
        self.room.remove_file(id);
        self.files.sources.remove(&id);
    }
}

/// A file as the room has it.
fn shown(kept: &KeptFile) -> SharedFile {
    let left = Duration::from_millis(kept.expires.saturating_sub(millis_since_epoch()));
    SharedFile {
        name: kept.name.as_str().into(),
        kind: kept.kind.as_str().into(),
        size: Some(kept.size),
        hashes: FileHashes { sha1: Some(kept.sha1), sha256: Some(kept.sha256) },
        sender: kept.owner.as_str().into(),
        sender_name: kept.owner_name.as_deref().map(Into::into),
        state: FileState::Complete,
        expires: Instant::now().checked_add(left),
    }
}
