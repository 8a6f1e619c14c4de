//! Requests about presence, to the proxy.

use super::proxying::Proxying;
use super::task::SipTask;
use crate::auth::Role;
use crate::config::Config;
use parlor_events::{conference_info, pidf};
use parlor_proxy::{PresenceLimits, PresenceSettings, Proxy, Recipient, Rule, Rules, Sender};
use parlor_sip::{Contacts, Flow, Method, Request, Scheme, ServerTransactionId, Uri};
use std::borrow::Cow;
use std::time::Instant;
use tokio::sync::oneshot;

/// What a request has to do with the presence of users.
#[derive(Debug)]
pub(super) enum ForPresence {
    /// It says how one is.
    Publish(Recipient),
    /// It wants to be told.
    Subscribe(Recipient),
    /// It is in the dialog of one that wants that.
    Resubscribe,
}

/// What is configured.
pub(super) fn settings(config: &Config, contacts: &Contacts) -> PresenceSettings {
    let (presence, limits) = (&config.presence, &config.limits);
    let own = |allow| Rule { allow, deny: presence.deny.clone() };
    let of_user = presence.allow_of.0.iter().map(|(user, list)| (user.as_str().into(), own(Some(list.clone()))));
    PresenceSettings {
        contacts: contacts.clone(),
        rules: Rules { default: own(presence.allow.clone()), of_user: of_user.collect() },
        min_expires: presence.min_expires,
        max_expires: presence.expires,
        interval: presence.interval,
        limits: PresenceLimits {
            publications: limits.publications as usize,
            publications_of_user: limits.publications_per_user as usize,
            published_bytes: limits.publication_bytes.in_memory(),
            watchers: limits.watchers as usize,
            watchers_of_subscriber: limits.watched_per_user as usize,
            watchers_of_user: limits.watchers_per_user as usize,
            ..PresenceLimits::default()
        },
    }
}

impl SipTask {
    /// What a request has to do with presence, if it has.
    pub(super) fn for_presence(&self, request: &Request) -> Option<ForPresence> {
        if request.method == Method::Subscribe && Proxy::is_watching(request) {
            return Some(ForPresence::Resubscribe);
        }
        let is_outside = request.headers.to_tag().is_ok_and(|tag| tag.is_none());
        match request.method {
            Method::Publish if is_outside => self.presentity(request).map(ForPresence::Publish),
            Method::Subscribe if is_outside => self.presentity(request).map(ForPresence::Subscribe),
            _ => None,
        }
    }

    /// Whose presence a request is about: a user's, unless it wants to know of a room; and nobody's, if it wants to know that
    /// of somebody who is neither.
    fn presentity(&self, request: &Request) -> Option<Recipient> {
        let event = request.headers.event().ok().flatten();
        let is = |package: &str| event.as_ref().is_some_and(|event| event.is(package));
        let uri = as_sip(&request.uri);
        match self.recipient(&uri) {
            Some(Recipient::User { .. }) if is(conference_info::EVENT) && request.method == Method::Subscribe => None,
            Some(user @ Recipient::User { .. }) => Some(user),
            found if !is(pidf::EVENT) => found.filter(|_| request.method == Method::Publish),
            Some(found) => Some(found),
            None => {
                let name = uri.user().filter(|name| !self.rooms.is_configured(name));
                name.map(|_| Recipient::Nobody)
            }
        }
    }

    /// Handles such a request, from the first question on.
    pub(super) fn handle_for_presence(
        &mut self,
        now: Instant,
        tx: ServerTransactionId,
        mut request: Box<Request>,
        flow: Flow,
        what: &ForPresence,
    ) {
        let caller = match self.gate.admit(now, &mut request, &flow, Role::Server) {
            Ok(caller) => caller,
            Err(denial) => return self.deny(now, tx, &request, denial, Role::Server),
        };
        let Some(proxying) = &mut self.proxying else { return };
        let sender: Sender = proxying.sender(caller, &flow);
        let Proxying { proxy, .. } = proxying;
        match what {
            ForPresence::Publish(user) => proxy.handle_publish(now, tx, &request, flow, &sender, user),
            ForPresence::Subscribe(user) => proxy.handle_subscribe(now, tx, &request, flow, &sender, user),
            ForPresence::Resubscribe => proxy.handle_resubscribe(now, tx, &request, flow, &sender),
        }
    }
}

/// The end.
impl SipTask {
    /// The server goes down: those who watch users are told.
    pub(super) fn shut_down(&mut self, now: Instant, told: oneshot::Sender<()>) {
        if let Some(proxying) = &mut self.proxying {
            proxying.proxy.handle_shutdown(now);
        }
        self.stopping = Some(told);
    }

    /// Says when all of them know.
    pub(super) fn settle_shutdown(&mut self) {
        let watched = self.proxying.as_ref().is_some_and(|proxying| proxying.proxy.watchers() > 0);
        if let Some(told) = self.stopping.take_if(|_| !watched) {
            // Who waits no longer has stopped.
            let _ = told.send(());
        }
    }
}

/// EVT-73: a `pres:` URI means the user of that name.
fn as_sip(uri: &Uri) -> Cow<'_, Uri> {
    let named = |host| Uri::sip(uri.user_decoded().as_deref(), host, None).ok();
    match uri.host().filter(|_| *uri.scheme() == Scheme::Pres).and_then(named) {
        Some(same) => Cow::Owned(same),
        None => Cow::Borrowed(uri),
    }
}
