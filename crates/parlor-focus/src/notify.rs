//! NOTIFY: who is told what, and when (RFC 6665 §4.2.2, RFC 4575 §3.6).

use crate::leg::LegId;
use crate::quota::Share;
use crate::roster::{Telling, Written};
use crate::subscription::{Delivery, Notice, SubscriptionId};
use crate::{Focus, NextHop, Output, Reject, RequestId, message};
use parlor_events::conference_info::{CONTENT_TYPE, Document, EVENT};
use parlor_room::Room;
use parlor_sip::subscription::{Reach, Refused, SubscriptionEnd};
use parlor_sip::{HeaderName, Method, NameAddr, Request, Response};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What goes into a NOTIFY.
struct Told {
    document: Option<Arc<Document>>,
    /// How long the next one has to wait, if this one was not asked for.
    pause: Duration,
    /// There is more to tell once the subscriber has shown that it is there.
    more: bool,
    /// It shows somebody as disconnected.
    farewell: bool,
}

impl Told {
    const NOTHING: Self = Self { document: None, pause: Duration::ZERO, more: false, farewell: false };
}

/// What comes in.
impl Focus {
    /// A NOTIFY, or a MESSAGE of [`Output::Page`], could not be sent now, as too much waits.
    pub fn handle_request_delayed(&mut self, now: Instant, room: &mut Room, request: RequestId) {
        if self.page_delayed(now, request) {
            return;
        }
        match self.subscriptions.requester(request) {
            Some(id) => self.put_off(now, id, CONGESTED),
            None => self.handle_request_failed(now, room, request),
        }
    }

    /// The final answer to a NOTIFY; 408 when there was none.
    pub(crate) fn notify_answered(&mut self, now: Instant, id: SubscriptionId, response: &Response) {
        let Some(subscription) = self.subscriptions.get_mut(id) else { return };
        let known = subscription.known;
        let Some(notice) = subscription.notice() else { return };
        let (told, renewed, next, last) = (notice.told, notice.renewed, notice.next, notice.last);
        let (by_stream, buried) = (notice.stream_until.is_some(), known.filter(|_| notice.farewell));
        match (response.code, &mut subscription.reach) {
            (408, reach @ Reach::Datagrams { .. }) if by_stream => {
                reach.give_up_stream();
                subscription.known = None;
                self.subscriptions.go_on(now, id, now);
            }
            (_, _) if last => self.subscription_ended(id),
            (200..=299, reach) => {
                reach.prove();
                subscription.failures = 0;
                subscription.known = Some(told).filter(|_| !renewed);
                subscription.buried = buried.unwrap_or(told);
                self.subscriptions.go_on(now, id, if renewed { now } else { next });
            }
            (_, _) => match Refused::by(response, subscription.failures) {
                Refused::Ends => {
                    subscription.ending = Some(SubscriptionEnd::Failed);
                    self.subscription_ended(id);
                }
                Refused::Later(wait) => {
                    subscription.failures += 1;
                    self.put_off(now, id, wait);
                }
            },
        }
    }

    /// Something is due for subscriptions.
    pub(crate) fn wake_subscriptions(&mut self, now: Instant) {
        while let Some(id) = self.subscriptions.pop_due(now) {
            let Some(subscription) = self.subscriptions.get_mut(id) else { continue };
            if subscription.ending.is_none() && now >= subscription.lease.end() {
                self.subscriptions.end(id, SubscriptionEnd::Expired);
            }
            self.wake_delivery(now, id);
            self.subscriptions.schedule(id);
        }
    }

    fn wake_delivery(&mut self, now: Instant, id: SubscriptionId) {
        let Some(subscription) = self.subscriptions.get_mut(id) else { return };
        match &subscription.delivery {
            Delivery::Waiting(until) if *until <= now => self.subscriptions.go_on(now, id, now),
            // The stream is not to be had. Should it open yet, a document more is told than needed.
            Delivery::Notifying(notice) if notice.stream_until.is_some_and(|until| until <= now) => {
                subscription.reach.give_up_stream();
                subscription.known = None;
                self.subscriptions.go_on(now, id, now);
            }
            Delivery::Idle | Delivery::Ready | Delivery::Waiting(_) | Delivery::Notifying(_) => {}
        }
    }

