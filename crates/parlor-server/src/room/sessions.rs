//! The sessions of a room: their URIs in the session table, their connections.

use super::RoomEvent;
use super::labels::end_of;
use super::task::RoomTask;
use crate::msrp::{Dial, SessionEntry, dial};
use parlor_focus::{EndReason, SessionSpec};
use parlor_room::SessionId;
use parlor_switch::{Outbox, Slot};
use std::sync::Arc;
use std::time::Instant;
use tracing::debug;

/// The URIs of one session: after a new offer the old one holds until the new one is used (MSRP-119).
#[derive(Debug)]
pub(super) struct Entries {
    current: Arc<SessionEntry>,
    former: Option<Arc<SessionEntry>>,
}

impl RoomTask {
    pub(super) fn open(&mut self, session: SessionId, spec: &SessionSpec) {
        let entry = self.entry(session, spec);
        self.shared.table.insert(&entry);
        self.switch.open(session, spec.local.clone(), spec.peer.clone());
        self.entries.insert(session, Entries { current: entry, former: None });
        self.shared.metrics.msrp_sessions.inc();
        debug!(session = session.0, "session opened");
    }

    pub(super) fn update(&mut self, session: SessionId, spec: &SessionSpec) {
        let entry = self.entry(session, spec);
        let Some(entries) = self.entries.get_mut(&session) else { return };
        if entries.current.local != spec.local {
            self.shared.table.insert(&entry);
            let former = std::mem::replace(&mut entries.current, entry);
            if let Some(older) = entries.former.replace(former) {
                self.shared.table.remove(&older.local);
            }
        }
        self.switch.update(session, spec.local.clone(), spec.peer.clone());
    }

    pub(super) fn close(&mut self, session: SessionId, reason: EndReason) {
        let Some(entries) = self.entries.remove(&session) else { return };
        for entry in std::iter::once(entries.current).chain(entries.former) {
            self.shared.table.remove(&entry.local);
        }
        self.switch.close(session);
        self.switch.end_turn();
        self.shared.metrics.msrp_sessions.dec();
        self.shared.metrics.sessions_closed.of(end_of(reason)).inc();
        if reason == EndReason::BindTimeout {
            self.shared.metrics.msrp_bind_timeouts.inc();
        }
        debug!(session = session.0, ?reason, "session closed");
    }

    pub(super) fn connect(&mut self, session: SessionId, allowed: Option<std::net::IpAddr>) {
        let Some(entries) = self.entries.get(&session) else { return };
        let entry = Arc::clone(&entries.current);
        let (connections, tls) = (Arc::clone(&self.shared.connections), Arc::clone(&self.shared.tls));
        let room = Arc::clone(&self.handle);
        tokio::spawn(async move {
            if !dial(connections, tls, Dial { entry, allowed }).await {
                room.event(session, RoomEvent::Unreachable).await;
            }
        });
    }

    fn entry(&self, session: SessionId, spec: &SessionSpec) -> Arc<SessionEntry> {
        Arc::new(SessionEntry::new(Arc::clone(&self.handle), session, spec.local.clone(), spec.peer.clone()))
    }

    pub(super) fn bound(&mut self, now: Instant, entry: &Arc<SessionEntry>, outbox: Arc<Outbox>, slot: Slot) {
        let Some(entries) = self.entries.get_mut(&entry.session) else { return };
        if Arc::ptr_eq(&entries.current, entry)
            && let Some(former) = entries.former.take()
        {
            self.shared.table.remove(&former.local);
        }
        self.switch.attach(entry.session, outbox, slot);
        self.focus.handle_bound(now, entry.session);
        self.newcomers.push(entry.session);
    }

    pub(super) fn unbound(&mut self, now: Instant, session: SessionId, slot: Slot, outbox: &Arc<Outbox>) {
        if self.switch.is_attached(session, outbox, slot) {
            self.switch.detach(session);
            self.focus.handle_unbound(now, &mut self.room, session);
        }
    }
}
