//! One MSRP session.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;
use parlor_msrp::{
    ByteRange, Chunk, Decoder, Event as Decoded, FailureReport, Flag, MessageId, Method, OutgoingTransactions, Path,
    Report, Request, Response, SendHead, TransactionId, Uri, encode_end, encode_report, encode_response,
    encode_send_head, reason, response_path,
};
use rand::Rng;
use rand::rngs::StdRng;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::incoming::Incoming;
use super::nickname;
use super::outgoing::{Command, Outgoing, is_awaited};
use super::parties::Parties;
use crate::composing::Theirs;
use crate::error::{NicknameError, SendError};
use crate::event::{Closed, Event};
use crate::limits::Limits;

/// A session that we bind and then send and receive on.
#[derive(Debug)]
pub(crate) struct Session {
    pub(super) local: Uri,
    pub(super) peer: Path,
    rng: StdRng,
    decoder: Decoder,
    transactions: OutgoingTransactions<Waiting>,
    outgoing: Outgoing,
    pub(super) incoming: Incoming,
    pub(super) composing: Theirs,
    /// What has come, before it is known who is writing by it.
    pub(super) fresh: VecDeque<Event>,
    /// The request that is being read.
    current: Option<Current>,
    bind: Bind,
    frames: VecDeque<Frame>,
    pub(super) events: VecDeque<Event>,
}

/// Whether the room knows us on this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bind {
    Waiting,
    Bound,
    Failed(BindError),
}

/// Why the session could not be bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BindError {
    /// The room refused.
    Refused(u16),
    /// It did not answer.
    Timeout,
    /// The connection ended first.
    Closed(Closed),
}

/// What a transaction of ours is for.
#[derive(Debug)]
pub(super) enum Waiting {
    Bind,
    /// The permit counts it while it waits.
    Chunk(MessageId, #[allow(dead_code)] Option<OwnedSemaphorePermit>),
    Nickname(oneshot::Sender<Result<(), NicknameError>>),
}

/// Octets to be written, and the transaction that begins when they are.
#[derive(Debug)]
struct Frame {
    bytes: Bytes,
    opens: Option<(TransactionId, Waiting)>,
}

/// A request that is being read.
#[derive(Debug)]
struct Current {
    request: Box<Request>,
    verdict: Verdict,
    /// Octets of its body.
    octets: u64,
}

/// What is done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// A chunk of a message.
    Chunk(MessageId),
    /// A SEND without a body (MSRP-99).
    Keepalive,
    /// A REPORT.
    Report,
    /// Answered with this code.
    Refused(u16),
}

impl Session {
    /// A session between our URI and the room's path.
    pub(crate) fn new(local: Uri, peer: Path, parties: Parties, rng: StdRng, limits: Limits) -> Self {
        let mut session = Self {
            local,
            peer,
            rng,
            decoder: Decoder::new(limits.msrp),
            transactions: OutgoingTransactions::default(),
            outgoing: Outgoing::default(),
            incoming: Incoming::new(parties, limits),
            composing: Theirs::default(),
            fresh: VecDeque::new(),
            current: None,
            bind: Bind::Waiting,
            frames: VecDeque::new(),
            events: VecDeque::new(),
        };
        session.send_bind();
        session
    }

    /// Whether the session is bound; `None` while we wait.
    pub(crate) fn bound(&self) -> Option<Result<(), BindError>> {
        match self.bind {
            Bind::Waiting => None,
            Bind::Bound => Some(Ok(())),
            Bind::Failed(error) => Some(Err(error)),
        }
    }

    /// Whether there are octets to be written.
    pub(crate) fn wants_write(&self) -> bool {
        !self.frames.is_empty()
    }

    /// Whether the room takes so little of what we answer that nothing more should be read.
    pub(crate) fn is_congested(&self) -> bool {
        self.frames.len() >= PENDING_FRAMES
    }

    /// Takes in what was read.
    pub(crate) fn handle_read(&mut self, now: Instant, octets: Bytes) -> Result<(), Closed> {
        self.decoder.push(octets);
        loop {
            match self.decoder.poll() {
                Ok(Some(event)) => self.handle_decoded(now, event),
                Ok(None) => return Ok(()),
                Err(error) => {
                    tracing::debug!(%error, "what came is no MSRP");
                    return Err(Closed::Protocol);
                }
            }
        }
    }

    /// Takes in that so many octets of what [`Session::next_write`] gave were written.
    pub(crate) fn handle_written(&mut self, now: Instant, octets: usize) {
        let Some(frame) = self.frames.front_mut() else { return };
        drop(frame.bytes.split_to(octets.min(frame.bytes.len())));
        if frame.bytes.is_empty()
            && let Some(Frame { opens: Some((tid, waiting)), .. }) = self.frames.pop_front()
        {
            // MSRP-59: the time runs from the last octet.
            self.transactions.handle_sent(now, tid, waiting);
        }
    }

