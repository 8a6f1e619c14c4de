//! The focus: what comes in, what is due, what goes out.

mod legs;

use crate::dial_out::DialOut;
use crate::dialogs::BareDialog;
use crate::leg::{Leg, LegId, Media, Phase};
use crate::pager::Pagers;
use crate::referral::Referral;
use crate::roster::Roster;
use crate::sdp::{Chatroom, LocalMedia};
use crate::subscriptions::Subscriptions;
use crate::timers::{Timer, Timers};
use crate::types::TypeLists;
use crate::{Caller, DialogChange, EndReason, Output, Reject, RequestId, Settings, uas};
use parlor_room::{FileRule, ParticipantId, Room, SessionId};
use parlor_sip::subscription::SubscriptionEnd;
use parlor_sip::{Flow, Method, Request, Response, ServerTransactionId};
use rand::rngs::StdRng;
use rand::{Rng, RngExt};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

/// The SIP face of one room.
///
/// It is driven like everything without I/O here: `handle_*` tells what happened, `poll_output`
/// what is to be done, `poll_timeout` when to come back with `handle_timeout`. The room is lent to
/// it with each input.
#[derive(Debug)]
pub struct Focus {
    pub(crate) settings: Arc<Settings>,
    tag_prefix: Box<str>,
    pub(crate) rng: StdRng,
    pub(crate) legs: BTreeMap<LegId, Leg>,
    /// Calls of ours that are not answered; each has the name of the dialog that it may become.
    pub(crate) calls: BTreeMap<LegId, DialOut>,
    /// REFERs whose outcome is told.
    pub(crate) referrals: BTreeMap<LegId, Referral>,
    /// The dialogs without an INVITE.
    pub(crate) bare: BTreeMap<LegId, BareDialog>,
    /// Who takes part by MESSAGE alone.
    pub(crate) pagers: Pagers,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) roster: Roster,
    sessions: BTreeMap<SessionId, LegId>,
    requests: BTreeMap<RequestId, LegId>,
    pub(crate) next_request: u64,
    pub(crate) timers: Timers,
    pub(crate) types: TypeLists,
    outputs: VecDeque<Output>,
    dialog_changes: VecDeque<DialogChange>,
    /// How many dialogs have sessions, or had them and may take them up again.
    places: usize,
    /// The dialogs that carry files, by those for whom they do.
    pub(crate) transfers: BTreeSet<(ParticipantId, LegId)>,
}

/// The prefix that the focus of a room was made with, read from a local tag of one of its dialogs.
pub fn tag_prefix(tag: &str) -> Option<&str> {
    tag.rsplit_once('-').map(|(prefix, _)| prefix)
}

/// How a request is answered, and what follows from it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: Response,
    /// The dialog whose sessions both sides know with this answer.
    pub(crate) settles: Option<LegId>,
    /// The REFER whose outcome is told from now on, or once more.
    pub(crate) referral: Option<LegId>,
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        Self { response, settles: None, referral: None }
    }
}

impl Focus {
    /// A focus without dialogs. Every local tag is `tag_prefix`, a hyphen and a random part, so
    /// that requests in dialogs find their room by the To tag, whatever their Request-URI (SIP-E3).
    pub fn new(settings: Arc<Settings>, tag_prefix: String, rng: StdRng) -> Self {
        Self {
            settings,
            tag_prefix: tag_prefix.into(),
            rng,
            legs: BTreeMap::new(),
            calls: BTreeMap::new(),
            referrals: BTreeMap::new(),
            bare: BTreeMap::new(),
            pagers: Pagers::default(),
            subscriptions: Subscriptions::default(),
            roster: Roster::default(),
            sessions: BTreeMap::new(),
            requests: BTreeMap::new(),
            next_request: 0,
            timers: Timers::default(),
            types: TypeLists::default(),
            outputs: VecDeque::new(),
            dialog_changes: VecDeque::new(),
            places: 0,
            transfers: BTreeSet::new(),
        }
    }

    /// Whether there is no dialog and nothing under way.
    pub fn is_idle(&self) -> bool {
        let at_rest = self.legs.is_empty() && self.calls.is_empty() && self.referrals.is_empty();
        at_rest && self.outputs.is_empty()
    }

    /// How many places for sessions are taken: one by a dialog, however many media lines it has, also if it has given its
    /// sessions up and may take them up again (SIP-65); one by each call of ours; and one by each device that takes part by
    /// MESSAGE.
    pub fn places(&self) -> usize {
        self.places + self.calls.len() + self.pagers.len()
    }
}

#[cfg(test)]
impl Focus {
    /// How many dialogs there are, those that are ending among them.
    pub(crate) fn dialogs(&self) -> usize {
        self.legs.len()
    }

    /// How many requests of ours are unanswered.
    pub(crate) fn pending_requests(&self) -> usize {
        self.requests.len()
    }
}

