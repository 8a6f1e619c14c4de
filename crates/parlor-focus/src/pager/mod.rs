//! MESSAGE to the room: pager mode (RFC 3428), which becomes a message of the room (MSG-40 … MSG-47).

mod command;
mod consent;
mod delivery;
mod member;
mod membership;
mod page;
mod private;
mod reach;

pub use command::asks_to_join;
pub use delivery::Page;
pub use member::PageFate;
pub(crate) use member::Pagers;
pub use page::Spoken;
pub use private::PrivatePost;

use self::command::{Command, Wish};
use self::member::Proof;
use self::membership::by_message;
use self::reach::Reach;
use crate::{Caller, Focus, Output, Reject, features, identity, uas};
use bytes::Bytes;
use parlor_room::{Identity, ParticipantId, Room, SessionId};
use parlor_sip::{Flow, HeaderError, HeaderName, MediaType, Request, Response, ServerTransactionId, reason_phrase};
use std::time::{Duration, Instant};

/// What a MESSAGE says in the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Who says it.
    pub participant: ParticipantId,
    /// The session of the device that says it, if it has one here.
    pub device: Option<SessionId>,
    /// What.
    pub content: PostContent,
}

/// What somebody who takes part by MESSAGE alone asks the room for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// As which session it is in.
    pub session: SessionId,
    wish: Wish,
}

impl Ask {
    /// Whether it tries a nickname.
    pub fn is_for_nickname(&self) -> bool {
        matches!(self.wish, Wish::Nick(_))
    }
}

/// What a MESSAGE is good for.
enum Meant {
    Nothing,
    /// Who sends it is asked first whether it wants to come in.
    Invited(Reach),
    Joined(SessionId),
    Post(Post),
    Ask(Ask),
}

/// The content of a MESSAGE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostContent {
    /// `message/cpim` as it is.
    Cpim(Bytes),
    /// Anything else, to be wrapped.
    Plain(Plain),
}

/// Content without `message/cpim` around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plain {
    /// Its type, with parameters.
    pub content_type: Box<str>,
    /// It.
    pub body: Bytes,
    /// When it was sent, since 1970-01-01T00:00:00Z, if that is said.
    pub sent: Option<Duration>,
}

impl Focus {
    /// A MESSAGE in or outside of a dialog. What it says goes to [`Output::Post`]; one that says nothing is accepted so.
    pub(crate) fn take_message(
        &mut self,
        now: Instant,
        room: &mut Room,
        tx: ServerTransactionId,
        request: &Request,
        flow: &Flow,
        caller: &Caller,
    ) {
        match self.read_message(now, room, request, flow, caller) {
            Ok(Meant::Post(post)) => self.emit(Output::Post { tx, request: Box::new(request.clone()), post }),
            Ok(Meant::Ask(ask)) => self.emit(Output::Ask { tx, request: Box::new(request.clone()), ask }),
            Ok(Meant::Joined(session)) => {
                self.handle_posted(tx, request, Ok(()));
                self.greet(now, room, session);
            }
            Ok(Meant::Invited(reach)) => {
                self.handle_posted(tx, request, Ok(()));
                self.invite_by_message(now, room, reach);
            }
            Ok(Meant::Nothing) => self.handle_posted(tx, request, Ok(())),
            Err(reject) => self.handle_posted(tx, request, Err(reject)),
        }
    }

    /// What became of an [`Output::Post`].
    pub fn handle_posted(&mut self, tx: ServerTransactionId, request: &Request, posted: Result<(), Reject>) {
        let tag = self.fresh_tag();
        let response = match posted {
            // MSG-20, MSG-21: a relay says 202, without Contact and body.
            Ok(()) => {
                let mut response = Response::for_request(request, 202, reason_phrase(202));
                response.headers.push(HeaderName::Server, &self.settings.product);
                response.set_to_tag(&tag);
                response
            }
            Err(reject) => uas::refuse(request, &reject, &self.settings, &tag),
        };
        self.emit(Output::Respond { tx, response });
    }

