//! NOTIFY: who is told what, and when (RFC 6665 §4.2.2, RFC 3856 §6.10).

use super::watcher::{Notice, Revision, Watcher, WatcherId};
use crate::{Failure, Output, Proxy, SendId, Way};
use bytes::Bytes;
use parlor_events::pidf::{EVENT, Format, Presence};
use parlor_sip::subscription::{Delivery, Reach, Refused, SubscriptionEnd};
use parlor_sip::{HeaderName, Method, Request, Response};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A document as it was written for some watcher.
#[derive(Debug)]
pub(crate) struct Written {
    what: What,
    xml: Bytes,
}

/// What makes one document differ from another.
#[derive(Debug, PartialEq, Eq)]
struct What {
    user: Arc<str>,
    state: Revision,
    /// Documents of different times differ in their timestamps.
    at: Instant,
    format: Format,
    /// Whether it is for those who may know.
    known: bool,
}

/// What goes into a NOTIFY.
struct Told {
    document: Option<Bytes>,
    octets: usize,
    /// There is more to tell once the watcher has shown that it is there.
    more: bool,
}

/// What comes in.
impl Proxy {
    /// The final answer to a NOTIFY; whether it was one.
    pub(crate) fn handle_notified(&mut self, now: Instant, send: SendId, response: &Response) -> bool {
        let Some(id) = self.presence.watchers.notified(send) else { return false };
        self.notify_answered(now, id, response);
        self.tell_watchers(now);
        true
    }

    /// A NOTIFY has no answer; whether it was one.
    pub(crate) fn handle_not_notified(&mut self, now: Instant, send: SendId, failure: Failure) -> bool {
        match failure {
            // Whoever is reached by nothing any more subscribes anew.
            Failure::Silence | Failure::Unreachable => self.handle_notified(now, send, &Response::new(408, "")),
            Failure::Overload => self.handle_not_sent(now, send),
        }
    }

    /// A NOTIFY could not be sent now, as too much is under way: what it was to tell is told later.
    fn handle_not_sent(&mut self, now: Instant, send: SendId) -> bool {
        let watchers = &mut self.presence.watchers;
        let Some(id) = watchers.notified(send) else { return false };
        if let Some(watcher) = watchers.get_mut(id) {
            watcher.known = None;
            watchers.go_on(now, id, now + CONGESTED);
        }
        true
    }

    fn notify_answered(&mut self, now: Instant, id: WatcherId, response: &Response) {
        let watchers = &mut self.presence.watchers;
        let Some(watcher) = watchers.get_mut(id) else { return };
        let Some(notice) = watcher.delivery.notice() else { return };
        let (told, next, last) = (notice.told, notice.next, notice.last);
        let by_stream = notice.stream_until.is_some();
        match response.code {
            408 if by_stream => {
                watcher.reach.give_up_stream();
                watcher.known = None;
                watchers.go_on(now, id, now);
            }
            _ if last => self.end_watcher(id),
            200..=299 => {
                watcher.reach.prove();
                watcher.failures = 0;
                watcher.known = told;
                watchers.go_on(now, id, next);
            }
            _ => match Refused::by(response, watcher.failures) {
                Refused::Ends => {
                    watcher.ending = Some(SubscriptionEnd::Failed);
                    self.end_watcher(id);
                }
                Refused::Later(wait) => {
                    watcher.failures += 1;
                    watcher.known = None;
                    watchers.go_on(now, id, now + wait);
                }
            },
        }
    }

    fn end_watcher(&mut self, id: WatcherId) {
        if let Some(gone) = self.presence.watchers.remove(id) {
            self.emit(Output::Unwatched(gone.ending.unwrap_or(SubscriptionEnd::Failed)));
        }
    }

    /// Something is due for watchers.
    pub(super) fn wake_watchers(&mut self, now: Instant) {
        while let Some(id) = self.presence.watchers.pop_due(now) {
            let watchers = &mut self.presence.watchers;
            let Some(watcher) = watchers.get_mut(id) else { continue };
            if watcher.ending.is_none() && now >= watcher.lease.end() {
                watchers.end(now, id, SubscriptionEnd::Expired);
            }
            self.wake_delivery(now, id);
            self.presence.watchers.schedule(id);
        }
    }

    fn wake_delivery(&mut self, now: Instant, id: WatcherId) {
        let watchers = &mut self.presence.watchers;
        let Some(watcher) = watchers.get_mut(id) else { return };
        match &watcher.delivery {
            Delivery::Waiting(until) if *until <= now => watchers.go_on(now, id, now),
            // The stream is not to be had. Should it open yet, the same is told twice.
            Delivery::Notifying(notice) if notice.stream_until.is_some_and(|until| until <= now) => {
                watcher.reach.give_up_stream();
                watcher.known = None;
                watchers.go_on(now, id, now);
            }
            Delivery::Idle | Delivery::Ready | Delivery::Waiting(_) | Delivery::Notifying(_) => {}
        }
    }
}

/// What goes out.
impl Proxy {
    /// Sends what is to be told, as much as may be unanswered.
    pub(super) fn send_notifies(&mut self, now: Instant) {
        while self.presence.watchers.unanswered() < self.settings.presence.limits.notifies {
            let Some(id) = self.presence.watchers.next_ready() else { return };
            self.send_notify(now, id);
        }
    }