    /// EVT-44: what was not told is told with everything else.
    fn put_off(&mut self, now: Instant, id: SubscriptionId, wait: Duration) {
        if let Some(subscription) = self.subscriptions.get_mut(id) {
            subscription.known = None;
            self.subscriptions.go_on(now, id, now + wait);
        }
    }

    fn subscription_ended(&mut self, id: SubscriptionId) {
        let Some(gone) = self.subscriptions.remove(id) else { return };
        if !self.is_used(gone.dialog) {
            self.end_bare(gone.dialog);
        }
        self.emit(Output::SubscriptionEnded(gone.ending.unwrap_or(SubscriptionEnd::Failed)));
    }
}

/// What goes out.
impl Focus {
    /// The next NOTIFY. It is written as late as possible, so that it tells the latest: to be asked for when
    /// [`Focus::poll_output`] has nothing and there is space for a request.
    pub fn poll_notify(&mut self, now: Instant, room: &Room) -> Option<Output> {
        self.note_changes(now, room);
        loop {
            let id = self.subscriptions.next_ready()?;
            if let Some(notify) = self.notify(now, room, id) {
                return Some(notify);
            }
        }
    }

    /// Takes note of what has changed in the room, whether or not there is space for a request.
    pub fn note_changes(&mut self, now: Instant, room: &Room) {
        self.subscriptions.flush(now, room.revision(), self.settings.subscriptions.interval);
    }

    fn notify(&mut self, now: Instant, room: &Room, id: SubscriptionId) -> Option<Output> {
        let subscription = self.subscriptions.get(id)?;
        let (dialog, reach) = (subscription.dialog, subscription.reach);
        let allowed = self.may_watch(room, &subscription.subscriber, dialog);
        // A room that closes says so to its subscribers in its own time.
        if !matches!(allowed, Ok(()) | Err(Reject::Room(parlor_room::Reject::Closing))) {
            self.subscriptions.end(id, SubscriptionEnd::Forbidden);
        }
        let told = self.tell(room, id)?;
        let size = told.document.as_ref().map_or(0, |document| document.size());
        let Some(octets) = self.space_for(size) else {
            self.subscriptions.set_delivery(id, Delivery::Waiting(now + NO_SPACE));
            return None;
        };
        let (mut request, mut next_hop) =
            self.request_in_dialog(dialog, Method::Notify).expect("a dialog lasts while a subscription uses it");
        let last = self.write_notify(now, room, id, &mut request, told.document.as_deref())?;
        let by_stream = reach.needs_stream(request.body.len());
        if by_stream {
            let (flow, uri) = Reach::streamed(next_hop.flow, next_hop.uri);
            next_hop = NextHop { flow, uri };
        }
        let name = self.name_request();
        let notice = Notice {
            request: name,
            told: room.revision(),
            renewed: told.more,
            farewell: told.farewell,
            next: now + told.pause,
            stream_until: by_stream.then(|| now + STREAM_PATIENCE),
            last,
            octets,
        };
        self.subscriptions.set_delivery(id, Delivery::Notifying(Box::new(notice)));
        Some(Output::Request { id: name, request, next_hop })
    }

