//! A room as the server's task drives it: room, focus and switch, and the mailbox that connections write to.

use crate::member::{Member, Status};
use crate::model::Model;
use crate::sip::{Transactions, flow};
use parlor_focus::sdp::{MsrpAddress, MsrpAddresses};
use parlor_focus::{Caller, EndReason, Focus, Output, SessionSpec};
use parlor_msrp::{Path, Uri};
use parlor_room::{Hosts, Room, Rules, SessionId};
use parlor_sip::{Method, Request, Response};
use parlor_switch::{Counted, Credit, Input, Outbox, OutboxLimits, Refusal, RoomBudget, Slot, Switch};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// How many reads are handled in one turn.
const TURN: usize = 64;

/// The name of a room.
pub fn name(room: usize) -> String {
    format!("room{room}")
}

/// A session as connections see it.
#[derive(Debug)]
pub struct Entry {
    /// Its room.
    pub room: usize,
    /// Its name there.
    pub session: SessionId,
    /// Our URI.
    pub local: Uri,
    /// The peer's path.
    pub peer: Path,
    /// The connection it is bound to.
    pub bound_to: Cell<Option<usize>>,
    /// Whether it has ended.
    pub closed: Cell<bool>,
}

/// All sessions by the session id of their URI.
pub type Table = BTreeMap<String, Rc<Entry>>;

/// What connections tell a room.
#[derive(Debug)]
pub enum Mail {
    /// A session was bound.
    Bound(Rc<Entry>, Arc<Outbox>, Slot),
    /// Its connection is gone.
    Unbound(SessionId, Slot, Arc<Outbox>),
    /// What one read brought.
    Brought(Vec<(SessionId, Input)>, Credit),
    /// A stalled session has recovered and missed so many messages.
    Recovered(SessionId, u32),
    /// It took nothing for too long.
    GivenUp(SessionId),
}

/// What a room works with that is not its own.
#[derive(Debug)]
pub struct Around<'a> {
    /// The time.
    pub now: Instant,
    /// All sessions.
    pub table: &'a mut Table,
    /// All members.
    pub members: &'a mut Vec<Member>,
    /// What ought to happen.
    pub model: &'a mut Model,
    /// Where SIP transactions come from.
    pub transactions: &'a mut Transactions,
}

/// One room.
#[derive(Debug)]
pub struct RoomTask {
    index: usize,
    room: Room,
    focus: Focus,
    switch: Switch,
    entries: BTreeMap<SessionId, (Rc<Entry>, usize)>,
    newcomers: Vec<SessionId>,
    /// What waits to be handled.
    pub mailbox: VecDeque<Mail>,
    /// What senders may have under way.
    pub budget: RoomBudget,
    /// Whether a message was given up because too much was held back in all (CHAT-64, CHAT-66).
    pub held_back: bool,
}

impl RoomTask {
    /// An empty room.
    pub fn new(index: usize, max_message_bytes: u64, limits: &OutboxLimits, seed: u64) -> Self {
        let hosts = Arc::new(Hosts::new("chat.example.com", ["192.0.2.1".to_owned()]));
        let rules = Rules { max_message_bytes, welcome: "Welcome.".into(), ..Rules::default() };
        let mut settings = parlor_focus::Settings::new(Arc::clone(&hosts));
        settings.msrp = MsrpAddresses { tcp: Some(MsrpAddress { host: "192.0.2.1".into(), port: 2855 }), tls: None };
        let rng = |n| StdRng::seed_from_u64(seed ^ (index as u64 * 2 + n + 1));
        let budget = RoomBudget::new(limits);
        let switching = parlor_switch::Settings { held_bytes: limits.held(), ..parlor_switch::Settings::default() };
        Self {
            index,
            room: Room::new(&name(index), hosts, rules).expect("a name that makes a URI"),
            focus: Focus::new(Arc::new(settings), format!("r{index}"), rng(0)),
            switch: Switch::new(switching, budget.clone(), rng(1)),
            entries: BTreeMap::new(),
            newcomers: Vec::new(),
            mailbox: VecDeque::new(),
            budget,
            held_back: false,
        }
    }

    /// The room's URI.
    pub fn uri(&self) -> String {
        self.room.uri().to_string()
    }

    /// How many messages are open.
    pub fn open_messages(&self) -> usize {
        self.switch.open_messages()
    }

