//! SUBSCRIBE to the roster (RFC 6665 §4.2.1, RFC 4575 §3). It is answered at once (EVT-2), and each makes one dialog (EVT-35).

use crate::focus::Answer;
use crate::invite::contact;
use crate::leg::{Leg, LegId};
use crate::subscription::{Delivery, Subscription, SubscriptionId};
use crate::{Caller, Focus, Reject, Settings, Subscribing, identity, message, uas};
use parlor_events::conference_info::{CONTENT_TYPE, EVENT};
use parlor_room::{Identity, Revision, Room};
use parlor_sip::subscription::{Lease, Reach, SubscriptionEnd, granted};
use parlor_sip::{Dialog, Flow, HeaderName, Headers, Request, Response};
use std::time::{Duration, Instant};

/// What a SUBSCRIBE asks for.
pub(crate) struct Wanted {
    event_id: Option<Box<str>>,
    /// Zero to know but once, or to end a subscription (EVT-12).
    duration: Duration,
}

impl Wanted {
    /// What can be said of a SUBSCRIBE without knowing who sent it.
    ///
    /// # Errors
    /// [`Reject::Event`], [`Reject::Accept`], [`Reject::TooBrief`], [`Reject::Header`] and those of [`uas::admissible`]
    pub(crate) fn of(request: &Request, settings: &Settings) -> Result<Self, Reject> {
        uas::admissible(request)?;
        let headers = &request.headers;
        let event = headers.event()?.ok_or(Reject::Event)?; // EVT-3
        if event.is("refer") {
            return Err(Reject::Forbidden); // SIP-80: only REFER makes such a subscription.
        }
        if !event.is(EVENT) {
            return Err(Reject::Event);
        }
        if !accepts_rosters(headers)? {
            return Err(Reject::Accept); // EVT-5
        }
        contact(headers)?;
        Ok(Self { event_id: event.params.value("id").map(Box::from), duration: duration(headers, settings)? })
    }
}

/// EVT-5, EVT-30: a roster is what this package brings when nothing is said.
fn accepts_rosters(headers: &Headers) -> Result<bool, Reject> {
    Ok(headers.accept()?.is_none_or(|ranges| ranges.iter().any(|range| range.accepts(CONTENT_TYPE))))
}

/// EVT-6
fn duration(headers: &Headers, settings: &Settings) -> Result<Duration, Reject> {
    let Subscribing { min_expires, expires, .. } = &settings.subscriptions;
    granted(headers, *min_expires, *expires).map_err(Reject::TooBrief)
}

impl Focus {
    /// How many subscriptions there are, with those whose last NOTIFY is unanswered.
    pub fn subscriptions(&self) -> usize {
        self.subscriptions.len()
    }

    /// SUBSCRIBE outside of any dialog (SIP-74).
    pub(crate) fn subscribe(
        &mut self,
        now: Instant,
        room: &Room,
        request: &Request,
        flow: Flow,
        caller: &Caller,
    ) -> Result<Answer, Reject> {
        let wanted = Wanted::of(request, &self.settings)?;
        self.check_size(request)?;
        let id = self.name_dialog();
        let dialog = Dialog::uas(request, &self.tag(id), flow.transport)?;
        let subscription = self.admit_subscription(now, room, id, request, &flow, caller, &wanted)?;
        self.begin_bare(id, dialog, flow, caller);
        self.subscriptions.add(subscription);
        let mut response = self.subscribed(room, id, request, wanted.duration);
        response.copy_record_route(request); // EVT-9
        response.set_to_tag(&self.tag(id));
        Ok(response.into())
    }

    /// SUBSCRIBE in a dialog: it refreshes or ends a subscription (EVT-13), or begins one more in the dialog (EVT-17).
    pub(crate) fn subscribe_in_dialog(
        &mut self,
        now: Instant,
        room: &Room,
        id: LegId,
        request: &Request,
        flow: Flow,
        caller: &Caller,
    ) -> Result<Answer, Reject> {
        let wanted = Wanted::of(request, &self.settings)?;
        self.check_size(request)?;
        match self.subscriptions.find(id, wanted.event_id.as_deref()) {
            Some(known) => self.renew(now, known, &flow, wanted.duration),
            None => {
                let subscription = self.admit_subscription(now, room, id, request, &flow, caller, &wanted)?;
                self.subscriptions.add(subscription);
            }
        }
        self.move_peer(id, request, flow)?;
        Ok(self.subscribed(room, id, request, wanted.duration).into())
    }

    /// EVT-8, EVT-12: refreshed or ended, everything is told once more.
    fn renew(&mut self, now: Instant, id: SubscriptionId, flow: &Flow, duration: Duration) {
        let Some(subscription) = self.subscriptions.get_mut(id) else { return };
        subscription.lease = Lease::new(now, duration);
        subscription.known = None;
        if Reach::over(flow.transport) == Reach::Stream {
            subscription.reach = Reach::Stream;
        }
        if duration.is_zero() {
            self.subscriptions.end(id, SubscriptionEnd::Unsubscribed);
        } else {
            self.subscriptions.hasten(id);
        }
    }

    /// Who may subscribe, and how many (EVT-4, EVT-31).
    #[expect(clippy::too_many_arguments, reason = "a subscription is made of all that came with its SUBSCRIBE")]
    fn admit_subscription(
        &self,
        now: Instant,
        room: &Room,
        dialog: LegId,
        request: &Request,
        flow: &Flow,
        caller: &Caller,
        wanted: &Wanted,
    ) -> Result<Subscription, Reject> {
        let subscriber = identity::identify(request, caller, &self.settings.limits)?;
        self.may_watch(room, &subscriber, dialog)?;
        let limits = &self.settings.limits;
        // All of whom nothing is known have one name.
        let is_known = subscriber.own_uris().next().is_some();
        let too_many = self.subscriptions.len() >= limits.subscriptions
            || (is_known && self.subscriptions.of_user(&subscriber.key()) >= limits.subscriptions_of_user);
        let counted = self.settings.subscriptions.all.take(1).filter(|_| !too_many).ok_or(Reject::Overload)?;
        let agent = request.headers.user_agent();
        Ok(Subscription {
            dialog,
            event_id: wanted.event_id.clone(),
            subscriber,
            merges: !agent.is_some_and(|agent| self.settings.subscriptions.merges_nothing(agent)),
            lease: Lease::new(now, wanted.duration),
            ending: wanted.duration.is_zero().then_some(SubscriptionEnd::Unsubscribed),
            version: 0,
            known: None,
            buried: Revision::default(),
            reach: Reach::over(flow.transport),
            delivery: Delivery::Ready,
            failures: 0,
            _counted: counted,
        })
    }

    /// EVT-31: whoever is in, also by the dialog it is in with, as an anonymous participant's From is not its pseudonym; and
    /// others as the room's rules say.
    pub(crate) fn may_watch(&self, room: &Room, subscriber: &Identity, dialog: LegId) -> Result<(), Reject> {
        if self.legs.get(&dialog).and_then(Leg::session).is_some() {
            return Ok(());
        }
        Ok(room.would_show_roster(subscriber)?)
    }

    /// The 200 (EVT-7); the NOTIFY follows it (EVT-E6).
    fn subscribed(&self, room: &Room, id: LegId, request: &Request, duration: Duration) -> Response {
        let (dialog, flow) = self.dialog(id).expect("the caller has found it, or made it");
        let contact = message::contact(room, &flow, dialog.is_secure(), &self.settings);
        let mut response = message::ok(request, &contact, &self.settings);
        response.headers.push(HeaderName::Expires, duration.as_secs());
        response
    }
}