/// What comes in.
impl Focus {
    /// A request other than ACK and CANCEL: one for this room, or one in a dialog whose local tag
    /// is ours. [`uas::target`] has passed it, if it is outside of dialogs. `caller` is who was found to send
    /// it. It is answered by one [`Output::Respond`].
    pub fn handle_request(
        &mut self,
        now: Instant,
        room: &mut Room,
        tx: ServerTransactionId,
        request: &Request,
        flow: Flow,
        caller: &Caller,
    ) {
        if request.method == Method::Message {
            return self.take_message(now, room, tx, request, &flow, caller);
        }
        let in_dialog = request.headers.to_tag().is_ok_and(|tag| tag.is_some());
        let served = match (&request.method, in_dialog) {
            (Method::Invite, false) => self.join(now, room, tx, request, flow, caller),
            (Method::Refer, false) => self.refer(now, room, None, request, flow, caller),
            (Method::Options, false) => self.options(room, request, &flow, caller),
            (Method::Subscribe, false) => self.subscribe(now, room, request, flow, caller),
            (Method::Bye | Method::Update | Method::Prack | Method::Ack | Method::Cancel | Method::Notify, false) => {
                Err(Reject::NoDialog)
            }
            (method, false) => uas::method(method).and(Err(Reject::MethodNotAllowed)),
            (_, true) => self.serve_in_dialog(now, room, tx, request, flow, caller),
        };
        match served {
            Ok(Answer { response, settles, referral }) => {
                self.outputs.push_back(Output::Respond { tx, response });
                if let Some(id) = settles {
                    self.settle(now, id);
                }
                if let Some(referral) = referral {
                    self.go_on_telling(referral);
                }
            }
            Err(reject) => self.refuse(tx, request, &reject),
        }
    }

    /// Refuses a request that the server decided about.
    pub fn refuse(&mut self, tx: ServerTransactionId, request: &Request, reject: &Reject) {
        let tag = self.fresh_tag();
        let response = uas::refuse(request, reject, &self.settings, &tag);
        self.outputs.push_back(Output::Respond { tx, response });
    }

    /// A session's connection is there, and if it is we who connected, the peer has said so.
    pub fn handle_bound(&mut self, room: &mut Room, session: SessionId) {
        if let Some(&id) = self.sessions.get(&session) {
            room.set_lost(session, false);
            self.bind(id, session);
        }
    }

    /// A session's connection is lost: its participant has some time for a re-INVITE (CHAT-151).
    pub fn handle_unbound(&mut self, now: Instant, room: &mut Room, session: SessionId) {
        if let Some(&id) = self.sessions.get(&session) {
            room.set_lost(session, true);
            self.unbind(now, id, session);
        }
    }

    /// Time has come.
    pub fn handle_timeout(&mut self, now: Instant, room: &mut Room) {
        self.wake_subscriptions(now);
        self.wake_pagers(now, room);
        while let Some((id, timer)) = self.timers.pop(now) {
            match timer {
                Timer::Retransmit => self.retransmit(now, id),
                Timer::NoAck => self.give_up_ack(now, room, id),
                Timer::Bind(session) => self.end_line(now, room, id, session, EndReason::BindTimeout),
                Timer::Lost(session) => self.end_line(now, room, id, session, EndReason::ConnectionLost),
                Timer::Rejoin => self.end(now, room, id, EndReason::MediaRemoved),
                Timer::Refresh => self.refresh(now, room, id),
                Timer::Expire => self.end(now, room, id, EndReason::Expired),
                Timer::Ring => self.give_up_call(id, 408),
                Timer::ForgetAck => self.forget_ack(id),
            }
        }
    }

    /// Whether a 2xx retransmission is due: SIP-3, also over reliable transports.
    fn retransmit(&mut self, now: Instant, id: LegId) {
        let Some(Phase::Unacked(unacked)) = self.legs.get_mut(&id).map(|leg| &mut leg.phase) else {
            return;
        };
        unacked.interval = (unacked.interval * 2).min(self.settings.sip_timers.t2);
        let (tx, response) = (unacked.tx, unacked.response.clone());
        self.timers.arm(id, Timer::Retransmit, now + unacked.interval);
        self.outputs.push_back(Output::Respond { tx, response });
    }
}

/// Commands.
impl Focus {
    /// Ends a session from our side: the room loses it at once. If it has failed the others of its dialog go on; else they
    /// end with it. With the last one its participant gets BYE.
    pub fn end_session(&mut self, now: Instant, room: &mut Room, session: SessionId, reason: EndReason) {
        if self.pagers.has(session) {
            return self.end_pager(now, room, session, reason);
        }
        let Some(&id) = self.sessions.get(&session) else { return };
        match reason {
            EndReason::ConnectionLost | EndReason::BindTimeout | EndReason::Stalled => {
                self.end_line(now, room, id, session, reason);
            }
            EndReason::Left
            | EndReason::MediaRemoved
            | EndReason::NoAck
            | EndReason::BadAnswer
            | EndReason::Expired
            | EndReason::Unreachable
            | EndReason::Replaced
            | EndReason::Removed
            | EndReason::Unanswered
            | EndReason::Transferred
            | EndReason::TransferFailed
            | EndReason::RoomClosed
            | EndReason::Shutdown => self.end(now, room, id, reason),
        }
    }

