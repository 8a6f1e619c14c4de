//! Taking part by MESSAGE alone: coming, staying, asking, leaving (MSG-52).

use super::command::Wish;
use super::consent::Consent;
use super::member::{Pager, Proof, missed};
use super::page::Said;
use super::reach::Reach;
use super::{Ask, Meant};
use crate::{EndReason, Focus, Output, Reject};
use parlor_room::{Endpoint, Identity, JoiningMethod, NicknameReject, ParticipantId, Room, SessionId};
use parlor_sip::{Flow, Request};
use std::time::{Duration, Instant};

/// The longest list of those who are in, in octets.
const LONGEST_LIST: usize = 800;

/// What can be asked for.
const HELP: &str =
    "/who: who is here. /nick NAME: what you are called. /leave: you leave. Anything else is said to everybody.";

impl Focus {
    /// A `/join`: of somebody new, or of who is in and is told so again. Who has proven nothing is asked first (MSG-52).
    pub(super) fn join_by_message(
        &mut self,
        now: Instant,
        room: &mut Room,
        identity: Identity,
        number: Option<u64>,
        request: &Request,
        flow: &Flow,
    ) -> Result<Meant, Reject> {
        // It could not be told by any address where to send to.
        if identity.is_anonymous() {
            return Err(parlor_room::Reject::Anonymous.into());
        }
        if !room.is_open() {
            return Err(parlor_room::Reject::Closing.into());
        }
        let known = room.participant_who_is(&identity).and_then(|id| by_message(room, id));
        let reach = Reach::of(identity.aor.clone(), flow);
        let is_there = known.and_then(|id| self.pagers.get(id)).is_some_and(|own| own.reach.place() == reach.place());
        let proof = self.proof(now, &identity, &reach, number);
        if proof == Proof::Nothing && !is_there {
            if known.is_none() {
                room.would_admit(&identity)?;
            }
            return Ok(Meant::Invited(reach));
        }
        let session = match known {
            Some(session) => session,
            None => self.admit_by_message(now, room, identity, reach)?,
        };
        let accepts = request.headers.accept().ok().flatten().unwrap_or_default();
        let takes_cpim = accepts.iter().any(|media| media.is("message/cpim"));
        self.pagers.change(session, |pager| pager.takes_cpim = takes_cpim);
        self.keep_pager(now, room, session, flow, proof);
        Ok(Meant::Joined(session))
    }

    fn proof(&mut self, now: Instant, identity: &Identity, reach: &Reach, number: Option<u64>) -> Proof {
        let said = number.is_some_and(|number| self.consent(now).is_number(now, reach, number));
        match said {
            true => Proof::Number,
            false if identity.is_proven() => Proof::Account,
            false => Proof::Nothing,
        }
    }

    fn consent(&mut self, now: Instant) -> &Consent {
        let rng = &mut self.rng;
        self.pagers.consent.get_or_insert_with(|| Consent::new(now, rng))
    }

    /// Asks whether it is wanted there what the room has to say.
    pub(super) fn invite_by_message(&mut self, now: Instant, room: &Room, reach: Reach) {
        let number = self.consent(now).number(now, &reach);
        let text = format!("To be in {} send this: /join {number}", room.uri());
        self.send_apart(now, room, reach, &Said::by_room(text));
    }

    /// Tells who has come where it is.
    pub(super) fn greet(&mut self, now: Instant, room: &Room, session: SessionId) {
        for text in greeting(room) {
            self.page_text(now, room, session, text);
        }
    }

    fn admit_by_message(
        &mut self,
        now: Instant,
        room: &mut Room,
        identity: Identity,
        reach: Reach,
    ) -> Result<SessionId, Reject> {
        for impostor in room.impostors_of(&identity) {
            self.end_session(now, room, impostor, EndReason::Removed);
        }
        let surplus = room.surplus_session(&identity);
        let method = JoiningMethod::DialedIn;
        let endpoint = Endpoint { entity: "".into(), joined: now, method, referred_by: None };
        let session = room.admit_by_message(identity, endpoint)?;
        self.pagers.insert(session, Pager::new(now, reach));
        if let Some(surplus) = surplus {
            self.replace(now, room, surplus, session);
        }
        self.emit(Output::PagerJoined { session });
        Ok(session)
    }

    /// Something came from a device: it stays, and is there.
    pub(super) fn keep_pager(&mut self, now: Instant, room: &Room, session: SessionId, flow: &Flow, proof: Proof) {
        let expires = now + room.rules().by_message_for;
        self.pagers.change(session, |pager| pager.renew(expires, flow, proof));
        self.send_next(now, room, session);
    }

