//! A user agent in one room.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parlor_sip::{
    ClientTransactionId, Dialog, Event, Flow, Headers, Message, ParseError, Request, Response, ServerTransactionId,
    Transmit, Uri,
};
use rand::rngs::StdRng;

use super::core::{Core, Identity};
use super::refer::Referrals;
use super::roster::Following;
use super::session_timer::SessionTimer;
use crate::error::Rejection;
use crate::roster::Roster;
use crate::sdp::{Answer, Offer};

/// Which room, and what we offer.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) room: Uri,
    pub(crate) offer: Offer,
    pub(crate) follow_roster: bool,
    /// Octets of changes after which the whole roster is asked for again.
    pub(crate) roster_octets: usize,
}

/// A SIP user agent that joins one room and stays until one side says BYE.
///
/// ```text
///          invite               2xx                   leave
///   Idle ─────────▶ Inviting ─────────▶ Established ─────────▶ Leaving ──▶ Ended
///                    │    │                    │ BYE, expired               ▲
///                    │    └ other final ───────┴────────────────────────────┤
///                    └ leave ─▶ Cancelling ─────────────────────────────────┘
/// ```
#[derive(Debug)]
pub(crate) struct UserAgent {
    pub(super) profile: Profile,
    pub(super) core: Core,
    pub(super) state: State,
    pub(super) roster: Following,
    pub(super) referrals: Referrals,
    pub(super) outputs: VecDeque<Output>,
}

#[derive(Debug)]
pub(super) enum State {
    Idle,
    /// Our INVITE waits for its final response.
    Inviting {
        tx: ClientTransactionId,
        invite: Box<Request>,
    },
    /// The same, but we no longer want to join.
    Cancelling {
        tx: ClientTransactionId,
        invite: Box<Request>,
    },
    Established(Box<Call>),
    /// Our BYE waits for its response.
    Leaving {
        tx: ClientTransactionId,
        why: Ended,
    },
    Ended,
}

/// An established dialog.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) dialog: Dialog,
    /// The URI of the room for requests outside of the dialog.
    pub(super) conference: Uri,
    /// The CSeq of the INVITE whose ACK was last sent.
    pub(super) invite_seq: u32,
    /// What the room said of the MSRP session.
    pub(super) answer: Option<Answer>,
    pub(super) timer: Option<SessionTimer>,
    /// Our refresh that waits for its response.
    pub(super) refresh: Option<ClientTransactionId>,
    /// Whether it was asked for once already and is the answer to that.
    pub(super) refresh_asked: bool,
    /// What proved who we are in the INVITE that was answered last.
    pub(super) proof: Headers,
    /// Whether the room takes UPDATE.
    pub(super) update_allowed: bool,
    /// Our 2xx to an INVITE that waits for its ACK.
    pub(super) unacknowledged: Option<Unacknowledged>,
}

/// A 2xx of ours to an INVITE, which is repeated until its ACK comes (SIP-3).
#[derive(Debug)]
pub(super) struct Unacknowledged {
    pub(super) tx: ServerTransactionId,
    pub(super) seq: u32,
    pub(super) response: Response,
    pub(super) interval: Duration,
    pub(super) repeat_at: Instant,
    pub(super) give_up_at: Instant,
}

/// What the user agent tells.
#[derive(Debug)]
pub(crate) enum Output {
    /// We are admitted, into the conference of this URI, with this body.
    Admitted { conference: Uri, body: Bytes },
    /// The room refused.
    Rejected(Rejection),
    /// The dialog is over.
    Ended(Ended),
}

/// How a dialog ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// We said BYE and it was answered.
    Left,
    /// We said BYE and it was not answered.
    LeftUnanswered,
    /// The room said BYE.
    Removed,
    /// The session timer ran out, or the room does not know the dialog any more.
    Expired,
    /// The room did not answer our INVITE.
    Unanswered,
    /// The connection was lost before the room answered.
    Lost,
}

impl UserAgent {
    /// A user agent on that line of a connection, whose messages go over `flow`. `rng` makes tags and branches, so it must
    /// be unpredictable.
    pub(crate) fn new(profile: Profile, identity: Identity, flow: Flow, line: u32, rng: StdRng) -> Self {
        Self {
            core: Core::new(identity, flow, line, rng),
            state: State::Idle,
            roster: Following::new(profile.room.clone()),
            referrals: Referrals::default(),
            outputs: VecDeque::new(),
            profile,
        }
    }

