//! The switch of one room.

use crate::completed::Completed;
use crate::composing::Composing;
use crate::deliver::{Cut, Fanout, hand_out};
use crate::frame::{MessageKey, TID_RANDOM};
use crate::heard::Heard;
use crate::message::Phase;
use crate::outbox::{Outbox, OutboxLimits, Slot};
use crate::recipients::{Audience, Recipient, Recipients, wake};
use crate::refusal::Refusal;
use crate::reserve::Reserve;
use crate::session::{Attached, Session};
use crate::{Credit, RoomBudget};
use bytes::Bytes;
use parlor_msrp::{FailureReport, Flag, Method, Path, Quotes, Request, Response, Uri};
use parlor_room::{Room, SessionId};
use rand::rngs::StdRng;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many messages of several frames are remembered, so that a late 413 of a recipient finds its message.
pub(crate) const RECENT: usize = 64;

/// What an operator may set.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The most octets of body in one frame that goes out.
    pub frame_bytes: usize,
    /// `Failure-Report` of the copies (CHAT-45).
    pub failure_report: FailureReport,
    /// The most octets of CPIM headers (CHAT-66).
    pub cpim_header_bytes: usize,
    /// How many messages one session may have open at once.
    pub open_messages_per_session: usize,
    /// How many messages may be open in the room.
    pub open_messages: usize,
    /// How long a message may wait for its next chunk (CHAT-62).
    pub chunk_timeout: Duration,
    /// The most octets of messages that may be held back in the room: of headers that are not complete (CHAT-66), of
    /// chunks that came too early (CHAT-64), of what is too little for a frame (MSRP-34).
    pub held_bytes: usize,
    /// Whether nicknames must stand in quotes (CHAT-93).
    pub nickname_quotes: Quotes,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            frame_bytes: 8192,
            failure_report: FailureReport::Partial,
            cpim_header_bytes: 16 * 1024,
            open_messages_per_session: 16,
            open_messages: 256,
            chunk_timeout: Duration::from_secs(540),
            held_bytes: OutboxLimits::default().held(),
            nickname_quotes: Quotes::default(),
        }
    }
}

/// What a session's connection brought, in its order.
#[derive(Debug)]
pub enum Input {
    /// The head of a request.
    Request(Box<Request>),
    /// A piece of its body.
    Body(Bytes),
    /// Its end.
    End(Flag),
    /// The answer to a copy.
    Response(Box<Response>),
}

/// What a participant's message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// For the room.
    Room,
    /// For one participant.
    Private,
    /// That somebody is writing, or no more (RFC 3994).
    Composing,
    /// What became of a message (RFC 5438).
    Imdn,
}

/// What was taken and goes to nobody, as it would tell nobody anything worth its cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withheld {
    /// Its recipients know that somebody is writing, or are too many to be told.
    Composing,
    /// A receipt for a whole room.
    Imdn,
}

/// Something that happened, for the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// A participant's message came in whole.
    Message(Kind),
    /// The room itself said something to everybody.
    Notice,
    /// The room itself said something to one participant.
    Direct,
    /// A message was taken and goes to nobody.
    Withheld(Withheld),
    /// A response with this code was sent.
    Response(u16),
    /// A message was refused.
    Refused(Refusal),
    /// So many recipients do not get a message, or not to its end.
    Dropped(Dropped, u32),
}

/// Why a recipient does not get a message, or not to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// It has stalled and its outbox is full.
    Stalled,
    /// It has stalled, and all outboxes of those that have are full together.
    Memory,
    /// The sender broke it off, vanished, or was refused in the middle.
    Aborted,
    /// The recipient does not take its content type (CHAT-43).
    Unaccepted,
    /// It is larger than the recipient takes (CHAT-43).
    Oversized,
    /// The recipient left.
    Closed,
}

/// What the switch has to say to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// For the metrics.
    Counted(Counted),
    /// The peer says that its session does not exist: it is to be closed (CHAT-68).
    Failed(SessionId),
    /// Who holds this session has said what the room is about (CHAT-141).
    TopicSet(SessionId),
}

/// The MSRP face of one room.
#[derive(Debug)]
pub struct Switch {
    pub(crate) settings: Settings,
    pub(crate) fanout: Fanout,
    pub(crate) sessions: BTreeMap<SessionId, Session>,
    pub(crate) audience: Audience,
    /// Messages that got something in this turn and are not complete.
    pub(crate) touched: Vec<(SessionId, MessageKey)>,
    pub(crate) open: usize,
    /// The messages that are being copied, by the random part of their frames' ids, and whose they are.
    pub(crate) streaming: BTreeMap<[u8; TID_RANDOM], (SessionId, MessageKey)>,
    pub(crate) recent: VecDeque<([u8; TID_RANDOM], MessageKey)>,
    pub(crate) timers: BTreeSet<(Instant, SessionId, MessageKey)>,
    /// When it is next looked whether recipients answer.
    pub(crate) answers_due: Option<Instant>,
    pub(crate) completed: Completed,
    pub(crate) composing: Composing,
    /// Whether what is said is gathered.
    pub(crate) hears: bool,
    pub(crate) heard: VecDeque<Heard>,
    next_message: u64,
    outputs: VecDeque<Output>,
}