    /// Lets the time of transactions run out.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some((_, waiting)) = self.transactions.poll_expired(now) {
            match waiting {
                Waiting::Bind => self.bind = Bind::Failed(BindError::Timeout),
                Waiting::Chunk(id, _) => self.fail(id, SendError::Timeout),
                // Nobody may wait any more, here and below.
                Waiting::Nickname(done) => drop(done.send(Err(NicknameError::Timeout))),
            }
        }
        self.events.extend(self.composing.handle_timeout(now).into_iter().map(Event::from));
        for id in self.outgoing.unreported(now) {
            self.fail(id, SendError::Timeout);
        }
    }

    /// Takes in that the connection is over.
    pub(crate) fn handle_closed(&mut self, why: Closed) {
        self.incoming.give_up_all(&mut self.events);
        if self.bind == Bind::Waiting {
            self.bind = Bind::Failed(BindError::Closed(why));
        }
    }

    /// Does what a sender wants.
    pub(crate) fn handle_command(&mut self, command: Command) {
        match command {
            Command::Begin(begin) => self.outgoing.begin(*begin),
            Command::Piece(piece) => {
                let mut out = Vec::with_capacity(piece.body.len() + HEAD);
                let rng = &mut self.rng;
                match self.outgoing.piece(&piece, &mut out, &mut || rng.next_u64()) {
                    Some((chunk, true)) => self.push_chunk(out, chunk, piece.message, Some(piece.permit)),
                    Some((_, false)) => self.push(out, None),
                    None => {}
                }
            }
            Command::Nickname(wish) => self.ask_for_nickname(wish),
        }
    }

    /// Ends the messages whose senders do not wait any more.
    pub(crate) fn handle_abandoned(&mut self) {
        for id in self.outgoing.abandoned() {
            self.fail(id, SendError::Closed);
        }
    }

    /// The next octets to write.
    pub(crate) fn next_write(&self) -> &[u8] {
        self.frames.front().map_or(&[], |frame| &frame.bytes)
    }

    /// The next event to hand on.
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Session::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let all = [self.transactions.poll_timeout(), self.outgoing.poll_timeout(), self.composing.poll_timeout()];
        all.into_iter().flatten().min()
    }

    /// MSRP-154: the active side sends a SEND at once, here without a body.
    fn send_bind(&mut self) {
        let tid = self.tid();
        let message_id = MessageId::from_random(self.rng.next_u64(), self.rng.next_u64());
        let mut out = Vec::with_capacity(HEAD);
        let head = SendHead {
            tid: &tid,
            to: &self.peer,
            from: &self.local,
            message_id: &message_id,
            // MSRP-39
            byte_range: Some(ByteRange { start: 1, end: Some(0), total: Some(0) }),
            failure_report: FailureReport::Yes,
            success_report: false,
            content_type: None,
        };
        encode_send_head(&mut out, &head);
        encode_end(&mut out, &tid, Flag::Complete);
        self.push(out, Some((tid, Waiting::Bind)));
    }

    fn handle_decoded(&mut self, now: Instant, event: Decoded) {
        match event {
            Decoded::Request(request) => self.begin_request(request),
            Decoded::Body(octets) => self.body(&octets),
            Decoded::End(flag) => self.end_request(now, flag),
            Decoded::Response(response) => self.response(now, &response),
        }
        self.sift(now);
    }

    fn begin_request(&mut self, request: Box<Request>) {
        let verdict = self.verdict(&request).unwrap_or_else(Verdict::Refused);
        self.current = Some(Current { request, verdict, octets: 0 });
    }

    fn verdict(&mut self, request: &Request) -> Result<Verdict, u16> {
        // MSRP-94, MSRP-95: exactly one URI, by scheme and session-id, whatever relays made of the host.
        let ours = request.to_path.last();
        let matches = ours.is_secure() == self.local.is_secure() && ours.session_id() == self.local.session_id();
        if request.to_path.len() != 1 || !matches {
            return Err(481);
        }
        if request.malformed.is_some() {
            return Err(400);
        }
        match request.method {
            Method::Report => Ok(Verdict::Report),
            Method::Send if !request.has_body => Ok(Verdict::Keepalive),
            Method::Send => {
                let id = request.message_id.ok_or(400_u16)?;
                // MSRP-133
                if !request.media_type().is_some_and(is_accepted) {
                    return Err(415);
                }
                self.incoming.begin(request, id, &mut self.fresh)?;
                Ok(Verdict::Chunk(id))
            }
            Method::Nickname | Method::Auth | Method::Other(_) => Err(501),
        }
    }

    fn body(&mut self, octets: &Bytes) {
        let Some(current) = &mut self.current else { return };
        current.octets += octets.len() as u64;
        if let Verdict::Chunk(id) = current.verdict
            && let Err(code) = self.incoming.body(id, octets, &mut self.fresh)
        {
            current.verdict = Verdict::Refused(code);
            self.incoming.give_up(id, &mut self.fresh);
        }
    }

    fn end_request(&mut self, now: Instant, flag: Flag) {
        let Some(Current { request, verdict, octets }) = self.current.take() else { return };
        match verdict {
            Verdict::Keepalive => self.respond(&request, 200),
            Verdict::Report => self.report(now, &request),
            Verdict::Refused(code) => {
                if let Some(id) = request.message_id.filter(|_| request.method == Method::Send) {
                    self.incoming.give_up(id, &mut self.fresh);
                }
                self.respond(&request, code);
            }
            Verdict::Chunk(id) => {
                let received = self.incoming.received(id);
                let ended = self.incoming.end(id, flag, &mut self.fresh);
                self.respond(&request, ended.err().unwrap_or(200));
                // MSRP-50: one for the whole message.
                if ended.is_ok() && flag == Flag::Complete && request.success_report {
                    tracing::trace!(octets, "message received");
                    self.send_report(&request, id, received);
                }
            }
        }
    }

    /// Answers as the request's Failure-Report asks (RFC 4975 §7.2).
    fn respond(&mut self, request: &Request, code: u16) {
        let wanted = match (&request.method, request.failure_report) {
            (Method::Report, _) => false, // MSRP-54
            (Method::Send, FailureReport::Yes) => true,
            (Method::Send, FailureReport::Partial) => code != 200,
            (Method::Send, FailureReport::No) => false,
            (Method::Nickname | Method::Auth | Method::Other(_), _) => true,
        };
        if wanted {
            let mut out = Vec::with_capacity(HEAD);
            encode_response(&mut out, &request.tid, code, reason(code), &response_path(request), &self.local);
            self.push(out, None);
        }
    }

    /// MSRP-52
    fn send_report(&mut self, request: &Request, id: MessageId, received: u64) {
        let tid = self.tid();
        let range = ByteRange { start: 1, end: Some(received), total: Some(received) };
        let mut out = Vec::with_capacity(HEAD);
        let report = Report {
            tid: &tid,
            to: &request.from_path,
            from: &self.local,
            message_id: &id,
            range,
            code: 200,
            comment: reason(200),
            wrapped: None,
        };
        encode_report(&mut out, &report);
        self.push(out, None);
    }

    /// A REPORT on a message of ours.
    fn report(&mut self, now: Instant, request: &Request) {
        // MSRP-56: other namespaces are not ours to read.
        let Some(status) = request.status.filter(|status| status.namespace == 0) else { return };
        let Some(id) = request.message_id else { return };
        let octets = request.byte_range.map_or(u64::MAX, |range| match range.end.or(range.total) {
            Some(end) => (end + 1).saturating_sub(range.start),
            None => u64::MAX,
        });
        let (mut out, rng) = (Vec::new(), &mut self.rng);
        let (abort, event) = self.outgoing.reported(now, id, status.code, octets, &mut out, &mut || rng.next_u64());
        self.events.extend(event);
        self.push_abort(out, abort, id);
    }

    fn response(&mut self, now: Instant, response: &Response) {
        // MSRP-E5: what nobody waits for is ignored.
        let Some(waiting) = self.transactions.handle_response(&response.tid) else { return };
        match waiting {
            Waiting::Bind if response.code == 200 => self.bind = Bind::Bound,
            Waiting::Bind => self.bind = Bind::Failed(BindError::Refused(response.code)),
            Waiting::Chunk(id, _) => {
                let (mut out, rng) = (Vec::new(), &mut self.rng);
                let abort = self.outgoing.answered(now, id, response.code, &mut out, &mut || rng.next_u64());
                self.push_abort(out, abort, id);
            }
            Waiting::Nickname(done) => drop(done.send(nickname::answer(response.code))),
        }
    }

    fn fail(&mut self, id: MessageId, error: SendError) {
        let (mut out, rng) = (Vec::new(), &mut self.rng);
        let abort = self.outgoing.fail(id, error, &mut out, &mut || rng.next_u64());
        self.push_abort(out, abort, id);
    }

    fn push_abort(&mut self, out: Vec<u8>, abort: Option<Chunk>, id: MessageId) {
        if let Some(chunk) = abort {
            self.push_chunk(out, chunk, id, None);
        }
    }

    fn push_chunk(&mut self, out: Vec<u8>, chunk: Chunk, id: MessageId, permit: Option<OwnedSemaphorePermit>) {
        let opens = is_awaited(&chunk).then_some((chunk.tid, Waiting::Chunk(id, permit)));
        self.push(out, opens);
    }

    pub(super) fn push(&mut self, out: Vec<u8>, opens: Option<(TransactionId, Waiting)>) {
        self.frames.push_back(Frame { bytes: out.into(), opens });
    }

    pub(super) fn tid(&mut self) -> TransactionId {
        TransactionId::from_random(self.rng.next_u64(), self.rng.next_u64())
    }
}

/// What we said in accept-types.
fn is_accepted(media_type: &str) -> bool {
    ["message/cpim", "text/plain"].iter().any(|accepted| media_type.eq_ignore_ascii_case(accepted))
}

/// Octets of a head with everything in it, nearly always.
pub(super) const HEAD: usize = 512;
/// Frames that may wait to be written: our answers, to a room that does not take them.
const PENDING_FRAMES: usize = 1024;
