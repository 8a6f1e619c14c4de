//! What offers and answers make of a session: opened, changed, given up, taken up again.

use crate::invite::Guest;
use crate::leg::{Binding, LegId, Media, opened};
use crate::sdp::{self, LocalSdp, Negotiated, Offered, Role, SdpReject, Unacceptable};
use crate::timers::Timer;
use crate::{EndReason, Focus, Output, Reject, SessionSpec};
use parlor_room::Room;
use std::time::{Duration, Instant};

/// By so much an exchange of SDP may overtake the news that a connection is lost.
pub const OVERTAKES: Duration = Duration::from_secs(30);

impl Focus {
    /// Lets somebody in with what was agreed.
    pub(crate) fn open(
        &mut self,
        room: &mut Room,
        guest: Guest,
        agreed: Negotiated,
    ) -> Result<(Media, LocalSdp), Reject> {
        let agreed = self.sharing(agreed);
        let session = room.admit(guest.identity, agreed.peer.capabilities.clone(), guest.endpoint)?;
        self.emit(Output::OpenSession { session, spec: SessionSpec::from(&agreed) });
        Ok((Media::Open(Box::new(opened(session, &agreed))), agreed.sdp))
    }

    /// The answer to our offer, in an ACK or in the 2xx to our re-INVITE. Says whether the peer's
    /// path is a new one.
    pub(crate) fn conclude(
        &mut self,
        room: &mut Room,
        id: LegId,
        offered: Offered,
        body: Option<&[u8]>,
    ) -> Result<bool, Reject> {
        let answer = body.ok_or(SdpReject::Syntax)?;
        let leg = self.legs.get(&id).ok_or(Reject::NoDialog)?;
        let local = Self::local_media(&self.settings, room);
        let agreed = sdp::read_answer(answer, offered, leg.current(), &local, &self.settings.limits)?;
        let &Media::Offered(session) = &leg.media else { return Ok(self.change(room, id, agreed, false)) };
        let agreed = self.sharing(agreed);
        room.update(session, agreed.peer.capabilities.clone());
        self.emit(Output::OpenSession { session, spec: SessionSpec::from(&agreed) });
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.media = Media::Open(Box::new(opened(session, &agreed)));
        }
        Ok(true)
    }

    /// A later offer. Says whether the peer's path is a new one; refused, nothing has changed
    /// (SIP-44).
    pub(crate) fn renegotiate(
        &mut self,
        now: Instant,
        room: &mut Room,
        id: LegId,
        offer: &[u8],
    ) -> Result<bool, Reject> {
        let settings = self.settings.clone();
        let leg = self.legs.get(&id).ok_or(Reject::NoDialog)?;
        if let Media::File(_) = leg.media {
            return self.renegotiate_transfer(now, room, id, offer).map(|()| false);
        }
        let local = Self::local_media(&settings, room);
        let fresh = || Self::session_id(&settings.session_mark, &mut self.rng);
        let answered = sdp::answer(offer, &local, leg.current(), &leg.sdp, &settings.limits, fresh);
        match (&leg.media, answered) {
            (Media::Open(_), Ok(agreed)) => Ok(self.change(room, id, agreed, true)),
            (Media::Open(_), Err(SdpReject::Removed)) => self.give_up(now, room, id, offer),
            (Media::GivenUp(guest), Ok(agreed)) => {
                let guest = Guest::clone(guest);
                self.take_up(room, id, guest, agreed)
            }
            (Media::GivenUp(_), Err(SdpReject::NotAcceptable(Unacceptable::NoMessage))) => {
                self.refuse_all(room, id, offer).map(|()| false)
            }
            (Media::Open(_) | Media::GivenUp(_), Err(reject)) => Err(reject.into()),
            (Media::Offered(_), Ok(_) | Err(_)) => Err(Reject::Glare),
            (Media::File(_) | Media::Closed, Ok(_) | Err(_)) => Err(Reject::NoDialog),
        }
    }

    /// Our last description as an offer, for a re-INVITE without one (SIP-41).
    pub(crate) fn same_offer(&self, id: LegId) -> Result<Offered, Reject> {
        let leg = self.legs.get(&id).ok_or(Reject::NoDialog)?;
        let local = leg.current().ok_or(SdpReject::Removed)?.local.clone();
        Ok(Offered { local, sdp: leg.sdp.clone() })
    }

    /// Both sides know the session: from now on it is to be bound, by us if the peer waits.
    pub(crate) fn settle(&mut self, now: Instant, id: LegId, moved: bool) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(open) = leg.media.agreed_mut() else { return };
        let bound_anew = moved && open.role == Role::Connect;
        match &mut open.binding {
            Binding::Bound { renewed } if !bound_anew => *renewed = Some(now),
            Binding::Bound { .. } | Binding::Free => {
                open.binding = Binding::Free;
                self.timers.disarm(id, Timer::Rejoin);
                self.timers.arm(id, Timer::Bind, now + self.settings.bind_timeout); // MSRP-98b
                self.connect(id);
            }
        }
    }

    /// A session's connection is there.
    pub(crate) fn bind(&mut self, id: LegId) {
        if let Some(open) = self.legs.get_mut(&id).and_then(|leg| leg.media.agreed_mut()) {
            open.binding = Binding::Bound { renewed: None };
            self.timers.disarm(id, Timer::Bind);
            self.timers.disarm(id, Timer::Rejoin);
        }
    }

    /// A session's connection is lost. If the peer has said so before, by an offer, it waits for us (MSRP-97).
    pub(crate) fn unbind(&mut self, now: Instant, id: LegId) {
        let Some(Media::Open(open)) = self.legs.get_mut(&id).map(|leg| &mut leg.media) else { return };
        let Binding::Bound { renewed } = std::mem::replace(&mut open.binding, Binding::Free) else { return };
        self.timers.arm(id, Timer::Rejoin, now + self.settings.rejoin_timeout);
        if renewed.is_some_and(|at| now < at + OVERTAKES) {
            self.connect(id);
        }
    }

    fn connect(&mut self, id: LegId) {
        let Some(leg) = self.legs.get(&id) else { return };
        if let Some(open) = leg.media.agreed()
            && open.role == Role::Connect
        {
            let (session, allowed) = (open.session, Some(leg.flow.remote.ip()));
            self.emit(Output::Connect { session, allowed });
        }
    }

    /// Takes over what was agreed anew, and says whether the peer's path is a new one. An offer of the peer's is told even if
    /// it changes nothing: it may want its session back after its connection was lost (MSRP-97).
    fn change(&mut self, room: &mut Room, id: LegId, agreed: Negotiated, offered: bool) -> bool {
        let agreed = self.sharing(agreed);
        let Some(leg) = self.legs.get_mut(&id) else { return false };
        let Media::Open(open) = &mut leg.media else { return false };
        let session = open.session;
        let capabilities = &agreed.peer.capabilities;
        let differs = room.session(session).is_some_and(|own| own.capabilities() != capabilities);
        let moved = open.local != agreed.local || open.peer != agreed.peer.path;
        let changed = offered || moved || differs || open.role != agreed.role;
        open.line = agreed.line;
        open.local = agreed.local.clone();
        open.peer = agreed.peer.path.clone();
        open.role = agreed.role;
        leg.sdp = agreed.sdp.clone();
        if differs {
            room.update(session, capabilities.clone());
        }
        if changed {
            self.emit(Output::UpdateSession { session, spec: SessionSpec::from(&agreed) });
        }
        moved
    }

    /// SIP-65: the participant stays in the dialog without chat, and may come back for a while.
    fn give_up(&mut self, now: Instant, room: &mut Room, id: LegId, offer: &[u8]) -> Result<bool, Reject> {
        let session = self.legs.get(&id).and_then(|leg| leg.session()).ok_or(Reject::NoDialog)?;
        let participant = room.participant_of(session).ok_or(Reject::NoDialog)?;
        let endpoint = room.session(session).ok_or(Reject::NoDialog)?.endpoint().clone();
        let guest = Box::new(Guest { identity: participant.identity().clone(), endpoint });
        self.refuse_all(room, id, offer)?;
        self.close_media(now, room, id, EndReason::MediaRemoved);
        self.set_media(id, Media::GivenUp(guest));
        self.timers.disarm(id, Timer::Bind);
        self.timers.arm(id, Timer::Rejoin, now + self.settings.rejoin_timeout);
        Ok(false)
    }

    /// A participant that had given up its session has one again.
    fn take_up(&mut self, room: &mut Room, id: LegId, guest: Guest, agreed: Negotiated) -> Result<bool, Reject> {
        let (media, sdp) = self.open(room, guest, agreed)?;
        self.timers.disarm(id, Timer::Rejoin);
        self.set_media(id, media);
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.sdp = sdp;
        }
        Ok(true)
    }

    /// Answers an offer with all lines refused.
    pub(crate) fn refuse_all(&mut self, room: &Room, id: LegId, offer: &[u8]) -> Result<(), Reject> {
        let local = Self::local_media(&self.settings, room);
        let leg = self.legs.get_mut(&id).ok_or(Reject::NoDialog)?;
        leg.sdp = sdp::refusal(offer, &local, &leg.sdp, &self.settings.limits)?;
        Ok(())
    }

    /// The same with a list of types that may be another session's too.
    fn sharing(&mut self, mut agreed: Negotiated) -> Negotiated {
        let types = &mut agreed.peer.capabilities.wrapped_types;
        *types = self.types.share(types.clone());
        agreed
    }
}