    /// Removes a participant, with all its dialogs.
    pub fn eject(&mut self, now: Instant, room: &mut Room, who: ParticipantId) {
        let Some(participant) = room.participant(who) else { return };
        let user = participant.identity().key();
        let has = |leg: &Leg| leg.session().and_then(|id| room.session(id)).is_some_and(|own| own.participant() == who);
        let is_theirs = |leg: &Leg| match &leg.media {
            Media::Offered(_) | Media::Open(_) => has(leg),
            Media::GivenUp(guest) => guest.identity.key() == user,
            // They end with their participant.
            Media::File(_) | Media::Closed => false,
        };
        let theirs: Vec<LegId> = self.legs.iter().filter(|(_, leg)| is_theirs(leg)).map(|(id, _)| *id).collect();
        for id in theirs {
            self.end(now, room, id, EndReason::Removed);
        }
        self.end_pagers_of(now, room, who, EndReason::Removed);
    }

    /// Ends all dialogs and subscriptions.
    pub fn end_all(&mut self, now: Instant, room: &mut Room, reason: EndReason) {
        let all: Vec<LegId> = self.legs.keys().copied().collect();
        for id in all {
            self.end(now, room, id, reason);
        }
        self.end_all_pagers(now, room, reason);
        self.give_up_all_calls(487);
        self.subscriptions.end_all(match reason {
            EndReason::Shutdown => SubscriptionEnd::Shutdown,
            _ => SubscriptionEnd::Gone,
        });
    }
}

/// What goes out.
impl Focus {
    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The next dialog that began or is gone, for those who are to know it before its peer does.
    pub fn poll_dialog(&mut self) -> Option<DialogChange> {
        self.dialog_changes.pop_front()
    }

    /// When [`Focus::handle_timeout`] is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.timers.next(), self.subscriptions.next_timeout(), self.pagers.next_timeout()].into_iter().flatten().min()
    }
}

/// What the parts of the focus share.
impl Focus {
    pub(crate) fn emit(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// The local tag of a dialog.
    pub(crate) fn tag(&self, id: LegId) -> String {
        format!("{}-{:016x}", self.tag_prefix, id.0)
    }

    /// The dialog of a local tag, if it is one of ours.
    pub(crate) fn named(&self, tag: &str) -> Option<LegId> {
        let random = tag.strip_prefix(&*self.tag_prefix)?.strip_prefix('-').filter(|hex| hex.len() == 16)?;
        u64::from_str_radix(random, 16).ok().map(LegId)
    }

    /// What the dialog of a session came by last.
    pub(crate) fn flow_of(&self, session: SessionId) -> Option<&Flow> {
        let id = self.sessions.get(&session)?;
        self.legs.get(id).map(|leg| &leg.flow)
    }

    /// What we bring to a session of this room.
    pub(crate) fn local_media<'a>(settings: &'a Settings, room: &'a Room) -> LocalMedia<'a> {
        let rules = room.rules();
        LocalMedia {
            addresses: &settings.msrp,
            session_mark: &settings.session_mark,
            wrapped_types: &rules.wrapped_types,
            max_size: rules.max_message_bytes,
            chatroom: Chatroom::allowed_by(rules),
            chat_clients: &settings.chat_clients,
            require_tls: rules.require_tls,
            can_connect: settings.can_connect,
            topic: room.topic(),
            files: settings.files.is_some() && rules.files != FileRule::Off,
        }
    }

    /// A session-id: our mark and 119 random bits, letters and digits (MSRP-82).
    pub(crate) fn session_id(mark: &str, rng: &mut StdRng) -> String {
        const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let random = (0..20).map(|_| char::from(LETTERS[rng.random_range(0..LETTERS.len())]));
        mark.chars().chain(random).collect()
    }

    /// A name for a dialog.
    pub(crate) fn name_dialog(&mut self) -> LegId {
        LegId(self.rng.next_u64())
    }

    /// A name for a request of ours.
    pub(crate) fn name_request(&mut self) -> RequestId {
        Self::name_after(&mut self.next_request)
    }

    /// The name after that.
    pub(crate) fn name_after(last: &mut u64) -> RequestId {
        *last += 1;
        RequestId(*last)
    }

    /// A request of ours goes out.
    pub(crate) fn send(&mut self, id: LegId, request: Request) -> RequestId {
        let name = self.name_request();
        if let Some(leg) = self.legs.get(&id) {
            let next_hop = leg.next_hop();
            self.requests.insert(name, id);
            self.outputs.push_back(Output::Request { id: name, request, next_hop });
        }
        name
    }

    /// Whose request this was.
    pub(crate) fn requester(&self, request: RequestId) -> Option<LegId> {
        self.requests.get(&request).copied()
    }

    pub(crate) fn forget_request(&mut self, request: RequestId) {
        self.requests.remove(&request);
    }

    pub(crate) fn remember_request(&mut self, request: RequestId, id: LegId) {
        self.requests.insert(request, id);
    }

    /// A tag for a response that makes no dialog.
    pub(crate) fn fresh_tag(&mut self) -> String {
        let random = self.name_dialog();
        self.tag(random)
    }
}
