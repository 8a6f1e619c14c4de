//! The dialogs of a room: how each begins, what it carries, how it ends.

use crate::leg::{Leg, LegId, Media, Open, Phase, Unacked};
use crate::timers::Timer;
use crate::{DialogChange, EndReason, Focus, Output};
use parlor_room::{Room, SessionId};
use std::time::Instant;

impl Focus {
    /// A dialog begins.
    pub(crate) fn add(&mut self, id: LegId, leg: Leg) {
        self.places += usize::from(leg.media.has_place());
        self.transfers.extend(leg.media.carries_for().map(|who| (who, id)));
        self.legs.insert(id, leg);
        self.dialog_changes.push_back(DialogChange::Began(self.tag(id).into()));
        self.index_sessions(id);
    }

    /// Whose a new dialog is, and where that user is; nobody is told of who is anonymous.
    pub(crate) fn tell_location(&mut self, room: &Room, id: LegId) {
        let leg = self.legs.get(&id);
        let user = leg.and_then(Leg::session).and_then(|session| room.participant_of(session));
        if let (Some(leg), Some(user)) = (leg, user)
            && !user.identity().is_anonymous()
        {
            let user = Box::new(user.identity().clone());
            let located = DialogChange::Located(self.tag(id).into(), user, leg.location());
            self.tell_dialog(located);
        }
    }

    pub(crate) fn tell_dialog(&mut self, change: DialogChange) {
        self.dialog_changes.push_back(change);
    }

    /// Makes the sessions of a dialog known.
    fn index_sessions(&mut self, id: LegId) {
        let sessions = self.legs.get(&id).map(|leg| leg.media.sessions()).unwrap_or_default();
        self.sessions.extend(sessions.into_iter().map(|session| (session, id)));
    }

    /// A 2xx to an INVITE goes out and awaits its ACK.
    pub(crate) fn await_ack(&mut self, now: Instant, id: LegId, unacked: Unacked) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.phase = Phase::Unacked(Box::new(unacked));
            self.timers.arm(id, Timer::Retransmit, now + self.settings.sip_timers.t1);
            self.timers.arm(id, Timer::NoAck, now + self.settings.sip_timers.t1x64());
        }
    }

    /// Ends the sessions of a dialog.
    pub(crate) fn close_media(&mut self, now: Instant, room: &mut Room, id: LegId, reason: EndReason) {
        let Some(media) = self.set_media(id, Media::Closed) else { return };
        for session in media.sessions() {
            self.close_session(now, room, id, session, reason);
        }
    }

    /// A session is over.
    pub(crate) fn close_session(
        &mut self,
        now: Instant,
        room: &mut Room,
        id: LegId,
        session: SessionId,
        reason: EndReason,
    ) {
        self.sessions.remove(&session);
        self.disarm_line(id, session);
        self.outputs.push_back(Output::CloseSession { session, reason });
        self.leave_room(now, room, session, reason);
    }

    /// A session leaves the room, and with a participant's last one its files do.
    pub(crate) fn leave_room(&mut self, now: Instant, room: &mut Room, session: SessionId, reason: EndReason) {
        let who = room.session(session).map(parlor_room::Session::participant);
        room.leave(now, session, reason.departure());
        if let Some(who) = who.filter(|who| room.participant(*who).is_none()) {
            self.end_transfers(now, room, who, reason);
        }
    }

    pub(crate) fn disarm_line(&mut self, id: LegId, session: SessionId) {
        self.timers.disarm(id, Timer::Bind(session));
        self.timers.disarm(id, Timer::Lost(session));
    }

    /// What a dialog has from now on; gives what it had.
    pub(crate) fn set_media(&mut self, id: LegId, media: Media) -> Option<Media> {
        let leg = self.legs.get_mut(&id)?;
        self.places += usize::from(media.has_place());
        let before = std::mem::replace(&mut leg.media, media);
        self.places -= usize::from(before.has_place());
        if let Some(who) = before.carries_for() {
            self.transfers.remove(&(who, id));
        }
        self.index_sessions(id);
        Some(before)
    }

    /// A dialog has further sessions.
    pub(crate) fn add_lines(&mut self, id: LegId, further: Vec<Open>) {
        if let Some(Media::Open(lines)) = self.legs.get_mut(&id).map(|leg| &mut leg.media) {
            lines.extend(further);
            self.index_sessions(id);
        }
    }

    /// A dialog is gone.
    pub(crate) fn remove(&mut self, id: LegId) {
        if let Some(leg) = self.legs.remove(&id) {
            self.timers.disarm_all(id);
            self.dialog_changes.push_back(DialogChange::Ended(self.tag(id).into()));
            let pending = leg.refresh.map(|refresh| refresh.id);
            let acked = leg.acked.as_ref().map(|acked| acked.0);
            for request in pending.into_iter().chain(acked) {
                self.requests.remove(&request);
            }
            // EVT-17: the dialog lasts until its last use has ended.
            if self.is_used(id) {
                self.bare.insert(id, leg.into());
            }
        }
    }
}
