//! SEND: the decisions of spec/chatroom.md §4, in their order, and streaming (RFC 7701 §6).

use crate::Credit;
use crate::deliver::Outgoing;
use crate::frame::MessageKey;
use crate::message::{Incoming, Phase};
use crate::refusal::Refusal;
use crate::session::{Chunk, Content};
use crate::switch::{Counted, Dropped, Switch};
use bytes::Bytes;
use parlor_cpim::{Envelope, Scanner};
use parlor_msrp::{Flag, MessageId, Request};
use parlor_room::{Room, SessionId};
use std::time::{Duration, Instant};

/// A heartbeat that one client library sends every few seconds and wants answered (interop.md §2).
const HEARTBEAT: &str = "text/x-msrp-heartbeat";
/// An open message may be given up for another one when nothing of it came for so long.
const IDLE: Duration = Duration::from_secs(10);

impl Switch {
    pub(crate) fn handle_send(&mut self, now: Instant, room: &Room, session: SessionId, request: &Request) {
        let content = self.content_of(now, room, session, request);
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let chunk = Chunk::new(request, content.unwrap_or(Content::Refused));
        state.chunk = Some(chunk);
        if let Err(refusal) = content {
            self.refuse_chunk(session, refusal);
        }
    }

    pub(crate) fn handle_body(&mut self, now: Instant, room: &Room, session: SessionId, body: Bytes, credit: &Credit) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let Some(chunk) = state.chunk.as_mut() else { return };
        let offset = chunk.offset;
        chunk.offset = offset.saturating_add(body.len() as u64);
        let key = match chunk.content {
            Content::Message(key) => key,
            Content::Unwrapped if !body.is_empty() => return self.refuse_chunk(session, Refusal::NotCpim),
            Content::Unwrapped | Content::Keepalive | Content::Duplicate | Content::Refused => return,
        };
        // It may have been given up since the chunk began.
        let Some(index) = state.message_index(key) else { return };
        // Taken out while it is worked on, as its recipients come from the other sessions.
        let mut message = state.messages.swap_remove(index);
        let taken = self.take(now, room, session, &mut message, offset, body, credit);
        match taken {
            Ok(()) => self.put_back(session, message),
            Err(refusal) => self.refuse_message(session, message, refusal),
        }
    }

    pub(crate) fn handle_end(&mut self, now: Instant, session: SessionId, flag: Flag) {
        let Some(chunk) = self.sessions.get_mut(&session).and_then(|state| state.chunk.take()) else { return };
        match chunk.content {
            Content::Refused => {}
            Content::Keepalive => self.answer(session, &chunk, flag),
            // MSRP-E7: Content-Type, but nothing in it.
            Content::Unwrapped if flag == Flag::Complete => self.answer(session, &chunk, flag),
            Content::Unwrapped => {
                self.restore_chunk(session, chunk);
                self.refuse_chunk(session, Refusal::NotCpim);
            }
            Content::Duplicate => self.answer(session, &chunk, flag),
            Content::Message(key) => self.end_chunk(now, session, chunk, key, flag),
        }
        self.make_ready(session);
    }

    /// What a chunk is good for, judged by its head.
    fn content_of(
        &mut self,
        now: Instant,
        room: &Room,
        session: SessionId,
        request: &Request,
    ) -> Result<Content, Refusal> {
        let Some(state) = self.sessions.get(&session) else { return Ok(Content::Refused) };
        // MSRP-99, MSRP-E7: no body, or an empty one that ends at once.
        if !request.has_body || request.media_type().is_some_and(|media| media.eq_ignore_ascii_case(HEARTBEAT)) {
            return Ok(Content::Keepalive);
        }
        let id = request.message_id.as_ref().ok_or(Refusal::MalformedRequest)?;
        if let Some(code) = state.refused_with(id) {
            return Err(Refusal::again(code));
        }
        if !room.session(session).is_some_and(|own| own.capabilities().direction.sends()) {
            return Err(Refusal::NotAllowed);
        }
        let total = request.byte_range.and_then(|range| range.total);
        if total.is_some_and(|total| total > room.rules().max_message_bytes) {
            return Err(Refusal::TooLarge);
        }
        if !request.media_type().is_some_and(|media| media.eq_ignore_ascii_case("message/cpim")) {
            return Ok(Content::Unwrapped);
        }
        if state.has_completed(now, id) {
            return Ok(Content::Duplicate);
        }
        if let Some(known) = state.messages.iter().find(|message| message.id == *id) {
            return Ok(Content::Message(known.key));
        }
        self.open_message(now, session, request, *id).map(Content::Message)
    }

    fn open_message(
        &mut self,
        now: Instant,
        session: SessionId,
        request: &Request,
        id: MessageId,
    ) -> Result<MessageKey, Refusal> {
        if self.open >= self.settings.open_messages {
            self.make_space(now)?;
        }
        let key = self.next_key();
        let scanner = Scanner::new(self.settings.cpim_header_bytes);
        let state = self.sessions.get_mut(&session).ok_or(Refusal::NotAllowed)?;
        if state.messages.len() >= self.settings.open_messages_per_session {
            return Err(Refusal::TooManyOpen);
        }
        let total = request.byte_range.and_then(|range| range.total);
        state.messages.push(Incoming::new(now, key, id, total, request.failure_report, scanner));
        self.open += 1;
        Ok(key)
    }

    /// Gives up the open message that has been idle longest, if it is idle at all.
    fn make_space(&mut self, now: Instant) -> Result<(), Refusal> {
        let idlest = self
            .sessions
            .iter()
            .flat_map(|(session, state)| state.messages.iter().map(|message| (message.progress, *session, message.key)))
            .min()
            .filter(|(progress, _, _)| now.duration_since(*progress) >= IDLE);
        let (_, session, key) = idlest.ok_or(Refusal::TooManyOpen)?;
        let index = self.sessions.get(&session).and_then(|state| state.message_index(key));
        self.give_up(session, index.ok_or(Refusal::TooManyOpen)?, Refusal::TooManyOpen);
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "one piece of one message, and what covers it")]
    fn take(
        &mut self,
        now: Instant,
        room: &Room,
        session: SessionId,
        message: &mut Incoming,
        offset: u64,
        body: Bytes,
        credit: &Credit,
    ) -> Result<(), Refusal> {
        // MSRP-71: what counts is what comes, not what was declared.
        if offset.saturating_add(body.len() as u64) > room.rules().max_message_bytes {
            return Err(Refusal::TooLarge);
        }
        for piece in message.take(now, offset, body)? {
            match &mut message.phase {
                Phase::Gathering { scanner, gathered } => {
                    if let Some((envelope, whole)) = gather(scanner, gathered, piece)? {
                        let outgoing = self.start(room, session, message, &envelope)?;
                        message.phase = Phase::Streaming(outgoing);
                        self.forward(message, whole, credit);
                    }
                }
                Phase::Streaming(_) => self.forward(message, piece, credit),
            }
        }
        Ok(())
    }

    fn forward(&mut self, message: &mut Incoming, piece: Bytes, credit: &Credit) {
        let size = message.position();
        if let Phase::Streaming(outgoing) = &mut message.phase {
            if outgoing.recipients.is_outgrown_by(size) {
                self.hand_out();
                let before = outgoing.recipients.clone();
                outgoing.recipients.outgrow(outgoing.key, size);
                self.count_dropped(Dropped::Oversized, before.more_than(&outgoing.recipients));
            }
            outgoing.push(self.cut, &mut self.rng, piece, credit, &mut self.turn);
        }
    }

    /// The headers are known: may it be sent, and to whom.
    fn start(
        &mut self,
        room: &Room,
        session: SessionId,
        message: &Incoming,
        envelope: &Envelope,
    ) -> Result<Outgoing, Refusal> {
        self.check_addresses(room, session, envelope)?;
        if envelope.requires_unknown() {
            return Err(Refusal::UnknownRequirement);
        }
        let essence = envelope.essence().ok_or(Refusal::MalformedCpim)?;
        if !room.rules().wrapped_types.accepts(essence) {
            return Err(Refusal::WrappedType);
        }
        let size = message.declared_total.unwrap_or(0).max(message.position());
        let taking = self.recipients(room, essence);
        self.count_dropped(Dropped::Unaccepted, self.audience.len().saturating_sub(taking.len()));
        let recipients = taking.taking_size(size);
        self.count_dropped(Dropped::Oversized, taking.more_than(&recipients));
        let outgoing = Outgoing::new(message.key, &mut self.rng, recipients, session, message.declared_total);
        if self.recent.len() == crate::switch::RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((outgoing.random, message.key));
        Ok(outgoing)
    }

    /// CHAT-32, 33, 38: From is the sender's own, and the one To is the room.
    fn check_addresses(&mut self, room: &Room, session: SessionId, envelope: &Envelope) -> Result<(), Refusal> {
        let state = self.sessions.get_mut(&session).ok_or(Refusal::NotAllowed)?;
        let from = &envelope.from;
        let [to] = envelope.to.as_slice() else { return Err(Refusal::SeveralRecipients) };
        if state.known_addresses.as_ref().is_some_and(|(f, t)| **f == *from.uri && **t == *to.uri) {
            return Ok(());
        }
        if !room.is_sender(session, &from.uri) {
            return Err(Refusal::ForeignSender);
        }
        if !room.is_addressed_by(&to.uri) {
            return Err(Refusal::UnknownRecipient);
        }
        state.known_addresses = Some((from.uri.as_str().into(), to.uri.as_str().into()));
        Ok(())
    }

    fn end_chunk(&mut self, now: Instant, session: SessionId, chunk: Chunk, key: MessageKey, flag: Flag) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let Some(index) = state.message_index(key) else { return };
        let mut message = state.messages.swap_remove(index);
        let ended = match flag {
            Flag::More => {
                if let Phase::Streaming(outgoing) = &mut message.phase {
                    outgoing.end(self.cut, &mut self.rng, Flag::More, &mut self.turn);
                }
                Ok(())
            }
            Flag::Complete => message.ends_at(now, chunk.offset),
            Flag::Abort => {
                self.answer(session, &chunk, flag);
                self.forget_aborted(session, message);
                return;
            }
        };
        let size = message.position();
        let complete = ended.is_ok() && message.is_complete();
        if let Err(refusal) = ended {
            self.restore_chunk(session, chunk);
            self.refuse_message(session, message, refusal);
        } else if complete && size == 0 {
            // MSRP-E7: Content-Type, but nothing in it.
            self.open = self.open.saturating_sub(1);
            self.answer(session, &chunk, flag);
        } else if complete && matches!(message.phase, Phase::Gathering { .. }) {
            self.restore_chunk(session, chunk);
            self.refuse_message(session, message, Refusal::MalformedCpim);
        } else if complete {
            self.complete(now, session, message);
            self.answer_whole(session, &chunk, size);
        } else {
            self.put_back(session, message);
            self.respond(session, &chunk, 200);
        }
    }

    fn complete(&mut self, now: Instant, session: SessionId, mut message: Incoming) {
        if let Phase::Streaming(outgoing) = &mut message.phase {
            outgoing.end(self.cut, &mut self.rng, Flag::Complete, &mut self.turn);
        }
        self.open = self.open.saturating_sub(1);
        self.count(Counted::Message);
        if let Some(state) = self.sessions.get_mut(&session) {
            state.remember_completed(now, &message.id);
        }
    }

    /// CHAT-64: later chunks of what its sender aborted are dropped.
    fn forget_aborted(&mut self, session: SessionId, message: Incoming) {
        if let Some(state) = self.sessions.get_mut(&session) {
            state.remember_refused(&message.id, 413);
        }
        self.abort(message);
    }

    fn put_back(&mut self, session: SessionId, message: Incoming) {
        if let Some(state) = self.sessions.get_mut(&session) {
            if !self.touched.contains(&(session, message.key)) {
                self.touched.push((session, message.key));
            }
            state.messages.push(message);
        }
    }

    fn restore_chunk(&mut self, session: SessionId, chunk: Chunk) {
        if let Some(state) = self.sessions.get_mut(&session) {
            state.chunk = Some(chunk);
        }
    }

    /// The message is refused while one of its chunks comes in.
    fn refuse_message(&mut self, session: SessionId, message: Incoming, refusal: Refusal) {
        self.abort(message);
        self.refuse_chunk(session, refusal);
    }

    /// Answers at once; what still comes of the message is dropped, and its later chunks get the same code.
    fn refuse_chunk(&mut self, session: SessionId, refusal: Refusal) {
        self.count(Counted::Refused(refusal));
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let Some(mut chunk) = state.chunk.take() else { return };
        if let Some(id) = &chunk.message_id {
            state.remember_refused(id, refusal.code());
        }
        chunk.content = Content::Refused;
        self.respond(session, &chunk, refusal.code());
        self.restore_chunk(session, chunk);
    }
}

/// Looks for the end of the CPIM headers. Gives the envelope and everything that has come of the message.
fn gather(scanner: &mut Scanner, gathered: &mut Vec<u8>, piece: Bytes) -> Result<Option<(Envelope, Bytes)>, Refusal> {
    if gathered.is_empty() {
        // Nearly always the headers are whole in the first piece, which then goes on without a copy.
        let found = scanner.scan(&piece).map_err(|_| Refusal::MalformedCpim)?;
        if found.is_none() {
            gathered.extend_from_slice(&piece);
        }
        return Ok(found.map(|envelope| (envelope, piece)));
    }
    gathered.extend_from_slice(&piece);
    let found = scanner.scan(gathered).map_err(|_| Refusal::MalformedCpim)?;
    Ok(found.map(|envelope| (envelope, Bytes::from(std::mem::take(gathered)))))
}
