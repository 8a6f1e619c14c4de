//! Devices that take part by MESSAGE alone, and what waits for them.

use super::consent::Consent;
use super::page::{Form, Said};
use super::reach::Reach;
use crate::{Limits, RequestId};
use parlor_room::SessionId;
use parlor_sip::Flow;
use parlor_sip::subscription::Agenda;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long it is waited when a device cannot be reached.
const RETRY: Duration = Duration::from_secs(30);
/// For how long in vain, before it is taken for gone.
const GIVE_UP: Duration = Duration::from_secs(300);

/// All of a room's.
#[derive(Debug, Default)]
pub(crate) struct Pagers {
    members: BTreeMap<SessionId, Pager>,
    requests: BTreeMap<RequestId, SessionId>,
    agenda: Agenda<SessionId>,
    /// Made when it is needed first.
    pub(super) consent: Option<Consent>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Pager {
    pub(super) reach: Reach,
    /// Whether its MESSAGE said that it takes `message/cpim`.
    pub(super) takes_cpim: bool,
    /// Until when it may say nothing.
    expires: Instant,
    /// The first is on its way if any is.
    queue: VecDeque<Page>,
    octets: usize,
    /// How many messages did not fit, or were refused, since it was told.
    missed: u64,
    sending: Option<Sending>,
    /// Whether it has said that it wants them, or taken one, where it is now: nobody is sent many that did not ask for them.
    confirmed: bool,
    failing_since: Option<Instant>,
    retry: Option<Instant>,
}

/// The message on its way.
#[derive(Debug)]
struct Sending {
    request: RequestId,
    /// Whether the device is still where this went.
    is_there: bool,
}

#[derive(Debug)]
struct Page {
    said: Arc<Said>,
    form: Form,
}

/// What who sends a MESSAGE has shown of being where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// Nothing.
    Nothing,
    /// It is proven to be the user that it says.
    Account,
    /// It got the number that was sent there.
    Number,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageFate {
    /// A device has it.
    Delivered,
    /// It was told of it instead: it is too large for the way to the device, or of a type that is not shown.
    Told,
    /// It did not fit into what may wait.
    Dropped,
    /// The device refused it.
    Refused,
    /// The device could not be reached; it is tried again.
    Unreached,
}

/// What follows from an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// To go on; what became of the message, if that is known.
    Go(Option<PageFate>),
    /// The device is given up.
    GiveUp,
}

impl Pagers {
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn has(&self, session: SessionId) -> bool {
        self.members.contains_key(&session)
    }

    pub(super) fn sessions(&self) -> Vec<SessionId> {
        self.members.keys().copied().collect()
    }

    pub(super) fn get(&self, session: SessionId) -> Option<&Pager> {
        self.members.get(&session)
    }

    /// When something is due.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.agenda.next_due()
    }

    pub(super) fn insert(&mut self, session: SessionId, pager: Pager) {
        self.members.insert(session, pager);
        self.change(session, |_| {});
    }

    /// Whatever changes may be due at another time.
    pub(super) fn change<T>(&mut self, session: SessionId, change: impl FnOnce(&mut Pager) -> T) -> Option<T> {
        let pager = self.members.get_mut(&session)?;
        let changed = change(pager);
        let due = pager.retry.map_or(pager.expires, |retry| retry.min(pager.expires));
        self.agenda.schedule(session, Some(due));
        Some(changed)
    }

    pub(super) fn remove(&mut self, session: SessionId) -> Option<Pager> {
        let pager = self.members.remove(&session)?;
        self.agenda.schedule(session, None);
        if let Some(sending) = &pager.sending {
            self.requests.remove(&sending.request);
        }
        Some(pager)
    }

    /// Whose message that was; it has its answer.
    pub(super) fn answered(&mut self, request: RequestId) -> Option<SessionId> {
        self.requests.remove(&request)
    }

    /// One whose time has come; whether it is over.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(SessionId, bool)> {
        let session = self.agenda.pop_due(now)?;
        let expired = self.change(session, |pager| {
            pager.retry.take_if(|at| *at <= now);
            pager.expires <= now
        })?;
        Some((session, expired))
    }

    /// The next message to this device, if none is on its way; `name` names it then.
    pub(super) fn send(
        &mut self,
        session: SessionId,
        name: impl FnOnce() -> RequestId,
    ) -> Option<(RequestId, Reach, Arc<Said>, Form)> {
        let pager = self.members.get_mut(&session)?;
        if pager.sending.is_some() || pager.retry.is_some() {
            return None;
        }
        if pager.queue.is_empty() && pager.missed > 0 {
            let text = missed(std::mem::take(&mut pager.missed));
            pager.put(Arc::new(Said::by_room(text)));
        }
        let page = pager.queue.front()?;
        let request = name();
        pager.sending = Some(Sending { request, is_there: true });
        self.requests.insert(request, session);
        Some((request, pager.reach.clone(), Arc::clone(&page.said), page.form))
    }
}

