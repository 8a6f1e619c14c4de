//! Whether others are there, as their server notifies us of it (RFC 3856, RFC 3863).

use std::collections::BTreeMap;
use std::time::Instant;

use parlor_events::Limits;
use parlor_events::pidf::{self, EVENT, Format};
use parlor_sip::{ClientTransactionId, Request, Response, Uri};

use crate::account::{AccountEvent, Presence, WatchError};
use crate::sip::core::Core;
use crate::sip::subscription::{Package, Subscription};

/// Those whom we watch.
#[derive(Debug, Default)]
pub(super) struct Watches {
    /// By [`Uri::user_key`].
    all: BTreeMap<Box<str>, Watch>,
}

#[derive(Debug)]
struct Watch {
    who: Uri,
    subscription: Subscription,
    presence: Option<Presence>,
    /// Whether it has changed since it was last told.
    changed: bool,
}

impl Watches {
    /// Begins to watch somebody; not more than there is room for.
    pub(super) fn watch(&mut self, now: Instant, core: &mut Core, who: Uri) -> Result<(), WatchError> {
        let key = who.user_key();
        if self.all.contains_key(&key) {
            return Ok(());
        }
        if self.all.len() >= MOST {
            return Err(WatchError::TooMany);
        }
        let package = Package { event: EVENT, content_type: Format::Pidf.content_type() };
        let mut subscription = Subscription::new(package, who.clone());
        subscription.subscribe(now, core);
        self.all.insert(key, Watch { who, subscription, presence: None, changed: false });
        Ok(())
    }

    /// Watches somebody no more.
    pub(super) fn unwatch(&mut self, now: Instant, core: &mut Core, who: &Uri) {
        if let Some(mut watch) = self.all.remove(&who.user_key()) {
            watch.subscription.unsubscribe(now, core);
        }
    }

    /// Watches nobody any more.
    pub(super) fn clear(&mut self, now: Instant, core: &mut Core) {
        for watch in std::mem::take(&mut self.all).values_mut() {
            watch.subscription.unsubscribe(now, core);
        }
    }

    /// A response, if it is to a SUBSCRIBE of ours.
    pub(super) fn handle_response(
        &mut self,
        now: Instant,
        core: &mut Core,
        tx: ClientTransactionId,
        response: &Response,
    ) -> bool {
        self.all.values_mut().any(|watch| watch.subscription.handle_response(now, core, tx, response))
    }

    /// A SUBSCRIBE of ours had no response.
    pub(super) fn handle_failure(&mut self, now: Instant, tx: ClientTransactionId, lost: bool) -> bool {
        self.all.values_mut().any(|watch| watch.subscription.handle_failure(now, tx, lost))
    }

    pub(super) fn handle_connection_lost(&mut self, now: Instant) {
        self.all.values_mut().for_each(|watch| watch.subscription.handle_connection_lost(now));
    }

    /// There is another connection.
    pub(super) fn handle_connected(&mut self, now: Instant) {
        self.all.values_mut().for_each(|watch| watch.subscription.handle_connected(now));
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, core: &mut Core) {
        self.all.values_mut().for_each(|watch| watch.subscription.handle_timeout(now, core));
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.all.values().filter_map(|watch| watch.subscription.poll_timeout()).min()
    }

    /// A NOTIFY: the code is what it is refused with, 481 unless we asked for it (RFC 6665 §4.1.3).
    pub(super) fn handle_notify(&mut self, now: Instant, core: &Core, request: &Request) -> Result<(), u16> {
        let event = request.headers.event().map_err(|_| 400_u16)?.ok_or(489_u16)?;
        let state = request.headers.subscription_state().map_err(|_| 400_u16)?.ok_or(400_u16)?;
        if !event.is(EVENT) {
            return Err(489);
        }
        for watch in self.all.values_mut() {
            match watch.subscription.accept_notify(now, core, request) {
                Err(481) => {}
                Err(code) => return Err(code),
                Ok(()) => {
                    // First: what cannot be read may be the last.
                    watch.subscription.handle_state(now, &state);
                    document(request)?.iter().for_each(|document| watch.show(document));
                    return Ok(());
                }
            }
        }
        Err(481)
    }

    /// What is new of one of them. However often it changes before it is taken, it is told as it is then.
    pub(super) fn poll_event(&mut self) -> Option<AccountEvent> {
        self.all.values_mut().find_map(|watch| {
            if let Some(code) = watch.subscription.take_refused() {
                watch.presence = None;
                return Some(AccountEvent::NotShown { who: watch.who.clone(), code });
            }
            let presence = watch.presence.clone().filter(|_| std::mem::take(&mut watch.changed))?;
            Some(AccountEvent::Presence { who: watch.who.clone(), presence })
        })
    }
}

impl Watch {
    fn show(&mut self, document: &pidf::Presence) {
        let presence = Presence { open: document.is_open(), note: note(document) };
        if self.presence.as_ref() != Some(&presence) {
            self.presence = Some(presence);
            self.changed = true;
        }
    }
}

/// What they say: of the way that is open first, then of all.
fn note(document: &pidf::Presence) -> Option<String> {
    let open = document.tuples.iter().filter(|tuple| tuple.basic == Some(pidf::Basic::Open));
    let notes = open.chain(&document.tuples).flat_map(|tuple| &tuple.notes).chain(&document.notes);
    let text = notes.map(|note| note.text.trim()).find(|text| !text.is_empty())?;
    Some(text.chars().take(LONGEST_NOTE).collect())
}

/// The document in a NOTIFY, if there is one.
fn document(request: &Request) -> Result<Option<pidf::Presence>, u16> {
    if request.body.is_empty() {
        return Ok(None);
    }
    let kind = request.headers.content_type().ok().flatten().ok_or(415_u16)?;
    if !Format::ALL.iter().any(|format| kind.is(format.content_type())) {
        return Err(415);
    }
    pidf::Presence::read(&request.body, &Limits::default()).map(Some).map_err(|_| 400)
}

/// Those who are watched at one time.
const MOST: usize = 256;
/// Characters.
const LONGEST_NOTE: usize = 1000;
