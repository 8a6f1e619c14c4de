//! Requests of and for users: REGISTER and MESSAGE, to and from the proxy.

use super::presence::ForPresence;
use super::proxying::{Heard, Proxying};
use super::storing::Told;
use super::task::SipTask;
use crate::auth::Role;
use crate::clock::since_epoch;
use crate::metrics::{Metrics, PagerFate, Rejected};
use crate::room::{UserMessage, end_of_subscription};
use parlor_focus::NextHop;
use parlor_proxy::{Failure, Fate, Output, Proxy, Recipient, Reject, SendId, Way, admissible};
use parlor_room::WallClock;
use parlor_sip::{
    ClientTransactionId, ConnectionId, Flow, Method, Request, Response, Scheme, ServerTransactionId, Uri,
};
use std::time::Instant;

/// What a request has to do with users.
#[derive(Debug)]
pub(super) enum ForUsers {
    /// It says where one is.
    Register,
    /// It is a message for one.
    Message(Recipient),
    /// It is about the presence of one.
    Presence(ForPresence),
}

impl SipTask {
    /// From now on messages are passed on, and users can register if they are kept anywhere.
    pub(crate) fn proxy_with(&mut self, proxying: Proxying) {
        count(&self.metrics, &proxying.proxy);
        self.proxying = Some(proxying);
    }

    /// SIP-130: a REGISTER, from the first question on.
    fn handle_register(&mut self, now: Instant, tx: ServerTransactionId, mut request: Box<Request>, flow: Flow) {
        let Some(proxying) = &mut self.proxying else { return };
        if let Err(reject) = admissible(&request, &proxying.hosts) {
            return proxying.proxy.refuse_request(tx, &request, reject);
        }
        let caller = match self.gate.admit(now, &mut request, &flow, Role::Server) {
            Ok(caller) => caller,
            Err(denial) => return self.deny(now, tx, &request, denial, Role::Server),
        };
        let sender = proxying.sender(caller, &flow);
        // A room made on demand has its name until it ends, but for an account, after which none is made.
        let of_room = |uri: &Uri| {
            let name = proxying.hosts.local_user(uri);
            let is_open = |name| self.rooms.exists(name) && self.gate.owner(uri).is_none();
            name.is_some_and(|name| self.rooms.is_configured(name) || is_open(name))
        };
        match request.headers.to() {
            Ok(to) if of_room(&to.uri) => proxying.proxy.refuse_request(tx, &request, Reject::NotFound),
            Ok(_) | Err(_) => proxying.proxy.handle_register(now, tx, &request, flow, &sender),
        }
    }

    /// A MESSAGE for a user, from the first question on.
    fn handle_message(
        &mut self,
        now: Instant,
        tx: ServerTransactionId,
        mut request: Box<Request>,
        flow: Flow,
        recipient: &Recipient,
    ) {
        let Some(proxying) = &mut self.proxying else { return };
        let mark = match proxying.proxy.check_message(&request) {
            Ok(mark) => mark,
            Err(reject) => return proxying.proxy.refuse_request(tx, &request, reject),
        };
        // MSG-54: what a room says does not come back to us.
        let of_room = |uri: &Uri| proxying.hosts.local_user(uri).is_some_and(|name| self.rooms.is_configured(name));
        if request.headers.from().is_ok_and(|from| of_room(&from.uri)) {
            return proxying.proxy.refuse_request(tx, &request, Reject::Loop);
        }
        match self.gate.admit(now, &mut request, &flow, Role::Proxy) {
            Ok(caller) => {
                let message = Box::new(UserMessage { tx, request, flow, caller, mark });
                if let Some(message) = self.offer_to_room(message, recipient) {
                    self.relay_message(now, &message, recipient);
                }
            }
            Err(denial) => self.deny(now, tx, &request, denial, Role::Proxy),
        }
    }

    /// Takes it to the devices of its recipient, or has it kept.
    pub(super) fn relay_message(&mut self, now: Instant, message: &UserMessage, recipient: &Recipient) {
        let Some(proxying) = &mut self.proxying else { return };
        let UserMessage { tx, request, flow, caller, mark } = message;
        let sender = proxying.sender(caller.clone(), flow);
        proxying.proxy.handle_message(now, *tx, request, *mark, recipient, &sender);
    }

    /// Whom a message is for, unless it is for a room or the server itself.
    pub(super) fn recipient(&self, uri: &Uri) -> Option<Recipient> {
        let proxying = self.proxying.as_ref()?;
        let hosts = &proxying.hosts;
        if let Some(account) = self.gate.owner(uri) {
            // MSG-14: by whichever of its addresses.
            let name = hosts.local_user(&account.aor)?.into();
            return Some(Recipient::User { name, has_account: true });
        }
        match uri.scheme() {
            Scheme::Tel => Some(Recipient::Nobody),
            Scheme::Sip | Scheme::Sips | Scheme::Im | Scheme::Pres => {
                if !uri.host().is_some_and(|host| hosts.contains(host)) {
                    return Some(Recipient::Elsewhere);
                }
                let name: Box<str> = uri.user()?.into();
                if proxying.proxy.is_registered(&name) {
                    return Some(Recipient::User { name, has_account: false });
                }
                (!self.rooms.may_exist(&name)).then_some(Recipient::Nobody)
            }
            Scheme::Other(_) => None,
        }
    }

