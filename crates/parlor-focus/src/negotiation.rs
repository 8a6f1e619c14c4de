//! What offers and answers make of the sessions of a dialog: opened, changed, given up, taken up again.

use crate::invite::Guest;
use crate::leg::{self, LegId, Media, Open};
use crate::sdp::{self, Line, LocalSdp, Negotiated, Offered, SdpReject, Unacceptable};
use crate::timers::Timer;
use crate::{EndReason, Focus, Output, Reject, SessionSpec};
use parlor_room::{Room, SessionId};
use std::time::Instant;

impl Focus {
    /// Lets somebody in with what was agreed.
    pub(crate) fn open(
        &mut self,
        room: &mut Room,
        guest: Guest,
        agreed: Negotiated,
    ) -> Result<(Media, LocalSdp), Reject> {
        let Negotiated { lines, sdp } = self.sharing(agreed);
        let mut opened = Vec::with_capacity(lines.len());
        let (first, further) = lines.split_first().ok_or(Reject::NoDialog)?;
        let session = room.admit(guest.identity, first.peer.capabilities.clone(), guest.endpoint)?;
        self.open_line(&mut opened, session, first);
        self.open_further(room, &mut opened, session, further);
        Ok((Media::Open(opened), sdp))
    }

    fn open_line(&mut self, opened: &mut Vec<Open>, session: SessionId, agreed: &Line) {
        self.emit(Output::OpenSession { session, spec: SessionSpec::from(agreed) });
        opened.push(leg::opened(session, agreed));
    }

    /// Lets a participant have further sessions beside one that it has, in the same dialog.
    fn open_further(&mut self, room: &mut Room, opened: &mut Vec<Open>, beside: SessionId, lines: &[Line]) {
        for agreed in lines {
            if let Some(session) = room.admit_beside(beside, agreed.peer.capabilities.clone()) {
                self.open_line(opened, session, agreed);
            }
        }
    }

    /// The answer to our offer, in an ACK or in the 2xx to our INVITE.
    pub(crate) fn conclude(
        &mut self,
        now: Instant,
        room: &mut Room,
        id: LegId,
        mut offered: Offered,
        body: Option<&[u8]>,
    ) -> Result<(), Reject> {
        let answer = body.ok_or(SdpReject::Syntax)?;
        let leg = self.legs.get(&id).ok_or(Reject::NoDialog)?;
        let local = Self::local_media(&self.settings, room);
        if let Media::Open(lines) = &leg.media {
            // What has ended meanwhile stays ended.
            offered.lines.retain(|(line, _)| lines.iter().any(|open| open.line == *line));
        }
        let agreed = sdp::read_answer(answer, offered, &leg.current(), &local, &self.settings.limits)?;
        let &Media::Offered(session) = &leg.media else {
            self.apply(now, room, id, agreed, false);
            return Ok(());
        };
        let Negotiated { lines, sdp } = self.sharing(agreed);
        let first = lines.first().ok_or(Reject::NoDialog)?;
        room.update(session, first.peer.capabilities.clone());
        let mut opened = Vec::with_capacity(1);
        self.open_line(&mut opened, session, first);
        self.set_media(id, Media::Open(opened));
        self.say(id, sdp);
        Ok(())
    }

    /// A later offer. Refused, nothing has changed (SIP-44).
    pub(crate) fn renegotiate(&mut self, now: Instant, room: &mut Room, id: LegId, offer: &[u8]) -> Result<(), Reject> {
        let settings = self.settings.clone();
        let leg = self.legs.get(&id).ok_or(Reject::NoDialog)?;
        if let Media::File(_) = leg.media {
            return self.renegotiate_transfer(now, room, id, offer);
        }
        let local = Self::local_media(&settings, room);
        let fresh = || Self::session_id(&settings.session_mark, &mut self.rng);
        let answered = sdp::answer(offer, &local, &leg.current(), &leg.sdp, &settings.limits, fresh);
        match (&leg.media, answered) {
            (Media::Open(_), Ok(agreed)) => self.apply(now, room, id, agreed, true),
            (Media::Open(_), Err(SdpReject::Removed)) => self.give_up(now, room, id, offer)?,
            (Media::GivenUp(guest), Ok(agreed)) => {
                let guest = Guest::clone(guest);
                self.take_up(room, id, guest, agreed)?;
            }
            (Media::GivenUp(_), Err(SdpReject::NotAcceptable(Unacceptable::NoMessage))) => {
                self.refuse_all(room, id, offer)?;
            }
            (Media::Open(_) | Media::GivenUp(_), Err(reject)) => return Err(reject.into()),
            (Media::Offered(_), Ok(_) | Err(_)) => return Err(Reject::Glare),
            (Media::File(_) | Media::Closed, Ok(_) | Err(_)) => return Err(Reject::NoDialog),
        }
        Ok(())
    }

