//! The task of one room. It only moves inputs and outputs; room, focus and switch decide.

use super::by_message::result_of;
use super::family::Parent;
use super::files::Files;
use super::founder::Founder;
use super::labels::{cause_of, end_of_call, end_of_subscription, kind_of, rejection_of, withheld_of};
use super::lifetime::{Due, Lifetime};
use super::mailbox::Letters;
use super::sessions::Entries;
use super::words;
use super::{Brought, MsrpInput, Place, RoomEvent, RoomHandle, Rooms, SipInput};
use crate::clock::since_epoch;
use crate::metrics::{MessageKind, Metrics};
use crate::msrp::{Connections, OfferedUri, Reservation, SessionTable};
use crate::pace::Tempos;
use crate::sip::{Locator, SipOutput, Whereabouts, count_refusal};
use crate::transfer::Transfers;
use parlor_focus::{DialogChange, EndReason, Focus, Output as FocusOutput};
use parlor_room::{Room, SessionId};
use parlor_sip::Method;
use parlor_switch::{Counted, Credit, Input, OutboxLimits, Output as SwitchOutput, Switch};
use prometheus::IntGauge;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::sleep_until;

/// How many reads are handled in one turn.
const TURN: usize = 64;
/// How long a room that shuts down waits for what it last said to be written.
const FAREWELL: Duration = Duration::from_secs(1);
/// How often it looks whether it has been.
const LOOK: Duration = Duration::from_millis(20);
/// How long it waits for its BYEs to be answered.
const DRAIN: Duration = Duration::from_secs(3);

/// What all rooms share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) table: Arc<SessionTable>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) focus: Arc<parlor_focus::Settings>,
    pub(crate) locator: Locator,
    /// Who wants to know in which rooms users are.
    pub(crate) whereabouts: Whereabouts,
    pub(crate) switch: parlor_switch::Settings,
    pub(crate) outbox: OutboxLimits,
    pub(crate) tls: Arc<rustls::ClientConfig>,
    pub(crate) sip: mpsc::Sender<SipOutput>,
    /// Where files go; `None` where there is no place for any.
    pub(crate) transfers: Option<Arc<Transfers>>,
    /// How long a room stays when its last participant has left.
    pub(crate) linger: Duration,
    /// How long a room made on demand may stay open; zero: for ever.
    pub(crate) lifetime: Duration,
}

/// One room at work.
#[derive(Debug)]
pub(super) struct RoomTask {
    pub(super) room: Room,
    pub(super) focus: Focus,
    pub(super) switch: Switch,
    pub(super) handle: Arc<RoomHandle>,
    pub(super) shared: Arc<Shared>,
    pub(super) rooms: Arc<Rooms>,
    pub(super) entries: BTreeMap<SessionId, Entries>,
    /// The URIs of sessions that we offered and whose answer has not come.
    pub(super) offered: BTreeMap<SessionId, OfferedUri>,
    /// One for each session, of those that the server may have.
    pub(super) reserved: Vec<Reservation>,
    /// Sessions that are bound and have not been welcomed.
    pub(super) newcomers: BTreeSet<SessionId>,
    /// A message for the SIP task that waits for space there.
    pub(super) for_sip: Option<SipOutput>,
    /// As they were counted last.
    pub(super) participants: usize,
    pub(super) subscriptions: usize,
    /// Who takes part by MESSAGE alone, and how fast each may send.
    pub(super) pagers: BTreeMap<SessionId, Tempos>,
    /// Messages for those who are away, or who are not reached here, which wait for space in the SIP task.
    pub(super) for_users: VecDeque<SipOutput>,
    pub(super) founder: Founder,
    /// The room that this one is a sidebar of.
    pub(super) parent: Option<Parent>,
    pub(super) files: Files,
    phase: Phase,
    lifetime: Lifetime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// Nobody has been here since.
    Unused(Instant),
    /// The farewell has been said, as this is why the room ends.
    Farewell(Instant, EndReason),
    /// Everybody has been sent BYE.
    Draining(Instant),
}