    /// What a subscriber is to be told.
    fn tell(&mut self, room: &Room, id: SubscriptionId) -> Option<Told> {
        let subscription = self.subscriptions.get(id)?;
        let (most, known) = (subscription.reach.most(), subscription.known);
        let settings = &self.settings;
        let whole_always = !subscription.merges || settings.subscriptions.is_small(room.participants().len());
        let left = known.filter(|_| settings.subscriptions.departures);
        let telling = match (subscription.ending, known) {
            (None | Some(SubscriptionEnd::Unsubscribed), Some(known)) if !whole_always => {
                Telling::Since(known, left.map(|_| subscription.buried))
            }
            (None | Some(SubscriptionEnd::Unsubscribed), _) => Telling::All(left),
            (Some(SubscriptionEnd::Gone), _) => Telling::Gone,
            (
                Some(
                    SubscriptionEnd::Expired
                    | SubscriptionEnd::Forbidden
                    | SubscriptionEnd::Shutdown
                    | SubscriptionEnd::Failed,
                ),
                _,
            ) => return Some(Told::NOTHING),
        };
        let roster = &mut self.roster;
        let fits = |written: &Written| written.document.size() + VERSION <= most;
        let written = roster.document(room, settings, telling).filter(fits);
        let written = written.or_else(|| roster.document(room, settings, Telling::All(None)).filter(fits));
        let more = written.is_none() && subscription.reach.is_unproven();
        let Written { document, farewell } = written.or_else(|| roster.document(room, settings, Telling::Count))?;
        let size = document.size();
        let unasked = known.is_some() && whole_always;
        let pause = if unasked { settings.subscriptions.pause_after(size) } else { Duration::ZERO };
        let pause = if farewell { pause.max(settings.subscriptions.interval) } else { pause };
        Some(Told { document: Some(document), pause, more, farewell })
    }

    /// The octets of a document as a part of those that may be under way; small ones always have space. `None` when there
    /// is none: a room has but a part of what all rooms have, so that its subscribers keep nobody else's waiting.
    fn space_for(&self, size: usize) -> Option<Option<Share>> {
        let quota = &self.settings.subscriptions.octets;
        let busy = self.subscriptions.under_way();
        match size {
            ..=ALWAYS_FITS => Some(None),
            _ if busy > 0 && busy + size > quota.limit() / PARTS => None,
            _ => quota.take(size).map(Some),
        }
    }

    /// Fills in a NOTIFY. Whether it is the last.
    fn write_notify(
        &mut self,
        now: Instant,
        room: &Room,
        id: SubscriptionId,
        request: &mut Request,
        document: Option<&Document>,
    ) -> Option<bool> {
        let contact = self.notify_contact(room, self.subscriptions.get(id)?.dialog)?;
        let subscription = self.subscriptions.get_mut(id)?;
        let state = match subscription.ending {
            Some(why) => why.state().to_owned(),
            None => format!("active;expires={}", subscription.lease.remaining(now)),
        };
        let headers = &mut request.headers;
        headers.push(HeaderName::Contact, contact);
        match &subscription.event_id {
            Some(event_id) => headers.push(HeaderName::Event, format!("{EVENT};id={event_id}")),
            None => headers.push(HeaderName::Event, EVENT),
        }
        headers.push(HeaderName::SubscriptionState, state);
        headers.push(HeaderName::UserAgent, &self.settings.product);
        if let Some(document) = document {
            subscription.version += 1; // EVT-40
            headers.push(HeaderName::ContentType, CONTENT_TYPE);
            request.body = document.with_version(subscription.version).into();
        }
        Some(subscription.ending.is_some())
    }

    /// EVT-18. Most of what other requests say with it would make each NOTIFY longer by a third.
    fn notify_contact(&self, room: &Room, dialog: LegId) -> Option<NameAddr> {
        let (dialog, flow) = self.dialog(dialog)?;
        let uri = message::contact(room, &flow, dialog.is_secure(), &self.settings).uri;
        Some(NameAddr::new(uri).with_flag("isfocus"))
    }
}

/// What the version adds to a document at the most.
const VERSION: usize = 24;
/// Documents of that size do not wait for others.
const ALWAYS_FITS: usize = 8 * 1024;
/// A room has the fourth part of what all have.
const PARTS: usize = 4;
/// How soon to look again whether there is space.
const NO_SPACE: Duration = Duration::from_millis(100);
/// How soon to try again where too much waits.
const CONGESTED: Duration = Duration::from_secs(1);
/// How long to wait for a stream before datagrams are used after all. The subscriber waits 32 s in all (EVT-19).
const STREAM_PATIENCE: Duration = Duration::from_millis(500);