    fn read_message(
        &mut self,
        now: Instant,
        room: &mut Room,
        request: &Request,
        flow: &Flow,
        caller: &Caller,
    ) -> Result<Meant, Reject> {
        if request.headers.to_tag()?.is_some() {
            let (participant, device) = self.speaker_in_dialog(room, request, flow, caller)?;
            uas::understood(request)?;
            return said(room, request, participant, device);
        }
        let identity = identity::identify(request, caller, &self.settings.limits)?;
        let command = if may_by_message(room) { Command::of(request) } else { None };
        if let Some(Command::Join(number)) = command {
            uas::understood(request)?;
            return self.join_by_message(now, room, identity, number, request, flow);
        }
        let (participant, device) = self.speaker(room, &identity, flow)?;
        uas::understood(request)?;
        let pager = device.filter(|session| self.pagers.has(*session));
        let meant = match (pager, command) {
            (Some(session), Some(Command::Wish(wish))) => Meant::Ask(Ask { session, wish }),
            (Some(_), Some(Command::Join(_)) | None) | (None, Some(_) | None) => {
                said(room, request, participant, device)?
            }
        };
        // What is refused moves nobody.
        if let Some(session) = pager {
            let proof = if identity.is_proven() { Proof::Account } else { Proof::Nothing };
            self.keep_pager(now, room, session, flow, proof);
        }
        Ok(meant)
    }

    /// MSG-46: who sends it is in the room by the dialog that it stands in.
    fn speaker_in_dialog(
        &mut self,
        room: &Room,
        request: &Request,
        flow: &Flow,
        caller: &Caller,
    ) -> Result<(ParticipantId, Option<SessionId>), Reject> {
        let id = self.find(request)?;
        self.accept_in_dialog(id, request, *flow, caller)?;
        let session = self.legs.get(&id).and_then(crate::leg::Leg::session).ok_or(Reject::NoDialog)?;
        let own = room.session(session).ok_or(Reject::NoDialog)?;
        Ok((own.participant(), Some(session)))
    }

    /// MSG-40, MSG-41: who sends it must be in the room by who it is.
    fn speaker(
        &self,
        room: &Room,
        identity: &Identity,
        flow: &Flow,
    ) -> Result<(ParticipantId, Option<SessionId>), Reject> {
        let absent = if may_by_message(room) { Reject::NotIn } else { Reject::Forbidden };
        let participant = room.participant_who_is(identity).ok_or(absent)?;
        let device = self.device_at(room, participant, flow).or_else(|| by_message(room, participant));
        Ok((participant, device))
    }

    /// The session of a participant whose dialog goes over this flow.
    fn device_at(&self, room: &Room, participant: ParticipantId, flow: &Flow) -> Option<SessionId> {
        let sessions = room.participant(participant)?.sessions();
        let is_there = |session: &SessionId| self.flow_of(*session).is_some_and(|own| is_same_peer(own, flow));
        sessions.iter().copied().find(is_there)
    }
}

/// What is said by a MESSAGE that is no command.
fn said(
    room: &Room,
    request: &Request,
    participant: ParticipantId,
    device: Option<SessionId>,
) -> Result<Meant, Reject> {
    if request.body.is_empty() {
        return Ok(Meant::Nothing);
    }
    Ok(Meant::Post(Post { participant, device, content: content(room, request)? }))
}

/// Whether a room may be taken part in by MESSAGE alone: not where all must travel in TLS.
pub(crate) fn may_by_message(room: &Room) -> bool {
    room.rules().by_message && !room.rules().require_tls
}

/// MSG-42: what the room takes.
fn content(room: &Room, request: &Request) -> Result<PostContent, Reject> {
    let coding = request.headers.content_encoding().map(str::trim).unwrap_or_default();
    if !coding.is_empty() && !coding.eq_ignore_ascii_case("identity") {
        return Err(Reject::BodyEncoding);
    }
    // RFC 3261 §20.15: Content-Type must be there if the body is not empty.
    let missing = HeaderError::Missing(HeaderName::ContentType);
    let media: MediaType = request.headers.content_type()?.ok_or(missing)?;
    if media.is("message/cpim") {
        return Ok(PostContent::Cpim(request.body.clone()));
    }
    if !room.rules().wrapped_types.accepts(&format!("{}/{}", media.main, media.sub)) {
        return Err(Reject::MessageType(features::accept_of_messages(&room.rules().wrapped_types)));
    }
    let written = request.headers.first(&HeaderName::ContentType).unwrap_or_default();
    let plain = Plain { content_type: written.into(), body: request.body.clone(), sent: request.headers.date() };
    Ok(PostContent::Plain(plain))
}

fn is_same_peer(own: &Flow, other: &Flow) -> bool {
    own.transport == other.transport && own.remote == other.remote && own.connection == other.connection
}
