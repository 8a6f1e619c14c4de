//! SUBSCRIBE to a user (RFC 3856 §6, RFC 6665 §4.2.1). It is answered at once (EVT-2).

use super::presentity;
use super::watcher::{Watcher, WatcherId};
use crate::{Proxy, Recipient, Reject, Sender};
use parlor_events::pidf::{EVENT, Format};
use parlor_room::Identity;
use parlor_sip::subscription::{Delivery, Lease, Reach, SubscriptionEnd, granted};
use parlor_sip::{
    Dialog, DialogError, DialogId, Flow, HeaderError, HeaderName, Headers, Request, Response, ServerTransactionId, Uri,
    reason_phrase,
};
use std::time::{Duration, Instant};

/// How many subscriptions one user may have to another one: one a device, and a few that are forgotten. So it takes a crowd to
/// keep others from watching somebody.
const MOST_OF_BOTH: usize = 16;

/// What a SUBSCRIBE asks for.
struct Wanted {
    event_id: Option<Box<str>>,
    format: Format,
    /// Zero to know but once, or to end a subscription (EVT-12).
    duration: Duration,
}

impl Proxy {
    /// Whether a request is in a dialog of a subscription to presence.
    pub fn is_watching(request: &Request) -> bool {
        matches!(request.headers.to_tag(), Ok(Some(tag)) if WatcherId::of_tag(&tag).is_some())
    }

    /// A SUBSCRIBE to a user.
    pub fn handle_subscribe(
        &mut self,
        now: Instant,
        tx: ServerTransactionId,
        request: &Request,
        flow: Flow,
        sender: &Sender,
        recipient: &Recipient,
    ) {
        if let Err(reject) = self.subscribe(now, tx, request, flow, sender, recipient) {
            self.refuse(tx, reject.response(request), reject);
        }
        self.tell_watchers(now);
    }

    /// A SUBSCRIBE in a dialog for which [`Proxy::is_watching`].
    pub fn handle_resubscribe(
        &mut self,
        now: Instant,
        tx: ServerTransactionId,
        request: &Request,
        flow: Flow,
        sender: &Sender,
    ) {
        if let Err(reject) = self.resubscribe(now, tx, request, flow, sender) {
            self.refuse(tx, reject.response(request), reject);
        }
        self.tell_watchers(now);
    }

    fn subscribe(
        &mut self,
        now: Instant,
        tx: ServerTransactionId,
        request: &Request,
        flow: Flow,
        sender: &Sender,
        recipient: &Recipient,
    ) -> Result<(), Reject> {
        let subscriber = watcher(request, sender)?;
        let user = presentity(recipient)?;
        let wanted = Wanted::read(request, self)?;
        let key = subscriber.key();
        self.check_quotas(user, &key)?;
        let id = self.presence.watchers.name();
        let tag = id.tag(self.random());
        let dialog = Dialog::uas(request, &tag, flow.transport)?;
        let settings = &self.settings;
        let watcher = Watcher {
            dialog,
            flow,
            user: self.registrar.bindings.share(user),
            subscriber: key,
            may_know: settings.presence.rules.let_watch(user, &subscriber, &settings.hosts),
            event_id: wanted.event_id,
            format: wanted.format,
            lease: Lease::new(now, wanted.duration),
            ending: wanted.duration.is_zero().then_some(SubscriptionEnd::Unsubscribed),
            known: None,
            reach: Reach::over(flow.transport),
            delivery: Delivery::Ready,
            notified: None,
            failures: 0,
        };
        let mut response = self.subscribed(request, &watcher, wanted.duration);
        response.copy_record_route(request); // EVT-9
        response.set_to_tag(&tag);
        self.presence.watchers.add(id, watcher);
        self.respond(tx, response, None);
        Ok(())
    }

    fn check_quotas(&self, user: &str, subscriber: &str) -> Result<(), Reject> {
        let (watchers, limits) = (&self.presence.watchers, &self.settings.presence.limits);
        if watchers.of_subscriber(subscriber) >= limits.watchers_of_subscriber
            || watchers.of_both(subscriber, user) >= MOST_OF_BOTH
        {
            return Err(Reject::TooManyOfUser);
        }
        if self.presence.closing
            || watchers.len() >= limits.watchers
            || watchers.of_user(user) >= limits.watchers_of_user
        {
            return Err(Reject::Overload);
        }
        Ok(())
    }