    /// Whether there is no dialog any more.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Idle | State::Ended)
    }

    /// Takes in a message.
    pub(crate) fn handle_message(&mut self, now: Instant, message: Message) {
        self.core.endpoint.handle_message(now, self.core.flow, message);
        self.handle_events(now);
    }

    /// Takes in a message that is broken.
    pub(crate) fn handle_invalid(&mut self, error: &ParseError) {
        self.core.endpoint.handle_invalid(self.core.flow, error);
    }

    /// Takes in that the connection is gone. A dialog outlives it: the next request goes over a new one.
    pub(crate) fn handle_connection_lost(&mut self, now: Instant) {
        self.core.endpoint.handle_transport_error(now, self.core.flow);
        self.handle_events(now);
        self.roster.subscription.handle_connection_lost(now);
    }

    /// Takes in that another connection was opened.
    pub(crate) fn handle_connected(&mut self, now: Instant, flow: Flow) {
        self.core.flow = flow;
        self.roster.subscription.handle_connected(now);
    }

    /// Lets the timers fire whose time has come.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.core.endpoint.handle_timeout(now);
        self.handle_events(now);
        self.repeat_unacknowledged(now);
        self.handle_session_timer(now);
        self.roster.subscription.handle_timeout(now, &mut self.core);
        self.referrals.handle_timeout(now);
    }

    /// Leaves: cancels or says BYE. [`Output::Ended`] follows.
    pub(crate) fn leave(&mut self, now: Instant) {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Idle => self.end(Ended::Left),
            State::Inviting { tx, invite } => {
                self.core.endpoint.cancel(now, tx);
                self.state = State::Cancelling { tx, invite };
            }
            State::Established(call) => self.say_bye(now, *call, Ended::Left),
            state @ (State::Cancelling { .. } | State::Leaving { .. } | State::Ended) => self.state = state,
        }
        self.handle_events(now);
    }

    /// The next bytes to send.
    pub(crate) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.core.endpoint.poll_transmit()
    }

    /// The next thing to know.
    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The roster, if it has changed since it was last asked for.
    pub(crate) fn poll_roster(&mut self) -> Option<Arc<Roster>> {
        self.roster.take_changed()
    }

    /// Whether it can refer one more.
    pub(crate) fn can_refer(&self) -> bool {
        matches!(self.state, State::Established(_)) && !self.referrals.is_full()
    }

    /// When [`UserAgent::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let of_call = match &self.state {
            State::Established(call) => [
                call.timer.as_ref().map(|timer| timer.due(call.refresh.is_some())),
                call.unacknowledged.as_ref().map(|waiting| waiting.repeat_at),
            ],
            State::Idle | State::Inviting { .. } | State::Cancelling { .. } | State::Leaving { .. } | State::Ended => {
                [None, None]
            }
        };
        let roster = self.roster.subscription.poll_timeout();
        let others = [self.core.endpoint.poll_timeout(), roster, self.referrals.poll_timeout()];
        of_call.into_iter().chain(others).flatten().min()
    }

    fn handle_events(&mut self, now: Instant) {
        while let Some(event) = self.core.endpoint.poll_event() {
            match event {
                Event::Request { tx, request, flow } => self.handle_request(now, tx, &request, flow),
                Event::Ack { request, .. } => self.handle_ack(&request),
                Event::Cancel { tx } => self.handle_cancel(now, tx),
                Event::Response { tx, response } => self.handle_response(now, tx, &response),
                Event::Timeout { tx } => self.handle_failure(now, tx, Ended::Unanswered),
                Event::TransportError { tx } | Event::Overload { tx } => self.handle_failure(now, tx, Ended::Lost),
            }
        }
    }

    /// Says BYE because of `why`.
    pub(super) fn say_bye(&mut self, now: Instant, mut call: Call, why: Ended) {
        self.roster.subscription.unsubscribe(now, &mut self.core);
        let mut bye = call.dialog.request(parlor_sip::Method::Bye);
        let tx = self.core.send(now, &mut bye);
        self.referrals.clear();
        self.state = State::Leaving { tx, why };
    }

    pub(super) fn end(&mut self, why: Ended) {
        self.state = State::Ended;
        self.roster.subscription.end();
        self.referrals.clear();
        self.outputs.push_back(Output::Ended(why));
    }
}
