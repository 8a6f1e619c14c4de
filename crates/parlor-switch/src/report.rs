//! Responses and reports: those we owe, and those of recipients about their copies (RFC 4975 §7.1.2–§7.2, RFC 7701 §6.3).

use crate::frame::{MessageKey, TID_RANDOM};
use crate::message::{Incoming, Phase};
use crate::private::Wrapper;
use crate::recipients::wake;
use crate::refusal::Refusal;
use crate::session::Chunk;
use crate::switch::{Counted, Output, Switch};
use memchr::memmem;
use parlor_msrp::{
    ByteRange, FailureReport, Flag, Report, Request, Response, TransactionId, encode_report, encode_response, reason,
};
use parlor_room::SessionId;
use rand::RngExt as _;
use rand::rngs::StdRng;
use std::time::{Duration, Instant};

/// How often it is looked whether recipients answer, where they are asked to.
const LOOK: Duration = Duration::from_secs(5);

impl Switch {
    /// Answers a chunk as its Failure-Report asks (spec/msrp.md §4).
    pub(crate) fn respond(&mut self, session: SessionId, chunk: &Chunk, code: u16) {
        let wanted = match chunk.failure_report {
            FailureReport::Yes => true,
            FailureReport::Partial => code != 200,
            FailureReport::No => false,
        };
        let Some(state) = self.sessions.get(&session).filter(|_| wanted) else { return };
        let mut encoded = Vec::with_capacity(192);
        // MSRP-60: a SEND is answered to the nearest hop alone.
        encode_response(&mut encoded, &chunk.tid, code, reason(code), chunk.from_path.first(), &state.local);
        self.push_control(session, encoded);
        self.count(Counted::Response(code));
    }

    /// Answers what is not copied: a keepalive, a duplicate, an abort.
    pub(crate) fn answer(&mut self, session: SessionId, chunk: &Chunk, flag: Flag) {
        match flag {
            Flag::Complete => self.answer_whole(session, chunk, chunk.offset),
            Flag::More | Flag::Abort => self.respond(session, chunk, 200),
        }
    }

    /// Answers the last chunk of a message; a success REPORT covers all of it (CHAT-47, MSRP-50).
    pub(crate) fn answer_whole(&mut self, session: SessionId, chunk: &Chunk, size: u64) {
        self.respond(session, chunk, 200);
        if let (true, Some(id)) = (chunk.success_report, &chunk.message_id)
            && let Some(state) = self.sessions.get(&session)
        {
            let range = ByteRange { start: 1, end: Some(size), total: Some(size) };
            let mut encoded = Vec::with_capacity(256);
            let tid = TransactionId::from_random(self.fanout.rng.random(), self.fanout.rng.random());
            let report = Report {
                tid: &tid,
                to: &chunk.from_path,
                from: &state.local,
                message_id: id,
                range,
                code: 200,
                comment: reason(200),
                wrapped: None,
            };
            encode_report(&mut encoded, &report);
            self.push_control(session, encoded);
        }
    }

    /// Tells the sender of an open message that no more of it is taken (MSRP-53); if it is a private one, which (CHAT-53).
    pub(crate) fn report_failure(
        &mut self,
        session: SessionId,
        message: &Incoming,
        refusal: Refusal,
        private: Option<&Wrapper>,
    ) {
        let state = self.sessions.get(&session).filter(|_| message.failure_report != FailureReport::No);
        let Some(state) = state else { return };
        let code = refusal.code();
        let wrapped = private.and_then(|private| private.content(code));
        let mut encoded = Vec::with_capacity(256);
        let report = Report {
            tid: &absent_from(wrapped.as_deref().unwrap_or_default(), &mut self.fanout.rng),
            to: &state.peer,
            from: &state.local,
            message_id: &message.id,
            range: ByteRange { start: 1, end: Some(message.position()), total: message.declared_total },
            code,
            comment: reason(code),
            wrapped: wrapped.as_deref(),
        };
        encode_report(&mut encoded, &report);
        self.push_control(session, encoded);
    }

    /// A recipient's REPORT about a copy; it never goes on to the sender (CHAT-46), nor is it answered (MSRP-54).
    pub(crate) fn handle_report(&mut self, session: SessionId, request: &Request) {
        // MSRP-56: other namespaces are ignored.
        let Some(status) = request.status.filter(|status| status.namespace == 0) else { return };
        if let Some(id) = &request.message_id {
            self.handle_verdict(session, id.as_bytes(), status.code);
        }
    }

    /// A recipient's answer to a copy.
    pub(crate) fn handle_response(&mut self, now: Instant, session: SessionId, response: &Response) {
        if let Some(attached) = self.sessions.get(&session).and_then(|state| state.attached.as_ref()) {
            attached.outbox.answered(now, attached.slot);
        }
        self.handle_verdict(session, response.tid.as_bytes(), response.code);
        self.make_ready(session);
    }

    /// Where copies ask for an answer, sees to it that somebody looks whether it comes.
    pub(crate) fn expect_answers(&mut self, now: Instant) {
        if self.settings.failure_report == FailureReport::Yes {
            self.answers_due.get_or_insert(now + LOOK);
        }
    }

    /// CHAT-45, MSRP-59: a recipient that leaves copies unanswered is taken for dead.
    pub(crate) fn look_for_answers(&mut self, now: Instant) {
        if self.answers_due.is_none_or(|due| now < due) {
            return;
        }
        let attached = self.sessions.iter().filter_map(|(id, state)| Some((*id, state.attached.as_ref()?)));
        let dead = attached.filter(|(_, attached)| attached.outbox.is_answer_overdue(now, attached.slot));
        let dead: Vec<SessionId> = dead.map(|(session, _)| session).collect();
        for session in dead {
            self.emit(Output::Failed(session));
        }
        self.answers_due = (!self.sessions.is_empty()).then_some(now + LOOK);
    }

    /// `id` begins with the random part that all frames of a message share.
    fn handle_verdict(&mut self, session: SessionId, id: &[u8], code: u16) {
        match code {
            // MSRP-E5: some answer although nothing was asked.
            200..=299 => {}
            481 | 506 => self.emit(Output::Failed(session)),
            // CHAT-68, CHAT-E6: whatever the reason, no more of this message is wanted.
            _ => self.stop_copy(session, id),
        }
    }

    fn stop_copy(&mut self, session: SessionId, id: &[u8]) {
        let Some(random) = id.get(..TID_RANDOM) else { return };
        let key = match self.streaming.get(random) {
            Some(&(sender, key)) => {
                self.drop_recipient(sender, key, session);
                Some(key)
            }
            None => self.recent.iter().find(|(known, _)| known == random).map(|(_, key)| *key),
        };
        let attached = self.sessions.get(&session).and_then(|state| state.attached.as_ref());
        if let (Some(key), Some(attached)) = (key, attached) {
            wake(attached.outbox.abort(attached.slot, key));
        }
    }

    fn drop_recipient(&mut self, sender: SessionId, key: MessageKey, recipient: SessionId) {
        let Some(state) = self.sessions.get_mut(&sender) else { return };
        let Some(index) = state.message_index(key) else { return };
        if let Phase::Streaming(outgoing) = &mut state.messages[index].phase {
            outgoing.recipients.drop_session(recipient);
        }
    }
}

/// A transaction id that does not stand in `content` (MSRP-8).
fn absent_from(content: &[u8], rng: &mut StdRng) -> TransactionId {
    loop {
        let tid = TransactionId::from_random(rng.random(), rng.random());
        if memmem::find(content, tid.as_bytes()).is_none() {
            return tid;
        }
    }
}