    /// When [`RoomTask::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.focus.poll_timeout().into_iter().chain(self.switch.poll_timeout()).min()
    }

    /// Somebody joins.
    pub fn join(&mut self, around: &mut Around<'_>, member: usize) {
        let joining = &mut around.members[member];
        let invite = joining.phone.invite(joining.uri.as_str(), joining.max_size);
        let response = self.request(around, &invite, member);
        assert_eq!(response.code, 200, "{response:?}");
        let joining = &mut around.members[member];
        joining.phone.learn(&response);
        joining.status = Status::Inside;
        self.focus.handle_ack(around.now, &mut self.room, &joining.phone.ack());
        self.move_outputs(around, member);
    }

    /// Somebody leaves.
    pub fn leave(&mut self, around: &mut Around<'_>, member: usize) {
        let bye = around.members[member].phone.bye();
        let response = self.request(around, &bye, member);
        assert_eq!(response.code, 200, "{response:?}");
        assert_eq!(around.members[member].status, Status::Left);
    }

    /// Handles what has gathered, as one turn.
    pub fn handle_reads(&mut self, around: &mut Around<'_>) {
        let mut credits = Vec::new();
        for _ in 0..TURN {
            let Some(mail) = self.mailbox.pop_front() else { break };
            credits.extend(self.handle(around, mail));
        }
        self.switch.end_turn();
        for credit in credits {
            credit.settle(1);
        }
        self.welcome();
        self.move_outputs(around, usize::MAX);
    }

    /// Something is due.
    pub fn handle_timeout(&mut self, around: &mut Around<'_>) {
        self.focus.handle_timeout(around.now, &mut self.room);
        self.switch.handle_timeout(around.now);
        self.move_outputs(around, usize::MAX);
    }

    fn request(&mut self, around: &mut Around<'_>, request: &Request, member: usize) -> Response {
        let tx = around.transactions.next(around.now);
        self.focus.handle_request(around.now, &mut self.room, tx, request, flow(), &Caller::UNVERIFIED);
        self.move_outputs(around, member).expect("every request is answered")
    }

    fn handle(&mut self, around: &mut Around<'_>, mail: Mail) -> Option<Credit> {
        let now = around.now;
        match mail {
            Mail::Bound(entry, outbox, slot) => {
                if self.entries.contains_key(&entry.session) {
                    self.switch.attach(entry.session, outbox, slot);
                    self.focus.handle_bound(&mut self.room, entry.session);
                    self.newcomers.push(entry.session);
                }
            }
            Mail::Unbound(session, slot, outbox) => {
                if self.switch.is_attached(session, &outbox, slot) {
                    self.switch.detach(session);
                    self.focus.handle_unbound(now, &mut self.room, session);
                    around.model.gone(self.entries[&session].1);
                }
            }
            Mail::Recovered(session, missed) => {
                let text = format!("You missed {missed} messages: your connection did not keep up.");
                self.switch.notify(&self.room, session, "2026-01-01T00:00:00Z", &text);
            }
            Mail::GivenUp(session) => {
                self.focus.end_session(around.now, &mut self.room, session, EndReason::Stalled);
                // What of its last words is still accepted within this turn is of no interest.
                if let Some((_, member)) = self.entries.get(&session) {
                    around.model.fades(*member);
                }
            }
            Mail::Brought(inputs, credit) => {
                for (session, input) in inputs {
                    if let Some((_, member)) = self.entries.get(&session) {
                        let most = self.room.rules().max_message_bytes;
                        around.model.input(now, self.index, most, *member, &input);
                    }
                    self.switch.handle(now, &mut self.room, session, input, &credit);
                }
                return Some(credit);
            }
        }
        None
    }

    fn welcome(&mut self) {
        for session in std::mem::take(&mut self.newcomers) {
            if !self.entries.contains_key(&session) {
                continue;
            }
            if !self.switch.is_ready(session) {
                self.newcomers.push(session);
            } else if self.switch.take_newcomer(session) {
                self.switch.notify(&self.room, session, "2026-01-01T00:00:00Z", "Welcome.");
            }
        }
    }

    /// Gives the response among them. Sessions that open are those of `member`.
    fn move_outputs(&mut self, around: &mut Around<'_>, member: usize) -> Option<Response> {
        let mut answer = None;
        while let Some(output) = self.focus.poll_output() {
            match output {
                Output::Respond { response, .. } => answer = Some(response),
                Output::Request { id, request, .. } => {
                    assert_eq!(request.method, Method::Bye);
                    let response = Response::for_request(&request, 200, "OK");
                    self.focus.handle_response(around.now, &mut self.room, id, &response);
                }
                Output::OpenSession { session, spec } => self.open(around, session, &spec, member),
                Output::CloseSession { session, .. } => self.close(around, session),
                Output::OfferSession { .. }
                | Output::Post { .. }
                | Output::OpenTransfer { .. }
                | Output::SendAck { .. }
                | Output::Locate { .. }
                | Output::Cancel { .. }
                | Output::Called { .. }
                | Output::Ask { .. }
                | Output::Page { .. }
                | Output::PageEnded(_)
                | Output::PagerJoined { .. }
                | Output::PagerLeft { .. }
                | Output::SubscriptionEnded(_)
                | Output::UpdateSession { .. }
                | Output::Connect { .. } => {
                    panic!("nobody asked for {output:?}")
                }
            }
        }
        while let Some(output) = self.switch.poll_output() {
            let parlor_switch::Output::Counted(counted) = output else { panic!("{output:?}") };
            self.held_back |= counted == Counted::Refused(Refusal::HeldBack);
        }
        answer
    }

    fn open(&mut self, around: &mut Around<'_>, session: SessionId, spec: &SessionSpec, member: usize) {
        let (local, peer) = (spec.local.clone(), spec.peer.clone());
        self.switch.open(session, local.clone(), peer.clone());
        let id = local.session_id().expect("our URIs have a session id").to_owned();
        let joining = &mut around.members[member];
        (joining.session, joining.local) = (Some(session), Some(Path::from(local.clone())));
        let (bound_to, closed) = (Cell::new(None), Cell::new(false));
        let entry = Rc::new(Entry { room: self.index, session, local, peer, bound_to, closed });
        around.table.insert(id, Rc::clone(&entry));
        self.entries.insert(session, (entry, member));
    }

    fn close(&mut self, around: &mut Around<'_>, session: SessionId) {
        let Some((entry, member)) = self.entries.remove(&session) else { return };
        around.table.retain(|_, other| !Rc::ptr_eq(other, &entry));
        entry.closed.set(true);
        around.model.gone(member);
        around.model.names.left(around.now, member);
        around.members[member].status = Status::Left;
        self.switch.close(session);
        self.switch.end_turn();
    }
}
