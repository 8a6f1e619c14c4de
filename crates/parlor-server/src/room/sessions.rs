//! The sessions of a room: their URIs in the session table, their connections.

use super::labels::end_of;
use super::task::RoomTask;
use super::{Bound, Place};
use crate::metrics::Rejected;
use crate::msrp::{Dial, Dialling, SessionEntry, SessionTable, dial};
use crate::pace::{Rate, Tempo, Tempos};
use parlor_focus::{EndReason, SessionSpec};
use parlor_msrp::{Response, TransactionId, Uri};
use parlor_room::SessionId;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;
use tracing::debug;

/// The URIs of one session: after a new offer the old one holds until the new one is used (MSRP-119).
#[derive(Debug)]
pub(super) struct Entries {
    current: Arc<SessionEntry>,
    former: Option<Arc<SessionEntry>>,
    /// The last attempt to connect to the peer.
    dialling: Option<Dialling>,
    /// Our SEND on the connection that we made, until it is answered.
    asked: Option<TransactionId>,
}

impl Entries {
    /// From now on the session's URIs are nobody's.
    pub(super) fn remove_from(self, table: &SessionTable) {
        for entry in std::iter::once(self.current).chain(self.former) {
            table.remove(&entry.local);
        }
    }
}

impl RoomTask {
    pub(super) fn offer(&mut self, session: SessionId, local: &Uri) {
        self.offered.insert(session, self.shared.table.offer(local));
    }

    pub(super) fn open(&mut self, session: SessionId, spec: &SessionSpec) {
        let entry = self.entry(session, spec);
        self.shared.table.insert(&entry);
        self.offered.remove(&session);
        self.switch.open(session, spec.local.clone(), spec.peer.clone());
        self.entries.insert(session, Entries { current: entry, former: None, dialling: None, asked: None });
        self.shared.metrics.msrp_sessions.inc();
        debug!(session = session.0, "session opened");
    }

    pub(super) fn update(&mut self, session: SessionId, spec: &SessionSpec) {
        let entry = self.entry(session, spec);
        let Some(entries) = self.entries.get_mut(&session) else { return };
        let (same_uri, same_path) = (entries.current.local == spec.local, entries.current.peer == spec.peer);
        if same_uri && same_path {
            entries.current.renew();
        } else {
            self.shared.table.insert(&entry);
            let replaced = std::mem::replace(&mut entries.current, entry);
            if !same_uri {
                match entries.former {
                    // Nobody used it; what may be bound is the one before.
                    Some(_) => self.shared.table.remove(&replaced.local),
                    None => entries.former = Some(replaced),
                }
            }
        }
        self.switch.update(session, spec.local.clone(), spec.peer.clone());
    }

    pub(super) fn close(&mut self, session: SessionId, reason: EndReason) {
        self.offered.remove(&session);
        if reason == EndReason::BadAnswer {
            self.shared.metrics.reject(Rejected::SdpBadAnswer);
        }
        if self.close_transfer(session, reason) {
            return;
        }
        let Some(entries) = self.entries.remove(&session) else { return };
        entries.remove_from(&self.shared.table);
        self.switch.close(session);
        self.switch.end_turn();
        self.shared.metrics.msrp_sessions.dec();
        self.shared.metrics.sessions_closed.of(end_of(reason)).inc();
        if reason == EndReason::BindTimeout {
            self.shared.metrics.msrp_bind_timeouts.inc();
        }
        debug!(session = session.0, ?reason, "session closed");
    }

    pub(super) fn connect(&mut self, session: SessionId, allowed: Option<IpAddr>) {
        if self.connect_transfer(session, allowed) {
            return;
        }
        let Some(entries) = self.entries.get_mut(&session) else { return };
        let entry = Arc::clone(&entries.current);
        let (connections, tls) = (Arc::clone(&self.shared.connections), Arc::clone(&self.shared.tls));
        entries.dialling = Some(dial(connections, tls, Dial { entry, allowed }));
    }

    fn entry(&self, session: SessionId, spec: &SessionSpec) -> Arc<SessionEntry> {
        let inbox = Arc::clone(self.handle.inbox());
        let entry = SessionEntry::new(inbox, session, spec.local.clone(), spec.peer.clone());
        Arc::new(entry.with_tempos(self.tempos(session)))
    }

    /// How fast a participant is read, on all its sessions together (CHAT-170).
    pub(super) fn tempos(&self, session: SessionId) -> Tempos {
        let others = self.room.participant_of(session).map(|holder| holder.sessions()).unwrap_or_default();
        let by_message = |other| self.pagers.get(other);
        let known = |other| self.entries.get(other).and_then(|entries| entries.current.tempos()).or(by_message(other));
        others.iter().find_map(known).cloned().unwrap_or_else(|| {
            let rules = self.room.rules();
            let messages = Rate::new(rules.message_rate, rules.message_burst).map(Tempo::new);
            Tempos { messages, nicknames: Tempo::of_nicknames() }
        })
    }

    pub(super) fn bound(&mut self, bound: Bound) {
        let entry = Arc::clone(&bound.entry);
        // The session, or its URI, may have ended since: the connection gets its place back.
        if entry.is_closed() {
            return;
        }
        let Some(entries) = self.entries.get_mut(&entry.session) else { return };
        entries.asked = bound.asked;
        let is_asked = bound.asked.is_some();
        let Some(Place { session, outbox, slot }) = bound.take().0 else { return };
        if Arc::ptr_eq(&entries.current, &entry)
            && let Some(former) = entries.former.take()
        {
            self.shared.table.remove(&former.local);
        }
        self.switch.attach(session, outbox, slot);
        if !is_asked {
            self.focus.handle_bound(&mut self.room, session);
        }
        if self.room.beside(session).all(|other| other > session) {
            self.newcomers.insert(session);
        }
    }

    /// Who waited for our connection has bound the session once it answers our SEND with 200 (MSRP-98b, MSRP-154).
    pub(super) fn answered(&mut self, session: SessionId, response: &Response) {
        let Some(entries) = self.entries.get_mut(&session) else { return };
        if entries.asked.take_if(|tid| *tid == response.tid).is_none() {
            return;
        }
        match response.code {
            200..=299 => self.focus.handle_bound(&mut self.room, session),
            _ => self.focus.end_session(Instant::now(), &mut self.room, session, EndReason::ConnectionLost),
        }
    }

    pub(super) fn unbound(&mut self, now: Instant, place: &Place) {
        if self.is_at(place) {
            self.switch.detach(place.session);
            self.focus.handle_unbound(now, &mut self.room, place.session);
        }
    }

    /// What was tried for an older offer, or is bound by now, is none.
    pub(super) fn unreachable(&mut self, entry: &Arc<SessionEntry>) {
        let is_current = self.entries.get(&entry.session).is_some_and(|known| Arc::ptr_eq(&known.current, entry));
        if is_current && !self.switch.is_bound(entry.session) {
            self.focus.end_session(Instant::now(), &mut self.room, entry.session, EndReason::ConnectionLost);
        }
    }

    /// Whether this is where the session is now: what a former connection tells is no longer true of it.
    pub(super) fn is_at(&self, place: &Place) -> bool {
        self.switch.is_attached(place.session, &place.outbox, place.slot)
    }

    /// The session under the URI that its peer was given last.
    #[cfg(test)]
    pub(super) fn current_entry(&self, session: SessionId) -> Option<Arc<SessionEntry>> {
        self.entries.get(&session).map(|entries| Arc::clone(&entries.current))
    }
}
