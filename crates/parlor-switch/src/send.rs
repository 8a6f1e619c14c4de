//! SEND: the decisions of spec/chatroom.md §4, in their order, and streaming (RFC 7701 §6).

use crate::Credit;
use crate::completed::Owner;
use crate::composing::Between;
use crate::deliver::Outgoing;
use crate::frame::MessageKey;
use crate::heard::LARGEST_HEARD;
use crate::message::{Incoming, Phase};
use crate::refusal::Refusal;
use crate::reserve::SMALLEST_HELD;
use crate::session::{Chunk, Content};
use crate::switch::{Counted, Dropped, Kind, Output, Switch, Withheld};
use bytes::Bytes;
use parlor_cpim::Envelope;
use parlor_msrp::{Flag, Request};
use parlor_room::{Room, SessionId};
use std::time::Instant;

/// A heartbeat that one client library sends every few seconds and wants answered (interop.md §2).
pub(crate) const HEARTBEAT: &str = "text/x-msrp-heartbeat";

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

    pub(crate) fn handle_end(&mut self, now: Instant, room: &mut Room, session: SessionId, flag: Flag) {
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
            Content::Message(key) => self.end_chunk(now, room, session, chunk, key, flag),
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
        let Some(state) = self.sessions.get_mut(&session) else { return Ok(Content::Refused) };
        // MSRP-99, MSRP-E7: no body, or an empty one that ends at once.
        if !request.has_body || request.media_type().is_some_and(|media| media.eq_ignore_ascii_case(HEARTBEAT)) {
            return Ok(Content::Keepalive);
        }
        let id = request.message_id.as_ref().ok_or(Refusal::MalformedRequest)?;
        if request.start() == 1 {
            state.forget_passing_refusal(id);
        }
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
        let owner = *state.owner.get_or_insert_with(|| {
            Owner::new(&room.participant_of(session).map(|holder| holder.identity().key()).unwrap_or_default())
        });
        if self.completed.contains(now, owner, id) {
            return Ok(Content::Duplicate);
        }
        if let Some(known) = state.messages.iter().find(|message| message.id == *id) {
            return Ok(Content::Message(known.key));
        }
        self.open_message(now, session, request, *id).map(Content::Message)
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
        let reserved = match message.to_reserve(offset, body.len())? {
            Some(octets) => Some(self.reserve(session, message.held(), octets)?),
            None => None,
        };
        for piece in message.take(now, offset, body, reserved) {
            let credit = piece.held.map_or_else(|| credit.clone(), |held| self.fanout.reserve.release(held));
            match message.phase {
                Phase::Gathering { .. } => {
                    if let Some((envelope, whole, credit)) = self.gather(session, message, piece.body, credit)? {
                        let outgoing = self.start(room, session, message, &envelope)?;
                        message.phase = Phase::Streaming(outgoing);
                        self.forward(message, whole, &credit)?;
                    }
                }
                Phase::Streaming(_) => self.forward(message, piece.body, &credit)?,
            }
        }
        Ok(())
    }

    /// Looks for the end of the CPIM headers. Gives the envelope and everything that has come of the message.
    fn gather(
        &mut self,
        session: SessionId,
        message: &mut Incoming,
        piece: Bytes,
        credit: Credit,
    ) -> Result<Option<(Envelope, Bytes, Credit)>, Refusal> {
        let (own, octets) = (message.held(), piece.len());
        let Phase::Gathering { scanner, gathered, held } = &mut message.phase else { return Ok(None) };
        // Nearly always the headers are whole in the first piece, which then goes on as it is.
        let gathered_before = !gathered.is_empty();
        if gathered_before {
            gathered.extend_from_slice(&piece);
        }
        let so_far = if gathered_before { gathered.as_slice() } else { &piece };
        let found = scanner.scan(so_far).map_err(|_| Refusal::MalformedCpim)?;
        if let Some(envelope) = found {
            let whole = if gathered_before { Bytes::from(std::mem::take(gathered)) } else { piece };
            let credit = match held.take() {
                Some(held) => Credit::joint([&self.fanout.reserve.release(held), &credit]),
                None => credit,
            };
            return Ok(Some((envelope, whole, credit)));
        }
        if !gathered_before {
            gathered.extend_from_slice(&piece);
        }
        let octets = if held.is_none() { octets.max(SMALLEST_HELD) } else { octets };
        let reserved = self.reserve(session, own, octets)?;
        match held {
            Some(held) => held.join(reserved),
            None => *held = Some(reserved),
        }
        Ok(None)
    }

    fn forward(&mut self, message: &mut Incoming, piece: Bytes, credit: &Credit) -> Result<(), Refusal> {
        let size = message.position();
        let Phase::Streaming(outgoing) = &mut message.phase else { return Ok(()) };
        if outgoing.recipients.is_outgrown_by(size) {
            self.hand_out();
            let before = outgoing.recipients.clone();
            outgoing.recipients.outgrow(outgoing.key, size);
            self.count_dropped(Dropped::Oversized, before.left_out_of(&outgoing.recipients, outgoing.except));
            if outgoing.is_for_nobody() {
                return Err(Refusal::TooLarge);
            }
        }
        // MSG-52: no MESSAGE holds it.
        if size > LARGEST_HEARD as u64 && outgoing.heard.is_some() && outgoing.is_for_no_session() {
            return Err(Refusal::TooLarge);
        }
        outgoing.push(&mut self.fanout, piece, credit);
        Ok(())
    }

    /// The headers are known: the message begins to be copied.
    fn start(
        &mut self,
        room: &Room,
        session: SessionId,
        message: &Incoming,
        envelope: &Envelope,
    ) -> Result<Outgoing, Refusal> {
        let route = self.route(room, session, message, envelope);
        if let Err(refusal) = route {
            self.report_refused(session, message, envelope, refusal);
        }
        let outgoing = Outgoing::new(message.key, &mut self.fanout.rng, route?, message.declared_total);
        self.note_written(room, session, &outgoing);
        self.streaming.insert(outgoing.random, (session, message.key));
        Ok(outgoing)
    }

    fn end_chunk(
        &mut self,
        now: Instant,
        room: &mut Room,
        session: SessionId,
        chunk: Chunk,
        key: MessageKey,
        flag: Flag,
    ) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let Some(index) = state.message_index(key) else { return self.answer_given_up(session, &chunk) };
        let mut message = state.messages.swap_remove(index);
        let ended = match flag {
            Flag::More => {
                if let Phase::Streaming(outgoing) = &mut message.phase {
                    outgoing.end(&mut self.fanout, Flag::More);
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
            self.end_message(session, &message);
            self.answer(session, &chunk, flag);
        } else if complete && matches!(message.phase, Phase::Gathering { .. }) {
            self.restore_chunk(session, chunk);
            self.refuse_message(session, message, Refusal::MalformedCpim);
        } else if complete {
            self.complete(now, room, session, message);
            self.answer_whole(session, &chunk, size);
        } else {
            message.acknowledged = true;
            self.put_back(session, message);
            self.respond(session, &chunk, 200);
        }
    }

    fn complete(&mut self, now: Instant, room: &mut Room, session: SessionId, mut message: Incoming) {
        if let Phase::Streaming(outgoing) = &mut message.phase {
            self.finish(now, room, session, outgoing);
        }
        self.end_message(session, &message);
        // What nobody acts upon need not be kept from coming twice, and would push out what must.
        let is_transient = matches!(&message.phase, Phase::Streaming(outgoing) if outgoing.kind == Kind::Composing);
        if let Some(owner) = self.sessions.get(&session).and_then(|state| state.owner).filter(|_| !is_transient) {
            self.completed.remember(now, owner, &message.id);
        }
    }

    /// Everything of a message is here: its last frame goes out.
    pub(crate) fn finish(&mut self, now: Instant, room: &mut Room, session: SessionId, outgoing: &mut Outgoing) {
        if self.is_known(now, room, session, outgoing) {
            outgoing.withhold();
            self.count(Counted::Withheld(Withheld::Composing));
        } else {
            outgoing.end(&mut self.fanout, Flag::Complete);
        }
        self.heard.extend(outgoing.heard.take().map(|heard| *heard));
        let (kind, subject) = (outgoing.kind, outgoing.subject.take());
        self.count(Counted::Message(kind));
        if subject.is_some_and(|subject| room.set_topic(&subject)) {
            self.emit(Output::TopicSet(session));
        }
    }

    /// Who has written something is no longer writing.
    pub(crate) fn note_written(&mut self, room: &Room, session: SessionId, outgoing: &Outgoing) {
        if let (Kind::Room | Kind::Private, Some(between)) = (outgoing.kind, between(room, session, outgoing)) {
            self.composing.written(between);
        }
    }

    /// Whether a message says what its recipients know: that somebody is writing, or no more.
    fn is_known(&mut self, now: Instant, room: &Room, session: SessionId, outgoing: &Outgoing) -> bool {
        if outgoing.kind != Kind::Composing {
            return false;
        }
        let recipients = outgoing.audience();
        if recipients == 0 {
            return false;
        }
        let content = outgoing.unsent().and_then(|message| message.get(outgoing.headers_len..));
        let between = between(room, session, outgoing);
        between
            .zip(content)
            .is_some_and(|(between, content)| self.composing.is_known(now, between, content, recipients))
    }

    /// CHAT-64: later chunks of what its sender aborted are dropped.
    fn forget_aborted(&mut self, session: SessionId, message: Incoming) {
        if let Some(state) = self.sessions.get_mut(&session) {
            state.remember_refused(&message.id, Refusal::OutOfOrder);
        }
        self.abort(session, message);
    }

    /// The message was given up while its chunk came in.
    fn answer_given_up(&mut self, session: SessionId, chunk: &Chunk) {
        let state = self.sessions.get(&session).zip(chunk.message_id.as_ref());
        if let Some(code) = state.and_then(|(state, id)| state.refused_with(id)) {
            self.respond(session, chunk, code);
        }
    }

    fn restore_chunk(&mut self, session: SessionId, chunk: Chunk) {
        if let Some(state) = self.sessions.get_mut(&session) {
            state.chunk = Some(chunk);
        }
    }

    /// The message is refused while one of its chunks comes in.
    fn refuse_message(&mut self, session: SessionId, message: Incoming, refusal: Refusal) {
        self.abort(session, message);
        self.refuse_chunk(session, refusal);
    }

    /// Answers at once; what still comes of the message is dropped, and its later chunks get the same code.
    fn refuse_chunk(&mut self, session: SessionId, refusal: Refusal) {
        self.count_refused(refusal);
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let Some(mut chunk) = state.chunk.take() else { return };
        if let Some(id) = &chunk.message_id {
            state.remember_refused(id, refusal);
        }
        chunk.content = Content::Refused;
        self.respond(session, &chunk, refusal.code());
        self.restore_chunk(session, chunk);
    }
}

/// Who says something to whom.
fn between(room: &Room, session: SessionId, outgoing: &Outgoing) -> Option<Between> {
    Some(Between { from: room.session(session)?.participant(), to: outgoing.only_recipient() })
}