    fn send_notify(&mut self, now: Instant, id: WatcherId) {
        let Some(watcher) = self.presence.watchers.get(id) else { return };
        let (state, contact) = (self.presence.watchers.state_of(&watcher.user), self.presence_contact(watcher));
        let Some(Told { document, octets, more }) = self.document_for(now, id, state) else {
            return self.presence.watchers.set_delivery(id, Delivery::Waiting(now + NO_SPACE));
        };
        let send = self.name_send();
        let Some(watcher) = self.presence.watchers.get_mut(id) else { return };
        let mut request = notify(now, watcher);
        request.headers.push(HeaderName::Contact, format!("<{contact}>"));
        request.headers.push(HeaderName::UserAgent, &self.settings.product);
        if let Some(document) = document {
            request.headers.push(HeaderName::ContentType, watcher.format.content_type());
            request.body = document;
        }
        let by_stream = watcher.reach.needs_stream(request.body.len());
        let (mut flow, mut uri) = (watcher.flow, watcher.dialog.next_hop_of(watcher.flow));
        if by_stream {
            (flow, uri) = Reach::streamed(flow, uri);
        }
        // EVT-71, but for what could not be told yet.
        let pause = if more { Duration::ZERO } else { self.settings.presence.interval };
        watcher.notified = Some(now);
        let notice = Notice {
            send,
            told: (!more).then_some(state),
            octets,
            next: now + pause,
            stream_until: by_stream.then(|| now + STREAM_PATIENCE),
            last: watcher.ending.is_some(),
        };
        self.presence.watchers.set_delivery(id, Delivery::Notifying(Box::new(notice)));
        self.emit(Output::Send { id: send, request, way: Way { flow, uri }, mark: None });
    }

    /// What a watcher is to be told; `None` if it has to wait, before anything is written.
    fn document_for(&mut self, now: Instant, id: WatcherId, state: Revision) -> Option<Told> {
        let watcher = self.presence.watchers.get(id)?;
        let (reach, format, address) = (watcher.reach, watcher.format, self.address_of(&watcher.user));
        let large = self.presence.publications.octets_of(&watcher.user) > ALWAYS_FITS;
        if large && self.presence.watchers.under_way() >= self.settings.presence.limits.notified_bytes {
            return None;
        }
        let mut document = self.what(now, watcher, state).map(|what| self.document(what));
        // Who could be anybody is told nothing large before it has answered.
        let is_short = document.as_ref().is_some_and(|document| document.len() > reach.most());
        if is_short {
            document = Some(Presence::new(&address).to_xml(format).into());
        }
        let octets = document.as_ref().map_or(0, Bytes::len);
        Some(Told { document, octets, more: is_short && reach.is_unproven() })
    }

    /// What a watcher is told; nothing when it has let its time go by.
    fn what(&self, at: Instant, watcher: &Watcher, state: Revision) -> Option<What> {
        let (user, format, known) = (Arc::clone(&watcher.user), watcher.format, watcher.may_know);
        let what = What { user, state, at, format, known };
        match watcher.ending {
            None | Some(SubscriptionEnd::Unsubscribed) => Some(what),
            Some(
                SubscriptionEnd::Expired
                | SubscriptionEnd::Forbidden
                | SubscriptionEnd::Failed
                | SubscriptionEnd::Gone
                | SubscriptionEnd::Shutdown,
            ) => None,
        }
    }

    fn document(&mut self, what: What) -> Bytes {
        if let Some(written) = self.presence.written.as_ref().filter(|written| written.what == what) {
            return written.xml.clone();
        }
        let composed = match what.known {
            true => self.compose(what.at, &what.user),
            false => self.compose_nothing(what.at, &what.user),
        };
        let xml = Bytes::from(composed.to_xml(what.format));
        self.presence.written = Some(Written { what, xml: xml.clone() });
        xml
    }
}

/// The next NOTIFY, but for what it tells (EVT-10).
fn notify(now: Instant, watcher: &mut Watcher) -> Request {
    let mut request = watcher.dialog.request(Method::Notify);
    let headers = &mut request.headers;
    match &watcher.event_id {
        Some(id) => headers.push(HeaderName::Event, format!("{EVENT};id={id}")),
        None => headers.push(HeaderName::Event, EVENT),
    }
    match watcher.ending {
        Some(why) => headers.push(HeaderName::SubscriptionState, why.state()),
        None => {
            let left = watcher.lease.remaining(now);
            headers.push(HeaderName::SubscriptionState, format!("active;expires={left}"));
        }
    }
    request
}

/// What a user has published that has no more octets does not wait for others: there are no more of them than there may be
/// NOTIFYs.
const ALWAYS_FITS: usize = 8 * 1024;
/// How soon to look again whether there is space.
const NO_SPACE: Duration = Duration::from_millis(100);
/// How soon to try again where too much waits.
const CONGESTED: Duration = Duration::from_secs(1);
/// How long to wait for a stream before datagrams are used after all. The subscriber waits 32 s in all (EVT-19).
const STREAM_PATIENCE: Duration = Duration::from_millis(500);