    /// Whether a name is a user's, so that no room is made under it.
    pub(super) fn is_of_user(&self, uri: &Uri, name: &str) -> bool {
        let is_registered = self.proxying.as_ref().is_some_and(|proxying| proxying.proxy.is_registered(name));
        is_registered || self.gate.owner(uri).is_some()
    }

    /// What a request has to do with users, if it has.
    pub(super) fn for_users(&self, request: &Request) -> Option<ForUsers> {
        let is_outside = request.headers.to_tag().is_ok_and(|tag| tag.is_none());
        self.proxying.as_ref().filter(|proxying| proxying.storing.is_some())?;
        match request.method {
            Method::Register if is_outside => Some(ForUsers::Register),
            Method::Publish | Method::Subscribe => self.for_presence(request).map(ForUsers::Presence),
            Method::Message if is_outside => self.recipient(&request.uri).map(ForUsers::Message),
            _ => None,
        }
    }

    /// Handles such a request.
    pub(super) fn handle_for_users(
        &mut self,
        now: Instant,
        tx: ServerTransactionId,
        request: Box<Request>,
        flow: Flow,
        what: &ForUsers,
    ) {
        match what {
            ForUsers::Register => self.handle_register(now, tx, request, flow),
            ForUsers::Message(recipient) => self.handle_message(now, tx, request, flow, recipient),
            ForUsers::Presence(what) => self.handle_for_presence(now, tx, request, flow, what),
        }
    }

    /// A stream is gone.
    pub(super) fn forget_stream(&mut self, now: Instant, stream: Option<ConnectionId>) {
        if let (Some(proxying), Some(stream)) = (&mut self.proxying, stream) {
            proxying.proxy.handle_closed(now, stream);
        }
    }

    /// The store has answered, or it is known where a message goes.
    pub(super) fn handle_heard(&mut self, now: Instant, heard: Heard) {
        let Some(Proxying { proxy, in_rooms, hosts, .. }) = &mut self.proxying else { return };
        match heard {
            Heard::Stored(Told::Stored(all)) => {
                all.into_iter().for_each(|(id, stored)| proxy.handle_stored(now, id, stored));
            }
            Heard::Stored(Told::Fetched(user, fetched)) => proxy.handle_fetched(now, &user, fetched),
            Heard::Stored(Told::Swept(swept)) => proxy.handle_swept(swept),
            Heard::Found((id, found)) => proxy.handle_found(now, id, found),
            Heard::Moved(moved) => in_rooms.handle(now, moved, hosts, proxy),
        }
    }

    /// These are users no more.
    pub(super) fn forget_users(&mut self, now: Instant, removed: &[Box<str>]) {
        if let Some(proxying) = &mut self.proxying {
            removed.iter().for_each(|user| proxying.proxy.handle_removed(now, user));
        }
    }

    /// Lets the proxy look at the clock.
    pub(super) fn wake_proxy(&mut self, now: Instant) {
        if let Some(proxying) = &mut self.proxying {
            proxying.proxy.set_clock(WallClock::new(now, since_epoch()));
            proxying.proxy.handle_timeout(now);
        }
    }

    /// Does the next thing that the proxy wants done; whether there was one.
    pub(super) fn serve_proxy(&mut self, now: Instant) -> bool {
        let Some(proxying) = &mut self.proxying else { return false };
        match proxying.proxy.poll_output() {
            Some(Output::Respond { tx, response, refused }) => {
                if let Some(reject) = refused {
                    self.metrics.reject(rejection_of(&reject));
                }
                self.endpoint.respond(now, tx, &response);
            }
            Some(Output::Send { id, request, way, mark }) => self.pass_on(now, id, request, way, mark),
            Some(Output::Search { id, uri, is_large }) => proxying.elsewhere.search(id, uri, is_large),
            Some(Output::Unwatched(why)) => self.metrics.watchers_ended.of(end_of_subscription(why)).inc(),
            Some(Output::Ended(fate)) => self.metrics.pager_messages.of(fate_of(fate)).inc(),
            Some(Output::Paged { id, paged }) => self.paged(id, paged),
            Some(output @ (Output::Store { .. } | Output::Fetch { .. } | Output::Sweep { .. })) => {
                if let Some(storing) = &mut proxying.storing {
                    storing.take(output);
                }
            }
            None => return false,
        }
        true
    }

