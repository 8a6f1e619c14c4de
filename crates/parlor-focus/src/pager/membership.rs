//! Taking part by MESSAGE alone: coming, staying, asking, leaving (MSG-52).

use super::Ask;
use super::command::Command;
use super::member::{Pager, missed};
use super::page::Said;
use crate::{EndReason, Focus, NextHop, Output, Reject};
use parlor_room::{Endpoint, Identity, JoiningMethod, NicknameReject, ParticipantId, Room, SessionId};
use parlor_sip::{Flow, Request, Transport, Uri};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest list of those who are in, in octets.
const LONGEST_LIST: usize = 800;

/// What can be asked for.
const HELP: &str =
    "/who: who is here. /nick NAME: what you are called. /leave: you leave. Anything else is said to everybody.";

impl Focus {
    /// How many take part by MESSAGE alone.
    pub fn pagers(&self) -> usize {
        self.pagers.len()
    }

    /// A `/join`: of somebody new, or of who is in and is told so again.
    pub(super) fn join_by_message(
        &mut self,
        now: Instant,
        room: &mut Room,
        identity: Identity,
        request: &Request,
        flow: &Flow,
    ) -> Result<SessionId, Reject> {
        // It could not be told by any address where to send to.
        if identity.is_anonymous() {
            return Err(parlor_room::Reject::Anonymous.into());
        }
        let known = room.participant_who_is(&identity).and_then(|id| by_message(room, id));
        let session = match known {
            Some(session) => session,
            None => self.admit_by_message(now, room, identity, flow)?,
        };
        let accepts = request.headers.accept().ok().flatten().unwrap_or_default();
        let takes_cpim = accepts.iter().any(|media| media.is("message/cpim"));
        self.pagers.change(session, |pager| pager.takes_cpim = takes_cpim);
        self.keep_pager(now, room, session, flow);
        Ok(session)
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
        flow: &Flow,
    ) -> Result<SessionId, Reject> {
        for impostor in room.impostors_of(&identity) {
            self.end_session(now, room, impostor, EndReason::Removed);
        }
        let surplus = room.surplus_session(&identity);
        let aor = identity.aor.clone();
        let method = JoiningMethod::DialedIn;
        let endpoint = Endpoint { entity: "".into(), joined: now, method, referred_by: None };
        let session = room.admit_by_message(identity, endpoint)?;
        let (target, next_hop) = heard_at(&aor, flow);
        self.pagers.insert(session, Pager::new(now, aor, target, next_hop));
        if let Some(surplus) = surplus {
            self.replace(now, room, surplus, session);
        }
        self.emit(Output::PagerJoined { session });
        Ok(session)
    }

    /// Something came from a device: it stays, and is there.
    pub(super) fn keep_pager(&mut self, now: Instant, room: &Room, session: SessionId, flow: &Flow) {
        let expires = now + room.rules().by_message_for;
        self.pagers.change(session, |pager| {
            let (target, next_hop) = heard_at(&pager.aor, flow);
            pager.renew(expires, target, next_hop);
        });
        self.send_next(now, room, session);
    }

    /// Does what was asked for by [`Output::Ask`].
    pub fn handle_asked(&mut self, now: Instant, room: &mut Room, ask: &Ask) {
        let session = ask.session;
        if !self.pagers.has(session) {
            return;
        }
        let answer = match &ask.command {
            // It was served at once.
            Command::Join => return,
            Command::Leave => return self.end_pager(now, room, session, EndReason::Left),
            Command::Who => who(room),
            Command::Help => {
                let stays = in_words(room.rules().by_message_for);
                format!("{HELP} You stay for {stays} after what you sent last.")
            }
            Command::Nick(name) => match room.set_nickname(now, session, name.as_deref()) {
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
        room.leave(now, session, reason.departure());
        if let Some(mut text) = farewell(reason) {
            if pager.lost() > 0 {
                text = format!("{text} {}", missed(pager.lost()));
            }
            self.part_with(now, room, &pager, &Arc::new(Said::by_room(text)));
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

/// Where a device is that was heard from there: at its user's name, if that is one of a SIP URI.
fn heard_at(aor: &Uri, flow: &Flow) -> (Uri, NextHop) {
    let remote = flow.remote;
    let there = Uri::of_address(remote);
    let user = aor.user_decoded().filter(|_| aor.is_sip());
    let target = Uri::sip(user.as_deref(), &remote.ip().to_string(), Some(remote.port()));
    let over = |uri: Uri| match flow.transport {
        Transport::Udp => uri,
        Transport::Tcp => uri.with_param("transport", "tcp"),
        Transport::Tls => uri.with_param("transport", "tls"),
    };
    let target = over(target.unwrap_or_else(|_| there.clone()));
    (target, NextHop { flow: *flow, uri: over(there) })
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