impl Switch {
    /// A switch without sessions. What it has held back goes out on `budget`, which is the one its sessions' readers use.
    pub fn new(settings: Settings, budget: RoomBudget, rng: StdRng) -> Self {
        let cut = Cut { frame_bytes: settings.frame_bytes, failure_report: settings.failure_report.as_str() };
        let reserve = Reserve::new(settings.held_bytes, budget);
        Self {
            settings,
            fanout: Fanout { cut, rng, reserve, turn: Vec::new(), content: false },
            sessions: BTreeMap::new(),
            audience: Audience::default(),
            touched: Vec::new(),
            open: 0,
            streaming: BTreeMap::new(),
            recent: VecDeque::new(),
            timers: BTreeSet::new(),
            answers_due: None,
            completed: Completed::default(),
            composing: Composing::default(),
            hears: false,
            heard: VecDeque::new(),
            next_message: 1,
            outputs: VecDeque::new(),
        }
    }

    /// How many messages are open.
    pub fn open_messages(&self) -> usize {
        self.open
    }

    /// What a session's connection brought. Pieces of bodies are covered by `credit`.
    pub fn handle(&mut self, now: Instant, room: &mut Room, session: SessionId, input: Input, credit: &Credit) {
        self.expect_answers(now);
        match input {
            Input::Request(request) => match request.method {
                Method::Send => self.handle_send(now, room, session, &request),
                Method::Nickname => self.handle_nickname(now, room, session, &request),
                Method::Report => self.handle_report(session, &request),
                // A connection answers 501 to anything else before it gets here.
                Method::Auth | Method::Other(_) => {}
            },
            Input::Body(body) => self.handle_body(now, room, session, body, credit),
            Input::End(flag) => self.handle_end(now, room, session, flag),
            Input::Response(response) => self.handle_response(now, session, &response),
        }
    }

    /// A session that the focus has admitted, under the URI that its peer was given.
    pub fn open(&mut self, session: SessionId, local: Uri, peer: Path) {
        self.sessions.insert(session, Session::new(local, peer));
    }

    /// New paths after a new offer, or new capabilities. While the session has a connection its old paths hold there,
    /// until it is [attached](Switch::attach) under the new ones (MSRP-119).
    pub fn update(&mut self, session: SessionId, local: Uri, peer: Path) {
        if let Some(session) = self.sessions.get_mut(&session) {
            session.agree(local, peer);
        }
        self.audience.forget();
    }

    /// The session's connection is known: from now on it can be written to. What it was sending on a former one is broken
    /// off (CHAT-65).
    pub fn attach(&mut self, session: SessionId, outbox: Arc<Outbox>, slot: Slot) {
        self.leave_outbox(session);
        self.detach(session);
        if let Some(state) = self.sessions.get_mut(&session) {
            state.attach(Attached { outbox, slot });
        }
    }

    /// Whether this is where the session is written to.
    pub fn is_attached(&self, session: SessionId, outbox: &Arc<Outbox>, slot: Slot) -> bool {
        let attached = self.sessions.get(&session).and_then(|state| state.attached.as_ref());
        attached.is_some_and(|attached| attached.slot == slot && Arc::ptr_eq(&attached.outbox, outbox))
    }

    /// Whether a session has a connection.
    pub fn is_bound(&self, session: SessionId) -> bool {
        self.sessions.get(&session).is_some_and(|state| state.attached.is_some())
    }

    /// Whether a session is bound and its binding answered.
    pub fn is_ready(&self, session: SessionId) -> bool {
        self.sessions.get(&session).is_some_and(|state| state.ready)
    }

    /// Whether nothing waits to be written to anybody.
    pub fn is_all_written(&self) -> bool {
        let mut outboxes = self.sessions.values().filter_map(|state| state.attached.as_ref());
        outboxes.all(|attached| attached.outbox.queued() == 0)
    }

