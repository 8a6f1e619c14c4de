//! Replaces and Join: an INVITE that has to do with a dialog that there is (RFC 3891, RFC 3911).

use crate::leg::{Leg, LegId, Media, Phase};
use crate::{EndReason, Focus, Reject};
use parlor_room::{Identity, Room, SessionId};
use parlor_sip::{DialogId, HeaderError, HeaderName, Replaces, Request};
use std::time::Instant;

impl Focus {
    /// The dialog that an INVITE of this user is to take the place of (SIP-84). Join asks for nothing more than any INVITE to
    /// a room, so that one which names no dialog of ours is ignored (SIP-83).
    pub(crate) fn replaced(&self, room: &Room, request: &Request, caller: &Identity) -> Result<Option<LegId>, Reject> {
        match (request.headers.replaces()?, request.headers.join()?) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(HeaderError::Malformed(HeaderName::Join).into()),
            (None, Some(join)) => match self.meant(join) {
                Some((_, leg)) if is_over(leg) => Err(Reject::Declined),
                Some(_) | None => Ok(None),
            },
            (Some(replaces), None) => self.replaced_by(room, replaces, caller).map(Some),
        }
    }

    /// RFC 3891 §3, in its order.
    fn replaced_by(&self, room: &Room, replaces: Replaces, caller: &Identity) -> Result<LegId, Reject> {
        let early_only = replaces.early_only;
        let (id, leg) = self.meant(replaces).ok_or(Reject::NoDialog)?;
        if is_over(leg) {
            return Err(Reject::Declined);
        }
        let is_callers =
            |session| room.session(session).map(|own| own.participant()) == room.participant_who_is(caller);
        let may = match &leg.media {
            Media::Offered(session) => is_callers(*session),
            Media::Open(_) => leg.session().is_some_and(is_callers),
            Media::GivenUp(guest) => guest.identity.key() == caller.key(),
            // A file is not sent on by another device.
            Media::File(_) | Media::Closed => false,
        };
        match (may, early_only) {
            (false, _) => Err(Reject::Forbidden),
            (true, true) => Err(Reject::NotEarly),
            (true, false) => Ok(id),
        }
    }

    /// The dialog that is meant, if it is a participant's.
    fn meant(&self, replaces: Replaces) -> Option<(LegId, &Leg)> {
        let dialog = DialogId::from(replaces);
        let id = self.named(&dialog.local_tag)?;
        // SIP-E5: all three parts count.
        let leg = self.legs.get(&id).filter(|leg| *leg.dialog.id() == dialog)?;
        Some((id, leg))
    }

    /// The place of a dialog that is to be replaced is free for its heir, or is not after all.
    pub(crate) fn give_way(&self, room: &mut Room, replaced: Option<LegId>, gives_way: bool) {
        let session = replaced.and_then(|id| self.legs.get(&id)?.session());
        if let Some(session) = session {
            room.give_way(session, gives_way);
        }
    }

    /// The new dialog is there: the nickname is its session's, and the old one ends.
    pub(crate) fn end_replaced(&mut self, now: Instant, room: &mut Room, replaced: LegId, heir: Option<SessionId>) {
        let session = self.legs.get(&replaced).and_then(Leg::session);
        if let Some((session, heir)) = session.zip(heir) {
            room.hand_over(now, session, heir);
        }
        self.end(now, room, replaced, EndReason::Replaced);
    }
}

/// Whether the dialog has ended, and its peer may not know yet.
fn is_over(leg: &Leg) -> bool {
    match (&leg.phase, &leg.media) {
        (Phase::Leaving, _) | (_, Media::Closed) => true,
        (Phase::Unacked(_) | Phase::Confirmed, _) => false,
    }
}
