//! The room's roster, as it notifies us of it (RFC 4575).

use std::sync::Arc;
use std::time::Instant;

use parlor_events::Limits;
use parlor_events::conference_info::{self, Applied, CONTENT_TYPE, ConferenceInfo, EVENT};
use parlor_sip::{Request, Response, Uri};

use super::agent::{State, UserAgent};
use super::subscription::{Package, Subscription};
use crate::roster::Roster;

/// What we know of who is in the room.
#[derive(Debug)]
pub(super) struct Following {
    pub(super) subscription: Subscription,
    known: conference_info::Roster,
    /// Octets of documents since the last one that told everything.
    octets: usize,
    /// Whether what is known has changed since it was last taken.
    changed: bool,
}

impl Following {
    pub(super) fn new(room: Uri) -> Self {
        let package = Package { event: EVENT, content_type: CONTENT_TYPE };
        let subscription = Subscription::new(package, room);
        Self { subscription, known: conference_info::Roster::default(), octets: 0, changed: false }
    }

    /// The roster, if it has changed since it was last taken.
    pub(super) fn take_changed(&mut self) -> Option<Arc<Roster>> {
        std::mem::take(&mut self.changed).then(|| Arc::new(Roster::from(&self.known)))
    }

    /// Takes in a document; more than `most` octets of changes are not held.
    fn take_in(&mut self, now: Instant, document: ConferenceInfo, octets: usize, most: usize) {
        let full = document.state != conference_info::State::Partial;
        self.octets = if full { octets } else { self.octets + octets };
        // What changes have added is held until all is told anew; what another subscription told has other numbers.
        if self.subscription.take_fresh() || self.octets > most {
            self.known.renew();
        }
        match self.known.apply(document) {
            Applied::Changed | Applied::Gone => self.changed = true,
            Applied::Stale => {}
            Applied::Gap => self.subscription.ask_for_everything(now),
        }
    }
}

impl UserAgent {
    /// Asks for the roster, if that is wanted.
    pub(super) fn follow_roster(&mut self, now: Instant) {
        if self.profile.follow_roster {
            let room = self.room();
            self.roster.subscription.subscribe_to(now, &mut self.core, room);
        }
    }

    /// Where the room is for requests outside of the dialog.
    pub(super) fn room(&self) -> Uri {
        match &self.state {
            State::Established(call) => call.conference.clone(),
            State::Idle | State::Inviting { .. } | State::Cancelling { .. } | State::Leaving { .. } | State::Ended => {
                self.profile.room.clone()
            }
        }
    }

    /// A NOTIFY: 481 unless we asked for it (RFC 6665 §4.1.3).
    pub(super) fn handle_notify(&mut self, now: Instant, request: &Request) -> Result<Response, u16> {
        let event = request.headers.event().map_err(|_| 400_u16)?.ok_or(489_u16)?;
        let state = request.headers.subscription_state().map_err(|_| 400_u16)?.ok_or(400_u16)?;
        if event.is("refer") {
            return self.handle_progress(request, state.is("terminated"));
        }
        if !event.is(EVENT) {
            return Err(489);
        }
        self.roster.subscription.accept_notify(now, &self.core, request)?;
        // First: what cannot be read may be the last.
        self.roster.subscription.handle_state(now, &state);
        if let Some(document) = document(request)? {
            self.roster.take_in(now, document, request.body.len(), self.profile.roster_octets);
        }
        Ok(Response::for_request(request, 200, "OK"))
    }
}

/// The roster in a NOTIFY, if there is one.
fn document(request: &Request) -> Result<Option<ConferenceInfo>, u16> {
    if request.body.is_empty() {
        return Ok(None);
    }
    if !request.headers.content_type().ok().flatten().is_some_and(|kind| kind.is(CONTENT_TYPE)) {
        return Err(415);
    }
    ConferenceInfo::read(&request.body, &Limits::roster()).map(Some).map_err(|_| 400)
}