    /// Our last description as an offer, for a re-INVITE without one (SIP-41) or of ours; in it sessions that have ended
    /// since are none any more.
    pub(crate) fn offer_again(&mut self, id: LegId) -> Result<Offered, Reject> {
        let leg = self.legs.get_mut(&id).ok_or(Reject::NoDialog)?;
        leg.sdp = sdp::without_ended(&leg.sdp, &leg.current());
        self.last_offer(id)
    }

    /// Our last description, which was an offer, as far as its sessions go on.
    pub(crate) fn last_offer(&self, id: LegId) -> Result<Offered, Reject> {
        let leg = self.legs.get(&id).ok_or(Reject::NoDialog)?;
        let lines: Vec<_> = leg.media.lines().iter().map(|open| (open.line, open.local.clone())).collect();
        if lines.is_empty() { Err(SdpReject::Removed.into()) } else { Ok(Offered { lines, sdp: leg.sdp.clone() }) }
    }

    /// Takes over what was agreed anew: sessions that go on, new ones beside them, and the end of others.
    fn apply(&mut self, now: Instant, room: &mut Room, id: LegId, agreed: Negotiated, offered: bool) {
        let Negotiated { lines, sdp } = self.sharing(agreed);
        let Some(leg) = self.legs.get(&id) else { return };
        let before: Vec<(usize, SessionId)> = leg.media.lines().iter().map(|open| (open.line, open.session)).collect();
        let going_on =
            |line: &Line| before.iter().find(|(at, _)| line.before == Some(*at)).map(|(_, session)| *session);
        let Some(beside) = before.first().map(|(_, session)| *session) else { return };
        for line in &lines {
            if let Some(session) = going_on(line) {
                self.change(room, id, session, line, offered);
            }
        }
        let further: Vec<Line> = lines.iter().filter(|line| going_on(line).is_none()).cloned().collect();
        let mut opened = Vec::new();
        self.open_further(room, &mut opened, beside, &further);
        self.add_lines(id, opened);
        let stays = |session: &SessionId| lines.iter().any(|line| going_on(line) == Some(*session));
        for (_, session) in before.iter().filter(|(_, session)| !stays(session)) {
            self.close_line(now, room, id, *session, EndReason::MediaRemoved);
        }
        self.say(id, sdp);
    }

    /// SIP-65: the participant stays in the dialog without chat, and may come back for a while.
    fn give_up(&mut self, now: Instant, room: &mut Room, id: LegId, offer: &[u8]) -> Result<(), Reject> {
        let session = self.legs.get(&id).and_then(|leg| leg.session()).ok_or(Reject::NoDialog)?;
        let participant = room.participant_of(session).ok_or(Reject::NoDialog)?;
        let endpoint = room.session(session).ok_or(Reject::NoDialog)?.endpoint().clone();
        let guest = Box::new(Guest { identity: participant.identity().clone(), endpoint });
        self.refuse_all(room, id, offer)?;
        self.close_media(now, room, id, EndReason::MediaRemoved);
        self.set_media(id, Media::GivenUp(guest));
        self.timers.arm(id, Timer::Rejoin, now + self.settings.rejoin_timeout);
        Ok(())
    }

    /// A participant that had given up its session has one again.
    fn take_up(&mut self, room: &mut Room, id: LegId, guest: Guest, agreed: Negotiated) -> Result<(), Reject> {
        let (media, sdp) = self.open(room, guest, agreed)?;
        self.timers.disarm(id, Timer::Rejoin);
        self.set_media(id, media);
        self.say(id, sdp);
        Ok(())
    }

    /// Answers an offer with all lines refused.
    pub(crate) fn refuse_all(&mut self, room: &Room, id: LegId, offer: &[u8]) -> Result<(), Reject> {
        let local = Self::local_media(&self.settings, room);
        let leg = self.legs.get(&id).ok_or(Reject::NoDialog)?;
        let sdp = sdp::refusal(offer, &local, &leg.sdp, &self.settings.limits)?;
        self.say(id, sdp);
        Ok(())
    }

    /// This is what we say now.
    pub(crate) fn say(&mut self, id: LegId, sdp: LocalSdp) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.sdp = sdp;
        }
    }

    /// The same with lists of types that may be another session's too.
    fn sharing(&mut self, mut agreed: Negotiated) -> Negotiated {
        for line in &mut agreed.lines {
            let types = &mut line.peer.capabilities.wrapped_types;
            *types = self.types.share(types.clone());
        }
        agreed
    }
}
