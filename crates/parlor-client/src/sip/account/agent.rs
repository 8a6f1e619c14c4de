//! A user agent that is no room's.

use std::collections::VecDeque;
use std::time::Instant;

use parlor_cpim::Address;
use parlor_sip::{ClientTransactionId, Event, Flow, Message, ParseError, Response, Transmit, Uri};
use rand::rngs::StdRng;
use tokio::sync::oneshot;

use super::inbox::Inbox;
use super::pager::{Content, Letter, Pager};
use super::publication::Publication;
use super::registration::{self, Registration};
use super::watch::Watches;
use crate::account::{AccountEvent, Presence, PublishError, RegisterError, WatchError};
use crate::composing::{News, Ours, Step, Theirs};
use crate::sip::core::{Core, Identity};

/// What an account is to do.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Where to register, if at all.
    pub(crate) registrar: Option<Uri>,
    /// What the device is known by: a URN.
    pub(crate) instance: String,
    /// For how many seconds to register.
    pub(crate) expires: u32,
}

/// A user agent that registers, and sends and receives messages.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(super) core: Core,
    registration: Option<Registration>,
    pager: Pager,
    pub(super) watches: Watches,
    publication: Publication,
    pub(super) inbox: Inbox,
    ours: Ours,
    pub(super) theirs: Theirs,
    leaving: bool,
    /// Whether we are registered, as it was not told yet.
    registered: registration::News,
    pub(super) events: VecDeque<AccountEvent>,
    /// Octets in them.
    pub(super) octets: usize,
}

impl Agent {
    /// A user agent on that line of a connection, whose messages go over `flow`. `rng` makes tags and branches, so it must
    /// be unpredictable.
    pub(crate) fn new(settings: Settings, identity: Identity, flow: Flow, line: u32, rng: StdRng) -> Self {
        let Settings { registrar, instance, expires } = settings;
        let mut core = Core::new(identity, flow, line, rng);
        let tuple = format!("p{}", core.random_token());
        Self {
            core,
            registration: registrar.map(|registrar| Registration::new(registrar, instance, expires)),
            pager: Pager::default(),
            watches: Watches::default(),
            publication: Publication::new(tuple),
            inbox: Inbox::default(),
            ours: Ours::default(),
            theirs: Theirs::default(),
            leaving: false,
            registered: None,
            events: VecDeque::new(),
            octets: 0,
        }
    }

    /// Whether the server reaches us over our connection, and so answers keepalives on it.
    pub(crate) fn is_outbound(&self) -> bool {
        self.registration.as_ref().is_some_and(Registration::is_outbound)
    }

    /// Whether all is said after [`Agent::leave`].
    pub(crate) fn is_over(&self) -> bool {
        let said = self.pager.is_idle() && self.publication.is_idle();
        self.leaving && said && self.registration.as_ref().is_none_or(Registration::is_off)
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

    /// Takes in that the connection is gone.
    pub(crate) fn handle_connection_lost(&mut self, now: Instant) {
        self.core.endpoint.handle_transport_error(now, self.core.flow);
        self.handle_events(now);
        if let Some(registration) = &mut self.registration {
            let news = registration.handle_connection_lost(now, &mut self.core);
            self.tell_registration(news);
        }
        self.watches.handle_connection_lost(now);
    }

    /// Takes in that another connection was opened.
    pub(crate) fn handle_connected(&mut self, now: Instant, flow: Flow) {
        self.core.flow = flow;
        if let Some(registration) = &mut self.registration {
            registration.handle_connected(now);
        }
        self.watches.handle_connected(now);
        self.publication.handle_connected(now);
    }

    /// Lets the timers fire whose time has come.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.core.endpoint.handle_timeout(now);
        self.handle_events(now);
        if let Some(registration) = &mut self.registration {
            registration.handle_timeout(now, &mut self.core);
        }
        self.watches.handle_timeout(now, &mut self.core);
        self.publication.handle_timeout(now, &mut self.core);
        for news in self.theirs.handle_timeout(now) {
            self.tell_composing(news);
        }
        self.ours.handle_timeout(now);
        self.tell_what_we_write(now);
    }

    /// Registers, if that is wanted.
    pub(crate) fn register(&mut self, now: Instant) {
        if let Some(registration) = &mut self.registration {
            registration.register(now, &mut self.core);
        }
    }

    /// Sends a message to somebody.
    pub(crate) fn send(&mut self, now: Instant, letter: Letter) {
        let to = address(&letter.to);
        self.ours.handle_step(now, Step::Said(Some(to)));
        self.pager.send(now, &mut self.core, letter);
        self.handle_events(now);
    }

    /// Something was typed that is for somebody.
    pub(crate) fn typed(&mut self, now: Instant, to: &Uri) {
        self.ours.handle_step(now, Step::Typed(Some(address(to))));
        self.tell_what_we_write(now);
    }