    /// Does what was asked for by [`Output::Ask`].
    pub fn handle_asked(&mut self, now: Instant, room: &mut Room, ask: &Ask) {
        let session = ask.session;
        if !self.pagers.has(session) {
            return;
        }
        let answer = match &ask.wish {
            Wish::Leave => return self.end_pager(now, room, session, EndReason::Left),
            Wish::Who => who(room),
            Wish::Help => {
                let stays = in_words(room.rules().by_message_for);
                format!("{HELP} You stay for {stays} after what you sent last.")
            }
            Wish::Nick(name) => match room.set_nickname(now, session, name.as_deref()) {
                Ok(()) => match name {
                    Some(name) => format!("You are {name} now."),
                    None => "You have no nickname now.".to_owned(),
                },
                Err(NicknameReject::NotAllowed) => "This room has no nicknames.".to_owned(),
                Err(NicknameReject::Malformed) => "That cannot be a nickname.".to_owned(),
                Err(NicknameReject::Taken) => "That nickname is taken.".to_owned(),
            },
        };
        self.page_text(now, room, session, answer);
    }

    /// It is over for a device, which is told so unless it is not there.
    pub(crate) fn end_pager(&mut self, now: Instant, room: &mut Room, session: SessionId, reason: EndReason) {
        let Some(pager) = self.pagers.remove(session) else { return };
        self.leave_room(now, room, session, reason);
        if let Some(mut text) = farewell(reason) {
            if pager.lost() > 0 {
                text = format!("{text} {}", missed(pager.lost()));
            }
            self.send_apart(now, room, pager.reach, &Said::by_room(text));
        }
        self.emit(Output::PagerLeft { session, reason });
    }

    pub(crate) fn end_all_pagers(&mut self, now: Instant, room: &mut Room, reason: EndReason) {
        for session in self.pagers.sessions() {
            self.end_pager(now, room, session, reason);
        }
    }

    /// The devices of one participant.
    pub(crate) fn end_pagers_of(&mut self, now: Instant, room: &mut Room, who: ParticipantId, reason: EndReason) {
        while let Some(session) = by_message(room, who) {
            self.end_pager(now, room, session, reason);
        }
    }
}

/// The device of a participant that takes part so.
pub(super) fn by_message(room: &Room, participant: ParticipantId) -> Option<SessionId> {
    let sessions = room.participant(participant)?.sessions();
    sessions.iter().copied().find(|id| room.session(*id).is_some_and(|own| own.is_by_message()))
}

/// What somebody is told who has come, one message each.
fn greeting(room: &Room) -> Vec<String> {
    let rules = room.rules();
    let place = format!("You are in {}: what you send here goes to everybody in it. /help tells more.", room.uri());
    let welcome = (!rules.welcome.is_empty()).then(|| rules.welcome.to_string());
    let topic = (rules.announce_topic && !room.topic().is_empty()).then(|| format!("The topic is: {}", room.topic()));
    [Some(place), welcome, topic].into_iter().flatten().collect()
}

fn farewell(reason: EndReason) -> Option<String> {
    let text = match reason {
        EndReason::Left => "You have left the room.",
        EndReason::Expired => {
            "You are no longer in the room, as nothing came from you for long. /join brings you back."
        }
        EndReason::Removed => "You were removed from the room.",
        EndReason::Replaced => "You are in the room by another device now.",
        EndReason::RoomClosed => "The room is closed.",
        EndReason::Shutdown => "The server is going down.",
        EndReason::MediaRemoved
        | EndReason::NoAck
        | EndReason::BadAnswer
        | EndReason::BindTimeout
        | EndReason::ConnectionLost
        | EndReason::Unreachable
        | EndReason::Stalled
        | EndReason::Unanswered
        | EndReason::Transferred
        | EndReason::TransferFailed => return None,
    };
    Some(text.to_owned())
}

fn who(room: &Room) -> String {
    let all = room.participants();
    let count = all.len();
    let mut text = format!("{count} here: ");
    let mut named = 0;
    for (id, _) in all {
        let name = room.known_as(id).unwrap_or_default();
        if text.len() + name.len() > LONGEST_LIST {
            break;
        }
        text += if named == 0 { "" } else { ", " };
        text += &name;
        named += 1;
    }
    if count > named {
        text += &format!(" and {} more", count - named);
    }
    text
}

fn in_words(time: Duration) -> String {
    match time.as_secs() / 60 {
        minutes if minutes >= 120 => format!("{} hours", minutes / 60),
        minutes => format!("{minutes} minutes"),
    }
}