    /// EVT-13: refreshed or ended, and told once more (EVT-8, EVT-12).
    fn resubscribe(
        &mut self,
        now: Instant,
        tx: ServerTransactionId,
        request: &Request,
        flow: Flow,
        sender: &Sender,
    ) -> Result<(), Reject> {
        let wanted = Wanted::read(request, self)?;
        let dialog = DialogId::of_request(request)?.ok_or(Reject::NoDialog)?;
        let id = WatcherId::of_tag(&dialog.local_tag).ok_or(Reject::NoDialog)?;
        let known = self.presence.watchers.get_mut(id).ok_or(Reject::NoDialog)?;
        // SIP-E5: all three parts count.
        if *known.dialog.id() != dialog || known.ending.is_some() || known.event_id != wanted.event_id {
            return Err(Reject::NoDialog);
        }
        if !matches!(sender, Sender::Vouched) && watcher(request, sender)?.key() != known.subscriber {
            return Err(Reject::Forbidden);
        }
        known.dialog.accept_request(request)?;
        known.dialog.refresh_target(request)?;
        known.flow = flow;
        known.format = wanted.format;
        known.lease = Lease::new(now, wanted.duration);
        if flow.transport.is_reliable() {
            known.reach = Reach::Stream;
        }
        if wanted.duration.is_zero() {
            self.presence.watchers.end(now, id, SubscriptionEnd::Unsubscribed);
        } else {
            self.presence.watchers.renew(now, id);
        }
        if let Some(known) = self.presence.watchers.get(id) {
            let response = self.subscribed(request, known, wanted.duration);
            self.respond(tx, response, None);
        }
        Ok(())
    }

    /// The 200 (EVT-7); the NOTIFY follows it (EVT-E6).
    fn subscribed(&self, request: &Request, watcher: &Watcher, duration: Duration) -> Response {
        let mut response = Response::for_request(request, 200, reason_phrase(200));
        let headers = &mut response.headers;
        headers.push(HeaderName::Contact, format!("<{}>", self.presence_contact(watcher)));
        headers.push(HeaderName::Expires, duration.as_secs());
        headers.push(HeaderName::AllowEvents, EVENT);
        headers.push(HeaderName::Server, &self.settings.product);
        response
    }

    /// Where requests in the dialog reach us.
    pub(super) fn presence_contact(&self, watcher: &Watcher) -> Uri {
        let (settings, secure) = (&self.settings, watcher.dialog.is_secure());
        let uri = |user| settings.presence.contacts.uri(user, settings.hosts.domain(), &watcher.flow, secure);
        let named = uri(Some(&watcher.user)).or_else(|_| uri(None));
        named.unwrap_or_else(|_| Uri::of_address(watcher.flow.local))
    }
}

impl Wanted {
    fn read(request: &Request, proxy: &Proxy) -> Result<Self, Reject> {
        let (headers, settings) = (&request.headers, &proxy.settings.presence);
        requires_nothing(headers)?;
        let event = headers.event()?.filter(|event| event.is(EVENT)).ok_or(Reject::Event)?; // EVT-3
        let format = format(headers)?;
        if !headers.contact()?.uri.is_sip() {
            return Err(HeaderError::Malformed(HeaderName::Contact).into());
        }
        let duration = granted(headers, settings.min_expires, settings.max_expires).map_err(Reject::TooBrief)?;
        // RFC 3856 §6.3: filters, which nobody here knows.
        if !request.body.is_empty() && !may_be_ignored(headers)? {
            return Err(Reject::BodyType);
        }
        let kept = |name: &HeaderName| KEPT.contains(name);
        let size: usize = headers.iter().filter(|(name, _)| kept(name)).map(|(_, value)| value.len()).sum();
        if size > settings.limits.dialog_bytes {
            return Err(Reject::TooLarge);
        }
        Ok(Self { event_id: event.params.value("id").map(Box::from), format, duration })
    }
}

/// What a dialog and its subscription keep of a SUBSCRIBE.
const KEPT: [HeaderName; 6] = [
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::Contact,
    HeaderName::RecordRoute,
    HeaderName::Event,
];

/// EVT-5, EVT-70, EVT-86: the old form only for those who take nothing else.
fn format(headers: &Headers) -> Result<Format, Reject> {
    let Some(ranges) = headers.accept()? else { return Ok(Format::Pidf) };
    let accepts = |format: &Format| ranges.iter().any(|range| range.accepts(format.content_type()));
    Format::ALL.into_iter().find(accepts).ok_or(Reject::Accept)
}

/// Whether a body may be ignored (RFC 3261 §20.11).
fn may_be_ignored(headers: &Headers) -> Result<bool, Reject> {
    let disposition = headers.content_disposition()?;
    Ok(disposition.is_some_and(|said| said.params.value("handling") == Some("optional")))
}

/// SIP-26: no extension is understood here.
pub(super) fn requires_nothing(headers: &Headers) -> Result<(), Reject> {
    let required: Vec<Box<str>> = headers.require()?.into_iter().map(Box::from).collect();
    if required.is_empty() { Ok(()) } else { Err(Reject::Extension(required)) }
}

/// EVT-4, EVT-72: who watches must be known.
fn watcher(request: &Request, sender: &Sender) -> Result<Identity, Reject> {
    match sender {
        Sender::Known(identity) => Ok(identity.clone()),
        Sender::Believed => Ok(Identity::of(request.headers.from()?.uri)),
        Sender::Vouched | Sender::Stranger => Err(Reject::Forbidden),
    }
}

impl From<DialogError> for Reject {
    fn from(error: DialogError) -> Self {
        match error {
            DialogError::OutOfOrder => Self::OutOfOrder,
            DialogError::Header(error) => Self::Header(error),
        }
    }
}