    /// Begins to watch somebody.
    pub(crate) fn watch(&mut self, now: Instant, who: Uri) -> Result<(), WatchError> {
        let watched = self.watches.watch(now, &mut self.core, who);
        self.handle_events(now);
        watched
    }

    /// Watches somebody no more.
    pub(crate) fn unwatch(&mut self, now: Instant, who: &Uri) {
        self.watches.unwatch(now, &mut self.core, who);
    }

    /// Says of ourselves whether we are there.
    pub(crate) fn publish(
        &mut self,
        now: Instant,
        presence: Presence,
        done: oneshot::Sender<Result<(), PublishError>>,
    ) {
        self.publication.publish(now, &mut self.core, presence, done);
        self.handle_events(now);
    }

    /// Ends what would go on after us.
    pub(crate) fn leave(&mut self, now: Instant) {
        self.leaving = true;
        self.watches.clear(now, &mut self.core);
        self.publication.remove(now, &mut self.core);
        if let Some(registration) = &mut self.registration {
            registration.unregister(now, &mut self.core);
        }
        self.handle_events(now);
    }

    /// The next bytes to send.
    pub(crate) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.core.endpoint.poll_transmit()
    }

    /// Whether we are registered, if that has changed.
    pub(crate) fn poll_registered(&mut self) -> Option<Result<(), RegisterError>> {
        self.registered.take()
    }

    /// The next thing that others did.
    pub(crate) fn poll_event(&mut self) -> Option<AccountEvent> {
        let Some(event) = self.events.pop_front() else { return self.watches.poll_event() };
        self.octets -= event.octets();
        Some(event)
    }

    /// When [`Agent::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let registration = self.registration.as_ref().and_then(Registration::poll_timeout);
        let presence = [self.watches.poll_timeout(), self.publication.poll_timeout()];
        let composing = [self.ours.poll_timeout(), self.theirs.poll_timeout()];
        let all = [self.core.endpoint.poll_timeout(), registration].into_iter().chain(presence).chain(composing);
        all.flatten().min()
    }

    fn handle_events(&mut self, now: Instant) {
        while let Some(event) = self.core.endpoint.poll_event() {
            match event {
                Event::Request { tx, request, .. } => self.handle_request(now, tx, &request),
                Event::Cancel { tx } => self.handle_cancel(now, tx),
                // Nobody has a dialog with us.
                Event::Ack { .. } => {}
                Event::Response { tx, response } => self.handle_response(now, tx, &response),
                Event::Timeout { tx } => self.handle_failure(now, tx, false),
                Event::TransportError { tx } | Event::Overload { tx } => self.handle_failure(now, tx, true),
            }
        }
    }

    fn handle_response(&mut self, now: Instant, tx: ClientTransactionId, response: &Response) {
        if response.is_provisional()
            || self.watches.handle_response(now, &mut self.core, tx, response)
            || self.publication.handle_response(now, &mut self.core, tx, response)
        {
            return;
        }
        if let Some(refusing) = self.pager.handle_response(now, &mut self.core, tx, response) {
            if let Some(refusing) = refusing {
                self.ours.handle_refused(Some(address(&refusing)));
            }
        } else if let Some(registration) = &mut self.registration
            && let Some(news) = registration.handle_response(now, &mut self.core, tx, response)
        {
            self.tell_registration(news);
        }
    }

    fn handle_failure(&mut self, now: Instant, tx: ClientTransactionId, lost: bool) {
        let handled = self.pager.handle_failure(now, &mut self.core, tx, lost)
            || self.watches.handle_failure(now, tx, lost)
            || self.publication.handle_failure(now, tx, lost);
        if !handled
            && let Some(registration) = &mut self.registration
            && let Some(news) = registration.handle_failure(now, &mut self.core, tx, lost)
        {
            self.tell_registration(news);
        }
    }

    fn tell_what_we_write(&mut self, now: Instant) {
        while let Some((to, status)) = self.ours.poll_output() {
            if let Some(to) = to.and_then(|to| to.uri.parse().ok()) {
                self.pager.send(now, &mut self.core, Letter { to, content: Content::Status(status) });
            }
        }
        self.handle_events(now);
    }

    fn tell_registration(&mut self, news: registration::News) {
        if news.is_some() {
            self.registered = news;
        }
    }

    pub(super) fn tell_composing(&mut self, News { from, author, active, .. }: News) {
        self.tell(AccountEvent::Composing { from, author, active });
    }

    pub(super) fn tell(&mut self, event: AccountEvent) {
        self.octets += event.octets();
        self.events.push_back(event);
    }
}

fn address(uri: &Uri) -> Address {
    Address::new(uri.to_string())
}
