//! The sessions of a dialog, one for each of its media lines: their connections, and their end (REQ-1).

use crate::leg::{Binding, LegId, Media, Open};
use crate::sdp::{Line, Role};
use crate::timers::Timer;
use crate::{EndReason, Focus, Output, SessionSpec};
use parlor_room::{Room, SessionId};
use std::time::{Duration, Instant};

/// By so much an exchange of SDP may overtake the news that a connection is lost.
pub const OVERTAKES: Duration = Duration::from_secs(30);

impl Focus {
    /// Both sides know the sessions: from now on those that have no connection are to be bound, by us if the peer waits.
    pub(crate) fn settle(&mut self, now: Instant, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let mut unbound = Vec::new();
        for open in leg.media.agreed_mut() {
            let bound_anew = std::mem::take(&mut open.moved) && open.role == Role::Connect;
            match &mut open.binding {
                Binding::Bound { renewed } if !bound_anew => *renewed = Some(now),
                Binding::Bound { .. } | Binding::Free => {
                    open.binding = Binding::Free;
                    unbound.push(open.session);
                }
            }
        }
        for session in unbound {
            self.timers.disarm(id, Timer::Lost(session));
            self.timers.arm(id, Timer::Bind(session), now + self.settings.bind_timeout); // MSRP-98b
            self.connect(id, session);
        }
    }

    /// A session's connection is there.
    pub(crate) fn bind(&mut self, id: LegId, session: SessionId) {
        if let Some(open) = self.line(id, session) {
            open.binding = Binding::Bound { renewed: None };
            self.disarm_line(id, session);
        }
    }

    /// A session's connection is lost. If the peer has said so before, by an offer, it waits for us (MSRP-97).
    pub(crate) fn unbind(&mut self, now: Instant, id: LegId, session: SessionId) {
        let Some(open) = self.line(id, session) else { return };
        let Binding::Bound { renewed } = std::mem::replace(&mut open.binding, Binding::Free) else { return };
        self.timers.arm(id, Timer::Lost(session), now + self.settings.rejoin_timeout);
        if renewed.is_some_and(|at| now < at + OVERTAKES) {
            self.connect(id, session);
        }
    }

    fn connect(&mut self, id: LegId, session: SessionId) {
        let Some(leg) = self.legs.get(&id) else { return };
        let waits = |open: &&Open| open.session == session && open.role == Role::Connect;
        if leg.media.agreed().iter().any(|open| waits(&open)) {
            let allowed = Some(leg.flow.remote.ip());
            self.emit(Output::Connect { session, allowed });
        }
    }

    /// Takes over what was agreed anew about a session. An offer of the peer's is told even if it changes nothing: it may
    /// want its session back after its connection was lost (MSRP-97).
    pub(crate) fn change(&mut self, room: &mut Room, id: LegId, session: SessionId, agreed: &Line, offered: bool) {
        let Some(open) = self.line(id, session) else { return };
        let capabilities = &agreed.peer.capabilities;
        let differs = room.session(session).is_some_and(|own| own.capabilities() != capabilities);
        let moved = open.local != agreed.local || open.peer != agreed.peer.path;
        let changed = offered || moved || differs || open.role != agreed.role;
        open.moved |= moved;
        open.line = agreed.line;
        open.local = agreed.local.clone();
        open.peer = agreed.peer.path.clone();
        open.role = agreed.role;
        if differs {
            room.update(session, capabilities.clone());
        }
        if changed {
            self.emit(Output::UpdateSession { session, spec: SessionSpec::from(agreed) });
        }
    }

    /// Ends one session. The others of its dialog go on; with the last one the dialog ends.
    pub(crate) fn end_line(&mut self, now: Instant, room: &mut Room, id: LegId, session: SessionId, reason: EndReason) {
        match self.legs.get(&id).map(|leg| leg.media.lines().len()) {
            Some(2..) => self.close_line(now, room, id, session, reason),
            Some(0 | 1) | None => self.end(now, room, id, reason),
        }
    }

    /// Ends one session of several.
    pub(crate) fn close_line(
        &mut self,
        now: Instant,
        room: &mut Room,
        id: LegId,
        session: SessionId,
        reason: EndReason,
    ) {
        if let Some(Media::Open(lines)) = self.legs.get_mut(&id).map(|leg| &mut leg.media) {
            lines.retain(|open| open.session != session);
            self.close_session(now, room, id, session, reason);
        }
    }

    fn line(&mut self, id: LegId, session: SessionId) -> Option<&mut Open> {
        self.legs.get_mut(&id)?.media.agreed_mut().iter_mut().find(|open| open.session == session)
    }
}