    /// The session's connection is gone: what it was sending is broken off (CHAT-65).
    pub fn detach(&mut self, session: SessionId) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        state.attached = None;
        state.chunk = None;
        for message in std::mem::take(&mut state.messages) {
            self.abort(session, message);
        }
        self.forsake(session);
        self.audience.forget();
    }

    fn leave_outbox(&mut self, session: SessionId) {
        if let Some(attached) = self.sessions.get(&session).and_then(|state| state.attached.as_ref()) {
            let (dropped, waker) = attached.outbox.detach(attached.slot);
            wake(waker);
            self.count_dropped(Dropped::Closed, dropped as usize);
        }
    }

    /// The session has ended.
    pub fn close(&mut self, session: SessionId) {
        self.leave_outbox(session);
        self.detach(session);
        self.sessions.remove(&session);
    }

    /// The time has come that [`Switch::poll_timeout`] named.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.give_up_silent(now);
        self.look_for_answers(now);
        self.end_turn();
    }

    /// Hands everything that has gathered to the recipients.
    pub fn end_turn(&mut self) {
        for (session, key) in std::mem::take(&mut self.touched) {
            let Some(state) = self.sessions.get_mut(&session) else { continue };
            let Some(index) = state.message_index(key) else { continue };
            let message = &mut state.messages[index];
            if let Phase::Streaming(outgoing) = &mut message.phase {
                outgoing.end_turn(&mut self.fanout);
            }
            self.schedule(session, index);
        }
        self.hand_out();
    }

    /// Whether, since this was last asked, content of a message has been put in line for its recipients.
    pub fn take_handed_on(&mut self) -> bool {
        std::mem::take(&mut self.fanout.content)
    }

    /// What there is to tell.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether what is said from now on is gathered, up to [`crate::LARGEST_HEARD`], for those who get no frames.
    pub fn hear(&mut self, hears: bool) {
        self.hears = hears;
    }

    /// What was said.
    pub fn poll_heard(&mut self) -> Option<Heard> {
        self.heard.pop_front()
    }

    /// When [`Switch::handle_timeout`] is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _, _)| *at).into_iter().chain(self.answers_due).min()
    }

    /// Puts what was planned into the outboxes.
    pub(crate) fn hand_out(&mut self) {
        let pushed = hand_out(&mut self.fanout.turn);
        self.count_dropped(Dropped::Stalled, pushed.stalled as usize);
        self.count_dropped(Dropped::Memory, pushed.memory as usize);
    }

    pub(crate) fn count(&mut self, counted: Counted) {
        self.outputs.push_back(Output::Counted(counted));
    }

    pub(crate) fn count_refused(&mut self, refusal: Refusal) {
        self.count(Counted::Refused(refusal));
    }

    pub(crate) fn count_dropped(&mut self, why: Dropped, recipients: usize) {
        if recipients > 0 {
            self.count(Counted::Dropped(why, u32::try_from(recipients).unwrap_or(u32::MAX)));
        }
    }

    pub(crate) fn emit(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(crate) fn next_key(&mut self) -> MessageKey {
        let key = MessageKey(self.next_message);
        self.next_message += 1;
        key
    }

    /// Queues something for one session ahead of all messages.
    pub(crate) fn push_control(&self, session: SessionId, encoded: Vec<u8>) {
        if let Some(attached) = self.sessions.get(&session).and_then(|state| state.attached.as_ref()) {
            // Of its own size: many may wait.
            wake(attached.outbox.push_control(Bytes::from(encoded.into_boxed_slice())));
        }
    }

    /// Lets a session take part once its binding has been answered.
    pub(crate) fn make_ready(&mut self, session: SessionId) {
        if let Some(state) = self.sessions.get_mut(&session)
            && !state.ready
        {
            state.ready = true;
            self.audience.forget();
        }
    }

    /// Whether a session has not been welcomed before; from now on it has.
    pub fn take_newcomer(&mut self, session: SessionId) -> bool {
        self.sessions.get_mut(&session).is_some_and(|state| !std::mem::replace(&mut state.welcomed, true))
    }

    /// Those that receive messages of this content type now.
    pub(crate) fn recipients(&mut self, room: &Room, essence: &str) -> Recipients {
        let sessions = &self.sessions;
        self.audience.taking(essence, || receiving(sessions, room))
    }

    /// Which of those who take deliveries is the sender's own endpoint: it gets no copy of what it sends on any of its lines
    /// (CHAT-41).
    pub(crate) fn own_line(&self, room: &Room, sender: SessionId) -> SessionId {
        let mut lines = std::iter::once(sender).chain(room.beside(sender));
        lines.find(|line| self.audience.has(*line)).unwrap_or(sender)
    }

    /// A session, if it takes deliveries now.
    pub(crate) fn recipient(&self, room: &Room, session: SessionId) -> Option<Recipient> {
        recipient(room, session, self.sessions.get(&session)?)
    }
}

/// The sessions that take deliveries. Of several lines of one endpoint the first gets what the room says; the others are for
/// what their user sends beside it (REQ-1).
pub(crate) fn receiving(sessions: &BTreeMap<SessionId, Session>, room: &Room) -> impl Iterator<Item = Recipient> {
    let mut endpoints = HashSet::new();
    let recipients = sessions.iter().filter_map(|(id, state)| recipient(room, *id, state));
    recipients.filter(move |recipient| endpoints.insert(recipient.endpoint))
}

fn recipient(room: &Room, id: SessionId, state: &Session) -> Option<Recipient> {
    let attached = state.attached.as_ref().filter(|_| state.ready)?;
    let own = room.session(id)?;
    let capabilities = own.capabilities();
    capabilities.direction.receives().then(|| Recipient {
        session: id,
        endpoint: own.on(),
        participant: own.participant(),
        outbox: Arc::clone(&attached.outbox),
        slot: attached.slot,
        wrapped_types: capabilities.wrapped_types.clone(),
        max_size: capabilities.max_size,
    })
}