    fn pass_on(&mut self, now: Instant, id: SendId, request: Request, way: Way, mark: Option<u64>) {
        // It may wait for space: a later one tells the same, and what overfills a stream ends it.
        let is_notify = request.method == Method::Notify;
        let Way { flow, uri } = way;
        let routed = self.flows.route(&NextHop { flow, uri });
        let Some(proxying) = &mut self.proxying else { return };
        match routed {
            Some(flow) if is_notify && !self.flows.has_space(flow, request.body.len()) => {
                proxying.proxy.handle_failure(now, id, Failure::Overload);
            }
            Some(flow) => {
                if is_notify {
                    self.metrics.presence_notifies.inc();
                    self.metrics.presence_notify_bytes.inc_by(request.body.len() as u64);
                }
                let sent_by = self.flows.sent_by(flow);
                let tx = match mark {
                    Some(mark) => self.endpoint.forward(now, flow, &sent_by, request, mark),
                    None => self.endpoint.request(now, flow, &sent_by, request),
                };
                proxying.sent.insert(tx, id);
            }
            None => proxying.proxy.handle_failure(now, id, Failure::Unreachable),
        }
    }

    /// The answer to what was passed on is the proxy's; any other is given back.
    pub(super) fn handle_passed_on(
        &mut self,
        now: Instant,
        tx: ClientTransactionId,
        response: Box<Response>,
    ) -> Option<Box<Response>> {
        let Some(proxying) = self.proxying.as_mut().filter(|proxying| proxying.sent.contains_key(&tx)) else {
            return Some(response);
        };
        // RFC 4320 §4.1: nobody waits for a provisional one.
        if !response.is_provisional()
            && let Some(id) = proxying.sent.remove(&tx)
        {
            proxying.proxy.handle_response(now, id, response);
        }
        None
    }

    /// What was passed on has no answer; whether it was passed on.
    pub(super) fn handle_not_passed_on(&mut self, now: Instant, tx: ClientTransactionId, failure: Failure) -> bool {
        let Some(proxying) = &mut self.proxying else { return false };
        let Some(id) = proxying.sent.remove(&tx) else { return false };
        proxying.proxy.handle_failure(now, id, failure);
        true
    }

    /// The turn is over.
    pub(super) fn flush_proxy(&mut self) {
        if let Some(proxying) = &mut self.proxying {
            if let Some(storing) = &mut proxying.storing {
                storing.flush();
            }
            count(&self.metrics, &proxying.proxy);
        }
    }
}

fn count(metrics: &Metrics, proxy: &Proxy) {
    metrics.registrations.set(i64::try_from(proxy.bindings()).unwrap_or(i64::MAX));
    metrics.kept_messages.set(i64::try_from(proxy.kept().messages).unwrap_or(i64::MAX));
    metrics.publications.set(i64::try_from(proxy.publications()).unwrap_or(i64::MAX));
    metrics.watchers.set(i64::try_from(proxy.watchers()).unwrap_or(i64::MAX));
}

/// How a message counts.
fn fate_of(fate: Fate) -> PagerFate {
    match fate {
        Fate::Delivered => PagerFate::Delivered,
        Fate::Refused => PagerFate::Refused,
        Fate::Unavailable => PagerFate::Unavailable,
        Fate::Kept => PagerFate::Kept,
        Fate::DeliveredLater => PagerFate::DeliveredLater,
        Fate::Undeliverable => PagerFate::Undeliverable,
        Fate::Expired => PagerFate::Expired,
    }
}

/// How a refusal counts.
fn rejection_of(reject: &Reject) -> Rejected {
    match reject {
        Reject::Header(_) | Reject::Contradiction(_) | Reject::Document(_) => Rejected::SipBadRequest,
        Reject::Event => Rejected::SipEvent,
        Reject::Accept => Rejected::SipAccept,
        Reject::BodyType => Rejected::SipBodyType,
        Reject::NoDialog => Rejected::SipNoDialog,
        Reject::Tag => Rejected::ProxyEntityTag,
        Reject::Forbidden => Rejected::ProxyForbidden,
        Reject::NotFound => Rejected::ProxyNoUser,
        Reject::Extension(_) | Reject::FirstHop => Rejected::SipExtension,
        Reject::TooBrief(_) => Rejected::ProxyTooBrief,
        Reject::TooManyHops | Reject::Loop | Reject::TooBroad => Rejected::ProxyLoop,
        Reject::Unavailable => Rejected::ProxyUnavailable,
        Reject::MailboxFull => Rejected::ProxyMailboxFull,
        Reject::OutOfOrder => Rejected::SipOutOfOrder,
        Reject::TooLarge | Reject::BodySize | Reject::NeedsStream => Rejected::ProxyTooLarge,
        Reject::TooManyContacts | Reject::TooManyOfUser => Rejected::ProxyTooManyOfUser,
        Reject::Overload => Rejected::ProxyOverload,
        Reject::NotStored => Rejected::ProxyNotStored,
    }
}