impl Pager {
    pub(super) fn new(now: Instant, reach: Reach) -> Self {
        Self {
            reach,
            takes_cpim: false,
            expires: now,
            queue: VecDeque::new(),
            octets: 0,
            missed: 0,
            sending: None,
            confirmed: false,
            failing_since: None,
            retry: None,
        }
    }

    /// Something came from its user, and it stays until then. If it came from elsewhere, what is sent goes there only if who
    /// sent it has proven to be that user, or said the number back; the others could be anywhere (MSG-52).
    pub(super) fn renew(&mut self, expires: Instant, flow: &Flow, proof: Proof) {
        self.expires = expires;
        let reach = Reach::of(self.reach.aor.clone(), flow);
        let is_there = reach.place() == self.reach.place();
        if !is_there && proof == Proof::Nothing {
            return;
        }
        if let Some(sending) = &mut self.sending {
            sending.is_there &= is_there;
        }
        self.confirmed = (self.confirmed && is_there) || proof == Proof::Number;
        self.reach = reach;
        // What waits is tried at once.
        (self.retry, self.failing_since) = (None, None);
    }

    /// One more waits, unless too much does; whether it does.
    pub(super) fn push(&mut self, said: &Arc<Said>, limits: &Limits) -> bool {
        let octets = said.body(said.best(self.takes_cpim)).len();
        let fits = self.queue.len() < limits.pages && self.octets + octets <= limits.page_bytes;
        match fits {
            true => self.put(Arc::clone(said)),
            false => self.missed += u64::from(said.counts),
        }
        fits
    }

    fn put(&mut self, said: Arc<Said>) {
        let form = said.best(self.takes_cpim);
        self.octets += said.body(form).len();
        self.queue.push_back(Page { said, form });
    }

    /// How many messages it does not get if it leaves now.
    pub(super) fn lost(&self) -> u64 {
        self.missed + self.queue.iter().filter(|page| page.said.counts).count() as u64
    }

    /// The message on its way has this status.
    pub(super) fn answered(&mut self, now: Instant, code: u16) -> Next {
        let was_there = self.sending.take().is_some_and(|sending| sending.is_there);
        match code {
            ..300 => {
                self.confirmed |= was_there;
                self.failing_since = None;
                let fate = match self.pop() {
                    Some(page) if page.form == Form::Notice && page.said.counts => PageFate::Told,
                    Some(_) | None => PageFate::Delivered,
                };
                Next::Go(Some(fate))
            }
            // It was sent to where the device is no longer.
            _ if !was_there => Next::Go(None),
            413 | 415 if self.simplify(code) => Next::Go(None),
            404 | 410 | 604 => Next::GiveUp,
            _ if self.has_failed_for_long(now) => Next::GiveUp,
            408 | 430 | 480 | 486 | 500 | 503 | 504 => {
                self.wait(now);
                Next::Go(Some(PageFate::Unreached))
            }
            _ => {
                let counts = self.pop().is_some_and(|page| page.said.counts);
                self.missed += u64::from(counts);
                Next::Go(Some(PageFate::Refused))
            }
        }
    }

    /// It could not be sent, through no fault of the device.
    pub(super) fn delayed(&mut self, now: Instant) {
        self.sending = None;
        self.wait(now);
    }

    fn wait(&mut self, now: Instant) {
        self.retry = Some(now + RETRY);
    }

    /// Whether there is another form for the message that was on its way.
    fn simplify(&mut self, code: u16) -> bool {
        let Some(page) = self.queue.front_mut() else { return false };
        if code == 415 && page.form == Form::Cpim {
            self.takes_cpim = false;
        }
        let Some(form) = page.said.simpler(page.form) else { return false };
        let before = page.said.body(page.form).len();
        page.form = form;
        self.octets = self.octets - before + page.said.body(form).len();
        true
    }

    fn has_failed_for_long(&mut self, now: Instant) -> bool {
        let since = *self.failing_since.get_or_insert(now);
        !self.confirmed || now >= since + GIVE_UP
    }

    fn pop(&mut self) -> Option<Page> {
        let page = self.queue.pop_front()?;
        self.octets -= page.said.body(page.form).len();
        Some(page)
    }
}

/// How many messages somebody has not got, in words.
pub(super) fn missed(count: u64) -> String {
    match count {
        1 => "You missed 1 message.".to_owned(),
        n => format!("You missed {n} messages."),
    }
}
