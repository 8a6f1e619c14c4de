//! What the room notifies us of.

use std::time::{Duration, Instant};

use parlor_events::Limits;
use parlor_events::conference_info::{Applied, CONTENT_TYPE, ConferenceInfo, EVENT};
use parlor_sip::{Dialog, DialogId, Request, Response, TokenParams};

use super::agent::UserAgent;
use super::subscription::{Active, LEAST_INTERVAL, LONGEST_PAUSE, PAUSE, State};

impl UserAgent {
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
        self.accept_notify(now, request)?;
        let document = document(request)?;
        self.state_of_subscription(now, &state);
        if let Some(document) = document {
            self.take_in(now, document, request.body.len());
        }
        Ok(Response::for_request(request, 200, "OK"))
    }

    /// Checks that the NOTIFY belongs to our subscription, which it may form (EVT-9: it may overtake the response).
    fn accept_notify(&mut self, now: Instant, request: &Request) -> Result<(), u16> {
        let id = DialogId::of_request(request).map_err(|_| 400_u16)?.ok_or(481_u16)?;
        match &mut self.subscription.state {
            State::Active(active) if *active.dialog.id() == id => {
                active.dialog.accept_request(request).map_err(|error| error.status())?;
                active.dialog.refresh_target(request).map_err(|error| error.status())
            }
            State::Asked { request: asked, tx, .. } if is_of(asked, &id) => {
                let dialog = Dialog::of_notify(asked, request, self.flow.transport).map_err(|_| 400_u16)?;
                let mut active = Active::new(now, dialog, self.subscription.seconds);
                active.tx = *tx;
                self.subscription.state = State::Active(Box::new(active));
                Ok(())
            }
            State::Off | State::Asked { .. } | State::Active(_) | State::Waiting { .. } => Err(481),
        }
    }

    /// EVT-10, EVT-11
    fn state_of_subscription(&mut self, now: Instant, state: &TokenParams) {
        let number = |name| state.params.value(name).and_then(|value| value.parse::<u32>().ok());
        let State::Active(active) = &mut self.subscription.state else { return };
        if !state.is("terminated") {
            if let Some(seconds) = number("expires") {
                active.expire_in(now, seconds);
            }
            return;
        }
        let retry_after = number("retry-after").map(|seconds| Duration::from_secs(seconds.into()));
        let pause = match state.params.value("reason") {
            Some("rejected" | "noresource" | "invariant") => None,
            Some("deactivated" | "timeout") => Some(LEAST_INTERVAL),
            Some(_) | None => Some(retry_after.unwrap_or(PAUSE)),
        };
        self.subscription.state = match pause {
            Some(pause) => State::Waiting { until: now + pause.clamp(LEAST_INTERVAL, LONGEST_PAUSE) },
            None => State::Off,
        };
    }

    fn take_in(&mut self, now: Instant, document: ConferenceInfo, octets: usize) {
        let full = document.state != parlor_events::conference_info::State::Partial;
        let subscription = &mut self.subscription;
        subscription.octets = if full { octets } else { subscription.octets + octets };
        // What changes have added is held until all is told anew.
        if subscription.octets > self.profile.roster_octets {
            subscription.known.renew();
        }
        match subscription.known.apply(document) {
            Applied::Changed | Applied::Gone => subscription.changed = true,
            Applied::Stale => {}
            Applied::Gap => self.ask_for_everything(now),
        }
    }

    /// EVT-44: documents are missing. However many are, we ask once in a while, and after we have answered.
    fn ask_for_everything(&mut self, now: Instant) {
        if let State::Active(active) = &mut self.subscription.state {
            active.refresh_at = now.max(active.refreshed_at + LEAST_INTERVAL);
        }
    }
}

/// Whether that dialog can be the one that the request asks for.
pub(super) fn is_of(asked: &Request, id: &DialogId) -> bool {
    let own_tag = asked.headers.from_tag().ok().flatten();
    asked.headers.call_id() == Ok(&*id.call_id) && own_tag.as_ref() == Some(&id.local_tag)
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