impl RoomTask {
    pub(super) fn new(
        mut room: Room,
        founder: Founder,
        parent: Option<Arc<RoomHandle>>,
        handle: Arc<RoomHandle>,
        shared: Arc<Shared>,
        rooms: Arc<Rooms>,
    ) -> Self {
        let now = Instant::now();
        let lifetime = if rooms.stays(&handle) { Duration::ZERO } else { shared.lifetime };
        let focus = Focus::new(Arc::clone(&shared.focus), format!("{:x}", handle.id()), rand::make_rng());
        let switch = Switch::new(shared.switch, handle.inbox().budget().clone(), rand::make_rng());
        let files = Files::of(&mut room, shared.transfers.clone());
        Self {
            room,
            focus,
            switch,
            handle,
            shared,
            rooms,
            entries: BTreeMap::new(),
            offered: BTreeMap::new(),
            reserved: Vec::new(),
            newcomers: BTreeSet::new(),
            for_sip: None,
            participants: 0,
            subscriptions: 0,
            pagers: BTreeMap::new(),
            for_users: VecDeque::new(),
            founder,
            parent: parent.map(Parent::from),
            files,
            phase: Phase::Unused(now),
            lifetime: Lifetime::new(now, lifetime),
        }
    }

    pub(super) async fn work(&mut self, sip: &mut Letters, msrp: &mut mpsc::Receiver<MsrpInput>) {
        let shared = Arc::clone(&self.shared);
        let mut reads = Vec::with_capacity(TURN);
        let mut family = self.family_news();
        self.follow_pagers();
        loop {
            let deadline = self.deadline();
            tokio::select! {
                permit = shared.sip.reserve(), if self.for_sip.is_some() => {
                    if let (Ok(permit), Some(output)) = (permit, self.for_sip.take()) {
                        permit.send(output);
                    }
                }
                Some(input) = sip.next() => self.handle_sip(input),
                change = family.next() => self.handle_family(change),
                // Its own handle keeps the mailbox open.
                _ = msrp.recv_many(&mut reads, TURN) => {
                    gather(msrp, &mut reads).await;
                    self.handle_reads(&mut reads);
                }
                Some((session, event)) = self.files.told() => self.handle_transfer(session, event),
                () = sleep_until(deadline.unwrap_or_else(Instant::now).into()), if deadline.is_some() => {
                    self.handle_timeout();
                }
            }
            self.move_outputs();
            if self.has_ended(sip) {
                return;
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let own = match self.phase {
            Phase::Open => self.lifetime.next(),
            Phase::Unused(since) => [Some(since + self.linger()), self.lifetime.next()].into_iter().flatten().min(),
            // Looked at now and again: nobody tells when the last outbox has been written.
            Phase::Farewell(since, _) => Some((since + FAREWELL).min(Instant::now() + LOOK)),
            Phase::Draining(since) => Some(since + DRAIN),
        };
        let due = [own, self.focus.poll_timeout(), self.switch.poll_timeout(), self.room.next_file_expiry()];
        due.into_iter().flatten().min()
    }

    /// Whether it goes on.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Unused(_))
    }

    /// How long the room stays when nobody is in it. One that the factory made has nobody to wait for (CHAT-153).
    fn linger(&self) -> Duration {
        match self.founder {
            Founder::Nobody => self.shared.linger,
            Founder::Awaited | Founder::Is(_) => Duration::ZERO,
        }
    }

    pub(super) fn handle_sip(&mut self, input: SipInput) {
        let now = Instant::now();
        match input {
            input @ SipInput::Request { .. } if self.is_asked_for_sidebar(&input) => self.found_sidebar(input),
            SipInput::Request { tx, request, flow, caller, reserved } => {
                self.reserved.extend(reserved);
                self.focus.handle_request(now, &mut self.room, tx, &request, flow, &caller);
            }
            SipInput::UserMessage(message, to) => self.take_user_message(message, to),
            SipInput::Ack(request) => self.focus.handle_ack(now, &mut self.room, &request),
            SipInput::Response { id, response, .. } => self.focus.handle_response(now, &mut self.room, id, &response),
            SipInput::Located(id, found) => self.located(now, id, found),
            SipInput::Delayed(id) => self.focus.handle_request_delayed(now, &mut self.room, id),
            SipInput::Failed(id) => self.focus.handle_request_failed(now, &mut self.room, id),
            SipInput::Shutdown => {
                self.say_farewell(now, EndReason::Shutdown, "The server is going down.");
            }
            #[cfg(test)]
            SipInput::Fault => panic!("a fault, as the test wants"),
        }
    }

    pub(super) fn handle_reads(&mut self, reads: &mut Vec<MsrpInput>) {
        let now = Instant::now();
        let mut brought = Vec::with_capacity(reads.len());
        for input in reads.drain(..) {
            match input {
                MsrpInput::Bound(bound) => self.bound(bound),
                MsrpInput::Unbound(place) => self.unbound(now, &place),
                MsrpInput::Event(place, event) => self.handle_event(&place, event),
                MsrpInput::Unreachable(entry) => self.unreachable(&entry),
                MsrpInput::Brought(Brought { outbox, inputs, credit, read_at }) => {
                    for (session, slot, input) in inputs {
                        // What comes late from a connection that the session has left is of a chunk that was broken off.
                        if self.switch.is_attached(session, &outbox, slot) {
                            self.handle_input(now, session, input, &credit);
                        }
                    }
                    // What bound a session or was refused is no chunk that goes out.
                    let handed_on = self.switch.take_handed_on();
                    brought.push((credit, read_at.filter(|_| handed_on)));
                }
            }
        }
        self.switch.end_turn();
        if !brought.is_empty() {
            let handed_out = Instant::now();
            for (credit, read_at) in brought {
                credit.settle(1);
                if let Some(read_at) = read_at {
                    self.shared.metrics.fanout_seconds.observe((handed_out - read_at).as_secs_f64());
                }
            }
        }
        self.welcome();
    }

    fn handle_input(&mut self, now: Instant, session: SessionId, input: Input, credit: &Credit) {
        if let Input::Response(response) = &input {
            self.answered(session, response);
        }
        self.switch.handle(now, &mut self.room, session, input, credit);
    }

    fn handle_event(&mut self, place: &Place, event: RoomEvent) {
        if !self.is_at(place) {
            return;
        }
        match event {
            RoomEvent::Recovered { missed } => {
                let text = match missed {
                    1 => "You missed 1 message: your connection did not keep up.".to_owned(),
                    n => format!("You missed {n} messages: your connection did not keep up."),
                };
                self.switch.notify(&self.room, place.session, &date_time(), &text);
            }
            RoomEvent::GivenUp => {
                self.focus.end_session(Instant::now(), &mut self.room, place.session, EndReason::Stalled);
            }
        }
    }

    fn welcome(&mut self) {
        let mut waiting = std::mem::take(&mut self.newcomers);
        waiting.retain(|session| {
            let known = self.entries.contains_key(session);
            let ready = known && self.switch.is_ready(*session);
            if ready && self.switch.take_newcomer(*session) {
                for text in words::greetings(&self.room, *session) {
                    self.switch.notify(&self.room, *session, &date_time(), &text);
                }
            }
            known && !ready
        });
        self.newcomers = waiting;
    }

    fn handle_timeout(&mut self) {
        let now = Instant::now();
        self.focus.handle_timeout(now, &mut self.room);
        self.switch.handle_timeout(now);
        self.expire_files(now);
        match self.phase {
            Phase::Open | Phase::Unused(_) => self.live_on(now),
            Phase::Farewell(since, reason) if now >= since + FAREWELL => self.say_goodbye(now, reason),
            Phase::Farewell(..) | Phase::Draining(_) => {}
        }
    }

    /// Looks whether the room's time is over.
    fn live_on(&mut self, now: Instant) {
        match self.lifetime.take_due(now) {
            None => {}
            Some(Due::Notice) => {
                self.say_to_all("This room closes in a minute.");
            }
            Some(Due::End) => {
                self.rooms.retire(&self.handle);
                let why = "This room has been open for as long as it may, and closes.";
                self.say_farewell(now, EndReason::RoomClosed, why);
            }
        }
    }

    /// Tells everybody that the room ends, which it does as soon as that has been written. Who is in by MESSAGE is told with
    /// the end itself.
    fn say_farewell(&mut self, now: Instant, reason: EndReason, why: &str) {
        self.room.close();
        self.switch.notify_all(&self.room, &date_time(), why);
        self.phase = Phase::Farewell(now, reason);
    }

    pub(super) fn say_goodbye(&mut self, now: Instant, reason: EndReason) {
        self.focus.end_all(now, &mut self.room, reason);
        self.phase = Phase::Draining(now);
    }

    pub(super) fn move_outputs(&mut self) {
        if let Phase::Farewell(_, reason) = self.phase
            && self.switch.is_all_written()
        {
            self.say_goodbye(Instant::now(), reason);
        }
        self.follow_founder();
        self.show_in_parent();
        // Before anybody is told of them.
        while let Some(change) = self.focus.poll_dialog() {
            match change {
                DialogChange::Began(tag) => self.handle.mailbox.dialogs().insert(&tag),
                DialogChange::Located(tag, user, at) => {
                    self.shared.whereabouts.came(&tag, &user, self.room.name());
                    self.shared.locator.directory.insert(&tag, *user, at);
                }
                DialogChange::Moved(tag, at) => self.shared.locator.directory.move_to(&tag, at),
                DialogChange::Ended(tag) => {
                    self.handle.mailbox.dialogs().remove(&tag);
                    self.shared.whereabouts.left(&tag);
                    self.shared.locator.directory.remove(&tag);
                }
            }
        }
        self.move_messages();
        self.reserved.truncate(self.focus.places());
        self.focus.note_changes(Instant::now(), &self.room);
        if self.for_sip.is_none()
            && let Some(notify) = self.focus.poll_notify(Instant::now(), &self.room)
        {
            self.handle_focus_output(notify);
        }
        self.count();
    }

    /// What the switch heard is for the focus, and what that has is for the switch or the SIP task.
    fn move_messages(&mut self) {
        loop {
            self.hand_on_what_was_heard();
            while let Some(output) = self.switch.poll_output() {
                self.handle_switch_output(output);
            }
            if self.for_sip.is_none() {
                self.for_sip = self.for_users.pop_front();
            }
            match self.for_sip.is_none().then(|| self.focus.poll_output()).flatten() {
                Some(output) => self.handle_focus_output(output),
                None => return,
            }
        }
    }

    fn handle_focus_output(&mut self, output: FocusOutput) {
        match output {
            FocusOutput::Respond { tx, response } => {
                count_refusal(&self.shared.metrics, response.code);
                self.for_sip = Some(SipOutput::Respond { tx, response });
            }
            FocusOutput::Post { tx, request, post } => self.post(tx, &request, post),
            FocusOutput::Request { id, request, next_hop } => {
                if request.method == Method::Notify {
                    self.shared.metrics.notifies.inc();
                    self.shared.metrics.notify_bytes.inc_by(request.body.len() as u64);
                }
                self.for_sip = Some(SipOutput::Request { room: self.handle.id(), id, request, next_hop });
            }
            FocusOutput::Page { id, page } => self.for_sip = Some(SipOutput::Page { room: self.handle.id(), id, page }),
            FocusOutput::Ask { tx, request, ask } => self.asked(tx, &request, &ask),
            FocusOutput::PageEnded(fate) => self.shared.metrics.pages.of(result_of(fate)).inc(),
            FocusOutput::PagerJoined { session } => self.pager_joined(session),
            FocusOutput::PagerLeft { session, reason } => self.pager_left(session, reason),
            FocusOutput::Cancel { id } => self.for_sip = Some(SipOutput::Cancel { room: self.handle.id(), id }),
            FocusOutput::Locate { id, uri } => self.locate(id, uri),
            FocusOutput::Called { code } => self.shared.metrics.dial_outs.of(end_of_call(code)).inc(),
            FocusOutput::SubscriptionEnded(why) => {
                self.shared.metrics.subscriptions_ended.of(end_of_subscription(why)).inc();
            }
            FocusOutput::SendAck { request, next_hop } => self.for_sip = Some(SipOutput::Ack { request, next_hop }),
            FocusOutput::OfferSession { session, local } => self.offer(session, &local),
            FocusOutput::OpenSession { session, spec } => self.open(session, &spec),
            FocusOutput::OpenTransfer { session, spec, participant, transfer } => {
                self.transfer(session, &spec, participant, transfer);
            }
            FocusOutput::UpdateSession { session, spec } => self.update(session, &spec),
            FocusOutput::CloseSession { session, reason } => self.close(session, reason),
            FocusOutput::Connect { session, allowed } => self.connect(session, allowed),
        }
    }

    fn handle_switch_output(&mut self, output: SwitchOutput) {
        let metrics = &self.shared.metrics;
        match output {
            SwitchOutput::Failed(session) => {
                self.focus.end_session(Instant::now(), &mut self.room, session, EndReason::ConnectionLost);
            }
            SwitchOutput::TopicSet(session) => {
                if self.room.rules().announce_topic {
                    let text = words::topic_set(&self.room, session);
                    self.say_to_all(&text);
                }
            }
            SwitchOutput::Counted(Counted::Message(kind)) => metrics.messages.of(kind_of(kind)).inc(),
            SwitchOutput::Counted(Counted::Withheld(what)) => metrics.messages_withheld.of(withheld_of(what)).inc(),
            SwitchOutput::Counted(Counted::Notice) => metrics.messages.of(MessageKind::Notice).inc(),
            SwitchOutput::Counted(Counted::Direct) => metrics.messages.of(MessageKind::Direct).inc(),
            SwitchOutput::Counted(Counted::Response(code)) => metrics.msrp_responses.of(code).inc(),
            SwitchOutput::Counted(Counted::Refused(refusal)) => metrics.reject(rejection_of(refusal)),
            SwitchOutput::Counted(Counted::Dropped(why, recipients)) => {
                metrics.deliveries_dropped.of(cause_of(why)).inc_by(u64::from(recipients));
            }
        }
    }

    fn count(&mut self) {
        let metrics = &self.shared.metrics;
        let change = |gauge: &IntGauge, before: &mut usize, now: usize| {
            if now != *before {
                gauge.add(i64::try_from(now).unwrap_or(i64::MAX) - i64::try_from(*before).unwrap_or(i64::MAX));
                *before = now;
            }
        };
        change(&metrics.participants, &mut self.participants, self.room.participants().len());
        change(&metrics.subscriptions, &mut self.subscriptions, self.focus.subscriptions());
    }

    fn has_ended(&mut self, sip: &Letters) -> bool {
        let now = Instant::now();
        let idle = self.focus.is_idle() && self.for_sip.is_none() && self.room.is_empty();
        match self.phase {
            Phase::Open if idle && !self.rooms.stays(&self.handle) => self.phase = Phase::Unused(now),
            Phase::Unused(_) if !idle || self.rooms.stays(&self.handle) => self.phase = Phase::Open,
            Phase::Unused(since) if now >= since + self.linger() => {
                if self.focus.subscriptions() == 0 && self.rooms.end_if_unused(&self.handle, sip) {
                    return true;
                }
                self.phase = Phase::Unused(now);
                // A subscription does not keep a room, and is told so.
                if self.focus.subscriptions() > 0 && self.rooms.retire_if_unused(&self.handle, sip) {
                    self.room.close();
                    self.say_goodbye(now, EndReason::RoomClosed);
                    self.move_outputs();
                }
            }
            Phase::Draining(since) if (idle && self.focus.subscriptions() == 0) || now >= since + DRAIN => {
                return self.rooms.end_if_unused(&self.handle, sip);
            }
            Phase::Open | Phase::Unused(_) | Phase::Farewell(..) | Phase::Draining(_) => {}
        }
        false
    }
}

/// Lets whoever is ready go first, then takes what has come meanwhile: in a busy room a turn gets more messages, and each
/// recipient fewer writes; in a quiet one this costs a microsecond.
async fn gather(msrp: &mut mpsc::Receiver<MsrpInput>, reads: &mut Vec<MsrpInput>) {
    yield_now().await;
    while reads.len() < TURN
        && let Ok(read) = msrp.try_recv()
    {
        reads.push(read);
    }
}

/// The wall time as CPIM writes it.
pub(super) fn date_time() -> String {
    let since_epoch = since_epoch();
    parlor_cpim::utc_date_time(since_epoch.as_secs(), since_epoch.subsec_millis() as u16)
}
